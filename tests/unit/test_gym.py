"""reasoning-gym's generators: which are offered, what survives JSON, and what counts as right."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fresh_rounds import ROUNDS

from reasonbench import plugins
from reasonbench.errors import SpecError, TamperedError, TaskError, UnknownNameError
from reasonbench.fresh import gym
from reasonbench.fresh.beacon import verify
from reasonbench.grading import completion_of
from reasonbench.records import FinishReason, Problem, Verdict
from reasonbench.taskcheck import corrupted
from reasonbench.tasks import gym as tasks

pytest.importorskip("reasoning_gym", reason="pip install 'reasonbench[gym]'")

from reasonbench.graders.gym import MAX_ANSWER, GymGrader

# reasoning-gym's ARC data is read from files that nobody closes.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)

NUMBER, _, SIGNATURE = ROUNDS[0]
SEED = 42
GENERATORS = 106


@pytest.fixture(scope="module")
def made():
    """Two entries of every generator that is offered."""
    return {name: tasks.generate(name, None, seed=SEED, size=2) for name in gym.offered()}


@pytest.fixture(scope="module")
def grader():
    return GymGrader()


def completion(problem, text, **changes):
    return msgspec.structs.replace(completion_of(problem, ""), text=text, **changes)


def problem_of(name, entry):
    about = {"name": name, "level": None, "version": gym.VERSION, "entry": entry.metadata}
    if entry.answer != entry.witness:
        about["answer"] = entry.answer
    return Problem(
        task="gym",
        id=f"{name}-{entry.index}",
        statement=entry.question,
        target=entry.witness,
        metadata={"family": name, "level": None, "gym": about},
    )


def stored(problem):
    """Return a problem as a run directory gives it back."""
    return msgspec.json.decode(msgspec.json.encode(problem), type=Problem)


def tagged(answer):
    return f"<think>\nhm, <answer>no</answer>\n</think>\nSo <answer>{answer}</answer>."


def test_every_generator_is_offered_or_refused_with_its_reason():
    from reasoning_gym.factory import DATASETS

    assert len(DATASETS) == GENERATORS
    assert set(gym.REFUSED) <= set(DATASETS)
    assert sorted({*gym.offered(), *gym.REFUSED}) == sorted(DATASETS)
    for name, reason in gym.REFUSED.items():
        with pytest.raises(SpecError) as refused:
            tasks.GymTask(name)
        assert reason in refused.value.message


def test_every_gold_answer_is_right_after_a_round_trip_through_json(made, grader):
    for name, entries in made.items():
        for entry in entries:
            problem = stored(problem_of(name, entry))
            if name in ("boxnet", "rush_hour"):
                assert problem.target is None
                continue
            grade = grader.grade(problem, completion(problem, tagged(problem.target)))
            assert grade.verdict is Verdict.CORRECT, (name, entry, grade)


def test_a_right_answer_beside_another_one_or_with_something_added_is_wrong(made, grader):
    for name, (first, second) in made.items():
        right, wrong = first.witness, second.witness
        problem = stored(problem_of(name, first))
        if right is None or grade_of(grader, problem, wrong) is Verdict.CORRECT:
            continue
        both = (f"{right} or {wrong}", f"{wrong} or {right}", f"{right}, {wrong}")
        for answer in (*both, f"{right}\n{wrong}", corrupted(right)):
            assert grade_of(grader, problem, answer) is Verdict.INCORRECT, (name, answer)


def test_text_that_says_nothing_is_never_right(made, grader):
    nothings = ("x", "nan", "inf", "[]", "{}", "none", "?", "0 " * 40, "-", "[[", "9" * 5000)
    for name, entries in made.items():
        problem = stored(problem_of(name, entries[0]))
        for text in nothings:
            assert grade_of(grader, problem, text) is Verdict.INCORRECT, (name, text)


def grade_of(grader, problem, answer):
    return grader.grade(problem, completion(problem, tagged(answer))).verdict


WATCHED = """
import json, sys
from reasonbench.fresh import gym
names, seen, on = gym.offered(), {}, []
ATTACKS = ["__import__('os').system('true')", "[1, 2]", "(1, 2)", "1 + 1", "{'a': 1}", "x**2",
           "f'{1}'", "[x for x in (1,)]", "Move disk 1 from Peg 1 to Peg 2", "1/3", "A -> B"]

def hook(event, args):
    if on and event in ("exec", "os.system", "subprocess.Popen", "os.exec", "marshal.loads"):
        seen.setdefault(on[0], []).append(event)
    if on and event == "compile" and args[0] is not None:
        seen.setdefault(on[0], []).append(repr(args[0])[:80])

made = json.load(sys.stdin)
sets = {name: gym.dataset_of(name, None, seed=0, size=1) for name in [*names, "n_queens"]}
sys.addaudithook(hook)
for name in [*names, "n_queens"]:
    entry = made.get(name)
    said = {"question": "", "answer": "1", "metadata": {"solutions": [], "valid_answers": []}}
    if entry is not None:
        said = {"question": entry["question"], "answer": entry["answer"],
                "metadata": gym.unpacked(entry["metadata"])}
    for attack in [*ATTACKS, entry["witness"] if entry else None]:
        for again in range(2):  # the first time may import
            on[:] = [name] if again else []
            try:
                sets[name].score_answer(attack, said)
            except Exception:
                pass
            on.clear()
sys.stderr.write("\\n" + json.dumps(seen))
"""


def test_no_scorer_that_is_offered_compiles_or_runs_text(made):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WATCHED],
        input=msgspec.json.encode({name: entries[0] for name, entries in made.items()}).decode(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stderr.rpartition("\n")[2])
    assert set(seen) == {"n_queens"}, seen  # refused, and here to show that the watch sees one


def test_only_a_full_score_counts(made, grader):
    from reasoning_gym.factory import DATASETS

    name = "leg_counting"
    entry = made[name][0]
    partial = f"it is {entry.witness}"
    scorer = DATASETS[name][0](DATASETS[name][1](seed=SEED, size=1))
    said = {"question": "", "answer": entry.answer, "metadata": {}}
    assert 0 < scorer.score_answer(partial, said) < 1
    problem = problem_of(name, entry)
    grade = grader.grade(problem, completion(problem, tagged(partial)))
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, "wrong")
    assert "scored 0." in grade.detail


def test_the_answer_is_in_the_last_tags_after_the_thinking_or_in_the_last_box(made, grader):
    problem = problem_of("leg_counting", made["leg_counting"][0])
    right = problem.target

    def verdict(text, **changes):
        return grader.grade(problem, completion(problem, text, **changes)).reason

    assert verdict(f"<answer>0</answer> no, <answer>\n{right}\n</answer>") == "ok"
    assert verdict(f"<answer>{right}</answer> no, <answer>0</answer>") == "wrong"
    assert verdict(f"\\boxed{{{right}}}") == "ok"
    assert verdict(f"<answer>{right}") == "no_answer"
    assert verdict("It is easy.") == "no_answer"
    assert verdict(f"<think>\n<answer>{right}</answer>") == "no_answer"
    assert verdict("so", finish_reason=FinishReason.LENGTH) == "truncated"
    assert verdict(f"<answer>{right}</answer>", finish_reason=FinishReason.LENGTH) == "ok"
    assert verdict(f"<answer>{'9' * (MAX_ANSWER + 1)}</answer>") == "too_big"
    assert verdict(right, finish_reason=FinishReason.FILTER) == "filtered"


def test_a_scorer_that_breaks_on_an_answer_calls_it_unparsed(made, grader):
    problem = problem_of("boxnet", made["boxnet"][0])
    grade = grader.grade(problem, completion(problem, tagged('{"a": 1}')))
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, "unparsed")
    assert "AttributeError" in grade.detail


def test_a_problem_without_a_gold_answer_is_judged_by_playing_the_answer_through(made, grader):
    problem = stored(problem_of("boxnet", made["boxnet"][0]))
    plan = json.dumps(list(moves(made["boxnet"][0].metadata["initial_state"])))
    assert grade_of(grader, problem, plan) is Verdict.CORRECT
    assert grade_of(grader, problem, "[]") is Verdict.INCORRECT


def moves(state):
    """Carry one box after the other to its target, along rows and then columns."""
    where = {thing: place for place, things in state.items() for thing in things}
    for box, place in where.items():
        if not box.startswith("box_"):
            continue
        target = "target_" + box[4:]
        at, goal = ([float(x) for x in p.split("_")] for p in (place, where[target]))
        for axis in (0, 1):
            while at[axis] != goal[axis]:
                before = list(at)
                at[axis] += 1 if goal[axis] > at[axis] else -1
                yield {f"Agent{before}": f"move({box}, square{at})"}
        yield {f"Agent{at}": f"move({box}, {target})"}


def test_a_problem_of_another_version_or_task_is_not_graded(made, grader):
    problem = problem_of("leg_counting", made["leg_counting"][0])
    about = {**problem.metadata["gym"], "version": "0.1.24"}
    old = msgspec.structs.replace(problem, metadata={"gym": about})
    with pytest.raises(SpecError, match=r"made by reasoning-gym 0\.1\.24"):
        grader.grade(old, completion(old, tagged("1")))
    other = Problem(task="t", id="1", statement="?")
    with pytest.raises(SpecError, match="is none"):
        grader.grade(other, completion(other, tagged("1")))
    refused = {**problem.metadata["gym"], "name": "n_queens"}
    evil = msgspec.structs.replace(problem, metadata={"gym": refused})
    with pytest.raises(SpecError, match=r"eval\(\)"):
        grader.grade(evil, completion(evil, tagged("1")))


def test_a_task_is_the_same_each_time_whatever_pythons_hashes_are(monkeypatch):
    digests = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        digests.add(tasks.GymTask("ransom_note,size=20,seed=3").spec.content_digest)
    assert len(digests) == 1


def test_problems_have_stable_ids_one_family_and_no_repeated_statement():
    task = tasks.GymTask("tower_of_hanoi,size=12,level=1,seed=12345")
    problems = list(task.problems())
    assert task.spec.name == "gym_tower_of_hanoi_level_1_seed_12345"
    assert len({p.id for p in problems}) == len({p.statement for p in problems}) == 12
    assert {p.task for p in problems} == {task.spec.name}
    assert {(p.metadata["family"], p.metadata["level"]) for p in problems} == {
        ("tower_of_hanoi", 1)
    }
    (message,) = task.prompt(problems[0]).messages
    assert message.content == f"{problems[0].statement}\n\n{tasks.INSTRUCTION}"
    assert all(stored(p) == p for p in problems)


@pytest.fixture(scope="module")
def of_round():
    return tasks.GymTask(f"aiw,round={NUMBER},signature={SIGNATURE},size=2,level=1")


def test_versions_stand_in_the_grader_and_in_the_task_which_says_what_it_is_not(grader, of_round):
    spec = of_round.spec
    assert f"reasoning-gym-{gym.VERSION}" in grader.identity
    assert f"reasoning-gym-{gym.VERSION}" in spec.version
    assert spec.revision == gym.VERSION
    assert "not a novel distribution" in spec.source
    assert "not a novel distribution" in tasks.GymTask.__doc__


def test_a_round_gives_the_seed_and_the_day(of_round):
    task = of_round
    assert task.spec.name == f"gym_aiw_level_1_round_{NUMBER}"
    assert str(task.spec.published) == "2026-10-10"
    assert {p.metadata["round"] for p in task.problems()} == {NUMBER}
    beacon = verify(NUMBER, SIGNATURE)
    seeds = {gym.beacon_seed(beacon, n, level) for n in ("aiw", "bf") for level in (None, 0, 1)}
    assert len(seeds) == 6
    assert all(0 <= seed < gym.SEEDS for seed in seeds)
    assert f"seed {gym.beacon_seed(beacon, 'aiw', 1)} " in task.spec.source


def test_a_signature_of_another_round_is_refused():
    with pytest.raises(TamperedError, match="is not that of round"):
        tasks.GymTask(f"aiw,round={NUMBER + 1},signature={SIGNATURE}")


@pytest.mark.parametrize(
    ("argument", "error", "said"),
    [
        (None, SpecError, "needs a generator's name"),
        ("graph_colour", UnknownNameError, "no generator of reasoning-gym named"),
        ("aiw,seed=-1", SpecError, "cannot use 'seed=-1'"),
        ("aiw,seed=1,seed=2", SpecError, "cannot use 'seed=2'"),
        ("aiw,colour=1", SpecError, "cannot use 'colour=1'"),
        ("aiw,size=0", SpecError, "from 1 to 10,000"),
        ("aiw,size=10001", SpecError, "from 1 to 10,000"),
        (f"aiw,seed={gym.SEEDS}", SpecError, "a seed is a number below"),
        ("aiw,seed=99999999999999", SpecError, "cannot use"),
        (f"aiw,round={NUMBER}", SpecError, "go together"),
        (f"aiw,seed=1,round={NUMBER},signature={SIGNATURE}", SpecError, "go together"),
        ("aiw,round=5,signature=zz", SpecError, "cannot use 'signature=zz'"),
    ],
)
def test_an_argument_that_cannot_be_is_refused(argument, error, said):
    with pytest.raises(error, match=said):
        tasks.GymTask(argument)


def test_a_level_that_is_not_there_is_said_by_the_process_that_makes_problems():
    with pytest.raises(SpecError, match="levels 0 to"):
        _ = tasks.GymTask("aiw,size=1,level=99").spec
    with pytest.raises(SpecError, match="does not take its own level 2"):
        tasks.generate("caesar_cipher", 2, seed=0, size=1)
    with pytest.raises(SpecError, match="no levels"):
        gym.dataset_of("gsm_symbolic", 1, seed=0, size=1)


def test_what_a_generator_cannot_give_is_an_error_of_the_task():
    with pytest.raises(TaskError, match="different problems in 250 tries"):
        tasks.generate("tower_of_hanoi", 0, seed=0, size=50)
    for name, seed, size in (("jugs", 12345, 12), ("rubiks_cube", 0, 1)):
        with pytest.raises(TaskError, match="its own answer"):
            tasks.generate(name, 1, seed=seed, size=size)


def test_a_generator_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(tasks, "SECONDS", 0.01)
    with pytest.raises(TaskError, match=r"did not make 5 problems within"):
        _ = tasks.GymTask("aiw,size=5").spec


@pytest.mark.parametrize(
    "value",
    [
        {"a": (1, [2, (3,)]), "b": {1: "x", (2, 3): {4}}},
        {"!tuple": [1]},
        [2**70, -(2**70), float("inf"), 1.5, True, None, "!int"],
        {"s": frozenset({"b", "a"}), "e": [(), {}, set()]},
    ],
)
def test_an_entry_comes_back_as_it_was(value):
    through = json.loads(json.dumps(gym.packed(value), allow_nan=False))
    assert gym.unpacked(through) == value


def test_numbers_of_numpy_become_pythons_and_other_objects_are_refused():
    import numpy as np

    held = gym.packed(
        {"a": np.float64(0.5), "b": np.int32(3), "c": np.arange(2), "d": np.str_("x")}
    )
    assert held == {"a": 0.5, "b": 3, "c": [0, 1], "d": "x"}
    assert {type(v) for v in held.values()} == {float, int, list, str}
    with pytest.raises(TypeError, match="object, which is not stored"):
        gym.packed([object()])


def test_the_page_names_what_is_refused():
    text = (Path(__file__).resolve().parents[2] / "docs" / "fresh.md").read_text()
    part = text.partition("## reasoning-gym\n")[2].partition("\n## ")[0]
    table = part.partition("| --- | --- |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[2] for row in table.splitlines()]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(gym.REFUSED)


@pytest.mark.skipif("gym" not in plugins.GRADERS.names(), reason="not registered")
def test_an_answer_that_eats_memory_or_time_costs_its_worker_alone(made):
    from reasonbench.graders.pool import GraderPool

    problem = problem_of("rubiks_cube", made["rubiks_cube"][0])
    asked = [
        (problem, completion(problem, tagged("R99999999999"), key="bomb")),
        (problem, completion(problem, tagged(problem.target), key="right", sample_index=1)),
    ]
    with GraderPool("gym", workers=1, seconds=5, memory_mb=512) as pool:
        grades = {g.key: g for g in pool.grade_all(asked)}
    assert grades["bomb"].verdict is Verdict.INCORRECT
    assert grades["right"].verdict is Verdict.CORRECT


def test_another_version_is_not_trusted(monkeypatch):
    from reasonbench.errors import MissingDependencyError

    monkeypatch.setattr(gym, "VERSION", "0.2.0")
    with pytest.raises(MissingDependencyError, match=r"0\.1\.25 is installed"):
        gym.require()
