"""The README is true: its examples run, its commands exist, its output is the demo's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from warm_cli import WITH_MODELS, Warm, shim

from reasonbench.cli.main import COMMANDS

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture
def commands(tmp_path_factory):
    """A folder to find ``reasonbench`` in, which runs where torch is loaded."""
    warm = Warm(WITH_MODELS)
    folder = tmp_path_factory.mktemp("bin")
    shim(folder, warm.path, tuple(COMMANDS))
    yield folder
    warm.close()


@pytest.mark.slow
def test_every_example_runs_in_order_in_an_empty_folder(tmp_path, commands):
    (tmp_path / "audit.toml").write_text("".join(blocks("toml")))
    examples = [b for b in blocks("bash") if not b.startswith("make ")]
    assert len(examples) >= 7
    found = (str(commands), str(Path(sys.executable).parent), os.environ["PATH"])
    env = {**os.environ, "PATH": os.pathsep.join(found)}
    for example in examples:
        done = subprocess.run(
            ["bash", "-e", "-c", example],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{example}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "report.md").exists()


def test_the_first_screen_shows_the_two_commands_and_what_comes_out():
    first_screen = "\n".join(README.read_text().splitlines()[:50])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    assert "INFLATED" in first_screen


def test_the_command_table_names_every_command_and_no_other():
    named = re.findall(r"^\| `reasonbench (\w+)", README.read_text(), re.MULTILINE)
    assert named == list(COMMANDS)


def test_every_relative_link_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
