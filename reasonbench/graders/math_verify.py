r"""Plain math-verify in its recommended configuration, as a second opinion on a run.

math-verify extracts by itself, from the text after the thinking part: LaTeX first, boxes
before all else, then plain expressions.  Grade a run with it to see where it and ``math``
disagree.

Its reader of plain expressions goes through ``sympy.parse_expr``, which evaluates text; what
it hands there holds digits, operators, brackets and spaces alone.  Its timeouts are off: the
pool kills the process instead.
"""

import importlib.metadata
from typing import Any

from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, gold_answer, split_thinking
from reasonbench.graders.maths.symbolic import library
from reasonbench.records import Completion, FinishReason, Grade, Problem

MAX_TEXT = 20_000
"""Characters at the end of the answer part that it is given: its patterns are not linear."""


class MathVerifyGrader:
    """Judges as math-verify alone would."""

    def __init__(self) -> None:
        version = importlib.metadata.version("math-verify")
        self.identity = f"math_verify/1+math-verify-{version}+{VERSION}"
        self._gold: tuple[str, list[Any]] = ("", [])
        _parsed("$1$")

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        if problem.target is None:
            return judging.without_gold(completion, self.identity)
        thinking = split_thinking(completion.text, completion.thinking_prefilled)
        text = thinking.answer_text[-MAX_TEXT:]
        answers = _parsed(text) if text.strip() else []
        if not answers:
            return judging.without_answer(completion, self.identity, thinking.state)
        gold = self._parsed_gold(problem.target)
        shown = str(answers[-1])
        if not gold:
            return judging.ungraded(
                completion, self.identity, judging.GOLD_UNPARSED, shown, layer="math-verify"
            )
        # Gold first: verify is not symmetric.
        if library().verify(gold, answers, timeout_seconds=None):
            return judging.correct(completion, self.identity, shown, layer="math-verify")
        cut_off = completion.finish_reason is FinishReason.LENGTH and "boxed" not in text
        reason = "truncated" if cut_off else "wrong"
        return judging.incorrect(completion, self.identity, reason, shown, layer="math-verify")

    def _parsed_gold(self, target: str) -> list[Any]:
        if self._gold[0] != target:
            self._gold = (target, _parsed(f"${gold_answer(target)}$"))
        return self._gold[1]


def _parsed(text: str) -> list[Any]:
    verify = library()
    configs = [
        verify.LatexExtractionConfig(boxed_match_priority=0),
        verify.ExprExtractionConfig(),
    ]
    return list(verify.parse(text, extraction_config=configs, parsing_timeout=None))
