"""Options that several commands share, and how they become specs.

A flag that was not given is None and leaves the file's value, or the spec's default,
as it is; so a flag always wins over the TOML file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

EMBEDDED = "embedded:"
MAX_NAME = 80
"""Characters of a model's id that its folder is named by."""

MODEL_FIELDS = ("revision", "preset")
ENGINE_FIELDS = ("name", "dtype", "batch_size", "args", "ray", "replicas")
SAMPLING_FIELDS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "repetition_penalty",
)


def chain(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator for several, the first one listed first in the help."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def output_options(function: F) -> F:
    """Add --format."""
    return chain(
        click.option(
            "--format",
            "output",
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
            help="What stdout gets.",
        )
    )(function)


def data_option(function: F) -> F:
    """Add --data."""
    return click.option(
        "--data",
        multiple=True,
        metavar="[NAME=]PATH",
        help="Local copy of a public task's data set, a file or a folder; NAME says of which "
        "task where there are several.  The same as NAME:PATH for the task.",
    )(function)


def with_data(references: tuple[str, ...], data: tuple[str, ...]) -> tuple[str, ...]:
    """Return references to tasks with the local copies of their data sets put in.

    ``aime_2026`` with ``/a.parquet`` is ``aime_2026:/a.parquet``; days that stand there already
    (``aime_2026:since=2026-01-01``) stay behind the path.
    """
    if not data:
        return references
    names = list(dict.fromkeys(reference.partition(":")[0] for reference in references))
    paths: dict[str, str] = {}
    for item in data:
        name, equals, path = item.partition("=")
        if not (equals and name in names):
            if len(names) != 1:
                known = ", ".join(names) or "none"
                raise click.UsageError(
                    f"--data {item!r} does not say of which task; write NAME=PATH (tasks: {known})"
                )
            name, path = names[0], item
        if name in paths or not path:
            raise click.UsageError(f"--data takes one path for the task {name!r}, got {item!r}")
        paths[name] = path
    return tuple(_bound(reference, paths) for reference in references)


FRESH = ("fresh_math", "fresh_code")
"""Tasks of minted problems, which have sets and levels."""


def fresh_options(function: F) -> F:
    """Add --set and --level."""
    return chain(
        click.option(
            "--set",
            "fresh_set",
            metavar="SET",
            help="Set of fresh_math and fresh_code, such as 2026-10.  [default: the newest]",
        ),
        click.option(
            "--level",
            metavar="LEVEL",
            help="Levels of fresh_math and fresh_code, such as 0 or 2-3.  [default: all]",
        ),
    )(function)


def with_fresh(
    references: tuple[str, ...], fresh_set: str | None, level: str | None
) -> tuple[str, ...]:
    """Return references to tasks with the set and the levels put in those of minted problems."""
    parts = [part for part in (fresh_set, level and f"level={level}") if part]
    if not parts:
        return references
    if not any(reference in FRESH for reference in references):
        raise click.UsageError(
            "--set and --level are for the tasks fresh_math and fresh_code, named without a set"
        )
    return tuple(
        f"{reference}:{','.join(parts)}" if reference in FRESH else reference
        for reference in references
    )


def _bound(reference: str, paths: dict[str, str]) -> str:
    name, _, argument = reference.partition(":")
    if name not in paths:
        return reference
    if argument and not argument.startswith(("since=", "until=")):
        raise click.UsageError(
            f"--data {paths[name]!r} and the task {reference!r} both have a path"
        )
    return ":".join((name, ",".join(filter(None, (paths[name], argument)))))


def run_options(function: F) -> F:
    """Add everything that says how a model is sampled and graded."""
    return chain(
        click.option("-n", "n", type=int, help="Completions a problem.  [default: 16]"),
        click.option(
            "--stop-after-successes",
            type=int,
            metavar="R",
            help="Leave a problem once R completions are correct.",
        ),
        click.option("--limit", type=int, help="Only the first so many problems of each task."),
        click.option(
            "--engine",
            "name",
            help="transformers, vllm, openai_server or a plugin's.  [default: transformers]",
        ),
        click.option("--dtype", help="auto, float32, bfloat16, float16.  [default: auto]"),
        click.option("--batch-size", type=int, help="Most completions in flight.  [default: 512]"),
        click.option(
            "--engine-arg",
            "engine_args",
            multiple=True,
            metavar="KEY=VALUE",
            help="Passed to the engine.",
        ),
        click.option(
            "--ray", metavar="ADDRESS", help="Run on a Ray cluster; auto finds one or starts it."
        ),
        click.option("--replicas", type=int, help="Engines on that cluster.  [default: 1]"),
        click.option("--revision", help="Hub revision of the model."),
        click.option(
            "--preset",
            metavar="NAME",
            help="Sampling as the model's makers say, where no flag says otherwise; auto goes by "
            "the model's name and files.  See reasonbench presets.",
        ),
        sampling_options,
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            help="Run directory; one that exists is gone on with.  [default: runs/<model>]",
        ),
        click.option("--workers", type=click.IntRange(min=1), help="Grader processes."),
    )(function)


def sampling_options(function: F) -> F:
    """Add everything that shapes a draw."""
    return chain(
        click.option("--temperature", type=float, help="0 is greedy.  [default: 1.0]"),
        click.option("--top-p", type=float, help="Nucleus mass.  [default: 1.0]"),
        click.option("--top-k", type=int, help="0 keeps every token.  [default: 0]"),
        click.option("--min-p", type=float, help="[default: 0.0]"),
        click.option("--max-tokens", type=int, help="[default: 3/4 of the context, at most 32768]"),
        click.option("--stop", multiple=True, help="String that ends a completion."),
        click.option("--seed", type=int, help="Run seed.  [default: 0]"),
        click.option("--presence-penalty", type=float, help="[default: 0.0]"),
        click.option("--repetition-penalty", type=float, help="[default: 1.0]"),
        click.option(
            "--system-prompt", metavar="TEXT", help="System message put before every prompt."
        ),
        click.option(
            "--force-system-prompt",
            is_flag=True,
            default=None,  # not given leaves a file's true as it is
            help="Send it even to a model whose card says not to.",
        ),
    )(function)


def gather(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the spec's fields that flags gave, in the tables where they belong."""
    data: dict[str, Any] = {}
    groups = {"engine": ENGINE_FIELDS, "sampling": SAMPLING_FIELDS, "model": MODEL_FIELDS}
    flags = dict(flags)
    flags["args"] = parse_pairs(flags.pop("engine_args", ()))
    for group, fields in groups.items():
        given = {f: v for f in fields if (v := flags.pop(f, None)) not in (None, (), {})}
        if given:
            data[group] = given
    data.update({name: value for name, value in flags.items() if value not in (None, ())})
    return data


def parse_pairs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` flags as a dict; a value that is JSON becomes what it says."""
    import msgspec

    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise click.UsageError(f"--engine-arg takes KEY=VALUE, got {pair!r}")
        try:
            values[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            values[key] = value
    return values


def default_out(model_id: str) -> Path:
    """Return ``runs/<model>`` with the model's id made fit for a folder name.

    Where that changes the id, a digest of it is added, so that no two ids share a folder;
    ``embedded:NAME`` alone is ``embedded-NAME``.
    """
    from reasonbench.identity import digest

    shipped = model_id.startswith(EMBEDDED)
    spelt = model_id.replace(":", "-", 1) if shipped else model_id
    name = "".join(c if c.isalnum() or c in "-._" else "-" for c in spelt).strip("-.")
    name = name[:MAX_NAME]
    if name != spelt or (not shipped and name.startswith("embedded-")):
        name = f"{name or 'model'}-{digest(model_id)[:8]}"
    return Path("runs") / name


def check_report_path(path: Path | None, *read: Path, option: str = "--md") -> None:
    """Refuse a report's path that is a file which the command reads or keeps.

    Args:
        path: where the report shall be written.
        read: files, and run directories with what they hold.
        option: what names the path, for the error.

    Raises:
        SpecError: the report would be written over one of them.
    """
    from reasonbench.audit import AUDIT_FILE
    from reasonbench.errors import SpecError
    from reasonbench.store.database import STORE_FILE
    from reasonbench.store.lock import LOCK_FILE

    if path is None:
        return
    target = path.resolve()
    names = (AUDIT_FILE, STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm", LOCK_FILE)
    for kept in (*read, *(place / name for place in read for name in names)):
        same = target == kept.resolve()
        if same or (path.is_file() and kept.is_file() and path.samefile(kept)):
            raise SpecError(
                f"{option} {path} would be written over {kept}",
                hint="give the report a file of its own",
            )
