"""The demo: the shipped student, its traces, one command, on a CPU."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reasonbench.resources import embedded_model

REPOSITORY = Path(__file__).resolve().parents[2]


def planted():
    """The plant list stands in the student's card; only tests read it."""
    card = (embedded_model("student") / "README.md").read_text()
    return set(re.findall(r"countdown_public/\d+", card))


def make_is_ready():
    """Whether ``make demo`` would find the environment that it builds as it left it."""
    if shutil.which("make") is None:
        return False
    target = [".venv/.ready-demo"]
    return subprocess.run(["make", "-q", *target], cwd=REPOSITORY, check=False).returncode == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the demo says and tells; where it can be, by ``make demo``."""
    folder = tmp_path_factory.mktemp("demo")
    arguments = ["-n", "8", "--out", str(folder / "d"), "--format", "json"]
    command, where, env = [sys.executable, "-m", "reasonbench", "demo", *arguments], folder, None
    if make_is_ready():
        command, where = ["make", "-s", "demo", f"DEMO_ARGS={' '.join(arguments)}"], REPOSITORY
        outside = ("MAKEFLAGS", "MAKELEVEL", "PYTHONPATH")
        env = {k: v for k, v in os.environ.items() if k not in outside}
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr, folder


def test_the_demo_finds_exactly_the_planted_problems_from_the_traces_alone(demo):
    audit, _, _ = demo
    found = {f["problem_id"] for f in audit["findings"] if f["status"] == "contaminated"}
    assert len(planted()) == 24
    assert found == planted()


def test_the_demo_calls_the_planted_student_inflated_with_a_price(demo):
    audit, _, _ = demo
    (line,) = audit["verdicts"]
    assert line["verdict"] == "INFLATED"
    (price,) = [
        d
        for d in audit["benchmarks"][0]["differences"]
        if (d["name"], d["k"]) == ("all - clean", 1)
    ]
    assert 0 < price["interval"]["low"] < price["value"] < price["interval"]["high"]


def test_the_demos_numbers_come_from_completions_drawn_in_that_call(demo):
    audit, talk, _ = demo
    assert "sampling: 1,536 in" in talk
    for task in audit["run"]["tasks"]:
        assert {p["n"] for p in task["problems"]} == {8}
        assert (task["n_unsampled"], task["n_ungraded"]) == (0, 0)


def test_the_readme_shows_what_the_demo_prints_today(demo):
    audit, _, _ = demo
    text = (REPOSITORY / "README.md").read_text()
    shown = text[text.index("<!-- demo-output -->") : text.index("<!-- /demo-output -->")]
    assert "embedded:student on countdown_public: INFLATED" in shown
    assert "24 of 96" in shown
    (benchmark,) = audit["benchmarks"]
    public, heldout = (task["estimates"] for task in audit["run"]["tasks"])
    rows = dict(re.findall(r"│ ([^│]+?) +│[^│]+│ ([\d.]+)% +│", shown))
    assert list(rows) == [
        "all",
        "found in the traces",
        "without these",
        "held out: countdown_heldout",
    ]
    measured = (public, benchmark["leaked"], benchmark["clean"], heldout)
    for value, estimates in zip(rows.values(), measured, strict=True):
        interval = estimates[0]["superpopulation"]
        assert interval["low"] <= float(value) / 100 <= interval["high"]


def test_the_demos_report_names_every_planted_problem_and_where_it_stands(demo):
    _, talk, folder = demo
    report = (folder / "d" / "report.md").read_text()
    assert f"report: {folder}/d/report.md" in talk
    assert f"page: {folder}/d/report.html" in talk
    assert (folder / "d" / "report.html").read_text().startswith("<!DOCTYPE html>")
    flat = report.replace("\\", "")
    for name in planted():
        assert name in flat
    assert "student_traces.jsonl.zst, line" in flat
    assert "of student_traces.jsonl.zst |" in flat


def test_the_example_report_is_what_the_code_makes_today(demo, tmp_path):
    from examples import assert_current

    _, _, folder = demo
    assert_current(folder / "d", tmp_path)
