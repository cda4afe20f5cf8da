"""What all tests share: the stranger's distribution, the command line, and who runs what.

``pytest -n 2 --dist loadgroup`` keeps a file on one worker, and all of vLLM on one: it takes
gigabytes and both cores.  pytest-xdist 3.8 writes groups into node ids in a way that pytest 9.2
does not read, and then deals out single tests without a word, each file's fixtures made twice;
so the groups are told to its scheduler here.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import re
import sys
from pathlib import Path

import pytest

FAKES = Path(__file__).parent / "fakes"
sys.path.insert(0, str(FAKES))
os.environ["PYTHONPATH"] = os.pathsep.join(
    p for p in (str(FAKES), os.environ.get("PYTHONPATH")) if p
)
os.environ.setdefault("HF_HUB_OFFLINE", "1")

VLLM = re.compile(r"/test_vllm_\w+\.py::|/test_(engines|kill)\.py::.*\[vllm\b")
LONGEST_FIRST = (
    "vllm",
    "tests/contract/test_replicas.py",
    "tests/e2e/test_study_running.py",
    "tests/contract/test_tasks.py",
    "tests/contract/test_openai_faults.py",
    "tests/e2e/test_train_launch.py",
    "tests/e2e/test_cli.py",
    "tests/e2e/test_study_templates.py",
    "tests/e2e/test_readme.py",
    "tests/e2e/test_report_browser.py",
    "tests/unit/test_gradefile.py",
    "tests/contract/test_scan_ray.py",
    "tests/unit/test_sandbox_hostile.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_kill.py",
    "tests/e2e/test_train.py",
    "tests/properties/test_code_families.py",
    "tests/unit/test_sandbox_backends.py",
    "tests/unit/test_code_grader.py",
    "tests/unit/test_audit.py",
    "tests/properties/test_validity.py",
    "tests/unit/test_report_html.py",
    "tests/unit/test_report.py",
    "tests/e2e/test_report_study_browser.py",
    "tests/e2e/test_lm_eval_prompts.py",
    "tests/e2e/test_lm_eval_public.py",
    "tests/e2e/test_scan_cli.py",
    "tests/unit/test_import_run.py",
    "tests/unit/test_import_real.py",
    "tests/unit/test_fresh_shipped.py",
    "tests/unit/test_training_devices.py",
    "tests/contract/test_engines.py",
    "tests/e2e/test_wheel.py",
)
"""Begun in this order, then the rest: short files at the end let the workers end together."""


def group_of(nodeid):
    """Return what stays together: a file, or all of vLLM."""
    return "vllm" if VLLM.search(nodeid) else nodeid.partition("::")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the longest groups first, on every worker alike."""
    for item in items:
        if (item.get_closest_marker("vllm") is None) is (group_of(item.nodeid) == "vllm"):
            raise pytest.UsageError(f"{item.nodeid} and its marks disagree on whether it is vLLM's")
    rank = {group: place for place, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(group_of(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out groups, in the order of the items."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return Groups(config, log)


@pytest.fixture(scope="session")
def warm():
    """Hold a process that has imported what most commands need."""
    from warm_cli import Warm

    warm = Warm()
    yield warm
    warm.close()


@pytest.fixture
def cli(tmp_path, monkeypatch, warm):
    """Run the command line in a process of its own, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *args, **options: warm(*args, cwd=tmp_path, **options)


@pytest.fixture
def cold_cli(tmp_path, monkeypatch):
    """Run the command line as ``cli`` does, in a new interpreter that imports for itself."""
    import subprocess

    monkeypatch.chdir(tmp_path)

    def run(*args, timeout=300):
        return subprocess.run(
            [sys.executable, "-m", "reasonbench", *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
