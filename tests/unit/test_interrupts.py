"""Ctrl-C: once stops cleanly, twice at once, and never in the middle of a commit."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from reasonbench.interrupts import held, installed

SLOW_TO_END = textwrap.dedent(
    """
    import signal, sys, time
    from reasonbench.interrupts import installed

    with installed():
        try:
            print("ready", flush=True)
            signal.pause()
        finally:
            print("ending", flush=True)
            while True:
                time.sleep(0.01)
    """
)


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_unwinds():
    with pytest.raises(KeyboardInterrupt), installed():
        press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_held_is_finished_first():
    done = []
    with pytest.raises(KeyboardInterrupt), installed(), held():
        press()
        done.append("inner")
    assert done == ["inner"]


def test_a_ctrl_c_waits_for_the_outermost_block():
    done = []
    with pytest.raises(KeyboardInterrupt), installed(), held():
        with held():
            press()
        done.append("outer")
    assert done == ["outer"]


def test_the_second_ctrl_c_ends_the_process_though_it_is_busy_ending():
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_END],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Ctrl-C again" in talk
    assert "stopped at once" in talk


def test_a_handler_of_somebody_else_stays():
    mine = lambda *_: None  # noqa: E731
    before = signal.signal(signal.SIGINT, mine)
    try:
        with installed():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_the_main_thread_nothing_is_touched():
    found = []

    def work():
        with installed(), held():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
