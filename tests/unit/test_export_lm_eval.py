"""lm-eval's files: the fields that its own have, and counts that can be had from them again."""

import json

import msgspec
import pytest
from exported_runs import make, patchy
from validity_runs import ENGINE, Drawn, problems_of

from reasonbench.exporting import export
from reasonbench.graders.exact import ExactGrader
from reasonbench.records import Completion, FinishReason, Problem, Verdict

SAMPLE_KEYS = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
    "doc_hash", "prompt_hash", "target_hash", "pass@1",
}  # fmt: skip
RESULT_KEYS = {
    "results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "date",
    "lm_eval_version", "model_name", "task_hashes",
}  # fmt: skip


def lines(path):
    return [json.loads(line) for line in path.read_text().rstrip("\n").split("\n")]


def regraded(line):
    """Grade a line's texts anew, from nothing but the line."""
    doc = line["doc"]
    problem = Problem(task="t", id=doc["id"], statement=doc["statement"], target=line["target"])
    (texts,) = line["resps"]
    for i, text in enumerate(texts):
        drawn = Completion(
            key=str(i),
            task="t",
            problem_id=doc["id"],
            sample_index=i,
            text=text,
            finish_reason=FinishReason(doc["reasonbench"]["finish_reason"][i]),
            n_prompt_tokens=0,
            n_tokens=0,
            seed=0,
            engine="",
        )
        yield ExactGrader().grade(problem, drawn).verdict


def test_files_are_named_and_laid_out_as_lm_eval_does(tmp_path):
    make(tmp_path / "r", tasks=("a", "b"), engine=msgspec.structs.replace(ENGINE, model="o/m"))
    done = export(tmp_path / "r", "lm-eval")
    folder = tmp_path / "r" / "exports" / "lm-eval" / "o__m"
    iso = "2026-03-17T12-30-05.000000"
    assert done.paths == [
        folder / f"samples_a_{iso}.jsonl",
        folder / f"samples_b_{iso}.jsonl",
        folder / f"results_{iso}.json",
    ]
    results = json.loads(done.paths[-1].read_text())
    assert set(results) >= RESULT_KEYS
    assert results["configs"]["a"]["repeats"] == 8
    assert results["n-samples"]["a"] == {"original": 4, "effective": 4}


def test_a_line_is_one_problem_with_all_its_repeats(tmp_path):
    make(tmp_path / "r")
    found = lines(export(tmp_path / "r", "lm-eval").paths[0])
    assert [line["doc_id"] for line in found] == [0, 1, 2, 3]
    for line in found:
        assert set(line) == SAMPLE_KEYS
        assert len(line["resps"]) == 1 and len(line["resps"][0]) == 8
        assert len(line["filtered_resps"]) == 8
        assert line["arguments"]["gen_args_0"]["arg_0"] == line["doc"]["statement"]
        assert line["arguments"]["gen_args_0"]["arg_1"]["temperature"] == 0.6


def test_grading_the_texts_again_gives_the_same_counts(tmp_path):
    make(tmp_path / "r", n=16, count=8)
    done = export(tmp_path / "r", "lm-eval")
    found = lines(done.paths[0])
    told = {}
    for line in found:
        verdicts = list(regraded(line))
        told[line["doc"]["id"]] = len(verdicts), verdicts.count(Verdict.CORRECT)
        assert verdicts == line["doc"]["reasonbench"]["verdict"]
        assert line["pass@1"] == verdicts.count(Verdict.CORRECT) / len(verdicts)
    task = done.run.result.tasks[0]
    assert told == {c.problem_id: (c.n, c.c) for c in task.problems}
    results = json.loads(done.paths[-1].read_text())["results"]["t"]
    for estimate in task.estimates:
        assert results[f"pass@{estimate.k},reasonbench"] == estimate.value


def test_what_is_not_there_is_no_repeat_and_what_has_no_verdict_says_so(tmp_path):
    make(tmp_path / "r", patchy, count=1)
    (line,) = lines(export(tmp_path / "r", "lm-eval").paths[0])
    about = line["doc"]["reasonbench"]
    assert about["sample_index"] == list(range(7)) and len(line["resps"][0]) == 7
    assert about["verdict"][5:] == ["ungraded", None]
    assert about["finish_reason"][3] == "length"
    assert line["filtered_resps"][3] == line["filtered_resps"][6] == "[invalid]"


def test_a_problem_without_a_completion_is_left_out_and_said(tmp_path):
    make(tmp_path / "r", lambda p, i: Drawn(exists=p.id != "p001"))
    done = export(tmp_path / "r", "lm-eval")
    assert [line["doc_id"] for line in lines(done.paths[0])] == [0, 2, 3]
    assert done.run.skipped == ["t/p001 has no completion"]


def test_tests_and_metadata_of_a_problem_travel_along(tmp_path):
    (problem,) = problems_of("t", 1)
    more = {"tests": {"style": "stdin", "cases": [[1, "2"]]}, "metadata": {"grading": {"a": 1}}}
    make(tmp_path / "r", problems=[msgspec.structs.replace(problem, **more)])
    (line,) = lines(export(tmp_path / "r", "lm-eval").paths[0])
    assert {k: line["doc"][k] for k in more} == more


@pytest.mark.parametrize("text", ["\u2028 \u2029 \x85", "\x00\x1b[31m", '"\\\n', "\U0001f600"])
def test_any_text_stays_one_line_and_comes_back(tmp_path, text):
    make(tmp_path / "r", lambda p, i: Drawn(text=text), count=1, n=1)
    path = export(tmp_path / "r", "lm-eval").paths[0]
    assert path.read_bytes().count(b"\n") == 1
    assert json.loads(path.read_bytes())["resps"] == [[text]]
