"""``reasonbench report``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import check_report_path

if TYPE_CHECKING:
    from reasonbench.report.collect import Source
    from reasonbench.report.data import ReportData

MAX_STDIN = 400_000_000
"""Bytes of an audit that is read from a pipe, at most."""


@click.command(epilog="Example: reasonbench report runs/embedded-student --html report.html --open")
@click.argument("audit_or_run", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
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
    audit_or_run: tuple[Path, ...],
    html: Path | None,
    md: Path | None,
    compare: tuple[Path, ...],
    page: Path | None,
    show: bool,
) -> None:
    """Write the report of an audit, or of a run that was never audited.

    AUDIT_OR_RUN is an audit.json, a run directory (imported ones as well), or - for an audit's
    JSON on stdin.  Further ones are shown beside the first, which is the one that is judged.
    """
    from reasonbench.cli.output import say
    from reasonbench.report import markdown
    from reasonbench.report import page as pages

    if show and html is None:
        raise click.UsageError("--open opens the HTML file, and there is none: add --html FILE")
    if html is not None and md is not None and html.resolve() == md.resolve():
        raise click.UsageError(f"--html and --md both name {html}")
    if page is not None:
        if audit_or_run or compare:
            raise click.UsageError(
                "--from takes its data from the HTML file: name no run beside it"
            )
        data = _carried(page, html, md)
    else:
        data = _collected(audit_or_run, compare, html, md)
    if html is not None:
        say(f"report: {pages.write(data, html)}")
    if md is not None:
        say(f"report: {markdown.write(data, md)}")
    elif html is None:
        click.echo(markdown.render(data), nl=False)
    if show and html is not None:
        click.launch(str(html.resolve()))


def _carried(page: Path, html: Path | None, md: Path | None) -> "ReportData":
    from reasonbench.report.carried import read

    for option, path in (("--html", html), ("--md", md)):
        _check(option, path, page)
    return read(page)


def _collected(
    named: tuple[Path, ...], compare: tuple[Path, ...], html: Path | None, md: Path | None
) -> "ReportData":
    from reasonbench.report.collect import Source, collect

    if not named:
        raise click.UsageError("name an audit or a run, or give --from HTML")
    if named.count(Path("-")) > 1 or Path("-") in compare:
        raise click.UsageError("stdin holds one audit, and - is the first or none")
    read = [path for path in (*named, *compare) if path != Path("-")]
    for option, path in (("--html", html), ("--md", md)):
        _check(option, path, *read, *(p.parent for p in read))
    sources = [_piped() if path == Path("-") else Source.load(path) for path in (*named, *compare)]
    return collect(sources[0], sources[1:])


def _piped() -> "Source":
    from reasonbench.report.collect import Source

    return Source.decode(sys.stdin.buffer.read(MAX_STDIN + 1), MAX_STDIN)


def _check(option: str, path: Path | None, *read: Path) -> None:
    from reasonbench.errors import SpecError

    try:
        check_report_path(path, *read)
    except SpecError as error:
        message = error.message.replace("--md", option, 1)
        raise SpecError(message, hint=error.hint) from error
