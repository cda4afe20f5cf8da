"""Rules on a task or a run as a whole: leaks, validity, the audit's verdict."""

from collections.abc import Iterable, Set

from reasonbench.corpus.items import Kind
from reasonbench.errors import SpecError
from reasonbench.gate.subject import Subject
from reasonbench.records import Interval
from reasonbench.results import (
    Difference,
    FindingStatus,
    GateDecision,
    GateResult,
    Severity,
    VerdictWord,
)
from reasonbench.specs import GateRule
from reasonbench.validity.findings import CODES

PASS, FAIL, INCONCLUSIVE = GateDecision.PASS, GateDecision.FAIL, GateDecision.INCONCLUSIVE


def judge_whole(rule: GateRule, subject: Subject) -> GateResult:
    """Return the outcome of a rule that is not on one number a problem."""
    kind, _, k = rule.metric.partition("@")
    if kind == "findings":
        return _findings(rule, subject)
    if kind == "validity":
        return _validity(rule, subject)
    if kind == "verdict":
        return _verdict(rule, subject)
    return _clean_delta(rule, subject, int(k))


def _refuse_unknown(rule: GateRule, what: str, given: Iterable[str], known: Set[str]) -> None:
    """A name that nothing has would count nothing, and pass."""
    for name in given:
        if name not in known:
            raise SpecError(
                f"the rule on {rule.metric} names {what} {name!r}, which there is not",
                hint=f"one of {', '.join(sorted(known))}",
            )


def _findings(rule: GateRule, subject: Subject) -> GateResult:
    _refuse_unknown(rule, "the kind", rule.kinds, {kind.value for kind in Kind})
    most = 0 if rule.at_most is None else int(rule.at_most)
    audit = subject.audit
    name = None if rule.task is None else subject.task(rule.task).spec.name
    if audit.scan is None:
        return _outcome(
            rule,
            name,
            INCONCLUSIVE,
            "no traces were searched.",
            needs="needs an audit with --traces",
        )
    found = {
        (f.task, f.problem_id)
        for f in audit.findings
        if f.status is FindingStatus.CONTAMINATED
        and (name is None or f.task == name)
        and (not rule.kinds or f.kind in rule.kinds)
        and (f.q_value is None or f.q_value <= rule.q_value)
    }
    kinds = f" as {', '.join(rule.kinds)}" if rule.kinds else ""
    sentence = (
        f"{len(found)} problems stand in the traces{kinds} at q <= {rule.q_value:g}; at most "
        f"{most} are allowed."
    )
    decision = PASS if len(found) <= most else FAIL
    return _outcome(rule, name, decision, sentence, value=float(len(found)))


def _validity(rule: GateRule, subject: Subject) -> GateResult:
    _refuse_unknown(rule, "the code", rule.codes, CODES)
    name = None if rule.task is None else subject.task(rule.task).spec.name
    met = [
        f
        for f in subject.audit.run.validity
        if (f.code in rule.codes if rule.codes else f.severity is Severity.INVALID)
        and (name is None or f.task in (None, name))
    ]
    if met:
        codes = ", ".join(dict.fromkeys(f.code for f in met))
        return _outcome(rule, name, FAIL, f"{codes}: {met[0].sentence}", value=float(len(met)))
    looked = ", ".join(rule.codes) or "what makes a run invalid"
    return _outcome(rule, name, PASS, f"no finding of {looked}.", value=0.0)


def _verdict(rule: GateRule, subject: Subject) -> GateResult:
    _refuse_unknown(rule, "the verdict", rule.allowed, {word.value for word in VerdictWord})
    task = subject.task(rule.task).spec.name
    line = next((v for v in subject.audit.verdicts if v.task == task), None)
    if line is None:
        raise SpecError(
            f"{subject.name} has no verdict on {task}", hint="audit it as a --public task"
        )
    if line.verdict.value in rule.allowed:
        decision = PASS
    else:
        decision = INCONCLUSIVE if line.verdict is VerdictWord.INCONCLUSIVE else FAIL
    sentence = f"the verdict is {line.verdict.value}: {line.sentence}"
    needs = f"needs {line.would_change}" if decision is INCONCLUSIVE else ""
    return _outcome(rule, task, decision, sentence, needs=needs)


def _clean_delta(rule: GateRule, subject: Subject, k: int) -> GateResult:
    if rule.at_most is None:
        raise SpecError(
            f"the rule on {rule.metric} has no bound", hint="add at_most, such as at_most = 0.02"
        )
    task = subject.task(rule.task).spec.name
    found = _difference(subject, task, k)
    if found is None or found.value is None or found.interval is None:
        return _outcome(
            rule, task, INCONCLUSIVE, f"there is no {rule.metric} of {task}: nothing was found, or "
            "not searched for.", needs="needs an audit in which traces were searched",
        )  # fmt: skip
    low, high = found.interval.low, found.interval.high
    decision = PASS if high <= rule.at_most else FAIL if low > rule.at_most else INCONCLUSIVE
    sentence = (
        f"pass@{k} of all problems is {100 * found.value:+.1f} points against those that did not "
        f"leak ({100 * low:+.1f} to {100 * high:+.1f} at {100 * found.level:g}%); at most "
        f"{100 * rule.at_most:g} are allowed."
    )
    needs = "needs more samples, or more problems" if decision is INCONCLUSIVE else ""
    return _outcome(
        rule, task, decision, sentence, value=found.value, interval=found.interval, needs=needs
    )


def _difference(subject: Subject, task: str, k: int) -> Difference | None:
    for benchmark in subject.audit.benchmarks:
        if benchmark.task == task:
            named = [d for d in benchmark.differences if (d.name, d.k) == ("all - clean", k)]
            return named[0] if named else None
    return None


def _outcome(
    rule: GateRule,
    task: str | None,
    decision: GateDecision,
    sentence: str,
    *,
    value: float | None = None,
    interval: Interval | None = None,
    needs: str = "",
) -> GateResult:
    return GateResult(
        name=rule.name or " ".join(filter(None, (rule.metric, rule.task))),
        rule=rule,
        task=task,
        decision=decision,
        value=value,
        interval=interval,
        n_problems=0,
        n=0,
        p_pass=None,
        p_fail=None,
        p_pass_holm=None,
        p_fail_holm=None,
        mde=None,
        sentence=sentence,
        needs=needs,
    )
