"""The sets that are shipped: large enough, small enough, and what their rounds give."""

import datetime
from collections import Counter

import pytest
from fresh_rounds import ROUNDS

from reasonbench.fresh.catalogue import shipped
from reasonbench.fresh.sets import sets_in
from reasonbench.fresh.verify import verify_set
from reasonbench.resources import data_dir

EXPECTED = {"2024-10": ROUNDS[8], "2025-08": ROUNDS[7], "2026-04": ROUNDS[5], "2026-10": ROUNDS[0]}
MAX_BYTES = 3_000_000

FOLDER = data_dir("fresh_problems")
HERE = {found.name: found for found in sets_in(FOLDER)}

pytestmark = pytest.mark.skipif(not HERE, reason="no set is minted yet: fresh_problems/README.md")


def test_the_sets_are_those_of_the_genuine_rounds_and_small_together():
    assert {name: found.beacon.round for name, found in HERE.items()} == {
        name: number for name, (number, _, _) in EXPECTED.items()
    }
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    assert size <= MAX_BYTES


@pytest.mark.parametrize("name", EXPECTED)
def test_a_shipped_set_follows_from_its_round(name):
    verified = verify_set(FOLDER / name, shipped())
    assert verified.set.beacon.time.date() == datetime.date.fromisoformat(EXPECTED[name][1][:10])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_shipped_set_holds_enough_problems_of_every_level(name):
    problems = HERE[name].problems
    kinds = Counter(problem.kind for problem in problems)
    assert kinds["math"] >= 240
    assert kinds["code"] >= 100
    for kind in ("math", "code"):
        assert min(Counter(p.level for p in problems if p.kind == kind).values()) >= 20


def test_no_problem_stands_in_two_sets():
    # Easy levels have few problems, so that rounds meet there by chance.
    hard = {f.name: f.levels - 1 for f in shipped().values()}
    seen = Counter(
        problem.statement
        for found in HERE.values()
        for problem in found.problems
        if problem.level == hard[problem.family]
    )
    assert max(seen.values()) == 1
