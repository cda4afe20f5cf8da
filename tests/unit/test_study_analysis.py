"""From run directories to counts, from counts to the verdict of each arm."""

import dataclasses
import random
import re

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.results.study import ArmWord, StudyModel, StudyRole, StudyTraining, TunedRate
from reasonbench.run import execute
from reasonbench.specs import ModelSpec, RunSpec, SamplingSpec, StudySpec
from reasonbench.specs.studies import StudyArm, WiseSpec
from reasonbench.specs.training import Hyperparameters
from reasonbench.stats import distinct_rarefied
from reasonbench.study.analysis import analyse
from reasonbench.study.counts import (
    CountRow,
    Measurement,
    count_rows,
    read_counts,
    write_counts,
)
from reasonbench.study.measure import KEPT_TEXTS, ProblemRow, measure
from reasonbench.study.variety import matched_number
from reasonbench.study.verdicts import word_of

N = 16


def spec(*arms, temperatures=(1.0,), **others):
    fields = {
        "name": "test",
        "teacher": ModelSpec(id="embedded:teacher"),
        "student": ModelSpec(id="embedded:base"),
        "trace_tasks": ("countdown_train",),
        "tasks": ("countdown_probe",),
        "hyper": Hyperparameters(steps=10, learning_rate=1e-3),
        "n": N,
        "temperatures": temperatures,
        "arms": tuple(arms) or (StudyArm(name="arm"),),
    }
    return StudySpec(**{**fields, **others})


def rows(model, counts, *, seed=None, step=None, temperature=1.0, n=N, **others):
    """Rows of one model: a count of correct completions for each problem."""
    role = {"base": StudyRole.BASE, "teacher": StudyRole.TEACHER}.get(model, StudyRole.ARM)
    return [
        CountRow(
            model=model,
            role=role,
            seed=seed,
            step=step,
            temperature=temperature,
            task="t",
            problem_id=f"{i:03}",
            n=n,
            c=int(c),
            truncated=1,
            tokens=10 * n,
            solutions=(int(c),) if c else (),
            answers=(n,),
            **others,
        )
        for i, c in enumerate(counts)
    ]


def trained(model, *seeds, step=10, **others):
    return [
        row
        for seed, counts in enumerate(seeds)
        for row in rows(model, counts, seed=seed, step=step, **others)
    ]


def models(counts, study=None, **known):
    found = analyse(
        study or spec(),
        counts,
        known.get("trainings", {}),
        known.get("tuned", {}),
        known.get("recipes", {}),
    )
    return {model.name: model for model in found}


BASE = [4] * 40 + [1] * 40
"""80 problems, half of them rarely solved."""
RARE = [4] * 40 + [1] * 10 + [0] * 30
"""80 problems, of which some are never solved."""
WORDS = {
    "better at 1, worse at K": (BASE, [9] * 40 + [0] * 40, ArmWord.COLLAPSE),
    "better at every k": (RARE, [6] * 40 + [1] * 40, ArmWord.EXPANSION),
    "better at K alone": (RARE, [3, 4] * 20 + [1] * 40, ArmWord.EXPANSION),
    "worse at both": (BASE, [2] * 40 + [0] * 40, ArmWord.DEGRADATION),
    "worse at K alone": (BASE, [5] * 40 + [0] * 40, ArmWord.DEGRADATION),
    "worse at 1 alone": (BASE, [2] * 40 + [1] * 40, ArmWord.DEGRADATION),
    "the same": (BASE, BASE, ArmWord.INCONCLUSIVE),
    "better at 1 alone": (BASE, [8] * 40 + [1] * 40, ArmWord.INCONCLUSIVE),
    "worse at 1, better at K": (RARE, [1] * 80, ArmWord.INCONCLUSIVE),
}


@pytest.mark.parametrize("case", WORDS)
def test_constructed_counts_get_their_word(case):
    base, counts, word = WORDS[case]
    found = models(rows("base", base) + trained("arm", counts, counts))["arm"].verdict
    assert found.word is word
    assert found.sentence.startswith(f"{word}: pass@1 ")


def test_a_difference_that_is_the_same_everywhere_has_an_interval_with_a_width():
    arm = trained("arm", [c + 2 for c in BASE], [c + 2 for c in BASE])
    interval = models(rows("base", BASE) + arm)["arm"].verdict.deltas[0].interval
    assert interval.high - interval.low > 0.01


@pytest.mark.parametrize(
    ("first", "last", "word"),
    [
        ((0.01, 0.2), (-0.2, -0.01), ArmWord.COLLAPSE),
        ((0.01, 0.2), (-0.2, 0.01), ArmWord.INCONCLUSIVE),
        ((-0.01, 0.2), (-0.2, -0.01), ArmWord.DEGRADATION),
        ((-0.2, -0.01), (-0.1, 0.1), ArmWord.DEGRADATION),
        ((-0.2, -0.01), (-0.2, -0.1), ArmWord.DEGRADATION),
        ((-0.1, 0.1), (0.01, 0.1), ArmWord.EXPANSION),
        ((0.01, 0.1), (0.01, 0.1), ArmWord.EXPANSION),
        ((-0.2, -0.01), (0.01, 0.1), ArmWord.INCONCLUSIVE),
        ((0.0, 0.1), (-0.1, 0.0), ArmWord.INCONCLUSIVE),
    ],
)
def test_word_follows_from_the_two_intervals(first, last, word):
    assert word_of(first, last) is word


def test_sentence_of_a_collapse_can_stand_in_a_paper():
    counts = rows("base", BASE) + trained("arm", [9] * 40 + [0] * 40, [9, 10] * 20 + [0] * 40)
    found = models(counts)["arm"].verdict
    number = r"[+-]?\.\d\d"
    interval = rf"\[{number}, {number}\]"
    assert re.match(
        rf"collapse: pass@1 \+\.13 {interval}, pass@16 -\.50 {interval} over 80 problems and "
        rf"2 seeds; k\* = \d+ \[\d+, \d+\]; 40 problems lost, 0 gained; ",
        found.sentence,
    )
    assert found.sentence.endswith(".")
    assert (found.lost, found.gained) == (40, 0)
    assert [p.k for p in found.deltas] == [1, 2, 4, 8, 16]
    low, high = found.crossing_interval
    assert low <= found.crossing <= high


def test_one_seed_is_said_to_say_nothing_of_another_training():
    found = models(rows("base", BASE) + trained("arm", [6] * 80))["arm"].verdict
    assert "one seed: the intervals are over problems alone" in found.sentence
    two = models(rows("base", BASE) + trained("arm", [6] * 80, [6] * 80))["arm"].verdict
    assert "one seed" not in two.sentence


def test_an_arm_of_one_seed_borrows_the_seed_variance_of_the_others():
    moved = trained("other", [3] * 80, [8] * 80)
    study = spec(StudyArm(name="arm"), StudyArm(name="other"))
    counts = rows("base", BASE) + trained("arm", [6] * 80)
    alone, beside = models(counts, study), models(counts + moved, study)
    width = [
        m["arm"].verdict.deltas[0].interval.high - m["arm"].verdict.deltas[0].interval.low
        for m in (alone, beside)
    ]
    assert width[1] > 2 * width[0]
    assert "one seed: the intervals" not in beside["arm"].verdict.sentence


def test_an_interpolation_does_not_count_as_trainings_of_its_own():
    arm = trained("arm", [6] * 80, [6, 7] * 40)
    wise = trained("wise", [3] * 80, [9] * 80)
    study = spec(StudyArm(name="arm"), StudyArm(name="wise", wise=WiseSpec(arm="arm")))
    other = spec(StudyArm(name="arm"), StudyArm(name="wise"))
    counts = rows("base", BASE) + arm + wise
    alone = models(rows("base", BASE) + arm)["arm"].verdict.deltas
    assert models(counts, study)["arm"].verdict.deltas == alone
    assert models(counts, other)["arm"].verdict.deltas != alone


def test_an_interpolation_is_held_against_its_source_seed_by_seed():
    arm = trained("arm", [9] * 40 + [0] * 40, [8] * 40 + [0] * 40)
    wise = trained("wise", [8] * 40 + [1] * 40, [7] * 40 + [1] * 40)
    study = spec(StudyArm(name="arm"), StudyArm(name="wise", wise=WiseSpec(arm="arm")))
    found = models(rows("base", BASE) + arm + wise, study)
    regained = found["wise"].verdict.regained
    assert [point.k for point in regained] == [1, N]
    assert regained[0].value == pytest.approx(0.0)
    assert regained[1].value == pytest.approx(0.5)
    assert regained[1].interval.low > 0.3
    assert found["wise"].verdict.source == "arm"
    assert "against arm: pass@1 +.00 [-.01, .01], pass@16 +.50 [" in found["wise"].verdict.sentence
    assert found["arm"].verdict.regained == ()


def test_an_interpolation_of_other_seeds_than_its_source_is_not_held_against_it():
    counts = rows("base", BASE) + trained("arm", [6] * 80, [6] * 80) + trained("wise", [6] * 80)
    study = spec(StudyArm(name="arm"), StudyArm(name="wise", wise=WiseSpec(arm="arm")))
    assert models(counts, study)["wise"].verdict.regained == ()


def test_the_base_at_another_temperature_that_does_as_well_at_both_dominates():
    arm = trained("arm", [9] * 40 + [0] * 40, [9] * 40 + [0] * 40)
    cool = rows("base", [9] * 40 + [1] * 40, temperature=0.4)
    study = spec(temperatures=(1.0, 0.4))
    found = models(rows("base", BASE) + cool + arm, study)["arm"].verdict
    assert found.word is ArmWord.COLLAPSE
    assert found.temperature_dominated
    assert found.dominating_temperature == 0.4
    assert "temperature-dominated: against the beginning at T = 0.4, pass@1 -.03" in found.sentence


def test_a_temperature_that_is_worse_at_one_end_does_not_dominate():
    arm = trained("arm", [9] * 40 + [0] * 40, [9] * 40 + [0] * 40)
    cool = rows("base", [6] * 40 + [1] * 40, temperature=0.4)
    study = spec(temperatures=(1.0, 0.4))
    found = models(rows("base", BASE) + cool + arm, study)["arm"].verdict
    assert not found.temperature_dominated
    assert found.dominating_temperature is None
    assert "no one temperature of the beginning does as well at both" in found.sentence


def test_an_arm_that_is_its_beginning_is_inconclusive_and_crosses_at_once():
    found = models(rows("base", BASE) + trained("arm", BASE, BASE))["arm"].verdict
    assert found.word is ArmWord.INCONCLUSIVE
    assert [p.value for p in found.deltas] == [0] * 5
    assert (found.lost, found.gained, found.crossing) == (0, 0, 1.0)
    assert "no difference beyond chance" in found.sentence


COUNTS = st.lists(st.integers(0, N), min_size=1, max_size=30)


@given(COUNTS)
@settings(deadline=None, max_examples=25)
def test_whatever_the_base_an_arm_that_equals_it_is_inconclusive(base):
    found = models(rows("base", base) + trained("arm", base, base))["arm"].verdict
    assert found.word is ArmWord.INCONCLUSIVE
    assert all(point.value == 0 for point in found.deltas)


@given(st.lists(st.tuples(*[st.integers(0, N)] * 3), min_size=1, max_size=30), st.randoms())
@settings(deadline=None, max_examples=25)
def test_names_of_problems_and_seeds_do_not_matter(counts, random):
    moved = random.sample(counts, len(counts))
    base, one, two = zip(*counts, strict=True)
    other_base, other_one, other_two = zip(*moved, strict=True)
    found = models(rows("base", base) + trained("arm", one, two))["arm"].verdict
    other = models(rows("base", other_base) + trained("arm", other_two, other_one))["arm"].verdict
    assert (found.word, found.lost, found.gained) == (other.word, other.lost, other.gained)
    for mine, its in zip(found.deltas, other.deltas, strict=True):
        assert mine.value == pytest.approx(its.value, abs=1e-9)
        assert mine.interval.low == pytest.approx(its.interval.low, abs=1e-6)
        assert mine.interval.high == pytest.approx(its.interval.high, abs=1e-6)


def test_a_failed_arm_is_shown_with_its_reason_and_a_failed_seed_is_counted():
    def training(seed, failed=""):
        return StudyTraining(
            seed=seed, rows=1, problems=1, steps=1, loss_tokens=1, learning_rate=1e-3,
            final_loss=None, seconds=1.0, failed=failed,
        )  # fmt: skip

    study = spec(StudyArm(name="arm"), StudyArm(name="gone"))
    found = models(
        rows("base", BASE) + trained("arm", BASE),
        study,
        trainings={
            "arm": [training(0), training(1, "out of memory")],
            "gone": [training(0, "the loss is NaN"), training(1, "the loss is NaN")],
        },
        tuned={"arm": [TunedRate(learning_rate=1e-3, pass_at_1=None, chosen=True)]},
        recipes={"gone": "SFT"},
    )
    assert found["gone"].verdict.word is ArmWord.FAILED
    assert found["gone"].verdict.sentence == "failed: the loss is NaN."
    assert found["gone"].recipe == "SFT"
    assert not found["gone"].curves
    assert "1 seed failed (out of memory)" in found["arm"].verdict.sentence
    assert found["arm"].tuned[0].chosen


def test_a_k_that_no_problem_has_completions_for_is_open_and_says_why():
    few = trained("arm", [2] * 80, [2] * 80, n=4)
    found = models(rows("base", BASE) + few)["arm"].verdict
    assert found.word is ArmWord.INCONCLUSIVE
    assert "no problem has 16 completions" in found.sentence
    assert [p.k for p in found.deltas] == [1, 2, 4]


def test_problems_that_an_arm_lacks_are_left_out_and_said():
    arm = [row for row in trained("arm", [6] * 80, [6] * 80) if row.problem_id >= "010"]
    found = models(rows("base", BASE) + arm)["arm"].verdict
    assert "over 70 problems and 2 seeds (10 of too few completions left out)" in found.sentence


def test_curves_hold_every_step_and_temperature_with_seeds_and_lengths():
    study = spec(temperatures=(1.0, 0.4), ks=(1, 4, 16))
    counts = [
        *rows("base", BASE),
        *rows("base", BASE, temperature=0.4),
        *rows("teacher", [12] * 80),
        *trained("arm", [4] * 80, [6] * 80, step=2, n=8),
        *trained("arm", [8] * 80, [12] * 80),
        *trained("arm", [8] * 80, [12] * 80, temperature=0.4),
    ]
    found = models(counts, study)
    assert list(found) == ["base", "teacher", "arm"]
    arm = found["arm"].curves
    assert [(c.step, c.temperature, c.n) for c in arm] == [
        (2, 1.0, 8),
        (10, 1.0, 16),
        (10, 0.4, 16),
    ]
    assert [p.k for p in arm[0].pass_at_k] == [1, 4]
    assert arm[1].pass_at_k[0].value == pytest.approx(0.625)
    assert arm[1].by_seed["0"][0] == pytest.approx(0.5)
    assert arm[1].by_seed["1"][0] == pytest.approx(0.75)
    assert arm[1].truncated == pytest.approx(1 / 16)
    assert arm[1].tokens == pytest.approx(10)
    assert found["base"].curves[0].by_seed == {}
    assert found["teacher"].verdict is None
    for curve in arm:
        for point in curve.pass_at_k:
            assert point.interval.low < point.value <= point.interval.high


def test_without_the_base_at_the_first_temperature_nothing_can_be_said():
    counts = rows("base", BASE, temperature=0.4) + trained("arm", BASE)
    with pytest.raises(ReasonbenchError, match="no sample of the base at temperature 1"):
        models(counts)


def test_order_of_the_rows_does_not_matter_and_the_models_are_json():
    counts = rows("base", BASE) + rows("teacher", BASE)
    counts += trained("arm", [9] * 40 + [0] * 40, [8] * 80)
    mixed = list(counts)
    random.Random(0).shuffle(mixed)
    one, other = models(counts), models(mixed)
    assert {k: one[k] for k in sorted(one)} == {k: other[k] for k in sorted(other)}
    text = msgspec.json.encode(one["arm"])
    assert msgspec.json.decode(text, type=StudyModel) == one["arm"]


def with_solutions(found, sizes):
    return [
        dataclasses.replace(r, c=sum(s), solutions=s) for r, s in zip(found, sizes, strict=True)
    ]


def test_solutions_are_rarefied_to_one_number_on_the_same_problems():
    base = with_solutions(rows("base", [0] * 20), [(2, 2, 1)] * 12 + [(1,)] * 8)
    arm = with_solutions(
        rows("arm", [0] * 20, seed=0, step=10), [(5, 1)] * 4 + [(6,)] * 8 + [()] * 8
    )
    found = models(base + arm)
    one, other = found["base"].diversity[0], found["arm"].diversity[0]
    assert (one.rarefied, one.n_problems) == (other.rarefied, other.n_problems) == (5, 12)
    assert one.distinct_correct == pytest.approx(3)
    mixed = float(distinct_rarefied([5, 1], [5])[0])
    assert other.distinct_correct == pytest.approx((4 * mixed + 8) / 12)
    assert one.distinct_solved == pytest.approx((12 * 3 + 8) / 20)
    assert other.unsolved == pytest.approx(8 / 20)
    assert "different solutions in 5 correct completions of 12 problems, 3.00 of the beginning" in (
        found["arm"].verdict.sentence
    )


def test_matched_number_keeps_half_of_the_problems_and_leaves_out_a_model_without_any():
    least = {"a": [2] * 10 + [3] * 10 + [9] * 4, "b": [9] * 24, "ruined": [0] * 24}
    r, picked, compared = matched_number(least)
    assert (r, picked, compared) == (3, list(range(10, 24)), ["a", "b"])
    assert matched_number({"ruined": [0] * 24}) == (0, [], [])
    assert matched_number({"a": [2] * 10 + [0] * 10, "b": [0] * 10 + [2] * 10})[0] == 0


def test_a_grader_without_canonical_forms_leaves_solutions_unknown_and_says_so():
    counts = [
        dataclasses.replace(row, solutions=None)
        for row in rows("base", BASE) + trained("arm", BASE, BASE)
    ]
    found = models(counts)["arm"]
    assert found.diversity[0].distinct_correct is None
    assert found.diversity[0].rarefied == 0
    assert "different right solutions are not counted" in found.verdict.sentence


# --- the file -------------------------------------------------------------------------------


COUNT_ROWS = st.builds(
    CountRow,
    model=st.sampled_from(["base", "arm"]),
    role=st.sampled_from(StudyRole),
    seed=st.none() | st.integers(0, 2**40),
    step=st.none() | st.integers(0, 10**6),
    temperature=st.sampled_from([0.0, 0.4, 1.0]),
    task=st.text(max_size=5),
    problem_id=st.text(max_size=8),
    n=st.integers(20, 40),
    c=st.just(7),
    truncated=st.integers(0, 20),
    tokens=st.integers(0, 10**12),
    solutions=st.sampled_from([None, (7,), (4, 2, 1)]),
    answers=st.sampled_from([(), (20,), (9, 3, 1)]),
    distinct_2=st.none() | st.floats(0, 1),
    self_bleu=st.none() | st.floats(0, 1),
    cluster=st.none() | st.text(max_size=4),
)


@given(
    st.lists(
        COUNT_ROWS,
        max_size=8,
        unique_by=lambda r: (r.model, r.seed, r.step, r.temperature, r.task, r.problem_id),
    )
)
@settings(deadline=None, max_examples=40)
def test_counts_come_back_from_the_file_as_they_were(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("counts") / "counts.parquet"
    write_counts(path, found)
    assert read_counts(path) == found
    assert [p.name for p in path.parent.iterdir()] == ["counts.parquet"]


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_counts(tmp_path / name, rows("base", BASE))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "counts.parquet").mkdir()
    with pytest.raises(ReasonbenchError, match="cannot be written"):
        write_counts(tmp_path / "counts.parquet", rows("base", BASE))
    assert [p.name for p in tmp_path.iterdir()] == ["counts.parquet"]


def test_an_id_that_is_no_text_is_an_error_and_leaves_nothing(tmp_path):
    odd = [dataclasses.replace(rows("base", [1])[0], problem_id="\ud800")]
    with pytest.raises(ReasonbenchError, match="have no form"):
        write_counts(tmp_path / "counts.parquet", odd)
    assert list(tmp_path.iterdir()) == []


FAULTS = {
    "more correct than completions": ({"c": 17, "solutions": [17]}, "of n = 16"),
    "a negative count": ({"tokens": -1}, "tokens = -1"),
    "solutions beyond the correct": ({"solutions": [9]}, "within 4"),
    "solutions short of the correct": ({"solutions": [1]}, "where c = 4"),
    "an empty solution": ({"solutions": [4, 0]}, "solutions that are not counts"),
    "a null among answers": ({"answers": [None]}, "answers that are not counts"),
    "answers beyond n": ({"answers": [17]}, "within 16"),
    "a role that there is not": ({"role": "judge"}, "role 'judge'"),
    "no model": ({"model": None}, "no value for 'model'"),
    "a temperature that is not a number": ({"temperature": float("nan")}, "a temperature of nan"),
    "a share above 1": ({"self_bleu": 1.5}, "self_bleu = 1.5"),
    "a share that is not a number": ({"distinct_2": float("nan")}, "distinct_2 = nan"),
}


def tampered(path, edit):
    table = pq.read_table(path)
    data = table.to_pylist()
    edit(data)
    pq.write_table(pa.Table.from_pylist(data, schema=table.schema), path)


@pytest.mark.parametrize("case", FAULTS)
def test_a_row_that_cannot_be_true_is_refused(tmp_path, case):
    path = tmp_path / "counts.parquet"
    write_counts(path, rows("base", BASE))
    change, said = FAULTS[case]
    tampered(path, lambda data: data[2].update(change))
    with pytest.raises(ReasonbenchError, match=rf"row 3: .*{said}"):
        read_counts(path)


def test_a_row_that_comes_twice_is_refused(tmp_path):
    path = tmp_path / "counts.parquet"
    write_counts(path, rows("base", BASE))
    tampered(path, lambda data: data.append(dict(data[0])))
    with pytest.raises(ReasonbenchError, match="row 81: the same model, seed"):
        read_counts(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["c"]), "the column 'c' is missing"),
        (lambda t: t.append_column("more", pa.array(["x"] * 80)), "other columns"),
        (
            lambda t: t.set_column(7, "n", pa.array(["16"] * 80)),
            "the column 'n' holds string, not int32",
        ),
        (
            lambda t: t.set_column(11, "solutions", pa.array([["a"]] * 80)),
            "the column 'solutions' holds list<",
        ),
    ],
)
def test_other_columns_are_refused(tmp_path, change, said):
    path = tmp_path / "counts.parquet"
    write_counts(path, rows("base", BASE))
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ReasonbenchError, match=said):
        read_counts(path)


def test_a_file_that_is_cut_or_is_not_parquet_is_refused(tmp_path):
    path = tmp_path / "counts.parquet"
    write_counts(path, rows("base", BASE))
    whole = path.read_bytes()
    for size in (0, 3, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ReasonbenchError, match="cannot be read as the counts of a study"):
            read_counts(path)
    with pytest.raises(ReasonbenchError, match="cannot be read"):
        read_counts(tmp_path / "none")


def test_a_file_with_changed_bytes_is_read_or_refused_but_never_breaks(tmp_path):
    path = tmp_path / "counts.parquet"
    write_counts(path, rows("base", BASE))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            read_counts(path)
        except ReasonbenchError:
            refused += 1
    assert refused > 30


# --- from a run -----------------------------------------------------------------------------


def problem_row(problem_id, texts):
    return ProblemRow(
        task="t", problem_id=problem_id, n=8, c=len(texts), truncated=0, tokens=80,
        solutions=(len(texts),), answers=(8,), texts=tuple(texts),
    )  # fmt: skip


def measured(model, texts, step=None):
    role = StudyRole.BASE if model == "base" else StudyRole.ARM
    seed = None if step is None else 0
    return Measurement(model, role, seed, step, 1.0, [problem_row("1", texts)])


def test_words_are_compared_at_one_length_and_number_at_last_steps_alone():
    short = ["a b c d e f"] * 5
    long = [f"a b {i} d e f g h i j" for i in range(5)]
    found = count_rows(
        [measured("base", short), measured("arm", long, 5), measured("arm", long, 9)]
    )
    base, early, last = found
    assert base.distinct_2 == pytest.approx(5 / 20)
    assert base.self_bleu == pytest.approx(1)
    assert early.distinct_2 is None
    # Six words of four texts: the pairs ab, de, ef are shared, four times two are their own.
    assert last.distinct_2 == pytest.approx((3 + 8) / 20)
    assert last.self_bleu < 1


def test_too_few_or_too_short_texts_have_no_measure_of_words():
    for texts in (["a b c d e"] * 3, ["a b c"] * 5, []):
        found = count_rows([measured("base", texts)])[0]
        assert found.distinct_2 is None
        assert found.self_bleu is None


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    asked = RunSpec(
        model=ModelSpec(id="embedded:base"),
        tasks=("countdown_probe",),
        n=12,
        limit=8,
        sampling=SamplingSpec(max_tokens=64),
    )
    return directory, execute(asked, directory, workers=1)


def test_a_run_is_measured_as_it_was_summed_up(run):
    directory, result = run
    found = measure(directory)
    counts = result.tasks[0].problems
    assert [(r.problem_id, r.n, r.c) for r in found] == [(c.problem_id, c.n, c.c) for c in counts]
    assert sum(r.c for r in found) > 0
    for row in found:
        assert sum(row.solutions) == row.c
        assert sum(row.answers) <= row.n
        assert len(row.texts) == min(row.c, KEPT_TEXTS)
        assert row.tokens >= row.n
    read = count_rows([Measurement("base", StudyRole.BASE, None, None, 1.0, found)])
    write_counts(directory / "counts.parquet", read)
    assert read_counts(directory / "counts.parquet") == read


def test_a_run_goes_through_to_a_verdict(run):
    found = measure(run[0])
    counts = count_rows(
        [
            Measurement("base", StudyRole.BASE, None, None, 1.0, found),
            Measurement("arm", StudyRole.ARM, 0, 10, 1.0, found),
            Measurement("arm", StudyRole.ARM, 1, 10, 1.0, found),
        ]
    )
    result = models(counts, spec(n=12, ks=(1, 12)))["arm"]
    assert result.verdict.word is ArmWord.INCONCLUSIVE
    assert result.verdict.deltas[0].value == 0


def test_a_run_that_stopped_problems_early_is_refused(tmp_path):
    asked = RunSpec(
        model=ModelSpec(id="embedded:base"),
        tasks=("countdown_probe",),
        n=4,
        limit=1,
        stop_after_successes=1,
        sampling=SamplingSpec(max_tokens=32),
    )
    execute(asked, tmp_path, workers=1)
    with pytest.raises(SpecError, match="stopped at 1 successes"):
        measure(tmp_path)


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(ReasonbenchError):
        measure(tmp_path)
