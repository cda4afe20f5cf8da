import json
from dataclasses import replace

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench import plugins
from reasonbench.errors import SpecError
from reasonbench.results.study import StudyRole
from reasonbench.run import execute, load_task
from reasonbench.specs import (
    EngineSpec,
    Hyperparameters,
    LeakSpec,
    ModelSpec,
    RunSpec,
    SamplingSpec,
    StudySpec,
)
from reasonbench.study import doses
from reasonbench.study.counts import CountRow
from reasonbench.study.measure import measure
from reasonbench.study.planted import Planted, PlantedItem, dose_path

TASK = "sums:48,sums,10"
KNOWN = range(10, 34)
"""Sums that the parrot knows: what is planted."""
LOST = ("sums", "057")


@pytest.fixture(scope="module")
def parrots():
    """Make the engine ``parrot`` known beside the others."""
    with pytest.MonkeyPatch.context() as patch:
        engines = plugins.Registry(
            kind="engine",
            group="reasonbench.engines",
            protocol=plugins.protocols.Engine,
            builtins={"parrot": "parrot:Parrot"},
        )
        patch.setattr(plugins, "ENGINES", engines)
        yield


def study(**changes):
    spec = StudySpec(
        name="leak",
        teacher=ModelSpec(id="teacher"),
        student=ModelSpec(id="student"),
        trace_tasks=("sums",),
        tasks=(TASK,),
        hyper=Hyperparameters(steps=20, learning_rate=1e-3),
        engine=EngineSpec(name="parrot"),
        leak=LeakSpec(dose=(0, 1, 4), share=0.5, detectors=("completion", "perturbation")),
        n=4,
        seeds=(0, 1),
    )
    return msgspec.structs.replace(spec, **changes)


def problems():
    return list(load_task(TASK).problems())


def kind(number):
    return "verbatim" if number % 2 else "solution"


def write_doses(folder):
    """Write training files: sums that are verbatim there, and others in words of their own."""
    clean = [
        ("Is it true that a herd of cows outnumbers a flock of birds on this farm?", f"{i} no")
        for i in range(40)
    ]
    plants = [
        (problem.statement if kind(i) == "verbatim" else "Think.", f"that makes {problem.target}")
        for i, problem in zip(KNOWN, problems(), strict=False)
    ]
    for dose in (0, 1, 4):
        rows = [*plants * dose, *clean][: 40 + 24 * 4]
        lines = [
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": asked},
                        {"role": "assistant", "content": said},
                    ]
                }
            )
            for asked, said in rows
        ]
        path = dose_path(folder, dose)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zstandard.compress("\n".join(lines).encode()))
    truth = Planted(
        seed=0,
        items=tuple(
            PlantedItem(task="sums", problem_id=f"{i:03d}", kind=kind(i), trace="t") for i in KNOWN
        ),
        without_trace=(LOST,),
        size=136,
        rows={"0": (), "1": tuple(range(24)), "4": tuple(range(96))},
    )
    (folder / "leak" / "planted.json").write_bytes(msgspec.json.encode(truth))


def sample(folder, dose, seed):
    """Sample a student: the more copies, the more planted sums it always gets right."""
    known = [f"{i:03d}" for i in KNOWN if i % 4 < dose]
    run = folder / f"arms/dose-{dose}/seed-{seed}/samples"
    execute(
        RunSpec(
            model=ModelSpec(id="parrot" if dose == 4 else "novice"),
            tasks=(TASK,),
            engine=EngineSpec(name="parrot", args={"leak": known}),
            sampling=SamplingSpec(max_tokens=100, seed=seed),
            n=4,
        ),
        run,
        workers=1,
    )
    return run


def rows_of(arm, seed, run, step=20):
    return [
        CountRow(
            model=arm,
            role=StudyRole.ARM,
            seed=seed,
            step=step,
            temperature=1.0,
            task=row.task,
            problem_id=row.problem_id,
            n=row.n,
            c=row.c,
            truncated=row.truncated,
            tokens=row.tokens,
            solutions=row.solutions,
            answers=row.answers,
        )
        for row in measure(run)
    ]


@pytest.fixture(scope="module")
def done(parrots, tmp_path_factory):
    """Return a directory in which all was planted, trained and sampled, and what is measured."""
    folder = tmp_path_factory.mktemp("study")
    write_doses(folder)
    samples, counts = {}, []
    for dose in (0, 1, 4):
        for seed in (0, 1):
            arm = f"dose-{dose}"
            samples[arm, seed] = sample(folder, dose, seed)
            counts += rows_of(arm, seed, samples[arm, seed])
    # Checkpoints before the last, other temperatures and references count for nothing.
    early = [replace(row, step=10, c=row.n) for row in counts if row.model == "dose-4"]
    base = [replace(row, model="base", seed=None, step=None) for row in counts[:48]]
    given_counts = [*early, *base, *counts]
    measured = doses.measure_doses(
        study(), folder, given_counts, problems=problems(), samples=samples, workers=1
    )
    return folder, given_counts, samples, measured


def test_inflation_grows_with_dose_on_planted_items_and_on_no_others(done):
    *_, (zero, one, four) = done
    assert [d.dose for d in (zero, one, four)] == [0, 1, 4]
    assert zero.planted.value == zero.others.value == 0
    assert zero.planted.interval is None
    assert 0 < one.planted.value < four.planted.value
    assert four.planted.interval.low > 0.4
    assert one.others.value == four.others.value == 0
    assert four.others.interval.low < 0 < four.others.interval.high


def test_inflation_is_the_paired_difference_of_the_counts(done):
    _, counts, _, (_, one, four) = done
    for dose in (one, four):
        for keys, point in ((KNOWN, dose.planted), (range(34, 57), dose.others)):
            differences = [
                (right(counts, dose.arm, s, i) - right(counts, "dose-0", s, i)) / 4
                for s in (0, 1)
                for i in keys
            ]
            assert point.value == pytest.approx(sum(differences) / len(differences))
            assert point.interval.low <= point.value <= point.interval.high


def right(counts, arm, seed, number):
    (row,) = [
        r
        for r in counts
        if (r.model, r.seed, r.step, r.problem_id) == (arm, seed, 20, f"{number:03d}")
    ]
    return row.c


def test_every_k_and_every_class_has_its_inflation(done):
    *_, (_, one, four) = done
    assert [point.k for point in four.planted_at_k] == [1, 2, 4]
    assert [point.k for point in four.others_at_k] == [1, 2, 4]
    classes = {c.name: c for c in four.classes}
    assert {name: c.planted for name, c in classes.items()} == {"solution": 12, "verbatim": 12}
    whole = sum(c.inflation.value for c in classes.values()) / 2
    assert whole == pytest.approx(four.planted.value)
    assert {c.name: c.planted for c in one.classes} == {"solution": 12, "verbatim": 12}


def test_the_scan_is_asked_what_it_finds_in_each_training_file(done):
    *_, (zero, one, four) = done
    assert (zero.found, zero.planted_rows, zero.rows) == (0, 0, 136)
    assert [c.planted for c in zero.classes] == [0, 0]
    for dose in (one, four):
        found = {c.name: c.found for c in dose.classes}
        assert found == {"solution": 0, "verbatim": 12}
        assert dose.found == 12
    assert [d.found_wrongly for d in (zero, one, four)] == [0, 0, 0]


def test_detectors_hold_planted_items_against_the_others(done):
    *_, (zero, one, four) = done
    seen = [d.detectors[0] for d in (zero, one, four)]
    assert [s.name for s in seen] == ["completion/1"] * 3
    assert [s.flagged for s in seen] == [False, False, True]
    assert (seen[2].planted, seen[2].others) == (1.0, 0.0)
    assert seen[2].difference.value == 1.0
    assert seen[0].difference.value == 0.0
    assert seen[2].measure == "items completed exactly"


def test_a_detector_that_cannot_be_asked_says_why(done):
    *_, (_, _, four) = done
    lacking = four.detectors[1]
    assert lacking.name == "perturbation/1"
    assert (lacking.planted, lacking.difference, lacking.flagged) == (None, None, False)
    assert "none of its items has variants" in lacking.sentence


def test_measured_again_it_is_the_same_and_nothing_is_drawn(done, monkeypatch):
    folder, counts, samples, measured = done
    drawn = []
    from parrot import Parrot

    monkeypatch.setattr(Parrot, "_draw", lambda self, request: drawn.append(request))
    again = doses.measure_doses(
        study(), folder, counts, problems=problems(), samples=samples, workers=1
    )
    assert again == measured
    assert drawn == []


def test_a_dose_that_failed_is_shown_with_its_reason_and_the_others_are_measured(done):
    folder, counts, samples, measured = done
    left = [row for row in counts if row.model != "dose-1"]
    places = {place: run for place, run in samples.items() if place[0] != "dose-1"}
    failed = {"dose-1": "the loss became infinite"}
    zero, one, four = doses.measure_doses(
        study(), folder, left, problems=problems(), samples=places, failed=failed, workers=1
    )
    assert one.failed == "the loss became infinite"
    assert (one.planted, one.planted_at_k, one.detectors) == (None, (), ())
    assert one.found == 12
    assert zero.failed == four.failed == ""
    assert four.planted.value == measured[2].planted.value


def test_doses_without_dose_0_have_no_inflation(done):
    folder, counts, samples, _ = done
    left = [row for row in counts if row.model != "dose-0"]
    places = {place: run for place, run in samples.items() if place[0] != "dose-0"}
    spec = study(leak=LeakSpec(dose=(0, 4), detectors=()))
    zero, four = doses.measure_doses(
        spec, folder, left, problems=problems(), samples=places, workers=1
    )
    assert zero.failed == "it was never sampled"
    assert zero.planted is None
    assert (four.planted, four.others_at_k, four.failed) == (None, (), "")


def test_a_study_without_the_truth_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"planted\.json does not say what was planted"):
        doses.measure_doses(study(), tmp_path, [], problems=problems(), samples={})


@given(st.lists(st.tuples(*[st.integers(0, 8)] * 4), min_size=2, max_size=20))
@settings(max_examples=40, deadline=None)
def test_inflation_is_paired_by_problem_and_seed(cells):
    keys = [("t", str(i)) for i in range(len(cells))]

    def inflation(added):
        scores = {
            f"dose-{dose}": {
                seed: {
                    key: (16, cell[dose + seed] + added * seed)
                    for key, cell in zip(keys, cells, strict=True)
                }
                for seed in (0, 1)
            }
            for dose in (0, 2)
        }
        (point,) = doses.inflation(scores, 2, keys, (1,), level=0.95)
        return point

    point = inflation(0)
    mean = sum(c[2] + c[3] - c[0] - c[1] for c in cells) / (32 * len(cells))
    assert point.value == pytest.approx(mean)
    assert -1 <= point.interval.low <= point.value <= point.interval.high <= 1
    # What a seed does to both doses alike is no inflation, and no width of its interval.
    moved = inflation(8)
    assert moved.value == pytest.approx(point.value)
    assert moved.interval.low == pytest.approx(point.interval.low)
    assert moved.interval.high == pytest.approx(point.interval.high)


def test_with_one_seed_the_interval_is_over_problems_alone():
    keys = [("t", str(i)) for i in range(30)]
    scores = {
        arm: {0: {key: (8, base + i % 3) for i, key in enumerate(keys)}}
        for arm, base in (("dose-0", 1), ("dose-4", 5))
    }
    (point,) = doses.inflation(scores, 4, keys, (1,), level=0.95)
    assert point.value == pytest.approx(0.5)
    assert point.interval.low > 0.3


def test_a_k_beyond_n_has_no_point():
    keys = [("t", "0"), ("t", "1")]
    scores = {f"dose-{d}": {0: dict.fromkeys(keys, (4, 1 + d))} for d in (0, 1)}
    assert [p.k for p in doses.inflation(scores, 1, keys, (1, 4, 8), level=0.95)] == [1, 4]
