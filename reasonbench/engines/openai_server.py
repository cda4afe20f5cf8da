"""The ``openai_server`` engine: any server with OpenAI's API, such as ``vllm serve``.

One completion is one request with its own seed: what servers make of ``n`` differs.  Every
sampling field is sent (``openai_requests``), every reply is taken for hostile
(``openai_replies``), and what fails stays owed.  The requests run in the event loop of one
background thread; at most ``engine.args.concurrency`` are in flight, and no more are read.

Not covered: whether a server honours the seed or the temperature, and what its weights are.
The identity therefore says ``unverified``, and holds what the server tells of itself.
"""

import asyncio
import dataclasses
import queue
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from reasonbench.engines.openai_args import (
    ServerArgs,
    concurrency,
    read_args,
    read_base_url,
    read_secrets,
)
from reasonbench.engines.openai_preflight import (
    Served,
    preflight,
    trouble_error,
    with_refused_field,
)
from reasonbench.engines.openai_prompts import Prompts, plain
from reasonbench.engines.openai_replies import Answer, read_answer
from reasonbench.engines.openai_requests import (
    refuse_args,
    refuse_continuation,
    refuse_sampling,
    request_body,
)
from reasonbench.engines.openai_transport import LoopThread, Transport, Trouble
from reasonbench.engines.openai_trust import Breaker, Witness
from reasonbench.engines.rendering import required_max_tokens
from reasonbench.errors import EngineError, SpecError
from reasonbench.identity import digest
from reasonbench.records import (
    Completion,
    EngineIdentity,
    Failure,
    Prompt,
    SampleRequest,
    Stage,
)
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

CUT_SHORT = b"output limit was reached"
"""In OpenAI's refusal of a limit that a thought did not fit in: the fields were fine."""

Drawing = Future[Completion | Trouble]


class OpenaiServerEngine:
    """Draws completions from a server."""

    def __init__(self, model: ModelSpec, engine: EngineSpec) -> None:
        self._args = read_args(engine)
        refuse_args(self._args)
        if model.revision is not None:
            raise SpecError(
                f"model.revision is {model.revision!r}, but a server has loaded its model already",
                hint="leave model.revision out",
            )
        base_url = read_base_url(self._args)
        self._secrets = read_secrets(self._args)
        self._model = model.id
        self._concurrency = concurrency(self._args, engine)
        self._closed = False
        self._transport = self._connect(base_url)
        self._loop = LoopThread()
        try:
            served = self._loop.run(preflight(self._transport, model.id, self._args, self._secrets))
        except BaseException:
            self.close()
            raise
        self._context = served.context_length
        self._can_continue = served.tokenizes
        self._prompts = Prompts(self._transport, model.id, self._args, tokenizes=served.tokenizes)
        self._witness = Witness(served, self._args)
        self._identity = _identity(model, self._args, base_url, served)
        self._digest = self._identity.digest()

    @property
    def identity(self) -> EngineIdentity:
        """What the server tells of itself, and what is sent to it."""
        return self._identity

    @property
    def context_length(self) -> int | None:
        """Most tokens of prompt and completion together; None where nothing says."""
        return self._context

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model sees, or plain lines where the server does not tell."""
        seen = self._loop.run(self._prompts.see(prompt))
        if isinstance(seen, Trouble):
            raise trouble_error(seen)
        return plain(prompt) if seen.text is None else self._secrets.redact(seen.text)

    def count_tokens(self, prompt: Prompt) -> int | None:
        """Return the tokens of a rendered prompt; None where the server does not tell."""
        seen = self._loop.run(self._prompts.see(prompt))
        if isinstance(seen, Trouble):
            raise trouble_error(seen)
        return seen.n_tokens

    def check(self, prompts: Sequence[Prompt], sampling: SamplingSpec) -> None:
        """Refuse what cannot be sampled; asks for one token of each kind of prompt."""
        refuse_sampling(self._args, sampling)
        for prompt in prompts:
            refuse_continuation(prompt, self._can_continue)
        self._refuse_overlong(prompts, required_max_tokens(sampling))
        one_token = _with_max_tokens(sampling, 1)
        kinds = {prompt.text is None: prompt for prompt in reversed(prompts)}
        for prompt in kinds.values():
            request = SampleRequest(key="check", prompt=prompt, sample_index=0, seed=0)
            answer = self._loop.run(self._answer(request, one_token))
            if isinstance(answer, Trouble) and CUT_SHORT not in answer.body:
                raise trouble_error(answer)

    def sample(
        self, requests: Iterable[SampleRequest], sampling: SamplingSpec
    ) -> Iterator[Completion | Failure]:
        """Yield one Completion or Failure for each request, as each finishes."""
        refuse_sampling(self._args, sampling)
        source = iter(requests)
        finished: queue.SimpleQueue[Drawing] = queue.SimpleQueue()
        flights: dict[Drawing, SampleRequest] = {}
        tasks: set[asyncio.Task[Any]] = set()
        breaker = Breaker()
        try:
            while True:
                while len(flights) < self._concurrency:
                    request = next(source, None)
                    if request is None:
                        break
                    flight = self._begin(request, sampling, tasks)
                    flights[flight] = request
                    flight.add_done_callback(finished.put)
                if not flights:
                    return
                flight = finished.get()
                request = flights.pop(flight)
                outcome = flight.result()
                stop = breaker.stop(request, outcome)
                if not isinstance(outcome, Trouble) or not outcome.fatal:
                    yield _record(request, outcome)
                if stop is not None:
                    yield from _ready(finished, flights)
                    raise stop
        finally:
            self._abandon(flights, tasks)

    def close(self) -> None:
        """Close all connections; nothing can be sampled after."""
        if not self._closed:
            self._closed = True
            self._loop.run(self._transport.close())
            self._loop.close()

    def _connect(self, base_url: str) -> Transport:
        connections = self._concurrency + 1
        try:
            return Transport(base_url, self._args, self._secrets, connections=connections)
        except Exception as error:
            # Its words may hold a proxy's password.
            raise EngineError(
                f"no HTTP client can be made ({type(error).__name__})",
                hint="check the proxies and OPENAI_CUSTOM_HEADERS in the environment",
            ) from None

    def _refuse_overlong(self, prompts: Sequence[Prompt], max_tokens: int) -> None:
        """Refuse prompts beyond the context, as far as the server tells their length.

        Raises:
            EngineError: there is one.
        """
        if self._context is None:
            return
        counted = [(self.count_tokens(prompt) or 1, prompt) for prompt in dict.fromkeys(prompts)]
        longest, prompt = max(counted, key=lambda pair: pair[0], default=(0, None))
        room = self._context - longest
        if prompt is not None and max_tokens > room:
            raise EngineError(
                f"problem {prompt.problem_id!r} of task {prompt.task!r} has a prompt of {longest} "
                f"tokens, which with sampling.max_tokens = {max_tokens} is beyond the context of "
                f"{self._context} tokens of {self._model!r}",
                hint=f"set sampling.max_tokens to at most {room}"
                if room > 0
                else "leave this task out, or use a model with a longer context",
            )

    def _begin(
        self, request: SampleRequest, sampling: SamplingSpec, tasks: set[asyncio.Task[Any]]
    ) -> Drawing:
        if self._closed:
            raise EngineError("the engine is closed and cannot sample")

        async def draw() -> Completion | Trouble:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            return await self._draw(request, sampling)

        return self._loop.submit(draw())

    def _abandon(
        self, flights: dict[Drawing, SampleRequest], tasks: set[asyncio.Task[Any]]
    ) -> None:
        """Cancel what is in flight, and wait until its connections are closed."""
        if not flights or self._closed:
            return

        async def settle() -> None:
            await asyncio.gather(*tasks, return_exceptions=True)

        for flight in flights:
            flight.cancel()
        self._loop.run(settle())

    async def _draw(self, request: SampleRequest, sampling: SamplingSpec) -> Completion | Trouble:
        prompt, max_tokens = request.prompt, required_max_tokens(sampling)
        seen = await self._prompts.see(prompt)
        if isinstance(seen, Trouble):
            return seen
        if self._context is not None and (seen.n_tokens or 1) + max_tokens > self._context:
            return Trouble(
                "EngineError",
                f"a prompt of {seen.n_tokens or 'unknown'} tokens with max_tokens = {max_tokens} "
                f"is beyond the context of {self._context} tokens",
            )
        answer = await self._answer(request, sampling)
        if isinstance(answer, Trouble):
            return answer
        told = self._args.thinking_prefilled
        prefilled = seen.thinking_prefilled if told is None else told
        return Completion(
            key=request.key,
            task=prompt.task,
            problem_id=prompt.problem_id,
            sample_index=request.sample_index,
            text=answer.text,
            finish_reason=answer.finish_reason,
            n_prompt_tokens=answer.n_prompt_tokens,
            n_tokens=answer.n_tokens,
            seed=request.seed,
            engine=self._digest,
            # A text that was put together again opens its thinking part itself.
            thinking_prefilled=prefilled and not answer.split,
        )

    async def _answer(self, request: SampleRequest, sampling: SamplingSpec) -> Answer | Trouble:
        """Ask for one completion; what the reply says of the server must not have changed."""
        prompt = request.prompt
        try:
            refuse_continuation(prompt, self._can_continue)
        except EngineError as error:
            return Trouble("EngineError", error.message)
        chat = prompt.text is None
        body = request_body(self._model, prompt, request.seed, sampling, self._args)
        client: Any = self._transport.client
        create = (client.chat.completions if chat else client.completions).with_raw_response.create
        limit = required_max_tokens(sampling)

        def read(reply: bytes) -> Answer:
            return read_answer(reply, chat=chat, max_tokens=limit, stop=sampling.stop)

        answer = await self._transport.fetch(lambda: create(**body), read)
        if isinstance(answer, Trouble):
            return with_refused_field(answer)
        if self._secrets.held_by(answer.text):
            return Trouble("KeyEchoed", "the server's reply holds the API key")
        answer = dataclasses.replace(
            answer,
            id=self._redacted(answer.id),
            model=self._redacted(answer.model),
            fingerprint=self._redacted(answer.fingerprint),
        )
        return self._witness.objection(answer) or answer

    def _redacted(self, name: str | None) -> str | None:
        return None if name is None else self._secrets.redact(name)


def _record(request: SampleRequest, outcome: Completion | Trouble) -> Completion | Failure:
    if isinstance(outcome, Completion):
        return outcome
    return Failure(
        key=request.key,
        task=request.prompt.task,
        problem_id=request.prompt.problem_id,
        sample_index=request.sample_index,
        stage=Stage.SAMPLE,
        error_type=outcome.kind,
        message=outcome.message,
    )


def _ready(
    finished: "queue.SimpleQueue[Drawing]", flights: dict[Drawing, SampleRequest]
) -> Iterator[Completion | Failure]:
    """Yield what came in beside the outcome that ends the run."""
    while not finished.empty():
        flight = finished.get()
        request, outcome = flights.pop(flight), flight.result()
        if isinstance(outcome, Completion):
            yield outcome
        elif not outcome.fatal:
            yield _record(request, outcome)


def _with_max_tokens(sampling: SamplingSpec, max_tokens: int) -> SamplingSpec:
    return msgspec.structs.replace(sampling, max_tokens=max_tokens)


def _identity(model: ModelSpec, args: ServerArgs, base_url: str, served: Served) -> EngineIdentity:
    """Return what is known of what draws.

    Nothing of it is verified: a server's weights cannot be read, only what it says of them.
    """
    where = {"deployment": args.deployment} if args.deployment else {"base_url": base_url}
    told: dict[str, Any] = {"model_root": served.root, "served_model": served.model}
    if args.pin_fingerprint:
        told["fingerprint"] = served.fingerprint
    sent: dict[str, Any] = {
        "not_sent": sorted(set(args.omit)),
        "max_tokens_field": args.max_tokens_field,
        "extra_body": args.extra_body,
        "thinking_prefilled": args.thinking_prefilled,
        "pin_fingerprint": args.pin_fingerprint,
        "unique_ids": args.unique_ids,
    }
    return EngineIdentity(
        engine="openai_server",
        model=model.id,
        revision=None,
        weights_digest=f"unverified:{digest(where, model.id, told)}",
        dtype="unknown",
        versions={"server": served.version} if served.version else {},
        settings={**where, **told, **sent},
    )
