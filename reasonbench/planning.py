"""From a RunSpec to the completions it asks for, each with its key and seed.

A plan holds nothing that was drawn: two calls with the same spec, model and engine
give the same plan, so what a killed run still owes is plan minus store.
"""

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from reasonbench.errors import EngineError, SpecError, TaskError
from reasonbench.identity import base_seed, completion_key, digest
from reasonbench.plugins import attributed
from reasonbench.protocols import Engine, Task
from reasonbench.records import EngineIdentity, Plan, PlanItem, Problem, Prompt, SampleRequest
from reasonbench.specs import RunSpec, SamplingSpec, TaskSpec

MAX_TOKENS_CAP = 32_768
"""Default ceiling of a completion; the field's reasoning models are reported at it."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its problems and requests, all in one order."""

    plan: Plan
    problems: list[Problem]
    requests: list[SampleRequest]
    items: list[PlanItem]


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


def effective_sampling(sampling: SamplingSpec, context_length: int) -> SamplingSpec:
    """Return ``sampling`` with max_tokens resolved against the model's context."""
    if sampling.max_tokens is not None:
        return sampling
    return msgspec.structs.replace(
        sampling, max_tokens=min(MAX_TOKENS_CAP, max(1, context_length * 3 // 4))
    )


def plan_run(spec: RunSpec, tasks: Sequence[Task], engine: Engine) -> Planned:
    """Return everything that ``spec`` asks for.

    Raises:
        TaskError: no problems, double ids, two tasks of one name.
        EngineError: a prompt that cannot be sampled.
        SpecError: several greedy completions, which are one.
    """
    if spec.sampling.temperature == 0 and spec.n > 1:
        raise SpecError(
            f"at temperature 0 all {spec.n} completions of a problem are one and the same",
            hint="give n = 1, or a temperature above 0",
        )
    sampling = effective_sampling(spec.sampling, engine.context_length)
    task_specs: list[TaskSpec] = []
    problems: list[Problem] = []
    requests: list[SampleRequest] = []
    items: list[PlanItem] = []
    drawn_by = engine.identity.digest(), digest(sampling)
    for task in tasks:
        task_spec = task.spec
        if task_spec.name in {t.name for t in task_specs}:
            raise TaskError(f"two tasks are named {task_spec.name!r}", hint="give each task once")
        task_specs.append(task_spec)
        for problem in load_problems(task, spec.limit):
            problems.append(problem)
            with attributed("task", task_spec.name):
                prompt = task.prompt(problem)
            seed = base_seed(sampling.seed, problem.task, problem.id)
            full_digest = problem.full_digest()
            for i, key in enumerate(_keys(problem, prompt, drawn_by, spec.n)):
                requests.append(
                    SampleRequest(key=key, prompt=prompt, sample_index=i, seed=seed + i)
                )
                items.append(PlanItem(key, problem.task, problem.id, i, full_digest))
    plan = Plan(
        spec=spec,
        sampling=sampling,
        engine=engine.identity,
        tasks=tuple(task_specs),
        graders={t.name: spec.grader or t.grader for t in task_specs},
    )
    with attributed("engine", engine.identity.engine):
        engine.check([r.prompt for r in requests[:: spec.n]], sampling)
    return Planned(plan=plan, problems=problems, requests=requests, items=items)


def _keys(problem: Problem, prompt: Prompt, drawn_by: tuple[str, str], n: int) -> Iterator[str]:
    """Yield the keys of a problem's n completions; ``drawn_by``: engine and sampling digest."""
    problem_digest, prompt_digest = problem.digest(), prompt.digest()
    for i in range(n):
        yield completion_key(
            problem=problem_digest,
            prompt=prompt_digest,
            engine=drawn_by[0],
            sampling=drawn_by[1],
            sample_index=i,
        )


def changed_fields(old: Plan, new: Plan) -> list[str]:
    """Return the fields that make ``new``'s draws differ from ``old``'s, with both values."""
    pairs = [("sampling", old.sampling, new.sampling), ("engine", old.engine, new.engine)]
    changes = []
    for prefix, before, after in pairs:
        left, right = msgspec.to_builtins(before), msgspec.to_builtins(after)
        changes += [
            f"{prefix}.{name}: {left[name]!r} -> {right[name]!r}"
            for name in left
            if left[name] != right[name]
        ]
    return changes


def check_weights(identity: EngineIdentity, expected: str | None) -> None:
    """Refuse a model whose weights are not the ones that the spec names."""
    if expected is not None and identity.weights_digest != expected:
        raise EngineError(
            f"the weights of {identity.model} have the digest {identity.weights_digest}, "
            f"but the spec asks for {expected}",
            hint="check the revision, or take weights_digest out of the spec",
        )
