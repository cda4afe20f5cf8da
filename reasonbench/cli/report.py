"""``reasonbench report``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import check_report_path

if TYPE_CHECKING:
    from reasonbench.report.collect import Source
    from reasonbench.report.data import ReportData
    from reasonbench.report.document import Document
    from reasonbench.results.study import StudyReport

PIPE = Path("-")
MAX_STDIN = 400_000_000
"""Bytes of an audit or a study that is read from a pipe, at most."""


@click.command(epilog="Example: reasonbench report runs/embedded-student --html report.html --open")
@click.argument(
    "what",
    metavar="[AUDIT_OR_RUN_OR_STUDY]...",
    nargs=-1,
    type=click.Path(path_type=Path, allow_dash=True),
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="HTML file to write.")
@click.option(
    "--md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Markdown file to write.  [default: stdout, without --html]",
)
@click.option(
    "--compare",
    multiple=True,
    metavar="OTHER",
    type=click.Path(path_type=Path),
    help="A further run or audit, shown beside the first; the same as naming it after it.",
)
@click.option(
    "--from",
    "page",
    metavar="HTML",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make the report again of the data that an HTML report carries.",
)
@click.option("--open", "show", is_flag=True, help="Open the HTML file in the browser.")
def report(
    *,
    what: tuple[Path, ...],
    html: Path | None,
    md: Path | None,
    compare: tuple[Path, ...],
    page: Path | None,
    show: bool,
) -> None:
    """Write the report of an audit, of a run that was never audited, or of a study.

    What is named is an audit.json, a run directory (imported ones as well), a study's directory
    or its report.json, or - for an audit's or a study's JSON on stdin.  Further runs are shown
    beside the first, which is the one that is judged; a study stands alone.
    """
    from reasonbench.cli.output import say
    from reasonbench.report import markdown
    from reasonbench.report import page as pages

    if show and html is None:
        raise click.UsageError("--open opens the HTML file, and there is none: add --html FILE")
    if html is not None and md is not None and html.resolve() == md.resolve():
        raise click.UsageError(f"--html and --md both name {html}")
    if page is not None:
        if what or compare:
            raise click.UsageError(
                "--from takes its data from the HTML file: name no run beside it"
            )
        data = _carried(page, html, md)
    else:
        data = _named(what, compare, html, md)
    if html is not None:
        say(f"report: {pages.write(data, html)}")
    if md is not None:
        say(f"report: {markdown.write(data, md)}")
    elif html is None:
        click.echo(markdown.render(data), nl=False)
    if show and html is not None:
        click.launch(str(html.resolve()))


def _carried(page: Path, html: Path | None, md: Path | None) -> "ReportData | Document":
    from reasonbench.report.carried import read
    from reasonbench.report.data import ReportData

    _check(html, md, page)
    found = read(page)
    return found if isinstance(found, ReportData) else _study(found)


def _named(
    named: tuple[Path, ...], compare: tuple[Path, ...], html: Path | None, md: Path | None
) -> "ReportData | Document":
    from reasonbench.report.collect import Source, collect
    from reasonbench.report.study_source import KEPT, is_study, load_study
    from reasonbench.results.study import StudyReport

    if not named:
        raise click.UsageError("name an audit or a run, or a study, or give --from HTML")
    if named.count(PIPE) > 1 or PIPE in compare:
        raise click.UsageError("stdin holds one audit or study, and - is the first or none")
    read = [path for path in (*named, *compare) if path != PIPE]
    places = [*read, *(path.parent for path in read)]
    _check(html, md, *places, *(place / name for place in places for name in KEPT))
    studies = [path for path in read if is_study(path)]
    piped = _piped() if PIPE in named else None
    alone = len(named) + len(compare) == 1
    if (studies or isinstance(piped, StudyReport)) and not alone:
        raise click.UsageError("a study stands alone: name no other run beside it")
    if isinstance(piped, StudyReport):
        return _study(piped)
    if studies:
        return _study(load_study(studies[0]))
    sources = [
        piped if path == PIPE and piped else Source.load(path) for path in (*named, *compare)
    ]
    return collect(sources[0], sources[1:])


def _study(report: "StudyReport") -> "Document":
    from reasonbench.report.study import document_of

    return document_of(report)


def _piped() -> "Source | StudyReport":
    from reasonbench.report.collect import Source
    from reasonbench.report.study_source import decode_study, is_study_json

    text = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(text) <= MAX_STDIN and is_study_json(text):
        return decode_study(text, "stdin")
    return Source.decode(text, MAX_STDIN)


def _check(html: Path | None, md: Path | None, *read: Path) -> None:
    check_report_path(html, *read, option="--html")
    check_report_path(md, *read)
