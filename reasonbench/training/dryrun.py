"""What a training would do: rows, tokens, steps and memory, before any weights are read."""

from collections.abc import Sequence

from reasonbench.protocols import Reporter
from reasonbench.records import Record
from reasonbench.run import Silent
from reasonbench.specs import TrainSpec
from reasonbench.training import checkpoints, launch, loading, memory, running
from reasonbench.training.data import load_rows, prepare, refuse_none
from reasonbench.training.memory import Memory
from reasonbench.training.objectives import describe, device_batch, draws, refuse, trainer_name
from reasonbench.training.rows import TraceRow


class TrainingPlan(Record, frozen=True, kw_only=True):
    """What a training would do."""

    objective: str
    """What is learned, in words."""
    trainer: str
    """Trainer, and TRL's that it is made of."""
    student: str
    """Model that training starts from."""
    teacher: str | None
    """Model that divergences are taken to; None where none is needed."""
    rows: int
    """Traces that are trained on."""
    problems: int
    """Different prompts among them."""
    dropped: dict[str, int]
    """Reason -> traces that are left out."""
    prompt_tokens: int
    """Tokens of all prompts, each row once."""
    completion_tokens: int
    """Tokens of all completions, each row once."""
    longest: int
    """Tokens of the longest sequence, at most."""
    steps: int
    """Optimizer steps."""
    batch_size: int
    """Sequences of each, over all devices."""
    processes: int
    """Processes that train."""
    device_batch: int
    """Sequences that a device holds at once."""
    epochs: float
    """Times that every row is seen; prompts where completions are drawn anew."""
    expected_loss_tokens: int | None
    """Tokens that the loss is taken on; None where they are drawn."""
    checkpoints: tuple[int, ...]
    """Steps whose weights are kept."""
    memory: Memory
    """What each device holds."""
    free_bytes: int | None
    """What is free on this machine's device; None where unknowable."""
    fits: bool
    """Whether weights, gradients and optimizer fit here."""


def dry_run(
    spec: TrainSpec, *, rows: Sequence[TraceRow] | None = None, reporter: Reporter | None = None
) -> TrainingPlan:
    """Return what ``running.train`` would do; nothing is written.

    Args:
        spec: the training.
        rows: what is trained on; by default what the spec's view keeps.
        reporter: where progress goes.

    Raises:
        ReasonbenchError: what would keep it from training, memory left out.
    """
    refuse(spec)
    planned = checkpoints.planned_checkpoints(spec)
    kept, dropped = (list(rows), {}) if rows is not None else load_rows(spec)
    refuse_none(spec, len(kept), dropped, 0)
    running.require()
    with running.quiet():
        (reporter or Silent()).say(f"measuring the traces with the tokenizer of {spec.student.id}")
        models = loading.find(spec)
        data = prepare(spec, kept, dropped, models.student.tokenizer, models.context)
        need = running.needed(spec, models, data)
        free = memory.free_bytes()
    hyper, drawn = spec.hyper, draws(spec.objective)
    held = device_batch(hyper, launch.processes(spec))
    sequences = hyper.steps * hyper.batch_size
    mean = sum(data.completion_tokens) / len(data.rows)
    return TrainingPlan(
        objective=describe(spec.objective),
        trainer=trainer_name(spec.objective),
        student=spec.student.id,
        teacher=None if models.teacher is None else models.teacher.spec.id,
        rows=len(data.rows),
        problems=data.problems,
        dropped=data.dropped,
        prompt_tokens=sum(data.prompt_tokens),
        completion_tokens=sum(data.completion_tokens),
        longest=data.longest(spec),
        steps=hyper.steps,
        batch_size=hyper.batch_size,
        processes=launch.processes(spec),
        device_batch=held,
        epochs=sequences / (data.problems if drawn else len(data.rows)),
        expected_loss_tokens=None if drawn else round(mean * sequences),
        checkpoints=planned,
        memory=need,
        free_bytes=free,
        fits=free is None or need.certain * running.sharing(spec) <= free,
    )
