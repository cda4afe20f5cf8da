"""Two runs, paired by problem; and what a run says about the next one."""

import json

import pytest

from reasonbench.comparison import compare
from reasonbench.design import Wish, design
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec

LEAKED = [f"{i:03d}" for i in range(20, 30)]


def run(directory, *, model="a", tasks=("sums:30",), n=8, temperature=1.0, args=None, **more):
    spec = RunSpec(
        model=ModelSpec(id=model),
        tasks=tasks,
        n=n,
        engine=EngineSpec(name="fake", args=args or {}),
        sampling=SamplingSpec(max_tokens=50, temperature=temperature),
        **more,
    )
    execute(spec, directory)
    return directory


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A run, and one of a model that knows the hardest third by heart."""
    root = tmp_path_factory.mktemp("pair")
    return run(root / "a"), run(root / "b", model="b", args={"leak": LEAKED})


def wish(**fields):
    base = {
        "mde": 0.05, "k": 1, "power": 0.8, "level": 0.95, "correlation": 0.5,
        "cost_problem": 0.0, "most_problems": None,
    }  # fmt: skip
    return Wish(**base | fields)


def test_the_difference_is_of_the_same_problems_with_its_interval(pair):
    found = compare(*pair)
    (task,) = found.tasks
    assert (found.model_a, found.model_b, task.n_problems) == ("a", "b", 30)
    assert [d.k for d in task.deltas] == [1, 2, 4, 8]
    for delta, a, b in zip(task.deltas, task.a, task.b, strict=True):
        assert delta.value == pytest.approx(b.value - a.value)
        assert delta.band.low <= delta.interval.low <= delta.value
        assert delta.value <= delta.interval.high <= delta.band.high
    assert task.deltas[0].interval.low > 0
    assert set(task.gained) <= set(LEAKED)
    assert task.lost == ()
    assert found.notes == ()


def test_a_run_against_itself_differs_by_nothing_and_collapses_nothing(pair):
    (task,) = compare(pair[0], pair[0]).tasks
    assert {d.value for d in task.deltas} == {0}
    assert task.collapse.verdict == "no evidence"
    assert (task.lost, task.gained) == ((), ())


def test_swapping_the_runs_turns_the_signs(pair):
    there, back = compare(*pair).tasks[0], compare(*reversed(pair)).tasks[0]
    for one, other in zip(there.deltas, back.deltas, strict=True):
        assert one.value == pytest.approx(-other.value)
    assert there.gained == back.lost


def test_the_collapse_test_is_at_the_k_that_was_named(pair):
    (task,) = compare(*pair, at=4).tasks
    assert task.collapse.k == 4


def test_what_the_runs_do_not_share_is_left_out_and_said(pair, tmp_path):
    other = run(tmp_path / "c", model="c", tasks=("sums:12",), temperature=0.5)
    found = compare(pair[0], other)
    assert found.tasks[0].n_problems == 12
    notes = " ".join(found.notes)
    assert "18 problems of sums are in one of the runs only" in notes
    assert "sampling.temperature: 1.0 -> 0.5" in notes


def test_runs_of_other_problems_are_not_compared(pair, tmp_path):
    other = run(tmp_path / "c", tasks=("sums:5,other,40",))
    with pytest.raises(ReasonbenchError, match="have no problem in common"):
        compare(pair[0], other)


def test_a_run_that_was_stopped_early_is_not_compared(pair, tmp_path):
    stopped = run(tmp_path / "c", stop_after_successes=2)
    with pytest.raises(SpecError, match="stopped at 2 successes"):
        compare(pair[0], stopped)


def test_a_k_beyond_the_smaller_n_is_refused(pair, tmp_path):
    small = run(tmp_path / "c", n=4)
    assert [d.k for d in compare(pair[0], small).tasks[0].deltas] == [1, 2, 4]
    with pytest.raises(SpecError, match="the runs have 8 and 4"):
        compare(pair[0], small, ks=(8,))


def test_one_completion_a_problem_says_nothing_of_diversity(tmp_path):
    one = run(tmp_path / "c", n=1)
    (task,) = compare(one, one).tasks
    assert task.collapse is None
    assert task.no_collapse == "two completions a problem are needed to say anything"
    assert [d.k for d in task.deltas] == [1]


def test_a_plan_sees_what_was_wished_and_the_run_says_what_it_resolves(pair):
    (task,) = design(pair[0], wish())
    assert task.plan.mde <= 0.05 < task.mde_now
    assert task.plan.m > 30
    (rough,) = design(pair[0], wish(mde=0.2))
    assert rough.plan.cost < task.plan.cost
    (single,) = design(pair[0], wish(correlation=None))
    assert single.mde_now < task.mde_now


def test_a_wish_that_nothing_fulfils_is_said_to_be_one(pair):
    (task,) = design(pair[0], wish(mde=0.001, most_problems=30))
    assert task.plan is None
    assert "30 problems" in task.impossible


def test_a_run_that_solved_nothing_or_all_plans_nothing_and_says_what_it_shows(tmp_path):
    everything = [f"{i:03d}" for i in range(30)]
    run(tmp_path / "all", args={"leak": everything})
    run(tmp_path / "none", tasks=("sums:20,far,100000",))
    for name, said in (
        ("all", "all 240 completions of 30 problems solved"),
        ("none", "all 160 completions of 20 problems failed"),
    ):
        (task,) = design(tmp_path / name, wish())
        assert (task.mde_now, task.plan, task.impossible) == (None, None, "nothing to plan by")
        (note,) = task.notes
        assert said in note
    assert "pass@1 is at least 88.4 % (95 %)" in design(tmp_path / "all", wish())[0].notes[0]
    assert "pass@1 is at most 16.8 % (95 %)" in design(tmp_path / "none", wish())[0].notes[0]


def test_a_plan_says_what_its_figures_cannot_carry(pair, tmp_path):
    assert design(pair[0], wish())[0].notes == ()
    (tiny,) = design(pair[0], wish(mde=1e-9))
    assert tiny.plan is None
    assert "100000 problems" in tiny.impossible
    (small,) = design(pair[0], wish(mde=0.005))
    assert "more than 100 times those of the run" in " ".join(small.notes)
    (few,) = design(run(tmp_path / "few", tasks=("sums:6",), n=1), wish())
    assert "one completion a problem" in few.notes[0]
    assert "6 problems are too few" in few.notes[1]
    (saturated,) = design(pair[0], wish(k=4096, mde=0.05))
    assert any("a gain of 5 points cannot be had" in note for note in saturated.notes)


def test_a_k_beyond_n_is_not_resolved_but_can_be_planned(pair):
    (task,) = design(pair[0], wish(k=16))
    assert task.mde_now is None
    assert task.plan.n >= 32


def test_the_commands_print_tables_and_json(pair, cli):
    shown = cli("compare", *pair)
    assert shown.returncode == 0, shown.stderr
    assert "diversity at K = 8" in shown.stdout
    assert "gained" in shown.stdout
    told = json.loads(cli("compare", *pair, "-k", "4", "--format", "json").stdout)
    assert [d["k"] for d in told["tasks"][0]["deltas"]] == [4]
    assert "two completions" not in shown.stdout
    planned = cli("plan", pair[0], "--mde", "0.05")
    assert "for 5.0 points" in planned.stdout
    assert json.loads(cli("plan", pair[0], "--format", "json").stdout)[0]["plan"] is None
    assert cli("compare", pair[0], "nowhere").returncode == 5


def test_at_k_1_the_paired_table_stands_alone_and_the_test_says_what_it_needs(pair, cli):
    shown = cli("compare", *pair, "-k", "1")
    assert shown.returncode == 0, shown.stderr
    assert "B - A" in shown.stdout
    assert "diversity: not tested at k = 1 alone; name a larger K with --at or -k" in shown.stdout
    assert "two completions" not in shown.stdout
    named = cli("compare", *pair, "-k", "1", "--at", "4")
    assert "diversity at K = 4" in named.stdout
    (task,) = compare(*pair, ks=(4,)).tasks
    assert [d.k for d in task.deltas] == [4]
    assert (task.collapse.k, task.no_collapse) == (4, "")


def test_notes_of_a_plan_are_told_beside_the_table(pair, cli):
    planned = cli("plan", pair[0], "--mde", "0.005")
    assert planned.returncode == 0
    assert "note: sums: " in planned.stderr
