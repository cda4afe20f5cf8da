"""The ``vllm`` engine: vLLM's offline engine, completions yielded as they finish.

Prompts are rendered and tokenised here, and tokens are turned into text here, so both
engines see the same tokens and write the same text.  Consecutive requests of one prompt
whose seeds follow one another become one vLLM request with ``n``: vLLM gives its i-th
child the seed ``seed + i``, so the draws are those of single requests.  Every sampling
field is sent; nothing comes from the model's generation_config.json but its end tokens.

What holds: the same requests give the same completions.  A request alone and the same one
among others agree as far as vLLM's kernels do: the last bits of their logits may differ,
which can change a rare draw.  vLLM documents VLLM_BATCH_INVARIANT=1 against that on GPUs;
it was not tried here.
"""

import gc
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import connection
from typing import Any

from reasonbench.engines.core_process import (
    Watchdog,
    cause,
    new_log,
    output_to,
    prepare_environment,
)
from reasonbench.engines.rendering import (
    Rendered,
    Renderer,
    completion,
    context_length,
    grouped,
    load_config,
    refuse_overlong,
    required_max_tokens,
    sampling_failure,
)
from reasonbench.engines.vllm_arguments import CAPACITY, parse_arguments
from reasonbench.engines.weights import ModelFiles, resolve
from reasonbench.errors import EngineError, SpecError
from reasonbench.records import Completion, EngineIdentity, Failure, Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

prepare_environment()
with new_log() as _log, output_to(_log):
    import vllm
    from vllm import EngineArgs, SamplingParams, envs
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.exceptions import EngineDeadError
    from vllm.v1.engine.llm_engine import LLMEngine

LIBRARIES = ("torch", "transformers", "tokenizers", "jinja2")
MIN_STEP_TOKENS = 4096
CPU_CACHE_BYTES = 2 * 1024**3
GRACE_SECONDS = 0.5
"""Time that vLLM's processes get to end by themselves; they hold nothing that could be lost."""
TEMPERATURES = (0.01, 2.0)
"""Outside of these vLLM refuses a temperature, or silently takes another."""


@dataclass(slots=True)
class Flight:
    """One vLLM request in flight: completions of one prompt with consecutive seeds."""

    prompt: Rendered
    """The prompt."""
    owed: dict[int, SampleRequest] = field(default_factory=dict)
    """What has not finished yet, by vLLM's index of the child."""


class VllmEngine:
    """Draws completions with vLLM."""

    def __init__(self, model: ModelSpec, engine: EngineSpec) -> None:
        arguments = parse_arguments(engine)
        files = resolve(model)
        self._name = model.id
        self._busy = False
        self._batch_size = engine.batch_size
        remote = bool(engine.args.get("trust_remote_code", False))
        self._renderer = Renderer(files.folder, model.id, trust_remote_code=remote)
        config = load_config(files.folder, model.id, trust_remote_code=remote)
        context = context_length(config, self._renderer.tokenizer, model.id)
        self._log = new_log()
        self._watchdog = Watchdog()
        self._ids = itertools.count()
        self._core = self._load(files, engine, context, arguments)
        self._processes = _core_processes(self._core)
        self._watchdog.watch(process.pid for process in self._processes)
        _tell_of_death(self._core, self._processes)
        config = self._core.vllm_config
        self._context = int(config.model_config.max_model_len)
        self._identity = _identity(model, engine, files, config)
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
        refuse_temperature(sampling)
        self._renderer.check(prompts, sampling, self._context)

    def sample(
        self, requests: Iterable[SampleRequest], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield one Completion or Failure for each request, as each finishes."""
        refuse_temperature(sampling)
        required_max_tokens(sampling)
        if self._busy:
            raise EngineError("this vLLM engine is sampling already; finish or close that first")
        # vLLM draws greedy completions one by one; a group is no larger than what runs at once.
        groups = grouped(requests, 1 if sampling.temperature == 0 else self._batch_size)
        flights: dict[str, Flight] = {}
        self._busy = True
        try:
            while True:
                while sum(len(f.owed) for f in flights.values()) < 2 * self._batch_size:
                    group = next(groups, None)
                    if group is None:
                        break
                    yield from self._add(group, sampling, flights)
                if not flights:
                    return
                for output in self._step():
                    yield from self._collect(output, flights, sampling)
        finally:
            self._busy = False
            self._abort(flights)

    def close(self) -> None:
        """End vLLM's processes; nothing can be sampled after."""
        if self._core is None:
            return
        with output_to(self._log):
            self._core.engine_core.shutdown(timeout=GRACE_SECONDS)
            self._core = None
            gc.collect()  # what vLLM leaves unclosed complains when it is freed
        for process in self._processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
        self._watchdog.close()
        self._log.close()

    def _load(
        self, files: ModelFiles, engine: EngineSpec, context: int, arguments: dict[str, Any]
    ) -> Any:
        """Return vLLM's engine.

        Raises:
            EngineError: it cannot load the model; the reason is what its log says.
        """
        with output_to(self._log):
            core = None
            try:
                core = _start(files, engine, context, arguments)
            except Exception as error:
                reason = cause(self._log, error)
            gc.collect()  # what vLLM leaves unclosed complains when it is freed
        if core is not None:
            return core
        self._watchdog.close()
        raise EngineError(
            f"vLLM cannot load {self._name!r}: {reason}",
            hint="engine.args holds arguments for vLLM, such as max_model_len",
        )

    def _add(
        self, group: list[SampleRequest], sampling: SamplingSpec, flights: dict[str, Flight]
    ) -> Iterator[Failure]:
        """Give vLLM one group; what it or the prompt makes impossible becomes failures."""
        if self._core is None:
            raise EngineError("the engine is closed and cannot sample")
        name = f"reasonbench-{next(self._ids)}"
        try:
            prompt = self._renderer.encode(group[0].prompt)
            refuse_overlong(prompt, required_max_tokens(sampling), self._context)
            self._core.add_request(
                name,
                {"prompt_token_ids": list(prompt.ids)},
                parameters(sampling, group, self._renderer.end_ids),
            )
        except EngineDeadError as error:
            raise self._died(error) from error
        except (EngineError, ValueError) as error:
            yield from (sampling_failure(request, error) for request in group)
            return
        flights[name] = Flight(prompt, dict(enumerate(group)))

    def _step(self) -> list[Any]:
        try:
            return list(self._core.step())
        except Exception as error:
            raise self._died(error) from error

    def _died(self, error: Exception) -> EngineError:
        return EngineError(
            f"vLLM died while sampling {self._name!r}: {cause(self._log, error)}",
            hint="run the command again: it goes on where it stopped; "
            "if memory ran out, lower engine.batch_size",
        )

    def _collect(
        self, output: Any, flights: dict[str, Flight], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield the children that this output says have finished."""
        flight = flights.get(output.request_id)
        if flight is None:
            return
        for child in output.outputs:
            if child.finish_reason is None or child.index not in flight.owed:
                continue
            request = flight.owed.pop(child.index)
            if not flight.owed:
                del flights[output.request_id]
            if child.finish_reason not in ("stop", "length"):
                error = EngineError(f"vLLM ended the completion: {child.finish_reason}")
                yield sampling_failure(request, error)
                continue
            stopped = child.finish_reason == "stop"
            # The reason is None for the end token, an id for another one, or a stop string.
            ended = stopped and not isinstance(child.stop_reason, str)
            text, was_cut = self._renderer.text(child.token_ids, ended, sampling.stop)
            yield completion(
                request,
                flight.prompt,
                text=text,
                n_tokens=len(child.token_ids),
                stopped=stopped or was_cut,
                engine=self._digest,
            )

    def _abort(self, flights: dict[str, Flight]) -> None:
        """Take back what an early end of ``sample`` leaves in flight."""
        if flights and self._core is not None:
            try:
                self._core.abort_request(list(flights))
            except Exception as error:
                raise self._died(error) from error


def parameters(
    sampling: SamplingSpec, group: Sequence[SampleRequest], end_ids: Sequence[int]
) -> Any:
    """Return vLLM's parameters for a group, every field that shapes the draws set."""
    return SamplingParams(
        n=len(group),
        seed=group[0].seed,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        presence_penalty=sampling.presence_penalty,
        frequency_penalty=0.0,
        repetition_penalty=sampling.repetition_penalty,
        max_tokens=required_max_tokens(sampling),
        min_tokens=0,
        stop=list(sampling.stop),
        stop_token_ids=list(end_ids),
        ignore_eos=False,
        include_stop_str_in_output=False,
        skip_special_tokens=True,
        detokenize=bool(sampling.stop),
        output_kind=RequestOutputKind.CUMULATIVE,
    )


def refuse_temperature(sampling: SamplingSpec) -> None:
    """Refuse a temperature that vLLM would refuse or change.

    Raises:
        SpecError: it is neither 0 nor within vLLM's limits.
    """
    low, high = TEMPERATURES
    if sampling.temperature != 0 and not low <= sampling.temperature <= high:
        raise SpecError(
            f"vLLM samples at temperature 0 or from {low} to {high}, got {sampling.temperature}",
            hint="set sampling.temperature, or use the transformers engine",
        )


def _cpu_options(engine: EngineSpec, longest: int) -> dict[str, Any]:
    """Return what vLLM needs on a CPU."""
    options: dict[str, Any] = {
        "enforce_eager": True,  # compiling takes minutes
        # A seeded request whose prompt is read in parts kills vLLM's worker ("CPU Generator
        # does not use offset"), so every prompt must fit one step.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(MIN_STEP_TOKENS, longest, engine.batch_size),
    }
    if not envs.VLLM_CPU_KVCACHE_SPACE:
        options["kv_cache_memory_bytes"] = CPU_CACHE_BYTES  # the default is nearly all memory
    return options


def _start(files: ModelFiles, engine: EngineSpec, context: int, given: dict[str, Any]) -> Any:
    """Return vLLM's engine with the model loaded."""
    options: dict[str, Any] = {
        "max_num_seqs": engine.batch_size,
        "disable_log_stats": True,
        # Of what moves between the first and the last token nothing is read.
        "stream_interval": 2**20,
    }
    dtype = engine.dtype
    if current_platform.is_cpu():
        options |= _cpu_options(engine, given.get("max_model_len") or context)
        dtype = "float32" if dtype == "auto" else dtype
    options |= given
    arguments = EngineArgs(
        model=str(files.folder), dtype=dtype, generation_config="vllm", **options
    )
    return LLMEngine.from_engine_args(arguments)


def _core_processes(core: Any) -> list[Any]:
    """Return the processes that hold the model; none if vLLM runs in this one."""
    resources = getattr(core.engine_core, "resources", None)
    manager = getattr(resources, "engine_manager", None)
    return list(getattr(manager, "processes", ()))


def _tell_of_death(core: Any, processes: Sequence[Any]) -> None:
    """Put an error where vLLM waits for outputs, once one of its processes has died.

    vLLM notices the death, ends the thread that reads the outputs, and waits for them forever.
    """
    outputs = getattr(core.engine_core, "outputs_queue", None)
    if outputs is None or not processes:
        return

    def wait() -> None:
        connection.wait([process.sentinel for process in processes])
        outputs.put_nowait(EngineDeadError())

    threading.Thread(target=wait, daemon=True, name="reasonbench-engine-death").start()


def _identity(
    model: ModelSpec, engine: EngineSpec, files: ModelFiles, config: Any
) -> EngineIdentity:
    versions = {library: version(library) for library in LIBRARIES}
    args = {key: value for key, value in engine.args.items() if key not in CAPACITY}
    return EngineIdentity(
        engine="vllm",
        model=model.id,
        revision=files.revision,
        weights_digest=files.weights_digest,
        dtype=str(config.model_config.dtype).removeprefix("torch."),
        versions={"vllm": _vllm_version(), **versions},
        settings={
            "device": current_platform.device_type,
            "tensor_parallel_size": config.parallel_config.tensor_parallel_size,
            "batch_invariant": bool(envs.VLLM_BATCH_INVARIANT),
            "args": args,
        },
    )


def _vllm_version() -> str:
    """Return vLLM's version; its builds have several distribution names."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return str(vllm.__version__)
