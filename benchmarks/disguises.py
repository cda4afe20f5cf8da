"""Ways in which a benchmark problem comes to stand in a trace without being copied exactly.

Each takes a text and a ``random.Random`` and returns another text.  ``latex`` says that ``$``
opens a formula there; where it does not, ``$`` is money.  Figure code (``[asy]``), fenced code
and formulas are left alone by whatever replaces words.

What is artificial: the synonyms come from a table written by hand, and where it does not
know enough of a text's words the rest become neutral nouns, which breaks the grammar.  The
rewriting is by rules; a language model's would be freer.
"""

# ruff: noqa: RUF001, SIM905 - characters that look like letters, and tables written as text

import html
import re

FORMULA = re.compile(
    r"\[asy\].*?\[/asy\]|```.*?```|\$\$.*?\$\$|\$[^$]*\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\begin\{.*?\\end\{\w+\*?\}|\\[A-Za-z]+",
    re.DOTALL,
)
CODE = re.compile(
    r"\[asy\].*?\[/asy\]|```.*?```|^(?:def |from |import |    ).*?$", re.DOTALL | re.M
)
WORD = re.compile(r"[A-Za-z]+(?:['\u2019][a-z]+)?")
SENTENCE = re.compile(r"(?<=[a-z)\]$%][.?!])\s+(?=[A-Z$])")

SYMBOLS = dict(
    pair.split()
    for pair in r"""\le ≤|\leq ≤|\ge ≥|\geq ≥|\ne ≠|\neq ≠|\cdot ·|\times ×|\div ÷|\pm ±|\pi π
|\theta θ|\alpha α|\beta β|\gamma γ|\omega ω|\phi φ|\lambda λ|\infty ∞|\angle ∠|\triangle △|\dots …
|\ldots …|\cdots ⋯|\in ∈|\cup ∪|\cap ∩|\to →|\rightarrow →|\lfloor ⌊|\rfloor ⌋|\lceil ⌈|\rceil ⌉
|\sum ∑|\int ∫|\sqrt √|\perp ⊥|\parallel ∥|\equiv ≡|\approx ≈|\circ ∘|\% %|\$ $""".replace(
        "\n", ""
    ).split("|")
)
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SMALL = "two three four five six seven eight nine ten eleven twelve".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBER = re.compile(r"\d[\d,]*\d(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")

SYNONYMS = {
    word: others.split(",")
    for word, others in (
        line.split()
        for line in """
find determine,obtain,work_out|compute calculate,evaluate|calculate compute,work_out
determine find,establish|evaluate compute,assess|many numerous,plenty_of|total overall,combined
number count,quantity|sum total,aggregate|product multiplication_result|value magnitude,figure
write create,produce|function procedure,routine|given provided,supplied|list sequence,series
string text|array list|integer whole_number|integers whole_numbers|positive greater-than-zero
largest biggest,greatest|smallest least,tiniest|maximum greatest|minimum lowest|average mean
real genuine|each every|every each|both the_two|buys purchases,acquires|bought purchased,acquired
buy purchase,acquire|sells vends|sold vended|sell vend|costs is_priced_at|cost price,expense
price cost,charge|money cash,funds|pays spends,hands_over|paid handed_over|pay spend|makes produces
make produce,construct|made produced,built|gives hands,donates|gave handed,donated|give hand,donate
gets receives,obtains|got received|get receive,obtain|takes requires,grabs|took grabbed|take grab
wants wishes,desires|wanted wished|needs requires|need require|uses employs,utilises|used employed
use employ|works labours|worked laboured|day date|days dates|week seven-day_period
year twelvemonth|years twelvemonths|hours sixty-minute_periods|house home,dwelling|home house
friend pal,companion|friends pals,companions|children kids,youngsters|kids children|child kid
people persons,individuals|man fellow|woman lady|boy lad|girl lass|students pupils|student pupil
class course|school academy|teacher instructor|store shop|shop store|car automobile|cars vehicles
trip journey|travels journeys|drives motors|walks strolls|runs races,jogs|run jog|eats consumes
ate consumed|eat consume|food meals|big large|large big|small little|little small|old aged|new fresh
more additional,extra|less fewer|fewer less|left remaining|remaining left-over|starts begins
started began|begins starts|ends finishes|finishes completes|finished completed|finish complete
twice double|half one-half|first initial|last final|next following|same identical
different distinct,unlike|distinct different|equal identical|equals is|also additionally|then next
after following|before prior_to|during throughout|between amid|including counting|only just
exactly precisely|about roughly|long lengthy|high tall|full complete|empty vacant|rest remainder
answer result,solution|express state,give|form shape|point spot|points spots|line row|lines rows
side edge|sides edges|length extent|width breadth|height altitude|area surface|circle disc
region zone|equation relation|expression formula|term entry|terms entries|solution answer
solutions answers|possible feasible|suppose assume|let suppose|satisfy fulfil|contains holds
contain hold|shown displayed|show display|called named|call name|chosen selected,picked
random arbitrary|probability likelihood,chance|ways manners|way manner|order sequence|box carton
boxes cartons|bag sack|bags sacks|bottle flask|tree plant|trees plants|flowers blossoms|dog hound
animals creatures|water liquid|party celebration|game match|games matches|team squad|ball sphere
book volume|books volumes|pages leaves|reads peruses|watch timepiece|month four-week_period
collects gathers|collected gathered|adds includes|added included|check verify|elements members
element member|sort arrange|return yield|convert transform|remove delete,strip|replace substitute
whether if|numbers figures|digits numerals|consecutive successive|together jointly|per for_each
""".replace("\n", "|").split("|")
        if line
    )
}
NEUTRAL = "item matter aspect detail notion quantity entity affair facet instance feature".split()
STOP = frozenset(
    """the and that this with from have has had was were are been what which when where how who
whom will would could should can may its his her their they them there these those than for not
does did she him you your our but into onto over under out off all any some one""".split()
)
NAMES = "Amara Boris Chiara Dmitri Esme Farid Greta Hiro Ines Jonas Katya Lukas".split()
PHRASES = (
    (
        r"\bHow many ([\w\s-]+?) (?:does|did|do|will|would|can) ",
        r"Determine the number of \1 that ",
    ),
    (r"\bHow many ", "Work out the number of "),
    (r"\bHow much (?:does|did|do|will|would) ", "Work out the amount that "),
    (r"\bHow much ", "Work out what amount of "),
    (r"\b[Ww]hat is ", "Determine "),
    (r"\bFind ", "We are asked to establish "),
    (r"\b(?:Compute|Evaluate|Simplify) ", "Your task is to work out "),
    (r"\bLet (.{1,40}?) be ", r"Take \1 to be "),
    (r"\bSuppose (?:that )?", "Imagine that "),
    (r"\bIf ", "Assuming that "),
    (r"\b(\w+) (?:buys|bought) ", r"a purchase by \1 consists of "),
    (r"\b([A-Z]\w+) (?:has|had) ", r"there belong to \1 "),
    (r"\b([A-Z]\w+) (?:sells|sold) ", r"sold by \1 are "),
    (r"\bThere (?:are|were) ", "We have "),
    (r"\bWrite a (?:python )?function to ", "Implement a routine able to "),
)


def outside(pattern, change, text):
    """Return ``text`` with ``change`` applied to the parts that ``pattern`` does not match."""
    done, at = [], 0
    for match in pattern.finditer(text):
        done += change(text[at : match.start()]), match.group()
        at = match.end()
    return "".join(done) + change(text[at:])


def protected(latex):
    return FORMULA if latex else CODE


# Formats: what a converter, a data set's author or a Markdown renderer does.


def to_unicode(text, _rng):
    """LaTeX as it is pasted from a rendered page."""
    return outside(CODE, _unicode, text)


def _unicode(text):
    def fraction(match):
        over, under = (p if p.isalnum() else f"({p})" for p in match.groups())
        return f"{over}/{under}"

    for _ in range(3):
        text = re.sub(r"\\[dtc]?frac *\{([^{}]*)\} *\{([^{}]*)\}", fraction, text)
        text = re.sub(r"\\(?:text|textbf|mathrm|mathbf|mbox|emph) *\{([^{}]*)\}", r"\1", text)
        text = re.sub(r"\\sqrt\{(\w+)\}", r"√\1", text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", r"√(\1)", text)
    text = re.sub(r"\\[dt]?frac *(\d) *(\d)", r"\1/\2", text)
    text = re.sub(r"\^(?:\{\\circ\}|\\circ)", "°", text)
    text = re.sub(r"\^(?:\{(\d+)\}|(\d))", lambda m: m[m.lastindex].translate(RAISED), text)
    text = re.sub(r"_(?:\{(\d+)\}|(\d))", lambda m: m[m.lastindex].translate(LOWERED), text)
    text = re.sub(r"\\(?:left|right|quad|qquad|displaystyle|[!,;:])(?![A-Za-z])", "", text)
    text = re.sub(r"(?<!\\)\$+|\\[\[\]()]", "", text)
    text = re.sub(r"\\(?:[A-Za-z]+|[%$])", lambda m: SYMBOLS.get(m[0], m[0][1:]), text)
    return re.sub(r"[{}]", "", text)


def to_latex(text, rng):
    """Numbers of a plain text set as formulas."""

    def change(part):
        part = re.sub(r"(\d+)/(\d+)", r"@\\frac{\1}{\2}@", part)
        part = re.sub(r"\$(\d[\d,.]*\d|\d)", r"@\\$\1@", part)
        part = re.sub(r"(?<![\w{@$.,])(\d[\d,.]*\d|\d)%", r"@\1\\%@", part)
        part = re.sub(r"(?<![\w{@$.,])(\d[\d,.]*\d|\d)(?![\w}@%])", r"@\1@", part)
        return part.replace("@", "$")

    return text if "@" in text else outside(CODE, change, text)


def wrapped(text, rng):
    """Lines broken elsewhere."""
    width, lines, line = rng.randrange(28, 72), [], ""
    for word in text.split():
        if line and len(line) + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def markdown(text, rng):
    """Headings, quotes, bullets and bold."""
    sentences = SENTENCE.split(text)
    style = rng.randrange(3)
    if style == 0:
        return "## Problem\n\n> " + "\n> ".join(text.split("\n"))
    if style == 1 and len(sentences) > 1:
        return "\n".join(f"* {part}" for part in sentences[:-1]) + f"\n\n**{sentences[-1]}**"
    return outside(CODE, lambda part: re.sub(r"\b([A-Z][a-z]{3,})\b", r"**\1**", part), text)


def cased(text, rng):
    """Lower or upper case, formulas and code apart."""
    change = rng.choice([str.lower, str.upper])
    return outside(FORMULA if "\\" in text else CODE, change, text)


def delimiters(text, rng):
    r"""``$...$`` as ``\(...\)``, ``$$...$$`` as ``\[...\]``, or none at all."""
    if rng.random() < 0.3:
        return outside(CODE, lambda part: re.sub(r"(?<!\\)\$+", "", part), text)
    text = re.sub(r"\$\$(.+?)\$\$", r"\\[\1\\]", text, flags=re.DOTALL)
    return re.sub(r"(?<!\\)\$([^$]+)(?<!\\)\$", r"\\(\1\\)", text)


def numbers(text, rng):
    """The same numbers in another notation: 1,000, 3 for three, percent, .5."""

    def change(part):
        part = re.sub(r"(?<![\d,.])(\d{1,3}),(\d{3})(?!\d)", r"\1\2", part) if "," in part else part
        part = re.sub(r"(?<![\d.])(\d{1,2})(\d{3})(?![\d.])", r"\1,\2", part)
        part = re.sub(r"\$(\d[\d,]*(?:\.\d+)?)", r"\1 dollars", part)
        part = re.sub(r"(\d)\\?%", r"\1 percent", part)
        part = re.sub(r"(?<!\d)0(\.\d)", r"\1", part)
        for value, word in enumerate(SMALL, start=2):
            part = re.sub(rf"\b{word}\b", str(value), part)
        return part

    return outside(CODE, change, text)


def typography(text, rng):
    """Entities, other quotes and dashes, no-break and double spaces."""
    text = text.translate(str.maketrans({"\u2019": "'", "\u201c": '"', "\u201d": '"'}))
    if rng.random() < 0.3:
        return html.escape(text)
    blank = rng.choice(["\u00a0", "  "])
    return text.replace("'", "\u2019").replace(" - ", " \u2013 ").replace(" ", blank)


ANY = (wrapped, markdown, cased, typography)


def reformatted(text, latex, rng):
    """Return the text in another notation, and the names of what was done to it."""
    first = rng.choice([to_unicode, delimiters] if latex else [to_latex, numbers])
    chosen = [first] if first(text, rng) != text else []
    chosen += rng.sample(ANY, rng.choice([1, 2]) if chosen else 2)
    for change in chosen:
        text = change(text, rng)
    return text, "+".join(change.__name__ for change in chosen)


# Other words and other numbers.


def renumbered(text, rng):
    """Every number replaced by another of its size; equal numbers stay equal."""
    given, used = {}, set()

    def other(value):
        if value not in given:
            low, high = max(2, value // 2), max(12, value * 2)
            fresh = [n for n in (rng.randint(low, high) for _ in range(50)) if n != value]
            given[value] = next((n for n in fresh if n not in used), fresh[0])
            used.add(given[value])
        return given[value]

    def digits(match):
        whole, dot, rest = match.group().replace(",", "").partition(".")
        new = f"{other(int(whole)):,}" if "," in match.group() else str(other(int(whole or 0)))
        return new + dot + "".join(str((int(d) + 3) % 10) for d in rest)

    def words(match):
        family = SMALL if match[0].lower() in SMALL else TENS
        new = rng.choice([word for word in family if word != match[0].lower()])
        return new.capitalize() if match[0][0].isupper() else new

    text = NUMBER.sub(digits, text)
    return re.sub(rf"\b(?:{'|'.join(SMALL + TENS)})\b", words, text, flags=re.IGNORECASE)


def content_words(text, latex):
    """Return the places of the words that carry meaning."""
    blocked = [match.span() for match in protected(latex).finditer(text)]
    return [
        match
        for match in WORD.finditer(text)
        if len(match[0]) > 2
        and match[0].lower() not in STOP
        and not any(start <= match.start() < end for start, end in blocked)
    ]


def synonyms(text, latex, rng, share=0.2, neutral=True):
    """Replace a share of the content words, by the table first, then by neutral nouns."""
    words = content_words(text, latex)
    wanted = max(1, round(share * len(words)))
    known = [match for match in words if match[0].lower() in SYNONYMS]
    others = [match for match in words if match[0].lower() not in SYNONYMS]
    chosen = rng.sample(known, min(wanted, len(known)))
    chosen += rng.sample(others, wanted - len(chosen)) if neutral else []
    for match in sorted(chosen, key=lambda match: -match.start()):
        new = rng.choice(SYNONYMS.get(match[0].lower(), NEUTRAL)).replace("_", " ")
        new = new.capitalize() if match[0][0].isupper() else new
        text = text[: match.start()] + new + text[match.end() :]
    return text


def renamed(text, rng):
    """Other first names, the same throughout."""
    names = re.findall(
        r"(?<=[a-z,] )[A-Z][a-z]{2,}|^[A-Z][a-z]{2,}(?= (?:has|is|had|buys|sells))", text
    )
    for name, new in zip(dict.fromkeys(names), rng.sample(NAMES, len(NAMES)), strict=False):
        text = re.sub(rf"\b{name}\b", new, text)
    return text


def rewritten(text, latex, rng):
    """Rewrite by rules: names, order of the facts, voice, and up to a third of the words."""
    text = text if latex else renamed(text, rng)
    sentences = SENTENCE.split(text) if "[asy]" not in text else [text]
    *facts, asked = sentences
    if len(facts) > 1:
        at = rng.randrange(len(facts) - 1)
        facts[at], facts[at + 1] = facts[at + 1], facts[at]
    text = " ".join([asked, *facts] if rng.random() < 0.3 else [*facts, asked])
    for pattern, new in PHRASES:
        text = outside(protected(latex), lambda part, p=pattern, n=new: re.sub(p, n, part), text)
    return synonyms(text, latex, rng, share=0.33, neutral=False)


def first_half(text):
    """The first half of the words, with the white space between them."""
    places = [match.end() for match in re.finditer(r"\S+", text)]
    return text[: places[len(places) // 2 - 1]]
