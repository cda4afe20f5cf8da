"""Countdown: the boxed expression must reach the target with the given numbers.

Every right expression counts, not only the problem's own solution.  The expression is
parsed and never evaluated as code (see ``reasonbench.fresh.families.countdown``).
"""

from reasonbench.fresh.families import countdown
from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, extract
from reasonbench.records import Completion, Grade, Problem


class CountdownGrader:
    """Checks the expression in the last box."""

    identity = f"countdown/1+{VERSION}"

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion; ``problem.metadata`` holds numbers, target and ops."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        found = judging.final_answer(completion)
        if found.answer is None:
            return judging.without_answer(completion, self.identity, found.state)
        rules = problem.metadata
        check = countdown.check(found.answer, rules["numbers"], rules["target"], rules["ops"])
        if check.correct:
            return judging.correct(completion, self.identity, found.answer, check.canonical or "")
        reason = "unparsed" if check.reason == "unparsed" else "wrong"
        return judging.incorrect(completion, self.identity, reason, found.answer, check.reason)


def is_correct(text: str, numbers: list[int], target: int, ops: str) -> bool:
    """Return whether a raw completion is right: what lm-eval's own run of the task scores."""
    answer = extract(text).answer
    return answer is not None and countdown.check(answer, numbers, target, ops).correct
