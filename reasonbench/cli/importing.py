"""``reasonbench import``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.interchange.import_report import ImportedTask, ImportReport

FORMATS = (
    "inspect", "lm-eval", "eee", "lighteval", "matharena", "nemo", "evalchemy", "evalplus",
    "counts",
)  # fmt: skip
MAX_SHOWN = 20
"""Disagreements that are printed; import.json holds all."""


@click.command(
    "import",
    epilog="Example: reasonbench import out/my__model/samples_aime24_*.jsonl --out runs/my-model",
)
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory to make.",
)
@click.option(
    "--from", "form", type=click.Choice(FORMATS), help="Format.  [default: by the content]"
)
@click.option("--task", metavar="NAME", help="Our task whose problems these are: its tests judge.")
@click.option("--grader", help="Judge every task with this grader.  [default: math, or the task's]")
@click.option("--model", metavar="NAME", help="Model to take of several, or its name if not told.")
@click.option("--allow-copies", is_flag=True, help="Import samples that are copies all the same.")
@click.option("--workers", type=click.IntRange(min=1), help="Grader processes.")
@output_options
def import_(
    logs: tuple[Path, ...],
    *,
    out: Path,
    form: str | None,
    task: str | None,
    grader: str | None,
    model: str | None,
    allow_copies: bool,
    workers: int | None,
    output: str,
) -> None:
    """Make a run of other harnesses' LOGs, grade it again, and print pass@k.

    Reads lm-eval samples (all repeats), inspect .eval and .json, lighteval details, MathArena and
    Evalchemy outputs, NeMo results, HumanEval and EvalPlus samples, Every Eval Ever instances,
    and CSV of problem_id,n,c.  What a log lacks is said; where there is text, our grader judges,
    and where it and the source disagree is listed.  RUN is whole or not there.
    """
    from reasonbench.cli.output import print_json
    from reasonbench.cli.run import show_run
    from reasonbench.cli.talk import Talk
    from reasonbench.importing import import_logs
    from reasonbench.interchange.import_report import Options

    options = Options(form=form, task=task, grader=grader, model=model, allow_copies=allow_copies)
    with Talk() as talk:
        report, result = import_logs(logs, out, options, reporter=talk, workers=workers)
    _tell(report)
    if output == "json":
        print_json({"import": report, "result": result})
    else:
        _show_disagreements(report)
        show_run(result, output)


def _tell(report: "ImportReport") -> None:
    from reasonbench.cli.output import say
    from reasonbench.report.text import one_line

    for source in report.sources:
        yes = {True: "yes", False: "no"}
        say(
            one_line(
                f"{source.file}: {source.format} {source.version}; text "
                f"{yes[source.trace_available]}, finish reason "
                f"{yes[source.finish_reason_available]}"
            )
        )
        for sentence in source.missing:
            say(one_line(f"  {sentence}"))
    for sentence in report.notes:
        say(one_line(f"note: {sentence}"))
    for task in report.tasks:
        say(one_line(_agreement(task)))


def _agreement(task: "ImportedTask") -> str:
    from reasonbench.report.text import percent

    said = f"{task.name}: {task.problems:,} problems, n {task.n} (effective {task.effective_n:g}); "
    if task.grader == "source":
        return said + "the scores are the source's own"
    parts = []
    for agree, of, what in (
        (task.n_agree, task.n_compared, "completions"),
        (task.problems_agree, task.problems_compared, "problems by their mean"),
    ):
        if of:
            parts.append(f"on {agree:,} of {of:,} {what} ({percent(agree / of)})")
    agrees = " and ".join(parts)
    return said + (f"{task.grader} and the source agree {agrees}" if agrees else
                   f"graded by {task.grader}; the source's scores cannot be compared")  # fmt: skip


def _show_disagreements(report: "ImportReport") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import one_line

    if not report.disagreements:
        return
    shown = report.disagreements[:MAX_SHOWN]
    print_table(
        f"the first {len(shown)} of {len(report.disagreements):,} disagreements",
        ("problem", "sample", "row", "ours", "our answer", "source", "its answer"),
        [
            (
                one_line(f"{d.task}/{d.problem_id}", 80),
                "all" if d.sample_index is None else str(d.sample_index),
                str(d.row),
                d.ours,
                one_line(d.our_answer or "-", 60),
                f"{d.source_score:g}",
                one_line(d.source_answer or "-", 60),
            )
            for d in shown
        ],
    )
