"""``models`` and ``--cutoff`` from the command line: chains, claims, and scores on both sides."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hub_server import Hub, pupil

from reasonbench import plugins
from reasonbench.audit import read_audit
from reasonbench.cli.audit import audit as audit_command
from reasonbench.cli.models import _task_name, models
from reasonbench.cli.run import run as run_command

DISTILL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
MAIN = (
    "from reasonbench.cli import main as m; "
    "m.COMMANDS.setdefault('models', 'reasonbench.cli.models:models'); m.main()"
)


@pytest.fixture
def dated(monkeypatch):
    """Make the task ``dated`` known, half of whose problems came out in 2024, half in 2026."""
    tasks = plugins.Registry(
        kind="task",
        group="reasonbench.tasks",
        protocol=plugins.protocols.Task,
        builtins={"dated": "dated_sums:Dated", "aime24": "dated_sums:Aime24"},
    )
    monkeypatch.setattr(plugins, "TASKS", tasks)


def invoke(command, *args):
    return CliRunner().invoke(command, [str(a) for a in args])


def sampled(task, out, *more, model="m"):
    return (
        *(model, *task, "--engine", "fake", "-n", "4", "--max-tokens", "100", "--out", out),
        *more,
    )


def child(*args, **env):
    return subprocess.run(
        [sys.executable, "-c", MAIN, *args],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- models --------------------------------------------------------------------------------


def test_the_list_names_every_model_with_its_cutoff():
    table = invoke(models, "list")
    assert table.exit_code == 0
    assert DISTILL in table.stdout
    rows = json.loads(invoke(models, "list", "--format", "json").stdout)
    row = next(r for r in rows if DISTILL in r["hub"])
    assert row["cutoff"]["date"] == "2025-01-20"
    assert row["cutoff"]["kind"] == "bounded"
    assert row["claims"] > 0


def test_a_known_model_is_shown_with_its_chain_and_its_claims_from_all_sources():
    shown = json.loads(invoke(models, "show", DISTILL.lower(), "--format", "json").stdout)
    assert shown["cutoff"]["model"] == DISTILL
    assert {link["role"] for link in shown["cutoff"]["links"]} >= {"base", "teacher", "traces"}
    values = {(c["by"], c["claim"]["value"]) for c in shown["claims"]
              if c["claim"]["task"] == "aime_2024"}  # fmt: skip
    assert values >= {("makers", 0.555), ("others", 0.6)}
    table = invoke(models, "show", DISTILL)
    assert "nothing after 2025-01-20 (bounded)" in table.stdout
    assert "2026-11-26" in table.stdout


def test_a_local_model_is_shown_with_what_its_card_claims(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\nbase_model: Qwen/Qwen3-8B\nmodel-index:\n- results:\n"
        "  - dataset: {type: HuggingFaceH4/MATH-500}\n"
        "    metrics: [{type: pass@1, value: 91.5}, {type: rating, value: 2029}]\n---\n"
    )
    shown = json.loads(invoke(models, "show", tmp_path, "--format", "json").stdout)
    assert shown["cutoff"] is None
    assert "made from Qwen/Qwen3-8B, whose cutoff is 2025-04-29" in shown["unknown"]
    assert [c["claim"]["value"] for c in shown["claims"]] == [0.915]
    assert "outside of 0 to 100" in shown["refused"][0]
    assert "cutoff: not known." in invoke(models, "show", tmp_path).stdout


def test_an_unknown_model_is_looked_up_on_the_hub_with_its_card_and_results(tmp_path):
    with Hub({"some/pupil": pupil()}) as hub:
        env = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
        done = child("models", "show", "some/pupil", "--hub", "--format", "json", **env)
        lost = child("models", "show", "some/nobody", **env)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["cutoff"]["cutoff"]["date"] == "2025-02-04"
    assert [(c["by"], c["claim"]["task"]) for c in shown["claims"]] == [
        ("card", "math_500"),
        ("hub", "aime_2026"),
    ]
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "'some/nobody' is not there" in lost.stderr
    assert "hint: " in lost.stderr
    assert "--cutoff DATE" in lost.stderr


def test_without_a_network_an_unknown_model_asks_for_its_cutoff():
    done = child("models", "show", "some/pupil", HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert "--cutoff DATE" in done.stderr
    assert "Traceback" not in done.stderr


# --- run -----------------------------------------------------------------------------------


def test_a_run_splits_dated_problems_at_the_given_cutoff(dated, tmp_path):
    task = ("-t", "dated:24,half,0")
    done = invoke(run_command, *sampled(task, tmp_path / "r", "--cutoff", "2025-01-31"))
    assert done.exit_code == 0, done.output
    assert "half: before and after the cutoff" in done.stdout
    assert "half, even, up to the cutoff" in done.stdout
    assert "Cutoff 2025-01-31 (claimed)" in done.stdout
    as_json = invoke(
        run_command,
        *sampled(task, tmp_path / "r", "--cutoff", "2025-01-31", "--format", "json"),
    )
    assert json.loads(as_json.stdout)["tasks"][0]["spec"]["name"] == "half"
    assert "Cutoff 2025-01-31 (claimed)" in as_json.stderr


def test_a_known_models_cutoff_is_taken_and_said(dated, tmp_path):
    task = ("-t", "dated:24,half,0")
    done = invoke(run_command, *sampled(task, tmp_path / "r", model=DISTILL))
    assert done.exit_code == 0, done.output
    assert f"cutoff: {DISTILL}: nothing after 2025-01-20 (bounded)" in done.stderr
    assert "Cutoff 2025-01-20 (bounded)" in done.stdout


def test_dated_problems_of_an_unknown_model_ask_for_the_cutoff(dated, tmp_path):
    done = invoke(run_command, *sampled(("-t", "dated:8,half,0"), tmp_path / "r"))
    assert done.exit_code == 0, done.output
    assert "the model's cutoff is not known: give --cutoff DATE" in done.stderr
    assert "before and after" not in done.stdout


def test_a_cutoff_that_moves_draws_nothing_again(dated, tmp_path):
    task = ("-t", "dated:8,half,0")
    first = invoke(run_command, *sampled(task, tmp_path / "r"))
    again = invoke(run_command, *sampled(task, tmp_path / "r", "--cutoff", "2025-01-31"))
    assert "sampling" in first.stderr
    assert "sampling" not in again.stderr
    assert "Cutoff 2025-01-31" in again.stdout


@pytest.mark.parametrize("day", ["soon", "2025-13-01", "31.01.2025", "2999-01-01"])
def test_a_cutoff_that_is_none_is_refused(day, tmp_path):
    done = invoke(run_command, *sampled(("-t", "sums:2"), tmp_path / "r", "--cutoff", day))
    assert done.exit_code != 0
    assert not (tmp_path / "r").exists()


def test_a_run_without_dates_says_nothing_of_cutoffs(tmp_path):
    done = invoke(run_command, *sampled(("-t", "sums:3"), tmp_path / "r"))
    assert done.exit_code == 0, done.output
    assert "utoff" not in done.output


# --- audit ---------------------------------------------------------------------------------


def audited(tmp_path, *more, task="dated:24,half,0", model="m"):
    done = invoke(audit_command, *sampled(("--public", task), tmp_path / "r", *more, model=model))
    assert done.exit_code == 0, done.output
    return done, read_audit(tmp_path / "r")


def test_an_audit_reports_both_sides_and_records_the_cutoff(dated, tmp_path):
    done, audit = audited(tmp_path, "--cutoff", "2025-01-31")
    assert str(audit.spec.model.cutoff.date) == "2025-01-31"
    assert audit.spec.detectors == ("overlap", "cutoff")
    (check,) = audit.checks
    whats = [c.first.what for c in check.contrasts]
    assert whats[:2] == ["half, up to the cutoff", "half, up to the cutoff, pass@2"]
    assert "half, odd, up to the cutoff" in whats
    assert "cutoff: " in done.stdout
    report = (tmp_path / "r" / "report.md").read_text()
    assert "half, odd, up to the cutoff" in report
    assert "2025-01-31 (claimed)" in report


def test_an_audit_of_a_known_model_takes_its_cutoff_and_its_claims(dated, tmp_path):
    _, audit = audited(tmp_path, model=DISTILL, task="aime24")
    assert str(audit.spec.model.cutoff.date) == "2025-01-20"
    assert "by its traces deepseek-r1-distill-800k" in audit.spec.model.cutoff.source
    assert [(c.task, c.metric, c.value, c.n) for c in audit.spec.model.claims] == [
        ("aime24", "pass@1", 0.555, 64),
        ("aime24", "accuracy", 0.6, 5),
    ]
    assert [c.detector for c in audit.checks] == ["cutoff/1"]


def test_chosen_detectors_stay_as_chosen_unless_a_cutoff_is_given(dated, tmp_path):
    _, audit = audited(tmp_path, "--detector", "overlap", model=DISTILL)
    assert audit.spec.detectors == ("overlap",)
    assert audit.checks == ()


def test_the_detector_asked_for_without_a_cutoff_asks_for_it(dated, tmp_path):
    done, audit = audited(tmp_path, "--detector", "cutoff")
    assert "--cutoff DATE" in done.stderr
    assert "--cutoff DATE" in audit.checks[0].sentence


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("aime24", "aime24"),
        ("lm_eval:aime24", "aime24"),
        ("data/aime24.jsonl", "aime24"),
        ("yaml:tasks/aime24.yaml", "aime24"),
    ],
)
def test_claims_are_looked_up_under_the_name_that_a_task_will_have(reference, name):
    assert _task_name(reference) == name
