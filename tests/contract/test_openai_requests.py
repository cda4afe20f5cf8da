"""What the ``openai_server`` engine sends, and how much of it at once."""

import gc
import warnings

import hostile_server as hostile
import pytest
from hostile_server import MODEL
from openai_harness import FAST, SAMPLING, draw, prompt, requests, run_spec, stored

from reasonbench.engines.openai_server import OpenaiServerEngine
from reasonbench.engines.openai_transport import is_loopback
from reasonbench.errors import EngineError, SpecError
from reasonbench.records import Completion
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

pytestmark = pytest.mark.usefixtures("bare_environment")


# What is sent.


def test_every_sampling_field_is_sent_with_its_own_seed(serve, connect):
    server = serve()
    sampling = SamplingSpec(
        temperature=0.7, top_p=0.9, top_k=20, min_p=0.1, max_tokens=60, stop=("END",),
        presence_penalty=0.5, repetition_penalty=1.2,
    )  # fmt: skip
    draw(connect(server), requests(2, base=5), sampling)
    assert sorted(d.seed for d in server.draws) == [5, 6]
    for sent in server.draws:
        assert sent.path == "/v1/chat/completions"
        assert {k: v for k, v in sent.body.items() if k != "seed"} == {
            "model": MODEL, "messages": [{"role": "user", "content": "Add 1 and 2."}], "n": 1,
            "temperature": 0.7, "top_p": 0.9, "top_k": 20, "min_p": 0.1, "max_tokens": 60,
            "stop": ["END"], "presence_penalty": 0.5, "frequency_penalty": 0.0,
            "repetition_penalty": 1.2,
        }  # fmt: skip


def test_neutral_values_are_sent_too_and_top_k_is_switched_off(serve, connect):
    server = serve()
    draw(connect(server), requests(1, messages=(), text="Add 1 and 2."))
    (sent,) = server.draws
    assert sent.path == "/v1/completions"
    assert sent.body == {
        "model": MODEL, "prompt": "Add 1 and 2.", "n": 1, "seed": 0, "temperature": 1.0,
        "top_p": 1.0, "top_k": -1, "min_p": 0.0, "max_tokens": 60, "stop": [],
        "presence_penalty": 0.0, "frequency_penalty": 0.0, "repetition_penalty": 1.0,
    }  # fmt: skip


def test_neutral_fields_can_be_omitted_which_the_identity_records(serve, connect):
    server = serve()
    engine = connect(server, omit=["top_k", "seed"], max_tokens_field="max_completion_tokens")
    draw(engine, requests(1))
    (sent,) = server.draws
    assert not {"top_k", "seed", "max_tokens"} & sent.body.keys()
    assert sent.body["max_completion_tokens"] == 60
    assert engine.identity.settings["not_sent"] == ["seed", "top_k"]
    assert engine.identity != connect(server).identity
    with pytest.raises(SpecError, match=r"omit names top_k, but sampling.top_k is 20"):
        engine.check([prompt()], SamplingSpec(max_tokens=60, top_k=20))
    with pytest.raises(SpecError, match="must be sent"):
        draw(engine, requests(1), SamplingSpec(max_tokens=60, top_k=20))


def test_further_fields_are_sent_and_recorded(serve, connect):
    server = serve()
    extra = {"chat_template_kwargs": {"enable_thinking": True}, "provider": {"order": ["x"]}}
    engine = connect(server, extra_body=extra)
    draw(engine, requests(1))
    assert server.draws[0].body.items() >= extra.items()
    assert engine.identity.settings["extra_body"] == extra


def test_proxies_of_the_environment_are_not_used_on_this_machine(serve, connect, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (found,) = draw(connect(serve()), requests(1))
    assert isinstance(found, Completion)


def test_addresses_of_this_machine_are_known_as_such():
    for url in ("http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:80/v1"):
        assert is_loopback(url)
    for url in ("https://api.openai.com/v1", "http://10.0.0.1/v1", "http://localhost.example/v1"):
        assert not is_loopback(url)


# How much is in flight.


def test_no_more_is_in_flight_than_the_concurrency_and_no_more_is_read(serve, connect):
    gate = hostile.threading.Event()

    def wait(handler, good):
        gate.wait(20)
        handler.send_json(good)

    server = serve(lambda d: wait)
    read = []

    def source():
        for request in requests(50):
            read.append(request)
            yield request

    running = connect(server, concurrency=5).sample(source(), SAMPLING)
    opener = hostile.threading.Thread(
        target=lambda: (server.wait_for(lambda: server.in_flight == 5), gate.set())
    )
    opener.start()
    next(running)
    opener.join()
    assert len(read) <= 6
    assert len(list(running)) == 49
    assert server.most_in_flight == 5


def test_by_default_64_are_in_flight_or_the_batch_size(serve, connect):
    server = serve()
    assert connect(server)._concurrency == 64
    assert connect(server, batch_size=8)._concurrency == 8
    assert connect(server, concurrency=100)._concurrency == 100
    with pytest.raises(SpecError, match=r"concurrency is 9, above engine.batch_size"):
        connect(server, batch_size=8, concurrency=9)


def test_closing_early_cancels_what_is_in_flight_and_leaves_the_engine_usable(serve, connect):
    server = serve(lambda d: hostile.hang if d.seed >= 100 else None)
    engine = connect(server, concurrency=8)
    running = engine.sample([*requests(1), *requests(7, base=100)], SAMPLING)
    assert isinstance(next(running), Completion)
    server.wait_for(lambda: server.in_flight == 7)
    running.close()
    assert all(isinstance(c, Completion) for c in draw(engine, requests(20)))


def test_an_interrupt_while_waiting_leaves_what_was_drawn(serve, tmp_path):
    server = serve(lambda d: hostile.hang if d.number >= 12 else None)
    spec = run_spec(server, concurrency=4)
    interrupter = hostile.threading.Thread(
        target=lambda: (
            server.wait_for(lambda: server.in_flight == 4 and len(server.draws) == 16),
            hostile.interrupt_main(),
        )
    )
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        execute(spec, tmp_path / "r")
    interrupter.join()
    assert len(stored(tmp_path / "r")) == 12
    assert execute(run_spec(serve()), tmp_path / "r").n_owed == 0


def test_a_closed_engine_says_so(serve, connect):
    engine = connect(serve())
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        list(engine.sample(requests(1), SAMPLING))


def test_a_server_that_cuts_its_connections_leaves_none_open_here(serve):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(8):
            server = serve()
            args = {"base_url": server.url, "concurrency": 8, **FAST}
            engine = OpenaiServerEngine(
                ModelSpec(id=MODEL), EngineSpec(name="openai_server", args=args)
            )
            drawing = engine.sample(iter(requests(50)), SAMPLING)
            next(drawing)
            server.close()
            drawing.close()
            engine.close()
        del engine, drawing
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_an_engine_closed_while_it_samples_lets_go_of_everything(serve, connect):
    server = serve(lambda d: hostile.hang if d.seed >= 100 else None)
    engine = connect(server, concurrency=4)
    running = engine.sample([*requests(1), *requests(3, base=100)], SAMPLING)
    assert isinstance(next(running), Completion)
    server.wait_for(lambda: server.in_flight == 3)
    engine.close()
    running.close()
