"""What every registered task must do, ours and a stranger's.

The data of public tasks are not here, so each reads rows of ours in its own schema.
"""

import json

import msgspec
import pytest
from public_rows import ROWS
from real_sandbox import missing

from reasonbench import lm_eval_tasks, plugins, protocols
from reasonbench.grading import completion_of
from reasonbench.identity import digest
from reasonbench.records import Verdict
from reasonbench.resources import data_dir
from reasonbench.taskcheck import emptied
from reasonbench.tasks import resolve
from reasonbench.tasks.fields import read_fields

NEED_AN_ARGUMENT = {"gym", "lm_eval", "yaml", "jsonl", "math_jsonl"}


def schemas():
    """Return the schema of each public task, by its name."""
    found = {}
    for path in sorted(data_dir("tasks").glob("*/*.yaml")):
        if path.stem == path.parent.name:
            fields = read_fields(lm_eval_tasks.definition(path).get("metadata"), path)
            if fields.schema is not None:
                found[path.stem] = fields.schema
    return found


PUBLIC = schemas()
PLAIN = sorted(set(plugins.TASKS.names()) - NEED_AN_ARGUMENT - set(PUBLIC))
LIMIT = 200

YAML = """
task: capitals
dataset_path: json
test_split: test
doc_to_text: "What is the capital of {{land}}?"
doc_to_target: city
filter_list:
  - name: boxed
    filter: [{function: regex, regex_pattern: 'boxed\\{(.*)\\}'}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
generation_kwargs: {until: []}
"""


@pytest.fixture(params=[*PLAIN, *PUBLIC, "jsonl", "yaml"])
def load(request, tmp_path, monkeypatch):
    """Return a function that loads one task afresh."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    if request.param == "jsonl":
        rows = [{"question": f"{i} + 1?", "answer": f"so\n#### {i + 1}"} for i in range(20)]
        path = tmp_path / "sums.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        return lambda: resolve(str(path))
    if request.param in PUBLIC:
        path = tmp_path / "rows.jsonl"
        rows = ROWS[PUBLIC[request.param]]
        path.write_text("\n".join(json.dumps(row, default=str) for row in rows))
        return lambda: resolve(f"{request.param}:{path}")
    if request.param == "yaml":
        data, path = tmp_path / "cities.jsonl", tmp_path / "capitals.yaml"
        rows = [{"land": "France", "city": "Paris"}, {"land": "Italy", "city": "Rome"}]
        data.write_text("\n".join(map(json.dumps, rows)))
        path.write_text(YAML + f"dataset_kwargs: {{data_files: {{test: '{data}'}}}}\n")
        return lambda: resolve(str(path))
    return lambda: resolve(request.param)


@pytest.fixture(scope="module")
def grade():
    """Return a function that judges the final answer, or the program, of a completion."""
    graders = {}

    def judge(task, problem, answer):
        name = task.spec.grader
        graders[name] = graders.get(name) or plugins.GRADERS.load(name)
        completion = completion_of(problem, answer)
        if problem.tests is not None and problem.target is None:
            text = f"<think>\nLet me see.\n</think>\n~~~python\n{answer}\n~~~"
            completion = msgspec.structs.replace(completion, text=text)
        return graders[name].grade(problem, completion)

    yield judge
    for grader in graders.values():
        getattr(grader, "close", lambda: None)()


def test_a_task_satisfies_the_protocol(load):
    task = load()
    assert isinstance(task, protocols.Task)
    assert task.spec.name
    assert task.spec.grader in plugins.GRADERS.names()
    assert task.spec.content_digest


def test_problem_ids_are_unique_and_two_loads_give_the_same_problems(load):
    first, second = load(), load()
    problems = list(first.problems())
    assert problems
    assert len({p.id for p in problems}) == len(problems)
    assert {p.task for p in problems} == {first.spec.name}
    assert [p.full_digest() for p in problems] == [p.full_digest() for p in second.problems()]
    assert digest(first.spec) == digest(second.spec)


def test_prompts_are_stable_and_hold_what_is_asked(load):
    first, second = load(), load()
    for problem in list(first.problems())[:LIMIT]:
        prompt = first.prompt(problem)
        assert prompt == second.prompt(problem)
        assert (prompt.task, prompt.problem_id) == (problem.task, problem.id)
        assert bool(prompt.messages) != bool(prompt.text)
        sent = prompt.text or "".join(m.content for m in prompt.messages)
        assert problem.statement in sent


def test_the_gold_answer_is_right_and_a_corrupted_one_is_not(load, grade):
    task = load()
    for problem in list(task.problems())[:LIMIT]:
        if problem.target is None:
            check_program(task, problem, grade)
            continue
        gold = grade(task, problem, problem.target)
        assert gold.verdict is Verdict.CORRECT, (problem.id, gold)
        corrupted = grade(task, problem, f"({problem.target}) + 1")
        assert corrupted.verdict is Verdict.INCORRECT, (problem.id, corrupted)
        assert corrupted.reason != "no_answer"


def check_program(task, problem, grade):
    """Check the tests of a problem: their own program passes, one that does nothing does not."""
    if missing():
        pytest.skip(missing())
    reference = problem.tests.get("reference")
    if reference is not None:
        gold = grade(task, problem, reference)
        assert gold.verdict is Verdict.CORRECT, (problem.id, gold)
    nothing = grade(task, problem, emptied(reference or "pass"))
    assert nothing.verdict is Verdict.INCORRECT, (problem.id, nothing)
