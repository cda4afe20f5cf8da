"""A run's completions in Datasette: a copy in tables that a person can browse.

Only this machine sees it, and it is deleted when Datasette ends; the run is not touched.
"""

import contextlib
import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reasonbench.errors import MissingDependencyError
from reasonbench.graders.extraction import split_thinking
from reasonbench.samples import Filter, Picked, Samples

TABLES = (
    "CREATE TABLE problems (task TEXT, id TEXT, statement TEXT, target TEXT, contaminated INTEGER, "
    "PRIMARY KEY (task, id))",
    "CREATE TABLE completions (task TEXT, problem_id TEXT, sample_index INTEGER, verdict TEXT, "
    "reason TEXT, answer TEXT, target TEXT, finish_reason TEXT, n_tokens INTEGER, said TEXT, "
    "thought TEXT, seed INTEGER, PRIMARY KEY (task, problem_id, sample_index), "
    "FOREIGN KEY (task, problem_id) REFERENCES problems (task, id))",
    "CREATE TABLE grades (task TEXT, problem_id TEXT, sample_index INTEGER, grader TEXT, "
    "verdict TEXT, reason TEXT, answer TEXT, detail TEXT)",
)
"""Tables that a person can browse; the run's own hold JSON."""


def write_tables(samples: Samples, wanted: Filter, path: Path) -> int:
    """Write what is wanted to a new SQLite file; return how many completions that were."""
    count = 0
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in TABLES:
            connection.execute(statement)
        for picked in samples.pick(wanted):
            _insert(connection, picked)
            count += 1
    return count


def _insert(connection: sqlite3.Connection, picked: Picked) -> None:
    problem, drawn, grade = picked.problem, picked.completion, picked.grade
    parts = split_thinking(drawn.text, drawn.thinking_prefilled)
    rows: list[tuple[str, tuple[object, ...]]] = [
        (
            "INSERT OR IGNORE INTO problems",
            (problem.task, problem.id, problem.statement, problem.target, picked.contaminated),
        ),
        (
            "INSERT INTO completions",
            (
                problem.task,
                problem.id,
                drawn.sample_index,
                grade.verdict.value if grade else None,
                grade.reason if grade else None,
                grade.answer if grade else None,
                problem.target,
                drawn.finish_reason.value,
                drawn.n_tokens,
                parts.answer_text,
                parts.thought,
                drawn.seed,
            ),
        ),
    ]
    for g in (grade, *picked.others) if grade is not None else picked.others:
        where = problem.task, problem.id, drawn.sample_index
        judged = g.grader, g.verdict.value, g.reason, g.answer, g.detail
        rows.append(("INSERT INTO grades", (*where, *judged)))
    for statement, values in rows:
        marks = ", ".join("?" * len(values))
        fit = [_fit(v) if isinstance(v, str) else v for v in values]
        connection.execute(f"{statement} VALUES ({marks})", fit)


def _fit(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def serve(samples: Samples, wanted: Filter, *, port: int, say: Callable[[str], None]) -> int:
    """Show what is wanted in Datasette, on this machine alone, until it is stopped.

    It gets a copy, which is deleted afterwards; the run is not touched.

    Returns:
        Datasette's exit code.

    Raises:
        MissingDependencyError: Datasette is not installed.
    """
    if importlib.util.find_spec("datasette") is None:
        raise MissingDependencyError(
            "--serve needs Datasette, which is not installed", hint="pip install datasette"
        )
    with tempfile.TemporaryDirectory(prefix="reasonbench-") as folder:
        database, metadata = Path(folder) / "run.db", Path(folder) / "metadata.json"
        count = write_tables(samples, wanted, database)
        title = f"{samples.plan.engine.model}: {samples.name}"
        metadata.write_text(json.dumps({"title": title}))
        say(f"{count:,} completions; Ctrl-C ends it")
        command = [sys.executable, "-m", "datasette", "serve", "--immutable", str(database)]
        command += ["--metadata", str(metadata), "--host", "127.0.0.1", "--port", str(port)]
        with subprocess.Popen(command) as process:
            # A command that is told to end must end it too, and delete the copy.
            before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.terminate()
                return 0
            finally:
                signal.signal(signal.SIGTERM, before)
