"""``reasonbench audit`` and ``reasonbench demo``."""

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reasonbench.cli.dryrun import check_probe, dry_run_options, run_dry
from reasonbench.cli.models import audit_with_known, cutoff_option
from reasonbench.cli.options import (
    check_report_path,
    data_option,
    default_out,
    gather,
    output_options,
    run_options,
    with_data,
)

if TYPE_CHECKING:
    from reasonbench.results import Audit, PairedTask

DEMO_N = 32
DEMO_MAX_TOKENS = 320
REPORT_FILE = "report.md"


@click.command(
    epilog="Example: reasonbench audit embedded:student --public countdown_public "
    "--heldout countdown_heldout --traces traces.jsonl.zst"
)
@click.argument("model")
@click.option("--public", multiple=True, help="Public benchmark, which may have leaked.")
@click.option("--heldout", multiple=True, help="Equally hard problems that cannot have leaked.")
@click.option("--fresh", multiple=True, help="Problems younger than the model, as fresh_math.")
@click.option("--control", help="The fresh families from an old round, as fresh_math:2024-10.")
@data_option
@click.option("--traces", multiple=True, help="Teacher traces: .jsonl, .jsonl.zst, .jsonl.gz.")
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="NAME",
    help="What looks for leaks, in the traces (overlap) or in the model (regurgitation, cutoff, "
    "perturbation, completion).  [default: overlap]",
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="MODEL",
    help="A model without the leak, as the base or the teacher; margins are against the first.",
)
@click.option("-k", "ks", type=int, multiple=True, help="k of pass@k.  [default: 1, 2, 4 ... n]")
@click.option("--level", type=float, help="Confidence level.  [default: 0.95]")
@run_options
@cutoff_option
@dry_run_options
@click.option("--md", type=click.Path(path_type=Path, dir_okay=False), help="Report's file.")
@output_options
def audit(
    model: str,
    *,
    output: str,
    out: Path | None,
    workers: int | None,
    md: Path | None,
    dry_run: bool,
    no_probe: bool,
    references: tuple[str, ...],
    cutoff: datetime.datetime | None,
    data: tuple[str, ...],
    **flags: Any,
) -> None:
    """Audit MODEL: sample, search its traces, score without what leaked, decide.

    MODEL is a Hub id, a local folder, embedded:teacher|base|student, or a TOML file with
    an AuditSpec (`reasonbench schema AuditSpec`); flags win over the file.
    """
    import msgspec

    from reasonbench.cli.specs import build_spec
    from reasonbench.specs import AuditSpec

    flags["ks"] = tuple(sorted(set(flags["ks"])))
    spec = build_spec(AuditSpec, model, gather(flags) | _named(references))
    bound = with_data((*spec.public, *spec.heldout), data)
    public, heldout = bound[: len(spec.public)], bound[len(spec.public) :]
    spec = msgspec.structs.replace(spec, public=public, heldout=heldout)
    spec = audit_with_known(spec, cutoff, chosen=bool(flags["detectors"]))
    directory = out or default_out(spec.model.id)
    check_probe(dry_run=dry_run, no_probe=no_probe)
    if dry_run:
        run_dry(spec.run_spec(), directory, output, probe=not no_probe)
        return
    check_report_path(md, directory, *map(Path, spec.traces), Path(model))
    _audit(spec, directory, md, workers, output)


@click.command(epilog="Example: reasonbench demo -n 8")
@click.option("-n", "n", type=click.IntRange(min=1), default=DEMO_N, show_default=True)
@click.option("--engine", default="transformers", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run directory.  [default: a new one, runs/demo-<time>]",
)
@output_options
def demo(n: int, engine: str, seed: int, out: Path | None, output: str) -> None:
    """Audit the shipped tiny student against its shipped traces, on a CPU.

    The student learned Countdown from a teacher's traces, and a quarter of the public
    benchmark was planted in them.  All numbers come from sampling done in this call.
    """
    from reasonbench import resources
    from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec

    now = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    spec = AuditSpec(
        model=ModelSpec(id="embedded:student"),
        public=("countdown_public",),
        heldout=("countdown_heldout",),
        traces=(str(resources.embedded_traces()),),
        engine=EngineSpec(name=engine),
        sampling=SamplingSpec(max_tokens=DEMO_MAX_TOKENS, seed=seed),
        n=n,
    )
    _audit(spec, out or Path("runs") / f"demo-{now}", None, None, output)


def _named(references: tuple[str, ...]) -> dict[str, Any]:
    """Return the flags of the references, which take the place of a file's, however it has them."""
    if not references:
        return {}
    first, *others = ({"id": reference} for reference in references)
    if others:
        return {"reference": None, "references": [first, *others]}
    return {"reference": first, "references": []}


def _audit(spec: Any, directory: Path, md: Path | None, workers: int | None, output: str) -> None:
    from reasonbench.audit import run_audit
    from reasonbench.cli.output import end, print_json, say
    from reasonbench.cli.run import say_warnings
    from reasonbench.cli.talk import Talk
    from reasonbench.report import markdown, page
    from reasonbench.report.collect import Source, collect

    with Talk() as talk:
        result = run_audit(spec, directory, reporter=talk, workers=workers, command=sys.argv)
    data = collect(Source(result, directory), [])
    report = markdown.write(data, md or directory / REPORT_FILE)
    shown = page.write(data, (directory / REPORT_FILE).with_suffix(".html"))
    if output == "json":
        print_json(result)
    else:
        show_audit(result)
        say_warnings(result.run)
    say(f"report: {report}")
    say(f"page: {shown}")
    if spec.gate is not None:
        _judge(spec, directory)
    end(result.run)


def _judge(spec: Any, directory: Path) -> None:
    """Apply the spec's policy; what is undecided or fails ends the command with its code."""
    from reasonbench.audit.sides import reference_directory
    from reasonbench.cli.output import say
    from reasonbench.gate import judge, load_subject
    from reasonbench.report.text import one_line

    there = bool(spec.reference_models())
    baseline = load_subject(reference_directory(directory)) if there else None
    report = judge(spec.gate, load_subject(directory), baseline, command=sys.argv)
    for result in report.results:
        say(one_line(f"gate: {result.decision.value}: {result.name}: {result.sentence}"))
    say(one_line(f"gate: {report.sentence}"))
    if report.exit_code:
        raise click.exceptions.Exit(report.exit_code)


def show_audit(result: "Audit") -> None:
    """Print a verdict table a benchmark, and the sentence behind it."""
    from reasonbench.cli.output import print_table
    from reasonbench.records import Estimate
    from reasonbench.report.text import interval, level_name, percent, visible
    from reasonbench.results import Role

    def row(name: str, estimates: tuple[Estimate, ...], problems: str = "") -> tuple[str, ...]:
        first = next((e for e in estimates if e.k == 1), None)
        if first is None:
            return (name, problems or "0", "-", "-")
        problems = problems or str(first.n_problems)
        return (name, problems, percent(first.value), interval(first.superpopulation))

    heldout = [t for t in result.run.tasks if t.role is Role.HELDOUT]
    fresh = [t for t in result.run.tasks if t.role in (Role.FRESH, Role.CONTROL)]
    for line, benchmark in zip(result.verdicts, result.benchmarks, strict=True):
        task = next(t for t in result.run.tasks if t.spec.name == line.task)
        rows = [row("all", task.estimates)]
        if result.scan is not None:
            found = f"{benchmark.n_contaminated} of {benchmark.n_checked}"
            rows.append(row("found in the traces", benchmark.leaked, found))
            rows.append(row("without these", benchmark.clean))
        rows += [row(f"held out: {t.spec.name}", t.estimates) for t in heldout]
        rows += [row(f"fresh: {t.spec.name}", t.estimates) for t in fresh]
        print_table(
            f"{result.spec.model.id} on {line.task}: {line.verdict.value}",
            ("problems", "number", "pass@1", f"{level_name(result.spec.level)} interval"),
            rows,
        )
        click.echo(visible(f"verdict: {line.verdict.value}. {line.sentence}"))
        for check in result.checks:
            if check.task == line.task:
                name = check.detector.partition("/")[0]
                click.echo(visible(f"{name}: {check.status.value}. {check.sentence}"))
        for claim in result.claims:
            if claim.task == line.task:
                click.echo(visible(f"claim: {claim.sentence}"))
    _show_gaps(result)


def _show_gaps(result: "Audit") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import one_line, points, points_interval

    for gap in result.gaps:
        for model in gap.models:
            rows = [
                (row.kind.value, points(value.value), points_interval(value.interval))
                for row in model.rows
                for value in row.values
                if value.k == 1
            ]
            name = one_line(f"{gap.public} against {gap.fresh}, pass@1")
            print_table(name, ("difference", "points", f"{gap.level:.0%} interval"), rows)
    for comparison in result.comparisons:
        for task in comparison.tasks:
            click.echo(one_line(f"{task.task} against {comparison.model_a}: {_beside(task)}"))


def _beside(task: "PairedTask") -> str:
    from reasonbench.report.text import points, points_interval

    said = []
    for delta in task.deltas:
        if delta.k == 1 and delta.value is not None:
            said.append(f"pass@1 {points(delta.value)} points ({points_interval(delta.interval)})")
    if task.collapse is not None:
        said.append(f"diversity at K = {task.collapse.k}: {task.collapse.verdict}")
    return "; ".join(said)
