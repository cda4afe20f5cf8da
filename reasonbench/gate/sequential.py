"""A gate that samples: rounds of completions from both models, until it is decided.

The question is this list of problems (see ``stats.gate_sequential``), not other ones of the
kind; a rule's error is divided by the number of rules.  What is sampled is kept in the two run
directories, so the gate goes on where it was stopped, and its samples serve everything else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from reasonbench import stats
from reasonbench.errors import SpecError
from reasonbench.gate.rules import name_of, report
from reasonbench.gate.subject import Draw, Subject, load_subject
from reasonbench.protocols import Reporter
from reasonbench.results import GateDecision, GateReport, GateResult
from reasonbench.run import execute
from reasonbench.specs import GatePolicy, GateRule, SequentialPlan
from reasonbench.store import Store
from reasonbench.summary import find_plan

_DECIDED = {"PASS": GateDecision.PASS, "FAIL": GateDecision.FAIL}


def judge_in_rounds(
    policy: GatePolicy,
    subject: Path,
    baseline: Path,
    *,
    command: Sequence[str] = (),
    reporter: Reporter | None = None,
    workers: int | None = None,
) -> GateReport:
    """Sample both runs in rounds until every rule is decided, or ``n_max`` is reached.

    Args:
        policy: rules on ``pass@1`` with a margin, and the sequential plan.
        subject: run directory that is judged.
        baseline: run directory that it is held against.
        command: command that asked for it.
        reporter: told of the sampling.
        workers: grader processes.

    Raises:
        SpecError: another rule, or something that is no run directory.
        ReasonbenchError: what ``run.execute`` raises.
    """
    plan = policy.sequential
    if plan is None:
        raise SpecError("the policy has no [sequential] table, and a gate in rounds needs one")
    for rule in policy.rules:
        _check(rule)
    for path in (subject, baseline):
        if not path.is_dir():
            raise SpecError(
                f"{path} is no run directory, and a sequential gate samples",
                hint="give both models' run directories, or leave [sequential] out of the policy",
            )
    n = 0
    while True:
        n = min(n + plan.step, plan.n_max)
        for path in (subject, baseline):
            _top_up(path, n, command, reporter, workers)
        ours, theirs = load_subject(subject), load_subject(baseline)
        alpha = [(1 - rule.level) / len(policy.rules) for rule in policy.rules]
        results = tuple(
            _look(rule, (ours, theirs), n, plan, a)
            for rule, a in zip(policy.rules, alpha, strict=True)
        )
        if n == plan.n_max or all(r.decision is not GateDecision.INCONCLUSIVE for r in results):
            return report(policy, results, ours, theirs, command)


def _check(rule: GateRule) -> None:
    if rule.metric != "pass@1" or rule.margin is None or rule.max_tokens is not None:
        raise SpecError(
            f"the rule {name_of(rule)!r} cannot be decided in rounds: these are for pass@1 with a "
            "margin against a baseline",
            hint="leave the rule out, or leave [sequential] out of the policy",
        )


def _top_up(
    directory: Path,
    n: int,
    command: Sequence[str],
    reporter: Reporter | None,
    workers: int | None,
) -> None:
    with Store.read(directory) as store:
        spec = find_plan(store).spec
    if spec.stop_after_successes is not None:
        raise SpecError(
            f"{directory} stops problems at their successes, and rounds need all completions",
            hint="make a run without --stop-after-successes",
        )
    execute(
        msgspec.structs.replace(spec, n=max(n, spec.n)),
        directory,
        reporter=reporter,
        workers=workers,
        command=command,
    )


def _look(
    rule: GateRule,
    sides: tuple[Subject, Subject],
    n: int,
    plan: SequentialPlan,
    alpha: float,
) -> GateResult:
    ours, theirs = sides
    task = ours.task(rule.task).spec.name
    shared = _shared(ours, theirs, task)
    a, b = (_rounds(side.draws(task), shared, n, side.name) for side in (theirs, ours))
    margin = float(rule.margin or 0.0)
    found = stats.gate_sequential(b - a, margin, alpha, plan.method, n_max=plan.n_max)
    decision = _DECIDED.get(found.decision, GateDecision.INCONCLUSIVE)
    end = (
        ""
        if decision is not GateDecision.INCONCLUSIVE
        else ("; the rounds are over" if n == plan.n_max else "; it goes on")
    )
    sentence = (
        f"after {found.rounds_used} rounds on these {len(shared)} problems pass@1 is "
        f"{100 * found.delta:+.1f} points better than the baseline's (biased by stopping); at most "
        f"{100 * margin:g} points worse is asked for; evidence {found.wealth[-1]:.3g} for and "
        f"{found.wealth_fail[-1]:.3g} against, {found.threshold:.3g} decides{end}."
    )
    return GateResult(
        name=name_of(rule),
        rule=rule,
        task=task,
        decision=decision,
        value=found.delta,
        interval=None,
        n_problems=len(shared),
        n=found.rounds_used,
        p_pass=None,
        p_fail=None,
        p_pass_holm=None,
        p_fail_holm=None,
        mde=None,
        sentence=sentence,
        needs="" if decision is not GateDecision.INCONCLUSIVE else "needs more rounds",
    )


def _shared(ours: Subject, theirs: Subject, task: str) -> list[str]:
    a, b = ours.digests(task), theirs.digests(task)
    shared = [p for p in a if a[p] == b.get(p)]
    if not shared:
        raise SpecError(
            f"{ours.name} and {theirs.name} share no problem of {task}",
            hint="run both on the same task",
        )
    return shared


def _rounds(
    draws: Mapping[str, Sequence[Draw]], problems: Sequence[str], n: int, name: str
) -> npt.NDArray[np.float64]:
    """Return 1 for each right completion, shape (n, problems)."""
    result = np.zeros((n, len(problems)))
    for column, problem in enumerate(problems):
        right = {d.sample_index: d.correct for d in draws.get(problem, ())}
        for row in range(n):
            if row not in right:
                raise SpecError(
                    f"completion {row} of problem {problem!r} in {name} has no verdict, and a "
                    "round needs one of each",
                    hint="run it on, or mend its grader: reasonbench regrade",
                )
            result[row, column] = right[row]
    return result
