"""Whether untrusted code can be isolated here, or a loud reason why that goes untested."""

import functools
import os
import shutil
import subprocess

import pytest


@functools.cache
def missing():
    """Return why bubblewrap cannot make namespaces here; CI sets a variable where it can."""
    if os.environ.get("REASONBENCH_REQUIRE_SANDBOX"):
        return ""
    if shutil.which("bwrap") is None:
        return "the sandbox is UNTESTED: bubblewrap is NOT installed: apt-get install bubblewrap"
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"the sandbox is UNTESTED: bubblewrap CANNOT make namespaces: {done.stderr.strip()}"
    return ""


def require_sandbox():
    """Skip the module where there is none."""
    if missing():
        pytest.skip(missing(), allow_module_level=True)
