"""Which objectives there are: whose prefixes x which loss, and what each needs.

The table is the contract with `trainers.py` and is importable without torch, so that a spec
can be refused, described and priced where nothing of PyTorch is installed.
"""

from dataclasses import dataclass

from reasonbench.errors import SpecError
from reasonbench.specs import Hyperparameters, Loss, ObjectiveSpec, Prefix, TrainSpec

KLS = (Loss.FORWARD_KL, Loss.REVERSE_KL, Loss.JSD)
"""Losses that a teacher's distribution is needed for."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One cell of the table."""

    text: str
    """What a table calls it."""
    trainer: str
    """The trainer, and TRL's that it is."""
    teacher: bool = True
    """Whether a teacher must be there while training."""


_SUPERVISED = "SupervisedTrainer (trl.SFTTrainer, SFTConfig)"
_REDRAWN = "RedrawnTrainer (trl.experimental.gkd.GKDTrainer, GKDConfig)"
_ON_POLICY = "OnPolicyTrainer (trl.DistillationTrainer, DistillationConfig)"
_REWARDED = "RewardedTrainer (trl.GRPOTrainer, GRPOConfig)"

TABLE: dict[tuple[Prefix, Loss], Combination] = {
    (Prefix.TRACE, Loss.NLL): Combination("SFT", _SUPERVISED, teacher=False),
    (Prefix.TRACE, Loss.GEM): Combination("GEM, beta {beta:g}", _SUPERVISED, teacher=False),
    (Prefix.TRACE, Loss.ENTROPY): Combination(
        "SFT with an entropy bonus of {coefficient:g}", _SUPERVISED, teacher=False
    ),
    (Prefix.TRACE, Loss.FORWARD_KL): Combination("forward KL on the teacher's traces", _SUPERVISED),
    (Prefix.TRACE, Loss.REVERSE_KL): Combination("reverse KL on the teacher's traces", _SUPERVISED),
    (Prefix.TRACE, Loss.JSD): Combination("JSD({beta:g}) on the teacher's traces", _SUPERVISED),
    (Prefix.TEACHER, Loss.NLL): Combination("online sequence KD", _REDRAWN),
    (Prefix.TEACHER, Loss.FORWARD_KL): Combination("forward KL on new teacher traces", _REDRAWN),
    (Prefix.TEACHER, Loss.REVERSE_KL): Combination("reverse KL on new teacher traces", _REDRAWN),
    (Prefix.TEACHER, Loss.JSD): Combination("JSD({beta:g}) on new teacher traces", _REDRAWN),
    (Prefix.MIXED, Loss.FORWARD_KL): Combination(
        "forward KL, {mix:.0%} of the prefixes the student's", _REDRAWN
    ),
    (Prefix.MIXED, Loss.REVERSE_KL): Combination(
        "reverse KL, {mix:.0%} of the prefixes the student's", _REDRAWN
    ),
    (Prefix.MIXED, Loss.JSD): Combination(
        "JSD({beta:g}), {mix:.0%} of the prefixes the student's", _REDRAWN
    ),
    (Prefix.STUDENT, Loss.FORWARD_KL): Combination("forward KL, on-policy", _ON_POLICY),
    (Prefix.STUDENT, Loss.REVERSE_KL): Combination("reverse KL, on-policy", _ON_POLICY),
    (Prefix.STUDENT, Loss.JSD): Combination("JSD({beta:g}), on-policy", _ON_POLICY),
    (Prefix.STUDENT, Loss.REWARD): Combination(
        "GRPO, {group_size} completions a prompt", _REWARDED, teacher=False
    ),
}
"""Every objective; what is not here means nothing and is refused."""


def combination(objective: ObjectiveSpec) -> Combination:
    """Return the objective's cell of the table.

    Raises:
        SpecError: there is none.
    """
    found = TABLE.get((objective.prefix, objective.loss))
    if found is not None:
        return found
    prefixes = [prefix.value for prefix, loss in TABLE if loss is objective.loss]
    losses = [loss.value for prefix, loss in TABLE if prefix is objective.prefix]
    raise SpecError(
        f"an objective of loss = {objective.loss.value!r} on prefix = {objective.prefix.value!r} "
        "means nothing",
        hint=f"loss {objective.loss.value!r} goes with prefix {' or '.join(prefixes)}, and "
        f"prefix {objective.prefix.value!r} with loss {' or '.join(losses)}",
    )


def needs_teacher(objective: ObjectiveSpec) -> bool:
    """Return whether a teacher must be loaded beside the student."""
    return combination(objective).teacher


def draws(objective: ObjectiveSpec) -> bool:
    """Return whether completions are drawn while training, which takes most of its time."""
    combination(objective)
    return objective.prefix is not Prefix.TRACE


def describe(objective: ObjectiveSpec) -> str:
    """Return one line for tables, such as ``forward KL on the teacher's traces``."""
    values = {name: getattr(objective, name) for name in objective.__struct_fields__}
    text = combination(objective).text.format(**values)
    if objective.top_k:
        text += f", top {objective.top_k}"
    if draws(objective) and objective.temperature != 1:
        text += f", drawn at T = {objective.temperature:g}"
    return text


def trainer_name(objective: ObjectiveSpec) -> str:
    """Return our trainer's name, and TRL's trainer and configuration that it is made of."""
    return combination(objective).trainer


def refuse(spec: TrainSpec) -> None:
    """Refuse a training that could not be what its spec says.

    Raises:
        SpecError: the combination means nothing, a teacher or a number is missing, or a
            number has no place in it.
    """
    objective = spec.objective
    if combination(objective).teacher and spec.teacher is None:
        raise SpecError(
            f"{describe(objective)} needs a teacher, and the spec names none",
            hint="add a [teacher] table with its id",
        )
    _refuse_numbers(objective)
    _refuse_batches(spec)
    hyper = spec.hyper
    if hyper.packing and (objective.prefix, objective.loss) != (Prefix.TRACE, Loss.NLL):
        raise SpecError(
            f"packing is for SFT on traces, and the objective is {describe(objective)}",
            hint="set packing = false",
        )
    if hyper.warmup_steps > hyper.steps:
        raise SpecError(
            f"warmup_steps = {hyper.warmup_steps} is more than steps = {hyper.steps}",
            hint="warm up for a tenth of the steps or less",
        )
    if hyper.min_rate and hyper.schedule != "cosine":
        raise SpecError(
            f"min_rate is where a cosine ends, and the schedule is {hyper.schedule!r}",
            hint="leave min_rate out, or set schedule = 'cosine'",
        )
    if draws(objective) and objective.max_new_tokens >= hyper.max_length:
        raise SpecError(
            f"completions of up to max_new_tokens = {objective.max_new_tokens} leave no room for "
            f"the prompt in max_length = {hyper.max_length}",
            hint="raise hyper.max_length, or lower objective.max_new_tokens",
        )


def _refuse_numbers(objective: ObjectiveSpec) -> None:
    loss, top_k = objective.loss, objective.top_k
    if loss is Loss.JSD and not 0 < objective.beta < 1:
        raise SpecError(
            f"a JSD is zero at beta = {objective.beta:g}, whatever the student does",
            hint="take a beta between 0 and 1, or loss = 'forward_kl' or 'reverse_kl'",
        )
    if top_k and loss not in KLS:
        raise SpecError(
            f"top_k = {top_k} is for divergences, and the loss is {loss.value!r}",
            hint=f"leave top_k out, or take loss {' or '.join(kl.value for kl in KLS)}",
        )
    if top_k and objective.prefix is Prefix.STUDENT:
        raise SpecError(
            f"on the student's own prefixes the divergence is taken over all tokens, and top_k = "
            f"{top_k} was asked for",
            hint="leave top_k out, or take prefix = 'mixed' with mix = 1",
        )


def _refuse_batches(spec: TrainSpec) -> None:
    hyper, objective = spec.hyper, spec.objective
    processes = spec.launch.processes if spec.launch else 1
    held = device_batch(hyper, processes)
    if hyper.batch_size % (held * processes):
        raise SpecError(
            f"batch_size = {hyper.batch_size} is no multiple of {held} sequences on each of "
            f"{processes} device(s)",
            hint="choose a batch_size that hyper.device_batch_size times launch.processes divides",
        )
    if objective.loss is Loss.REWARD and hyper.batch_size % objective.group_size:
        raise SpecError(
            f"batch_size = {hyper.batch_size} counts completions and is no multiple of "
            f"group_size = {objective.group_size}",
            hint="choose a multiple, such as "
            f"{objective.group_size * max(1, hyper.batch_size // objective.group_size)}",
        )


def device_batch(hyper: Hyperparameters, processes: int) -> int:
    """Return how many sequences one device holds at once."""
    return hyper.device_batch_size or max(1, hyper.batch_size // processes)
