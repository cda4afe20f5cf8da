"""The answer must be the target, but for white space, case and Unicode spelling.

The answer is the last box, else the last line after the thinking part.
"""

import unicodedata

from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, gold_answer
from reasonbench.records import Completion, Grade, Problem


def normalise(text: str) -> str:
    """Return ``text`` in NFKC, case-folded, each run of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class ExactGrader:
    """String equality with the target."""

    identity = f"exact/1+{VERSION}"

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        if problem.target is None:
            return judging.ungraded(
                completion, self.identity, "unparsed_target", detail="no target"
            )
        found = judging.final_answer(completion, fallback="line")
        if found.answer is None:
            return judging.without_answer(completion, self.identity, found.state)
        answer = normalise(found.answer)
        if answer in (normalise(problem.target), normalise(gold_answer(problem.target))):
            return judging.correct(completion, self.identity, found.answer)
        return judging.incorrect(completion, self.identity, "wrong", found.answer)
