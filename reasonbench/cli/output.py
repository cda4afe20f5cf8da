"""What the commands print: tables and JSON on stdout, talk on stderr.

All text passes through ``visible``: a model, a task or a trace may have any name.
Colour only where a person watches: NO_COLOR, CI, TERM=dumb and pipes turn it off.
"""

import contextlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reasonbench.report.text import visible
from reasonbench.results import RunResult

PIPE_WIDTH = 160
INCOMPLETE = 5
"""Exit code of a run that still owes completions or grades."""
MAX_FAILURES = 3
"""Reasons that are printed of what is owed, the commonest first."""
FAILURE_CHARACTERS = 200

_UNSAFE = re.compile(r"[\x7f-\U0010ffff]")


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr that respects NO_COLOR, CI and pipes."""
    stream = sys.stderr if stderr else sys.stdout
    watched = stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
    return Console(
        file=stream,
        force_terminal=watched,
        no_color="NO_COLOR" in os.environ or not watched,
        width=None if watched else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_json(value: Any) -> None:
    """Print one JSON document; what does not show is escaped, which leaves the data as it is."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(escaped(text))


def escaped(text: str) -> str:
    """Return JSON in which what does not show is escaped; it means the same."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return character if visible(character) == character else json.dumps(character)[1:-1]


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of literal text."""
    out = console()
    out.print(Text(visible(title)), soft_wrap=True)
    table = Table(header_style="bold")
    for name in header:
        table.add_column(Text(visible(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    out.print(table)


def say(sentence: str) -> None:
    """Print talk; a stderr that takes none stops nothing."""
    with contextlib.suppress(OSError):
        click.echo(visible(sentence), err=True)


def end(result: RunResult, hint: str = "the same command goes on") -> None:
    """End the command of a run: with exit code 5 where it owes something, saying why."""
    unsampled = sum(task.n_unsampled for task in result.tasks)
    ungraded = sum(task.n_ungraded for task in result.tasks)
    if not unsampled + ungraded:
        return
    stops = any(task.stop_after_successes is not None for task in result.tasks)
    counts = {"not sampled": unsampled, "not graded": ungraded}
    first, *rest = [f"{count:,} {what}" for what, count in counts.items() if count]
    number, what = first.split(" ", 1)
    bound = "up to " if stops and unsampled else ""
    say("error: " + ", ".join([f"{bound}{number} completions are {what}", *rest]))
    failures: Counter[str] = Counter()
    for task in result.tasks:
        failures.update(task.failures)
    for reason, count in failures.most_common(MAX_FAILURES):
        flat = " ".join(reason.split())
        cut = "…" if len(flat) > FAILURE_CHARACTERS else ""
        say(f"  {count:,} x {flat[:FAILURE_CHARACTERS]}{cut}")
    say(f"hint: {hint}")
    raise click.exceptions.Exit(INCOMPLETE)
