"""What another model, and younger problems, say of a score."""

from collections.abc import Mapping
from pathlib import Path

from reasonbench.audit.sides import Sampling, Side
from reasonbench.comparison import compare
from reasonbench.errors import SpecError
from reasonbench.freshgap import fresh_gap
from reasonbench.results import Comparison, FreshGap, Role
from reasonbench.specs import AuditSpec


def against_references(
    spec: AuditSpec, roles: Mapping[str, Role], directory: Path, sampling: Sampling
) -> tuple[tuple[FreshGap, ...], tuple[Comparison, ...]]:
    """Return the gap of each public task to each fresh one, and the model beside its references.

    Each reference is sampled on all of the audit's tasks where that is not done yet; the gap is
    held against that of the first.

    Raises:
        SpecError: a control without a fresh task, or problems that were stopped early.
        ReasonbenchError: what sampling raises.
    """
    if spec.control is not None and not spec.fresh:
        raise SpecError(
            f"the control {spec.control} has no fresh task to be the control of",
            hint="give fresh = as well, or leave the control out",
        )
    if spec.stop_after_successes is not None:
        if spec.fresh or spec.reference_models():
            sampling.reporter.say(
                "problems were stopped at their successes: nothing is set beside the reference or "
                "fresh problems, which needs all completions of each"
            )
        return (), ()
    references = [_sampled(side, sampling) for side in Side.of_references(spec, sampling)]
    by_role = {role: [t for t, r in roles.items() if r is role] for role in Role}
    control = next(iter(by_role[Role.CONTROL]), None)
    gaps = tuple(
        fresh_gap(
            [directory],
            public=public,
            fresh=fresh,
            control=control,
            reference=references[:1],
            ks=spec.ks,
            level=spec.level,
        )
        for public in by_role[Role.PUBLIC]
        for fresh in by_role[Role.FRESH]
    )
    return gaps, tuple(
        compare(reference, directory, ks=spec.ks, level=spec.level) for reference in references
    )


def check_references(spec: AuditSpec) -> None:
    """Refuse references that can tell nothing.

    Raises:
        SpecError: both forms at once, the model under audit itself, or one model twice.
    """
    models = spec.reference_models()
    if spec.reference is not None and spec.references:
        raise SpecError(
            f"the references are given twice: reference = {spec.reference.id} and "
            f"references = {', '.join(m.id for m in spec.references)}",
            hint="list all of them under references, the one to measure by first",
        )
    if any(model.id == spec.model.id for model in models):
        raise SpecError(
            f"the reference {spec.model.id} is the model under audit itself",
            hint="name a model without the leak, such as its base or its teacher",
        )
    for place, model in enumerate(models):
        if model in models[:place]:
            raise SpecError(f"the reference {model.id} is given twice", hint="name it once")


def _sampled(side: Side, sampling: Sampling) -> Path:
    sampling.reporter.say(f"reference {side.model}: what it scores on the same tasks")
    return side.sampled()
