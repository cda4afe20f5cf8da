"""Every program of the hostile corpus, in the best sandbox, two at a time.

One test a family keeps the workers busy; each failure names its programs.
"""

import sys
from pathlib import Path

import pytest
from real_sandbox import require_sandbox

from reasonbench.sandbox import SandboxPool

CORPUS = Path(__file__).parents[1] / "hostile"
sys.path.insert(0, str(CORPUS))
from cases import SECRET  # noqa: E402
from judge import FAMILIES, cases, fault, program  # noqa: E402

require_sandbox()


@pytest.fixture(scope="module")
def pool():
    with SandboxPool(workers=2, backend="zygote") as pool:
        yield pool


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    path.write_text(SECRET)
    return str(path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_program_comes_to_what_it_may(pool, canary, family):
    futures = [(case, pool.submit(program(case, canary), case.limits)) for case in cases(family)]
    faults = {case.name: fault(case, future.result()) for case, future in futures}
    assert {name: why for name, why in faults.items() if why} == {}


def test_no_fake_is_taken_for_right(pool, canary):
    wrong = []
    for case in cases("fakes"):
        got = pool.run(program(case, canary), case.limits)
        values = [call.value for call in got.calls]
        taken = values == [7] if case.mode == "function" else got.status == "ok"
        if taken or 7 in [value for value in values if type(value) is int]:
            wrong.append(case.name)
    assert wrong == []


def test_the_corpus_is_large_and_its_names_are_its_own():
    names = [case.name for family in FAMILIES for case in cases(family)]
    assert len(names) == len(set(names))
    assert sum(len(cases(family)) for family in FAMILIES if family != "honest") >= 60
