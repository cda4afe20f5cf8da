"""What another model, and younger problems, say of a score."""

from collections.abc import Mapping
from pathlib import Path

from reasonbench.audit.sides import Sampling, Side
from reasonbench.comparison import compare
from reasonbench.errors import SpecError
from reasonbench.freshgap import fresh_gap
from reasonbench.results import Comparison, FreshGap, Role
from reasonbench.specs import AuditSpec


def against_reference(
    spec: AuditSpec, roles: Mapping[str, Role], directory: Path, sampling: Sampling
) -> tuple[tuple[FreshGap, ...], Comparison | None]:
    """Return the gap of each public task to each fresh one, and the model beside its reference.

    The reference is sampled on all of the audit's tasks where that is not done yet.

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
        if spec.fresh or spec.reference is not None:
            sampling.reporter.say(
                "problems were stopped at their successes: nothing is set beside the reference or "
                "fresh problems, which needs all completions of each"
            )
        return (), None
    reference = _reference_run(spec, sampling)
    by_role = {role: [t for t, r in roles.items() if r is role] for role in Role}
    control = next(iter(by_role[Role.CONTROL]), None)
    gaps = tuple(
        fresh_gap(
            [directory],
            public=public,
            fresh=fresh,
            control=control,
            reference=[] if reference is None else [reference],
            ks=spec.ks,
            level=spec.level,
        )
        for public in by_role[Role.PUBLIC]
        for fresh in by_role[Role.FRESH]
    )
    if reference is None:
        return gaps, None
    return gaps, compare(reference, directory, ks=spec.ks, level=spec.level)


def _reference_run(spec: AuditSpec, sampling: Sampling) -> Path | None:
    if spec.reference is None:
        return None
    sampling.reporter.say(f"reference {spec.reference.id}: what it scores on the same tasks")
    return Side.of_reference(spec, sampling).sampled()
