"""Rounds of drand quicknet: genuine ones verify, everything else is refused in a sentence."""

import datetime

import pytest
from fresh_relay import said, serving
from fresh_rounds import ROUNDS

from reasonbench.errors import ReasonbenchError, SpecError, TamperedError
from reasonbench.fresh import beacon
from reasonbench.fresh.relay import fetch


@pytest.mark.parametrize(("number", "time", "signature"), ROUNDS)
def test_a_genuine_round_verifies_and_its_neighbours_do_not(number, time, signature):
    found = beacon.verify(number, signature)
    assert beacon.shown(found.time) == time
    assert beacon.round_at(found.time) == number
    for other in (number - 1, number + 1):
        with pytest.raises(TamperedError, match=f"not that of round {other}"):
            beacon.verify(other, signature)


def test_no_signature_verifies_another_round():
    for number, _, _ in ROUNDS:
        for other, _, signature in ROUNDS:
            if other != number:
                with pytest.raises(TamperedError):
                    beacon.verify(number, signature)


def test_a_flipped_bit_anywhere_is_refused():
    number, _, signature = ROUNDS[0]
    raw = bytes.fromhex(signature)
    for place in range(0, 8 * len(raw), 5):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(TamperedError):
            beacon.verify(number, changed.hex())


def test_letter_case_and_space_around_a_signature_do_not_matter():
    number, _, signature = ROUNDS[0]
    assert beacon.verify(number, f" {signature.upper()}\n") == beacon.verify(number, signature)


@pytest.mark.parametrize("signature", ["", "zz" * 48, "ab" * 47, "é" * 96, "\x00" * 96, "c0" * 49])
def test_what_cannot_be_a_signature_is_a_sentence_not_a_panic(signature):
    with pytest.raises(SpecError, match="96 hex digits"):
        beacon.verify(1, signature)


@pytest.mark.parametrize("number", [0, -1, 2**64, beacon.MAX_ROUND + 1])
def test_a_number_that_no_round_has_is_refused(number):
    with pytest.raises(SpecError, match="a round is a number from 1"):
        beacon.verify(number, ROUNDS[0][2])


def test_the_first_and_the_last_round_have_a_time():
    assert beacon.time_of(1) == datetime.datetime.fromtimestamp(beacon.GENESIS, datetime.UTC)
    assert beacon.time_of(beacon.MAX_ROUND).year < 9999
    assert beacon.round_at(beacon.time_of(7) + datetime.timedelta(seconds=2.9)) == 7


@pytest.fixture
def relay():
    with serving() as served:
        yield served


def test_a_relay_gives_the_latest_or_a_named_round(relay):
    address, answers, asked = relay
    number, _, signature = ROUNDS[0]
    answers["latest"] = answers[str(number)] = said(number, signature)
    assert fetch(address) == fetch(address + "/", number) == beacon.verify(number, signature)
    assert asked == [f"/{beacon.CHAIN}/public/{end}" for end in ("latest", number)]


def test_a_relay_that_lies_about_a_round_is_caught(relay):
    address, answers, _ = relay
    (number, _, _), (other, _, others) = ROUNDS[:2]
    answers[str(number)] = said(number, others)
    with pytest.raises(TamperedError):
        fetch(address, number)
    answers[str(number)] = said(other, others)
    with pytest.raises(ReasonbenchError, match=f"asked for round {number} and gave round {other}"):
        fetch(address, number)


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"oops"),
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b"[" * 60_000),
        (200, b"{}"),
        (200, b'{"round": true, "signature": 1}'),
        (200, b'{"round": 1e400, "signature": "a"}'),
        (200, b" " * 70_000),
        (200, b"\xff\xfe"),
    ],
)
def test_a_hostile_answer_is_one_sentence(relay, answer):
    address, answers, _ = relay
    answers["latest"] = answer
    with pytest.raises(ReasonbenchError, match="the relay") as caught:
        fetch(address)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_an_address_that_is_no_relay_is_refused():
    for address in ("ftp://x", "file:///etc/passwd", "x", ""):
        with pytest.raises(SpecError, match="a relay is an address"):
            fetch(address)
    with pytest.raises(ReasonbenchError, match="cannot be reached"):
        fetch("http://127.0.0.1:9")
