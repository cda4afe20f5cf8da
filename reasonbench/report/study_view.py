"""What of a study's report the parts of a page look at: its curves, its levels, its models."""

from collections.abc import Iterable, Sequence

from reasonbench.report.svg import Mark
from reasonbench.report.text import interval, percent
from reasonbench.results.study import (
    StudyCurve,
    StudyModel,
    StudyPoint,
    StudyReport,
    StudyRole,
)

DODGE = 0.013
"""Share of an axis that the points of one series stand apart from those of the next."""


def arms_of(report: StudyReport) -> list[StudyModel]:
    """Return the students."""
    return [m for m in report.models if m.role is StudyRole.ARM]


def reference_of(report: StudyReport, role: StudyRole) -> StudyModel | None:
    """Return the student's beginning or the teacher, where it was sampled."""
    return next((m for m in report.models if m.role is role), None)


def trail_of(report: StudyReport, model: StudyModel) -> list[StudyCurve]:
    """Return a model's curves at the first temperature, the last step last."""
    mine = [c for c in model.curves if c.temperature == report.spec.temperatures[0]]
    return sorted(mine, key=_step)


def main_curve(report: StudyReport, model: StudyModel | None) -> StudyCurve | None:
    """Return the curve that counts: the last step's at the first temperature."""
    trail = [] if model is None else trail_of(report, model)
    return trail[-1] if trail else None


def sweep_of(report: StudyReport, model: StudyModel) -> list[StudyCurve]:
    """Return the last step's curves, a temperature each, in the spec's order."""
    last = max((_step(c) for c in model.curves), default=-1)
    order = {t: i for i, t in enumerate(report.spec.temperatures)}
    mine = [c for c in model.curves if _step(c) == last]
    return sorted(mine, key=lambda c: (order.get(c.temperature, len(order)), c.temperature))


def _step(curve: StudyCurve) -> int:
    return -1 if curve.step is None else curve.step


def largest_k(report: StudyReport) -> int:
    """Return K: the largest k that the beginning, or else any model, was measured at."""
    models = sorted(report.models, key=lambda m: m.role is not StudyRole.BASE)
    for curve in (main_curve(report, m) for m in models):
        if curve is not None and curve.pass_at_k:
            return curve.pass_at_k[-1].k
    return max(report.spec.ks, default=report.spec.n)


def at(points: Iterable[StudyPoint], k: int) -> StudyPoint | None:
    """Return the point at k."""
    return next((p for p in points if p.k == k), None)


def at_k(curve: StudyCurve | None, k: int) -> StudyPoint | None:
    """Return a curve's point at k."""
    return None if curve is None else at(curve.pass_at_k, k)


def value_of(point: StudyPoint | None) -> str:
    """Return a point's proportion."""
    return percent(None if point is None else point.value)


def with_interval(point: StudyPoint | None) -> str:
    """Return a point's proportion with its interval behind it, where there is one."""
    if point is None:
        return "-"
    inside = "" if point.interval is None else f" ({interval(point.interval)})"
    return percent(point.value) + inside


def marks(points: Sequence[StudyPoint], place: int = 0, *, scale: float = 1.0) -> list[Mark]:
    """Return points to draw over log k, moved a little apart by their series' place.

    Args:
        points: pass@k, or differences of it.
        place: of the series among those of one chart; the middle one is 0.
        scale: what values are multiplied by.
    """
    span = max(1, max((p.k for p in points), default=1)).bit_length()
    shift = 2.0 ** (DODGE * span * place)
    return [mark(p.k * shift, p, scale) for p in points]


def mark(x: float, point: StudyPoint, scale: float = 1.0) -> Mark:
    """Return one point to draw."""
    inside = point.interval
    low, high = (None, None) if inside is None else (scale * inside.low, scale * inside.high)
    return Mark(x, scale * point.value, low, high)


def colour_of(report: StudyReport, model: StudyModel) -> int:
    """Return the number of a model's colour and shape, which is the same in every chart."""
    return report.models.index(model)
