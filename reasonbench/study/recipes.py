"""What arms are called in one line, and what a reader of the report must know."""

from collections.abc import Mapping, Sequence

from reasonbench.results.study import StudyRole, StudyTraining
from reasonbench.specs import Loss, StudyArm, StudySpec, TraceView
from reasonbench.study import plan
from reasonbench.study.stages import Stages
from reasonbench.study.state import State
from reasonbench.study.versions import versions
from reasonbench.training import objectives

UNEQUAL = 0.10
"""Share by which loss tokens of two arms may differ before a note says so."""
MATTER = ("torch", "transformers", "trl", "peft", "vllm", "reasonbench")
"""Libraries whose change is noted."""


def recipes(spec: StudySpec) -> dict[str, str]:
    """Return one line for every model: its objective and traces, or the model's name."""
    found = {plan.BASE: spec.student.id, plan.TEACHER: spec.teacher.id}
    if StudyRole.TEACHER not in plan.references(spec):
        found = {plan.BASE: f"{spec.student.id}, the teacher too"}
    if spec.leak is not None:
        arm = spec.arms[0] if spec.arms else StudyArm(name="sft")
        for dose, trained in zip(sorted(spec.leak.dose), plan.trained_arms(spec), strict=True):
            times = {0: "no planted item", 1: "each planted item once"}
            copies = times.get(dose, f"each planted item {dose} times")
            found[trained.name] = f"{recipe(arm)}; {copies}"
        return found
    for arm in spec.arms:
        if arm.wise is not None:
            found[arm.name] = f"WiSE-FT: {arm.wise.alpha:g} of {arm.wise.arm}, the rest of the base"
        else:
            found[arm.name] = recipe(arm)
    return found


def recipe(arm: StudyArm) -> str:
    """Return one line for a trained arm."""
    return f"{objectives.describe(arm.objective)}; {describe_view(arm.view)}"


def describe_view(view: TraceView) -> str:
    """Return a view in words, such as ``greedy traces, correct only``."""
    parts = ["traces"]
    if view.temperature is not None:
        parts = (
            ["greedy traces"] if view.temperature == 0 else [f"traces at T = {view.temperature:g}"]
        )
    if view.per_problem is not None:
        parts.append(f"at most {view.per_problem} a problem")
    if view.correct_only:
        parts.append("correct only")
    if not view.deduplicate:
        parts.append("repeats kept")
    if view.problems is not None:
        parts.append(f"of {view.problems:,} problems")
    if view.clean_against:
        parts.append(f"without {', '.join(view.clean_against)}")
    return ", ".join(parts)


def notes(
    state: State,
    todo: Stages,
    trainings: Mapping[str, Sequence[StudyTraining]],
    begun_with: Mapping[str, str],
) -> tuple[str, ...]:
    """Return what a reader must know: what failed, what was left out, what is not matched."""
    return (
        *_failures(todo),
        *_failed_trials(state, todo),
        *taught_by_itself(state.spec),
        *_unequal(trainings),
        *_left_out(state),
        *_other_versions(begun_with),
    )


def _failures(todo: Stages) -> list[str]:
    return [
        f"{arm}, seed {seed}, failed: {why}"
        for (arm, seed) in todo.students
        if (why := todo.failure((arm, seed)))
    ]


def _failed_trials(state: State, todo: Stages) -> list[str]:
    rates = {
        name: [rate for rate in tuned if rate.pass_at_1 is None]
        for name, tuned in state.tuned.items()
    }
    whys = {job.name: job.why for job in todo.tuning}
    return [
        f"{name}: the trial of learning rate {rate.learning_rate:g} failed: "
        f"{whys.get(f'tune/{name}/{rate.learning_rate!r}/samples', '')}"
        for name, lost in rates.items()
        for rate in lost
    ]


def taught_by_itself(spec: StudySpec) -> list[str]:
    """Say which arms have nothing to learn, since their teacher is the student's beginning."""
    if StudyRole.TEACHER in plan.references(spec):
        return []
    named = [
        arm.name
        for arm in plan.trained_arms(spec)
        if arm.objective.loss in {Loss.FORWARD_KL, Loss.REVERSE_KL, Loss.JSD}
    ]
    if not named:
        return []
    return [
        f"{', '.join(named)}: the teacher is the student's beginning, so the divergence from it "
        "is 0 from the first step and there is nothing to learn: a control, no recipe"
    ]


def _unequal(trainings: Mapping[str, Sequence[StudyTraining]]) -> list[str]:
    """Say which arms the loss was taken on more or fewer tokens of than on others'."""
    tokens = {
        name: sum(t.loss_tokens for t in done) / len(done)
        for name, found in trainings.items()
        if (done := [t for t in found if not t.failed])
    }
    if len(tokens) < 2:
        return []
    least, most = min(tokens, key=lambda n: tokens[n]), max(tokens, key=lambda n: tokens[n])
    if tokens[most] <= tokens[least] * (1 + UNEQUAL):
        return []
    return [
        "arms are matched in optimizer steps and sequences a step, and not in the tokens that the "
        f"loss was taken on: {tokens[least]:,.0f} of {least}, {tokens[most]:,.0f} of {most}"
    ]


def _left_out(state: State) -> list[str]:
    lines = []
    for arm in plan.trained_arms(state.spec):
        found = state.trained.get((arm.name, state.spec.seeds[0]))
        if found is not None and found.dropped:
            said = ", ".join(f"{count:,} {reason}" for reason, count in found.dropped.items())
            lines.append(f"{arm.name}: traces left out when they were encoded: {said}")
    return lines


def _other_versions(begun_with: Mapping[str, str]) -> list[str]:
    now = versions()
    changed = [
        f"{name} {begun_with.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in MATTER
        if begun_with.get(name) != now.get(name)
    ]
    if not changed:
        return []
    return [f"the study was begun with other libraries: {', '.join(changed)}"]
