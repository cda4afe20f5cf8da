"""What all tests share: the stranger's distribution, reachable here and in child processes."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

import pytest

FAKES = Path(__file__).parent / "fakes"
sys.path.insert(0, str(FAKES))
os.environ["PYTHONPATH"] = os.pathsep.join(
    p for p in (str(FAKES), os.environ.get("PYTHONPATH")) if p
)
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep a file on one worker, and all of vLLM on one: it takes gigabytes and both cores."""
    for item in items:
        group = "vllm" if item.get_closest_marker("vllm") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run the command line in a child process, in an empty folder."""
    import subprocess

    monkeypatch.chdir(tmp_path)

    def run(*args, env=None, timeout=300):
        return subprocess.run(
            [sys.executable, "-m", "reasonbench", *map(str, args)],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
