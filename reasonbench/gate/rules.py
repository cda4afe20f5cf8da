"""One policy, one subject, one decision.

A rule on a metric tests a mean over problems against a bound, by Gaffke's one-sided bounds with
anchor 1; against a baseline it tests the differences on the problems that both were asked.  PASS
rejects that the rule does not hold, FAIL that it does; Holm's correction is over the rules that
weigh (critical and supporting).  Where neither is rejected the rule is INCONCLUSIVE, and says how
many problems and samples would decide it.  Numbers of a run that is invalid or incomplete decide
nothing.
"""

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reasonbench import __version__, stats
from reasonbench.errors import SpecError
from reasonbench.gate.metrics import Metric, metric_of
from reasonbench.gate.subject import Subject
from reasonbench.gate.whole import judge_whole
from reasonbench.identity import digest
from reasonbench.records import Interval
from reasonbench.results import (
    GATE_SCHEMA,
    GateDecision,
    GateReport,
    GateResult,
    Severity,
    TaskResult,
)
from reasonbench.specs import GatePolicy, GateRule, Tier
from reasonbench.stats.gate import MeanTest, least_difference, mean_against

EXIT = {GateDecision.PASS: 0, GateDecision.FAIL: 1, GateDecision.INCONCLUSIVE: 4}
"""Exit code of each outcome."""
PASS, FAIL, INCONCLUSIVE = GateDecision.PASS, GateDecision.FAIL, GateDecision.INCONCLUSIVE


class Posed(NamedTuple):
    """A rule as a question about a mean: is it above the bound?"""

    values: list[float]
    bound: float
    low: float
    """Least that a value can be."""
    upward: bool
    """Whether the rule holds above the bound."""
    clusters: list[str] | None
    n: int
    """Most completions a problem."""
    n_alone: int
    """Problems of one side that the other was not asked."""


@dataclass(frozen=True)
class Tested:
    """A rule and what was tested for it."""

    rule: GateRule
    task: TaskResult
    posed: Posed
    test: MeanTest
    p_pass: float
    p_fail: float
    why_not: str = ""
    """Why its numbers decide nothing; empty where they may."""


def judge(
    policy: GatePolicy,
    subject: Subject,
    baseline: Subject | None = None,
    *,
    command: Sequence[str] = (),
) -> GateReport:
    """Apply a policy.

    Args:
        policy: the rules.
        subject: what is judged.
        baseline: what rules with a margin hold it against.
        command: command that asked for it.

    Raises:
        SpecError: a rule that cannot be applied: no such metric or task, no baseline.
    """
    tested: list[Tested | GateResult] = []
    for rule in policy.rules:
        _check(rule, baseline)
        metric = metric_of(rule)
        if metric is None:
            tested.append(judge_whole(rule, subject))
        else:
            tested.append(_test(rule, metric, subject, baseline))
    weighing = [t for t in tested if isinstance(t, Tested) and t.rule.tier is not Tier.ADVISORY]
    holm_pass, holm_fail = (
        dict(zip(map(id, weighing), _holm([getattr(t, side) for t in weighing]), strict=True))
        for side in ("p_pass", "p_fail")
    )
    results = tuple(
        t
        if isinstance(t, GateResult)
        else _result(t, policy, holm_pass.get(id(t)), holm_fail.get(id(t)))
        for t in tested
    )
    return report(policy, results, subject, baseline, command)


def report(
    policy: GatePolicy,
    results: tuple[GateResult, ...],
    subject: Subject,
    baseline: Subject | None,
    command: Sequence[str],
) -> GateReport:
    """Return the outcome of all rules together."""
    decision = _overall(results)
    counts_as = decision
    if decision is INCONCLUSIVE and policy.on_inconclusive != "inconclusive":
        counts_as = GateDecision(policy.on_inconclusive.upper())
    return GateReport(
        schema_version=GATE_SCHEMA,
        reasonbench=__version__,
        created=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        command=tuple(command),
        subject=subject.name,
        model=subject.model,
        baseline=None if baseline is None else baseline.name,
        policy=policy,
        policy_digest=digest(policy),
        results=results,
        decision=decision,
        counts_as=counts_as,
        exit_code=EXIT[counts_as],
        sentence=_sentence(decision, counts_as, results),
    )


def _overall(results: Sequence[GateResult]) -> GateDecision:
    weighing = [r for r in results if r.rule.tier is not Tier.ADVISORY]
    if any(r.decision is FAIL for r in weighing):
        return FAIL
    undecided = [r for r in weighing if r.decision is INCONCLUSIVE and r.rule.tier is Tier.CRITICAL]
    return INCONCLUSIVE if undecided else PASS


def _sentence(
    decision: GateDecision, counts_as: GateDecision, results: Sequence[GateResult]
) -> str:
    deciding = [r for r in results if r.decision is decision and r.rule.tier is not Tier.ADVISORY]
    said = f"{decision.value}: "
    if decision is PASS:
        said += f"{len(deciding)} of {len(results)} rules hold and none fails"
    else:
        word = "fail" if decision is FAIL else "undecided"
        said += f"{len(deciding)} of {len(results)} rules {word}, first {deciding[0].name}: "
        said += deciding[0].sentence.rstrip(".")
    if counts_as is not decision:
        said += f"; the policy counts this as {counts_as.value}"
    return said + "."


def _check(rule: GateRule, baseline: Subject | None) -> None:
    metric = metric_of(rule)
    given = [
        n for n in ("at_least", "at_most", "margin", "better_by") if getattr(rule, n) is not None
    ]
    if metric is None:
        wrong = [n for n in given if n != "at_most" or rule.metric in ("validity", "verdict")]
        if wrong:
            raise SpecError(
                f"the rule {name_of(rule)!r} has {wrong[0]}, which {rule.metric} does not know",
                hint="findings and clean_delta@K take at_most, validity codes, verdict allowed",
            )
        return
    if len(given) != 1:
        raise SpecError(
            f"the rule {name_of(rule)!r} needs one of at_least, at_most, margin and better_by, "
            f"got {', '.join(given) or 'none'}",
            hint="give a bound, or a distance from the baseline",
        )
    if given[0] in ("margin", "better_by") and baseline is None:
        raise SpecError(
            f"the rule {name_of(rule)!r} has {given[0]}, which needs a baseline",
            hint="give --baseline AUDIT or RUN",
        )


def name_of(rule: GateRule) -> str:
    """Return the name that a rule is reported by."""
    return rule.name or " ".join(filter(None, (rule.metric, rule.task)))


def _test(rule: GateRule, metric: Metric, subject: Subject, baseline: Subject | None) -> Tested:
    task = subject.task(rule.task)
    if rule.margin is None and rule.better_by is None:
        posed = _absolute(rule, metric, subject, task)
    else:
        assert baseline is not None
        posed = _paired(rule, metric, (subject, task), (baseline, baseline.task(rule.task)))
    if all(map(math.isnan, posed.values)):
        most = max((c.n for c in task.problems), default=0)
        raise SpecError(
            f"the rule {name_of(rule)!r} needs {metric.k or 1} completions a problem, and "
            f"{subject.name} has at most {most}",
            hint="name a smaller K, or run on with a larger -n: samples are kept",
        )
    test = mean_against(
        posed.values, posed.bound, low=posed.low, alpha=1 - rule.level, clusters=posed.clusters
    )
    paired = rule.margin is not None or rule.better_by is not None
    sides = [subject, baseline] if paired and baseline is not None else [subject]
    why_not = next(filter(None, (_unsound(side, task.spec.name) for side in sides)), "")
    p_pass, p_fail = test.p_above, test.p_below
    if not posed.upward:
        p_pass, p_fail = p_fail, p_pass
    if why_not:
        p_pass = p_fail = 1.0  # what decides nothing lends nothing to the other rules
    return Tested(rule, task, posed, test, p_pass, p_fail, why_not)


def _unsound(subject: Subject, name: str) -> str:
    """Return why a task's numbers decide nothing, or an empty text."""
    task = subject.task(name)
    if task.n_owed:
        return (
            f"{name} of {subject.name} is incomplete: {task.n_owed} completions are still to be "
            f"sampled or graded"
        )
    for finding in subject.audit.run.validity:
        if finding.severity is Severity.INVALID and finding.task in (None, name):
            return f"the scores of {subject.name} are none: {finding.sentence.rstrip('.')}"
    return ""


def _absolute(rule: GateRule, metric: Metric, subject: Subject, task: TaskResult) -> Posed:
    values = metric.values(subject, task, rule)
    clusters = subject.clusters(task.spec.name)
    bound = rule.at_least if rule.at_least is not None else rule.at_most
    assert bound is not None
    return Posed(
        list(values.values()),
        bound,
        0.0,
        rule.at_least is not None,
        [clusters.get(p, f"\0{p}") for p in values] if clusters else None,
        max((c.n for c in task.problems), default=0),
        0,
    )


def _paired(
    rule: GateRule,
    metric: Metric,
    ours: tuple[Subject, TaskResult],
    theirs: tuple[Subject, TaskResult],
) -> Posed:
    (subject, task), (baseline, other) = ours, theirs
    mine, base = metric.values(subject, task, rule), metric.values(baseline, other, rule)
    shared = _shared(ours, theirs)
    sign = 1.0 if metric.higher else -1.0
    clusters = subject.clusters(task.spec.name)
    return Posed(
        [sign * (mine[p] - base[p]) for p in shared],
        -rule.margin if rule.margin is not None else float(rule.better_by or 0.0),
        -1.0,
        True,
        [clusters.get(p, f"\0{p}") for p in shared] if clusters else None,
        min(max((c.n for c in t.problems), default=0) for t in (task, other)),
        len(mine) + len(base) - 2 * len(shared),
    )


def _shared(
    ours: tuple[Subject, TaskResult],
    theirs: tuple[Subject, TaskResult],
) -> list[str]:
    """Return the problems that both were asked, by what they ask where that is known."""
    (subject, task), (baseline, other) = ours, theirs
    a, b = subject.digests(task.spec.name), baseline.digests(other.spec.name)
    asked = {c.problem_id for c in other.problems}
    both = [c.problem_id for c in task.problems if c.problem_id in asked]
    if a and b:
        both = [p for p in both if a.get(p) == b.get(p)]
    elif task.spec.content_digest != other.spec.content_digest:
        raise SpecError(
            f"{subject.name} and {baseline.name} hold different problems under the name "
            f"{task.spec.name}, and without both runs they cannot be told apart",
            hint="give the run directories in place of the audits' files",
        )
    if not both:
        raise SpecError(
            f"{subject.name} and {baseline.name} share no problem of {task.spec.name}",
            hint="run both on the same task",
        )
    return both


def _result(
    tested: Tested, policy: GatePolicy, holm_pass: float | None, holm_fail: float | None
) -> GateResult:
    rule, test, posed = tested.rule, tested.test, tested.posed
    alpha = 1 - rule.level
    passed = tested.p_pass if holm_pass is None else holm_pass
    failed = tested.p_fail if holm_fail is None else holm_fail
    decision = PASS if passed <= alpha else FAIL if failed <= alpha else INCONCLUSIVE
    paired = rule.margin is not None or rule.better_by is not None
    mde = least_difference(test.standard_error, alpha, policy.power) if paired else None
    needs = "" if decision is not INCONCLUSIVE else _needs(tested, policy, mde)
    sentence = _numbers(tested)
    if tested.why_not:
        decision, needs = INCONCLUSIVE, "a run that is complete and valid"
        sentence = f"{tested.why_not}."
    elif decision is INCONCLUSIVE and mde is not None and rule.margin and mde > rule.margin:
        sentence += (
            f" Refused: differences below {100 * mde:.1f} points cannot be seen with these "
            f"{test.n_problems} problems; it {needs}."
        )
    elif needs:
        sentence += f" It {needs}."
    return GateResult(
        name=name_of(rule),
        rule=rule,
        task=tested.task.spec.name,
        decision=decision,
        value=test.mean,
        interval=_interval(test),
        n_problems=test.n_problems,
        n=posed.n,
        p_pass=tested.p_pass,
        p_fail=tested.p_fail,
        p_pass_holm=holm_pass,
        p_fail_holm=holm_fail,
        mde=None if mde is None or math.isnan(mde) else mde,
        sentence=sentence,
        needs=needs,
    )


def _interval(test: MeanTest) -> Interval:
    return Interval(low=float(test.interval.low[0]), high=float(test.interval.high[0]))


def _numbers(tested: Tested) -> str:
    rule, test, posed = tested.rule, tested.test, tested.posed
    low, high = float(test.interval.low[0]), float(test.interval.high[0])
    over = f"{test.n_problems} problems x {posed.n}"
    alone = f" ({posed.n_alone} of one side only are left out)" if posed.n_alone else ""
    level = f"{100 * rule.level:g}%"
    if rule.margin is not None or rule.better_by is not None:
        wanted = (
            f"at most {100 * rule.margin:g} points worse"
            if rule.margin is not None
            else f"more than {100 * float(rule.better_by or 0):g} points better"
        )
        return (
            f"{rule.metric} is {100 * test.mean:+.1f} points better than the baseline's over "
            f"{over}{alone}, one-sided {level} bounds {100 * low:+.1f} and {100 * high:+.1f}; "
            f"{wanted} is asked for."
        )
    wanted = (
        f"at least {100 * posed.bound:g}%" if posed.upward else f"at most {100 * posed.bound:g}%"
    )
    return (
        f"{rule.metric} is {100 * test.mean:.1f}% over {over}, one-sided {level} bounds "
        f"{100 * low:.1f}% and {100 * high:.1f}%; {wanted} is asked for."
    )


def _needs(tested: Tested, policy: GatePolicy, mde: float | None) -> str:
    """Return how many problems would decide a rule, at as many samples of each."""
    distance = tested.rule.margin if mde is not None else abs(tested.test.mean - tested.posed.bound)
    if tested.rule.better_by is not None:
        distance = abs(tested.test.mean - tested.posed.bound)
    seen = least_difference(tested.test.standard_error, 1 - tested.rule.level, policy.power)
    if not distance or math.isnan(seen):
        return "needs more problems"
    wanted = math.ceil(tested.test.n_problems * (seen / distance) ** 2)
    if wanted <= tested.test.n_problems:
        return f"needs more than {tested.test.n_problems} problems x {tested.posed.n} samples"
    return f"needs at least {wanted:,} problems x {tested.posed.n} samples"


def _holm(p_values: Sequence[float]) -> list[float]:
    return [float(p) for p in stats.holm(np.array(p_values))] if p_values else []
