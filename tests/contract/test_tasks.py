"""What every registered task must do, ours and a stranger's."""

import json

import pytest

from reasonbench import plugins, protocols
from reasonbench.identity import digest
from reasonbench.records import Completion, FinishReason, Verdict
from reasonbench.tasks import resolve

NEED_AN_ARGUMENT = {"gym", "lm_eval", "yaml", "jsonl", "math_jsonl"}
PLAIN = sorted(set(plugins.TASKS.names()) - NEED_AN_ARGUMENT)
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


@pytest.fixture(params=[*PLAIN, "jsonl", "yaml"])
def load(request, tmp_path, monkeypatch):
    """Return a function that loads one task afresh."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    if request.param == "jsonl":
        rows = [{"question": f"{i} + 1?", "answer": f"so\n#### {i + 1}"} for i in range(20)]
        path = tmp_path / "sums.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        return lambda: resolve(str(path))
    if request.param == "yaml":
        data, path = tmp_path / "cities.jsonl", tmp_path / "capitals.yaml"
        rows = [{"land": "France", "city": "Paris"}, {"land": "Italy", "city": "Rome"}]
        data.write_text("\n".join(map(json.dumps, rows)))
        path.write_text(YAML + f"dataset_kwargs: {{data_files: {{test: '{data}'}}}}\n")
        return lambda: resolve(str(path))
    return lambda: resolve(request.param)


def answered(task, problem, answer):
    grader = plugins.GRADERS.load(task.spec.grader)
    return grader.grade(
        problem,
        Completion(
            key="k",
            task=problem.task,
            problem_id=problem.id,
            sample_index=0,
            text=f"<think>\nLet me see.\n</think>\n\\boxed{{{answer}}}",
            finish_reason=FinishReason.STOP,
            n_prompt_tokens=1,
            n_tokens=1,
            seed=0,
            engine="e",
        ),
    )


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


def test_the_gold_answer_is_right_and_a_corrupted_one_is_not(load):
    task = load()
    problems = list(task.problems())[:LIMIT]
    assert all(p.target for p in problems)
    for problem in problems:
        gold = answered(task, problem, problem.target)
        assert gold.verdict is Verdict.CORRECT, (problem.id, gold)
        corrupted = answered(task, problem, f"({problem.target}) + 1")
        assert corrupted.verdict is Verdict.INCORRECT, (problem.id, corrupted)
        assert corrupted.reason != "no_answer"
