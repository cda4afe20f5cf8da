"""Minted sets as tasks, here and in lm-eval."""

import functools
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from fresh_families import FAMILIES
from fresh_rounds import ROUNDS

from reasonbench import plugins, protocols
from reasonbench.errors import SpecError, TamperedError, TaskError, UnknownNameError
from reasonbench.fresh import beacon
from reasonbench.fresh.assembly import assemble
from reasonbench.fresh.catalogue import indexed
from reasonbench.fresh.mint import configured
from reasonbench.fresh.sets import PROBLEMS, write_set
from reasonbench.graders.code import CodeGrader
from reasonbench.grading import completion_of
from reasonbench.records import Problem, Verdict
from reasonbench.resources import data_dir
from reasonbench.tasks import fresh_set
from reasonbench.tasks.fresh_set import fresh_code, fresh_math
from reasonbench.tasks.lm_eval_task import LmEvalTask

HERE = indexed(FAMILIES)
TASKS = data_dir("tasks")
SETS = {"2026-10": ROUNDS[0], "2026-04": ROUNDS[5]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh_problems")
    for name, (number, _, signature) in SETS.items():
        made = assemble(beacon.verify(number, signature), configured(HERE, (), (), 3), HERE)
        write_set(folder / name, made.files, made.receipt)
    return folder


@pytest.fixture(autouse=True)
def shipped(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(fresh_set, "data_dir", lambda name: folder)
    monkeypatch.setattr(fresh_set, "shipped", lambda: HERE)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@functools.cache
def code_grader():
    return CodeGrader()


def test_the_newest_set_is_the_default_and_a_set_can_be_named(folder):
    for make in (fresh_math, fresh_code):
        newest = make(None)
        assert isinstance(newest, protocols.Task)
        assert newest.spec == make("2026-10").spec == make(str(folder / "2026-10")).spec
        assert newest.spec.published.isoformat() == "2026-10-10"
        older = make("2026-04")
        assert older.spec.name.endswith("_2026_04")
        assert older.spec.content_digest != newest.spec.content_digest


def test_a_problem_carries_the_day_of_its_round_its_family_and_its_level():
    problems = list(fresh_math().problems())
    assert len({p.id for p in problems}) == len(problems) == 9
    for problem in problems:
        assert problem.published.isoformat() == "2026-10-10"
        assert problem.cluster == "tiny_sums"
        assert problem.id.startswith(f"tiny_sums-{problem.metadata['level']}-")
        assert problem.metadata["topic"] == "algebra"
        assert problem.metadata["kind"] == "integer"
        assert problem.tests is None


def test_levels_can_be_chosen_and_name_the_task():
    for text, levels in (("0", {0}), ("1-2", {1, 2}), ("1-9", {1, 2})):
        task = fresh_math(f"2026-10,level={text}")
        assert {p.metadata["level"] for p in task.problems()} == levels
        assert task.spec.name == f"fresh_math_2026_10_level_{text}"
    assert fresh_math("level=1").spec.published.isoformat() == "2026-10-10"


@pytest.mark.parametrize(
    "argument", ["level=", "level=x", "level=1-", "a,b", "set=3", ",", "2026-10,"]
)
def test_an_argument_that_says_nothing_is_refused(argument):
    with pytest.raises(SpecError, match="cannot use"):
        fresh_math(argument)


def test_a_set_that_is_not_here_or_holds_none_is_refused(folder, monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError) as caught:
        fresh_math("2026-11")
    assert "2026-10" in caught.value.hint
    with pytest.raises(UnknownNameError):
        fresh_math("../2026-10")
    with pytest.raises(SpecError, match="holds no code problem"):
        fresh_code("2026-10,level=7")
    monkeypatch.setattr(fresh_set, "data_dir", lambda name: tmp_path)
    with pytest.raises(SpecError, match="no set of fresh problems is here"):
        fresh_math()


def test_a_tampered_set_is_not_loaded(folder, tmp_path):
    copy = shutil.copytree(folder / "2026-10", tmp_path / "copy")
    text = (copy / PROBLEMS).read_text()
    (copy / PROBLEMS).write_text(text.replace('"answer":"', '"answer":"1', 1))
    for make in (fresh_math, fresh_code):
        with pytest.raises(TamperedError, match="line 1"):
            make(str(copy))


def test_a_prompt_holds_the_statement_and_how_to_answer():
    for make, ending in ((fresh_math, "\\boxed{}."), (fresh_code, "```python code block.")):
        task = make()
        for problem in task.problems():
            (message,) = task.prompt(problem).messages
            assert message.content.startswith(problem.statement)
            assert message.content.endswith(ending)
        with pytest.raises(TaskError, match="has no problem 'none'"):
            task.prompt(Problem(task="t", id="none", statement=""))


def test_gold_answers_of_math_are_graded_correct_and_others_not():
    grader = plugins.GRADERS.load(fresh_math().spec.grader)
    for problem in fresh_math().problems():
        assert (
            grader.grade(problem, completion_of(problem, problem.target)).verdict is Verdict.CORRECT
        )
        wrong = completion_of(problem, problem.target + "0")
        assert grader.grade(problem, wrong).verdict is Verdict.INCORRECT


def mutant(problem):
    return problem.tests["reference"].replace(" + ", " - ").replace("* ", "+ ")


def test_references_pass_their_tests_in_the_sandbox_and_mutants_do_not():
    seen = set()
    for problem in fresh_code().problems():
        if problem.cluster in seen:
            continue
        seen.add(problem.cluster)
        assert code_grader().check_gold(problem) is None
        text = f"```python\n{mutant(problem)}```"
        wrong = msgspec.structs.replace(completion_of(problem, ""), text=text)
        assert code_grader().grade(problem, wrong).verdict is Verdict.INCORRECT
    assert seen == {"tiny_largest", "tiny_echo"}


def lm_eval_yaml(kind, name="2026-10"):
    return TASKS / f"fresh_{kind}_{name.replace('-', '_')}" / "lm_eval.yaml"


def test_lm_eval_sees_the_same_problems_prompts_and_names():
    for kind, make in (("math", fresh_math), ("code", fresh_code)):
        theirs, ours = LmEvalTask.from_yaml(lm_eval_yaml(kind)), make("2026-10")
        assert theirs.spec.name == ours.spec.name
        assert theirs.spec.published == ours.spec.published
        for a, b in zip(theirs.problems(), ours.problems(), strict=True):
            assert (a.id, a.statement, a.cluster, a.published) == (
                b.id,
                b.statement,
                b.cluster,
                b.published,
            )
            assert theirs.prompt(a).messages == ours.prompt(b).messages
            assert a.digest() == b.digest()


def test_lm_eval_finds_the_tasks_by_name_and_scores_through_our_graders():
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(TASKS), include_defaults=False)
    names = [f"fresh_{kind}_{name}" for kind in ("math", "code") for name in ("2026_10", "2026_04")]
    assert set(names) <= set(manager.task_index)
    loaded = manager.load(names)["tasks"]
    math = loaded["fresh_math_2026_10"]
    doc = math.eval_docs[0]
    assert math.process_results(doc, [f"so \\boxed{{{doc['answer']}}}"]) == {"acc": 1}
    assert math.process_results(doc, ["\\boxed{-1}"]) == {"acc": 0}
    assert math.process_results(doc, ["I do not know"]) == {"acc": 0}
    code = loaded["fresh_code_2026_10"]
    doc = code.eval_docs[0]
    right = json.loads(doc["tests"])["reference"]
    assert code.process_results(doc, [f"```python\n{right}```"]) == {"acc": 1}
    assert code.process_results(doc, ["```python\nprint(1)\n```"]) == {"acc": 0}


def test_every_set_has_its_lm_eval_tasks_with_the_day_of_its_round():
    for number, time, _ in (ROUNDS[0], ROUNDS[5], ROUNDS[7], ROUNDS[8]):
        for kind in ("math", "code"):
            text = Path(lm_eval_yaml(kind, time[:7])).read_text()
            assert f"published: {time[:10]}" in text
            assert f'set: "{time[:7]}"' in text
            assert f"task: fresh_{kind}_{time[:7].replace('-', '_')}" in text
            assert beacon.shown(beacon.time_of(number)) == time
