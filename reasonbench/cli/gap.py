"""``reasonbench fresh gap``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.records import Estimate
    from reasonbench.results.gap import FreshGap, ModelGap


def _ks(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[int, ...]:
    """Return the values of k of ``1,8`` or of several options."""
    words = [word.strip() for text in given for word in text.split(",")]
    for word in words:
        if not (word.isascii() and word.isdecimal() and 1 <= len(word) <= 9 and int(word)):
            raise click.BadParameter(f"k is a whole number from 1, got {word!r}")
    return tuple(map(int, words))


@click.command(
    epilog="Example: reasonbench fresh gap runs/model --public math500 --fresh fresh_math:2026-10 "
    "--control fresh_math:2024-10 --reference runs/base"
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--public", required=True, metavar="TASK", help="Task that may have leaked.")
@click.option("--fresh", required=True, metavar="TASK", help="Task that is younger than the model.")
@click.option("--control", metavar="TASK", help="The families of the fresh task, of an old seed.")
@click.option("--reference", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
              help="Run of another model to hold the others against; may be repeated.")  # fmt: skip
@click.option("-k", "--k", "ks", multiple=True, callback=_ks, metavar="K[,K...]",
              help="k of pass@k.  [default: 1, 2, 4 ... up to the smallest n]")  # fmt: skip
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95,
              show_default=True, help="Confidence level.")  # fmt: skip
@output_options
def gap(
    runs: tuple[Path, ...],
    *,
    public: str,
    fresh: str,
    control: str | None,
    reference: tuple[Path, ...],
    ks: tuple[int, ...],
    level: float,
    output: str,
) -> None:
    """Compare the score on a public task with that on a fresh one, and say what it can mean.

    RUNS are run directories; those of one model are read together.  The same difference of a
    reference model, and that between an old and the fresh draw of the same families, stand
    beside it.
    """
    from reasonbench.cli.output import print_json, say
    from reasonbench.freshgap import fresh_gap
    from reasonbench.report.text import one_line

    found = fresh_gap(
        runs,
        public=public,
        fresh=fresh,
        control=control,
        reference=reference,
        ks=ks,
        level=level,
    )
    if output == "json":
        print_json(found)
        return
    for model in found.models:
        _show(found, model)
        for note in model.notes:
            say(one_line(f"note: {model.model}: {note}"))


def _show(found: "FreshGap", model: "ModelGap") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import level_name, one_line, points, points_interval

    about = f"{found.public} against {found.fresh}"
    for name, other in (("control", found.control), ("reference", found.reference)):
        about += f", {name} {other}" if other is not None else ""
    sides = {
        found.public: model.public,
        found.fresh: model.fresh,
        **({} if found.control is None else {found.control: model.control}),
    }
    print_table(one_line(f"{model.model}: {about}"), ("k", *map(one_line, sides)), _scores(sides))
    header = ("k", "points", level_name(found.level), "problems")
    for row in model.rows:
        values = [
            (
                str(value.k),
                points(value.value),
                points_interval(value.interval),
                f"{value.n_first:,} and {value.n_second:,}",
            )
            for value in row.values
        ]
        print_table(row.kind.value, header, values)
        click.echo(f"It can show, {row.shows}.")
        click.echo(f"It cannot show {row.cannot_show}.")


def _scores(sides: "Mapping[str, tuple[Estimate, ...]]") -> list[tuple[str, ...]]:
    from reasonbench.report.text import percent

    return [
        (str(group[0].k), *(percent(estimate.value) for estimate in group))
        for group in zip(*sides.values(), strict=True)
    ]
