"""The examples of the pages under docs/ run as they are printed, on small runs of a fake engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import foreign_logs as logs
import pytest
import yaml
from click.testing import CliRunner
from warm_cli import shim

from reasonbench.audit import run_audit
from reasonbench.cli.export import export
from reasonbench.cli.samples import samples
from reasonbench.errors import SpecError
from reasonbench.importing import import_logs
from reasonbench.interchange.import_report import Options
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec

ROOT = Path(__file__).resolve().parents[2]
WARM = ("audit", "export", "gate", "import", "regrade", "report", "samples")
N_PROBLEMS = 200
"""As many as the documented margin of three points needs to be decided where nothing differs."""


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def indented(page, start):
    """Return the indented commands of a page that begin with ``start``, a line each."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^    ({start}.*)$", text, re.MULTILINE)


def policy(text):
    """Return a documented policy with the fake task in place of the shipped one."""
    return text.replace("countdown_public", "sums")


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Two audits of models that know every sum, whose traces hold none of the problems."""
    folder = tmp_path_factory.mktemp("audits")
    traces = folder / "traces.jsonl"
    rows = [{"text": f"Row {i} says that the harvest of {i} apples was good."} for i in range(50)]
    logs.write_lines(traces, rows)
    for name in ("new", "released"):
        spec = AuditSpec(
            model=ModelSpec(id=name),
            public=(f"sums:{N_PROBLEMS}",),
            traces=(str(traces),),
            n=8,
            engine=EngineSpec(name="fake", args={"leak": [f"{i:03d}" for i in range(N_PROBLEMS)]}),
            sampling=SamplingSpec(max_tokens=50),
        )
        run_audit(spec, folder / "runs" / name, workers=1)
    return folder / "runs"


@pytest.fixture
def shell(tmp_path, warm):
    """Run a script in an empty folder, where ``reasonbench`` is found."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    shim(bin_folder, warm.path, WARM)
    found = (str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"])
    env = {**os.environ, "PATH": os.pathsep.join(found)}

    def run(script):
        return subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def judged(tmp_path, audits):
    """Return a folder with both audits and the documented policy."""
    shutil.copytree(audits, tmp_path / "runs")
    (tmp_path / "gate.toml").write_text(policy(blocks("gate.md", "toml")[0]))
    return tmp_path


def test_the_documented_policy_passes_a_model_that_is_no_worse(judged, shell):
    (script,) = blocks("gate.md", "sh")
    done = shell(script)
    assert (done.returncode, done.stdout) == (0, "passed\n"), done.stderr
    report = json.loads((judged / "gate.json").read_text())
    assert report["decision"] == "PASS" and report["exit_code"] == 0
    open_rules = {r["name"] for r in report["results"] if r["decision"] != "PASS"}
    # Nothing was found in the traces, so what a leak is worth is not known; it is supporting.
    assert len(report["results"]) == 6 and open_rules == {"clean_delta@1 sums"}


@pytest.mark.parametrize(
    ("rule", "code", "said"),
    [
        ("at_most = 0.01", 1, ""),
        ("at_least = 0.999", 0, "undecided: sample more\n"),
        ("at_leest = 0.5", 1, ""),
    ],
)
def test_the_documented_shell_tells_the_exit_codes_apart(judged, shell, rule, code, said):
    (judged / "gate.toml").write_text(f'[[rules]]\ntask = "sums"\nmetric = "pass@1"\n{rule}\n')
    done = shell(blocks("gate.md", "sh")[0])
    assert (done.returncode, done.stdout) == (code, said), done.stderr


def test_the_job_for_gitlab_leaves_the_report_that_it_names(judged, shell):
    _, text = blocks("gate.md", "yaml")
    (job,) = yaml.safe_load(text).values()
    install, *script = job["script"]
    assert install == "pip install reasonbench"
    report = judged / job["artifacts"]["reports"]["junit"]
    assert job["artifacts"]["when"] == "always"
    passed = shell("set -e\n" + "\n".join(script))
    assert passed.returncode == 0, passed.stderr
    assert ET.parse(report).find("testsuite").get("failures") == "0"
    (judged / "gate.toml").write_text("[[rules]]\nat_most = 0.01\n")
    assert shell("set -e\n" + "\n".join(script)).returncode == 1
    assert ET.parse(report).find("testsuite").get("failures") == "1"


def test_the_job_for_github_gives_the_action_inputs_that_it_has():
    text, _ = blocks("gate.md", "yaml")
    job = yaml.safe_load(text)["jobs"]["gate"]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = (s for s in job["steps"] if s["uses"].startswith("reasonbench/"))
    assert set(step["with"]) <= set(action["inputs"])
    needed = {name for name, i in action["inputs"].items() if i.get("required") is True}
    assert needed <= set(step["with"])


def test_the_documented_lock_holds_until_the_bar_is_moved(judged, shell):
    lock, check = indented("gate.md", "reasonbench gate")
    # The shipped task is one by its name alone; of the fake one the run says which problems.
    locked = shell(lock.replace("gate lock", "gate lock runs/new"))
    assert locked.returncode == 0 and (judged / "bar").is_dir(), locked.stderr
    assert shell(f"{check} --baseline runs/released").returncode == 0
    text = (judged / "gate.toml").read_text()
    (judged / "gate.toml").write_text(text.replace("at_least = 0.4", "at_least = 0.3"))
    moved = shell(f"{check} --baseline runs/released")
    assert moved.returncode == 3 and "0.4" in moved.stderr


def test_the_documented_rounds_sample_until_the_rule_is_decided(judged, shell):
    (judged / "gate.toml").write_text(policy(blocks("gate.md", "toml")[1]))
    done = shell("reasonbench gate runs/new --policy gate.toml --baseline runs/released")
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout


def test_the_documented_import_makes_a_run_that_the_named_commands_take(tmp_path, shell):
    (example,) = blocks("import.md", "")
    (given,) = re.findall(r"import (\S+) --out", example)
    log = tmp_path / given
    log.parent.mkdir(parents=True)
    logs.lm_eval(tmp_path).rename(log)
    done = shell(example)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "my-model" / "import.json").is_file()
    again = shell("reasonbench regrade runs/my-model --beside source")
    assert again.returncode == 0, again.stderr


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported")
    import_logs([logs.matharena(folder)], folder / "run", Options(), workers=1)
    return folder / "run"


def options(page, heading):
    """Return a page's table of options under a heading, with those that take a value."""
    text = (ROOT / "docs" / page).read_text().partition(f"## {heading}\n")[2]
    return re.findall(r"^\| (`--.*?) \|", text.partition("\n## ")[0], re.MULTILINE)


VALUES = {
    "--task": "aime_outputs", "--problem": "p0", "--verdict": "correct", "--reason": "ok",
}  # fmt: skip
REFUSED = {"--contaminated": "it has no audit", "--disagreement": "graded by one grader only"}
"""Filters of what this run was never asked, and what is said then."""


def test_every_documented_filter_of_samples_is_one(imported):
    rows = options("export.md", "`reasonbench samples RUN`")
    names = [name for row in rows for name in re.findall(r"`(--[a-z]+)`", row)]
    assert len(names) == 7
    for name in names:
        asked = [name, *([VALUES[name]] if name in VALUES else []), "--sort", "longest", "--raw"]
        done = CliRunner().invoke(samples, [str(imported), *asked, "--limit", "2"])
        if name in REFUSED:
            assert isinstance(done.exception, SpecError)
            assert REFUSED[name] in done.exception.message
        else:
            assert done.exit_code == 0, done.output


def test_every_documented_format_is_written_where_the_page_says(tmp_path, imported):
    shutil.copytree(imported, tmp_path / "run")
    text = (ROOT / "docs" / "export.md").read_text().partition("\nFiles go to")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == {"hub", "eee", "inspect", "lm-eval", "parquet", "jsonl"}
    for form, said in rows.items():
        more = ["--dataset-id", "a/b"] if form == "hub" else []
        done = CliRunner().invoke(export, [str(tmp_path / "run"), "--to", form, *more])
        assert done.exit_code == 0, done.output
        folder = tmp_path / "run" / "exports" / form
        written = {Path(line) for line in done.stdout.splitlines()}
        assert written == {p for p in folder.rglob("*") if p.is_file()} - {folder / "export.json"}
        for name in re.findall(r"`([^`]*[a-z>]\.[a-z]+)`", said):
            pattern = re.sub(r"<[a-z]+>", "*", name)
            assert list(folder.rglob(Path(pattern).name)), name
