# ruff: noqa: RUF001  look-alikes are tested
"""Laws of the alignment: layout changes nothing, numbers are seen, spans are places."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.corpus.align import align, canonical, tokenize
from reasonbench.corpus.fields import Field, Role
from reasonbench.corpus.items import Item, Kind, Unit

NOUNS = (
    "orchard",
    "lantern",
    "harbour",
    "violin",
    "meadow",
    "carpenter",
    "kettle",
    "glacier",
    "pepper",
    "saddle",
)
VERBS = (
    "gathers",
    "borrows",
    "polishes",
    "measures",
    "delivers",
    "paints",
    "repairs",
    "counts",
    "trades",
    "weighs",
)
PIECES = (
    *(r"\frac", "{", "}", "$", r"\(", "^", "²", "½", "⁻", "₂", "√", "π", r"\pi", "12", "1,000"),
    *("[asy]", "[/asy]", "&lt;", "&#39;", "<<", ">>", "<b>", "word", "é", "e\u0301", "\u200b"),
    *("漢", "ß", "\ud800", "𝑥", r"\n", "\n", "**", "-", " ", ".", "%", "0.50", ".5", "\x00", "㉑"),
)
any_text = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
)


@st.composite
def questions(draw):
    clause = st.tuples(
        st.sampled_from(NOUNS), st.sampled_from(VERBS), st.integers(2, 999), st.sampled_from(NOUNS)
    )
    clauses = draw(st.lists(clause, min_size=4, max_size=9))
    return " ".join(f"The {a} {v} {n} of the {b} things." for a, v, n, b in clauses)


def item(question):
    return Item("made", "1", question)


def found(question, text, role=Role.PROMPT):
    return align(item(question), Unit.QUESTION, [Field("q", text, role)])


@given(any_text)
def test_every_character_is_in_a_token_or_a_gap_and_places_are_whole_characters(text):
    tokens = tokenize(text)
    data = text.encode("utf-8", "surrogatepass")
    last = 0
    assert len(tokens.raw_gaps) == len(tokens.words) + 1
    for i, (start, end) in enumerate(tokens.spans):
        assert 0 <= start < end <= len(data)
        assert start >= last or tokens.spans[i - 1] == (start, end)
        last = end
        data[start:end].decode("utf-8", "surrogatepass")
        assert tokens.span(i, i) == (start, end)
    assert len(tokens.kinds) == len(tokens.words)


@given(any_text, any_text)
@settings(deadline=None)
def test_nothing_raises_and_spans_are_inside_of_both_texts(one, other):
    canonical(one)
    record = [Field("q", other, Role.PROMPT), Field("t", one + other, Role.TRACE)]
    made = Item("made", "1", one, other, "7", one)
    for unit in Unit:
        result = align(made, unit, record)
        for span in result.spans if result else ():
            text = next(field.text for field in record if field.path == span.field)
            there = text.encode("utf-8", "surrogatepass")
            here = made.text(unit).encode("utf-8", "surrogatepass")
            assert 0 <= span.start < span.end <= len(there)
            assert 0 <= span.item_start <= span.item_end <= len(here)
            there[span.start : span.end].decode("utf-8", "surrogatepass")


@given(any_text.filter(lambda text: len(tokenize(text)) > 0))
@settings(deadline=None)
def test_a_text_is_a_verbatim_copy_of_itself_as_a_whole(text):
    result = found(text, text)
    assert result is not None
    assert (result.kind, result.coverage, result.agreement) == (Kind.VERBATIM, 1.0, 1.0)
    assert len(result.spans) == 1
    span = result.spans[0]
    assert (span.start, span.end) == (span.item_start, span.item_end)


@given(questions(), st.data())
@settings(deadline=None)
def test_line_breaks_case_and_blanks_change_no_more_than_the_layout(question, data):
    blank = st.sampled_from([" ", "\n", "  ", "\t", " \r\n"])
    text = "".join(data.draw(blank) if c == " " else c for c in question).upper()
    result = found(question, f"Problem:\n{text}\nThink first.")
    assert result is not None
    assert result.kind in (Kind.VERBATIM, Kind.REFORMATTED)
    span = result.spans[0]
    there = f"Problem:\n{text}\nThink first."[span.start : span.end]
    assert tokenize(there).words == tokenize(question).words


@given(questions(), st.integers(1, 50))
@settings(deadline=None)
def test_other_numbers_are_a_renumbered_copy(question, step):
    text = re.sub(r"\d+", lambda match: str(int(match.group()) + step), question)
    result = found(question, text)
    assert result is not None
    assert result.kind is Kind.RENUMBERED
    assert result.coverage == 1.0
    assert result.agreement < 1.0


@given(st.integers(0, 10**12), st.sampled_from([",", "{,}", r"\,", r",\!"]))
def test_a_number_is_its_value_however_its_thousands_are_parted(value, separator):
    assert canonical(f"{value:,}".replace(",", separator)) == str(value)


@given(st.integers(0, 10**6), st.integers(1, 999), st.integers(0, 3))
def test_zeros_that_count_for_nothing_make_no_difference(whole, part, zeros):
    assert canonical(f"{whole}.{part:03d}{'0' * zeros}") == canonical(f"0{whole}.{part:03d}")


@given(st.sampled_from("+-*/"), st.sampled_from("+-*/"))
@settings(deadline=None)
def test_a_short_question_is_found_only_with_its_own_operators(first, second):
    question = f"What is 3 {first} 4 {second} 5?"
    for other in ("+", "-", "*", "/"):
        result = found(question, f"Well. What is 3{other}4 {second} 5? Hm.")
        assert (result is not None) == (other == first)
