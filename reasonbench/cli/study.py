"""``reasonbench study``."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.results.study import StudyDose, StudyModel, StudyPoint, StudyReport
    from reasonbench.study.dryrun import StudyCost

EPILOG = "Example: reasonbench study studies/collapse-cpu.toml --out runs/collapse"


@click.command(epilog=EPILOG)
@click.argument("study_file", metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The study's directory.  [default: runs/NAME of the file]",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    help="Trainings and samplings at once; results do not depend on it.  "
    "[default: one a GPU, or one a core]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be trained and sampled, and stop.")
@output_options
def study(
    study_file: Path, *, out: Path | None, parallel: int | None, dry_run: bool, output: str
) -> None:
    """Train arms x seeds, sample them beside base and teacher, and say what each arm did.

    STUDY.toml holds a StudySpec (`reasonbench schema StudySpec`); studies/ has some.  Every
    stage is kept: the same command goes on after any end, and further seeds, arms and
    temperatures, or a larger n, add to what is there.  A failed arm is shown as failed.
    """
    from reasonbench.cli.output import print_json, say
    from reasonbench.cli.talk import Talk
    from reasonbench.specfile import load_toml
    from reasonbench.specs import StudySpec
    from reasonbench.study import dryrun, running

    spec = load_toml(study_file, StudySpec)
    directory = out or Path("runs") / default_name(study_file)
    if dry_run:
        found = dryrun.cost(spec, directory, workers=parallel)
        print_json(found) if output == "json" else show_cost(found)
        return
    with Talk() as talk:
        report = running.run_study(
            spec, directory, reporter=talk, workers=parallel, command=sys.argv
        )
    print_json(report) if output == "json" else show(report)
    for name in running.REPORT_FILES:
        say(f"report: {directory / name}")
    if any(training.failed for model in report.models for training in model.trainings):
        say("an arm failed: the same command tries it again")


def default_name(study_file: Path) -> str:
    """Return the name of a study's directory: that of its file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", study_file.stem).strip("-.") or "study"


def show(report: "StudyReport") -> None:
    """Print a row a model, and each arm's verdict."""
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import one_line

    largest = max((p.k for m in report.models for c in m.curves for p in c.pass_at_k), default=1)
    differences = ("difference at 1", f"at {largest}", "verdict")
    header = ("model", "recipe", "pass@1", f"pass@{largest}", *differences)
    print_table(
        f"{report.spec.name}: {report.selection.kept} of {report.selection.candidates} problems, "
        f"T = {report.spec.temperatures[0]:g}",
        header,
        [_row(report, model, largest) for model in report.models],
    )
    for model in report.models:
        if model.verdict is not None:
            click.echo(one_line(f"{model.name}: {model.verdict.sentence}"))
    for dose in report.doses:
        click.echo(one_line(_dose(dose)))
    for note in report.notes:
        click.echo(one_line(f"note: {note}"))


def _row(report: "StudyReport", model: "StudyModel", largest: int) -> tuple[str, ...]:
    from reasonbench.report.text import percent

    first = report.spec.temperatures[0]
    here = [curve for curve in model.curves if curve.temperature == first]
    last = max(here, key=lambda curve: curve.step or 0, default=None)
    values = {p.k: percent(p.value) for p in last.pass_at_k} if last is not None else {}
    cells = [values.get(1, "-"), values.get(largest, "-")]
    deltas = {p.k: p for p in model.verdict.deltas} if model.verdict is not None else {}
    cells += [_shown(deltas[k]) if k in deltas else "-" for k in (1, largest)]
    word = "" if model.verdict is None else model.verdict.word.value
    if model.verdict is not None and model.verdict.temperature_dominated:
        word += ", temperature-dominated"
    return model.name, model.recipe, *cells, word


def _shown(point: "StudyPoint | None") -> str:
    from reasonbench.report.text import points, points_interval

    if point is None:
        return "not known"
    span = "" if point.interval is None else f" {points_interval(point.interval)}"
    return points(point.value) + span


def _dose(dose: "StudyDose") -> str:
    if dose.failed:
        return f"dose {dose.dose}: failed: {dose.failed}"
    items = sum(one.planted for one in dose.classes)
    return (
        f"dose {dose.dose}: inflation on planted items {_shown(dose.planted)}, on others "
        f"{_shown(dose.others)}; the scan found {dose.found} of {items} planted items, and "
        f"{dose.found_wrongly} others"
    )


def show_cost(found: "StudyCost") -> None:
    """Print what a study would do."""
    from reasonbench.cli.dryrun import duration
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import one_line

    rows = [
        (
            arm.name,
            arm.recipe,
            f"{arm.seeds} + {arm.trials}" if arm.trials else str(arm.seeds),
            f"{arm.steps:,}" if arm.steps else "-",
            ", ".join(map(str, arm.checkpoints)),
            f"{arm.most_tokens:,}",
            f"{arm.completions:,}",
        )
        for arm in found.arms
    ]
    header = (
        "arm", "recipe", "trainings", "steps", "sampled at", "tokens, at most", "completions"
    )  # fmt: skip
    print_table(f"what {found.name} would train and sample", header, rows)
    most = (
        "" if found.most_tokens_drawn is None else f", at most {found.most_tokens_drawn:,} tokens"
    )
    where = f"{found.devices} GPUs" if found.devices else "the CPU"
    counted = "compared" if found.chosen else "compared, as many as the choice keeps of them"
    lines = [
        f"bank: {found.bank_traces:,} traces; pilot: {found.pilot_completions:,} completions; "
        f"base and teacher: {found.reference_completions:,}",
        f"{found.problems} problems are {counted}; {found.completions:,} completions in all{most}",
        f"{found.jobs_done} of {found.jobs} trainings and runs are done; {found.workers} at once "
        f"on {where}",
        f"time left: {duration(found.seconds)}, from {found.basis}"
        if found.seconds is not None
        else f"time left: unknown; {found.basis}",
    ]
    for line in lines:
        click.echo(one_line(line))
