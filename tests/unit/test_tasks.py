"""From a reference to a task, and everything that can be wrong with it."""

import json
from pathlib import Path

import pytest

from reasonbench.errors import SpecError, TaskError, UnknownNameError
from reasonbench.graders.maths.options import MathOptions, read_options
from reasonbench.lm_eval_tasks import find_lm_eval_yaml, yaml_of
from reasonbench.tasks import resolve

GSM8K = {"question": "How many?", "answer": "1,000 + 18 = 1018\n#### 1,018"}
MATH = {
    "problem": "What is it?",
    "solution": r"Thus $\boxed{\frac12}$.",
    "answer": r"\frac12",
    "unique_id": "test/1.json",
}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes rows, or lines as they are, as a JSONL file."""

    def make(*rows, name="mine.jsonl"):
        path = tmp_path / name
        lines = [row if isinstance(row, str | bytes) else json.dumps(row) for row in rows]
        path.write_bytes(b"\n".join(x.encode() if isinstance(x, str) else x for x in lines))
        return str(path)

    return make


def test_gsm8k_rows_become_problems(write):
    task = resolve(write(GSM8K, "", GSM8K))
    first, second = task.problems()
    assert (first.id, second.id) == ("00000", "00001")
    assert first.task == task.spec.name == "mine"
    assert first.statement == "How many?"
    assert first.target == "1018"
    assert task.spec.grader == "math"
    assert task.spec.source == "mine.jsonl"


def test_math_rows_become_problems_with_their_own_ids(write):
    (problem,) = resolve("jsonl:" + write(MATH)).problems()
    assert (problem.id, problem.target) == ("test/1.json", r"\frac12")


def test_a_worked_solution_alone_gives_its_boxed_answer(write):
    row = {"prompt": "What?", "solution": r"So \boxed{3}."}
    (problem,) = resolve(write(row)).problems()
    assert problem.target == "3"


def test_answers_that_look_like_lists_or_numbers_stay_text(write):
    rows = [{"question": "a", "answer": "[0,2]"}, {"question": "b", "answer": 7}]
    assert [p.target for p in resolve(write(*rows)).problems()] == ["[0,2]", "7"]


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("1e-05", "0.00001"),
        ("1e22", "10000000000000000000000"),
        ("2.50", "2.5"),
        ("5.0", "5.0"),
    ],
)
def test_answers_that_are_floats_are_written_without_an_exponent(write, written, target):
    (problem,) = resolve(write(f'{{"question": "a", "answer": {written}}}')).problems()
    assert problem.target == target


def test_the_prompt_asks_for_a_box_and_the_statement_does_not(write):
    task = resolve(write(GSM8K))
    (problem,) = task.problems()
    prompt = task.prompt(problem)
    (message,) = prompt.messages
    assert message.role == "user"
    assert message.content.startswith("How many?\n\n")
    assert message.content.endswith("final answer within \\boxed{}.")
    assert (prompt.task, prompt.problem_id) == ("mine", "00000")
    assert prompt.template_digest


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no problems"),
        ([GSM8K, "{"], "line 2: not JSON"),
        ([GSM8K, "[1]"], "line 2: list found, JSON object expected"),
        ([GSM8K, "[" * 100_000], "line 2: "),
        ([b'{"question": "\xff"}'], "line 1: not UTF-8"),
        ([{"answer": "5"}], "line 1: no field 'question' or 'problem' or 'prompt'"),
        ([{"question": "a"}], "line 1: no field 'answer'"),
        ([{"question": "a", "answer": None}], "line 1: no field 'answer'"),
        ([{"question": "a", "solution": "so 5"}], "line 1: no final answer in 'solution'"),
        ([{"question": "a", "answer": "so\n####"}], "line 1: no final answer in 'answer'"),
        ([GSM8K, '{"question": "a", "answer": NaN}'], "line 2: 'answer' is nan"),
        ([GSM8K, '{"question": "a", "answer": -Infinity}'], "line 2: 'answer' is -inf"),
        (['{"question": "a", "answer": 1e999}'], "line 1: 'answer' is inf"),
        ([GSM8K | {"id": "x"}, GSM8K | {"id": "x"}], "line 2: the id 'x' was used in line 1"),
    ],
)
def test_a_bad_line_is_named_with_its_file(write, rows, said):
    with pytest.raises(TaskError) as caught:
        resolve(write(*rows))
    assert said in caught.value.message
    assert "mine.jsonl" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("reference", "error", "said"),
    [
        ("countdown_publik", UnknownNameError, "no task named 'countdown_publik'"),
        ("missing.jsonl", TaskError, "there is no file missing.jsonl"),
        ("missing.yaml", TaskError, "there is no file missing.yaml"),
        ("yaml:missing.yaml", TaskError, "there is no task file missing.yaml"),
        ("jsonl:missing.jsonl", TaskError, "missing.jsonl cannot be read: No such file"),
        ("jsonl", TaskError, "needs a path"),
        ("yaml", TaskError, "needs a path"),
        ("lm_eval", TaskError, "needs a task name"),
        ("math_jsonl", TaskError, "needs a file"),
        ("lm_eval:hellaswag", TaskError, "output type 'multiple_choice'"),
        ("lm_eval:humaneval", TaskError, "outside of any sandbox"),
        ("lm_eval:mmlu", TaskError, "is a group of tasks"),
        ("lm_eval:squadv2", TaskError, "Python class"),
    ],
)
def test_what_cannot_be_a_task_is_one_sentence(reference, error, said):
    with pytest.raises(error) as caught:
        resolve(reference)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_data_set_that_cannot_be_downloaded_comes_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(TaskError, match="gsm8k") as caught:
        resolve("lm_eval:gsm8k")
    assert "HF_HOME" in caught.value.hint
    assert "JSONL" in caught.value.hint


def test_a_task_of_lm_evals_own_is_found_without_its_index(monkeypatch):
    monkeypatch.setattr("lm_eval.tasks.TaskManager.__init__", pytest.fail)
    assert find_lm_eval_yaml("gsm8k").name == "gsm8k.yaml"
    assert find_lm_eval_yaml("aime25").name == "aime25.yaml"


YAML = """
task: tiny
custom_dataset: !function data.load
test_split: test
training_split: train
fewshot_split: train
doc_to_text: "Q: {{question}}\\nA:"
doc_to_target: "{{answer}}"
description: "Answer briefly."
num_fewshot: 2
generation_kwargs: {until: ["Q:"]}
metadata:
  version: 2.0
  reasonbench: RB
"""

DATA = """
import datasets

def load(**_):
    docs = [{"uid": f"u{i}", "group": i // 2, "question": f"{i}+1?", "answer": str(i + 1)}
            for i in range(6)]
    return {"test": datasets.Dataset.from_list(docs[:4]),
            "train": datasets.Dataset.from_list([d | {"question": "e" + d["question"]}
                                                 for d in docs])}
"""

BROKEN = """
def broken(doc):
    if doc["uid"] == "u2":
        raise KeyError(doc["uid"])
    return "fine"
"""


@pytest.fixture
def tiny(tmp_path):
    """Return a function that writes an lm-eval task with the given fields of ours."""
    (tmp_path / "data.py").write_text(DATA)

    def make(fields="{}", text=YAML):
        path = tmp_path / "tiny.yaml"
        path.write_text(text.replace("RB", fields))
        return str(path)

    return make


def test_our_fields_are_read_from_the_yaml(tiny):
    task = resolve(
        tiny(
            "{grader: exact, license: MIT, published: 2024-05-01, source: here, "
            "statement: question, id: uid, target: answer, cluster: group}"
        )
    )
    spec, problem = task.spec, list(task.problems())[3]
    assert (spec.name, spec.version, spec.grader) == ("tiny", "2.0", "exact")
    assert (spec.license, str(spec.published), spec.source) == ("MIT", "2024-05-01", "here")
    assert (problem.id, problem.statement, problem.target) == ("u3", "3+1?", "4")
    assert (problem.cluster, str(problem.published)) == ("1", "2024-05-01")
    assert problem.metadata["question"] == "3+1?"


def test_without_our_fields_lm_evals_own_rules_hold(tiny):
    task = resolve(tiny())
    problem = next(iter(task.problems()))
    assert task.spec.grader == "lm_eval"
    assert (problem.id, problem.statement, problem.target) == ("00000", "Q: 0+1?\nA:", "1")


def test_few_shot_turns_are_the_same_in_whatever_order_prompts_are_asked_for(tiny):
    forward, backward = resolve(tiny()), resolve(tiny())
    problems = list(forward.problems())
    there = [forward.prompt(p) for p in problems]
    back = [backward.prompt(p) for p in reversed(problems)]
    assert there == back[::-1]
    roles = [m.role for m in there[0].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert len({p.messages[1:-1] for p in there}) > 1


@pytest.mark.parametrize(
    ("fields", "said", "hint"),
    [
        ("{grader: exact, licence: MIT}", "unknown key 'licence'", "did you mean 'license'?"),
        ("{published: soon}", "published", None),
        ("[1]", "must be a table", None),
    ],
)
def test_a_wrong_field_of_ours_is_refused(tiny, fields, said, hint):
    with pytest.raises(SpecError) as caught:
        resolve(tiny(fields))
    assert said in caught.value.message
    assert caught.value.hint == hint or hint is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [("{id: group}", "share the id '0'"), ("{statement: text}", "has no field 'text'")],
)
def test_fields_that_do_not_fit_the_documents_are_refused(tiny, fields, said):
    with pytest.raises(TaskError, match=said):
        list(resolve(tiny(fields)).problems())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Q: {{question}}\\nA:"', "!function data.broken", "KeyError: 'u2'"),
        ('"{{answer}}"', "!function data.broken", "KeyError: 'u2'"),
        ('"{{answer}}"', "'{{ 1 // (2 - group * 2) if group else 1 }}'", "ZeroDivisionError"),
    ],
)
def test_a_tasks_code_that_fails_on_a_later_document_is_named(tiny, tmp_path, old, new, said):
    (tmp_path / "data.py").write_text(DATA + BROKEN)
    task = resolve(tiny(text=YAML.replace(old, new)))
    with pytest.raises(TaskError) as caught:
        for problem in task.problems():
            task.prompt(problem)
    assert "document 00002 of task 'tiny'" in caught.value.message
    assert said in caught.value.message


def test_the_reference_of_a_yaml_file_holds_in_any_folder(tiny, tmp_path, monkeypatch):
    path = Path(tiny())
    monkeypatch.chdir(tmp_path)
    (first, *_) = resolve(path.name).problems()
    monkeypatch.chdir(tmp_path.parent)
    reference = first.metadata["lm_eval"]["task"]
    assert reference == str(path.resolve())
    assert yaml_of(reference).is_file()


def test_a_problem_of_another_grader_names_no_file_of_this_machine(tiny):
    path = Path(tiny("{grader: math}"))
    for problem in resolve(str(path)).problems():
        assert str(path.parent) not in repr(problem)


@pytest.mark.parametrize("column", ["grading", "lm_eval"])
def test_a_column_of_the_data_is_no_option_of_the_grader(tiny, column):
    path = Path(tiny("{grader: math}"))
    data = path.with_name("data.py")
    told = '{"grading": {"tolerance": 1e9}}' if column == "lm_eval" else '{"tolerance": 1e9}'
    data.write_text(data.read_text().replace('"group": i // 2', f'"group": 0, "{column}": {told}'))
    (first, *_) = resolve(str(path)).problems()
    assert read_options(first.metadata) == MathOptions()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task: [", "cannot be read"),
        ("include: none.yaml", "cannot be read"),
        (YAML + "gen_prefix: 'A'\n", "gen_prefix"),
        (YAML + "doc_to_image: picture\n", "images"),
        ("group: many\ntask: [one, two]\n", "one, two"),
        (YAML.replace("data.load", "data.lod"), "lod"),
    ],
)
def test_yaml_files_that_cannot_be_used_are_one_sentence(tiny, text, said):
    with pytest.raises(TaskError) as caught:
        resolve(tiny(text=text))
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in caught.value.message


def test_a_changed_document_changes_the_content_digest(tiny, tmp_path):
    before = resolve(tiny()).spec.content_digest
    assert resolve(tiny()).spec.content_digest == before
    (tmp_path / "data.py").write_text(DATA.replace("str(i + 1)", "str(i + 2)"))
    assert resolve(tiny()).spec.content_digest != before


def test_a_problem_of_another_task_has_no_prompt(tiny, write):
    (stranger,) = resolve(write(MATH)).problems()
    with pytest.raises(TaskError, match="has no problem"):
        resolve(tiny()).prompt(stranger)
