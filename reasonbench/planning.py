"""From a RunSpec to the completions it asks for, each with its key and seed.

A plan holds nothing that was drawn: two calls with the same spec, model and engine
give the same plan, so what a killed run still owes is plan minus store.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from reasonbench.errors import EngineError, SpecError, TaskError
from reasonbench.identity import base_seed, completion_key, digest
from reasonbench.plugins import attributed
from reasonbench.presets import AUTO, refuse_system_prompt
from reasonbench.protocols import Engine, Task
from reasonbench.records import (
    EngineIdentity,
    Message,
    Plan,
    PlanItem,
    Problem,
    Prompt,
    SampleRequest,
)
from reasonbench.specs import RunSpec, SamplingSpec, TaskSpec

MAX_TOKENS_CAP = 32_768
"""Default ceiling of a completion; the field's reasoning models are reported at it."""
NOT_TOLD = "not told"
"""Stands for a sampling field that the log of an imported run does not tell."""
UNASKED = ("grader", "license", "published")
"""Fields of a task that change no draw."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One problem as it is put to the model, n times over."""

    problem: Problem
    prompt: Prompt
    seed: int
    """Seed of its first completion; the i-th has ``seed + i``."""
    n: int
    """Completions asked for."""
    drawn_by: tuple[str, str]
    """Digest of the engine's identity, and of the effective sampling."""

    def completion_keys(self) -> Iterator[str]:
        """Yield the keys of its completions, in the order of sample_index."""
        problem, prompt = self.problem.digest(), self.prompt.digest()
        engine, sampling = self.drawn_by
        for i in range(self.n):
            yield completion_key(
                problem=problem, prompt=prompt, engine=engine, sampling=sampling, sample_index=i
            )

    def items(self) -> Iterator[PlanItem]:
        """Yield what the store keeps of each completion that is asked for."""
        problem = self.problem
        digest = problem.full_digest()
        for i, key in enumerate(self.completion_keys()):
            yield PlanItem(key, problem.task, problem.id, i, digest)

    def requests(self) -> Iterator[SampleRequest]:
        """Yield its requests, in the order of sample_index."""
        for i, key in enumerate(self.completion_keys()):
            yield SampleRequest(key=key, prompt=self.prompt, sample_index=i, seed=self.seed + i)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its problems in order.

    Items and requests are made as they are read: a plan of millions of completions is no
    larger than its problems.
    """

    plan: Plan
    asked: list[Asked]

    @property
    def problems(self) -> list[Problem]:
        """The problems, in order."""
        return [asked.problem for asked in self.asked]

    @property
    def total(self) -> int:
        """Completions that are asked for."""
        return sum(asked.n for asked in self.asked)

    def items(self) -> Iterator[PlanItem]:
        """Yield every completion that is asked for, problem by problem."""
        for asked in self.asked:
            yield from asked.items()


def load_problems(task: Task, limit: int | None) -> list[Problem]:
    """Return a task's first ``limit`` problems.

    Raises:
        TaskError: it has none, or two of one id.
    """
    problems: list[Problem] = []
    seen: set[str] = set()
    with attributed("task", task.spec.name):
        found = list(itertools.islice(task.problems(), limit))
    for problem in found:
        if problem.id in seen:
            raise TaskError(
                f"task {task.spec.name!r} has two problems with the id {problem.id!r}",
                hint="give every problem an id of its own",
            )
        seen.add(problem.id)
        problems.append(problem)
    if not problems:
        raise TaskError(f"task {task.spec.name!r} has no problems")
    return problems


def effective_sampling(sampling: SamplingSpec, context_length: int | None) -> SamplingSpec:
    """Return ``sampling`` with max_tokens resolved against the model's context.

    Raises:
        SpecError: neither max_tokens nor the context is known.
    """
    if sampling.max_tokens is not None:
        return sampling
    if context_length is None:
        raise SpecError(
            "the engine does not say how long the model's context is, so max_tokens has no default",
            hint="set sampling.max_tokens (--max-tokens)",
        )
    return msgspec.structs.replace(
        sampling, max_tokens=min(MAX_TOKENS_CAP, max(1, context_length * 3 // 4))
    )


def plan_run(spec: RunSpec, tasks: Sequence[Task], engine: Engine) -> Planned:
    """Return everything that ``spec`` asks for.

    Raises:
        TaskError: no problems, double ids, two tasks of one name.
        EngineError: a prompt that cannot be sampled.
        SpecError: several greedy completions, which are one; a system prompt that the
            model's card forbids or the task cannot take.
    """
    refuse(spec)
    sampling = effective_sampling(spec.sampling, engine.context_length)
    task_specs: list[TaskSpec] = []
    asked: list[Asked] = []
    drawn_by = engine.identity.digest(), digest(sampling)
    for task in tasks:
        task_spec = task.spec
        if task_spec.name in {t.name for t in task_specs}:
            raise TaskError(f"two tasks are named {task_spec.name!r}", hint="give each task once")
        task_specs.append(task_spec)
        for problem in load_problems(task, spec.limit):
            with attributed("task", task_spec.name):
                prompt = task.prompt(problem)
            if spec.system_prompt is not None:
                prompt = with_system_prompt(prompt, spec.system_prompt)
            seed = base_seed(sampling.seed, problem.task, problem.id)
            asked.append(
                Asked(problem=problem, prompt=prompt, seed=seed, n=spec.n, drawn_by=drawn_by)
            )
    has_system = {
        a.problem.task for a in asked if any(m.role == "system" for m in a.prompt.messages)
    }
    plan = Plan(
        spec=spec,
        sampling=sampling,
        engine=engine.identity,
        tasks=tuple(task_specs),
        graders={t.name: spec.grader or t.grader for t in task_specs},
        context_length=engine.context_length,
        system_prompts=tuple(t.name for t in task_specs if t.name in has_system),
    )
    with attributed("engine", engine.identity.engine):
        engine.check([a.prompt for a in asked], sampling)
    return Planned(plan=plan, asked=asked)


def refuse(spec: RunSpec) -> None:
    """Refuse what cannot give a score, before anything is loaded or rendered."""
    if spec.sampling.temperature == 0 and spec.n > 1:
        raise SpecError(
            f"at temperature 0 all {spec.n} completions of a problem are one and the same",
            hint="give n = 1, or a temperature above 0",
        )
    if spec.stop_after_successes is not None and spec.stop_after_successes > spec.n:
        raise SpecError(
            f"stop_after_successes is {spec.stop_after_successes}, and of n = {spec.n} completions "
            f"no more can be right",
            hint="give a larger n, or stop earlier",
        )
    if spec.engine.replicas > 1 and spec.engine.ray is None:
        raise SpecError(
            f"engine.replicas is {spec.engine.replicas}, and only a Ray cluster has more than one",
            hint="set engine.ray (--ray auto)",
        )
    if spec.model.preset == AUTO:
        raise SpecError(
            "model.preset is still 'auto' here, so its values are in no field of the spec",
            hint="resolve it first: reasonbench.presets.apply does for a file and the command line",
        )
    refuse_system_prompt(
        spec.model.id, spec.model.preset, spec.system_prompt, force=spec.force_system_prompt
    )


def with_system_prompt(prompt: Prompt, text: str) -> Prompt:
    """Return a prompt with a system message put before it.

    Raises:
        SpecError: it is plain text, or has a system message of its own.
    """
    if prompt.text is not None:
        raise SpecError(
            f"task {prompt.task!r} sends plain text, which can hold no system prompt",
            hint="leave --system-prompt out",
        )
    if any(message.role == "system" for message in prompt.messages):
        raise SpecError(
            f"task {prompt.task!r} sends a system message of its own",
            hint="leave --system-prompt out, or change the task",
        )
    first = Message(role="system", content=text)
    return msgspec.structs.replace(prompt, messages=(first, *prompt.messages))


def changed_fields(old: Plan, new: Plan) -> list[str]:
    """Return the fields that make ``new``'s draws differ from ``old``'s, with both values.

    A task that only one of them has is an addition, not a change.
    """
    pairs: list[tuple[str, Any, Any]] = [
        ("sampling", _sampling(old), _sampling(new)),
        ("engine", old.engine, new.engine),
    ]
    before = {task.name: task for task in old.tasks}
    pairs += [(f"task {t.name}", before[t.name], t) for t in new.tasks if t.name in before]
    changes = []
    for prefix, *sides in pairs:
        left, right = (msgspec.to_builtins(side) for side in sides)
        changes += [
            f"{prefix}.{name}: {left[name]!r} -> {right[name]!r}"
            for name in left
            if left[name] != right[name] and not (prefix.startswith("task") and name in UNASKED)
        ]
    if old.spec.system_prompt != new.spec.system_prompt:
        changes.append(f"system_prompt: {old.spec.system_prompt!r} -> {new.spec.system_prompt!r}")
    return changes


def _sampling(plan: Plan) -> dict[str, Any]:
    """Return how a plan's completions are drawn; what a log does not tell is no default."""
    return {**dict.fromkeys(plan.engine.not_told, NOT_TOLD), **plan.engine.told(plan.sampling)}


def check_weights(identity: EngineIdentity, expected: str | None) -> None:
    """Refuse a model whose weights are not the ones that the spec names."""
    if expected is not None and identity.weights_digest != expected:
        raise EngineError(
            f"the weights of {identity.model} have the digest {identity.weights_digest}, "
            f"but the spec asks for {expected}",
            hint="check the revision, or take weights_digest out of the spec",
        )
