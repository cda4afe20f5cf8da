"""A stranger's distribution: a task, an engine, a grader and a section, known by entry points.

The engine draws from a random generator seeded by each request, so its draws are exactly
repeatable; its ``args`` make it fail in the ways that real engines do.
"""

import os
import random
import signal

import msgspec

from reasonbench.errors import EngineError
from reasonbench.records import (
    Completion,
    EngineIdentity,
    Failure,
    FinishReason,
    Message,
    Problem,
    Prompt,
    Stage,
)
from reasonbench.report.blocks import Paragraph
from reasonbench.specs import TaskSpec


class Sums:
    """``sums:N`` or ``sums:N,NAME,OFFSET``: N sums, exact integer answers."""

    def __init__(self, argument=None):
        count, name, offset = [*(argument or "4").split(","), "sums", "0"][:3]
        if argument is None or "," not in argument:
            name, offset = "sums", "0"
        self.count, self.name, self.raises = int(count), name, offset == "raise"
        self.offset = 0 if self.raises else int(offset)
        self.shift = int(os.environ.get("REASONBENCH_FAKE_SHIFT", "0"))

    @property
    def spec(self):
        return TaskSpec(name=self.name, grader="exact", content_digest=f"{self.count}/{self.shift}")

    def problems(self):
        if self.raises:
            raise ValueError("boom")
        for i in range(self.offset, self.offset + self.count):
            yield Problem(
                task=self.name,
                id=f"{i:03d}",
                statement=f"What do you get when you add the number {i} to the number {i * i}?",
                target=str(i + i * i + self.shift),
            )

    def prompt(self, problem):
        return Prompt(
            problem_id=problem.id,
            task=self.name,
            messages=(Message(role="user", content=problem.statement),),
        )


class FakeEngine:
    """Answers right with a chance that falls with the number in the problem's id.

    args: ``context``, ``truncate`` (share of truncated), ``fail_at`` (Failure records for these
    sample indices), ``decimal`` (sample indices that write 5 as 5.0), ``raise_after``,
    ``kill_after``, ``interrupt_after`` (after so many completions), ``end_after``, ``mislabel``
    (fields to falsify), ``version``, ``leak`` (ids that it always gets right), ``wrong_last``
    (right completions finish first), ``fail_wrong`` (Failure records for wrong answers).
    """

    def __init__(self, model, engine):
        if model.id == "missing":
            raise EngineError("there is no model 'missing'", hint="name another")
        self.args = engine.args
        self.closed = False
        self.identity = EngineIdentity(
            engine="fake",
            model=model.id,
            revision=None,
            weights_digest="w" * 32,
            dtype=engine.dtype,
            versions={"fake": self.args.get("version", "1")},
        )
        self.context_length = self.args.get("context", 1000)

    def render(self, prompt):
        return prompt.messages[0].content

    def count_tokens(self, prompt):
        return 5

    def check(self, prompts, sampling):
        if sampling.max_tokens > self.context_length:
            raise EngineError("the prompts do not fit", hint="lower --max-tokens")

    def sample(self, requests, sampling):
        if self.args.get("wrong_last"):
            requests = sorted(requests, key=lambda request: not self._is_right(request))
        for drawn, request in enumerate(requests):
            for name, act in (
                ("kill_after", _kill),
                ("raise_after", _raise),
                ("interrupt_after", _interrupt),
            ):
                if drawn == self.args.get(name):
                    act()
            if drawn == self.args.get("end_after"):
                return
            failed = self.args.get("fail_wrong") and not self._is_right(request)
            if failed or request.sample_index in self.args.get("fail_at", ()):
                yield Failure(
                    key=request.key,
                    task=request.prompt.task,
                    problem_id=request.prompt.problem_id,
                    sample_index=request.sample_index,
                    stage=Stage.SAMPLE,
                    error_type="Timeout",
                    message="no answer",
                )
                continue
            yield msgspec.structs.replace(self._draw(request), **self.args.get("mislabel", {}))

    def _is_right(self, request):
        problem_id = request.prompt.problem_id
        chance = random.Random(request.seed).random()
        return chance < 1 / (1 + 0.2 * int(problem_id)) or problem_id in self.args.get("leak", ())

    def _draw(self, request):
        rng = random.Random(request.seed)
        number = int(request.prompt.problem_id)
        right = self._is_right(request)
        rng.random()
        cut = rng.random() < self.args.get("truncate", 0)
        answer = number + number * number + (0 if right else 1 + rng.randrange(9))
        if request.sample_index in self.args.get("decimal", ()):
            answer = f"{answer}.0"
        text = f"<think>\nadding {rng.random()}" + (
            "" if cut else f"\n</think>\n\\boxed{{{answer}}}"
        )
        return Completion(
            key=request.key,
            task=request.prompt.task,
            problem_id=request.prompt.problem_id,
            sample_index=request.sample_index,
            text=text,
            finish_reason=FinishReason.LENGTH if cut else FinishReason.STOP,
            n_prompt_tokens=5,
            n_tokens=7,
            seed=request.seed,
            engine=self.identity.digest(),
        )

    def close(self):
        self.closed = True


class RaisingGrader:
    """Raises on every completion."""

    identity = "raising/1"

    def grade(self, problem, completion):
        raise RuntimeError("this grader is broken")


class RaisingDetector:
    """Raises on every search."""

    identity = "raising/1"

    def detect(self, problems, traces):
        raise ValueError("boom")


class StrangerSection:
    """A section that a stranger wrote."""

    title = "A stranger's part"

    def render(self, audit):
        return [Paragraph("written by a stranger")]


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _raise():
    raise RuntimeError("the engine broke down")


def _interrupt():
    raise KeyboardInterrupt
