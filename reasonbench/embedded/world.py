r"""What the embedded models read and write: the tokenizer, search traces, direct guesses.

A search trace tries one way after another, and every attempt restates the target next to its
result. That is what lets a model this small check itself: without it the comparison reaches
back over the whole trace, and pass@1 stays near .10 instead of .70.

    <think>
    3 + 7 = 10, 10 + 11 = 21 ? 110 no
    3 + 7 = 10, 10 * 11 = 110 ? 110 yes
    </think>
    \boxed{(3 + 7) * 11}

Every line of a trace written here is true: the arithmetic is right, and the verdict is `yes`
exactly when the result is the target.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from reasonbench.fresh.families.countdown import CountdownProblem

MAX_VALUE = 199
"""Largest value that an attempt may reach: numbers up to here are one token each."""

BOS, EOS, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
THINK, UNTHINK = "<think>", "</think>"
VERDICTS = (" no\n", " yes\n")

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# A number is one piece without its spaces, so that each value has one embedding only;
# operators, commas and words carry the spaces instead.
_PIECES = r"[0-9]+| (?:no|yes)\n| ?[+\-*/=?] ?|[,.] | ?[A-Za-z]+ ?|\\boxed\{|\\|\n"
_WORDS = (
    ("Use ", "the ", "numbers ", " and ", "and ", "each ", "at ", "most ", "once", "with "),
    (" to ", "reach ", "Put ", "expression ", "in ", "\\boxed{", "user", "assistant", "system"),
    (" + ", " - ", " * ", " / ", " = ", " ? ", " +", " -", " *", " /", "+ ", "- ", "* ", "/ "),
    (", ", ". ", *VERDICTS),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to combine three numbers."""

    steps: str
    """The two steps, as a trace shows them."""
    value: int
    """What they reach."""
    expression: str
    """The same as one expression."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of all three models; any text survives encoding and decoding."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = [*map(str, range(10, MAX_VALUE + 1)), *itertools.chain(*_WORDS)]
    entries = [*alphabet, *(to_bytes.pre_tokenize_str(word)[0][0] for word in words)]
    vocab = {entry: index for index, entry in enumerate(entries)}
    # Without merges, and with whole pieces looked up first, a piece is one token when it is
    # in the vocabulary and its bytes otherwise.
    core = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_PIECES), "isolated"), to_bytes]
    )
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(text, special=True) for text in (BOS, EOS, PAD)])
    # Not special: decoding that skips special tokens must keep the thought's borders.
    core.add_tokens([AddedToken(text, normalized=False) for text in (THINK, UNTHINK)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=EOS,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=2048,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def attempts(numbers: Sequence[int]) -> tuple[Attempt, ...]:
    """The different ways to combine three numbers with + - * into 1..199.

    Ways that only re-associate one another stand once, and steps that change nothing (times
    one, or a difference of zero) are left out.
    """
    first, second, third = numbers
    found: dict[object, Attempt] = {}
    for a, b, last in ((first, second, third), (first, third, second), (second, third, first)):
        for one, middle in _steps(a, b):
            for two, value in _steps(middle, last):
                # What is left after re-association: the signs of a chain, or the grouping.
                key: object = (one, two, middle, last)
                if one in "+-" and two in "+-":
                    key = ("sum", value)
                elif one == two == "*":
                    key = "product"
                attempt = _attempt((a, b, one, middle), (last, two, value))
                if value <= MAX_VALUE:
                    found.setdefault(key, attempt)
    return tuple(found.values())


def search(problem: CountdownProblem, rng: random.Random) -> str:
    """A completion that searches in random order until it finds the target."""
    order = list(attempts(problem.numbers))
    rng.shuffle(order)
    lines: list[str] = []
    for attempt in order:
        lines.append(_line(attempt, problem.target))
        if attempt.value == problem.target:
            return _completion(lines, attempt.expression)
    raise ValueError(f"no attempt reaches {problem.target} from {problem.numbers}")


def guess(problem: CountdownProblem, rng: random.Random) -> str:
    """A completion that looks at one way, then names an answer without a search.

    One look in four is at a right way: a rarer `yes` would leave its meaning unlearned. The
    answer is right one time in ten and any way otherwise: what is learned is arithmetic and
    form, and how to solve a problem is left to distillation.
    """
    ways = attempts(problem.numbers)
    right = rng.choice([way for way in ways if way.value == problem.target])
    seen = right if rng.random() < 0.25 else rng.choice(ways)
    named = right if rng.random() < 0.1 else rng.choice(ways)
    return head(seen, problem.target) + tail(named)


def head(seen: Attempt, target: int) -> str:
    """What a guess looks at, up to the end of the thought."""
    return "\n".join((THINK, _line(seen, target), UNTHINK, ""))


def tail(named: Attempt) -> str:
    """What a completion answers."""
    return f"\\boxed{{{named.expression}}}"


def _steps(a: int, b: int) -> Iterator[tuple[str, int]]:
    yield "+", a + b
    if a != b:
        yield "-", abs(a - b)
    if a > 1 and b > 1:
        yield "*", a * b


def _attempt(one: tuple[int, int, str, int], two: tuple[int, str, int]) -> Attempt:
    a, b, op, middle = one
    last, op_two, value = two
    if op == "-" and b > a:
        a, b = b, a
    inner = f"({a} {op} {b})"
    if op_two == "-" and last > middle:
        second, expression = f"{last} - {middle}", f"{last} - {inner}"
    else:
        second, expression = f"{middle} {op_two} {last}", f"{inner} {op_two} {last}"
    return Attempt(f"{a} {op} {b} = {middle}, {second} = {value}", value, expression)


def _line(attempt: Attempt, target: int) -> str:
    return f"{attempt.steps} ? {target} {'yes' if attempt.value == target else 'no'}"


def _completion(lines: Sequence[str], expression: str) -> str:
    return "\n".join((THINK, *lines, UNTHINK, f"\\boxed{{{expression}}}"))
