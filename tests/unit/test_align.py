# ruff: noqa: RUF001  look-alikes are tested
"""What the alignment says of copies of every kind."""

import time

import pytest

from reasonbench.corpus.align import Alignment, align, canonical, tokenize
from reasonbench.corpus.fields import Field, Role
from reasonbench.corpus.items import Channel, Item, Kind, Unit

QUESTION = (
    "Marguerite bakes 24 almond croissants every morning and sells them at the village market "
    "for $3 each. She keeps 4 for her neighbours and gives the broken ones, 2 on average, to the "
    "birds. How many dollars does she earn in 7 days?"
)
SOLUTION = (
    "Marguerite sells 24 - 4 - 2 = <<24-4-2=18>>18 croissants each morning.\nThat brings "
    "18 * 3 = <<18*3=54>>54 dollars a day at the market.\nIn a week she earns 54 * 7 = "
    "<<54*7=378>>378 dollars.\n#### 378"
)
CODE = (
    "def running_maximum(values):\n    best = None\n    result = []\n    for value in values:\n"
    "        if best is None or value > best:\n            best = value\n"
    "        result.append(best)\n    return result\n"
)
ITEM = Item("made", "1", QUESTION, SOLUTION, "378", CODE)
MATH = Item(
    "made",
    "2",
    r"Let $x$ be a positive real number such that $\frac{x^2+1}{3} \le \sqrt{5}$ and "
    r"$0 \le \theta < 2 \pi.$ Find the largest value of $x \cdot \sin \theta$ in degrees.",
)
TRACE = (
    "First consider the velocity of the boat, which rows upstream against a current. The river "
    "flows at 3 miles per hour, so the journey takes longer than expected. Therefore we add both. "
)


def prompt(text: str) -> list[Field]:
    return [Field("q", text, Role.PROMPT), Field("t", TRACE, Role.TRACE)]


def trace(text: str, asked: str = "Go on.") -> list[Field]:
    return [Field("q", asked, Role.PROMPT), Field("t", TRACE + text + " " + TRACE, Role.TRACE)]


def question(fields: list[Field], item: Item = ITEM) -> Alignment:
    result = align(item, Unit.QUESTION, fields)
    assert result is not None
    return result


def slices(item: Item, fields: list[Field], result: Alignment) -> list[tuple[str, str]]:
    texts = {field.path: field.text.encode() for field in fields}
    return [
        (
            texts[s.field][s.start : s.end].decode(),
            item.text(s.unit).encode()[s.item_start : s.item_end].decode(),
        )
        for s in result.spans
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac{1}{2}", "½"),
        (r"\dfrac12", "1/2"),
        (r"\frac1{72}", "1 / 72"),
        (r"$x^{2} \le 3$", "x² ≤ 3"),
        (r"x \leq 3", "x &lt;= 3"),
        (r"\sqrt{3} \times \pi", "√3 × π"),
        (r"\left( 3, \frac{\pi}{2} \right)", "(3, π/2)"),
        (r"Compute $\tan 60^\circ$.", "compute tan 60°"),
        (r"\text{if } x \neq 2", "if x ≠ 2"),
        (r"1{,}000 = 1\,000", "1,000 = 1000"),
        ("0.50", ".5"),
        ("**Bold** and *soft* text", "bold and soft text"),
        ("caf&eacute; Erdős", "café Erdos"),
        ("before [asy] draw((0,0)--(3,5)); [/asy] after", "before after"),
        (r"one\n\nTwo things", "one two things"),
        (r"2\cdot 3 \times 4", "2·3 * 4"),
        ("three cups", "3 cups"),
        ("150%", r"150\%"),
        ("x<sup>2</sup>", "x^2"),
        ("𝑥 + 𝑦", "x + y"),
    ],
)
def test_notations_of_one_thing_are_one_string(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3*4+5", "3+4*5"),
        ("x^2", "x2"),
        ("1.5", "15"),
        ("10²", "102"),
        ("word -3", "word 3"),
        ("a <= b", "a < b"),
    ],
)
def test_different_things_are_different_strings(one, other):
    assert canonical(one) != canonical(other)


def test_tokens_keep_their_bytes():
    text = r"Das ½ é, \pi und 1{,}000"
    tokens = tokenize(text)
    data = text.encode()
    assert tokens.words == ["das", "1", "2", "e", "pi", "und", "1000"]
    assert [data[a:b].decode() for a, b in tokens.spans] == [
        *("Das", "½", "½", "é", r"\pi", "und", "1{,}000")
    ]
    assert list(tokens.kinds) == [0, 1, 1, 0, 0, 0, 1]


def test_a_copy_in_the_prompt_is_verbatim_with_exact_places():
    fields = prompt(f"Überlege. {QUESTION.upper()} Antworte!")
    result = question(fields)
    assert (result.kind, result.channel) == (Kind.VERBATIM, Channel.PROMPT)
    assert slices(ITEM, fields, result) == [(QUESTION.upper()[:-1], QUESTION[:-1])]


def test_a_copy_within_a_trace_is_mid_trace():
    fields = trace(QUESTION.replace(" ", "\n"))
    result = question(fields)
    assert (result.kind, result.channel) == (Kind.VERBATIM, Channel.TRACE)
    assert slices(ITEM, fields, result)[0][0] == QUESTION.replace(" ", "\n")[:-1]


def test_the_prompt_goes_before_the_trace_where_both_hold_it():
    assert question(trace(QUESTION, asked=QUESTION)).channel is Channel.PROMPT


def test_of_two_equal_places_the_one_that_was_seen_is_reported():
    fields = [Field(path, QUESTION, Role.TRACE) for path in ("a", "b", "c")]
    for path in ("a", "b", "c"):
        result = align(ITEM, Unit.QUESTION, fields, near=path)
        assert result is not None
        assert result.spans[0].field == path


def test_a_paraphrase_that_asks_nothing_and_ends_in_the_answer_is_a_trace():
    asked = (
        "Marguerite makes 24 almond croissants every morning, sells them at a market for $3 each, "
        "keeps 4 for neighbours and gives broken ones, 2 on average, to birds{} 18 * 3 * 7 = 378"
    )
    for end, kind in ((".", Kind.ANSWER_ONLY), ("; how much is it in 7 days?", Kind.PARAPHRASED)):
        result = question([Field("t", asked.format(end), Role.TRACE)])
        assert result.kind is kind


def test_another_notation_is_reformatted():
    text = (
        "Let x be a positive real number such that (x²+1)/3 ≤ √5 and 0 ≤ θ < 2π. "
        "Find the largest value of x·sin θ in degrees."
    )
    assert question(prompt(text), MATH).kind is Kind.REFORMATTED


def test_few_changed_words_are_reformatted():
    text = QUESTION.replace("almond croissants", "almond pastries").replace("dollars", "USD")
    assert question(prompt(text)).kind is Kind.REFORMATTED


def test_other_numbers_are_renumbered_wherever_they_stand():
    text = QUESTION.replace("24", "36").replace("$3", "$5").replace("7", "9")
    result = question(trace(text))
    assert (result.kind, result.channel) == (Kind.RENUMBERED, Channel.TRACE)
    assert result.coverage == 1.0
    assert result.agreement == pytest.approx(2 / 5)


def test_another_operator_is_no_copy_word_for_word():
    item = Item("made", "3", "A gardener computes the product 3 * 4 + 5 of tulips for the palace.")
    result = question(prompt(item.question.replace("3 * 4 + 5", "3 + 4 * 5")), item)
    assert result.kind is Kind.RENUMBERED


def test_synonyms_throughout_are_a_paraphrase():
    text = (
        "Marguerite prepares 24 almond croissants each morning and offers them at a village "
        "market at $3 apiece. She saves 4 for some neighbours and hands broken pieces, 2 on "
        "average, to wild birds. What amount of dollars will she earn over 7 days?"
    )
    assert question(prompt(text)).kind is Kind.PARAPHRASED


def test_the_first_half_is_a_part_of_that_place():
    half = QUESTION[: len(QUESTION) // 2].rsplit(" ", 1)[0]
    fields = prompt(f"Continue: {half} ...")
    result = question(fields)
    assert result.kind is Kind.PARTIAL
    assert slices(ITEM, fields, result) == [(half, half)]


def test_a_solution_without_its_question_is_a_trace_without_a_prompt():
    text = SOLUTION.replace("<<24-4-2=18>>", "").replace("#### 378", "")
    result = align(ITEM, Unit.SOLUTION, trace(text))
    assert result is not None
    assert (result.kind, result.channel) == (Kind.SOLUTION, Channel.PROMPTLESS)


def test_a_solution_beside_its_question_is_within_the_trace():
    result = align(ITEM, Unit.SOLUTION, trace(SOLUTION, asked=QUESTION))
    assert result is not None
    assert (result.kind, result.channel) == (Kind.SOLUTION, Channel.TRACE)


WORKED = (
    "Every morning there are 24 croissants. The neighbours get 4, so 24 - 4 = 20. The broken ones "
    "go to the birds: 20 - 2 = 18 to sell at the market. Marguerite takes 18 * 3 = 54 dollars, "
    "and over 7 days she should earn 54 * 7 dollars. The answer is \\boxed{%s}."
)


def test_a_trace_on_the_item_that_holds_its_answer_is_answer_only():
    result = align(ITEM, Unit.QUESTION, [Field("t", WORKED % 378, Role.TRACE)])
    assert result is not None
    assert (result.kind, result.channel) == (Kind.ANSWER_ONLY, Channel.PROMPTLESS)


def test_an_answer_of_another_value_is_not_the_answer():
    other = (WORKED % 377).replace("24", "31").replace(" 4", " 6")
    for answer, kind in ((377, None), (378, Kind.ANSWER_ONLY)):
        text = other.replace("377", str(answer))
        result = align(ITEM, Unit.SOLUTION, [Field("t", text, Role.TRACE)])
        assert (result and result.kind) == kind


def test_a_trace_with_a_wrong_answer_is_on_the_item_by_the_numbers_of_its_question():
    fields = [Field("t", "Let me see. " + WORKED % 377 + " Good.", Role.TRACE)]
    for unit in (Unit.QUESTION, Unit.SOLUTION):
        result = align(ITEM, unit, fields)
        assert result is not None
        assert (result.kind, result.channel) == (Kind.ANSWER_ONLY, Channel.PROMPTLESS)
        assert result.agreement == 1.0
        span = result.spans[0]
        there = fields[0].text[span.start : span.end]
        assert there.startswith("morning there are 24 croissants")
        assert there.endswith("* 7 dollars")
    assert align(ITEM, Unit.QUESTION, [Field("q", fields[0].text, Role.PROMPT)]) is None


@pytest.mark.parametrize(
    "text",
    [
        "She has 24 of them, 3 and 4 and 7 and 2. The answer is 5.",
        "Marguerite sells croissants to neighbours every morning at the market. The answer is 5.",
    ],
    ids=["numbers alone", "words alone"],
)
def test_numbers_or_words_alone_are_no_trace_on_the_item(text):
    assert align(ITEM, Unit.QUESTION, [Field("t", text, Role.TRACE)]) is None


def test_code_is_found_under_other_names():
    renamed = CODE.replace("value", "x").replace("best", "top").replace("result", "out")
    for text in (CODE, renamed):
        fields = trace(f"```python\n{text}```")
        result = align(ITEM, Unit.CODE, fields)
        assert result is not None
        assert (result.kind, result.channel) == (Kind.CODE, Channel.PROMPTLESS)
        assert slices(ITEM, fields, result) == [(text.strip(), CODE.strip())]


def test_another_program_is_not_the_program():
    other = "def f(a):\n    total = 0\n    for x in a:\n        total += x\n    return total / 2\n"
    assert align(ITEM, Unit.CODE, prompt(other)) is None


def test_an_unrelated_record_is_nothing():
    for unit in Unit:
        assert align(ITEM, unit, prompt(TRACE)) is None


def test_a_stock_phrase_is_nothing():
    item = Item(
        "made",
        "4",
        "The probability that two random chords of a circle intersect is m over n, where m and n "
        "are relatively prime positive integers. Find m + n.",
    )
    other = (
        "A frog's expected jumps are written as m over n, where m and n are relatively prime "
        "positive integers. Find m + n."
    )
    assert align(item, Unit.QUESTION, prompt(other)) is None


def test_a_short_question_is_found_whole_or_not_at_all():
    item = Item("made", "5", r"Compute $\tan 60^\circ$.")
    assert question(prompt("Please compute tan 60°."), item).kind is Kind.REFORMATTED
    assert align(item, Unit.QUESTION, prompt("Compute tan 45°.")) is None
    assert align(item, Unit.QUESTION, prompt("Compute the tan of 60°.")) is None


def test_a_short_formula_is_not_found_within_a_longer_one():
    item = Item("made", "6", "What is 3 + 4?")
    assert align(item, Unit.QUESTION, prompt("What is 3 + 4?")) is not None
    assert align(item, Unit.QUESTION, prompt("What is 3 + 4 * 5?")) is None


def test_a_copy_deep_in_a_long_trace_has_its_places():
    text = TRACE * 30 + QUESTION + TRACE * 30
    fields = [Field("t", text, Role.TRACE)]
    result = question(fields)
    assert result.kind is Kind.VERBATIM
    assert result.spans[0].start == text.index("Marguerite")


@pytest.mark.parametrize(
    "text",
    [
        "a " * 500_000,
        "{" * 2**16,
        "9" * 2**16,
        "1," * 2**15,
        "\\" * 2**16,
        "[asy]" * 2**14,
        "<<" * 2**15,
        "&" * 2**16,
        "<b " * 2**14,
        "é" * 2**16,
        "²" * 2**16,
        "x^" * 2**15,
        '"""' * 2**14,
        "The village market sells croissants. " * 2**14,
    ],
    ids=lambda text: f"{text[:4]!r}",
)
def test_hostile_repetition_takes_bounded_time(text):
    begun = time.perf_counter()
    for unit in Unit:
        align(ITEM, unit, [Field("t", text, Role.TRACE)])
    align(
        Item("made", "7", text[: 2**15], text[: 2**15], "9"), Unit.QUESTION, prompt(text[: 2**15])
    )
    assert time.perf_counter() - begun < 30
