"""Claims: the shipped file, model cards, results files, and what an audit is held against."""

import datetime
import json
import math

import pytest
from hub_server import Hub, pupil
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import SpecError
from reasonbench.models import (
    claims_in_card,
    claims_in_folder,
    claims_in_results,
    read_claims,
    registry,
    shipped_claims,
)
from reasonbench.models.cards import claims_on_hub
from reasonbench.models.claims import AMBIGUOUS, GUESSED, PERCENT, as_proportion
from reasonbench.models.files import MAX_BYTES, MAX_YAML

DISTILL = "deepseek-r1-distill-qwen-32b"


def card(index, **more):
    front = json.dumps({"model-index": index, **more})
    return f"---\n{front}\n---\nA model.\n"


def result(value, metric="pass@1", dataset="MathArena/aime_2026"):
    return {
        "task": {"type": "text-generation"},
        "dataset": {"type": dataset, "name": "whatever"},
        "metrics": [{"type": metric, "value": value}],
    }


def one(text):
    found = claims_in_card(text, "m", "README.md")
    assert found.refused == ()
    (claim,) = found.claims
    return claim


# --- the shipped file ----------------------------------------------------------------------


def test_the_shipped_claims_are_read_with_source_and_day():
    for claim in shipped_claims().claims:
        assert claim.claim.source.startswith("https://")
        assert claim.claim.read_on is not None
        assert claim.by in ("makers", "others")
        assert claim.claim.value == pytest.approx(float(claim.published.rstrip("%")) / 100)


def test_the_table_of_the_r1_distills_is_there():
    table = {
        "deepseek-r1-distill-qwen-1.5b": (28.9, 52.7, 83.9, 33.8, 16.9),
        "deepseek-r1-distill-qwen-7b": (55.5, 83.3, 92.8, 49.1, 37.6),
        "deepseek-r1-distill-qwen-14b": (69.7, 80.0, 93.9, 59.1, 53.1),
        "deepseek-r1-distill-qwen-32b": (72.6, 83.3, 94.3, 62.1, 57.2),
        "deepseek-r1-distill-llama-8b": (50.4, 80.0, 89.1, 49.0, 39.6),
        "deepseek-r1-distill-llama-70b": (70.0, 86.7, 94.5, 65.2, 57.5),
    }
    for model, values in table.items():
        claims = [c for c in shipped_claims().of(model) if c.by == "makers"]
        assert [c.claim.value for c in claims] == [round(v / 100, 3) for v in values]
        assert {c.claim.n for c in claims} == {64}
        assert claims[0].sampling == {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768}


def test_two_sources_that_disagree_are_both_kept():
    claims = [c for c in shipped_claims().of(DISTILL) if c.claim.task == "aime_2024"]
    values = {c.by: c.claim.value for c in claims if c.claim.metric != "cons@64"}
    assert values == {"makers": 0.726, "others": 0.767}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scores.nobody.aime = {a = 1}", "scores of 'nobody', which is no known model"),
        ("scores.qwen3.aime = {a = 1}", "of 'qwen3', an entry that stands for several models"),
        ("scores.limo.amie = {a = 1}", "scores.limo: 'amie' is no [[benchmark]]"),
        ("scores.limo.aime = {a = 101}", "scores.limo.aime: a must be between 0 and 100"),
        ("scores.limo.aime = {a = -1}", "scores.limo.aime: a must be between 0 and 100"),
        ('scores.limo.aime = {a = "x"}', "[[publication]] 'p': scores"),
        ("scores = {}\nnn = 3", "[[publication]] 'p' has no key 'nn'"),
        ("", "[[publication]] 'p': scores is missing"),
        (
            'scores = {}\n[[benchmark]]\nname = "b"\ntitle = "AIME"',
            "is a name of 'aime' and of 'b'",
        ),
        ("scores = {}\n[[claim]]", "has no table 'claim'"),
    ],
)
def test_a_fault_in_the_file_names_the_entry_and_the_field(tmp_path, text, message):
    path = tmp_path / "claims.toml"
    path.write_text(
        '[[benchmark]]\nname = "aime"\ntitle = "AIME"\n[[publication]]\nname = "p"\n'
        f'source = "s"\nread_on = 2026-01-01\nby = "makers"\nunit = "percent"\n{text}\n'
    )
    with pytest.raises(SpecError) as caught:
        read_claims(path, registry())
    assert message in caught.value.message
    assert "claims.toml" in caught.value.message


# --- which of them an audit is held against -------------------------------------------------


@pytest.mark.parametrize(
    "task", ["aime24", "lm_eval:aime24", "AIME 2024", "Maxwell-Jia/AIME_2024", "aime_2024"]
)
def test_a_benchmark_is_found_under_every_name_and_keeps_the_audits(task):
    known = shipped_claims()
    matching = known.matching(known.of(DISTILL), [task], [1, 4])
    assert [(c.task, c.metric, c.value, c.n) for c in matching] == [
        (task, "pass@1", 0.726, 64),
        (task, "accuracy", 0.767, 5),
    ]


def test_other_benchmarks_metrics_and_unnamed_windows_do_not_match():
    known = shipped_claims()
    claims = known.of(DISTILL)
    assert known.matching(claims, ["countdown_public", "math_jsonl"], [1]) == ()
    assert known.matching(claims, ["aime24"], [64]) == ()
    assert known.matching(claims, ["livecodebench"], [1]) == ()


# --- scales --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "value", "flags"),
    [
        (79.8, 0.798, {PERCENT, GUESSED}),
        ("79.8", 0.798, {PERCENT, GUESSED}),
        ("79.8%", 0.798, {PERCENT}),
        ("0.5 %", 0.005, {PERCENT}),
        (100, 1.0, {PERCENT, GUESSED}),
        (0.412, 0.412, {GUESSED}),
        (0, 0.0, {GUESSED}),
        (1, 1.0, {GUESSED, AMBIGUOUS}),
        (0.007, 0.007, {GUESSED, AMBIGUOUS}),
    ],
)
def test_a_value_becomes_a_proportion_and_says_how(published, value, flags):
    scaled = as_proportion(published)
    assert (scaled.value, set(scaled.flags)) == (value, flags)


@pytest.mark.parametrize(
    "published",
    [-0.1, 100.1, 2029, 10**400, math.nan, math.inf, True, None, [1], {}, "", "n/a", "1e3", "-5",
     "7" * 5000, datetime.date(2026, 1, 1)],
)  # fmt: skip
def test_what_is_no_score_is_refused_with_its_reason(published):
    assert isinstance(as_proportion(published), str)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()))
def test_any_value_is_a_proportion_or_a_reason(published):
    found = as_proportion(published)
    assert isinstance(found, str) or (0 <= found.value <= 1 and found.flags)


# --- model cards ---------------------------------------------------------------------------


def test_a_cards_index_is_read_with_benchmark_metric_source_and_day():
    entry = result(91.5) | {"source": {"url": "https://example.org", "name": "x"}}
    claim = one(card([{"name": "m", "results": [entry]}]))
    assert (claim.claim.task, claim.claim.metric, claim.claim.value) == (
        "aime_2026",
        "pass@1",
        0.915,
    )
    assert claim.claim.source == "https://example.org"
    assert claim.claim.read_on == datetime.datetime.now(datetime.UTC).date()
    assert claim.flags == (PERCENT, GUESSED)


@pytest.mark.parametrize(
    ("written", "metric"),
    [("pass@1", "pass@1"), ("Pass@ 8", "pass@8"), ("pass_at_4", "pass@4"), ("Acc ", "acc")],
)
def test_metrics_are_written_our_way(written, metric):
    assert one(card([{"results": [result(0.5, metric=written)]}])).claim.metric == metric


def test_a_benchmark_that_is_not_known_keeps_its_name():
    claim = one(card([{"results": [result(0.5, dataset="somebody/quiz")]}]))
    assert claim.claim.task == "somebody/quiz"


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (3, "model-index is not a list"),
        ([3], "has no list of results"),
        ([{"results": 3}], "has no list of results"),
        ([{"results": [3]}], "names no dataset"),
        ([{"results": [{"dataset": 3, "metrics": []}]}], "names no dataset"),
        ([{"results": [{"dataset": {"type": "x"}, "metrics": 3}]}], "no list of metrics"),
        ([{"results": [{"dataset": {"type": "x"}, "metrics": [3]}]}], "is no number"),
        ([{"results": [result("high")]}], "'high' is no number"),
        ([{"results": [result(2029)]}], "outside of 0 to 100"),
    ],
)
def test_an_index_of_the_wrong_shape_is_refused_and_says_why(index, reason):
    found = claims_in_card(card(index), "m", "README.md")
    assert found.claims == ()
    assert len(found.refused) == 1
    assert reason in found.refused[0]
    assert "README.md" in found.refused[0]


@pytest.mark.parametrize(
    "text",
    ["", "No front matter", "---\n", "---\nmodel-index: []\n", "---\n---\n", "---\nx: 1\n---"],
)
def test_a_card_without_an_index_has_no_claims(text):
    assert claims_in_card(text, "m", "README.md") == ((), ())


BOMB = "a: &a [x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        (BOMB, "uses an alias"),
        ("a: &a {x: 1}\nb: {<<: *a}", "uses an alias"),
        ("x: !!python/object/apply:os.system [false]", "is not valid YAML"),
        ("x: " + "[" * 60 + "]" * 60, "is nested more than"),
        ("x: " + "[" * 100_000 + "]" * 100_000, "the front matter of README.md is n"),
        ("x: " + "9" * 5_000, "is not valid YAML"),
        ("x: 2026-99-99", "is not valid YAML"),
        ("x: [1", "is not valid YAML"),
        ("- 1", "is not a mapping"),
        ("x: " + "y" * MAX_YAML, "characters, more than"),
    ],
)
def test_hostile_front_matter_is_refused_in_a_sentence(front, reason):
    with pytest.raises(SpecError) as caught:
        claims_in_card(f"---\n{front}\n---\n", "m", "README.md")
    assert reason in caught.value.message
    assert len(caught.value.message) < 500


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("aé %1\n", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["results", "dataset", "metrics", "type", "name", "value", "source", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(json_values, max_size=3))
def test_no_shape_of_data_is_a_crash(data):
    for found in (
        claims_in_results(data, "m", "x.yaml"),
        claims_in_card(card(data), "m", "README.md"),
    ):
        assert all(0 <= c.claim.value <= 1 for c in found.claims)
        assert all(isinstance(reason, str) for reason in found.refused)


# --- results files -------------------------------------------------------------------------

RESULTS = """
- dataset: {id: MathArena/aime_2026, task_id: MathArena/aime_2026, revision: abc}
  value: 87.5
  date: "2026-03-17"
  source: {url: https://example.org/run}
  notes: "pass@1 n=64 T=0.6"
- dataset: {id: somebody/quiz, task_id: hard}
  value: 0.25
- dataset: {id: MathArena/aime_2026, task_id: MathArena/aime_2026}
  value: 1500
"""


def test_results_beside_a_local_model_are_read_with_n_and_metric_from_the_notes(tmp_path):
    folder = tmp_path / ".eval_results"
    folder.mkdir()
    (folder / "aime.yaml").write_text(RESULTS)
    (folder / "bad.yaml").write_text("{")
    (folder / "no.txt").write_text("not read")
    (tmp_path / "README.md").write_text(card([{"results": [result(0.9)]}]))
    found = claims_in_folder(tmp_path, "m")
    shown = [(c.claim.task, c.claim.metric, c.claim.value, c.claim.n) for c in found.claims]
    assert shown == [
        ("aime_2026", "pass@1", 0.9, None),
        ("aime_2026", "pass@1", 0.875, 64),
        ("hard", "score", 0.25, None),
    ]
    assert found.claims[1].claim.source == "https://example.org/run"
    assert found.claims[2].claim.source.endswith("aime.yaml")
    assert len(found.refused) == 2
    assert "the value is outside of 0 to 100" in found.refused[0]
    assert "bad.yaml is not valid YAML" in found.refused[1]


def test_a_folder_without_a_card_claims_nothing(tmp_path):
    assert claims_in_folder(tmp_path, "m") == ((), ())


def test_a_card_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "README.md").write_bytes(b"x" * (MAX_BYTES + 1))
    found = claims_in_folder(tmp_path, "m")
    assert found.claims == ()
    assert "is larger than" in found.refused[0]


def test_results_without_end_are_cut_and_it_is_said(tmp_path):
    rows = [{"dataset": {"id": "a/b", "task_id": "t"}, "value": 0.5}] * 1500
    found = claims_in_results(rows, "m", "x.yaml")
    assert len(found.claims) == 1000
    assert "the rest is not read" in found.refused[-1]


# --- the Hub -------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Serve a model on loopback to the Hub's own client, with a cache of its own."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub({"some/pupil": pupil()}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        files = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield server


def test_card_and_results_of_the_hub_are_both_kept(hub):
    found = claims_on_hub("some/pupil")
    assert found.refused == ()
    shown = [(c.by, c.claim.task, c.claim.value, c.claim.n) for c in found.claims]
    assert shown == [("card", "math_500", 0.915, None), ("hub", "aime_2026", 0.4125, 64)]
    assert found.claims[1].claim.source == "https://example.org/aime"


def test_a_model_without_a_card_has_the_hubs_results_alone(hub):
    (model,) = (m for m in hub.models["some/pupil"].values() if "main" in m.get("names", ()))
    del model["files"]["README.md"]
    assert [c.by for c in claims_on_hub("some/pupil").claims] == ["hub"]


def test_results_that_make_no_sense_are_one_sentence(hub):
    (model,) = (m for m in hub.models["some/pupil"].values() if "main" in m.get("names", ()))
    model["results"] = [{"data": {"value": 3}}]
    with pytest.raises(SpecError, match="some/pupil"):
        claims_on_hub("some/pupil")
