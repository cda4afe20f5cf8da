"""``--dry-run`` of the commands that sample."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from reasonbench.dryrun import DryRun
    from reasonbench.specs import RunSpec

F = TypeVar("F", bound=Callable[..., Any])

MAX_PROMPT_LINES = 40


def dry_run_options(function: F) -> F:
    """Add --dry-run and --no-probe."""
    probe = click.option(
        "--no-probe", is_flag=True, help="With --dry-run: draw nothing, estimate no time."
    )
    return click.option(
        "--dry-run",
        is_flag=True,
        help="Say what would be sampled, in problems, tokens and time, and stop.",
    )(probe(function))


def check_probe(*, dry_run: bool, no_probe: bool) -> None:
    """Refuse --no-probe where there is no probe to leave out."""
    if no_probe and not dry_run:
        raise click.UsageError("--no-probe goes with --dry-run")


def run_dry(spec: "RunSpec", directory: Path, output: str, *, probe: bool) -> None:
    """Do a dry run and print it."""
    from reasonbench.cli.output import print_json
    from reasonbench.cli.talk import Talk
    from reasonbench.dryrun import dry_run

    with Talk() as talk:
        found = dry_run(spec, directory, probe=probe, reporter=talk)
    if output == "json":
        print_json(found)
    else:
        show(found)


def show(found: "DryRun") -> None:
    """Print what a run would do."""
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import visible

    rows = []
    for task in found.tasks:
        tokens = task.prompt_tokens
        lengths = "not known before sampling"
        if tokens is not None:
            lengths = (
                f"{tokens.smallest:,} / {tokens.median:,} / {tokens.p90:,} / {tokens.largest:,}"
            )
        counts = (task.n_problems, task.n_completions, task.n_stored, task.n_to_draw)
        rows.append((task.task, *(f"{count:,}" for count in counts), lengths))
    header = ("task", "problems", "completions", "stored", "to draw", "prompt tokens")
    print_table(
        "what would be sampled (prompt tokens: smallest / median / 90 % / largest)", header, rows
    )
    for sentence in (*_sampling(found), *_cost(found)):
        click.echo(visible(sentence))
    click.echo("\nThe first prompt, as the model would see it:\n")
    lines = found.first_prompt.splitlines()
    for line in lines[:MAX_PROMPT_LINES]:
        click.echo(f"    {visible(line)}")
    if len(lines) > MAX_PROMPT_LINES:
        click.echo(f"    ... and {len(lines) - MAX_PROMPT_LINES:,} lines more")


def _sampling(found: "DryRun") -> list[str]:
    import msgspec

    values = msgspec.to_builtins(found.sampling)
    taken = f" (preset {found.preset})" if found.preset else ""
    context = f"{found.context_length:,} tokens" if found.context_length else "not known"
    return [
        f"engine: {found.engine.engine}, {found.engine.dtype}, context {context}",
        f"sampling{taken}: " + ", ".join(f"{name} {value}" for name, value in values.items()),
    ]


def duration(seconds: float) -> str:
    """Return a time as ``12 s``, ``7 min`` or ``3 h 20 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if hours else f"{minutes} min"


def _cost(found: "DryRun") -> list[str]:
    lines = [
        f"at most {found.worst_case_tokens:,} tokens: {found.n_missing:,} completions that all "
        f"run into max_tokens = {found.sampling.max_tokens:,}"
    ]
    probe = found.probe
    if probe is None:
        return lines
    lines.append(
        f"probe: {probe.n_completions:,} completions, {probe.n_tokens:,} tokens in "
        f"{probe.seconds:.1f} s, {probe.tokens_per_second:,.0f} tokens/s"
        + (f"; {probe.n_failed:,} requests failed" if probe.n_failed else "")
    )
    if found.worst_case_seconds is not None:
        lines.append(f"time at that rate: at most {duration(found.worst_case_seconds)}")
    if found.likely_seconds is not None and found.mean_stored_tokens is not None:
        lines.append(
            f"time if they are as long as the stored ones ({found.mean_stored_tokens:,.0f} tokens "
            f"on average): {duration(found.likely_seconds)}"
        )
    return lines
