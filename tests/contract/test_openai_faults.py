"""The ``openai_server`` engine against a server that fails in every way that servers do.

What holds throughout: a run ends with complete or honestly owed samples, and every text that
is stored is the one that the server drew for that prompt and seed.
"""

import hostile_server as hostile
import pytest
from hostile_server import edited, expected, raw, status, with_value, without
from openai_harness import KEY, draw, expected_seeds, failures, requests, run_spec, stored
from reasonbench_fakes import Sums

from reasonbench.engines.openai_transport import MAX_BODY
from reasonbench.engines.openai_trust import GONE_AFTER, HOPELESS_AFTER
from reasonbench.errors import EngineError
from reasonbench.records import Completion, Failure
from reasonbench.run import execute

pytestmark = pytest.mark.usefixtures("bare_environment")


# Whatever passes is tried again, and leaves no mark on what is stored.


PASSING = {
    **{str(code): status(code, "busy") for code in (408, 409, 425, 429, 500, 502, 503, 504, 529)},
    "retry-after-now": status(429, "slow down", {"Retry-After": "0"}),
    "retry-after-a-day": status(503, "slow down", {"Retry-After": "86400"}),
    "retry-after-negative": status(429, "slow down", {"Retry-After": "-5"}),
    "retry-after-garbage": status(429, "slow down", {"Retry-After": "soon"}),
    "half a document": hostile.half_json,
    "reset within the body": hostile.cut_off,
    "no answer": hostile.no_answer,
    "html": raw(b"<!doctype html><title>Welcome</title>", "text/html"),
    "nothing": raw(b""),
    "not utf-8": raw(b'{"choices": "\xff\xfe"}'),
    "a list": raw(b"[]"),
    "deep": raw(b"[" * 200_000),
    "no choices": without("choices"),
    "choices null": with_value(None, "choices"),
    "no choice": with_value([], "choices"),
    "a choice that is none": with_value([7], "choices"),
    "an error with status 200": raw(b'{"error": {"message": "overloaded"}}'),
    "no message": without("choices", 0, "message"),
    "content a number": with_value(5, "choices", 0, "message", "content"),
    "content in parts": with_value([{"text": "a"}], "choices", 0, "message", "content"),
    "reasoning a list": with_value(["a"], "choices", 0, "message", "reasoning"),
    "usage a text": with_value("many", "usage"),
    "tokens nan": raw(b'{"usage": {"prompt_tokens": 1, "completion_tokens": NaN}}'),
    "tokens negative": with_value(-1, "usage", "completion_tokens"),
    "tokens a fraction": with_value(2.5, "usage", "completion_tokens"),
    "tokens true": with_value(True, "usage", "completion_tokens"),
    "tokens a text": with_value("6", "usage", "completion_tokens"),
    "tokens huge": with_value(10**30, "usage", "completion_tokens"),
    "prompt tokens missing": without("usage", "prompt_tokens"),
    "a name too long": with_value("x" * 5000, "model"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_costs_a_try_and_nothing_else(serve, connect, fault):
    server = serve(lambda d: fault if d.attempt == 0 and d.seed % 3 == 0 else None)
    for completion in draw(connect(server), requests(6)):
        assert isinstance(completion, Completion)
        assert completion.text == expected("Add 1 and 2.", completion.seed)[0]
    assert len(server.draws) == 8


def test_a_run_among_all_passing_faults_holds_what_an_honest_server_drew(serve, tmp_path):
    faults = list(PASSING.values())
    server = serve(lambda d: faults[(d.number * 7) % len(faults)] if d.attempt < 2 else None)
    result = execute(run_spec(server, n=8), tmp_path / "r")
    assert len(stored(tmp_path / "r")) == 40
    assert [c.n for c in result.tasks[0].problems] == [8] * 5
    assert result.tasks[0].n_owed == 0
    assert failures(tmp_path / "r") == []
    assert len(server.draws) == 120


# Whatever does not pass stays owed, with its reason, and an honest server mends it.


STAYING = {
    "bad request": (status(400, "the prompt is not nice"), "Status400", "not nice"),
    "too long": (status(413, "too long"), "Status413", "too long"),
    "unprocessable": (status(422, "no"), "Status422", "no"),
    "not implemented": (status(501, "no"), "Status501", "no"),
    "overloaded": (status(503, "overloaded"), "Status503", "overloaded"),
    "two choices": (
        edited(lambda reply: reply["choices"].append(reply["choices"][0])),
        "WrongCount",
        "returned 2 completions where one was asked for",
    ),
    "no choice": (with_value([], "choices"), "BadReply", "no choices"),
    "a tool": (with_value("tool_calls", "choices", 0, "finish_reason"), "Unfinished", "tool_calls"),
    "an error": (with_value("error", "choices", 0, "finish_reason"), "Unfinished", "error"),
    "aborted": (with_value("abort", "choices", 0, "finish_reason"), "Unfinished", "abort"),
    "no reason": (with_value(None, "choices", 0, "finish_reason"), "Unfinished", "None"),
    "ten megabytes": (raw(b" " * 10_000_000), "ReplyTooLarge", f"{MAX_BODY:,} bytes"),
    "fifty megabytes of text": (
        with_value("a" * 50_000_000, "choices", 0, "message", "content"),
        "ReplyTooLarge",
        "longer than",
    ),
    "no end": (hostile.endless, "ReplyTooLarge", "longer than"),
    "a great refusal": (
        lambda handler, good: handler.send(b"x" * 10_000_000, 400),
        "ReplyTooLarge",
        "longer than",
    ),
    "two thoughts": (
        edited(lambda r: r["choices"][0]["message"].update(reasoning="a", reasoning_content="b")),
        "BadReply",
        "two different texts",
    ),
}


@pytest.mark.parametrize(("fault", "kind", "words"), STAYING.values(), ids=STAYING)
def test_a_fault_that_stays_leaves_its_completion_owed(serve, tmp_path, fault, kind, words):
    unlucky = expected_seeds(index=1)
    server = serve(lambda d: fault if d.seed in unlucky else None)
    result = execute(run_spec(server), tmp_path / "r")
    texts = stored(tmp_path / "r")
    assert {index for _, index in texts} == {0, 2, 3}
    assert len(texts) == 15
    assert result.tasks[0].n_owed == 5
    for failure in failures(tmp_path / "r"):
        assert failure.sample_index == 1
        assert failure.error_type == kind
        assert words in failure.message
        assert "\n" not in failure.message
    assert len(failures(tmp_path / "r")) == 5
    mended = execute(run_spec(serve()), tmp_path / "r")
    assert mended.tasks[0].n_owed == 0
    assert stored(tmp_path / "r").items() >= texts.items()


@pytest.mark.parametrize("fault", [hostile.hang, hostile.trickle])
def test_a_server_that_hangs_is_given_up_after_the_timeout(serve, connect, fault):
    server = serve(lambda d: fault if d.seed == 1 else None)
    first, second, third = draw(connect(server, timeout=0.3, tries=2), requests(3))
    assert isinstance(second, Failure)
    assert second.error_type == "Timeout"
    assert second.message == "the server did not answer within 0.3 seconds"
    assert isinstance(first, Completion)
    assert isinstance(third, Completion)
    assert sum(d.seed == 1 for d in server.draws) == 2


def test_a_failed_request_is_tried_as_often_as_the_arguments_say(serve, connect):
    server = serve(lambda d: status(500, "oh"))
    (failure,) = draw(connect(server, tries=5), requests(1))
    assert failure.error_type == "Status500"
    assert len(server.draws) == 5
    (failure,) = draw(connect(server, tries=1), requests(1, base=7))
    assert len(server.draws) == 6


def test_a_storm_of_refusals_with_absurd_waits_ends_soon(serve, tmp_path):
    waits = ("86400", "-1", "nan", "inf", "1e400", "Fri, 31 Dec 9999 23:59:59 GMT", "never")
    server = serve(
        lambda d: status(429, "", {"Retry-After": waits[d.number % 7]}) if d.attempt < 2 else None
    )
    assert execute(run_spec(server), tmp_path / "r").n_owed == 0
    assert len(stored(tmp_path / "r")) == 20
    assert len(server.draws) == 60


# What every further request would meet ends the run at once, and what was drawn stays.


def after(n, fault):
    return lambda d: fault if d.number >= n else None


FATAL = {
    "the key expired": (status(401, "expired"), "status 401", "OPENAI_API_KEY"),
    "nothing was paid": (status(402, "pay"), "status 402", "paid"),
    "forbidden": (status(403, "no"), "status 403", "may not use"),
    "the model went": (status(404, "no model"), "status 404: no model", "model's name"),
    "the quota ended": (
        status(429, "you exceeded it", code="insufficient_quota"),
        "status 429",
        "no quota left",
    ),
    "no usage": (without("usage"), "has no usage", "usage.completion_tokens"),
    "the limit is ignored": (
        with_value(5000, "usage", "completion_tokens"),
        "5,000 tokens where at most 60",
        "max_tokens_field=max_completion_tokens",
    ),
    "another model": (with_value("other", "model"), "from 'served-model' .fp-1.", "run again"),
    "another fingerprint": (
        with_value("fp-2", "system_fingerprint"),
        "changed during the run.*fp-2",
        "pin_fingerprint=false",
    ),
    "no fingerprint": (without("system_fingerprint"), "changed during the run", "run again"),
    "a cache": (with_value("reply-1", "id"), "a reply of one id, 'reply-1'", "unique_ids=false"),
    "a field refused": (
        status(400, "Unrecognized request argument supplied: top_k"),
        "does not take the field top_k",
        'omit=["top_k"]',
    ),
    "the limit refused": (
        status(400, "Unsupported parameter: 'max_tokens'. Use another.", param="max_tokens"),
        "does not take the field max_tokens",
        "max_tokens_field=max_completion_tokens",
    ),
}


@pytest.mark.parametrize(("fault", "words", "hint"), FATAL.values(), ids=FATAL)
def test_what_every_request_would_meet_ends_the_run_at_once(serve, tmp_path, fault, words, hint):
    server = serve(after(10, fault))
    with pytest.raises(EngineError, match=words) as caught:
        execute(run_spec(server, concurrency=2), tmp_path / "r")
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert len(server.draws) <= 13
    texts = stored(tmp_path / "r")
    assert 8 <= len(texts) <= 11
    assert execute(run_spec(serve()), tmp_path / "r").n_owed == 0
    assert stored(tmp_path / "r").items() >= texts.items()


def test_a_redirect_is_not_followed_with_the_key(serve, connect, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    elsewhere = serve()
    target = {"Location": f"{elsewhere.url}/chat/completions"}
    engine = connect(serve(lambda d: status(307, "there", target)))
    with pytest.raises(EngineError, match=r"redirects to another address \(status 307\)"):
        draw(engine, requests(1))
    assert elsewhere.draws == []


def test_a_server_that_goes_away_ends_the_run_and_its_successor_goes_on(serve, tmp_path):
    server = serve()
    server.fault = lambda d: leave(server) if d.number == 9 else None
    with pytest.raises(EngineError, match=f"server is gone: {GONE_AFTER} requests") as caught:
        execute(run_spec(server, concurrency=1), tmp_path / "r")
    assert "goes on where it stopped" in caught.value.hint
    assert len(server.draws) == 10
    texts = stored(tmp_path / "r")
    assert len(texts) == 9
    assert execute(run_spec(serve()), tmp_path / "r").n_owed == 0
    assert stored(tmp_path / "r").items() >= texts.items()


def leave(server):
    def act(handler, good):
        handler.close_connection = True
        server.close()

    return act


def test_requests_that_all_fail_are_not_all_made(serve, tmp_path):
    server = serve(lambda d: status(400, "nothing works today"))
    with pytest.raises(EngineError, match=r"requests one after the other failed.*nothing works"):
        execute(run_spec(server, n=40, concurrency=4), tmp_path / "r")
    assert HOPELESS_AFTER <= len(server.draws) < 200
    assert stored(tmp_path / "r") == {}


def test_one_problem_whose_requests_all_fail_does_not_end_the_run(serve, tmp_path):
    long = Sums("5").prompt(next(iter(Sums("5").problems()))).messages[0].content
    server = serve(lambda d: status(400, "too long a prompt") if d.prompt == long else None)
    result = execute(run_spec(server, n=30), tmp_path / "r")
    assert result.n_owed == 30
    assert len(stored(tmp_path / "r")) == 120
