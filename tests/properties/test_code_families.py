"""Laws of the coding families: two programs agree, and the tests reject what is wrong."""

import dataclasses
import functools
import hashlib
import time
from collections import Counter

import msgspec
import pytest
from real_sandbox import missing

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code import FAMILIES
from reasonbench.fresh.problems import encoded
from reasonbench.fresh.programs import code_problem, inputs_of, run_reference
from reasonbench.fresh.seeds import draw_of
from reasonbench.graders.code import CodeGrader
from reasonbench.graders.code_tests import load_tests
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.sandbox import SandboxPool

SEEDS = (6, 6, 3)
"""Seeds by level."""
SMALL = 160
"""Bytes of an input that the slow programs take."""
LARGEST = 400_000
"""Bytes of one problem's tests."""


def numbers(given):
    """Whole numbers of a standard input, lines of letters left out."""
    return [int(word) for word in given.split() if word.lstrip("-").isdigit()]


def between(values, low, high):
    return all(low <= value <= high for value in values)


def listed(p, given, low, high):
    """Whether a single argument is a list of 1 to n numbers within bounds."""
    (values,) = given
    return 1 <= len(values) <= p["n"] and between(values, low, high)


def counted(p, given, width, skipped=1):
    """Whether standard input has a count up to n, and as many records after it."""
    n = numbers(given)
    return 1 <= n[0] <= p["n"] and len(n) == skipped + width * n[0]


def is_grid(p, given):
    size, *lines = given.splitlines()
    h, w = map(int, size.split())
    shape = len(lines) == h and all(len(line) == w for line in lines)
    ends = lines[0][0] + lines[-1][-1]
    return shape and min(h, w) >= 1 and max(h, w) <= p["side"] and ends.isdigit()


def are_roads(p, given):
    n, m, *flat = numbers(given)
    u, v, d = flat[::3], flat[1::3], flat[2::3]
    return (
        2 <= n <= p["n"] and m <= p["m"] and len(flat) == 3 * m and between(u + v, 1, n)
        and between(d, 1, 999) and not any(map(int.__eq__, u, v))
    )  # fmt: skip


def are_pairs(p, given, top):
    (jobs,) = given
    lengths = 1 <= len(jobs) <= p["n"]
    return lengths and all(1 <= day <= p["n"] and 1 <= profit <= top for day, profit in jobs)


def are_bookings(p, given):
    (all_of,) = given
    within = all(0 <= s < e <= p["span"] and 1 <= paid <= 999 for s, e, paid in all_of)
    return within and 1 <= len(all_of) <= p["n"]


def are_requests(p, given):
    n, u, v = given
    return 1 <= n <= p["n"] and len(u) == len(v) <= p["m"] and between(u + v, 0, n - 1)


def are_runs(p, given):
    lines = [line.split() for line in given.splitlines()[1:]]
    kinds = "ABCDEF"[: len(p["groups"])]
    return all(kind in kinds and 1 <= int(x) <= p["run"] for kind, x in lines) and (
        1 <= int(given.split()[0]) == len(lines) <= p["n"]
    )


def are_steps(p, given):
    m, x, n = numbers(given)
    return 1 <= m <= p["ring"] and 0 <= x < m and 1 <= n <= p["steps"]


def are_orders(p, given):
    n, k, *times = numbers(given)
    sizes = 1 <= n == len(times) <= p["n"] and 1 <= k <= p["items"]
    return sizes and between(times, 1, p["time"])


def are_intervals(p, given):
    n = numbers(given)[1:]
    within = all(0 <= a < b <= p["span"] for a, b in zip(n[::2], n[1::2], strict=True))
    return within and counted(p, given, 2)


CONSTRAINTS = {
    "budget_windows": lambda p, x: (
        1 <= len(x[0]) <= p["n"] and set(x[0]) <= set("abcdef"[: len(p["costs"])])
    ),
    "capped_groups": are_requests,
    "collapsing_tiles": are_runs,
    "forbidden_pattern": lambda p, x: (
        numbers(x)[0] == len(numbers(x)) - 1 <= 5 and between(numbers(x)[1:], 1, p["longest"])
    ),
    "gcd_classes": lambda p, x: listed(p, x, 1, p["top"]),
    "layered_coverage": are_intervals,
    "leaper_grid": is_grid,
    "long_walk": are_steps,
    "remainder_windows": lambda p, x: listed(p, x, -1000, 1000),
    "rest_day_jobs": lambda p, x: are_pairs(p, x, p["pay"]),
    "rested_bookings": are_bookings,
    "resting_machines": are_orders,
    "sightlines": lambda p, x: listed(p, x, 1, p["top"]),
    "signal_routes": are_roads,
    "spaced_picks": lambda p, x: listed(p, x, -1000, 1000),
    "xor_band": lambda p, x: counted(p, x, 1) and between(numbers(x)[1:], 0, 2 ** p["bits"] - 1),
}
"""Whether an input is within the constraints that the statement gives."""

DIGESTS = {
    "budget_windows": "bc94a530a4f6f0d2",
    "capped_groups": "ada96d21610f3f28",
    "collapsing_tiles": "9f26c910f312ad2f",
    "forbidden_pattern": "5eccfd1576578e10",
    "gcd_classes": "297bbfc5ac24862b",
    "layered_coverage": "c71f766a95a4f2f1",
    "leaper_grid": "e4c14d00ec761295",
    "long_walk": "97dd16a6f9bedc97",
    "remainder_windows": "dfa1acc02cae7c75",
    "rest_day_jobs": "6c34d2b960aafd15",
    "rested_bookings": "040e48ea3fa96eb2",
    "resting_machines": "7f065d962165d94e",
    "sightlines": "d86293d5a836ac24",
    "signal_routes": "8fcaad82a593381f",
    "spaced_picks": "a40925631bc98ea5",
    "xor_band": "e9a03d56bbad3dd0",
}
"""Of two problems of each level with their tests: a change makes sets of earlier rounds void."""

families = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def seed(family, level, number):
    return f"{family.name}/{level}/{number}".encode()


@functools.cache
def parameters(family, level, number):
    return family.draw(draw_of(seed(family, level, number), "parameters"), level)


@functools.cache
def made(family, level, number):
    """A problem and its tests."""
    params = parameters(family, level, number)
    return code_problem(family, params, seed(family, level, number), level, number)


def every(family, levels=None):
    """Level and number of each seed."""
    return [(n, i) for n in levels or range(family.levels) for i in range(SEEDS[n])]


def outputs(family, source, params, inputs):
    """What a program gives, up to its first error."""
    other = dataclasses.replace(family, reference=lambda _: source)
    for given in inputs:
        try:
            yield run_reference(other, params, given)
        except Exception as error:
            yield error


def test_there_are_at_least_fourteen_and_about_half_are_functions():
    styles = Counter(family.style for family in FAMILIES)
    assert len(FAMILIES) >= 14
    assert min(styles.values()) >= 7
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert len({family.topic for family in FAMILIES}) >= 10


@families
def test_the_slow_program_agrees_on_hundreds_of_small_inputs(family):
    count = 0
    for level, number in every(family):
        params = parameters(family, level, number)
        for other in range(4):
            inputs = inputs_of(family, params, seed(family, level, number + 1000 * other), level)
            small = [x for x in inputs if len(encoded(x)) <= SMALL and not _too_big(family, x)]
            count += len(small)
            right = list(outputs(family, family.reference(params), params, small))
            slow = list(outputs(family, family.slow(params), params, small))
            assert right == slow
            assert not any(isinstance(output, Exception) for output in right)
    assert count >= 300


def _too_big(family, given):
    """Whether a number of an input is beyond what a naive program takes."""
    words = given.split() if isinstance(given, str) else []
    return any(word.isdigit() and int(word) > 400 for word in words)


@families
def test_every_input_is_within_the_stated_constraints(family):
    for level, number in every(family):
        params = parameters(family, level, number)
        for given in inputs_of(family, params, seed(family, level, number), level):
            assert CONSTRAINTS[family.name](params, given), (level, str(given)[:200])


@families
def test_the_tests_reject_every_wrong_program(family):
    rejected, seen = Counter(), Counter()
    for level, number in every(family):
        params = parameters(family, level, number)
        cases = made(family, level, number)[1]["cases"]
        inputs = [case["input"] if "input" in case else case["args"] for case in cases]
        expected = [case["output"] if "output" in case else case["expected"] for case in cases]
        wrong = family.wrong(params)
        killed = 0
        for place, source in enumerate(wrong):
            seen[place] += 1
            found = outputs(family, source, params, inputs)
            if any(a != b for a, b in zip(found, expected, strict=True)):
                rejected[place] += 1
                killed += 1
        assert killed >= 3, (level, number)
    assert len(seen) >= 3
    for place, count in seen.items():
        assert rejected[place] >= 0.9 * count, (place, rejected[place], count)


@families
def test_statements_name_every_parameter(family):
    assert len(family.templates) >= 3
    for level, number in every(family):
        params = parameters(family, level, number)
        for template in family.templates:
            text = template(params)
            for value in params.values():
                for one in value if isinstance(value, list) else [value]:
                    assert str(one) in text
            assert "@" not in text
            assert family.entry_point in text


@families
def test_statements_and_problems_differ_from_seed_to_seed(family):
    for level in range(1, family.levels):
        drawn = [Draw(f"{family.name}/{level}/{i}".encode()) for i in range(1_500)]
        different = {family.templates[0](family.draw(draw, level)) for draw in drawn}
        # Of N equally likely ones 1,500 draws miss so few that N is at least 3,000.
        assert len(different) >= 1_180


@families
def test_a_seed_gives_the_same_problem_again(family):
    for level in range(family.levels):
        again = code_problem(family, parameters(family, level, 0), seed(family, level, 0), level, 0)
        assert again == made(family, level, 0)


@families
def test_problems_are_the_same_in_every_process_and_version(family):
    total = hashlib.sha256()
    for level in range(family.levels):
        for number in range(2):
            problem, tests = made(family, level, number)
            total.update(problem.line() + encoded(tests))
    assert total.hexdigest()[:16] == DIGESTS[family.name]


@families
def test_tests_are_readable_and_neither_few_nor_large(family):
    for level, number in every(family):
        problem, tests = made(family, level, number)
        assert tests["limits"] == {"cpu_s": family.cpu_s}
        assert f"Time limit: {family.cpu_s:g} s" in problem.statement
        size = len(encoded(tests))
        assert size <= LARGEST
        assert len(tests["cases"]) >= 10
        assert "literals" not in tests
        record = Problem(task="t", id=problem.id, statement=problem.statement, tests=tests)
        assert load_tests(record).style == family.style
        assert len(problem.statement) < 5_000
        assert "Example 2:" in problem.statement


@families
def test_a_problem_takes_a_fraction_of_a_second(family):
    start = time.process_time()
    for level in range(family.levels):
        params = family.draw(draw_of(b"time", "parameters"), level)
        code_problem(family, params, b"time", level, 0)
    # Generous: some 0.1 s.
    assert time.process_time() - start < 3


@pytest.mark.skipif(bool(missing()), reason="bubblewrap is NOT installed: no program is run")
@pytest.mark.parametrize("name", ["remainder_windows", "resting_machines"])
def test_the_grader_takes_the_reference_and_rejects_the_naive_and_the_wrong(name):
    (family,) = [family for family in FAMILIES if family.name == name]
    level = family.levels - 1
    params = parameters(family, level, 0)
    problem, tests = made(family, level, 0)
    record = Problem(task="t", id=problem.id, statement=problem.statement, tests=tests)
    quick = {**tests, "limits": {"cpu_s": 2.0}}
    with SandboxPool(workers=1) as pool:
        grader = CodeGrader(pool)
        assert _verdict(grader, record, family.reference(params)) is Verdict.CORRECT
        for source in family.wrong(params)[:3]:
            assert _verdict(grader, record, source) is Verdict.INCORRECT
        limited = msgspec.structs.replace(record, tests=quick)
        assert _verdict(grader, limited, family.reference(params)) is Verdict.CORRECT
        assert _verdict(grader, limited, family.slow(params)) is not Verdict.CORRECT


def _verdict(grader, record, source):
    completion = Completion(
        key="k", task="t", problem_id=record.id, sample_index=0, text=f"```python\n{source}\n```\n",
        finish_reason=FinishReason.STOP, n_prompt_tokens=1, n_tokens=1, seed=0, engine="e",
    )  # fmt: skip
    return grader.grade(record, completion).verdict
