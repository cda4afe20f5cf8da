"""Whether untrusted code can be isolated here, or a loud reason why that goes untested."""

import os
import shutil
import subprocess

import pytest


def require_sandbox():
    """Skip the module where bubblewrap cannot make namespaces; CI tells where it must."""
    why = None
    if shutil.which("bwrap") is None:
        why = "bubblewrap is NOT installed: apt-get install bubblewrap"
    else:
        command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = f"bubblewrap CANNOT make namespaces here: {done.stderr.strip()}"
    if why is not None and not os.environ.get("REASONBENCH_REQUIRE_SANDBOX"):
        pytest.skip(f"the sandbox is UNTESTED: {why}", allow_module_level=True)
