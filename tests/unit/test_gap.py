"""The fresh gap of run directories: three rows, each with what it can show."""

import json
import random

import msgspec
import pytest
from validity_runs import ENGINE, Drawn, make_run

from reasonbench.errors import ReasonbenchError, SpecError, UnknownNameError
from reasonbench.freshgap import CANNOT_SHOW, SHOWS, fresh_gap
from reasonbench.records import Problem, Verdict
from reasonbench.results.gap import GapKind
from reasonbench.specs import SamplingSpec

PUBLIC = [
    Problem(task="public", id=f"p{i}", statement=f"Public {i}?", target="1") for i in range(40)
]


def minted(task, families=20, levels=2, each=2, clusters=True):
    return [
        Problem(
            task=task,
            id=f"f{f:02d}-{level}-{i}",
            statement=f"{task}: family {f}, level {level}, number {i}?",
            target="1",
            cluster=f"f{f:02d}" if clusters else None,
            metadata={"family": f"f{f:02d}", "level": level},
        )
        for f in range(families)
        for level in range(levels)
        for i in range(each)
    ]


def drawn(rates):
    """Draw each task's completions right as often as ``rates`` say."""

    def draw(problem, index):
        rng = random.Random(ascii((problem.statement, index, rates)))
        right = rng.random() < dict(rates)[problem.task]
        return Drawn(
            text=f"{rng.random()} \\boxed{{{1 if right else 2}}}",
            verdict=Verdict.CORRECT if right else Verdict.INCORRECT,
            reason="ok" if right else "wrong",
        )

    return draw


def run(directory, problems, *, model="m", n=4, **rates):
    engine = msgspec.structs.replace(ENGINE, model=model, weights_digest=f"of {model}")
    return make_run(
        directory, drawn(tuple(rates.items())), problems=problems, n=n, engine=engine, model=model
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A model that knows the public task by heart, its base, and an old draw of the families."""
    root = tmp_path_factory.mktemp("gap")
    old, new = minted("old"), minted("new")
    model = run(root / "model", [*PUBLIC, *new, *old], public=0.9, new=0.4, old=0.4)
    base = run(root / "base", [*PUBLIC, *new], model="base", public=0.4, new=0.4)
    return model, base


ASK = {"public": "public", "fresh": "new"}


def rows(found, model=0):
    return {row.kind: row for row in found.models[model].rows}


def test_a_leak_shows_in_the_gap_and_beside_the_reference_and_not_in_the_control(runs):
    found = fresh_gap(runs[:1], **ASK, control="old", reference=runs[1:])
    assert (found.public, found.fresh, found.control, found.reference) == (
        "public",
        "new",
        "old",
        "base",
    )
    assert list(rows(found)) == [GapKind.PUBLIC, GapKind.REFERENCE, GapKind.CONTROL]
    for kind, least, most in (
        (GapKind.PUBLIC, 0.3, 0.7),
        (GapKind.REFERENCE, 0.3, 0.7),
        (GapKind.CONTROL, -0.15, 0.15),
    ):
        values = rows(found)[kind].values
        assert [v.k for v in values] == [1, 2, 4]
        assert least < values[0].value < most
        assert values[0].interval.low < values[0].value < values[0].interval.high
    assert rows(found)[GapKind.PUBLIC].values[0].interval.low > 0
    assert rows(found)[GapKind.REFERENCE].values[0].interval.low > 0
    control = rows(found)[GapKind.CONTROL].values[0]
    assert control.interval.low < 0 < control.interval.high
    assert (control.n_first, control.n_second) == (80, 80)
    assert "over families" in control.method


def test_values_are_those_of_the_scores(runs):
    found = fresh_gap(runs[:1], **ASK, control="old", ks=(1,))
    (model,) = found.models
    gap = rows(found)
    assert gap[GapKind.PUBLIC].values[0].value == pytest.approx(
        model.public[0].value - model.fresh[0].value
    )
    # Every cell has as many problems here, so weighing cells is weighing problems.
    assert gap[GapKind.CONTROL].values[0].value == pytest.approx(
        model.control[0].value - model.fresh[0].value
    )


def test_what_was_not_asked_for_is_not_there(runs):
    found = fresh_gap(runs[:1], **ASK)
    assert list(rows(found)) == [GapKind.PUBLIC]
    assert (found.control, found.reference, found.models[0].control) == (None, None, ())


def test_every_row_says_what_it_can_and_cannot_show(runs):
    assert set(SHOWS) == set(CANNOT_SHOW) == set(GapKind)
    for row in fresh_gap(runs[:1], **ASK, control="old", reference=runs[1:]).models[0].rows:
        assert (row.shows, row.cannot_show) == (SHOWS[row.kind], CANNOT_SHOW[row.kind])
        assert row.shows
        assert row.cannot_show


def test_models_stand_side_by_side_and_runs_of_one_model_are_read_together(runs, tmp_path):
    split = [
        run(tmp_path / "a", PUBLIC, model="split", public=0.5),
        run(tmp_path / "b", minted("new"), model="split", new=0.5),
    ]
    found = fresh_gap([runs[0], *split, runs[1]], **ASK, ks=(1,))
    assert [m.model for m in found.models] == ["m", "split", "base"]
    assert found.models[1].runs == tuple(map(str, split))


def test_two_runs_of_one_task_are_refused_only_where_that_task_is_asked_for(tmp_path):
    fresh = run(tmp_path / "a", [*PUBLIC[:9], *minted("new", 3)], public=0.5, new=0.5)
    again = run(tmp_path / "b", [*minted("new", 3), *minted("old", 3)], new=0.5, old=0.5)
    with pytest.raises(SpecError, match=r"a and .*b all hold new of m"):
        fresh_gap([fresh, again], **ASK)
    assert fresh_gap([fresh, again], public="public", fresh="old").models


def test_other_settings_and_missing_completions_are_said(runs, tmp_path):
    base = make_run(
        tmp_path / "r",
        lambda p, i: Drawn(exists=(p.id, i) != ("p3", 1)),
        problems=[*PUBLIC, *minted("new")],
        n=4,
        model="other",
        sampling=SamplingSpec(temperature=0.1, max_tokens=1000),
        engine=ENGINE,
    )
    notes = " ".join(fresh_gap(runs[:1], **ASK, reference=[base]).models[0].notes)
    assert "the reference differs in sampling.temperature: 0.6 -> 0.1" in notes
    assert "1 problems of public lack completions" in " ".join(
        fresh_gap([base], **ASK, ks=(1,)).models[0].notes
    )


def test_the_reference_counts_on_problems_that_both_were_asked(runs, tmp_path):
    base = run(tmp_path / "r", [*PUBLIC[:30], *minted("new")], model="b", public=0.4, new=0.4)
    found = fresh_gap(runs[:1], **ASK, reference=[base])
    assert rows(found)[GapKind.REFERENCE].values[0].n_first == 30
    assert rows(found)[GapKind.PUBLIC].values[0].n_first == 40
    assert "10 problems of public are in one of the runs only" in " ".join(found.models[0].notes)


def test_one_family_is_compared_instance_by_instance_and_said_to_be_one(tmp_path):
    old, new = (minted(name, 1, 1, 30, clusters=False) for name in ("old", "new"))
    directory = run(tmp_path / "r", [*PUBLIC, *old, *new], public=0.5, old=0.8, new=0.2)
    found = fresh_gap([directory], **ASK, control="old", ks=(1,))
    value = rows(found)[GapKind.CONTROL].values[0]
    assert value.interval.low > 0.2
    assert value.interval.high - value.interval.low < 0.7
    assert "new is of one family" in " ".join(found.models[0].notes)


def test_what_both_draws_hold_is_left_out_of_the_control(tmp_path):
    new, old = minted("new", 8, 1), minted("old", 8, 1)
    old[0] = msgspec.structs.replace(old[0], statement=new[1].statement)
    old += [msgspec.structs.replace(old[1], id="x", statement="?", cluster="alone")]
    directory = run(tmp_path / "r", [*PUBLIC, *old, *new], public=0.5, old=0.5, new=0.5)
    found = fresh_gap([directory], **ASK, control="old", ks=(1,))
    value = rows(found)[GapKind.CONTROL].values[0]
    assert (value.n_first, value.n_second) == (15, 15)
    notes = " ".join(found.models[0].notes)
    assert "1 problems came in both draws" in notes
    assert "1 cells of family and level" in notes


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"fresh": "nothing"}, UnknownNameError, "no task in the runs of m named 'nothing'"),
        ({"fresh": "public"}, SpecError, "40 problems stand in both"),
        ({"control": "public"}, SpecError, "does not say which family"),
        ({"ks": (5,)}, SpecError, "k = 5 needs"),
        ({"control": "new"}, SpecError, "share no family"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, change, error, said):
    with pytest.raises(error, match=said):
        fresh_gap(runs[:1], **{**ASK, **change})


def test_a_reference_must_be_another_model_and_one_alone(runs, tmp_path):
    with pytest.raises(SpecError, match="held against itself"):
        fresh_gap(runs[:1], **ASK, reference=runs[:1])
    third = run(tmp_path / "r", [*PUBLIC, *minted("new")], model="c", public=0.4, new=0.4)
    with pytest.raises(SpecError, match="one model, got runs of base and c"):
        fresh_gap(runs[:1], **ASK, reference=[runs[1], third])
    apart = run(tmp_path / "s", minted("new"), model="d", new=0.4)
    with pytest.raises(UnknownNameError, match="'public'"):
        fresh_gap(runs[:1], **ASK, reference=[apart])


def test_a_run_that_was_stopped_early_has_no_gap(tmp_path):
    directory = make_run(
        tmp_path / "r", problems=[*PUBLIC, *minted("new")], n=4, stop_after_successes=1
    )
    with pytest.raises(SpecError, match="stopped at 1 successes"):
        fresh_gap([directory], **ASK)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ReasonbenchError, match="nowhere"):
        fresh_gap([tmp_path / "nowhere"], **ASK)


def test_the_command_prints_each_row_with_what_it_can_and_cannot_show(runs, cli):
    asked = ("fresh", "gap", runs[0], "--public", "public", "--fresh", "new")
    more = ("--control", "old", "--reference", runs[1], "--k", "1,4")
    shown = cli(*asked, *more)
    assert shown.returncode == 0, shown.stderr
    said = " ".join(shown.stdout.split())
    for kind in GapKind:
        assert f"It can show, {SHOWS[kind]}." in said
        assert f"It cannot show {CANNOT_SHOW[kind]}." in said
    told = json.loads(cli(*asked, *more, "--format", "json").stdout)
    assert [v["k"] for v in told["models"][0]["rows"][0]["values"]] == [1, 4]
    assert len(told["models"][0]["rows"]) == 3
    assert cli(*asked, "-k", "0").returncode == 2
    unknown = cli(*asked[:-1], "nwe")
    assert unknown.returncode == 2
    assert "did you mean 'new'" in unknown.stderr
