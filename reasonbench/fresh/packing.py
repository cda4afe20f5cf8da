"""Tests of coding problems, packed: small cases are stored, large ones follow from the seed.

A large case is stored as its place among the family's inputs and the SHA-256 of what it must come
to, with the expected output where that is small.  So a set of a hundred problems takes some ten
kilobytes each, and what is loaded is exactly what was minted.
"""

from typing import Any

from reasonbench.errors import TamperedError
from reasonbench.fresh.family import CodeFamily
from reasonbench.fresh.problems import MintedProblem, encoded, sha256
from reasonbench.fresh.programs import Tests, case_of, inputs_of, run_reference
from reasonbench.fresh.seeds import draw_of, seed_of

MAX_STORED_BYTES = 1_500
"""Largest case that is stored whole."""
MAX_OUTPUT_BYTES = 1_500
"""Largest expected output that is stored."""


def pack(tests: Tests) -> Tests:
    """Return tests whose large cases are replaced by what they follow from."""
    cases = []
    for place, case in enumerate(tests["cases"]):
        text = encoded(case)
        if len(text) <= MAX_STORED_BYTES:
            cases.append(case)
            continue
        packed: dict[str, Any] = {"derived": place, "sha256": sha256(text)}
        output = case["output"] if "output" in case else case["expected"]
        if len(encoded(output)) <= MAX_OUTPUT_BYTES:
            packed["value"] = output
        cases.append(packed)
    return {**tests, "cases": cases}


def unpack(
    packed: Tests, problem: MintedProblem, family: CodeFamily | None, randomness: bytes
) -> Tests:
    """Return the tests of a problem as they were minted.

    Args:
        packed: as stored.
        problem: the problem that they belong to.
        family: its family as it is here; needed for large cases only.
        randomness: of the set's round.

    Raises:
        TamperedError: they are not the tests that the problem names.
    """
    try:
        tests = {**packed, "cases": _cases(packed, problem, family, randomness)}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TamperedError(f"the tests of {problem.id} are not as they were minted") from error
    if sha256(encoded(tests)) != problem.tests:
        raise TamperedError(f"the tests of {problem.id} have another digest than the problem says")
    return tests


def _cases(
    packed: Tests, problem: MintedProblem, family: CodeFamily | None, randomness: bytes
) -> list[Any]:
    if not any("derived" in case for case in packed["cases"]):
        return list(packed["cases"])
    if family is None or problem.level >= family.levels:
        raise _another_version(problem)
    seed = seed_of(randomness, problem.family, problem.level, problem.index)
    params = family.draw(draw_of(seed, "parameters"), problem.level)
    inputs = inputs_of(family, params, seed, problem.level)
    cases = []
    for case in packed["cases"]:
        if "derived" in case:
            given = inputs[case["derived"]]
            literals = bool(packed.get("literals"))
            full = case_of(family, given, None, literals=literals)
            output = "output" if family.style == "stdio" else "expected"
            if "value" in case:
                full[output] = case["value"]
            else:
                full = case_of(
                    family, given, run_reference(family, params, given), literals=literals
                )
            if sha256(encoded(full)) != case["sha256"]:
                raise _another_version(problem)
            cases.append(full)
        else:
            cases.append(case)
    return cases


def _another_version(problem: MintedProblem) -> TamperedError:
    return TamperedError(
        f"the large tests of {problem.id} do not follow from its seed with the family "
        f"{problem.family!r} as it is here",
        hint="load the set with the version of reasonbench that its receipt names",
    )
