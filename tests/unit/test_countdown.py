import itertools
from fractions import Fraction

import pytest

from reasonbench.fresh.expressions import MAX_TEXT, Binary, NotAnExpressionError, evaluate, parse
from reasonbench.fresh.families.countdown import (
    LEVELS,
    CountdownProblem,
    canonical,
    check,
    generate,
    solutions,
    statement,
)

NUMBERS = (3, 7, 11)
FAST_LEVELS = [level for level, rung in LEVELS.items() if rung.count < 5]


def test_the_statement_is_plain_english_that_names_numbers_operations_and_target():
    problem = CountdownProblem((3, 7, 11), 110, "+-*", 2)
    assert statement(problem) == (
        "Use the numbers 3, 7 and 11, each at most once, with + - and * to reach 110. "
        "Put the expression in \\boxed{}."
    )


def test_one_operation_reads_well_too():
    assert " with + to reach 10." in statement(CountdownProblem((3, 7), 10, "+", 1))


@pytest.mark.parametrize("level", FAST_LEVELS)
def test_generate_gives_the_same_different_problems_for_the_same_seed(level):
    made = generate(5, level, 12)
    assert made == generate(5, level, 12)
    assert made != generate(6, level, 12)
    assert len({problem.key for problem in made}) == 12


@pytest.mark.parametrize("level", FAST_LEVELS)
def test_generated_problems_keep_to_their_level(level):
    rung = LEVELS[level]
    for problem in generate(9, level, 10):
        assert len(problem.numbers) == rung.count
        assert all(rung.low <= number <= rung.high for number in problem.numbers)
        assert rung.target_low <= problem.target <= rung.target_high
        assert solutions(problem.numbers, problem.target, problem.ops)


def test_where_all_numbers_are_needed_no_fewer_reach_the_target():
    for problem in generate(3, 2, 30):
        for pair in itertools.combinations(problem.numbers, 2):
            assert not solutions(pair, problem.target, problem.ops)


def test_a_five_number_problem_may_be_solved_with_fewer():
    (problem,) = generate(11, 5, 1)
    assert solutions(problem.numbers, problem.target, problem.ops)
    assert not LEVELS[5].needs_all


def test_the_first_problem_of_a_seed_never_changes():
    (problem,) = generate(1, 2, 1)
    assert problem == CountdownProblem((2, 11, 10), 31, "+-*", 2)


def test_excluded_problems_are_not_made_in_any_order_of_their_numbers():
    first = generate(1, 2, 50)
    second = generate(1, 2, 50, exclude={problem.key for problem in first})
    assert not {problem.key for problem in first} & {problem.key for problem in second}


def test_asking_for_more_problems_than_exist_says_how_many_there_were():
    with pytest.raises(ValueError, match=r"level 1 gave only \d+ of 100000"):
        generate(1, 1, 100_000, exclude={problem.key for problem in generate(2, 1, 200)})


def test_an_unknown_level_names_the_known_ones():
    with pytest.raises(ValueError, match="1, 2, 3, 4, 5, got 9"):
        generate(1, 9, 1)


@pytest.mark.parametrize(
    "text",
    [
        "(3 + 7) * 11",
        "11*(7+3)",
        "(3+7)\N{MULTIPLICATION SIGN}11",
        "(3+7)·11",
        r"\left(3+7\right)\times 11",
        r"$11 \cdot (3 + 7)$",
        "(3 + 7) * 11 = 110",
        "(3+7)*11=110",
        "((3 + 7)) * 11\n",
        "(3 + 7) * 11.",
        "`(3 + 7) * 11`",
        "`(3 + 7) * 11`.",
        r"\text{(3 + 7) * 11}",
        r"$\text{11*(7+3).}$",
    ],
)
def test_right_answers_in_many_spellings(text):
    found = check(text, NUMBERS, 110, "+-*")
    assert found.reason == "ok"
    assert found.correct
    assert found.value == 110
    assert found.canonical == "11 * (3 + 7)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3 + 7 + 11", "wrong_value"),
        ("(3 + 7) * 12", "number_not_given"),
        ("110", "number_not_given"),
        ("(3 + 7) * (3 + 7)", "number_reused"),
        ("11 / (7 - 3)", "operation_not_allowed"),
        ("11 ** 3", "operation_not_allowed"),
        ("11 // 3", "operation_not_allowed"),
        ("(3 + 7) * 11 = 111", "unparsed"),
        ("", "unparsed"),
        ("()", "unparsed"),
        ("-3 + 7", "unparsed"),
        ("3 - -7", "unparsed"),
        ("+3", "unparsed"),
        ("3(7)", "unparsed"),
        ("(3)(7)", "unparsed"),
        ("1_1 + 7", "unparsed"),
        ("3.0 + 7", "unparsed"),
        ("0x3 + 7", "unparsed"),
        ("03 + 7", "unparsed"),
        ("\N{ARABIC-INDIC DIGIT THREE} + 7", "unparsed"),
        ("\N{SUPERSCRIPT THREE} + 7", "unparsed"),
        ("3 +", "unparsed"),
        ("3 + 7..", "unparsed"),
        ("3 + 7.0", "unparsed"),
        (r"\text{3 + 7} + 11", "unparsed"),
        ("3 7", "unparsed"),
        ("3, 7", "unparsed"),
        ("3) + (7", "unparsed"),
        ("__import__('os')", "unparsed"),
        ("3 if 7 else 11", "unparsed"),
        ("3 + 7 # comment", "unparsed"),
    ],
)
def test_wrong_answers_carry_the_rule_they_broke(text, reason):
    found = check(text, NUMBERS, 110, "+-*")
    assert (found.correct, found.reason) == (False, reason)


def test_a_number_given_twice_may_be_used_twice():
    assert check("5 + 5", (5, 5), 10, "+").correct
    assert check("5 + 5", (5, 6), 10, "+").reason == "number_reused"


def test_one_number_alone_may_be_the_answer():
    assert check("7", NUMBERS, 7, "+-*").correct


def test_dividing_by_zero_is_a_reason_and_not_a_crash():
    assert check("3 / (7 - 7)", (3, 7, 7), 1, "+-/").reason == "division_by_zero"


def test_values_are_exact():
    assert check("8 / (3 - 8 / 3)", (3, 3, 8, 8), 24, "+-*/").correct
    assert check("1 / 3", (1, 3), 0, "/").value == Fraction(1, 3)


@pytest.mark.parametrize(
    "text",
    [r"\frac{8}{4} + 2", r"8 \div 4 + 2", "8÷4+2", r"\dfrac{8}{4} + 2", "8 / 4 \N{MINUS SIGN} 2"],
)
def test_division_is_read_from_latex_and_unicode(text):
    assert check(text, (8, 4, 2), 4, "+-/").value in (4, 0)


def test_fractions_may_nest():
    assert check(r"\frac{8}{\frac{4}{2}}", (8, 4, 2), 4, "/").canonical == "2 * 8 / 4"


@pytest.mark.parametrize(
    "bomb",
    ["(" * 150 + "3" + ")" * 150, "(" * 10_000, "3+" * 5_000 + "3", "9" * 5_000, "-" * 300 + "3"],
)
def test_nesting_and_length_bombs_are_unparsed(bomb):
    assert check(bomb, NUMBERS, 110, "+-*").reason == "unparsed"


def test_a_long_flat_sum_is_read_and_found_to_reuse_numbers():
    text = "+".join(["3"] * (MAX_TEXT // 2))
    assert check(text, NUMBERS, 110, "+-*").reason == "number_reused"


def test_parse_gives_the_tree_as_written():
    assert parse("3 + 7 * 11") == Binary("+", 3, Binary("*", 7, 11))


def test_the_error_of_parse_carries_its_reason():
    with pytest.raises(NotAnExpressionError) as caught:
        parse("3 ** 7")
    assert caught.value.reason == "operation_not_allowed"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 + 7", "7 + 3"),
        ("9 - 3 - 2", "9 - (3 + 2)"),
        ("9 - 3 - 2", "9 - (2 + 3)"),
        ("9 - (3 - 2)", "2 + 9 - 3"),
        ("3 * (7 * 11)", "11 * 3 * 7"),
        ("12 / 2 / 3", "12 / (3 * 2)"),
        ("12 / (2 / 3)", "12 * 3 / 2"),
        ("(3 + 7) * 11", "11 * (7 + 3)"),
    ],
)
def test_equal_paths_get_equal_strings(one, other):
    assert canonical(parse(one)) == canonical(parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 - 7", "7 - 3"),
        ("2 * (3 + 4)", "2 * 3 + 2 * 4"),
        ("2 + 2", "2 * 2"),
        ("6 / 3", "3 / 6"),
        ("8 - 2 * 3", "(8 - 2) * 3"),
        ("1 + 11", "11 + 1 * 1"),
    ],
)
def test_different_paths_get_different_strings(one, other):
    assert canonical(parse(one)) != canonical(parse(other))


def test_the_canonical_string_is_itself_an_expression_of_the_same_value():
    text = "24 / (3 * 2) - (8 - 5)"
    path = canonical(parse(text))
    assert evaluate(parse(path)) == evaluate(parse(text)) == 1
    assert canonical(parse(path)) == path


def test_solutions_lists_every_path_once():
    assert solutions((3, 7, 11), 110, "+-*") == {"11 * (3 + 7)"}
    assert solutions((1, 2, 3), 6, "+*") == {"1 + 2 + 3", "2 * 3", "1 * 2 * 3"}
    assert solutions((2, 3), 7, "+-*") == frozenset()
