"""Synthetic banks: traces that nobody drew, and files of them."""

import datetime

from reasonbench.records import EngineIdentity, FinishReason, Message, Problem, Verdict
from reasonbench.specs import BankSpec, ModelSpec, SamplingSpec, TaskSpec
from reasonbench.training.bank_file import write_bank
from reasonbench.training.traces import BankHeader, Trace

ENGINE = EngineIdentity(
    engine="fake", model="m", revision=None, weights_digest="w", dtype="auto", versions={"f": "1"}
)
NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


def trace(number=0, index=0, text="so it is 4", *, temperature=1.0, verdict="correct", **changes):
    """Return one trace of problem ``number``."""
    statement = f"What is {number} + {number}?"
    fields = {
        "problem": Problem(
            task="t",
            id=f"p{number}",
            statement=statement,
            target="4",
            metadata={"n": [number, 1.5]},
        ),
        "messages": (Message(role="user", content=statement),),
        "completion": text,
        "thinking_prefilled": False,
        "sample_index": index,
        "temperature": temperature,
        "verdict": Verdict(verdict),
        "reason": "ok",
        "answer": None,
        "detail": "",
        "grader": "g/1",
        "finish_reason": FinishReason.STOP,
        "n_prompt_tokens": 5,
        "n_tokens": 7,
        "seed": 3,
        "key": f"{number:04d}{index:04d}{temperature}".ljust(32, "0"),
        "teacher": "m",
        "weights_digest": "w",
        "engine": ENGINE,
        "sampling": SamplingSpec(temperature=temperature, max_tokens=9),
        "drawn_at": NOON,
        "published": datetime.date(2025, 3, 4),
        "license": None,
    }
    return Trace(**(fields | changes))


def header(**changes):
    fields = {
        "teacher": ModelSpec(id="m"),
        "tasks": (TaskSpec(name="t"),),
        "policy": BankSpec(),
        "command": ("reasonbench", "traces"),
        "versions": {},
    }
    return BankHeader(**(fields | changes))


def bank(path, traces):
    """Write a bank and return its path."""
    write_bank(path, header(), traces)
    return path
