"""Two processes take the steps that one takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_training as tiny
import trained_by_two

from reasonbench.errors import SpecError


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one():
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    found = subprocess.run(
        [sys.executable, *command, str(Path(trained_by_two.__file__))],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    for two, one in zip(
        json.loads(found.stdout.splitlines()[-1]), trained_by_two.steps(), strict=True
    ):
        for (loss, norm, tokens), step in zip(two, one, strict=True):
            assert (loss, norm) == pytest.approx(step[:2], rel=1e-5)
            assert tokens == step[2]


def test_processes_that_cannot_share_the_batch_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SpecError, match="cannot be shared by the 3 processes"):
        tiny.trainer_of(tiny.spec(batch_size=4))
