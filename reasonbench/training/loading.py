"""The models of a training: found, checked and loaded.

All that can be refused without weights is refused before they are read: a quantised student, a
missing chat template, two vocabularies, a model that does not fit.
"""

import gc
from dataclasses import dataclass
from typing import Any

from reasonbench.engines.rendering import Renderer, context_length, load_config, one_line
from reasonbench.engines.weights import ModelFiles, read_json, resolve
from reasonbench.errors import EngineError, SpecError
from reasonbench.specs import ModelSpec, TrainSpec
from reasonbench.training import memory
from reasonbench.training.encoding import refuse_tokenizer
from reasonbench.training.objectives import needs_teacher

SHOWN = 60
"""Characters of a token that is shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model whose weights have not been read yet."""

    spec: ModelSpec
    """What was asked for."""
    files: ModelFiles
    """Where its files are."""
    config: Any
    """Its configuration."""
    tokenizer: Any
    """Its tokenizer, with a padding token."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one training, without their weights."""

    student: Found
    """What is trained."""
    teacher: Found | None
    """What divergences are taken to; None where the objective needs none."""

    @property
    def context(self) -> int:
        """Most tokens that both take."""
        found = [m for m in (self.student, self.teacher) if m is not None]
        return min(context_length(m.config, m.tokenizer, m.spec.id) for m in found)


def find(spec: TrainSpec) -> Models:
    """Find the models and refuse what cannot be trained.

    Raises:
        EngineError: a model is not there, or is none.
        SpecError: no chat template or end token, a quantised student, two vocabularies.
    """
    student = _found(spec.student)
    refuse_tokenizer(student.tokenizer, spec.student.id)
    if read_json(student.files.folder / "config.json").get("quantization_config"):
        raise SpecError(
            f"the weights of {spec.student.id!r} are quantised, and training moves them by less "
            "than they can hold",
            hint="train the model that it was quantised from",
        )
    if not needs_teacher(spec.objective) or spec.teacher is None:
        return Models(student=student, teacher=None)
    teacher = _found(spec.teacher)
    refuse_vocabularies(student, teacher)
    return Models(student=student, teacher=teacher)


def _found(spec: ModelSpec) -> Found:
    files = resolve(spec)
    config = load_config(files.folder, spec.id, trust_remote_code=False)
    tokenizer = Renderer(files.folder, spec.id).tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Found(spec=spec, files=files, config=config, tokenizer=tokenizer)


def refuse_vocabularies(student: Found, teacher: Found) -> None:
    """Refuse a student and a teacher whose distributions are over different tokens.

    Raises:
        SpecError: the logits differ in number, or a token has two ids.
    """
    names = f"the student {student.spec.id!r} and the teacher {teacher.spec.id!r}"
    mine, its = (int(m.config.get_text_config(decoder=True).vocab_size) for m in (student, teacher))
    hint = (
        "take a teacher of the student's family, or train on its traces: prefix = 'trace', "
        "loss = 'nll'"
    )
    if mine != its:
        raise SpecError(
            f"{names} have vocabularies of {mine:,} and {its:,} tokens, "
            "so no divergence can be taken between them",
            hint=hint,
        )
    left, right = student.tokenizer.get_vocab(), teacher.tokenizer.get_vocab()
    different = sorted(
        token for token in left.keys() | right.keys() if left.get(token) != right.get(token)
    )
    if different:
        raise SpecError(
            f"{names} number {len(different):,} tokens differently, such as "
            f"{different[0][:SHOWN]!r}, so no divergence can be taken between them",
            hint=hint,
        )


def refuse_unfit(
    spec: TrainSpec, models: Models, need: memory.Memory, free: int | None, processes: int = 1
) -> None:
    """Refuse models whose weights and states alone are more than what is free.

    Args:
        spec: the training.
        models: its models.
        need: what one device holds.
        free: what is free; None refuses nothing.
        processes: processes that share it.

    Raises:
        EngineError: they do not fit.
    """
    if free is None or need.certain * processes <= free:
        return
    student = (need.weights + need.states) * processes
    got = f"{memory.spelt(free)} are free"
    if models.teacher is None or student > free:
        raise EngineError(
            f"the student {models.student.spec.id!r} does not fit: its weights, gradients and "
            f"optimizer need {memory.spelt(student)}, and {got}",
            hint="train LoRA adapters ([hyper.lora]) with dtype = 'bfloat16', or shard it over "
            "devices ([launch] with strategy = 'fsdp2')",
        )
    raise EngineError(
        f"the teacher {models.teacher.spec.id!r} does not fit beside the student: it needs "
        f"{memory.spelt(need.teacher * processes)} and the student {memory.spelt(student)}, "
        f"and {got}",
        hint="take a smaller teacher, set dtype = 'bfloat16', or train on its traces: "
        "prefix = 'trace', loss = 'nll'",
    )


def load_student(spec: TrainSpec, found: Found) -> Any:
    """Return the student with weights that can be trained.

    They are float32, whatever they were stored in: a step of 1e-5 is lost in bfloat16.  Frozen
    weights under LoRA may stay in bfloat16.

    Raises:
        EngineError: it cannot be loaded, or memory ran out.
    """
    half = spec.hyper.lora is not None and spec.hyper.dtype == "bfloat16"
    return _load(found, "bfloat16" if half else "float32", "student")


def load_teacher(spec: TrainSpec, found: Found | None) -> Any:
    """Return the teacher, which is not trained; None where there is none.

    Raises:
        EngineError: it cannot be loaded, or memory ran out.
    """
    return None if found is None else _load(found, spec.hyper.dtype, "teacher")


def _load(found: Found, dtype: str, role: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    name = found.spec.id
    try:
        network, report = AutoModelForCausalLM.from_pretrained(
            found.files.folder, dtype=getattr(torch, dtype), output_loading_info=True
        )
    except Exception as error:
        gc.collect()
        if memory.out_of_memory(error):
            free = memory.free_bytes()
            needs = sum(p.numel() * p.element_size() for p in _skeleton(found, dtype).parameters())
            raise EngineError(
                f"memory ran out while loading the {role} {name!r}: its weights alone need "
                f"{memory.spelt(needs)}"
                + (f", and {memory.spelt(free)} are free" if free is not None else ""),
                hint=f"take a smaller {role}, or a machine with more memory",
            ) from error
        raise EngineError(f"the {role} {name!r} cannot be loaded: {one_line(error)}") from error
    absent = sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"]))
    if absent:
        raise EngineError(
            f"the weights of {name!r} leave {len(absent)} parameters unset, such as {absent[0]}",
            hint="check that config.json fits the weights",
        )
    return network


def _skeleton(found: Found, dtype: str) -> Any:
    import torch

    return memory.skeleton(found.config).to(getattr(torch, dtype))
