"""The watchdog that ends an engine's processes when their owner is killed."""

import os
import select
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from reasonbench.engines import core_process

OWNER = textwrap.dedent(
    """
    import multiprocessing, sys, time

    def sleep():
        time.sleep(600)

    if __name__ == "__main__":
        from reasonbench.engines.core_process import Watchdog

        told = sys.argv[1] == "told"
        watchdog = Watchdog()
        child = multiprocessing.get_context("spawn").Process(target=sleep)
        child.start()
        if told:
            watchdog.watch([child.pid])
        print(child.pid, watchdog._process.pid, flush=True)
        time.sleep(600)
    """
)


def gone(pid, timeout=20):
    """Wait until the process has ended; a zombie without a parent to reap it has."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            process.wait(timeout)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        pass
    except psutil.TimeoutExpired:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize("told", ["told", "noticed"])
def test_a_killed_owner_leaves_no_process_behind(tmp_path, told):
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = subprocess.Popen([sys.executable, str(script), told], stdout=subprocess.PIPE, text=True)
    child, watchdog = map(int, owner.stdout.readline().split())
    if told == "noticed":
        # The watchdog looks five times a second; wait until it has had time for several.
        select.select([], [], [], 2)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert gone(child)
    assert gone(watchdog)


def test_output_goes_to_the_log_and_comes_back(capfd):
    with core_process.new_log() as log:
        with core_process.output_to(log):
            os.write(1, b"out ")
            os.write(2, b"err ")
        os.write(1, b"seen")
        log.seek(0)
        assert log.read() == b"out err "
    assert capfd.readouterr() == ("seen", "")


def test_the_cause_is_the_last_error_that_says_something():
    with core_process.new_log() as log:
        log.write(
            b"(EngineCore) ValueError: No available memory for the cache blocks.\n"
            b"(EngineCore) RuntimeError: Engine core initialization failed. See root cause above.\n"
        )
        log.flush()
        said = core_process.cause(log, RuntimeError("Engine core initialization failed"))
    assert said == "ValueError: No available memory for the cache blocks."
    with core_process.new_log() as log:
        assert core_process.cause(log, KeyError("x")) == "KeyError: 'x'"
