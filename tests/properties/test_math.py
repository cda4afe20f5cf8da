"""Laws of the math grader: equal values are equal however they are written, others never."""

import math
from fractions import Fraction

import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.graders.math import judge
from reasonbench.graders.maths import arithmetic, cost, numbers
from reasonbench.graders.maths.compare import compare
from reasonbench.graders.maths.options import DEFAULT
from reasonbench.graders.maths.spelling import spelled, tight

wholes = st.integers(-(10**15), 10**15)
small = st.integers(-99, 99)
rationals = st.fractions(-1000, 1000, max_denominator=997)
PIECES = (
    *(r"\frac", "{", "}", r"\{", r"\}", "(", ")", "[", "]", "1", "23", ".", ",", " ", "=", "x"),
    *("^", "_", r"\text{", r"\sqrt", r"\pm", r"\cup", "%", r"\%", "or", "and", "<", r"\le", "!"),
    *(r"\begin{pmatrix}", r"\end{pmatrix}", r"\\", "&", "$", r"\$", "cm", "∞", "√", "½", "\x00"),
)
any_answer = st.one_of(
    st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
)


def fraction(value, command=r"\frac"):
    sign = "-" if value < 0 else ""
    return f"{sign}{command}{{{abs(value.numerator)}}}{{{value.denominator}}}"


def decimal(value, digits):
    """The decimal of value, exact where it has at most so many digits."""
    scaled = value * 10**digits
    assert scaled.denominator == 1
    text = f"{abs(scaled.numerator):0{digits + 1}d}"
    return f"{'-' if value < 0 else ''}{text[:-digits]}.{text[-digits:]}"


@given(rationals, st.integers(1, 50))
def test_a_fraction_is_equal_however_it_is_expanded_and_spelled(value, factor):
    expanded = f"{value.numerator * factor}/{value.denominator * factor}"
    for answer in (expanded, fraction(value, r"\dfrac"), fraction(value, r"\tfrac")):
        assert judge(fraction(value), answer).reason == "ok"


@given(rationals, rationals)
def test_fractions_are_equal_exactly_where_their_values_are(one, other):
    assert (judge(fraction(one), fraction(other)).reason == "ok") == (one == other)


@given(wholes, wholes)
def test_whole_numbers_are_equal_exactly_where_their_values_are(one, other):
    assert (judge(str(one), str(other)).reason == "ok") == (one == other)


@given(st.integers(1, 10**12), st.sampled_from([",", r"\,", "{,}", r",\!", " ", r"\ ", r"\;"]))
def test_thousands_may_be_separated(number, separator):
    written = f"{number:,}".replace(",", separator)
    assert judge(str(number), written).reason == "ok"
    assert judge(str(number + 1), written).reason == "wrong"


@given(st.integers(-(10**9), 10**9), st.integers(1, 12))
def test_a_decimal_equals_its_fraction_and_no_near_one(scaled, digits):
    value = Fraction(scaled, 10**digits)
    written = decimal(value, digits)
    assert judge(fraction(value), written).reason == "ok"
    assert judge(written, fraction(value)).reason == "ok"
    near = value + Fraction(1, 10 ** (digits + 7))
    assert judge(written, decimal(near, digits + 7)).reason == "wrong"


@given(st.integers(1, 10**9), st.integers(-30, 30))
def test_scientific_notation_is_exact(mantissa, power):
    value = mantissa * Fraction(10) ** power
    for written in (f"{mantissa}e{power}", rf"{mantissa}\times 10^{{{power}}}"):
        assert judge(fraction(value), written).reason == "ok"
        assert (
            judge(fraction(value), written.replace(str(mantissa), str(mantissa + 1), 1))[0] != "ok"
        )


@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 3))
def test_a_repeating_decimal_is_its_fraction(fixed, repeat, length):
    repeat %= 10**length
    value = Fraction(fixed, 1000) + Fraction(repeat, 1000 * (10**length - 1))
    written = rf"0.{fixed:03d}\overline{{{repeat:0{length}d}}}"
    assert numbers.number(written) == value


@settings(deadline=None)
@given(st.integers(1, 10**6))
def test_numbers_that_differ_by_one_in_ten_million_are_not_equal(number):
    near = Fraction(number) * (1 + Fraction(1, 10**7))
    assert judge(str(number), fraction(near)).reason == "wrong"
    assert judge(rf"{number}\sqrt{{2}}", rf"{fraction(near)}\sqrt{{2}}").reason == "wrong"


@given(st.lists(small, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_and_lists_are_equal_in_any_order_and_tuples_in_one(members, rng):
    shuffled = members.copy()
    rng.shuffle(shuffled)
    ours, theirs = (", ".join(map(str, m)) for m in (members, shuffled))
    assert judge(rf"\{{{ours}\}}", rf"\{{{theirs}\}}").reason == "ok"
    assert judge(ours, theirs).reason == "ok"
    assert judge(ours, rf"\{{{theirs}\}}").reason == "ok"
    assert (judge(f"({ours})", f"({theirs})").reason == "ok") == (members == shuffled)
    assert judge(rf"\{{{ours}\}}", rf"\{{{theirs}, 100\}}").reason == "wrong"
    assert judge(f"({ours})", f"[{ours}]").reason == "wrong"


@settings(max_examples=25, deadline=None)
@given(small.filter(bool), small.filter(bool), small, small.filter(bool))
def test_an_equation_may_be_scaled_and_not_changed(a, b, c, factor):
    equation = f"{a}x+{b}y={c}".replace("+-", "-")
    scaled = f"{a * factor}x+{b * factor}y={c * factor}".replace("+-", "-")
    changed = f"{a}x+{b}y={c + 1}".replace("+-", "-")
    assert judge(equation, scaled).reason == "ok"
    assert judge(equation, changed).reason == "wrong"


@settings(max_examples=25, deadline=None)
@given(small, small)
def test_a_product_equals_its_expansion(a, b):
    product = f"(x+{a})(x+{b})".replace("+-", "-")
    expanded = f"x^2+{a + b}x+{a * b}".replace("+-", "-")
    assert judge(product, expanded).reason == "ok"
    assert judge(product, f"{expanded}+1").reason == "wrong"


@given(st.sampled_from("abcdfghjklmnopqrstuvwxyzI"), st.integers(2, 9))
def test_letters_keep_their_case(letter, factor):
    one, other = f"{factor}{letter}+1", f"{factor}{letter.swapcase()}+1"
    assert judge(one, f"1+{factor}{letter}").reason == "ok"
    assert judge(one, other).reason == "wrong"


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([r"\pi", r"\sqrt{2}", "e", r"\ln 3"]), st.integers(1, 300))
def test_no_decimal_equals_an_irrational_number_however_long(gold, digits):
    value = sympy.N({"e": sympy.E, r"\pi": sympy.pi}.get(gold, sympy.sqrt(2)), digits + 2)
    if gold == r"\ln 3":
        value = sympy.N(sympy.log(3), digits + 2)
    assert judge(gold, str(value)[: digits + 2]).reason == "wrong"


prefixes = st.sampled_from(["", "m", "k", "M", "G", "n"])
measures = st.sampled_from(["g", "J", "W", "V", "Pa", "Hz"])


@given(st.integers(1, 10**6), prefixes, measures, prefixes, measures)
def test_a_unit_may_be_left_out_and_not_be_another(number, prefix, unit, other_prefix, other):
    gold, answer = rf"{number}\text{{ {prefix}{unit}}}", f"{number} {other_prefix}{other}"
    assert judge(gold, str(number)).reason == "ok"
    same = (prefix, unit) == (other_prefix, other)
    assert (judge(gold, rf"{number}\text{{ {other_prefix}{other}}}").reason == "ok") == same
    if len(other_prefix + other) > 1:
        assert (judge(gold, answer).reason == "ok") == same


@given(st.permutations("wxyz"), st.permutations("wxyz"))
def test_a_product_of_letters_has_no_order_and_the_letters_of_an_angle_have(one, other):
    assert judge("".join(one), "".join(other)).reason == "ok"
    ours, theirs = ("".join(p[:3]).upper() for p in (one, other))
    same = theirs in (ours, ours[::-1])
    assert (judge(rf"\angle {ours}", rf"\angle {theirs}").reason == "ok") == same


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9))
def test_a_number_in_one_base_is_none_in_another(number, base, other):
    digits, left = "", number
    while left or not digits:
        digits, left = str(left % base) + digits, left // base
    same = judge(f"{digits}_{base}", f"{digits}_{{{other}}}").reason == "ok"
    assert same == (base == other)


@given(
    st.lists(
        st.sampled_from(["x", "2", "+", r"\frac{1}{2}", "(3)", r"\pi"]), min_size=1, max_size=6
    ),
    st.sampled_from([" ", r"\,", r"\;", r"\!", "~", r"\quad "]),
)
def test_spacing_around_signs_says_nothing(parts, space):
    text = "+".join(parts)
    assert judge(text, text.replace("+", f"{space}+{space}")).reason in ("ok", "gold_unparsed")


@given(st.text(alphabet="0123456789+-*/^().{}! ", max_size=25))
def test_arithmetic_gives_exact_values_or_none(text):
    try:
        found = arithmetic.value(text)
    except arithmetic.TooBigError:
        return
    assert found is None or isinstance(found, Fraction)


@given(
    st.recursive(
        st.integers(0, 12).map(str),
        lambda e: st.builds("({} {} {})".format, e, st.sampled_from("+-*"), e),
        max_leaves=8,
    )
)
def test_arithmetic_agrees_with_pythons(expression):
    assert arithmetic.value(expression) == eval(expression)


@settings(max_examples=300)
@given(any_answer)
def test_spelling_never_raises_and_is_stable(text):
    once = spelled(text)
    assert isinstance(tight(once), str)
    assert "\n" not in once
    assert cost.too_big(once) is None or len(cost.too_big(once)) > 5


@settings(max_examples=150, deadline=None)
@given(any_answer, any_answer)
def test_any_two_texts_are_judged(gold, answer):
    found = judge(gold, answer)
    assert found.reason in (*("ok", "wrong", "ambiguous", "unparsed", "too_big", "gold_unparsed"),)
    if gold.strip():
        assert judge(gold, gold) in (("ok", "text"), ("gold_unparsed", "text"))


@given(st.floats(0.0001, 0.1), st.integers(1, 1000), st.floats(0, 2))
def test_a_tolerance_is_relative(tolerance, number, share):
    options = type(DEFAULT)(tolerance=tolerance)
    answer = Fraction(number) * (1 + Fraction(share) * Fraction(tolerance))
    if not math.isclose(share, 1, rel_tol=1e-9):
        found = compare(str(number), fraction(answer), options).reason
        assert (found == "ok") == (share < 1)
