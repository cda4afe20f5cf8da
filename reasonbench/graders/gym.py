"""What reasoning-gym's own scorer calls fully right, for problems of the task ``gym``.

The answer is what stands within the last ``<answer>`` tags after the thinking part, else the last
box.  Only a score of exactly 1.0 is correct; partial credit is not.  The scorers that are offered
compare, parse or play through, and none evaluates text (see ``reasonbench.fresh.gym``); what one
makes of a hostile answer costs this worker's time and memory alone.

An instance that nobody has seen is not a novel distribution: a right answer says nothing of
whether the model was trained on the generator.
"""

import functools
from typing import Any

from reasonbench.errors import SpecError
from reasonbench.fresh import gym
from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, split_thinking
from reasonbench.records import Completion, Grade, Problem

MAX_ANSWER = 20_000
"""Longest answer that a scorer is given; the longest gold answer has some 2,000 characters."""

_OPEN, _CLOSE = "<answer>", "</answer>"


class GymGrader:
    """Asks the generator's scorer."""

    def __init__(self) -> None:
        gym.require()
        # Loaded now, so that no completion's time limit pays for it.
        gym.offered()
        self.identity = f"gym/1+reasoning-gym-{gym.VERSION}+{VERSION}"

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion.

        Raises:
            SpecError: the problem is not one of the task ``gym``, or of another version.
        """
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        scorer, entry = _scorer(problem)
        answer, how = _answer(completion)
        if answer is None:
            state = judging.final_answer(completion).state
            return judging.without_answer(completion, self.identity, state)
        if len(answer) > MAX_ANSWER:
            said = f"{how}; {len(answer):,} characters"
            return judging.incorrect(completion, self.identity, "too_big", answer, said)
        try:
            score = float(scorer.score_answer(answer, entry))
        except MemoryError:
            raise
        except Exception as error:  # a scorer that cannot read the answer
            said = f"{how}; {type(error).__name__}: {error}"
            return judging.incorrect(completion, self.identity, "unparsed", answer, said)
        if score == 1.0:
            return judging.correct(completion, self.identity, answer, how)
        return judging.incorrect(
            completion, self.identity, "wrong", answer, f"{how}; scored {score:.3g}"
        )


def _scorer(problem: Problem) -> tuple[Any, dict[str, Any]]:
    """Return the dataset that scores a problem, and its entry as the generator made it."""
    about = problem.metadata.get("gym")
    if not isinstance(about, dict) or not {"name", "level", "version", "entry"} <= set(about):
        raise SpecError(
            f"the grader gym judges problems of the task gym, and {problem.id} is none",
            hint="grade it with another grader",
        )
    if about["version"] != gym.VERSION:
        raise SpecError(
            f"{problem.id} was made by reasoning-gym {about['version']}, and is graded by "
            f"{gym.VERSION}",
            hint="make its task again",
        )
    entry = {
        "question": problem.statement,
        "answer": about.get("answer", problem.target),
        "metadata": gym.unpacked(about["entry"]),
    }
    return _dataset(str(about["name"]), about["level"]), entry


@functools.lru_cache(maxsize=64)
def _dataset(name: str, level: int | None) -> Any:
    gym.check_name(name)
    return gym.dataset_of(name, level, seed=0, size=1)


def _answer(completion: Completion) -> tuple[str | None, str]:
    """Return the final answer and where it stood: in the last tags, else in the last box."""
    said = split_thinking(completion.text, completion.thinking_prefilled).answer_text
    end = said.rfind(_CLOSE)
    start = said.rfind(_OPEN, 0, end) if end >= 0 else -1
    if start >= 0 and (tagged := said[start + len(_OPEN) : end].strip()):
        return tagged, "tagged"
    found = judging.final_answer(completion)
    if found.answer is not None:
        return found.whole, found.how
    return None, "nothing"
