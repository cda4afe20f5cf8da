"""``reasonbench compare`` and ``reasonbench plan``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.results import Comparison, PairedTask

MAX_NAMES = 20
"""Problems lost or gained that are named in the table; JSON has all."""


@click.command(epilog="Example: reasonbench compare runs/base runs/student -k 1 -k 8")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-k", "ks", type=click.IntRange(min=1), multiple=True,
              help="k of pass@k.  [default: 1, 2, 4 ... up to the smaller n]")  # fmt: skip
@click.option(
    "--at",
    type=click.IntRange(min=2),
    help="K of the test for collapse, named before looking.  [default: the largest k]",
)
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95,
              show_default=True, help="Confidence level.")  # fmt: skip
@output_options
def compare(
    a: Path, b: Path, *, ks: tuple[int, ...], at: int | None, level: float, output: str
) -> None:
    """Compare run directories A (before) and B (after), problem by problem.

    Prints pass@k of B minus that of A with intervals for other problems of the kind, where
    the curves cross, and whether diversity collapsed: better at 1, worse at K.
    """
    from reasonbench.cli.output import print_json
    from reasonbench.comparison import compare as compare_runs

    found = compare_runs(a, b, ks=ks, at=at, level=level)
    if output == "json":
        print_json(found)
        return
    _show(found)


def _show(found: "Comparison") -> None:
    from reasonbench.cli.output import print_table, say
    from reasonbench.report.text import (
        interval,
        level_name,
        one_line,
        percent,
        points,
        points_interval,
    )

    for task in found.tasks:
        rows = [
            (
                str(delta.k),
                f"{percent(a.value)} ({interval(a.superpopulation)})",
                f"{percent(b.value)} ({interval(b.superpopulation)})",
                points(delta.value),
                points_interval(delta.interval),
                points_interval(delta.band),
                str(delta.n_problems),
            )
            for delta, a, b in zip(task.deltas, task.a, task.b, strict=True)
        ]
        level = level_name(found.level)
        print_table(
            one_line(f"{task.task}: A = {found.model_a} x {task.n_a}, B = {found.model_b} "
                     f"x {task.n_b}, {task.n_problems} problems"),
            ("k", "pass@k of A", "pass@k of B", "B - A", f"{level}", f"{level}, all k", "problems"),
            rows,
        )  # fmt: skip
        for line in (*_collapse(task), *_solved(task)):
            click.echo(one_line(line))
    for note in found.notes:
        say(one_line(f"note: {note}"))


def _collapse(task: "PairedTask") -> list[str]:
    collapse = task.collapse
    if collapse is None:
        return [f"diversity: {task.no_collapse}"]
    lines = [
        f"diversity at K = {collapse.k}: {collapse.verdict} (pass@1 {100 * collapse.delta_1:+.1f}, "
        f"pass@{collapse.k} {100 * collapse.delta_k:+.1f} points, p = {collapse.p:.3g})"
    ]
    if collapse.delta_1 > 0:
        at = (
            f"none within {collapse.k}" if collapse.crossing is None else f"{collapse.crossing:.1f}"
        )
        low, high = (
            f"above {collapse.k}" if end is None else f"{end:.1f}"
            for end in (collapse.crossing_low, collapse.crossing_high)
        )
        lines.append(f"crossing, the first k at which B is no better: {at} ({low} to {high})")
    return lines


def _solved(task: "PairedTask") -> list[str]:
    lines = []
    for name, problems in (("lost", task.lost), ("gained", task.gained)):
        shown = ", ".join(problems[:MAX_NAMES]) + (", ..." if len(problems) > MAX_NAMES else "")
        lines.append(f"{name}: {len(problems)} problems" + (f": {shown}" if problems else ""))
    return lines


@click.command(epilog="Example: reasonbench plan runs/model --mde 0.05 -k 8")
@click.argument("run_directory", type=click.Path(path_type=Path))
@click.option("--mde", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Difference in pass@k that shall be seen, such as 0.05.")  # fmt: skip
@click.option("-k", "k", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--power", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.8,
              show_default=True, help="Chance of seeing it.")  # fmt: skip
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95,
              show_default=True, help="Confidence level.")  # fmt: skip
@click.option(
    "--correlation",
    type=click.FloatRange(-1, 1),
    default=0.5,
    show_default=True,
    help="Between the models' scores by problem; .8 and more for checkpoints.",
)
@click.option("--single", is_flag=True, help="Plan one model's score, not a difference of two.")
@click.option("--cost-problem", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Cost of one more problem, in samples.")  # fmt: skip
@click.option("--most-problems", type=click.IntRange(min=1), help="Problems that there are.")
@output_options
def plan(
    run_directory: Path,
    *,
    mde: float | None,
    k: int,
    power: float,
    level: float,
    correlation: float,
    single: bool,
    cost_problem: float,
    most_problems: int | None,
    output: str,
) -> None:
    """Say what difference RUN can resolve, and how many problems and samples another takes.

    The spread of difficulty is taken from the run's own counts, task by task.
    """
    from reasonbench.cli.output import print_json, print_table, say
    from reasonbench.design import Wish, design
    from reasonbench.report.text import one_line

    wish = Wish(
        mde=mde,
        k=k,
        power=power,
        level=level,
        correlation=None if single else correlation,
        cost_problem=cost_problem,
        most_problems=most_problems,
    )
    found = design(run_directory, wish)
    if output == "json":
        print_json(found)
        return
    what = "score" if single else "difference of two models"
    rows = []
    for task in found:
        seen = "-" if task.mde_now is None else f"{100 * task.mde_now:.1f} points"
        row = [task.task, f"{task.n_problems:,} x {task.n:,}", seen]
        if mde is not None:
            plan_ = task.plan
            row.append(task.impossible if plan_ is None else f"{plan_.m:,} x {plan_.n:,}")
            row.append("-" if plan_ is None else f"{plan_.cost:,.0f}")
        rows.append([one_line(cell) for cell in row])
    header = ["task", "this run", f"it resolves at k = {k}"]
    header += [f"for {100 * mde:.1f} points", "cost, in samples"] if mde is not None else []
    print_table(f"{what} in pass@{k}, power {power:g}", header, rows)
    for task in found:
        for note in task.notes:
            say(one_line(f"note: {task.task}: {note}"))
