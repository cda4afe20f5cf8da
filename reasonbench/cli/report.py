"""``reasonbench report``."""

from pathlib import Path

import click

from reasonbench.cli.options import check_report_path


@click.command(epilog="Example: reasonbench report runs/embedded-student --md report.md")
@click.argument("audit_or_run", type=click.Path(path_type=Path))
@click.option(
    "--md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: stdout]",
)
def report(audit_or_run: Path, md: Path | None) -> None:
    """Write the report of an audit, or of a run that was never audited.

    AUDIT_OR_RUN is an audit.json or a run directory.
    """
    from reasonbench.audit import load_audit
    from reasonbench.cli.output import say
    from reasonbench.report import markdown

    check_report_path(md, audit_or_run, audit_or_run.parent)
    audit = load_audit(audit_or_run)
    if md is None:
        click.echo(markdown.render(audit), nl=False)
    else:
        say(f"report: {markdown.write(audit, md)}")
