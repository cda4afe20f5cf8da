"""inspect_ai's logs: inspect itself opens them, and finds what the run holds."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from exported_runs import make, patchy
from hypothesis import given
from hypothesis import strategies as st
from validity_runs import problems_of

from reasonbench.exporting import export
from reasonbench.interchange.export_inspect import sample_id

ROOT = Path(__file__).resolve().parents[2]
OWN = sys.executable if importlib.util.find_spec("inspect_ai") else None
PYTHON = os.environ.get(
    "REASONBENCH_INSPECT_PYTHON", OWN or str(ROOT / ".venv-inspect" / "bin" / "python")
)
HOSTILE = ["../../etc/passwd", "HumanEval/0", "a%2Fb", "a\x00b", "/abs", "..", "\u202e|<b>", "a//b"]


def problems(*ids):
    import msgspec

    return [msgspec.structs.replace(p, id=i) for p, i in zip(problems_of("t", len(ids)), ids)]  # noqa: B905


def load(log, name):
    return json.loads(log.read(name))


def test_the_zip_holds_inspects_files_deflated(tmp_path):
    make(tmp_path / "r", patchy)
    (path,) = export(tmp_path / "r", "inspect").paths
    with zipfile.ZipFile(path) as log:
        assert log.testzip() is None
        assert {i.compress_type for i in log.infolist()} == {zipfile.ZIP_DEFLATED}
        names = set(log.namelist())
        assert {"_journal/start.json", "summaries.json", "reductions.json", "header.json"} < names
        assert sum(n.startswith("samples/") for n in names) == 4 * 7
        assert len(load(log, "summaries.json")) == 4 * 7
        header = load(log, "header.json")
    assert header["results"]["total_samples"] == 32
    assert header["results"]["completed_samples"] == 28
    score = header["results"]["scores"][0]
    assert (score["scored_samples"], score["unscored_samples"]) == (20, 12)


def test_scores_are_the_runs_own_estimates(tmp_path):
    make(tmp_path / "r")
    done = export(tmp_path / "r", "inspect")
    with zipfile.ZipFile(done.paths[0]) as log:
        scores = load(log, "header.json")["results"]["scores"]
        (reduced,) = load(log, "reductions.json")
        samples = [load(log, n) for n in log.namelist() if n.startswith("samples/")]
    task = done.run.result.tasks[0]
    names = ["accuracy", "pass_at_2", "pass_at_4", "pass_at_8"]
    assert [s["metrics"][n]["value"] for s, n in zip(scores, names, strict=True)] == [
        e.value for e in task.estimates
    ]
    assert {r["sample_id"]: r["value"] for r in reduced["samples"]} == {
        c.problem_id: c.c / c.n for c in task.problems
    }
    right = sum(s["scores"]["exact"]["value"] == "C" for s in samples)
    assert right == sum(c.c for c in task.problems)


def test_thinking_is_a_part_of_its_own_and_a_cut_off_says_so(tmp_path):
    make(tmp_path / "r", patchy, count=1)
    (path,) = export(tmp_path / "r", "inspect").paths
    with zipfile.ZipFile(path) as log:
        whole, cut = (load(log, f"samples/p000_epoch_{epoch}.json") for epoch in (1, 4))
        assert load(log, "samples/p000_epoch_6.json")["scores"] is None
    thought, said = whole["messages"][1]["content"]
    assert thought["type"] == "reasoning" and thought["reasoning"].startswith("\n0.")
    assert said["text"].strip().startswith("\\boxed{")
    assert cut["output"]["choices"][0]["stop_reason"] == "max_tokens"
    assert cut["scores"]["exact"]["metadata"]["reason"] == "truncated"


def test_no_id_leaves_the_folder_that_a_log_is_unpacked_to(tmp_path):
    make(tmp_path / "r", problems=problems(*HOSTILE), n=1)
    (path,) = export(tmp_path / "r", "inspect").paths
    with zipfile.ZipFile(path) as log:
        names = [n for n in log.namelist() if n.startswith("samples/")]
        told = {load(log, n)["metadata"]["problem_id"]: n for n in names}
    assert set(told) == set(HOSTILE)
    assert len(set(names)) == len(HOSTILE)
    assert told["HumanEval/0"] == "samples/HumanEval/0_epoch_1.json"
    for name in names:
        assert not {"..", ".", ""} & set(name.split("/"))
        assert "\x00" not in name and "\\" not in name


@given(st.text(), st.text())
def test_two_problems_never_share_an_entry(first, second):
    assert (sample_id(first) == sample_id(second)) is (first == second)


READ = """
import json, sys
from inspect_ai.log import read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries
path = sys.argv[1]
header, whole = read_eval_log(path, header_only=True), read_eval_log(path)
first = whole.samples[0]
print(json.dumps({
    "status": header.status, "task": header.eval.task, "model": header.eval.model,
    "accuracy": header.results.scores[0].metrics["accuracy"].value,
    "samples": [[s.id, s.epoch, s.output.stop_reason, None if not s.scores else
                 s.scores["exact"].value, s.target] for s in whole.samples],
    "summaries": len(read_eval_log_sample_summaries(path)),
    "one": read_eval_log_sample(path, id=first.id, epoch=first.epoch).output.completion,
    "reasoning": first.messages[1].content[0].reasoning,
}))
"""


@pytest.mark.skipif(
    not Path(PYTHON).is_file(),
    reason="NOT RUN: inspect-ai is in no environment here; make test builds .venv-inspect",
)
def test_inspect_itself_opens_the_log(tmp_path):
    make(tmp_path / "r", patchy)
    done = export(tmp_path / "r", "inspect")
    ran = subprocess.run(
        [PYTHON, "-c", READ, str(done.paths[0])],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    task = done.run.result.tasks[0]
    assert (told["status"], told["task"], told["model"]) == ("success", "t", "m")
    assert told["accuracy"] == pytest.approx(task.estimates[0].value)
    assert told["summaries"] == len(told["samples"]) == 28
    counts = {}
    for name, epoch, stop, value, _ in told["samples"]:
        assert stop == ("max_tokens" if epoch == 4 else "stop")
        n, c = counts.get(name, (0, 0))
        counts[name] = n + (value is not None), c + (value == "C")
    assert counts == {c.problem_id: (c.n, c.c) for c in task.problems}
    assert told["one"].strip().startswith("\\boxed{") and told["reasoning"].startswith("\n0.")
