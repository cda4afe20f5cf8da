"""From a run directory to another harness's files: written whole, or not at all.

An export is a function of the run: the same run gives the same bytes.  It is made in a folder
of its own beneath the place it goes to and then moved there, file by file; ``export.json``
lists what was made, with digests, and only what it lists is ever replaced.
"""

import datetime
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from reasonbench import __version__
from reasonbench.errors import ReasonbenchError, SpecError, StoreCorruptError, StoreWriteError
from reasonbench.graders.extraction import ThinkingState, split_thinking
from reasonbench.interchange import (
    export_eee,
    export_hub,
    export_inspect,
    export_lm_eval,
    export_tables,
)
from reasonbench.interchange.export_view import Exported, Row, Sample, write_pretty
from reasonbench.records import Completion, Counts, Grade, Plan, Verdict
from reasonbench.results import RunResult
from reasonbench.run import examined
from reasonbench.store import Store
from reasonbench.summary import find_plan, grader_identities, summarize

Writer = Callable[[Exported, Path], list[Path]]
FORMATS: dict[str, Writer] = {
    "hub": export_hub.write,
    "eee": export_eee.write,
    "inspect": export_inspect.write,
    "lm-eval": export_lm_eval.write,
    "parquet": export_tables.write_parquet,
    "jsonl": export_tables.write_jsonl,
}
"""Every format that a run can be written in."""
FOLDER = "exports"
"""Folder in the run directory that exports go to."""
MANIFEST = "export.json"
PARTIAL = ".partial"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export made."""

    format: str
    """Format that it is in."""
    origin: str
    """Id of the run's first plan: the same through every top-up."""
    reasonbench: str
    """Version that made it."""
    files: dict[str, tuple[str, ...]]
    """SHA-256 of each file, by its path; while files are replaced, that of the old one too."""


class Export(NamedTuple):
    """What ``export`` did."""

    paths: list[Path]
    """Files written, the most important first."""
    run: Exported
    """The run as it was read."""


def export(
    directory: Path,
    form: str,
    out: Path | None = None,
    *,
    writer: Writer | None = None,
    force: bool = False,
) -> Export:
    """Write a run in another format.

    Args:
        directory: run directory.
        form: a name of ``FORMATS``.
        out: folder to write to; by default ``exports/<form>`` in the run directory.
        writer: the format's writer with its options; by default as it comes.
        force: replace files that no export of this run made.

    Raises:
        ReasonbenchError: there is no run, it has no place in the format, or a file is in the way.
    """
    target = out or directory / FOLDER / form
    writer = writer or FORMATS[form]
    with Store.read(directory) as store:
        run = view(store)
        origin = store.plans()[0].digest()
        manifest = Manifest(format=form, origin=origin, reasonbench=__version__, files={})
        try:
            with _claimed(target) as stage:
                made = [path.relative_to(stage) for path in writer(run, stage)]
                _publish(stage, target, made, manifest, force=force)
        except OSError as error:
            raise StoreWriteError(
                f"the export to {target} cannot be written: {error.strerror or error}",
                hint="free some space or name another folder with --out; the run is as it was",
            ) from error
    return Export([target / path for path in made], run)


def view(store: Store) -> Exported:
    """Return a run's latest plan as exporters see it; use it while the store is open."""
    plan = find_plan(store)
    result = examined(store, summarize(store, plan.digest()))
    ends = [s.ended or s.started for s in store.sessions()]
    date = max(ends) if ends else datetime.datetime.now(datetime.UTC)
    run = Exported(
        plan=plan,
        result=result,
        version=__version__,
        date=date.astimezone(datetime.UTC),
        rows=lambda run: _rows(store, plan, result, run),
    )
    run.plan, run.result = run.wellformed(plan), run.wellformed(result)
    return run


def _rows(store: Store, plan: Plan, result: RunResult, run: Exported) -> Iterator[Row]:
    counts = {(t.spec.name, c.problem_id): c for t in result.tasks for c in t.problems}
    completions = store.completions(result.plan)
    grades = store.grades(result.plan, grader_identities(plan))
    drawn, judged = next(completions, None), next(grades, None)
    for problem in store.problems(result.plan):
        found = counts[problem.task, problem.id]
        samples = []
        while drawn is not None and drawn[0] == problem:
            completion, grade = drawn[1], None
            if judged is not None and judged[0].key == completion.key:
                grade, judged = judged[0], next(grades, None)
            samples.append(_sample(run, completion, grade, found))
            drawn = next(completions, None)
        yield Row(run.wellformed(problem), found, samples)
    if drawn is not None or judged is not None:
        raise StoreCorruptError(
            f"{store.path} holds completions that are not in the order of its problems",
            hint="run or import it again with this version of reasonbench",
        )


def _sample(run: Exported, completion: Completion, grade: Grade | None, counts: Counts) -> Sample:
    parts = split_thinking(completion.text, completion.thinking_prefilled)
    has_thought = parts.state is not ThinkingState.NONE
    clean = run.wellformed(completion)
    if clean is not completion:
        parts = split_thinking(clean.text, clean.thinking_prefilled)
    stop = run.plan.spec.stop_after_successes
    taken = counts.n + sum(counts.ungraded.values())
    counted = grade is not None and grade.verdict is not Verdict.UNGRADED
    return Sample(
        completion=clean,
        thought=parts.thought if has_thought else None,
        said=parts.answer_text,
        thinking=parts.state.value,
        grade=None if grade is None else run.wellformed(grade),
        counted=counted and (stop is None or completion.sample_index < taken),
    )


@contextmanager
def _claimed(target: Path) -> Iterator[Path]:
    """Make the folder, hold it against a second export, and yield an empty one within."""
    if target.exists() and not target.is_dir():
        raise SpecError(f"{target} is a file", hint="name a folder with --out")
    target.mkdir(parents=True, exist_ok=True)
    folder = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReasonbenchError(
                f"another export is writing to {target}", hint="wait for it to end"
            ) from None
        stage = target / PARTIAL
        _remove(stage)  # of an export that was killed
        stage.mkdir()
        try:
            yield stage
        finally:
            _remove(stage)
    finally:
        os.close(folder)


def _remove(stage: Path) -> None:
    if stage.is_dir() and not stage.is_symlink():
        shutil.rmtree(stage)


def _publish(stage: Path, target: Path, made: list[Path], new: Manifest, *, force: bool) -> None:
    old = _manifest(target, new)
    files = {path.as_posix(): (_sha256(stage / path),) for path in made}
    there = {name: _digest_of(target / name) for name in files}
    if not force:
        _refuse_strangers(target, there, old)
    left = {name: known for name, known in old.items() if name not in files}
    between = {name: (*new_one, *filter(None, [there[name]])) for name, new_one in files.items()}
    _write_manifest(stage, target, msgspec.structs.replace(new, files={**left, **between}))
    for path in made:
        _sync(stage / path)
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(target / path)
    for folder in {(target / path).parent for path in made}:
        _sync(folder)
    for name, known in left.items():
        _drop(target, name, known)
    _write_manifest(stage, target, msgspec.structs.replace(new, files=files))


def _manifest(target: Path, new: Manifest) -> dict[str, tuple[str, ...]]:
    """Return what an earlier export of this run in this format made."""
    try:
        old = msgspec.json.decode((target / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return old.files if (old.format, old.origin) == (new.format, new.origin) else {}


def _refuse_strangers(
    target: Path, there: dict[str, str | None], old: dict[str, tuple[str, ...]]
) -> None:
    manifest = _digest_of(target / MANIFEST)
    if manifest is not None and not old:
        there = {MANIFEST: manifest, **there}
    for name, found in there.items():
        if found is not None and found not in old.get(name, ()):
            raise SpecError(
                f"{target / name} is there, and was not made by this export of this run or was "
                "changed since",
                hint="write elsewhere with --out DIR, or over it with --force",
            )


def _digest_of(path: Path) -> str | None:
    """Return the digest of a file that is there; of anything else that is, a text of no file."""
    if not os.path.lexists(path):
        return None
    return _sha256(path) if path.is_file() and not path.is_symlink() else "not a file"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _drop(target: Path, name: str, known: tuple[str, ...]) -> None:
    """Remove what an earlier export made and this one did not, if nobody changed it."""
    path = target / name
    inside = path.resolve().is_relative_to(target.resolve())
    if inside and _digest_of(path) in known:
        path.unlink()


def _write_manifest(stage: Path, target: Path, manifest: Manifest) -> None:
    path = write_pretty(stage / MANIFEST, manifest)
    _sync(path)
    path.replace(target / MANIFEST)
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
