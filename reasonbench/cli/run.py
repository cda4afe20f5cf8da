"""``reasonbench run`` and ``reasonbench regrade``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reasonbench.cli.dryrun import check_probe, dry_run_options, run_dry
from reasonbench.cli.models import cutoff_option, show_splits, with_known
from reasonbench.cli.options import (
    data_option,
    default_out,
    fresh_options,
    gather,
    output_options,
    run_options,
    with_data,
    with_fresh,
)

if TYPE_CHECKING:
    import datetime

    from reasonbench.results import RunResult, TaskResult

MAX_WARNINGS = 5
"""Validity warnings that are printed; JSON and the report hold all."""


@click.command(epilog="Example: reasonbench run embedded:teacher --task countdown_public -n 16")
@click.argument("model")
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    help="Task name, lm_eval:<name>, or a .yaml or .jsonl file; may be repeated.",
)
@data_option
@fresh_options
@run_options
@cutoff_option
@click.option("--grader", help="Judge every task with this grader.")
@dry_run_options
@output_options
def run(
    model: str,
    *,
    output: str,
    out: Path | None,
    workers: int | None,
    dry_run: bool,
    no_probe: bool,
    cutoff: "datetime.datetime | None",
    data: tuple[str, ...],
    fresh_set: str | None,
    level: str | None,
    **flags: Any,
) -> None:
    """Sample MODEL on tasks, grade, and print pass@k.

    MODEL is a Hub id, a local folder, embedded:teacher|base|student, or a TOML file with
    a RunSpec (`reasonbench schema RunSpec`); flags win over the file.  What the run
    directory holds already is not sampled again: the same command goes on after any
    end, and a larger -n tops up.
    """
    import msgspec

    from reasonbench.cli.specs import build_spec
    from reasonbench.cli.talk import Talk
    from reasonbench.run import execute
    from reasonbench.specs import RunSpec

    spec = with_known(build_spec(RunSpec, model, gather(flags)), cutoff)
    spec = msgspec.structs.replace(
        spec, tasks=with_fresh(with_data(spec.tasks, data), fresh_set, level)
    )
    directory = out or default_out(spec.model.id)
    check_probe(dry_run=dry_run, no_probe=no_probe)
    if dry_run:
        run_dry(spec, directory, output, probe=not no_probe)
        return
    with Talk() as talk:
        result = execute(spec, directory, reporter=talk, workers=workers, command=sys.argv)
    show_run(result, output)


@click.command(epilog="Example: reasonbench regrade runs/model --grader math")
@click.argument("run_directory", type=click.Path(path_type=Path))
@click.option("--grader", help="Judge every task with this grader from now on.")
@click.option("--reload-tasks", is_flag=True, help="Read the tasks again, for corrected answers.")
@click.option("--beside", metavar="GRADER", help="Compare with a second grader; scores stay.")
@click.option("--workers", type=click.IntRange(min=1), help="Grader processes.")
@output_options
def regrade(
    run_directory: Path,
    *,
    grader: str | None,
    reload_tasks: bool,
    beside: str | None,
    workers: int | None,
    output: str,
) -> None:
    """Grade the stored completions of a run again, without a model.

    With --beside, a second grader judges them too, and the two are compared: where they
    disagree, and the score if only what both call correct counts, or what either does.
    """
    from reasonbench import run as runs
    from reasonbench.cli.talk import Talk

    if beside is not None:
        if grader is not None or reload_tasks:
            raise click.UsageError("--beside changes no grade of the run: give it alone")
        _compare(run_directory, beside, workers, output)
        return
    with Talk() as talk:
        result = runs.regrade(
            run_directory,
            grader=grader,
            reload_tasks=reload_tasks,
            reporter=talk,
            workers=workers,
            command=sys.argv,
        )
    hint = "the same command goes on"
    if any(task.n_unsampled for task in result.tasks):
        flag = f" and with --grader {grader}," if grader is not None else ""
        hint = f"reasonbench run, as it was given{flag} samples what is missing; regrade cannot"
    show_run(result, output, hint)


def _compare(directory: Path, grader: str, workers: int | None, output: str) -> None:
    from reasonbench.beside import grade_beside
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.cli.talk import Talk
    from reasonbench.report.text import interval, one_line, percent

    with Talk() as talk:
        compared = grade_beside(directory, grader, reporter=talk, workers=workers)
    if output == "json":
        print_json(compared)
        return
    for task in compared:
        first, second = task.graders
        rows = [
            ("both correct", f"{task.n_both:,}"),
            (f"only {first}", f"{task.n_first_only:,}"),
            (f"only {second}", f"{task.n_second_only:,}"),
            ("neither", f"{task.n_neither:,}"),
            ("without two verdicts", f"{task.n_left_out:,}"),
        ]
        for name, estimate in (("strict", task.strict), ("lenient", task.lenient)):
            if estimate is not None:
                score = f"{percent(estimate.value)} ({interval(estimate.superpopulation)})"
                rows.append((f"pass@1, {name}", score))
        print_table(f"{task.task}: {first} and {second}", ("", "completions"), rows)
        if task.disagreements:
            print_table(
                f"the first {len(task.disagreements)} of {task.n_disagreements:,} disagreements",
                ("problem", "sample", "target", first, second),
                [
                    (
                        d.problem_id,
                        str(d.sample_index),
                        one_line(d.target or "-", 80),
                        *(one_line(f"{g.reason}: {g.answer}", 80) for g in (d.first, d.second)),
                    )
                    for d in task.disagreements
                ],
            )


def show_run(result: "RunResult", output: str, hint: str = "the same command goes on") -> None:
    """Print a run's scores; a run that owes something ends with exit code 5.

    What makes scores invalid stands above each of their tables, warnings after them all.
    """
    from reasonbench.cli.output import end, print_json, say
    from reasonbench.report.text import one_line

    if output == "json":
        print_json(result)
        for fault in result.invalid:
            say(one_line(f"INVALID: {fault.sentence}"))
    else:
        for task in result.tasks:
            _show_task(result, task)
    show_splits(result, output)
    say_warnings(result)
    say(f"run directory: {result.path}")
    end(result, hint)


def say_warnings(result: "RunResult") -> None:
    """Print the first warnings about a run's scores to stderr, one sentence each."""
    from reasonbench.cli.output import say
    from reasonbench.report.text import one_line
    from reasonbench.results import Severity

    warnings = [f for f in result.validity if f.severity is Severity.WARNING]
    for warning in warnings[:MAX_WARNINGS]:
        say(one_line(f"warning: {warning.sentence}"))
    if len(warnings) > MAX_WARNINGS:
        say(f"and {len(warnings) - MAX_WARNINGS:,} more")


def _show_task(result: "RunResult", task: "TaskResult") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import (
        completions_asked,
        flag_notes,
        interval,
        level_name,
        marked,
        one_line,
        percent,
    )
    from reasonbench.verdict import invalid_for

    faults = invalid_for(result, task.spec.name)
    for fault in faults:
        click.echo(one_line(f"INVALID: {fault.sentence}"))
    reasons = ", ".join(f"{n:,} {r}" for r, n in (task.reasons | task.ungraded).items())
    levels = [f"{level_name(e.level)} " for e in task.estimates[:1]] or [""]
    intervals = [f"{levels[0]}{name} problems" for name in ("other", "same")]
    asked = f"{len(task.problems)} problems x {completions_asked(task)}"
    title = f"{task.spec.name}: {asked} ({reasons})"
    print_table(
        one_line(marked(title, bool(faults))),
        ("k", "pass@k", *intervals, "problems", "notes"),
        [
            (
                str(e.k),
                percent(e.value),
                interval(e.superpopulation),
                interval(e.fixed),
                str(e.n_problems),
                flag_notes(e.flags),
            )
            for e in task.estimates
        ],
    )
