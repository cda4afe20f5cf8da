"""``reasonbench gate``: a policy, a model, an exit code."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.results import Audit, GateReport
    from reasonbench.specs import GatePolicy

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT = "check"


class _WithDefault(click.Group):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command's name before arguments that name none."""
        wants_help = args and args[0] in ctx.help_option_names
        if args and not wants_help and args[0] not in self.commands:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_WithDefault,
    epilog="Example: reasonbench gate runs/new --policy gate.toml --baseline runs/old",
)
def gate() -> None:
    """Judge an audit or a run by a policy: exit code 0 PASS, 1 FAIL, 4 INCONCLUSIVE.

    gate AUDIT_OR_RUN --policy FILE applies it; gate lock keeps the bar where it was.
    """


_POLICY = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="TOML file with [[rules]]; see reasonbench schema GatePolicy.",
)


def _file(name: str, help_: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option(f"--{name}", type=kind, help=help_)


@gate.command(DEFAULT, epilog="Example: reasonbench gate runs/new --policy gate.toml --junit g.xml")
@click.argument("subject", type=click.Path(path_type=Path), metavar="AUDIT_OR_RUN")
@_POLICY
@click.option("--baseline", type=click.Path(path_type=Path),
              help="Audit or run that rules with a margin hold it against.")  # fmt: skip
@click.option("--lock", type=click.Path(path_type=Path, file_okay=False),
              help="Lock that policy and problems must agree with, or exit code 3.")  # fmt: skip
@click.option("--on-inconclusive", type=click.Choice(["inconclusive", "pass", "fail"]),
              help="What an undecided gate counts as.  [default: as the policy says]")  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), help="Grader processes of a sequential gate."
)
@_file("out", "JSON file that gets the whole outcome.")
@_file("junit", "JUnit XML file, a test case a rule.")
@_file("markdown", "Markdown file for a comment on a pull request, below 64 KB.")
@_file("summary", "File that a summary is appended to, such as $GITHUB_STEP_SUMMARY.")
@_file("sarif", "SARIF file of the problems found in the traces.")
@_file("badge", "JSON file for a shields.io badge.")
@click.option("--annotations", is_flag=True, help="Print GitHub's annotations on stdout.")
@output_options
def check(
    subject: Path,
    *,
    policy: Path,
    baseline: Path | None,
    lock: Path | None,
    on_inconclusive: str | None,
    workers: int | None,
    annotations: bool,
    output: str,
    **files: Path | None,
) -> None:
    """Apply a policy to an audit or a run."""
    import msgspec

    from reasonbench.gate import judge, load_subject
    from reasonbench.gate.lock import verify
    from reasonbench.specfile import load_toml
    from reasonbench.specs import GatePolicy

    rules = load_toml(policy, GatePolicy)
    judged = load_subject(subject)
    if lock is not None:
        verify(lock, rules, judged)
    if on_inconclusive is not None:
        rules = msgspec.structs.replace(rules, on_inconclusive=on_inconclusive)
    command = ["reasonbench", *sys.argv[1:]]
    if rules.sequential is not None:
        report = _in_rounds(rules, subject, baseline, command, workers)
        judged = load_subject(subject)
    else:
        other = None if baseline is None else load_subject(baseline)
        report = judge(rules, judged, other, command=command)
    report = msgspec.structs.replace(report, lock=None if lock is None else str(lock))
    _write(report, judged.audit, files)
    _print(report, output, annotations)
    raise click.exceptions.Exit(report.exit_code)


def _in_rounds(
    rules: "GatePolicy",
    subject: Path,
    baseline: Path | None,
    command: list[str],
    workers: int | None,
) -> "GateReport":
    from reasonbench.cli.talk import Talk
    from reasonbench.errors import SpecError
    from reasonbench.gate.sequential import judge_in_rounds

    if baseline is None:
        raise SpecError(
            "a sequential gate needs a baseline", hint="give --baseline with its run directory"
        )
    with Talk() as reporter:
        return judge_in_rounds(
            rules, subject, baseline, command=command, reporter=reporter, workers=workers
        )


def _write(report: "GateReport", audit: "Audit", files: dict[str, Path | None]) -> None:
    import msgspec

    from reasonbench.gate import outputs

    made: dict[str, Callable[[], str]] = {
        "out": lambda: msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n",
        "junit": lambda: outputs.junit(report),
        "markdown": lambda: outputs.markdown(report, limit=outputs.MAX_COMMENT),
        "sarif": lambda: outputs.dump(outputs.sarif(audit)),
        "badge": lambda: outputs.dump(outputs.badge(report)),
    }
    for name, make in made.items():
        path = files.get(name)
        if path is not None:
            _put(path, make(), "w")
    summary = files.get("summary")
    if summary is not None:
        held = summary.stat().st_size if summary.is_file() else 0
        room = max(outputs.MAX_SUMMARY - held, 2000)
        _put(summary, outputs.markdown(report, limit=room), "a")


def _put(path: Path, text: str, mode: str) -> None:
    from reasonbench.errors import StoreWriteError

    try:
        with open(path, mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreWriteError(f"{path} cannot be written: {error.strerror or error}") from error


def _print(report: "GateReport", output: str, annotations: bool) -> None:
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.gate import outputs
    from reasonbench.report.text import one_line

    if output == "json":
        print_json(report)
    else:
        rows = [
            (one_line(r.name, 120), r.rule.tier.value, r.decision.value, one_line(r.sentence))
            for r in report.results
        ]
        print_table(one_line(f"gate: {report.model}"), ("rule", "tier", "outcome", "why"), rows)
        click.echo(one_line(report.sentence))
    if annotations:
        for line in outputs.annotations(report):
            click.echo(line)


@gate.command("lock", epilog="Example: reasonbench gate lock runs/new --policy gate.toml --out bar")
@click.argument(
    "subject", type=click.Path(path_type=Path), metavar="[AUDIT_OR_RUN]", required=False
)
@_POLICY
@click.option("--out", type=click.Path(path_type=Path), help="Folder that the lock is written to.")
@click.option("--producer", default="", help="Who locks it, such as an organisation's domain.")
@click.option("--verify", type=click.Path(path_type=Path),
              help="Compare with this lock instead; exit code 3 if the bar was moved.")  # fmt: skip
def lock(
    subject: Path | None, *, policy: Path, out: Path | None, producer: str, verify: Path | None
) -> None:
    """Lock a policy and the problems that it is about, before the result is known.

    The problems are those of the tasks that the rules name, or of AUDIT_OR_RUN.
    """
    from reasonbench.cli.output import say
    from reasonbench.errors import SpecError
    from reasonbench.gate import load_subject
    from reasonbench.gate import lock as locks
    from reasonbench.specfile import load_toml
    from reasonbench.specs import GatePolicy

    rules = load_toml(policy, GatePolicy)
    if (out is None) == (verify is None):
        raise SpecError(
            "a lock is either written or verified", hint="give one of --out FOLDER, --verify FOLDER"
        )
    judged = None if subject is None else load_subject(subject)
    if verify is not None:
        held = locks.verify(verify, rules, judged)
        click.echo(
            f"unchanged since {held.created}: policy {held.policy_digest[:16]}, "
            f"{len(held.data)} tasks"
        )
        return
    assert out is not None
    data = locks.data_of_tasks(rules) if judged is None else locks.data_of(rules, judged)
    seed = None if judged is None else judged.audit.run.sampling.seed
    producer = producer or "reasonbench"
    made = locks.write_lock(rules, data, out, producer=producer, seed=seed)
    click.echo(made.policy_digest)
    say(f"locked: {shlex.quote(str(out))}; publish it, or this digest, before the run")
