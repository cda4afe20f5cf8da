"""From a case to a program, and from its outcome to what is wrong with that."""

import importlib
import os

from cases import SECRET, Case

from reasonbench.sandbox import Outcome, Program

FAMILIES = ("resources", "escapes", "information", "harness", "fakes", "honest")


def cases(family: str) -> list[Case]:
    return importlib.import_module(family).CASES


def program(case: Case, canary: str) -> Program:
    code = case.code.replace("{canary!r}", repr(canary)).replace("{pid}", str(os.getpid()))
    if case.mode == "stdio":
        return Program.stdio(code, case.stdin)
    if case.mode == "function":
        return Program.function(code, case.entry_point, *case.calls)
    return Program.asserts(code, case.entry_point, case.suite, check=case.check)


def fault(case: Case, got: Outcome) -> str:
    """Return what is wrong with an outcome, or nothing."""
    if got.status not in case.accepted:
        return f"{got.status} ({got.detail}) {got.stderr[-300:]}"
    if got.attempts > (2 if got.status == "tle_wall" else 1):
        return f"took {got.attempts} attempts"
    if "ESCAPED" in got.text or SECRET in got.text + got.stderr:
        return f"escaped: {got.text[:300]!r}"
    if case.stdout is not None and got.text != case.stdout:
        return f"printed {got.text[:100]!r}"
    if case.values is not None:
        values = tuple(call.value for call in got.calls)
        if values != case.values or repr(values) != repr(case.values):
            return f"returned {values!r}"
    return ""
