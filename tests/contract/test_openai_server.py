"""The ``openai_server`` engine: its refusals before sampling, and its identity."""

import hostile_server as hostile
import pytest
from hostile_server import MODEL, edited, status, with_value, without
from openai_harness import KEY, SAMPLING, draw, prompt, requests, run_spec, stored

from reasonbench.engines.openai_server import OpenaiServerEngine
from reasonbench.errors import EngineError, SpecError, UnknownNameError
from reasonbench.records import Completion, Message, Prompt
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec

pytestmark = pytest.mark.usefixtures("bare_environment")


# Before anything is drawn.


def test_check_asks_for_one_token_of_each_kind_of_prompt(serve, connect):
    server = serve()
    engine = connect(server)
    before = len(server.probes)
    plain = Prompt(problem_id="q", task="t", text="Once")
    engine.check([prompt(), prompt("p2"), plain, plain], SAMPLING)
    probes = server.probes[before:]
    assert sorted(p.path for p in probes) == ["/v1/chat/completions", "/v1/completions"]
    assert all(p.body["top_k"] == -1 and p.body["max_tokens"] == 1 for p in probes)
    assert server.draws == []


def test_check_finds_a_refused_field_before_anything_is_drawn(serve, tmp_path):
    server = serve()
    refusal = status(400, "Unrecognized request argument supplied: min_p")
    server.probe_fault = lambda probe: refusal if "min_p" in probe.body else None
    with pytest.raises(EngineError, match="does not take the field min_p") as caught:
        execute(run_spec(server), tmp_path / "r")
    assert 'omit=["min_p"]' in caught.value.hint
    assert server.draws == []
    assert execute(run_spec(server, omit=["min_p"]), tmp_path / "r").n_owed == 0
    assert len(stored(tmp_path / "r")) == 20


def test_a_limit_of_one_token_that_openai_finds_too_small_is_no_refusal(serve, connect):
    server = serve()
    engine = connect(server)
    refused = []

    def refuse(probe):
        refused.append(probe)
        return status(
            400,
            "Could not finish the message because max_tokens or model output limit was reached.",
        )

    server.probe_fault = refuse
    engine.check([prompt()], SAMPLING)
    assert refused


def test_a_reply_without_usage_is_refused_before_anything_is_drawn(serve, tmp_path):
    server = serve()
    server.probe_fault = lambda probe: without("usage")
    with pytest.raises(EngineError, match="a truncated completion cannot be told"):
        execute(run_spec(server), tmp_path / "r")
    assert server.draws == []


def test_an_unreachable_server_is_one_sentence(connect):
    with pytest.raises(EngineError, match="the server cannot be reached") as caught:
        connect("http://127.0.0.1:9/v1")
    assert "base_url" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_model_that_is_not_served_gets_a_suggestion(serve, connect):
    server = serve(models=[{"id": MODEL}, {"id": "other"}, {"id": 5}, "x", {"id": "y" * 10_000}])
    with pytest.raises(UnknownNameError, match="no model on this server named 'served-modle'") as e:
        connect(server, model="served-modle")
    assert "did you mean 'served-model'" in e.value.hint


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (lambda h: h.send(b"<html>hello</html>", kind="text/html"), "not JSON, but a page of HTML"),
        (lambda h: h.send_json({"data": None}), "list of models holds none"),
        (lambda h: h.send_json({"error": "down"}, 500), "status 500: down"),
        (lambda h: h.send_json({}, 404), "status 404"),
        (lambda h: h.send_json({}, 302, {"Location": "http://127.0.0.1:9/"}), "redirects"),
        (lambda h: hostile.hang(h, None), "did not answer within 0.3 seconds"),
    ],
)
def test_what_is_no_such_server_is_refused_in_one_sentence(serve, connect, page, words):
    server = serve()
    server.pages["/v1/models"] = page
    with pytest.raises(EngineError, match=words) as caught:
        connect(server, timeout=0.3)
    assert "\n" not in caught.value.message


def test_the_context_comes_from_the_server_or_from_the_argument(serve, connect):
    assert connect(serve()).context_length is None
    assert connect(serve(), context_length=500).context_length == 500
    told = serve(models=[{"id": MODEL, "max_model_len": 400}])
    assert connect(told).context_length == 400
    assert connect(told, context_length=300).context_length == 300
    with pytest.raises(EngineError, match="takes at most 400 tokens"):
        connect(told, context_length=401)
    for nonsense in (-1, "many", True, 1.5, None, 0):
        odd = serve(models=[{"id": MODEL, "max_model_len": nonsense}])
        assert connect(odd).context_length is None


def render_chat(body, opening=""):
    if "prompt" in body:
        return body["prompt"]
    turns = "".join(f"<{m['role']}>{m['content']}" for m in body["messages"])
    return turns if body.get("continue_final_message") else f"{turns}<assistant>{opening}"


def test_prompts_are_rendered_and_counted_by_a_server_that_can(serve, connect):
    engine = connect(serve(tokenizer=render_chat))
    assert engine.render(prompt()) == "<user>Add 1 and 2.<assistant>"
    assert engine.count_tokens(prompt()) == 29
    assert engine.render(Prompt(problem_id="p", task="t", text="Once")) == "Once"


def test_prompts_are_shown_as_lines_where_the_server_tells_nothing(serve, connect):
    engine = connect(serve())
    talk = (Message(role="system", content="Be brief."), *prompt().messages)
    assert engine.render(prompt(messages=talk)) == "system: Be brief.\nuser: Add 1 and 2."
    assert engine.count_tokens(prompt()) is None


def test_what_exceeds_the_context_is_refused_and_never_sent(serve, connect):
    server = serve(models=[{"id": MODEL, "max_model_len": 80}], tokenizer=render_chat)
    engine = connect(server)
    engine.check([prompt()], SamplingSpec(max_tokens=51))
    with pytest.raises(EngineError, match=r"prompt of 29 tokens.*context of 80 tokens") as caught:
        engine.check([prompt()], SamplingSpec(max_tokens=52))
    assert caught.value.hint == "set sampling.max_tokens to at most 51"
    (failure,) = draw(engine, requests(1), SamplingSpec(max_tokens=52))
    assert "beyond the context of 80 tokens" in failure.message
    assert server.draws == []


def test_a_begun_turn_is_continued_only_where_the_server_is_known_to(serve, connect):
    begun = prompt(messages=(*prompt().messages, Message(role="assistant", content="So")))
    engine = connect(serve())
    with pytest.raises(EngineError, match="begins the assistant's turn"):
        engine.check([begun], SAMPLING)
    server = serve(tokenizer=render_chat)
    engine = connect(server)
    engine.check([begun], SAMPLING)
    draw(engine, requests(1, messages=begun.messages))
    assert server.draws[0].body["continue_final_message"] is True
    assert server.draws[0].body["add_generation_prompt"] is False
    assert engine.render(begun) == "<user>Add 1 and 2.<assistant>So"


def test_an_opened_thinking_part_is_seen_in_the_rendered_prompt(serve, connect):
    server = serve(tokenizer=lambda body: render_chat(body, "<think>\n"))
    server.fault = lambda d: (
        with_value("a</think>\\boxed{3}", "choices", 0, "message", "content")
        if d.seed == 0
        else edited(lambda r: r["choices"][0]["message"].update(reasoning="a", content="3"))
    )
    whole, split = draw(connect(server), requests(2))
    assert whole.thinking_prefilled
    assert split.text == "<think>\na\n</think>\n\n3"
    assert not split.thinking_prefilled
    (told,) = draw(connect(server, thinking_prefilled=False), requests(1))
    assert not told.thinking_prefilled
    (told,) = draw(connect(serve(), thinking_prefilled=True), requests(1))
    assert told.thinking_prefilled


def test_a_prompt_that_the_server_should_render_but_does_not_is_owed(serve, connect):
    server = serve(tokenizer=render_chat)
    engine = connect(server)
    server.pages["/tokenize"] = lambda h: h.send_json({"error": "busy"}, 503)
    (failure,) = draw(engine, requests(1))
    assert failure.error_type == "Status503"
    assert server.draws == []
    del server.pages["/tokenize"]
    (found,) = draw(engine, requests(1))
    assert isinstance(found, Completion)


# What the identity says.


def test_the_identity_says_what_is_known_and_that_nothing_is_verified(serve, connect):
    card = {"id": MODEL, "root": "org/model", "max_model_len": 4000}
    engine = connect(server := serve(models=[card], version="1.2.3"))
    identity = engine.identity
    assert identity.engine == "openai_server"
    assert identity.model == MODEL
    assert identity.weights_digest.startswith("unverified:")
    assert identity.versions == {"server": "1.2.3"}
    assert identity.settings["base_url"] == server.url
    assert identity.settings["model_root"] == "org/model"
    assert identity.settings["served_model"] == MODEL
    assert identity.settings["fingerprint"] == "fp-1"
    (completion,) = draw(engine, requests(1))
    assert completion.engine == identity.digest()


def test_a_deployment_is_one_engine_wherever_it_is_served(serve, connect):
    one, other = serve(), serve()
    assert connect(one).identity != connect(other).identity
    assert connect(one, deployment="d").identity == connect(other, deployment="d").identity
    assert connect(one, deployment="d").identity != connect(one, deployment="e").identity
    same = connect(one, concurrency=3, timeout=9, tries=2).identity
    assert same == connect(one).identity


def test_another_fingerprint_is_another_engine_unless_it_is_not_looked_at(serve, connect):
    server = serve()
    pinned, loose = connect(server).identity, connect(server, pin_fingerprint=False).identity
    server.probe_fault = lambda probe: with_value("fp-9", "system_fingerprint")
    assert connect(server).identity != pinned
    assert connect(server, pin_fingerprint=False).identity == loose


def test_changing_fingerprints_and_repeated_ids_pass_where_the_user_says_so(serve, connect):
    server = serve(
        lambda d: edited(lambda r: r.update(system_fingerprint=f"fp{d.seed}", id="same"))
    )
    engine = connect(server, pin_fingerprint=False, unique_ids=False)
    assert all(isinstance(c, Completion) for c in draw(engine, requests(20)))
    assert engine.identity.settings["unique_ids"] is False


def test_expected_weights_cannot_be_checked_and_are_refused(serve, tmp_path):
    spec = run_spec(serve())
    model = ModelSpec(id=MODEL, weights_digest="a" * 32)
    bad = RunSpec(model=model, tasks=spec.tasks, engine=spec.engine, sampling=SAMPLING)
    with pytest.raises(EngineError, match=r"unverified:.*the spec asks for aaa"):
        execute(bad, tmp_path / "r")


# What cannot be asked for.


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"api_key": KEY}, r"engine.args.api_key cannot be set"),
        ({"base_url": "http://user:pass@127.0.0.1/v1"}, "would be recorded"),
        ({"base_url": "http://127.0.0.1/v1?key=abc"}, "would be recorded"),
        ({"base_url": "127.0.0.1:8000/v1"}, "no http or https address"),
        ({"base_url": "http://[::1/v1"}, "no http or https address"),
        ({"base_url": "http://127.0.0.1:99999/v1"}, "no http or https address"),
        ({"base_url": ""}, "needs the address of a server"),
        ({"concurency": 3}, "concurency"),
        ({"tries": 0}, "tries"),
        ({"timeout": "long"}, "timeout"),
        ({"omit": ["max_tokens"]}, "max_tokens"),
        ({"extra_body": {"top_k": 3}}, "extra_body cannot set top_k"),
        ({"extra_body": {"stream": True}}, "extra_body cannot set stream"),
        ({"max_tokens_field": "tokens"}, "max_tokens_field"),
        ({"api_key_env": "gsk_thisisthekeyitself"}, "api_key_env names is not set"),
    ],
)
def test_arguments_that_cannot_be_are_refused_and_not_repeated(connect, args, words):
    with pytest.raises(SpecError, match=words) as caught:
        connect("http://127.0.0.1:9/v1", **args)
    said = f"{caught.value.message} {caught.value.hint}"
    for secret in (KEY, "pass", "abc", "gsk_thisisthekeyitself"):
        assert secret not in said.replace("passed", "")


def test_what_a_server_has_chosen_already_cannot_be_asked_for(serve):
    args = {"base_url": serve().url}
    with pytest.raises(SpecError, match="a server has chosen its number format"):
        OpenaiServerEngine(ModelSpec(id=MODEL), EngineSpec(dtype="float16", args=args))
    with pytest.raises(SpecError, match="a server has loaded its model"):
        OpenaiServerEngine(ModelSpec(id=MODEL, revision="main"), EngineSpec(args=args))


def test_temperatures_that_servers_change_or_refuse_are_refused(serve, connect):
    engine = connect(serve())
    for temperature in (0.001, 2.5):
        with pytest.raises(SpecError, match="a server samples at temperature 0 or from"):
            engine.check([prompt()], SamplingSpec(max_tokens=60, temperature=temperature))
    with pytest.raises(EngineError, match="max_tokens"):
        list(engine.sample(requests(1), SamplingSpec()))


def test_the_address_may_come_from_the_environment(serve, monkeypatch):
    server = serve()
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
    engine = OpenaiServerEngine(ModelSpec(id=MODEL), EngineSpec())
    assert engine.identity.settings["base_url"] == server.url
    engine.close()
