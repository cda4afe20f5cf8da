"""A two-layer student and teacher in float64, traces, and trainings of a few steps."""

import atexit
import gc
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, TrainerCallback

from reasonbench.records import Problem
from reasonbench.resources import embedded_model
from reasonbench.specs import Hyperparameters, ModelSpec, ObjectiveSpec, TrainSpec
from reasonbench.training.adapter import make_trainer
from reasonbench.training.rows import TraceRow

torch.set_num_threads(1)
# Every training begins with a collection, which takes seconds over all of PyTorch.
gc.freeze()
atexit.register(gc.unfreeze)

QUESTIONS = (
    "Use the numbers 12, 4 and 6, each at most once, with + - and * to reach 120.",
    "Use the numbers 1, 2 and 3, each at most once, with + - and * to reach 9.",
    "Use the numbers 10, 11 and 12, each at most once, with + - and * to reach 33.",
    "Reach 10.",
)
COMPLETIONS = (
    "<think>\n12 * 4 = 48\n</think>\n\\boxed{12*(4+6)}",
    "\\boxed{3*(1+2)}",
    "<think>\n10 + 11 = 21\n21 + 12 = 33 yes\n</think>\n\\boxed{10+11+12}",
    "<think>\n</think>\n10",
)


def tokenizer():
    return AutoTokenizer.from_pretrained(embedded_model("base"))


def tiny(seed, *, width=16, scale=1.0, vocabulary=488, dtype=torch.float64):
    """A random Llama whose next-token distributions are uneven; ``scale`` sharpens them."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.5,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=484,
            pad_token_id=485,
        )
    ).to(dtype)
    with torch.no_grad():
        model.lm_head.weight.mul_(scale)
    return model.eval()


def rows(n=4):
    return [
        TraceRow(
            id=f"row/{i}",
            messages=({"role": "user", "content": QUESTIONS[i % 4]},),
            completion=COMPLETIONS[i % 4],
        )
        for i in range(n)
    ]


def countdown(numbers=(1, 2, 3), target=9):
    """A problem of the Countdown grader."""
    return Problem(
        task="countdown_train",
        id="tiny",
        statement=f"Reach {target}.",
        metadata={"numbers": list(numbers), "target": target, "ops": ["+", "-", "*"]},
    )


def spec(objective=None, *, steps=1, batch_size=4, teacher=True, **hyper):
    """A training of the tiny student."""
    defaults = {"learning_rate": 1e-3, "schedule": "constant", "max_length": 400}
    return TrainSpec(
        student=ModelSpec(id="tiny/student"),
        teacher=ModelSpec(id="tiny/teacher") if teacher else None,
        traces=("bank",),
        objective=objective or ObjectiveSpec(),
        hyper=Hyperparameters(steps=steps, batch_size=batch_size, **{**defaults, **hyper}),
    )


class Seen(TrainerCallback):
    """What the trainer logged, step by step."""

    def __init__(self):
        self.logs = []

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            self.logs.append(dict(logs))

    @property
    def losses(self):
        return [log["loss"] for log in self.logs]


def trainer_of(
    asked, *, model=None, teacher=None, traces=None, folder=None, save_steps=None, seen=None
):
    """A trainer of the tiny models."""
    return make_trainer(
        asked,
        model=model or tiny(0),
        tokenizer=tokenizer(),
        teacher=teacher or tiny(1, width=24),
        rows=rows() if traces is None else traces,
        folder=Path(folder or tempfile.mkdtemp()),
        callbacks=[] if seen is None else [seen],
        save_steps=save_steps,
    )


def log_probabilities(model, sequences):
    """Log-probabilities of each sequence alone, in numpy and float64, one array a sequence."""
    found = []
    for ids in sequences:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([list(ids)])).logits[0, :-1].double().numpy()
        top = logits.max(-1, keepdims=True)
        found.append(logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True)))
    return found


class Captured:
    """The batches that a trainer takes its losses on, as (tokens, loss mask) a sequence.

    The losses are summed as they were computed; the trainer keeps its own sum in float32.
    """

    def __init__(self, trainer):
        self.sequences = []
        self.loss = 0.0
        self._compute = trainer.compute_loss
        trainer.compute_loss = self

    def __call__(self, model, inputs, *args, **kwargs):
        if "completion_ids" in inputs:
            ids = torch.cat((inputs["prompt_ids"], inputs["completion_ids"]), dim=1)
            mask = torch.cat((inputs["prompt_mask"], inputs["completion_mask"]), dim=1)
            counts = mask.clone()
            counts[:, : inputs["prompt_ids"].shape[1]] = 0
        else:
            ids, mask = inputs["input_ids"], inputs["attention_mask"]
            counts = (inputs["labels"] != -100).long()
        for row in range(len(ids)):
            there = mask[row].bool()
            self.sequences.append((ids[row][there].tolist(), counts[row][there].bool().tolist()))
        loss = self._compute(model, inputs, *args, **kwargs)
        self.loss += loss.item()
        return loss
