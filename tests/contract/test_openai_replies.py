"""From the bytes of a server's reply to a completion: any bytes, any JSON, any header."""

import json
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hostile_server import MODEL, HostileServer, with_value
from hypothesis import given
from hypothesis import strategies as st
from openai_harness import (
    FAST,
    run_spec,
)

from reasonbench.engines.openai_replies import MAX_TOKENS_READ, SLACK, ReplyError, read_answer
from reasonbench.engines.openai_requests import refused_field
from reasonbench.engines.openai_server import OpenaiServerEngine
from reasonbench.engines.openai_transport import retry_after
from reasonbench.graders.extraction import ThinkingState, split_thinking
from reasonbench.records import FinishReason
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec

pytestmark = pytest.mark.usefixtures("bare_environment")


# From a reply to a text.


def reply(message=None, *, reason="stop", drawn=5, **fields):
    choice = {"finish_reason": reason, "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": drawn}
    return json.dumps({"choices": [choice], "usage": usage} | fields).encode()


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize(
    ("parts", "reason", "text", "state"),
    [
        (("hm", "5"), "stop", "<think>\nhm\n</think>\n\n5", ThinkingState.BOTH),
        (("hm", "5"), "length", "<think>\nhm\n</think>\n\n5", ThinkingState.BOTH),
        (("hm", None), "length", "<think>\nhm", ThinkingState.UNCLOSED),
        (("hm", ""), "length", "<think>\nhm", ThinkingState.UNCLOSED),
        (("hm", None), "stop", "<think>\nhm\n</think>\n\n", ThinkingState.BOTH),
        (("", "5"), "stop", "5", ThinkingState.NONE),
        ((None, "5"), "stop", "5", ThinkingState.NONE),
        ((None, None), "stop", "", ThinkingState.NONE),
        ((None, "<think>a</think>5"), "stop", "<think>a</think>5", ThinkingState.BOTH),
        ((None, "a</think>5"), "stop", "a</think>5", ThinkingState.CLOSE_ONLY),
    ],
)
def test_the_thinking_is_put_back_before_the_answer(field, parts, reason, text, state):
    thought, content = parts
    body = reply({field: thought, "content": content}, reason=reason)
    answer = read_answer(body, chat=True, max_tokens=9)
    assert answer.text == text
    assert answer.split == (thought is not None)
    assert split_thinking(answer.text).state is state


def test_both_fields_with_the_same_thinking_are_one_thinking():
    body = reply({"reasoning": "a", "reasoning_content": "a", "content": "5"})
    assert read_answer(body, chat=True, max_tokens=9).text == "<think>\na\n</think>\n\n5"


@pytest.mark.parametrize(
    ("reason", "drawn", "found"),
    [
        ("stop", 8, FinishReason.STOP),
        ("stop", 9, FinishReason.LENGTH),
        ("stop", 10, FinishReason.LENGTH),
        ("length", 9, FinishReason.LENGTH),
        ("length", 4, FinishReason.LENGTH),
        ("content_filter", 4, FinishReason.FILTER),
    ],
)
def test_truncation_is_told_by_the_reason_and_by_the_count(reason, drawn, found):
    answer = read_answer(
        reply({"content": "a"}, reason=reason, drawn=drawn), chat=True, max_tokens=9
    )
    assert (answer.finish_reason, answer.n_tokens) == (found, drawn)


def test_a_thought_that_the_limit_cut_is_left_open_though_the_server_says_stop():
    body = reply({"reasoning": "hm", "content": None}, drawn=9)
    assert read_answer(body, chat=True, max_tokens=9).text == "<think>\nhm"


def test_a_stop_string_that_the_server_ignored_still_ends_the_text():
    body = reply({"content": "one END two"}, reason="length", drawn=9)
    answer = read_answer(body, chat=True, max_tokens=9, stop=("END",))
    assert (answer.text, answer.finish_reason) == ("one ", FinishReason.STOP)


def test_lone_surrogates_become_valid_text(serve, tmp_path):
    body = reply({"content": "a\ud800b"})
    assert read_answer(body, chat=True, max_tokens=9).text == "a?b"
    server = serve(lambda d: with_value("\udfff\\boxed{1}", "choices", 0, "message", "content"))
    assert execute(run_spec(server), tmp_path / "r").n_owed == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = ("choices", "usage", "id", "model", "system_fingerprint")


def mutated(draw_value):
    """A good reply with one place of it replaced by anything."""
    message = {"content": "text", "reasoning": None}
    choice = {"finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    good = {"id": "1", "model": "m", "choices": [choice], "usage": usage}
    places = [(good, n) for n in FIELDS] + [(x, n) for x in (message, choice, usage) for n in x]
    place, name = draw_value(st.sampled_from(places))
    place[name] = draw_value(JSON)
    return good


@given(data=st.data(), chat=st.booleans())
def test_any_reply_is_a_sound_answer_or_is_refused(data, chat):
    whole = data.draw(JSON) if data.draw(st.booleans()) else mutated(data.draw)
    try:
        answer = read_answer(json.dumps(whole).encode(), chat=chat, max_tokens=9)
    except ReplyError as error:
        assert str(error)
        return
    answer.text.encode()
    assert 0 <= answer.n_tokens <= 9 + SLACK
    assert 0 <= answer.n_prompt_tokens <= MAX_TOKENS_READ
    if answer.n_tokens >= 9:
        assert answer.finish_reason is not FinishReason.STOP


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data):
    with pytest.raises(ReplyError):
        read_answer(data, chat=True, max_tokens=9)


@given(st.text(max_size=20) | st.floats().map(str) | st.integers().map(str))
def test_a_wait_that_makes_no_sense_is_none(value):
    seconds = retry_after(value)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def test_a_wait_is_read_in_seconds_and_as_a_date():
    assert retry_after("2.5") == 2.5
    assert retry_after(None) is None
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < retry_after(soon) <= 100
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=100), usegmt=True)
    assert retry_after(past) is None


@given(st.integers(0, 200), st.none() | st.floats(0, 1e12))
def test_no_pause_is_longer_than_the_longest_nor_shorter_than_asked(transport, attempt, asked):
    pause = transport._pause(attempt, asked)
    assert 0 < pause <= 0.02
    assert pause >= min(asked or 0, 0.02)


@pytest.fixture(scope="module")
def transport():
    with HostileServer() as server:
        spec = EngineSpec(name="openai_server", args={"base_url": server.url, **FAST})
        engine = OpenaiServerEngine(ModelSpec(id=MODEL), spec)
        yield engine._transport
        engine.close()


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        ({"error": {"message": "Unknown parameter: 'top_k'.", "param": "top_k"}}, "top_k"),
        ({"error": {"message": "no", "param": "stop"}}, "stop"),
        ({"error": {"message": "Unsupported value: 'temperature'"}}, "temperature"),
        ({"detail": [{"loc": ["body", "min_p"], "msg": "Extra inputs"}]}, "min_p"),
        ({"error": {"message": "Stop it: the seed of doubt has n faces"}}, None),
        ({"error": {"message": "max_tokens is too large: this model's context is 9"}}, None),
        ({"error": {"message": "'max_tokens' is not supported"}}, "max_tokens"),
        ({"error": None}, None),
        ([], None),
    ],
)
def test_a_refusal_that_names_a_field_is_known(refusal, field):
    assert refused_field(json.dumps(refusal).encode()) == field
