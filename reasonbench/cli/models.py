"""``reasonbench models list|show``, and what ``--cutoff`` does in other commands."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.models import Effective, PublishedClaim
    from reasonbench.results import Measured, ModelCheck, RunResult
    from reasonbench.specs import AuditSpec, RunSpec

F = TypeVar("F", bound=Callable[..., Any])

DETECTOR = "cutoff"
"""Detector that holds an audit's problems before the cutoff against those after it."""


def cutoff_option(function: F) -> F:
    """Add --cutoff."""
    return click.option(
        "--cutoff",
        "cutoff",
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="DATE",
        help="Last day that the training data may hold, such as 2025-01-31; problems are split "
        "there.  [default: of a known model, see reasonbench models]",
    )(function)


@click.group(epilog="Example: reasonbench models show deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
def models() -> None:
    """Say what is known of models: training cutoffs, and scores that were published."""


@models.command("list", epilog="Example: reasonbench models list --format json")
@output_options
def list_models(output: str) -> None:
    """List the known models with their effective training cutoffs."""
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.models import effective, registry, shipped_claims

    known, claims = registry(), shipped_claims()
    found = [(m, effective(m, known), len(claims.of(m.name))) for m in known.models.values()]
    if output == "json":
        rows = [
            {"name": m.name, "hub": m.hub, "released": m.released.date, "claims": n}
            | {"cutoff": e.cutoff, "note": m.note}
            for m, e, n in found
        ]
        print_json(rows)
        return
    print_table(
        "known models",
        ("name", "Hub ids", "cutoff", "kind", "released", "claims"),
        [
            (
                m.name,
                "\n".join(m.hub),
                str(e.cutoff.date),
                e.cutoff.kind.value,
                str(m.released.date),
                str(n),
            )
            for m, e, n in found
        ],
    )


@models.command("show", epilog="Example: reasonbench models show Qwen/QwQ-32B --hub")
@click.argument("model")
@click.option("--revision", help="Hub revision of the model.")
@click.option("--hub", is_flag=True, help="Read the model's card and results on the Hub too.")
@output_options
def show(model: str, *, revision: str | None, hub: bool, output: str) -> None:
    """Show where a model's training data ends, why, and what was claimed of it.

    MODEL is a Hub id, a name of `reasonbench models list`, or a local folder, whose card is
    read.  Of a Hub model that is not known, the Hub is asked when its weights were uploaded.
    """
    from reasonbench.cli.output import print_json, say
    from reasonbench.errors import SpecError
    from reasonbench.models import resolve
    from reasonbench.report.text import one_line

    found: Effective | None = None
    unknown: SpecError | None = None
    try:
        found = resolve(model, revision, ask_hub=True)
    except SpecError as error:
        unknown = error
    claims, refused = _claims(model, revision, hub=hub)
    if unknown is not None and not claims and not refused:
        raise unknown
    why = "" if unknown is None else unknown.message
    if output == "json":
        print_json(
            {
                "model": model,
                "revision": revision,
                "cutoff": found,
                "unknown": why,
                "claims": claims,
                "refused": refused,
            }
        )
        return
    _show_chain(model, found, why)
    _show_claims(model, claims)
    for sentence in refused:
        say(one_line(f"not read: {sentence}"))


def with_known(spec: "RunSpec", day: datetime.datetime | None) -> "RunSpec":
    """Return a run's spec with the model's cutoff, as given or known."""
    import msgspec

    from reasonbench.cli.output import say
    from reasonbench.models import with_cutoff

    model = with_cutoff(spec.model, day and day.date(), say=say)
    return msgspec.structs.replace(spec, model=model)


def audit_with_known(
    spec: "AuditSpec", day: datetime.datetime | None, *, chosen: bool
) -> "AuditSpec":
    """Return an audit's spec with the model's cutoff and the claims that it can be held against.

    Where the cutoff is known, the detector that needs it is added.

    Args:
        spec: the spec.
        day: the value of ``--cutoff``.
        chosen: whether the user chose the detectors on the command line; then none is added, but
            for a cutoff that was given as well.
    """
    import msgspec

    from reasonbench.cli.output import say
    from reasonbench.models import shipped_claims, with_cutoff
    from reasonbench.summary import default_ks

    model = with_cutoff(spec.model, day and day.date(), ask_hub=DETECTOR in spec.detectors, say=say)
    if not model.claims:
        claims, _ = _claims(model.id, model.revision, hub=False)
        tasks = [_task_name(task) for task in (*spec.public, *spec.heldout)]
        ks = {1, *(spec.ks or default_ks(spec.n))}
        matching = shipped_claims().matching(claims, tasks, ks)
        model = msgspec.structs.replace(model, claims=matching)
    detectors = spec.detectors
    if model.cutoff is not None and (day is not None or not chosen):
        detectors = tuple(dict.fromkeys((*detectors, DETECTOR)))
    return msgspec.structs.replace(spec, model=model, detectors=detectors)


def _task_name(reference: str) -> str:
    """Return the name of the task that a reference means, as far as the reference tells."""
    path = reference.removeprefix("yaml:").removeprefix("jsonl:")
    if path.lower().endswith((".yaml", ".yml", ".jsonl")):
        return Path(path).stem
    return reference.removeprefix("lm_eval:")


def show_splits(result: "RunResult", output: str) -> None:
    """Print a run's scores before and after the cutoff, of each task whose problems have dates.

    With JSON on stdout the sentences go to stderr.
    """
    from reasonbench.cli.output import say
    from reasonbench.models.split import checks_of_run
    from reasonbench.report.text import marked, one_line, visible
    from reasonbench.store import Store
    from reasonbench.summary import find_plan
    from reasonbench.verdict import invalid_for

    with Store.read(Path(result.path)) as store:
        cutoff = find_plan(store, result.plan).spec.model.cutoff
        problems = list(store.problems(result.plan))
    for check in checks_of_run(result, problems, cutoff):
        sentence = marked(check.sentence, bool(invalid_for(result, check.task)))
        if output == "json" or check.value is None:
            say(one_line(sentence))
            continue
        _show_split(check, bool(invalid_for(result, check.task)))
        click.echo(visible(f"{check.status.value}: {sentence} {check.cannot_show}"))


def _show_split(check: "ModelCheck", invalid: bool) -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import (
        interval,
        level_name,
        marked,
        one_line,
        percent,
        points,
        points_interval,
    )

    def score(side: "Measured") -> str:
        return f"{percent(side.value)} ({interval(side.interval)})"

    names = ("before", "problems", "score", "after", "problems", "score", "points")
    print_table(
        one_line(marked(f"{check.task}: before and after the cutoff", invalid)),
        (*names, f"{level_name(check.level)} interval"),
        [
            (
                c.first.what,
                f"{c.first.n:,}",
                score(c.first),
                c.second.what,
                f"{c.second.n:,}",
                score(c.second),
                points(c.value),
                points_interval(c.interval),
            )
            for c in check.contrasts
        ],
    )


def _claims(
    model: str, revision: str | None, *, hub: bool
) -> "tuple[tuple[PublishedClaim, ...], tuple[str, ...]]":
    """Return the claims of a model, and what could not be read: shipped, its files', the Hub's."""
    from reasonbench.errors import SpecError
    from reasonbench.models import claims_in_folder, registry, shipped_claims
    from reasonbench.models.cards import claims_on_hub
    from reasonbench.models.files import identify

    claims: list[PublishedClaim] = []
    refused: list[str] = []
    who = identify(model)
    known = registry().find(who.hub_id or model)
    if known is not None and (who.folder is None or who.hub_id is not None):
        claims += shipped_claims().of(known.name)
    if who.folder is not None:
        found = claims_in_folder(who.folder, model)
        claims += found.claims
        refused += found.refused
    if hub:
        if who.hub_id is None and known is None:
            raise SpecError(f"--hub needs a Hub id, and {model!r} is none")
        hub_id = who.hub_id or (known.hub[0] if known is not None and known.hub else model)
        found = claims_on_hub(hub_id, revision or who.revision)
        claims += found.claims
        refused += found.refused
    return tuple(claims), tuple(refused)


def _show_chain(model: str, found: "Effective | None", why: str) -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import visible

    if found is None:
        click.echo(visible(f"cutoff: not known. {why}"))
        return
    print_table(
        f"{model}: what its training data can hold",
        ("link", "of", "until", "kind", "decides", "read on", "source"),
        [
            (
                "  " * link.depth + link.role,
                link.name,
                str(link.date),
                link.kind.value,
                "yes" if link.decides else "",
                str(link.read_on or ""),
                link.source,
            )
            for link in found.links
        ],
    )
    click.echo(visible(f"cutoff: {found.sentence}"))
    if found.note:
        click.echo(visible(f"note: {found.note}"))


def _show_claims(model: str, claims: "tuple[PublishedClaim, ...]") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import percent

    if not claims:
        click.echo("claims: none is known.")
        return
    print_table(
        f"{model}: what was published",
        ("benchmark", "metric", "score", "n", "by", "sampling", "read on", "source", "notes"),
        [
            (
                one.claim.task,
                one.claim.metric,
                percent(one.claim.value),
                str(one.claim.n or "-"),
                one.by,
                ", ".join(f"{name} {value:g}" for name, value in one.sampling.items()),
                str(one.claim.read_on or ""),
                one.claim.source,
                "; ".join(filter(None, (*one.flags, one.note))),
            )
            for one in claims
        ],
    )
