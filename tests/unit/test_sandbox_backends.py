"""Which backend is taken, what each holds against, and when there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_sandbox import require_sandbox

from reasonbench.sandbox import (
    Limits,
    Program,
    SandboxPool,
    SandboxUnavailableError,
    Status,
    backends,
    probe_all,
    selftest,
)
from reasonbench.sandbox.guest import seccomp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "hostile"))
from cases import SECRET  # noqa: E402
from judge import cases, fault, program  # noqa: E402

require_sandbox()

NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"
GAPS = {
    "bwrap": {
        "processes of others",  # sees its own supervisor's processes, and nobody else's
        "the command line of the kernel",
        "inode fill",
    },
    "landlock": {
        "files of the test",  # a file's size and times, not what is in it
        "host name",
        "capabilities",  # the bounding set of a process that can gain nothing from it
        "the secret in memory",  # cannot read its own /proc
        "environments of others",
        "processes of others",
        "what the last program left",
        "what the last program left, again",
        "a temporary file",
    },
}
"""What the fallbacks do not give; the sandbox's docstring tells of it."""


def outcome_of_system_python():
    """Return why the system's Python cannot stand in for ours, or nothing."""
    if not os.path.exists(SYSTEM_PYTHON):
        return f"{SYSTEM_PYTHON} is not there"
    version = backends.Interpreter.find(SYSTEM_PYTHON).version
    return "" if int(version.partition(".")[2]) >= 11 else f"{SYSTEM_PYTHON} is {version}"


def readable_python():
    """Return an interpreter that an unprivileged uid can reach, by default ours."""
    reached = (
        subprocess.run(
            [backends.Interpreter.find(None).executable, "-I", "-c", ""],
            user=NOBODY if os.geteuid() == 0 else None,
            group=NOBODY if os.geteuid() == 0 else None,
            check=False,
            cwd="/",
        )
        if _may_run(backends.Interpreter.find(None).executable)
        else None
    )
    if reached is not None and reached.returncode == 0:
        return None
    if why := outcome_of_system_python():
        pytest.skip(f"NO interpreter that an unprivileged uid can reach: {why}")
    return SYSTEM_PYTHON


def _may_run(path):
    """Return whether a stranger can follow a path."""
    return all(os.stat(parent).st_mode & 1 for parent in Path(path).parents)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    path.write_text(SECRET)
    return str(path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "families"),
    [("bwrap", ["escapes", "information"]), ("landlock", ["escapes", "information", "fakes"])],
)
def test_a_fallback_holds_but_for_its_known_gaps(name, families, canary):
    python = readable_python() if name == "landlock" else None
    faults = {}
    with SandboxPool(workers=2, backend=name, python=python) as pool:
        todo = [case for family in families for case in cases(family)]
        futures = [(case, pool.submit(program(case, canary), case.limits)) for case in todo]
        for case, future in futures:
            got = future.result()
            refused = got.status == "exception" and "Permission" in got.detail
            if not refused and (why := fault(case, got)):
                faults[case.name] = why
    assert {case: why for case, why in faults.items() if case not in GAPS[name]} == {}


@pytest.mark.parametrize("name", ["bwrap", "landlock", "unsafe_local"])
def test_every_backend_runs_all_three_modes(name):
    python = readable_python() if name == "landlock" else None
    with SandboxPool(workers=1, backend=name, python=python) as pool:
        outcomes = [
            pool.run(Program.stdio("print(input())", "x")),
            pool.run(Program.function("def f(x): return [x]", "f", (1,))),
            pool.run(Program.asserts("def f(x): return x", "f", "assert f(1) == 1")),
        ]
    assert [got.status for got in outcomes] == ["ok"] * 3, outcomes
    assert [got.backend for got in outcomes] == [name] * 3
    assert [got.unsafe for got in outcomes] == [name == "unsafe_local"] * 3


def test_an_interpreter_that_strangers_cannot_reach_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    interpreter = backends.Interpreter(str(closed / "bin" / "python"), (str(closed),), "3.11")
    with pytest.raises(SandboxUnavailableError, match="closed to others; use a Python"):
        backends.refuse_unreachable(interpreter, NOBODY)


def test_unsafe_local_leaves_no_file_and_no_process():
    code = """
import os, time
child = os.fork()
if child == 0:
    os.setsid()
    time.sleep(300)
open("left-behind", "w").close()
print(child, os.getcwd())
"""
    with SandboxPool(workers=1, backend="unsafe_local") as pool:
        got = pool.run(Program.stdio(code), Limits(cpu_s=5))
    child, folder = got.text.split()
    assert got.status == Status.OK
    assert not os.path.exists(f"/proc/{child}")
    assert not os.path.exists(folder)


def test_without_bubblewrap_the_refusal_names_each_probe_and_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(backends, "SAFE", ("zygote", "bwrap"))
    selftest.probe_once.cache_clear()
    with pytest.raises(SandboxUnavailableError) as caught:
        SandboxPool(workers=1)
    selftest.probe_once.cache_clear()
    assert "zygote: bubblewrap is not installed; bwrap: bubblewrap is" in caught.value.message
    assert "apt-get install bubblewrap" in caught.value.hint


def test_a_backend_that_fails_the_self_test_is_refused(monkeypatch):
    def trials(canary):
        yield selftest.Trial("an honest program", Program.stdio("print(6)"), lambda got: False)

    monkeypatch.setattr(selftest, "trials", trials)
    probe = selftest.probe(backends.BACKENDS["zygote"], selftest.setting_for(None, (), ()))
    assert not probe.ok
    assert probe.why.startswith("the self-test failed at an honest program: ok, '6'")


def test_the_self_test_sees_an_open_door(monkeypatch):
    """Every attack of the self-test succeeds where nothing is isolated."""
    setting = selftest.setting_for(None, (), ())
    monkeypatch.setattr(selftest, "_is_trusted", lambda backend: False)
    probe = selftest.probe(backends.BACKENDS["unsafe_local"], setting)
    assert "the self-test failed at the network" in probe.why


@pytest.fixture
def installed(tmp_path):
    """An interpreter's folder, with our own targets among its packages."""
    for name in ("lib/python3.11/json", "lib/python3.11/site-packages/reasonbench", "bin"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_installed_packages_are_hidden_and_the_standard_library_is_not(installed):
    interpreter = backends.Interpreter("", (str(installed),), "3.11")
    hidden = backends.masks(interpreter)
    assert f"{installed}/lib/python3.11/site-packages" in hidden
    assert not any(f"{installed}/lib/python3.11/json".startswith(folder) for folder in hidden)
    assert backends.readable(str(installed), hidden) == [
        f"{installed}/bin",
        f"{installed}/lib/python3.11/json",
    ]


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt/python"])
def test_the_interpreters_own_folder_is_never_hidden(prefix):
    hidden = backends.masks(backends.Interpreter("", (prefix,), "3.11"))
    assert not any(Path(prefix).is_relative_to(folder) for folder in hidden)


def test_with_landlock_installed_packages_cannot_be_read():
    python = readable_python()
    packages = [p for p in backends.masks(backends.Interpreter.find(python)) if os.listdir(p)]
    if not packages:
        pytest.skip("NOTHING is installed beside that interpreter")
    code = f"""
import os
for top in {packages!r}:
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path): continue
            try:
                open(path, 'rb').read(1)
                print('ESCAPED', path)
            except OSError: pass
"""
    with SandboxPool(workers=1, backend="landlock", python=python) as pool:
        got = pool.run(Program.stdio(code))
    assert (got.status, got.text) == (Status.OK, "")


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(SandboxUnavailableError, match="'docker'") as caught:
        SandboxPool(backend="docker")
    assert "unsafe_local" in caught.value.hint


def test_an_interpreter_that_does_not_run_is_named():
    with pytest.raises(SandboxUnavailableError, match="nowhere"):
        SandboxPool(python="/nowhere/python3")


def test_doctor_can_list_what_every_probe_found():
    selftest.probe_once.cache_clear()
    found = probe_all()
    assert [probe.backend for probe in found] == ["zygote", "bwrap", "landlock"]
    assert found[0].ok
    assert all(probe.ok or probe.why for probe in found)


ORDINARY = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from reasonbench.sandbox import Program, SandboxPool
with SandboxPool(workers=2) as pool:
    code = "import os\\nprint(os.getuid())"
    got = [pool.run(Program.stdio(code)) for _ in range(3)]
    print(json.dumps([os.getuid(), pool.backend, [g.status for g in got], got[0].text.strip()]))
"""
NO_USER_NAMESPACES = ("bwrap", "--unshare-user", "--disable-userns", "--bind", "/", "/",
                      "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--unshare-pid")  # fmt: skip


def as_ordinary_user(*prefix):
    """Run a pool as a user without rights; return (uid, backend, statuses, uid inside)."""
    root = os.geteuid() == 0
    python = readable_python() or backends.Interpreter.find(None).executable
    if root and not _may_run(ROOT / "reasonbench" / "x"):
        pytest.skip("an ordinary user CANNOT read this checkout")
    done = subprocess.run(
        [*prefix, python, "-c", ORDINARY, str(ROOT)],
        user=NOBODY if root else None,
        group=NOBODY if root else None,
        extra_groups=[] if root else None,
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_ordinary_user_has_the_best_backend():
    uid, backend, statuses, inside = as_ordinary_user()
    assert (backend, statuses) == ("zygote", ["ok"] * 3)
    assert uid == int(inside) != 0


def test_without_user_namespaces_landlock_is_taken():
    _, backend, statuses, _ = as_ordinary_user(*NO_USER_NAMESPACES)
    assert (backend, statuses) == ("landlock", ["ok"] * 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a worker another uid")
def test_root_gives_each_worker_an_unprivileged_uid_of_its_own():
    code = "import os\nprint(os.getresuid(), os.getresgid(), os.getgroups())"
    with SandboxPool(workers=2, backend="zygote") as pool:
        texts = {pool.run(Program.stdio(code)).text for _ in range(20)}
    uids = {backends.worker_uid(slot) for slot in (0, 1)}
    assert texts <= {f"({u}, {u}, {u}) ({u}, {u}, {u}) []\n" for u in uids}
    assert all(uid >= backends.FIRST_UID for uid in uids)


HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filters_numbers_are_the_kernels(machine):
    if not os.path.exists(HEADERS[machine]):
        pytest.skip(f"NOT installed: {HEADERS[machine]}")
    lines = Path(HEADERS[machine]).read_text().splitlines()
    words = [line.split() for line in lines if line.startswith("#define __NR")]
    known = {w[1].split("_NR")[1].lstrip("3264").lstrip("_"): w[2] for w in words if len(w) > 2
             and w[2].isdigit()}  # fmt: skip
    table = seccomp.MACHINES[machine][1]
    wrong = {n: v for n, v in table.items() if n in known and known[n] != str(v)}
    assert (wrong, len(table) - len(set(table) & set(known)) < 5) == ({}, True)


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_what_the_filter_says_of_each_call(machine):
    """Run the filter's instructions on both machines' calls."""
    arch, table = seccomp.MACHINES[machine]
    code = seccomp.build(machine)
    assert evaluate(code, 0x40000003, 20, 0) == seccomp.KILL
    for name in seccomp.ATTACKS & set(table):
        assert evaluate(code, arch, table[name], 0) == seccomp.KILL
    for name in ("execve", "socket", "memfd_create", "shmget", "setpriority"):
        assert evaluate(code, arch, table[name], 1) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["clone3"], 0) == seccomp.ERRNO | 38
    assert evaluate(code, arch, table["clone"], 0x3D0F00) == seccomp.ALLOW
    assert evaluate(code, arch, table["clone"], 0x3D0F00 | 0x10000000) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["clone"], 17) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["prlimit64"], 0) == seccomp.ALLOW
    assert evaluate(code, arch, table["prlimit64"], 1) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["prctl"], 15) == seccomp.ALLOW
    assert evaluate(code, arch, table["prctl"], 1) == seccomp.ERRNO | 1
    for command in seccomp.REFUSED_FCNTL:
        assert evaluate(code, arch, table["fcntl"], 0, command) == seccomp.ERRNO | 1
    for command in seccomp.REFUSED_IOCTL:
        assert evaluate(code, arch, table["ioctl"], 0, command) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["fcntl"], 0, 4, 0x2800) == seccomp.ERRNO | 1
    assert evaluate(code, arch, table["fcntl"], 0, 4, 0x800) == seccomp.ALLOW
    assert evaluate(code, arch, table["fcntl"], 0, 1030, 0x2000) == seccomp.ALLOW
    assert evaluate(code, arch, table["ioctl"], 0, 0x5401) == seccomp.ALLOW
    assert evaluate(code, arch, 1000, 0) == seccomp.ERRNO | 38
    assert evaluate(code, arch, table["kill"], 1) == seccomp.ALLOW
    alone = seccomp.build(machine, own_pid=77)
    assert evaluate(alone, arch, table["kill"], 77) == seccomp.ALLOW
    assert evaluate(alone, arch, table["kill"], 1) == seccomp.ERRNO | 1
    assert evaluate(alone, arch, table["pidfd_open"], 77) == seccomp.ERRNO | 1


def evaluate(code, arch, number, *arguments):
    """Interpret a classic BPF program over one call."""
    first, second, third = (*arguments, 0, 0)[:3]
    data = {0: number, 4: arch, 16: first, 24: second, 32: third}
    at, value = 0, 0
    while True:
        op, yes, no, k = (int.from_bytes(code[8 * at + i : 8 * at + j], "little")
                          for i, j in ((0, 2), (2, 3), (3, 4), (4, 8)))  # fmt: skip
        at += 1
        if op == 0x06:
            return k
        if op == 0x20:
            value = data[k]
        else:
            test = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[op]
            at += yes if test else no
