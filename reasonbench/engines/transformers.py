"""The ``transformers`` engine: samples in this process, on a CPU or one GPU.

A completion depends on its prompt, its seed and the sampling parameters; what else is in
the batch moves only the last bits of the logits.  In float32 these can decide a draw
where two tokens are all but tied, so a rare one may differ; float64 makes that far rarer
still.  Requests are read a window at a time and sorted by the length of their prompts, so
they finish out of order.
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging as hf_logging

from reasonbench.engines.batch import Batch, Finished, LoadedModel, Row
from reasonbench.engines.cache import refuse_unbatchable
from reasonbench.engines.rendering import (
    Renderer,
    completion,
    context_length,
    one_line,
    refuse_overlong,
    required_max_tokens,
    sampling_failure,
)
from reasonbench.engines.weights import ModelFiles, resolve
from reasonbench.errors import EngineError, UnknownNameError
from reasonbench.records import Completion, EngineIdentity, Failure, Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

WINDOW = 8
"""Batches that are read ahead, to be sorted by length."""
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}
ARGS = ("attn_implementation", "trust_remote_code", "device", "threads")
LIBRARIES = ("torch", "transformers", "tokenizers", "jinja2")


class TransformersEngine:
    """Draws completions with a transformers model."""

    def __init__(self, model: ModelSpec, engine: EngineSpec) -> None:
        for name in engine.args:
            if name not in ARGS:
                raise UnknownNameError.build("argument of the transformers engine", name, ARGS)
        remote = bool(engine.args.get("trust_remote_code", False))
        if "threads" in engine.args:
            torch.set_num_threads(int(engine.args["threads"]))
        files = resolve(model)
        device = _device(engine.args.get("device"))
        self._renderer = Renderer(files.folder, model.id, trust_remote_code=remote)
        network = _load(files, model.id, engine, device)
        self._loaded: LoadedModel | None = LoadedModel(
            model=network,
            device=device,
            tokenizer=self._renderer.tokenizer,
            end_ids=self._renderer.end_ids,
        )
        self._batch_size = engine.batch_size
        self._context = context_length(network.config, self._renderer.tokenizer, model.id)
        self._identity = EngineIdentity(
            engine="transformers",
            model=model.id,
            revision=files.revision,
            weights_digest=files.weights_digest,
            dtype=str(network.dtype).removeprefix("torch."),
            versions={library: version(library) for library in LIBRARIES},
            settings={"device": device.type, "attention": network.config._attn_implementation},
        )
        self._digest = self._identity.digest()

    @property
    def identity(self) -> EngineIdentity:
        """Everything that changes the draws."""
        return self._identity

    @property
    def context_length(self) -> int:
        """Most tokens of prompt and completion together."""
        return self._context

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model sees, chat template applied."""
        return self._renderer.render(prompt)

    def count_tokens(self, prompt: Prompt) -> int:
        """Return the tokens of a rendered prompt."""
        return len(self._renderer.encode(prompt).ids)

    def check(self, prompts: Sequence[Prompt], sampling: SamplingSpec) -> None:
        """Refuse, before sampling, what cannot be sampled."""
        self._renderer.check(prompts, sampling, self._context)

    def sample(
        self, requests: Iterable[SampleRequest], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield one Completion or Failure for each request, as each finishes."""
        max_tokens = required_max_tokens(sampling)
        source = iter(requests)
        while window := list(itertools.islice(source, WINDOW * self._batch_size)):
            rows: list[Row] = []
            for request in window:
                prepared = self._prepare(request, max_tokens)
                if isinstance(prepared, Failure):
                    yield prepared
                else:
                    rows.append(prepared)
            rows.sort(key=lambda row: len(row.prompt.ids))
            yield from self._draw(deque(rows), sampling)

    def close(self) -> None:
        """Free the model; nothing can be sampled after."""
        self._loaded = None
        _free_memory()

    def _prepare(self, request: SampleRequest, max_tokens: int) -> Row | Failure:
        try:
            prompt = self._renderer.encode(request.prompt)
            refuse_overlong(prompt, max_tokens, self._context)
        except EngineError as error:
            return sampling_failure(request, error)
        return Row(request=request, prompt=prompt)

    def _draw(self, pending: deque[Row], sampling: SamplingSpec) -> Iterator[Completion]:
        """Draw all pending rows, in batches that become smaller when memory runs out."""
        while pending:
            size = min(self._batch_size, len(pending))
            owed = {index: pending.popleft() for index in range(size)}
            batch = self._begin(list(owed.values()), sampling)
            while owed:
                finished = self._advance(batch, size)
                if finished is None:
                    pending.extendleft(reversed(owed.values()))
                    break
                yield from self._completions(finished, owed, sampling)
            del batch
            _free_memory()

    def _begin(self, rows: list[Row], sampling: SamplingSpec) -> Batch:
        if self._loaded is None:
            raise EngineError("the engine is closed and cannot sample")
        return Batch(self._loaded, rows, sampling)

    def _advance(self, batch: Batch, size: int) -> list[Finished] | None:
        """Advance by one token; None when memory ran out and the batch must be begun again.

        Raises:
            EngineError: the model cannot compute, or one row alone is too much.
        """
        try:
            finished: list[Finished] = batch.advance()
            return finished
        except EngineError:
            raise
        except Exception as error:
            if not _out_of_memory(error):
                raise EngineError(
                    f"{self._identity.model!r} failed while sampling: {one_line(error)}"
                ) from error
            if size == 1:
                raise EngineError(
                    f"memory ran out for a single completion of {self._identity.model!r}",
                    hint="lower sampling.max_tokens, or set engine.dtype = 'bfloat16'",
                ) from error
        self._batch_size = (size + 1) // 2
        return None

    def _completions(
        self, finished: list[Finished], owed: dict[int, Row], sampling: SamplingSpec
    ) -> Iterator[Completion]:
        for end in finished:
            row = owed.pop(end.index)
            text, was_cut = self._renderer.text(end.tokens, end.ended, sampling.stop)
            yield completion(
                row.request,
                row.prompt,
                text=text,
                n_tokens=len(end.tokens),
                stopped=end.stopped or was_cut,
                engine=self._digest,
            )


def _device(name: Any) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except Exception as error:
        raise EngineError(
            f"the device {name!r} cannot be used: {one_line(error)}",
            hint="set engine.args.device to 'cpu' or 'cuda'",
        ) from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype | str:
    """Return the number format; ``auto`` is the checkpoint's own, and float32 on a CPU."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if name not in DTYPES:
        raise UnknownNameError.build("dtype", name, ("auto", *DTYPES))
    return DTYPES[name]


def _load(files: ModelFiles, name: str, engine: EngineSpec, device: torch.device) -> Any:
    """Return the model, ready to compute.

    Raises:
        EngineError: it cannot be loaded or batched, or its weights leave parameters unset.
    """
    options = {key: engine.args[key] for key in ARGS[:2] if key in engine.args}
    dtype = _dtype(engine.dtype, device)
    try:
        with _quiet():
            network, report = AutoModelForCausalLM.from_pretrained(
                files.folder, dtype=dtype, output_loading_info=True, **options
            )
        network = network.to(device).eval()
    except Exception as error:
        if _out_of_memory(error):
            hint = "set engine.dtype = 'bfloat16', or use a machine with more memory"
            raise EngineError(f"memory ran out while loading {name!r}", hint=hint) from error
        raise EngineError(f"{name!r} cannot be loaded: {one_line(error)}") from error
    refuse_unbatchable(network, name)
    absent = sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"]))
    if absent:
        raise EngineError(
            f"the weights of {name!r} leave {len(absent)} parameters unset, such as {absent[0]}",
            hint="the model would answer at random; check that config.json fits the weights",
        )
    return network


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no loading report from transformers."""
    level, bar = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bar:
            hf_logging.enable_progress_bar()


def _out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; the CPU's allocator says so in words only."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def _free_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
