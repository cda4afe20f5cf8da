"""From a StudySpec to the trainings and samplings that it asks for; nothing is loaded or drawn.

Every run of samples has a seed of its own, so that no two models, steps or temperatures share
their draws; a problem's draws then depend on that seed, the problem and the sample_index alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reasonbench.errors import SpecError
from reasonbench.identity import SEED_BOUND, digest
from reasonbench.results.study import StudyRole
from reasonbench.specs import ModelSpec, StudyArm, StudySpec, TraceView, TrainSpec
from reasonbench.study import leak
from reasonbench.study.planted import arm_of
from reasonbench.summary import default_ks
from reasonbench.training import objectives
from reasonbench.training.checkpoints import planned_checkpoints

BASE, TEACHER = "base", "teacher"
BANK_NAME = "bank/bank.parquet"
"""What a training's record calls the bank: a study can be moved."""
EVERY_ROW = TraceView(correct_only=False, deduplicate=False)
"""Every row of a file, as it stands there."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """One model at one temperature."""

    model: str
    """``base``, ``teacher`` or the arm's name."""
    role: StudyRole
    """What it stands for."""
    seed: int | None
    """Training seed."""
    step: int | None
    """Optimizer step."""
    temperature: float
    """Temperature."""
    n: int
    """Completions a problem."""

    def draw_seed(self, seed: int) -> int:
        """Return the seed of its draws."""
        parts = (self.model, self.seed, self.step, float(self.temperature))
        return int(digest("study", seed, *parts), 16) % SEED_BOUND


def greatest_k(spec: StudySpec) -> int:
    """Return the largest k that is reported."""
    return max(spec.ks or default_ks(spec.n))


def trained_arms(spec: StudySpec) -> tuple[StudyArm, ...]:
    """Return what is trained with every seed: the arms that are no interpolations, or the doses."""
    if spec.leak is None:
        return tuple(arm for arm in spec.arms if arm.wise is None)
    arm = spec.arms[0] if spec.arms else StudyArm(name="sft")
    return tuple(
        msgspec.structs.replace(arm, name=arm_of(dose), view=EVERY_ROW)
        for dose in sorted(spec.leak.dose)
    )


def wise_arms(spec: StudySpec) -> tuple[StudyArm, ...]:
    """Return the arms that are interpolated."""
    return tuple(arm for arm in spec.arms if arm.wise is not None) if spec.leak is None else ()


def arm_names(spec: StudySpec) -> tuple[str, ...]:
    """Return the names of all arms in the order of tables."""
    if spec.leak is not None:
        return tuple(arm.name for arm in trained_arms(spec))
    return tuple(arm.name for arm in spec.arms)


def train_spec(
    spec: StudySpec, arm: StudyArm, seed: int, rate: float, *, traces: str = BANK_NAME
) -> TrainSpec:
    """Return one training of an arm."""
    return TrainSpec(
        student=spec.student,
        traces=(traces,),
        hyper=msgspec.structs.replace(spec.hyper, learning_rate=rate),
        objective=arm.objective,
        teacher=spec.teacher if objectives.needs_teacher(arm.objective) else None,
        view=arm.view,
        seed=seed,
        checkpoints=spec.checkpoints,
    )


def steps_of(spec: StudySpec, arm: StudyArm) -> tuple[int, ...]:
    """Return the steps of an arm's checkpoints that are sampled, the last one last."""
    return tuple(planned_checkpoints(train_spec(spec, arm, 0, spec.hyper.learning_rate)))


def references(spec: StudySpec) -> dict[StudyRole, ModelSpec]:
    """Return what students stand beside: the base, and the teacher if it is another model."""
    models = {StudyRole.BASE: spec.student}
    return models if spec.teacher == spec.student else {**models, StudyRole.TEACHER: spec.teacher}


def reference_samplings(spec: StudySpec) -> list[Sampling]:
    """Return the samplings of the references."""
    return [
        Sampling(role.value, role, None, None, temperature, spec.n)
        for role in references(spec)
        for temperature in spec.temperatures
    ]


def arm_samplings(spec: StudySpec, arm: StudyArm, seed: int) -> dict[int, list[Sampling]]:
    """Return the samplings of one student, by step; of an interpolation at the last step only."""
    trained = arm if arm.wise is None else wise_source(spec, arm)
    steps = steps_of(spec, trained)
    if arm.wise is not None:
        steps = steps[-1:]
    return {
        step: [
            Sampling(
                arm.name,
                StudyRole.ARM,
                seed,
                step,
                temperature,
                spec.n if step == steps[-1] else spec.checkpoint_n,
            )
            for temperature in (spec.temperatures if step == steps[-1] else spec.temperatures[:1])
        ]
        for step in steps
    }


def wise_source(spec: StudySpec, arm: StudyArm) -> StudyArm:
    """Return the arm whose last checkpoint an interpolation is made of."""
    assert arm.wise is not None
    return next(other for other in spec.arms if other.name == arm.wise.arm)


def rates_of(spec: StudySpec, arm: StudyArm) -> tuple[float, ...]:
    """Return the learning rates that an arm may be trained with."""
    return arm.learning_rates or (spec.hyper.learning_rate,)


def refuse(spec: StudySpec) -> None:
    """Refuse a study that cannot mean anything, before anything is loaded.

    Raises:
        SpecError: names, numbers or objectives that do not go together.
    """
    _refuse_doubles(spec)
    _refuse_numbers(spec)
    if spec.leak is not None:
        leak.refuse(spec)
    elif not spec.arms:
        raise SpecError(
            f"the study {spec.name!r} has no arms, so there is nothing to compare",
            hint="add [[arms]], or a [leak] with doses",
        )
    for arm in spec.arms:
        _refuse_arm(spec, arm)
    _refuse_tasks(spec)


def _refuse_doubles(spec: StudySpec) -> None:
    groups: tuple[tuple[str, Sequence[Any]], ...] = (
        ("arms", [arm.name.lower() for arm in spec.arms]),
        ("seeds", spec.seeds),
        ("temperatures", spec.temperatures),
        ("tasks", spec.tasks),
    )
    for name, values in groups:
        if double := _double(values):
            raise SpecError(f"{name} names {double} twice", hint="name each once")
    for arm in spec.arms:
        if arm.name.lower() in (BASE, TEACHER) or arm.name.lower().startswith("dose-"):
            raise SpecError(
                f"an arm cannot be named {arm.name!r}, which the study uses itself",
                hint="give it another name",
            )


def _double(values: Iterable[Any]) -> str:
    return next((repr(v) for v, count in Counter(values).items() if count > 1), "")


def _refuse_numbers(spec: StudySpec) -> None:
    if spec.ks and max(spec.ks) > spec.n:
        raise SpecError(
            f"k = {max(spec.ks)} needs at least as many completions a problem, got n = {spec.n}",
            hint=f"set n = {max(spec.ks)} or more, or a smaller k",
        )
    if spec.select is not None and spec.select.low >= spec.select.high:
        raise SpecError(
            f"select.low = {spec.select.low:g} is not below select.high = {spec.select.high:g}",
            hint="leave a range between them, such as 0.7 to 0.95",
        )
    if spec.checkpoints is not None and max(spec.checkpoints) > spec.hyper.steps:
        raise SpecError(
            f"checkpoints names step {max(spec.checkpoints)}, and the training ends at step "
            f"{spec.hyper.steps}",
            hint="name steps up to hyper.steps",
        )


def _refuse_arm(spec: StudySpec, arm: StudyArm) -> None:
    if arm.wise is not None:
        source = next((other for other in spec.arms if other.name == arm.wise.arm), None)
        if source is None or source.wise is not None:
            trained = [other.name for other in spec.arms if other.wise is None]
            raise SpecError(
                f"arm {arm.name!r} is interpolated from {arm.wise.arm!r}, which is no arm that is "
                "trained",
                hint=f"trained arms: {', '.join(trained) or 'none'}",
            )
        return
    if len(arm.learning_rates) > 1 and spec.tune is None:
        raise SpecError(
            f"arm {arm.name!r} names {len(arm.learning_rates)} learning rates, and nothing says on "
            "which problems one is chosen",
            hint="add [tune] with tasks, or name one rate",
        )
    if double := _double(arm.learning_rates):
        raise SpecError(f"arm {arm.name!r} names the learning rate {double} twice")
    for rate in rates_of(spec, arm):
        objectives.refuse(train_spec(spec, arm, spec.seeds[0], rate))
    _refuse_view(spec, arm)


def _refuse_view(spec: StudySpec, arm: StudyArm) -> None:
    wanted, drawn = arm.view.temperature, spec.bank.temperatures
    if wanted is not None and float(wanted) not in [float(t) for t in drawn]:
        raise SpecError(
            f"arm {arm.name!r} takes traces drawn at temperature {wanted:g}, and the bank is drawn "
            f"at {', '.join(f'{t:g}' for t in drawn)}",
            hint="add it to bank.temperatures",
        )


def _refuse_tasks(spec: StudySpec) -> None:
    tuned = spec.tune.tasks if spec.tune is not None else ()
    for name, others in (("trace_tasks", spec.trace_tasks), ("tune.tasks", tuned)):
        if shared := sorted({*spec.tasks} & {*others}):
            raise SpecError(
                f"task {shared[0]!r} stands in tasks and in {name}, so students would be compared "
                "on what they were made with",
                hint="use a leak study ([leak]) to plant known items",
            )
    if shared := sorted({*tuned} & {*spec.trace_tasks}):
        raise SpecError(
            f"task {shared[0]!r} stands in tune.tasks and in trace_tasks, so the rate that learns "
            "it by heart would win",
            hint="choose rates on problems of their own",
        )
