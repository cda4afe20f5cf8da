"""The wheel carries its data and works from a fresh venv, outside the checkout."""

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from reasonbench import resources

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            folder,
            REPOSITORY,
        ],
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A venv that holds the wheel, and borrows every other package from this one.

    Of the checkout it borrows what numba compiled, half a minute's work, from the same sources.
    """
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    target = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    compiled = REPOSITORY / "reasonbench" / "corpus" / "__pycache__"
    for file in compiled.glob("*.nb[ic]"):
        cache = target / "reasonbench" / "corpus" / "__pycache__"
        cache.mkdir(exist_ok=True)
        shutil.copy2(file, cache)
    borrowed = [p for p in site.getsitepackages() if Path(p).is_dir()]
    (target / "borrowed.pth").write_text("\n".join(borrowed))
    return python


def run(python, *arguments, cwd):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [python, *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_checkout_finds_its_data_at_the_top_of_the_repository():
    for name in resources.DATA_FOLDERS:
        assert resources.data_dir(name) == REPOSITORY / name


def test_the_wheel_holds_the_tasks_the_models_and_the_typing_marker(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "reasonbench/_data/tasks/countdown_public/countdown_public.yaml" in names
    assert "reasonbench/_data/tasks/countdown_public/problems.jsonl" in names
    assert "reasonbench/embedded/models/student/model.safetensors" in names
    assert "reasonbench/embedded/traces/student_traces.jsonl.zst" in names
    assert "reasonbench/py.typed" in names
    assert not [n for n in names if n.startswith("tests/")]


def test_the_installed_wheel_finds_its_data_outside_the_checkout(installed, tmp_path):
    code = (
        "import reasonbench.resources as r; print(r.PACKAGE);"
        "print(*[r.data_dir(n) for n in r.DATA_FOLDERS])"
    )
    done = run(installed, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(REPOSITORY / "reasonbench") not in done.stdout
    assert done.stdout.count("_data") == len(resources.DATA_FOLDERS)


def test_the_installed_wheel_runs_the_demo(installed, tmp_path):
    done = run(installed, "-m", "reasonbench", "demo", "-n", 1, "--out", "d", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "countdown_public" in done.stdout
    assert (tmp_path / "d" / "report.md").exists()
