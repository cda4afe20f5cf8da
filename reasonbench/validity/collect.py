"""What the checks read: flags, counts and digests of a plan's completions, and no text.

Grades are read first, one byte each, then the completions, so that neither reading has to
keep step with the other while a run goes on.
"""

import hashlib
import itertools
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reasonbench.graders.extraction import TAGS, ThinkingState, extract, split_thinking
from reasonbench.records import Completion, FinishReason, Grade, Plan, Problem, Session, Verdict
from reasonbench.results import TaskResult
from reasonbench.store import Store
from reasonbench.validity.gold import Gold, golds

MAX_EXAMPLES = 5
"""Completions that a finding names."""
MAX_ID = 120
"""Characters of a task's or a problem's name in an example."""
TAIL = 300
"""Characters at the end of a text in which a final answer stands, where there is one."""
THIN_TOKENS = 64
"""Fewest tokens from which a text can be called too short for them."""
THIN_BYTES = 0.5
"""Bytes a token below which text was taken away: a token that shows is a byte at least."""

RIGHT, WRONG, NO_VERDICT, ANSWER, CUT_OFF, ANSWERLESS, UNPARSED, EQUAL = (1 << i for i in range(8))
"""What one byte says of a grade; EQUAL: judged wrong, though spelled as the gold answer."""


@dataclass
class ProblemSeen:
    """One problem's completions, in the plan's order."""

    id: str
    gold: Gold
    codes: bytearray
    """Grade of each sample_index; 0 is none."""
    indices: "array[int]" = field(default_factory=lambda: array("L"))
    """sample_index of each completion."""
    hashes: "array[int]" = field(default_factory=lambda: array("Q"))
    """Digest of each text, 8 bytes."""
    n_tokens: int = 0
    """Tokens of all completions."""
    misses: int = 0
    """Incorrect completions whose final answer reads as the gold one."""

    def judged(self) -> Iterator[tuple[int, bool]]:
        """Yield sample_index and success of each completion that has a verdict."""
        for index, code in enumerate(self.codes):
            if code & (RIGHT | WRONG):
                yield index, bool(code & RIGHT)


class Flags:
    """How many completions show something, and the first few of them."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, flag: str, task: str, problem_id: str, sample_index: int) -> None:
        """Count one more completion."""
        self.count[flag] += 1
        if self.count[flag] <= MAX_EXAMPLES:
            name = example(task, problem_id, sample_index)
            self.examples.setdefault(flag, []).append(name)

    def share(self, flag: str, of: str) -> float:
        """Return the share of ``of`` that shows ``flag``; 0 where there is none."""
        return self.count[flag] / self.count[of] if self.count[of] else 0.0


@dataclass
class TaskSeen:
    """One task's completions."""

    result: TaskResult
    problems: dict[str, ProblemSeen] = field(default_factory=dict)
    flags: Flags = field(default_factory=Flags)
    engines: Counter[str] = field(default_factory=Counter)
    """Completions by the digest of their engine."""

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.result.spec.name


@dataclass
class Run:
    """All that the checks may look at."""

    plan: Plan
    tasks: list[TaskSeen]
    sessions: list[Session]
    """Sessions that drew with this plan's engine, in order."""


def collect(
    store: Store, plan: Plan, tasks: Sequence[TaskResult], graders: Mapping[str, str]
) -> Run:
    """Read a plan's problems, grades and completions, once each."""
    plan_id = plan.digest()
    seen = {task.spec.name: TaskSeen(task) for task in tasks}
    _add_problems(store.problems(plan_id), seen, plan.spec.n)
    for grade, _ in store.grades(plan_id, graders):
        if 0 <= grade.sample_index < plan.spec.n:
            problem = seen[grade.task].problems[grade.problem_id]
            problem.codes[grade.sample_index] = _code(grade, problem.gold)
    for asked, completion in store.completions(plan_id):
        task = seen[asked.task]
        _observe(task, task.problems[asked.id], asked, completion, plan)
    return Run(plan, list(seen.values()), _drawing_sessions(store, plan))


def example(task: str, problem_id: str, sample_index: int | None = None) -> str:
    """Return the name of a completion or a problem, cut and fit for UTF-8."""
    name = problem_id[:MAX_ID]
    name = name if name.startswith(f"{task}/") else f"{task[:MAX_ID]}/{name}"
    name += "" if sample_index is None else f"#{sample_index}"
    return name.encode("utf-8", "backslashreplace").decode()


def _add_problems(problems: Iterator[Problem], seen: Mapping[str, TaskSeen], n: int) -> None:
    for name, group in itertools.groupby(problems, key=lambda p: p.task):
        for problem, gold in golds(group):
            seen[name].problems[problem.id] = ProblemSeen(problem.id, gold, bytearray(n))


def _code(grade: Grade, gold: Gold) -> int:
    if grade.verdict is Verdict.UNGRADED:
        return NO_VERDICT
    code = ANSWER if grade.answer is not None else 0
    if grade.verdict is Verdict.CORRECT:
        return code | RIGHT
    code |= WRONG
    code |= CUT_OFF if grade.reason == "truncated" else 0
    code |= ANSWERLESS if grade.reason == "no_answer" else 0
    code |= UNPARSED if grade.reason == "unparsed" else 0
    return code | (EQUAL if gold.equals(grade.answer) else 0)


def _observe(
    task: TaskSeen, problem: ProblemSeen, asked: Problem, completion: Completion, plan: Plan
) -> None:
    code = 0
    if 0 <= completion.sample_index < plan.spec.n:
        code = problem.codes[completion.sample_index]
    raw = completion.text.encode("utf-8", "surrogatepass")
    problem.indices.append(max(completion.sample_index, 0))
    problem.hashes.append(int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little"))
    problem.n_tokens += completion.n_tokens
    task.engines[completion.engine] += 1
    flags = ["all", *_ending(completion, code, plan)]
    if not code or code & NO_VERDICT:
        flags.append("ungraded")
    if "stopped" in flags:
        flags += _thinking(completion, len(raw), code)
    if code & WRONG and "lost" not in flags:
        flags += _missed(completion, code, problem.gold)
    problem.misses += "missed" in flags
    for flag in flags:
        task.flags.add(flag, task.name, asked.id, completion.sample_index)


def _ending(completion: Completion, code: int, plan: Plan) -> Iterator[str]:
    """Yield how a completion ended."""
    limit, room = plan.sampling.max_tokens, plan.context_length
    length = completion.finish_reason is FinishReason.LENGTH
    capped = False
    if limit is not None:
        # A server may call its cap a stop; one that ends on the very last token has an answer.
        capped = completion.n_tokens >= limit and not code & (ANSWER | RIGHT)
        # An imported log may count no tokens: 0 is not known then.
        if length and 0 < completion.n_tokens < limit:
            yield "context_cut"
        if room is not None and completion.n_prompt_tokens + limit > room:
            yield "no_room"
    if length or (completion.finish_reason is FinishReason.STOP and capped):
        yield "cut"
        if not length:
            yield "called_stop"
        if not code & RIGHT and (code & CUT_OFF or not code & ANSWER):
            yield "lost"
    elif completion.finish_reason is FinishReason.STOP:
        yield "stopped"


def _thinking(completion: Completion, n_bytes: int, code: int) -> Iterator[str]:
    """Yield what the marks of a completion that ended by itself say."""
    prefilled = completion.thinking_prefilled
    thin = completion.n_tokens >= THIN_TOKENS and n_bytes < THIN_BYTES * completion.n_tokens
    if thin:
        yield "thin"
    if prefilled:
        yield "prefilled"
    if split_thinking(completion.text, prefilled).state is not ThinkingState.UNCLOSED:
        if code & ANSWERLESS:
            yield "no_answer"
        return
    yield "unclosed"
    if prefilled and not any(mark in completion.text for pair in TAGS for mark in pair):
        yield "markless"
        if thin or extract(completion.text[-TAIL:], fallback="stated").answer is not None:
            yield "markless_answer"


def _missed(completion: Completion, code: int, gold: Gold) -> Iterator[str]:
    """Yield whether the gold answer stands in a completion that was judged incorrect."""
    if not gold.plain:
        return
    truncated = completion.finish_reason is FinishReason.LENGTH
    prefilled = completion.thinking_prefilled
    if code & EQUAL or gold.equals(
        extract(completion.text, prefilled=prefilled, truncated=truncated, fallback="stated").answer
    ):
        yield "missed"
    elif code & (ANSWERLESS | UNPARSED) and gold.control:
        tail = split_thinking(completion.text, prefilled).answer_text[-TAIL:]
        own, other = gold.stands_in(tail), gold.control_stands_in(tail)
        if own and not other:
            yield "gold_in_tail"
        if other and not own:
            yield "control_in_tail"


def _drawing_sessions(store: Store, plan: Plan) -> list[Session]:
    """Return the sessions whose completions this plan may hold: the engine is theirs too."""
    plans = {p.digest() for p in store.plans() if p.engine == plan.engine}
    return [s for s in store.sessions() if s.plan in plans and s.command[1:2] != ("regrade",)]
