r"""One way of writing for the many ways in which an answer is typed.

``spelled`` keeps single spaces, which words need; ``tight`` takes out all but those that
tell two numbers apart.  Both run in time linear in the text and never raise.
"""

import re
import unicodedata

_SYMBOLS = {
    "\u2212": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2010": "-",
    "\u2011": "-",
    "\u00d7": r"\times ",
    "\u00b7": r"\cdot ",
    "\u22c5": r"\cdot ",
    "\u2217": "*",
    "\u00f7": "/",
    "\u2215": "/",
    "\u2044": "/",
    "\u221e": r"\infty ",
    "\u00b0": r"^\circ ",
    "\u2264": r"\le ",
    "\u2265": r"\ge ",
    "\u2260": r"\ne ",
    "\u2248": r"\approx ",
    "\u00b1": r"\pm ",
    "\u222a": r"\cup ",
    "\u2229": r"\cap ",
    "\u2208": r"\in ",
    "\u2216": r"\setminus ",
    "\u2220": r"\angle ",
    "\u25b3": r"\triangle ",
    "\u2192": r"\to ",
    "\u2205": r"\emptyset ",
    "\u27e8": r"\langle ",
    "\u27e9": r"\rangle ",
    "\u2329": r"\langle ",
    "\u232a": r"\rangle ",
    "\u211d": r"\mathbb{R}",
    "\u2124": r"\mathbb{Z}",
    "\u2115": r"\mathbb{N}",
    "\u211a": r"\mathbb{Q}",
    "\u2102": r"\mathbb{C}",
    "\u2026": r"\ldots ",
    "\u2032": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
} | {
    chr(code): f"\\{name} "
    for name, code in {
        "alpha": 0x3B1,
        "beta": 0x3B2,
        "gamma": 0x3B3,
        "delta": 0x3B4,
        "epsilon": 0x3B5,
        "theta": 0x3B8,
        "lambda": 0x3BB,
        "mu": 0x3BC,
        "pi": 0x3C0,
        "rho": 0x3C1,
        "sigma": 0x3C3,
        "tau": 0x3C4,
        "phi": 0x3C6,
        "omega": 0x3C9,
    }.items()
}
_SYMBOL = re.compile("|".join(map(re.escape, _SYMBOLS)))
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()", strict=True))
_SCRIPT = re.compile(f"[{''.join(_RAISED)}]+|[{''.join(_LOWERED)}]+")
_VULGAR = re.compile("(\\d?)\\s?([¼½¾⅐-⅞])")
_ROOT = re.compile(r"[√∛]\s*(?:\\overline)?(?:\{([^{}]*)\}|\(([^()]*)\)|([\d.]+|[A-Za-z]))")

_FONTS = "mathbf|mathit|mathsf|boldsymbol|bm|underline|boxed|fbox|displaystyle|ensuremath"
_TEXTS = "text|textbf|textit|textrm|textnormal|textsf|mbox|hbox|mathrm|operatorname|emph"
_WRAPPER = re.compile(rf"\\(?:(?P<font>{_FONTS})|(?P<text>{_TEXTS}))\s*(?=\{{)")
_BARE_LETTERS = ("e", "i", "d", "C", "P")
_FUNCTION = re.compile(
    r"(?:arc)?(?:sin|cos|tan)|cot|sec|csc|sinh|cosh|tanh|log|ln|exp|gcd|lcm|max|min|det"
)
_NULLS = re.compile(
    r"\\(?:left|right)(?![A-Za-z])\.?|\\(?:middle|[bB]ig{1,2}[lrm]?|displaystyle|textstyle|limits"
    r"|nolimits|bf|rm|it|large|Large|LARGE|huge|small|blacksquare|square|checkmark)(?![A-Za-z])|\\!|\\[()\[\]](?<!\\\\.)|(?<!\\)\$"
)
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:(?:\\,|\{,\}|\\ |,\\!|\\!|\s|\\;|\\:)\d{3})+(?!\d)")
_COLOUR = re.compile(r"\\(?:text)?color\s*\{[^{}]{0,30}\}")
_SPACES = re.compile(r"(?<!\\)\\(?:[,;:> ]|q?quad(?![A-Za-z])|hspace\s*\{[^{}]{0,20}\})|~|\s+")
_SYNONYMS = (
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*(\d)\s*\{"), r"\\frac{\1}{"),
    (re.compile(r"(\\frac\s*\{[^{}]*\})\s*(\d)"), r"\1{\2}"),
    (re.compile(r"\\frac\s*\{"), r"\\frac{"),
    (re.compile(r"\\[dt]?binom\s*(\d)\s*(\d)(?!\d)"), r"\\binom{\1}{\2}"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (
        re.compile(r"(?<![A-Za-z\\])((?:arc)?(?:sin|cos|tan)|cot|csc|ln|log|exp|pi)(?![A-Za-z])"),
        r"\\\1 ",
    ),
    (
        re.compile(
            r"(?<=(?:hundred|housand)) and (?=(?:one|t[whe]|th|fo[ur]|fi[vf]|si[x]|sev|eig|nin|ele)"
            r"[a-z-]*)"
        ),
        " ",
    ),
    (re.compile(r"\\(pmod|bmod|mod)\s+(\d+)"), r"\\\1{\2}"),
    (re.compile(r"\\lg(?![A-Za-z])"), r"\\log_{10} "),
    (re.compile(r"\\log\s*_\s*(?:\{\s*e\s*\}|e)"), r"\\ln "),
    (re.compile(r"\\sqrt\s*(\d|[a-zA-Z](?![a-zA-Z]))"), r"\\sqrt{\1}"),
    (re.compile(r"(?:\\|(?<![A-Za-z\\]))sqrt\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(\\sqrt\{[^{}]*\})(?=\d)"), r"\1 "),
    (re.compile(r"\\(le|ge|ne)q?(?:slant)?(?![A-Za-z])"), r"\\\1 "),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"!="), r"\\ne "),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\(?:varnothing|empty)(?![A-Za-z])|\\\{\s*\\\}"), r"\\emptyset "),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\lbrack(?![A-Za-z])"), "["),
    (re.compile(r"\\rbrack(?![A-Za-z])"), "]"),
    (re.compile(r"(?<=\d)\\(?:bar|dot)\s*(?=\{?\d)"), r"\\overline"),
    (re.compile(r"(?<=\.)\\(?:bar|dot)\s*(?=\{?\d)"), r"\\overline"),
    (re.compile(r"\\degree|\^\s*\{\s*\\circ\s*\}|\^\s*\\circ"), r"^\\circ "),
    (re.compile(r"\\(?:dots|cdots|dotsc|dotsb)(?![A-Za-z])|\.\.\.+"), r"\\ldots "),
    (re.compile(r"\\(?:%|percent)"), "%"),
    (re.compile(r"\\(?:infin|infty)(?![A-Za-z])"), r"\\infty "),
    (re.compile(r"(?<![A-Za-z\\])(?:infinity|inf)(?![A-Za-z])"), r"\\infty "),
    (re.compile(r"\\colon(?![A-Za-z])"), ":"),
    (re.compile(r"\\backslash(?![A-Za-z])"), r"\\setminus "),
    (re.compile(r"\\(?:Bbb|mathbf|mathbb)\s*\{?([RZNQC])\}?(?![A-Za-z])"), r"\\mathbb{\1}"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\{([,:])\}"), r"\1"),
    (re.compile(r"\{([^{}]{1,40}?) ?\\choose ?([^{}]{1,40}?)\}"), r"\\binom{\1}{\2}"),
)
_BOLD = r"\\(?:mathbf|boldsymbol|bm)\s*\{\s*([A-Za-z])\s*\}"
_BOLD_PRODUCT = re.compile(rf"{_BOLD}\s*(\\(?:times|cdot))(?![A-Za-z])\s*{_BOLD}")
_ARRAY = re.compile(r"[\[(] ?(\\begin\{array\}.{0,400}?\\end\{array\}) ?[\])]", re.DOTALL)
_CASES = re.compile(r"\\begin\{cases\}(?P<rows>[^&]{1,400})\\end\{cases\}", re.DOTALL)
_IN_WORDS = (
    (re.compile(r"all real(?: number)?s", re.IGNORECASE), r"\mathbb{R}"),
    (
        re.compile(r"(?:there (?:is|are) )?no (?:real )?solutions?", re.IGNORECASE),
        r"\emptyset",
    ),
)
_GAPS = re.compile(r"\s+")
_COMMAS = re.compile(
    r"(?P<open>\\\{|[(\[]|\\langle)|(?P<close>\\\}|[)\]]|\\rangle)|(?<![\d.,])\d+(?:,\d+)+"
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_SAID = r"(?:the )?(?:final |correct |right )?(?:answer|option|choice)(?: is\b:?|:)"
_PROSE = re.compile(rf"\A(?:\\text\{{ ?{_SAID} ?\}}|{_SAID}) ?", re.IGNORECASE)
_LEAD = re.compile(r"\A(?:=|\\(?:approx|therefore|implies|Rightarrow|to)(?![A-Za-z])|:)\s*")
_EMPHASIS = re.compile(r"\A\s*(\*{1,3})(?!\*)(.*?[^*])\1\s*\Z", re.DOTALL)
_TIGHT = re.compile(r"(?<![\d.]) | (?!\.?\d)")
_BRACED_DIGIT = re.compile(r"(?<=[\^_])\{([A-Za-z0-9])\}(?!\d)")
_ENDS = re.compile(r"(?:[ .,;:]|(?<!\\)\\$)+$")


def spelled(text: str) -> str:
    """Return ``text`` in one spelling, with single spaces."""
    text = _without_wrappers(_vectors(_EMPHASIS.sub(r"\2", _unicode(text))))
    text = _THOUSANDS.sub(_joined, text)
    text = _NULLS.sub("", text)
    text = _SPACES.sub(" ", _COLOUR.sub("", text))
    for pattern, spelling in _SYNONYMS:
        text = pattern.sub(spelling, text)
    text = _PROSE.sub("", _LEAD.sub("", _ENDS.sub("", _GAPS.sub(" ", text).strip())))
    if len(text) > 2 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return _sets_in_words(unbraced(without_thousands(_without_frames(unbraced(text)))))


def _without_frames(text: str) -> str:
    """Return a text without brackets around an array, and a system as the list of its rows."""
    if r"\end{" not in text:
        return text
    text = _ARRAY.sub(r"\1", text)
    found = _CASES.fullmatch(text)
    if found is None:
        return text
    return ", ".join(row.strip(" ,") for row in found["rows"].split("\\\\") if row.strip(" ,"))


def _sets_in_words(text: str) -> str:
    said = text[6:-1].strip(" .") if text.startswith(r"\text{") and text.endswith("}") else text
    if len(said) > 40:
        return text
    return next((sign for words, sign in _IN_WORDS if words.fullmatch(said)), text)


def _vectors(text: str) -> str:
    """Return a text in which bold letters in a product are vectors: the sign tells which."""
    if r"\times" not in text and r"\cdot" not in text:
        return text
    return _BOLD_PRODUCT.sub(r"\\vec{\1} \2 \\vec{\3}", text)


def without_thousands(text: str) -> str:
    """Return ``text`` with 1,234 as 1234, but never within brackets, where commas part."""
    depth = at = 0
    out: list[str] = []
    for found in _COMMAS.finditer(text):
        if found["open"]:
            depth += 1
        elif found["close"]:
            depth -= 1
        elif depth <= 0 and _GROUPED.fullmatch(found[0]):
            out += text[at : found.start()], found[0].replace(",", "")
            at = found.end()
    return "".join([*out, text[at:]])


def tight(spelled_text: str) -> str:
    """Return what ``spelled`` gave without spaces, but for those between two numbers."""
    return _BRACED_DIGIT.sub(r"\1", _TIGHT.sub("", spelled_text)).replace(r"\$", "")


def unbraced(text: str) -> str:
    """Return ``text`` without braces around the whole of it."""
    while text.startswith("{") and group_end(text, 0) == len(text):
        text = text[1:-1].strip()
    return text


def group_end(text: str, start: int) -> int:
    """Return the end of the group in braces that begins at ``start``; -1 if it never closes."""
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(char, 0)
        at += 1
        if not depth:
            return at
    return -1


def _unicode(text: str) -> str:
    if text.isascii():
        return text
    text = _SCRIPT.sub(_script, text)
    text = _VULGAR.sub(_vulgar, text)
    text = _SYMBOL.sub(lambda found: _SYMBOLS[found[0]], text)
    text = _ROOT.sub(_root, unicodedata.normalize("NFKC", text))
    text = _SYMBOL.sub(lambda found: _SYMBOLS[found[0]], text)
    return "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cf", "Cc"))


def _script(found: re.Match[str]) -> str:
    table, mark = (_RAISED, "^") if found[0][0] in _RAISED else (_LOWERED, "_")
    return f"{mark}{{{''.join(table[char] for char in found[0])}}}"


def _vulgar(found: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", found[2]).partition("\u2044")
    return f"{found[1]}{' ' if found[1] else ''}\\frac{{{top}}}{{{bottom}}}"


def _root(found: re.Match[str]) -> str:
    index = "[3]" if found[0][0] == "∛" else ""
    return f"\\sqrt{index}{{{found[1] or found[2] or found[3] or ''}}}"


def _joined(found: re.Match[str]) -> str:
    return re.sub(r"[^\d]", "", found[0])


def _without_wrappers(text: str) -> str:
    r"""Return ``text`` with fonts taken off and all words in ``\text{...}``."""
    if "\\" not in text:
        return text
    out: list[str] = []
    at = 0
    for found in _WRAPPER.finditer(text):
        if found.start() < at:
            continue
        end = group_end(text, found.end())
        if end < 0:
            break
        inside = text[found.end() + 1 : end - 1]
        out += text[at : found.start()], _unwrapped(found, inside)
        at = end
    return "".join([*out, text[at:]])


def _unwrapped(found: re.Match[str], inside: str) -> str:
    if found["font"]:
        return f"{{{_without_wrappers(inside)}}}" if "\\" in inside else inside
    name = found[0].strip()
    words = inside.strip()
    if name in (r"\mathrm", r"\operatorname"):
        if words in _BARE_LETTERS:
            return f"{words} "
        if _FUNCTION.fullmatch(words):
            return f"\\{words} "
    if re.fullmatch(r"[-+]?[\d.,/%]+|\(?[-\d.,\s]+\)?", words) or "\\" in words or "$" in words:
        return _without_wrappers(inside)
    return f"\\text{{{inside}}}"
