r"""Laws of the math families: two solvers agree, and a statement says what its answer needs."""

import functools
import hashlib
import re
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math import FAMILIES
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import root, squarefree, surd, total
from reasonbench.graders.math import MathGrader, judge
from reasonbench.records import Completion, FinishReason, Problem

SEEDS = (50, 50, 50, 35, 35)
"""Seeds by level; ``benchmarks/families.py`` takes 1,000 for each family."""
KINDS = {"integer", "fraction", "surd", "tuple", "interval", "set", "expression"}
NUMBER = r"-?(?:\d+|\\frac\{\d+\}\{\d+\})"
END = rf"(?:{NUMBER}|-?\\infty)"
INTERVAL = rf"(?:[(\[]{END},{END}[)\]]|\\\{{{NUMBER}\\\}})"
SHAPES = {
    "integer": r"-?\d+",
    "fraction": NUMBER,
    "surd": r"[-+\d{}]*(?:(?:\\frac\{)?\d*\\sqrt\{\d+\}[-+\d{}]*)+",
    "tuple": rf"\({NUMBER}(?:, {NUMBER})+\)",
    "interval": rf"{INTERVAL}(?:\\cup{INTERVAL})*",
    "set": r"\\\{-?\d+(?:, -?\d+)*\\\}",
    "expression": r"(?=.*[xn])[-+\d{}()xn^]*(?:\\(?:frac|cdot)[-+\d{}()xn^ ]*)*",
}
DIGESTS = {
    "boxes": "36aa47ad6b7af751",
    "chained_powers": "3a1085c70005f0b2",
    "chained_terms": "748a862e32fd14f2",
    "committees": "45d3e3874519630e",
    "compositions": "c557b4c70aa2d6ae",
    "coprime_pairs": "99de65d4e8883123",
    "digit_sums": "f6d1893bb31b7727",
    "diophantine": "6a74a192cdd12ab0",
    "divisors": "a5dbe522e7d29338",
    "factorial_digits": "825db9a503f870b8",
    "forbidden_places": "7f80e4bd58ab8fd1",
    "function_rules": "47357f7e867084c1",
    "groupings": "31aa1ec2aebd96d0",
    "inequalities": "6c61707ec92e1559",
    "integer_values": "de11b0a1880bd75b",
    "knights": "7dd3aae4989e4306",
    "lattice_paths": "92dc24852b059f47",
    "lattice_polygons": "eb68c52429e0dd3d",
    "necklaces": "2809900901b58816",
    "nested_radicals": "4936ae03e4e7916b",
    "polynomial_remainders": "831a2a2755622acd",
    "power_towers": "bd5d370096ca7542",
    "quadratic_residues": "fea30d319874e8de",
    "random_walks": "320810b7d1bd8970",
    "rankings": "7b211e135f4c2e07",
    "recurrences": "036c215f625bb67b",
    "remainders": "a79012722cd10ca7",
    "required_letters": "3e86fef8436266eb",
    "root_fractions": "fceff95c5856d168",
    "series": "d9ab87da44f7fcc4",
    "shortest_paths": "6ea949107fa3fa3c",
    "systems": "2ffa58abad8db05d",
    "telescoping": "4131b578d9df5ef9",
    "triangles": "29541fe121a7d6bc",
    "urns": "b99bdc4a92d59838",
    "vieta": "d0827595a63471ca",
    "weighings": "6a8e1b5f7e5e5e92",
}

families = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@functools.cache
def made(family, level):
    """Parameters and answers of all seeds of a level."""
    draws = (Draw(f"{family.name}/{level}/{seed}".encode()) for seed in range(SEEDS[level]))
    drawn = [family.draw(draw, level) for draw in draws]
    return [(params, family.solve(params)) for params in drawn]


def levels(family):
    return [(level, made(family, level)) for level in range(family.levels)]


def leaves(params, path=()):
    """Every whole number in the parameters, with its path."""
    items = params.items() if isinstance(params, dict) else enumerate(params)
    for key, value in items:
        if isinstance(value, int):
            yield (*path, key), value
        elif isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


def changed(params, path, value):
    """Parameters with one number changed."""
    copy = msgspec.json.decode(msgspec.json.encode(params))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def holds(text, answer):
    """Whether an answer stands in a text, and is no part of a longer number."""
    return re.search(rf"(?<![\d-]){re.escape(answer)}(?!\d)", text) is not None


def test_there_are_families_of_every_kind_of_answer_and_every_field():
    assert len(FAMILIES) >= 26
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert {family.kind for family in FAMILIES} == KINDS
    assert {family.topic for family in FAMILIES} == {
        *("number theory", "combinatorics", "algebra", "sequences", "probability", "geometry"),
        *("functional", "logic"),
    }
    assert all(family.levels == len(SEEDS) for family in FAMILIES)


@families
def test_two_independent_solvers_agree(family):
    for level, problems in levels(family):
        missed = [(p, answer) for p, answer in problems if family.check(p) != answer]
        assert missed == [], f"level {level}"


@families
def test_parameters_are_exact_json_and_a_seed_always_gives_the_same(family):
    for level, problems in levels(family):
        for seed, (params, _) in enumerate(problems[:20]):
            assert msgspec.json.decode(msgspec.json.encode(params)) == params
            assert family.draw(Draw(f"{family.name}/{level}/{seed}".encode()), level) == params


@families
def test_answers_are_of_the_declared_kind(family):
    for _, problems in levels(family):
        for _, answer in problems:
            assert re.fullmatch(SHAPES[family.kind], answer), answer


@families
def test_answers_vary(family):
    for level, problems in levels(family):
        counts = Counter(answer for _, answer in problems)
        assert len(counts) >= (4, 8, 14, 14, 14)[level]
        if level:
            assert max(counts.values()) <= 0.2 * len(problems), counts.most_common(3)


@families
def test_problems_differ_from_seed_to_seed(family):
    for level in range(2, family.levels):
        drawn = (Draw(f"pool/{family.name}/{level}/{seed}".encode()) for seed in range(200))
        different = {family.templates[0](family.draw(draw, level)) for draw in drawn}
        # Of 10,000 equally likely ones 200 draws repeat 2; of 1,500 they repeat 13.
        assert len(different) >= 188


@families
def test_every_template_states_all_that_the_answer_depends_on(family):
    """A number that is changed changes the statement, or else it does not matter."""
    for _, problems in levels(family):
        for params, answer in problems[:25]:
            stated = [template(params) for template in family.templates]
            for path, value in leaves(params):
                other = changed(params, path, 1 - value if value in (0, 1) else value + 1)
                try:
                    again = [template(other) for template in family.templates]
                    if all(one != two for one, two in zip(stated, again, strict=True)):
                        continue
                    solved = family.solve(other)
                except Exception:  # what no draw gives need not be a problem at all
                    continue
                assert solved == answer, (path, value)


@families
def test_statements_are_different_wordings_and_well_formed(family):
    assert len(family.templates) >= 3
    for _, problems in levels(family):
        for params, _ in problems[:40]:
            stated = [template(params) for template in family.templates]
            assert len({text[:9] for text in stated}) == len(stated)
            for text in stated:
                assert "@" not in text and "  " not in text and text == text.strip()
                assert text.count("$") % 2 == 0 and text.count("{") == text.count("}")
                assert not re.search(r"\bNone\b|Fraction|\+ ?-|\{\{|\$\$|--|\b1[xnk]\b", text), text
                assert text[0].isupper() and text[-1] in ".?)", text


@families
def test_equal_statements_have_equal_answers(family):
    for template in family.templates:
        answers = {}
        for _, problems in levels(family):
            for params, answer in problems:
                assert answers.setdefault(template(params), answer) == answer


@families
def test_no_template_leaks_the_answer(family):
    """An answer may happen to be a number of its problem, but not as a rule."""
    for level, problems in levels(family):
        for template in family.templates:
            leaks = sum(holds(template(params), answer) for params, answer in problems)
            assert leaks <= 0.4 * len(problems), level


@families
def test_answers_are_graded_right_and_others_wrong(family):
    grader = MathGrader()
    for _, problems in levels(family):
        golds = list(dict.fromkeys(answer for _, answer in problems))[:4]
        for gold, other in pairwise(golds):
            spelled = gold.replace(r"\frac", r"\dfrac ").replace(", ", ",").replace("(", " ( ")
            problem = Problem(task="t", id="p", statement="s", target=gold)
            assert grader.check_gold(problem) is None
            completion = Completion(
                key="k",
                task="t",
                problem_id="p",
                sample_index=0,
                text=f"<think>so</think>The answer is $\\boxed{{{spelled}}}$.",
                finish_reason=FinishReason.STOP,
                n_prompt_tokens=1,
                n_tokens=1,
                seed=0,
                engine="e",
            )
            assert grader.grade(problem, completion).reason == "ok"
            assert judge(gold, other).reason == "wrong"


@families
def test_a_family_stays_what_it_was(family):
    """Minted problems are verified years later: a new meaning is a new family."""
    found = hashlib.sha256()
    for _, problems in levels(family):
        for params, answer in problems[:3]:
            for template in family.templates:
                found.update(template(params).encode() + b"\0" + answer.encode() + b"\0")
    assert found.hexdigest()[:16] == DIGESTS[family.name]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (surd(0, (1, 12)), r"2\sqrt{3}"),
        (surd(1, (1, 4), (1, 5)), r"3+\sqrt{5}"),
        (surd(0, (1, 5), (-1, 3)), r"\sqrt{5}-\sqrt{3}"),
        (root(8), r"2\sqrt{2}"),
        (root(49), "7"),
        (total([(1, "x"), (-1, "y"), (0, "z"), (3, "")]), "x-y+3"),
        (total([]), "0"),
    ],
)
def test_numbers_are_written_in_simplest_form(written, expected):
    assert written == expected


def test_square_factors_are_taken_out_completely():
    for number in range(1, 2000):
        outer, inner = squarefree(number)
        assert outer * outer * inner == number
        assert all(inner % (d * d) for d in range(2, 45))


def test_a_condition_that_nothing_meets_is_named():
    with pytest.raises(ValueError, match="loosen"):
        redrawn(lambda: 1, lambda made: made > 1)
