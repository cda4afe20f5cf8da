"""Cutoffs: the registry, the effective date with its chain, the Hub, and the split at it."""

import datetime
import json
import os

import msgspec
import pytest
from hub_server import COMMIT, LATER, Hub, pupil
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.models import effective, read_registry, registry, resolve, with_cutoff
from reasonbench.models import split as splits
from reasonbench.models.files import identify
from reasonbench.models.hub import upload_of
from reasonbench.models.registry import KnownModel, Registry, Statement
from reasonbench.records import Counts, Problem
from reasonbench.results import FindingStatus
from reasonbench.specs import Cutoff, CutoffKind, ModelSpec

D = datetime.date
CUTOFF = Cutoff(date=D(2025, 6, 30), kind=CutoffKind.CLAIMED, source="card")


@pytest.fixture
def write(tmp_path):
    """Write a registry of entries given as keyword arguments of TOML."""

    def entry(table, name, fields):
        lines = [f"[[{table}]]", f'name = "{name}"']
        for key, value in fields.items():
            if isinstance(value, str) and key in ("released", "until", "cutoff"):
                lines.append(f'{key} = {{ date = {value}, source = "at {name}" }}')
            else:
                lines.append(f"{key} = {json.dumps(value)}")
        return "\n".join(lines)

    def to_file(models=None, traces=None, more=""):
        parts = [entry("model", n, f) for n, f in (models or {}).items()]
        parts += [entry("traces", n, f) for n, f in (traces or {}).items()]
        path = tmp_path / "models.toml"
        path.write_text("\n\n".join([*parts, more]))
        return path

    return to_file


def of(path, name):
    known = read_registry(path)
    return effective(known.models[name], known)


# --- the shipped registry ------------------------------------------------------------------


def test_the_shipped_registry_is_read_and_every_model_has_a_cutoff_not_after_its_release():
    known = registry()
    assert len(known.models) >= 25
    for model in known.models.values():
        found = effective(model, known)
        assert found.cutoff.date <= model.released.date
        assert str(found.cutoff.date) in found.sentence
        assert [link for link in found.links if link.depth == 0 and link.decides]


@pytest.mark.parametrize(
    ("model", "date", "kind"),
    [
        ("meta-llama/Llama-3.1-8B", D(2023, 12, 31), "claimed"),
        ("meta-llama/Llama-3.3-70B-Instruct", D(2023, 12, 31), "claimed"),
        ("Qwen/Qwen2.5-Math-7B", D(2024, 9, 19), "bounded"),
        ("Qwen/Qwen3-8B", D(2025, 4, 29), "bounded"),
        ("deepseek-ai/DeepSeek-R1", D(2025, 1, 20), "bounded"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", D(2025, 1, 20), "bounded"),
        ("deepseek-ai/DeepSeek-R1-0528", D(2025, 5, 28), "bounded"),
        ("openai/gpt-oss-120b", D(2024, 6, 30), "claimed"),
        ("microsoft/phi-4", D(2024, 6, 30), "claimed"),
        ("microsoft/Phi-4-reasoning", D(2025, 3, 31), "claimed"),
        ("simplescaling/s1.1-32B", D(2025, 3, 1), "bounded"),
        ("GAIR/LIMO", D(2025, 2, 5), "bounded"),
        ("Qwen/QwQ-32B", D(2025, 3, 5), "bounded"),
        ("open-thoughts/OpenThinker-32B", D(2025, 1, 28), "bounded"),
    ],
)
def test_models_of_the_field_have_the_dates_that_were_read(model, date, kind):
    found = resolve(model.swapcase(), ask_hub=False)
    assert (found.cutoff.date, found.cutoff.kind) == (date, kind)
    assert found.model == model


# --- the rule ------------------------------------------------------------------------------


def test_a_students_cutoff_is_the_latest_of_base_teacher_and_prompts(write):
    models = {
        "base": {"released": "2024-06-01", "cutoff": "2023-12-31"},
        "teacher": {"released": "2025-01-20"},
        "student": {
            "released": "2025-03-01",
            "base": "base",
            "teachers": ["teacher"],
            "traces": ["prompts"],
        },
    }
    path = write(models, {"prompts": {"until": "2025-02-10", "teachers": ["teacher"]}})
    found = of(path, "student")
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 2, 10), "bounded")
    assert "by its traces prompts: at prompts" in found.sentence
    shown = [(x.depth, x.role, x.name, x.date, x.kind, x.decides) for x in found.links]
    assert shown == [
        (0, "base", "base", D(2023, 12, 31), "claimed", False),
        (1, "claim", "base", D(2023, 12, 31), "claimed", True),
        (0, "traces", "prompts", D(2025, 2, 10), "bounded", True),
        (1, "teacher", "teacher", D(2025, 1, 20), "bounded", False),
        (2, "upload", "teacher", D(2025, 1, 20), "bounded", True),
        (0, "teacher", "teacher", D(2025, 1, 20), "bounded", False),
        (1, "upload", "teacher", D(2025, 1, 20), "bounded", True),
    ]


def test_the_way_to_the_date_that_decides_is_told_link_by_link(write):
    models = {
        "old": {"released": "2025-06-01", "cutoff": "2025-02-28"},
        "base": {"released": "2025-06-01", "base": "old", "cutoff": "2024-12-31"},
        "student": {"released": "2025-07-01", "base": "base", "traces": ["prompts"]},
    }
    found = of(write(models, {"prompts": {"until": "2024-01-01"}}), "student")
    assert found.sentence == (
        "student: nothing after 2025-02-28 (claimed), by its base base, by its base old, as its "
        "makers say: at old"
    )
    assert found.cutoff.source == found.sentence


def test_a_cutoff_never_lies_after_the_upload(write):
    models = {
        "teacher": {"released": "2025-08-01"},
        "student": {"released": "2025-03-01", "cutoff": "2025-04-30", "teachers": ["teacher"]},
    }
    found = of(write(models), "student")
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 3, 1), "bounded")
    assert found.links[-1].role == "upload"
    assert found.links[-1].decides


def test_what_was_trained_on_data_that_nobody_names_is_bounded_by_its_upload(write):
    models = {
        "base": {"released": "2024-06-01", "cutoff": "2023-12-31"},
        "tuned": {"released": "2025-03-01", "base": "base"},
    }
    found = of(write(models), "tuned")
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 3, 1), "bounded")


def test_other_weights_than_the_released_are_bounded_by_their_own_upload(write):
    known = read_registry(write({"m": {"released": "2024-06-01", "cutoff": "2023-12-31"}}))
    later = Statement(date=D(2025, 1, 1), source="hub")
    found = effective(known.models["m"], known, uploaded=later)
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 1, 1), "bounded")
    assert [link.decides for link in found.links] == [True, False]
    same = effective(known.models["m"], known, uploaded=Statement(date=D(2024, 6, 1), source="h"))
    assert same.cutoff.date == D(2023, 12, 31)


days = st.dates(D(2023, 1, 1), D(2026, 1, 1))


@given(st.lists(st.tuples(days, st.none() | days, st.booleans()), min_size=1, max_size=6))
def test_an_effective_cutoff_is_never_after_the_upload_nor_before_a_link_that_fits(rows):
    models, before = {}, None
    for i, (released, cutoff, _) in enumerate(rows):
        fields = {"name": f"m{i}", "released": {"date": released, "source": "s"}}
        if cutoff is not None:
            fields["cutoff"] = {"date": cutoff, "source": "s"}
        if before is not None:
            fields["base"] = before
        before = f"m{i}"
        models[before] = msgspec.convert(fields, KnownModel)
    known = Registry(models, {})
    for i, model in enumerate(models.values()):
        found = effective(model, known)
        assert found.cutoff.date <= model.released.date
        assert found.cutoff.date >= min(model.released.date, rows[i][1] or model.released.date)
        if model.base is not None:
            below = effective(models[model.base], known).cutoff.date
            assert found.cutoff.date >= min(model.released.date, below)
        assert sum(x.decides for x in found.links if x.depth == 0) == 1


# --- faults in the file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "traces", "more", "message"),
    [
        ({"a": {"released": "2024-01-01", "base": "b"}}, {}, "",
         "[[model]] 'a': base names 'b', which has no entry"),
        ({"a": {"released": "2024-01-01", "traces": ["t"]}}, {}, "",
         "[[model]] 'a': traces names 't', which has no entry"),
        ({}, {"t": {"until": "2024-01-01", "teachers": ["x"]}}, "",
         "[[traces]] 't': teacher names 'x', which has no entry"),
        ({"a": {"released": "2024-01-01", "base": "b"},
          "b": {"released": "2024-01-01", "teachers": ["a"]}}, {}, "",
         "'a' comes from itself: 'a' -> 'b' -> 'a'"),
        ({"a": {"released": "2024-01-01", "traces": ["t"]}},
         {"t": {"until": "2024-01-01", "teachers": ["a"]}}, "",
         "'a' comes from itself: 'a' -> 't' -> 'a'"),
        ({"a": {}}, {}, "", "[[model]] 'a': released is missing"),
        ({"a": {"released": "2024-01-01", "bass": "b"}}, {}, "", "[[model]] 'a' has no key 'bass'"),
        ({"a": {"released": "2024-01-01", "base": 3}}, {}, "",
         "[[model]] 'a': base must be a non-empty string, got 3"),
        ({"a": {"released": '"soon"'}}, {}, "",
         "[[model]] 'a': released.date must be a date such as 2025-01-31, got 'soon'"),
        ({"a": {"released": "2024-01-01"}}, {}, '[[model]]\nname = "a"\n'
         'released = {date = 2024-01-01, source = "s"}', "two [[model]] of the name 'a'"),
        ({"A": {"released": "2024-01-01"}}, {}, "", "name must be in lower case"),
        ({"a": {"released": "2024-01-01", "hub": ["O/M"]},
          "b": {"released": "2024-01-01", "hub": ["o/m"]}}, {}, "",
         "'o/m' is a Hub id of 'a' and of 'b'"),
        ({}, {}, "[[modle]]\n", "has no table 'modle'"),
        ({}, {}, "model = 3\n", "model must be written as [[model]]"),
        ({}, {}, "[[model]]\n", "[[model]] number 1: name is missing"),
    ],
)  # fmt: skip
def test_a_fault_in_the_file_names_the_entry_and_the_field(write, models, traces, more, message):
    with pytest.raises(SpecError) as caught:
        read_registry(write(models, traces, more))
    assert message in caught.value.message
    assert "models.toml" in caught.value.message


def test_an_unknown_model_is_asked_back_with_what_is_near():
    with pytest.raises(UnknownNameError) as caught:
        registry().get("deepseek-ai/DeepSeek-R1-Distill-Qwen-8B")
    assert "did you mean" in caught.value.hint


# --- who a model is ------------------------------------------------------------------------


def test_a_folder_of_the_hubs_cache_is_the_model_at_its_commit(tmp_path):
    folder = tmp_path / "models--openai--gpt-oss-20b" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    who = identify(str(folder))
    assert (who.hub_id, who.revision) == ("openai/gpt-oss-20b", COMMIT)
    found = resolve(str(folder), ask_hub=False)
    assert found.cutoff.date == D(2024, 6, 30)
    assert "not looked up when revision" in found.note


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", '{"_name_or_path": "qwen/qwen2.5-7b-instruct"}'),
        ("README.md", "---\nbase_model:\n- qwen/qwen2.5-7b-instruct\n---\nHi"),
    ],
)
def test_a_folder_that_names_its_base_is_not_taken_for_it(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    with pytest.raises(SpecError) as caught:
        resolve(str(tmp_path), ask_hub=True)
    message = caught.value.message
    assert "made from qwen/qwen2.5-7b-instruct, whose cutoff is 2024-09-19" in message
    assert "--cutoff DATE" in caught.value.hint
    assert "\n" not in message


@pytest.mark.parametrize("text", ["[1]", "{", '{"_name_or_path": 3', "\xff"])
def test_a_configuration_that_cannot_be_read_is_said(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpecError, match=r"config\.json is not"):
        resolve(str(tmp_path), ask_hub=False)


def test_a_pipe_in_a_models_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "README.md")
    with pytest.raises(SpecError, match="is not a file"):
        resolve(str(tmp_path), ask_hub=False)


@pytest.mark.parametrize("name", ["embedded:student", "no-such-thing", "a/b/c", "../x/y"])
def test_what_is_neither_known_nor_on_the_hub_asks_for_a_cutoff(name):
    with pytest.raises(SpecError) as caught:
        resolve(name, ask_hub=False)
    assert "--cutoff DATE" in caught.value.hint


# --- the Hub -------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch):
    """Serve models on loopback to the Hub's own client."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with Hub({"some/pupil": pupil()}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        yield server


def test_the_upload_is_that_of_the_weights_not_of_the_card(hub):
    upload = upload_of("some/pupil")
    assert upload.stated.date == D(2025, 2, 4)
    assert (upload.commit, upload.base) == (COMMIT, "Qwen/Qwen2.5-7B-Instruct")


def test_a_pinned_revision_has_an_upload_of_its_own(hub):
    assert upload_of("some/pupil", LATER).stated.date == D(2025, 6, 30)


def test_an_upload_is_not_earlier_than_the_repository(hub):
    hub.models["some/pupil"][COMMIT]["created"] = "2025-05-05T00:00:00.000Z"
    assert upload_of("some/pupil").stated.date == D(2025, 5, 5)


def test_a_repository_without_weights_is_bounded_by_its_last_commit(hub):
    hub.models["some/pupil"][COMMIT]["files"] = {"x.txt": ("2025-02-03T00:00:00.000Z", "")}
    assert upload_of("some/pupil").stated.date == D(2026, 1, 1)


def test_an_unknown_model_is_bounded_by_its_upload_with_its_base_shown(hub):
    found = resolve("some/pupil", ask_hub=True)
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 2, 4), "bounded")
    assert [(x.role, x.name) for x in found.links if x.depth == 0] == [
        ("upload", "some/pupil"),
        ("base", "qwen2.5-instruct"),
    ]


def test_later_weights_of_a_known_model_are_bounded_by_their_upload(hub):
    hub.models["openai/gpt-oss-20b"] = pupil()
    late = {"model.safetensors": ("2025-12-24T00:00:00.000Z", "w")}
    hub.models["openai/gpt-oss-20b"][LATER]["files"] = late
    found = resolve("openai/gpt-oss-20b", LATER, ask_hub=True)
    assert (found.cutoff.date, found.cutoff.kind) == (D(2025, 12, 24), "bounded")
    early = resolve("openai/gpt-oss-20b", COMMIT, ask_hub=True)
    assert (early.cutoff.date, early.cutoff.kind) == (D(2024, 6, 30), "claimed")
    assert resolve("openai/gpt-oss-20b", "main", ask_hub=True).note == ""


def test_what_the_hub_does_not_have_is_one_sentence_that_asks(hub):
    for model, revision, why in (
        ("some/nobody", None, "is not there"),
        ("some/pupil", "nope", "has no such revision"),
    ):
        with pytest.raises(SpecError) as caught:
            resolve(model, revision, ask_hub=True)
        assert why in caught.value.message
        assert "--cutoff DATE" in caught.value.hint


@pytest.mark.parametrize("raw", [b"[]", b"{", b'"x"', b'{"lastModified": "soon"}'])
def test_a_reply_that_makes_no_sense_is_no_crash(hub, raw):
    hub.models["some/pupil"][COMMIT]["raw"] = raw
    with pytest.raises(SpecError, match="some/pupil"):
        upload_of("some/pupil")


def test_without_a_network_the_user_is_asked():
    with pytest.raises(SpecError) as caught:
        resolve("some/pupil", ask_hub=True)
    assert "cannot be asked about" in caught.value.message
    assert "--cutoff DATE" in caught.value.hint


# --- into the spec -------------------------------------------------------------------------


def filled(model, day=None, **more):
    said = []
    return with_cutoff(model, day, say=said.append, **more), said


def test_the_flag_wins_over_the_file_and_the_file_over_the_registry():
    known = ModelSpec(id="deepseek-ai/DeepSeek-R1")
    spec, said = filled(known)
    assert spec.cutoff.date == D(2025, 1, 20)
    assert spec.cutoff.source in said[0]
    in_file = msgspec.structs.replace(known, cutoff=CUTOFF)
    assert filled(in_file) == (in_file, [])
    given_, said = filled(in_file, D(2024, 5, 6))
    assert given_.cutoff == Cutoff(date=D(2024, 5, 6), kind=CutoffKind.CLAIMED, source="--cutoff")
    assert "else it would be 2025-01-20" in said[0]


def test_a_model_that_nothing_is_known_of_stays_without_and_is_asked_for_where_needed():
    unknown = ModelSpec(id="embedded:student")
    assert filled(unknown) == (unknown, [])
    spec, said = filled(unknown, ask_hub=True)
    assert spec == unknown
    assert "--cutoff DATE" in said[0]


def test_a_card_that_cannot_be_read_stops_nothing_and_is_told_where_a_cutoff_is_needed(tmp_path):
    (tmp_path / "README.md").write_text("---\nx: [1\n---\n")
    spec = ModelSpec(id=str(tmp_path))
    assert filled(spec) == (spec, [])
    assert "is not valid YAML" in filled(spec, ask_hub=True)[1][0]


def test_a_cutoff_in_the_future_is_refused():
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=2)
    with pytest.raises(SpecError, match="lies in the future"):
        filled(ModelSpec(id="m"), tomorrow)


# --- the split -----------------------------------------------------------------------------


def problems(days, clusters=None):
    return [
        Problem(
            task="t",
            id=f"{i}",
            statement="?",
            published=day,
            cluster=None if clusters is None else clusters[i],
        )
        for i, day in enumerate(days)
    ]


def counted(rights, n=8):
    return [
        Counts(problem_id=f"{i}", n=n, c=c, c_if_truncated_right=c) for i, c in enumerate(rights)
    ]


BEFORE, AFTER = D(2025, 1, 1), D(2025, 12, 1)


def test_the_day_of_the_cutoff_is_before_it():
    found = splits.sides(
        problems([CUTOFF.date, CUTOFF.date + datetime.timedelta(days=1), None]), None, CUTOFF.date
    )
    assert (found.before, found.after, found.undated) == ({"0"}, {"1"}, {"2"})


@given(st.lists(st.none() | days, max_size=20), days, days)
def test_every_problem_is_on_one_side_and_a_later_cutoff_only_moves_them_before_it(
    dates, one, other
):
    given_ = problems(dates)
    early, late = (splits.sides(given_, None, day) for day in sorted((one, other)))
    for found in (early, late):
        assert sorted(p.id for p in given_) == sorted([*found.before, *found.after, *found.undated])
    assert early.before <= late.before
    assert early.undated == late.undated


def test_scores_and_difference_are_those_of_the_two_sides():
    given_ = problems([BEFORE] * 20 + [AFTER] * 20)
    check = splits.check_split("t", given_, None, counted([6] * 20 + [1] * 20), CUTOFF)
    first = check.contrasts[0]
    assert (first.first.value, first.second.value) == (pytest.approx(6 / 8), pytest.approx(1 / 8))
    assert first.value == pytest.approx(5 / 8)
    assert first.interval.low < first.value < first.interval.high
    assert check.status is FindingStatus.SUSPECT
    assert [c.decides for c in check.contrasts] == [True, False, False, False]
    assert [c.first.what.rpartition("@")[2] for c in check.contrasts[1:]] == ["2", "4", "8"]
    assert check.details["problems before"] == 20
    assert "2025-06-30 (claimed)" in check.sentence


def test_families_are_reported_where_both_sides_hold_enough_of_one():
    clusters = (["a"] * 6 + ["b"] * 6) + (["a"] * 6 + ["b"] * 2)
    given_ = problems([BEFORE] * 12 + [AFTER] * 8, clusters)
    check = splits.check_split("t", given_, None, counted([8] * 6 + [4] * 6 + [0] * 8), CUTOFF)
    named = [c for c in check.contrasts if ", a, " in c.first.what or ", b, " in c.first.what]
    (family,) = named
    assert family.first.what == "t, a, up to the cutoff"
    assert (family.first.n, family.second.n) == (6, 6)
    assert family.value == 1.0


def test_problems_that_hang_together_widen_the_interval():
    dates = [BEFORE] * 24 + [AFTER] * 24
    rights = ([8] * 4 + [0] * 4) * 6
    alone = splits.check_split("t", problems(dates), None, counted(rights), CUTOFF)
    clusters = [f"c{i // 4}" for i in range(48)]
    together = splits.check_split("t", problems(dates, clusters), None, counted(rights), CUTOFF)
    widths = [c.contrasts[0].interval.high - c.contrasts[0].interval.low for c in (alone, together)]
    assert together.contrasts[0].value == alone.contrasts[0].value
    assert widths[1] > 1.3 * widths[0]


def test_too_few_problems_on_a_side_are_said_and_give_no_families():
    check = splits.check_split(
        "t", problems([BEFORE] * 9 + [AFTER] * 3), None, counted([4] * 12), CUTOFF
    )
    assert len(check.contrasts) == 1
    assert "only 3 on one side" in check.sentence


def test_a_side_without_problems_and_a_missing_cutoff_are_said():
    early = splits.check_split("t", problems([BEFORE] * 3), None, counted([1] * 3), CUTOFF)
    assert "none of its 3 dated problems came after" in early.sentence
    late = splits.check_split("t", problems([AFTER] * 3), None, counted([1] * 3), CUTOFF)
    assert "all of its 3 dated problems came after" in late.sentence
    asked = splits.check_split("t", problems([AFTER] * 3), None, counted([1] * 3), None)
    assert "--cutoff DATE" in asked.sentence
    assert {c.status for c in (early, late, asked)} == {FindingStatus.NOT_CHECKED}
    assert splits.check_split("t", problems([None] * 3), None, counted([1] * 3), CUTOFF) is None


def test_undated_and_ungraded_problems_are_left_out_and_the_undated_counted():
    given_ = problems([BEFORE] * 6 + [AFTER] * 6 + [None] * 2)
    counts = counted([4] * 14)
    counts[0] = Counts(problem_id="0", n=0, c=0, c_if_truncated_right=0, owed=8)
    check = splits.check_split("t", given_, None, counts, CUTOFF)
    assert (check.contrasts[0].first.n, check.contrasts[0].second.n) == (5, 6)
    assert "2 problems have no date" in check.sentence


def test_problems_that_were_stopped_give_the_unbiased_score():
    given_ = problems([BEFORE] * 6 + [AFTER] * 6)
    counts = [
        Counts(problem_id=f"{i}", n=4, c=2, c_if_truncated_right=2, stopped=True)
        if i < 6
        else Counts(problem_id=f"{i}", n=8, c=1, c_if_truncated_right=1)
        for i in range(12)
    ]
    check = splits.check_split("t", given_, None, counts, CUTOFF)
    first = check.contrasts[0]
    assert (first.first.value, first.second.value) == (pytest.approx(1 / 3), pytest.approx(1 / 8))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=15),
    st.lists(st.integers(0, 8), min_size=1, max_size=15),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_a_difference_lies_in_its_interval_and_swapped_sides_give_its_negative(left, right, level):
    def measured(one, other):
        given_ = problems([BEFORE] * len(one) + [AFTER] * len(other))
        check = splits.check_split(
            "t", given_, None, counted([*one, *other]), CUTOFF, level=level, ks=(1,)
        )
        return check.contrasts[0]

    ahead, back = measured(left, right), measured(right, left)
    assert -1 <= ahead.interval.low <= ahead.value <= ahead.interval.high <= 1
    assert ahead.value == pytest.approx(-back.value, abs=1e-9)
    assert ahead.interval.low == pytest.approx(-back.interval.high, abs=1e-9)
