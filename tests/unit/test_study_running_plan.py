"""What a study asks for, what it refuses, and which problems and rates it takes."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.errors import EngineError, SpecError
from reasonbench.results.study import StudyPoint, StudyRole
from reasonbench.specfile import convert
from reasonbench.specs import SelectSpec, StudySpec
from reasonbench.study import plan, recipes, selection, tuning
from reasonbench.study.layout import Layout, begin, read_marker, refused_changes, write_marker
from reasonbench.study.measure import ProblemRow


def spec_of(**changes):
    data = {
        "name": "a study",
        "teacher": {"id": "embedded:teacher"},
        "student": {"id": "embedded:base"},
        "trace_tasks": ["countdown_train"],
        "tasks": ["countdown_probe"],
        "hyper": {"steps": 30, "learning_rate": 1e-3},
        "arms": [
            {"name": "sft"},
            {"name": "greedy", "view": {"temperature": 0}},
            {"name": "mixed", "wise": {"arm": "greedy"}},
        ],
        "bank": {"temperatures": [1.0, 0]},
        "temperatures": [1.0, 0.6],
        "n": 8,
        "checkpoint_n": 2,
    }
    return convert(data | changes, StudySpec, source="test")


def test_every_sampling_has_draws_of_its_own():
    spec = spec_of()
    samplings = plan.reference_samplings(spec)
    for arm in spec.arms:
        for seed in spec.seeds:
            samplings += [s for at in plan.arm_samplings(spec, arm, seed).values() for s in at]
    assert len({s.draw_seed(0) for s in samplings}) == len(samplings)


def test_last_checkpoints_are_sampled_at_all_temperatures_and_earlier_ones_at_the_first():
    spec = spec_of(checkpoints=[5, 10])
    by_step = plan.arm_samplings(spec, spec.arms[0], 0)
    assert list(by_step) == [5, 10, 30]
    assert [(s.temperature, s.n) for s in by_step[5]] == [(1.0, 2)]
    assert [(s.temperature, s.n) for s in by_step[30]] == [(1.0, 8), (0.6, 8)]
    assert list(plan.arm_samplings(spec, spec.arms[2], 0)) == [30]


def test_a_teacher_is_part_of_a_training_only_where_it_is_needed():
    spec = spec_of(arms=[{"name": "sft"}, {"name": "kl", "objective": {"loss": "forward_kl"}}])
    trainings = [plan.train_spec(spec, arm, 0, 1e-3) for arm in spec.arms]
    assert [t.teacher is None for t in trainings] == [True, False]


def test_a_dose_is_an_arm_with_every_row_of_its_file():
    spec = spec_of(arms=[], leak={"dose": [0, 4]})
    assert plan.arm_names(spec) == ("dose-0", "dose-4")
    assert not plan.trained_arms(spec)[1].view.deduplicate
    assert recipes.recipes(spec)["dose-4"].endswith("each planted item 4 times")


def test_a_teacher_that_is_the_beginning_is_drawn_once_and_called_so():
    arms = [{"name": "sft"}, {"name": "kl", "objective": {"loss": "forward_kl"}}]
    spec = spec_of(arms=arms, teacher={"id": "embedded:base"})
    assert {s.role for s in plan.reference_samplings(spec)} == {StudyRole.BASE}
    assert recipes.recipes(spec)["base"] == "embedded:base, the teacher too"
    (note,) = recipes.taught_by_itself(spec)
    assert note.startswith("kl: the teacher is the student's beginning")
    assert recipes.taught_by_itself(spec_of(arms=arms)) == []
    assert recipes.taught_by_itself(spec_of(teacher={"id": "embedded:base"})) == []


def test_recipes_say_objective_and_traces():
    named = recipes.recipes(spec_of())
    assert named["greedy"] == "SFT; greedy traces, correct only"
    assert named["mixed"] == "WiSE-FT: 0.5 of greedy, the rest of the base"
    assert named["base"] == "embedded:base"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arms": []}, "no arms"),
        ({"arms": [{"name": "sft"}, {"name": "SFT"}]}, "twice"),
        ({"arms": [{"name": "base"}]}, "cannot be named"),
        ({"arms": [{"name": "dose-4"}]}, "cannot be named"),
        ({"arms": [{"name": "w", "wise": {"arm": "no"}}]}, "interpolated from 'no'"),
        ({"arms": [{"name": "a", "learning_rates": [1e-3, 2e-3]}]}, "learning rates"),
        ({"arms": [{"name": "a", "view": {"temperature": 0.7}}]}, "drawn at temperature 0.7"),
        ({"arms": [{"name": "a", "objective": {"prefix": "student"}}]}, "means nothing"),
        ({"seeds": [1, 1]}, "seeds names 1 twice"),
        ({"temperatures": [1.0, 1.0]}, "temperatures names 1.0 twice"),
        ({"ks": [16]}, "k = 16"),
        ({"checkpoints": [99]}, "step 99"),
        ({"select": {"low": 0.9, "high": 0.8}}, "select.low"),
        ({"tasks": ["countdown_train"]}, "stands in tasks and in trace_tasks"),
        ({"tune": {"tasks": ["countdown_probe"]}}, "stands in tasks and in tune.tasks"),
        ({"tune": {"tasks": ["countdown_train"]}}, "in tune.tasks and in trace_tasks"),
    ],
)
def test_what_means_nothing_is_refused(changes, said):
    with pytest.raises(SpecError, match=said):
        plan.refuse(spec_of(**changes))


def test_what_adds_to_a_study_goes_on():
    old = spec_of()
    arms = [*msgspec.to_builtins(old)["arms"], {"name": "more"}]
    more = spec_of(
        arms=arms, seeds=[0, 1, 2], temperatures=[1.0, 0.3, 0.6], n=16, checkpoint_n=4, level=0.9
    )
    assert refused_changes(old, more) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hyper": {"steps": 31, "learning_rate": 1e-3}}, "hyper.steps: 30 -> 31"),
        ({"seeds": [1, 2]}, "seeds: [0,1] -> [1,2]"),
        ({"temperatures": [0.6, 1.0]}, "temperatures: [1.0,0.6] -> [0.6,1.0]"),
        ({"n": 4}, "n: 8 -> 4"),
        ({"arms": [{"name": "sft"}]}, "arms.greedy is missing"),
        ({"student": {"id": "embedded:student"}}, "student.id"),
        ({"leak": {}}, "leak: null"),
    ],
)
def test_another_study_is_refused_with_what_differs(tmp_path, changes, said):
    begin(Layout(tmp_path), spec_of(), {})
    with pytest.raises(SpecError) as error:
        begin(Layout(tmp_path), spec_of(**changes), {})
    assert said in error.value.message
    begin(Layout(tmp_path), spec_of(), {})


def test_a_marker_counts_for_its_inputs_alone(tmp_path):
    path = tmp_path / "stage.json"
    assert read_marker(path, "a", int) is None
    write_marker(path, "a", 3)
    assert read_marker(path, "a", int) == 3
    assert read_marker(path, "b", int) is None
    path.write_text("{")
    assert read_marker(path, "a", int) is None


def row(number, c, n=8, task="t"):
    return ProblemRow(task, f"{number:03d}", n, c, 0, 0, (), ())


counts = st.lists(st.integers(0, 8), min_size=8, max_size=120)


@settings(max_examples=80, deadline=None)
@given(counts)
def test_chosen_problems_lie_in_the_range_or_are_refused_with_the_numbers(found):
    rows = [row(i, c) for i, c in enumerate(found)]
    select = SelectSpec(k=8, low=0.6, high=0.8)
    share = sum(c > 0 for c in found) / len(found)
    try:
        chosen = selection.choose(rows, select)
    except SpecError as error:
        assert f"{share:.3f}" in error.message
        return
    said = chosen.selection
    assert 0.6 <= said.pilot_kept <= 0.8
    assert said.kept == sum(map(len, chosen.problems.values()))
    assert said.kept + said.too_easy + said.too_hard == said.candidates == len(found)
    assert not (said.too_easy and said.too_hard)
    if 0.6 <= share <= 0.8:
        assert said.kept == len(found)


def test_the_easiest_are_dropped_first_and_the_choice_does_not_depend_on_the_order():
    rows = [row(i, c) for i, c in enumerate([8, 7, 6, 5, 4, 3, 2, 1, 0, 0])]
    select = SelectSpec(k=8, low=0.5, high=0.75)
    chosen = selection.choose(rows, select)
    assert chosen.selection.too_easy == 2
    assert chosen.problems == {"t": tuple(f"{i:03d}" for i in range(2, 10))}
    turned = selection.choose(rows[::-1], select)
    assert set(turned.problems["t"]) == set(chosen.problems["t"])


def test_the_hard_end_is_dropped_where_too_few_are_solved():
    rows = [row(i, int(i < 6)) for i in range(30)]
    chosen = selection.choose(rows, SelectSpec(k=8, low=0.7, high=0.95))
    assert chosen.selection.too_hard == 22
    assert chosen.selection.pilot_kept == pytest.approx(0.75)
    assert set(chosen.problems["t"]) >= {f"{i:03d}" for i in range(6)}


def test_problems_that_are_all_solved_cannot_be_chosen_from():
    with pytest.raises(SpecError, match=r"is 1\.000.*no choice"):
        selection.choose([row(i, 8) for i in range(20)], SelectSpec(k=8))


def point(value):
    return StudyPoint(k=1, value=value)


def test_the_best_rate_is_taken_and_the_smaller_of_two_equals():
    rates = tuning.tuned({3e-3: point(0.5), 1e-3: point(0.5), 1e-2: None, 1e-4: point(0.2)})
    assert [r.learning_rate for r in rates] == [1e-4, 1e-3, 3e-3, 1e-2]
    assert tuning.chosen(rates) == 1e-3


def test_rates_that_all_fail_are_reported_and_none_is_taken():
    rates = tuning.tuned({1e-3: None, 1e-2: None})
    assert not any(rate.chosen for rate in rates)
    with pytest.raises(EngineError, match="none of its 2 learning rates"):
        tuning.chosen(rates)


def test_pass_at_1_of_a_trial_has_an_interval():
    found = tuning.pass_at_1([row(i, c) for i, c in enumerate([8, 0, 4, 4])], 0.95)
    assert found.value == pytest.approx(0.5)
    assert found.interval.low < 0.5 < found.interval.high


def test_loss_tokens_that_differ_by_more_than_a_tenth_are_noted():
    from reasonbench.results.study import StudyTraining

    def training(tokens, failed=""):
        return StudyTraining(
            seed=0, rows=1, problems=1, steps=1, loss_tokens=tokens, learning_rate=1e-3,
            final_loss=1.0, seconds=1.0, failed=failed,
        )  # fmt: skip

    near = {"a": [training(1000)], "b": [training(1100)], "c": [training(1, "lost")]}
    assert recipes._unequal(near) == []
    far = {"a": [training(1000)], "b": [training(1101), training(1201)]}
    assert "1,000 of a, 1,151 of b" in recipes._unequal(far)[0]


def test_roles_are_those_of_the_table():
    assert {s.role for s in plan.reference_samplings(spec_of())} == {
        StudyRole.BASE,
        StudyRole.TEACHER,
    }
