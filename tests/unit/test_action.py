"""The GitHub action: its steps, run in a shell with GitHub's files faked."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step.get("name"): step for step in ACTION["runs"]["steps"]}
HOSTILE = "$(touch pwned); `touch pwned`; '\"; touch pwned #"


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    directory = tmp_path_factory.mktemp("action") / "run"
    spec = RunSpec(
        model=ModelSpec(id="a"),
        tasks=("sums:10",),
        n=4,
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=50, temperature=1.0),
    )
    execute(spec, directory)
    return directory


@pytest.fixture
def step(tmp_path):
    """Run a step of the action in an empty folder."""
    for name in ("output", "summary"):
        (tmp_path / name).touch()

    def run(name, path="", **given):
        env = {
            **os.environ,
            "PATH": os.pathsep.join(
                filter(None, (path, str(Path(sys.executable).parent), os.environ["PATH"]))
            ),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            **dict.fromkeys(STEPS[name].get("env", {}), ""),
            **{key: str(value) for key, value in given.items()},
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


def outputs(tmp_path):
    return dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())


def test_no_text_of_a_user_is_put_into_a_shell():
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
    expressions = re.findall(r"\$\{\{\s*(.*?)\s*\}\}", (ROOT / "action.yml").read_text())
    assert not [e for e in expressions if re.search(r"event\.(?!pull_request\.number)", e)]


@pytest.mark.parametrize(("bound", "decision"), [(0.001, "PASS"), (0.9999, "FAIL")])
def test_the_gate_step_writes_every_file_and_the_last_one_exits_as_it_did(
    step, tmp_path, subject, bound, decision
):
    (tmp_path / "gate.toml").write_text(f"[[rules]]\nat_least = {bound}\n")
    done = step("gate", RB_SUBJECT=subject, RB_POLICY="gate.toml")
    assert done.returncode == 0, done.stderr
    said = outputs(tmp_path)
    report = json.loads((tmp_path / "temp/reasonbench-gate/gate.json").read_text())
    assert said["decision"] == report["decision"] == decision
    assert said["exit-code"] == str(report["exit_code"])
    names = {path.name for path in Path(said["folder"]).iterdir()}
    assert names == {"gate.json", "junit.xml", "comment.md", "traces.sarif", "badge.json"}
    assert report["decision"] in (tmp_path / "summary").read_text()
    assert step("outcome", RB_CODE=said["exit-code"]).returncode == report["exit_code"]


def test_a_policy_that_is_not_there_ends_the_job_with_its_exit_code(step, tmp_path, subject):
    assert step("gate", RB_SUBJECT=subject, RB_POLICY="nothing.toml").returncode == 0
    said = outputs(tmp_path)
    assert (said["decision"], said["exit-code"]) == ("ERROR", "2")


def test_hostile_inputs_are_names_of_files_and_nothing_else(step, tmp_path):
    done = step("gate", RB_SUBJECT=HOSTILE, RB_POLICY=HOSTILE, RB_BASELINE=HOSTILE, RB_LOCK=HOSTILE)
    assert done.returncode == 0
    assert not (tmp_path / "pwned").exists()
    assert outputs(tmp_path)["exit-code"] == "2"


def test_the_install_step_installs_what_it_was_given(step, tmp_path):
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > args\n')
    fake.chmod(0o755)
    assert step("install", path=str(fake.parent), RB_PACKAGE=HOSTILE).returncode == 0
    given = (tmp_path / "args").read_text().splitlines()
    assert given[:3] == ["-m", "pip", "install"]
    assert given[-2:] == ["--", HOSTILE]
    assert not (tmp_path / "pwned").exists()


def test_the_comment_step_comments_on_the_pull_request(step, tmp_path):
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "gh"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > args\n')
    fake.chmod(0o755)
    (tmp_path / "comment.md").write_text("## PASS\n")
    done = step("comment", path=str(fake.parent), RB_FOLDER=tmp_path, RB_NUMBER=7,
                RB_REPOSITORY="a/b")  # fmt: skip
    assert done.returncode == 0, done.stderr
    given = (tmp_path / "args").read_text().splitlines()
    assert given == ["pr", "comment", "7", "--repo", "a/b", "--body-file",
                     str(tmp_path / "comment.md")]  # fmt: skip


def test_by_default_nothing_is_written_to_the_repository():
    assert ACTION["inputs"]["comment"]["default"] == "false"
    assert STEPS["comment"]["if"].count("inputs.comment == 'true'") == 1
