"""From logs to a plan: tasks, problems, sample indices and keys, as for a sampled run."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from reasonbench import plugins
from reasonbench.errors import SpecError
from reasonbench.identity import completion_key, digest
from reasonbench.interchange.import_copies import Copies, copies_in
from reasonbench.interchange.import_mapping import map_items
from reasonbench.interchange.import_report import Options
from reasonbench.interchange.import_values import brief
from reasonbench.interchange.imported import Imported, Item, Sample
from reasonbench.interchange.source_grader import FIELD, SOURCE
from reasonbench.records import (
    Completion,
    EngineIdentity,
    FinishReason,
    Plan,
    PlanItem,
    Problem,
)
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec, TaskSpec

ENGINE = "import"
"""Name of the engine of an imported run."""
UNKNOWN = "unknown"
Ours = tuple[TaskSpec, Sequence[Problem]]
"""One of our tasks, which the log's problems are mapped onto."""


class Part(msgspec.Struct, kw_only=True):
    """One task on its way into the run."""

    spec: TaskSpec
    """The task, as the log has it or as ours is."""
    grader: str
    """Grader that judges it."""
    items: list[Item]
    """Problems of the log."""
    problems: list[Problem]
    """The run's problem for each of them, with what the source says in its metadata."""
    indices: list[list[int]]
    """sample_index of each of their samples."""
    copies: Copies
    """How far the samples are draws."""

    @property
    def n(self) -> int:
        """Samples a problem that the log has numbers for; some problems may have fewer."""
        return 1 + max(max(indices) for indices in self.indices)


def model_of(logs: Sequence[Imported], options: Options) -> tuple[str, list[str]]:
    """Return the one model of all logs, and what must be known of its name."""
    named = list(dict.fromkeys(log.told.model for log in logs if log.told.model is not None))
    if len(named) > 1:
        raise SpecError(
            f"the logs are of {len(named)} models ({', '.join(named)}), and a run is of one",
            hint="import each model into a run of its own, and compare the runs",
        )
    if not named:
        return options.model or UNKNOWN, []
    if options.model in (None, named[0]):
        return named[0], []
    assert options.model is not None
    return options.model, [f"the log calls the model {brief(named[0])}"]


def common_sampling(logs: Sequence[Imported]) -> SamplingSpec:
    """Return the sampling of all logs; what none of them tells has its default."""
    told: dict[str, Any] = {}
    for log in logs:
        for field, value in log.told.sampling.items():
            if told.setdefault(field, value) != value:
                raise SpecError(
                    f"the logs were sampled differently: {field} is {told[field]!r} and {value!r}",
                    hint="import each into a run of its own, and compare the runs",
                )
    return SamplingSpec(**told)


def parts_of(
    logs: Sequence[Imported], options: Options, sampling: SamplingSpec, ours: Ours | None
) -> tuple[list[Part], list[str]]:
    """Return the tasks of all logs, and what must be known of them.

    Args:
        logs: what was read.
        options: how it is imported.
        sampling: how the samples were drawn.
        ours: the task of ours that they are mapped onto.

    Raises:
        SpecError: one task in two logs, several for one of ours, tasks of different n, or samples
            that nothing can judge.
    """
    where: dict[str, Imported] = {}
    grouped: list[tuple[Imported, str, list[Item]]] = []
    for log in logs:
        for name in dict.fromkeys(item.task for item in log.items):
            if name in where:
                raise SpecError(
                    f"task {brief(name)} is in {where[name].path} and in {log.path}",
                    hint="import each into a run of its own; samples of two calls are not joined",
                )
            where[name] = log
            grouped.append((log, name, [item for item in log.items if item.task == name]))
    if options.task is not None and len(grouped) > 1:
        raise SpecError(
            f"--task {options.task} is one task, and the logs hold {len(grouped)}: "
            f"{', '.join(name for _, name, _ in grouped)}",
            hint="import each into a run of its own",
        )
    parts = []
    for log, name, items in grouped:
        greedy = "temperature" in log.told.sampling and sampling.temperature == 0
        spec, grader, problems = (
            _their_task(log, name, items, options)
            if ours is None
            else _our_task(ours, items, options)
        )
        has_text = any(s.text is not None for item in items for s in item.samples)
        if grader != SOURCE and not has_text:
            raise SpecError(
                f"the samples of {name} have no text, so the grader {grader!r} has nothing to read",
                hint="leave --grader out: the run then keeps the source's scores",
            )
        part = Part(
            spec=spec,
            grader=grader,
            items=items,
            indices=_indices(items),
            problems=problems,
            copies=copies_in(items, greedy=greedy),
        )
        part.problems = [
            msgspec.structs.replace(p, metadata={**p.metadata, FIELD: _kept(item, indices)})
            for p, item, indices in zip(problems, items, part.indices, strict=True)
        ]
        parts.append(part)
    if len({part.n for part in parts}) > 1:
        shown = ", ".join(f"{part.n} of {part.spec.name}" for part in parts)
        raise SpecError(
            f"the tasks have different numbers of samples a problem ({shown}), and a run has one n",
            hint="import each task into a run of its own",
        )
    return parts, [] if ours is None else list(_other_targets(parts[0]))


def _their_task(
    log: Imported, name: str, items: Sequence[Item], options: Options
) -> tuple[TaskSpec, str, list[Problem]]:
    """Return a task as the log has it."""
    problems = [
        Problem(
            task=name,
            id=item.id,
            statement=item.statement or item.prompt or "",
            target=item.target,
            tests=item.tests,
            metadata=item.metadata,
        )
        for item in items
    ]
    grader = options.grader or _default_grader(log, name, items)
    content = digest([(p.id, p.statement, p.target, p.tests) for p in problems])
    source = f"{log.format}:{log.path.name}"
    spec = TaskSpec(name=name, source=source, content_digest=content, grader=grader)
    return spec, grader, problems


def _our_task(
    ours: Ours, items: Sequence[Item], options: Options
) -> tuple[TaskSpec, str, list[Problem]]:
    """Return a task of ours in place of the log's."""
    spec, problems = ours
    has_text = any(s.text is not None for item in items for s in item.samples)
    grader = options.grader or (spec.grader if has_text else SOURCE)
    return spec, grader, map_items(items, problems, spec.name)


def _default_grader(log: Imported, name: str, items: Sequence[Item]) -> str:
    samples = [sample for item in items for sample in item.samples]
    if any(sample.text is not None for sample in samples):
        own = {item.grader for item in items}
        if len(own) == 1 and (grader := own.pop()) in plugins.GRADERS.names():
            assert grader is not None
            return grader
        if any(item.target is not None for item in items):
            return "math"
        if any(item.tests is not None for item in items):
            return "code"
    if all(sample.score is None for sample in samples):
        raise SpecError(
            f"{log.path}: nothing can judge the samples of {name}: the log holds neither gold "
            "answers nor scores of single samples",
            hint="name the task that was asked: --task NAME (see reasonbench tasks)",
        )
    return SOURCE


def _indices(items: Sequence[Item]) -> list[list[int]]:
    """Return sample_index by the source's own numbers, which may start anywhere, or by order."""
    numbers = sorted({s.repeat for item in items for s in item.samples if s.repeat is not None})
    rank = {number: index for index, number in enumerate(numbers)}
    if any(s.repeat is None for item in items for s in item.samples):
        return [list(range(len(item.samples))) for item in items]
    return [[rank[s.repeat] for s in item.samples if s.repeat is not None] for item in items]


def _kept(item: Item, indices: Sequence[int]) -> dict[str, Any]:
    """Return what the source says of a problem's samples, by sample_index."""
    size = max(indices) + 1
    placed: list[Sample | None] = [None] * size
    for index, sample in zip(indices, item.samples, strict=True):
        placed[index] = sample
    kept: dict[str, Any] = {
        "id": item.id,
        "rows": [s.row if s else None for s in placed],
        "scores": [s.score if s else None for s in placed],
    }
    if any(sample.answer is not None for sample in item.samples):
        kept["answers"] = [s.answer if s else None for s in placed]
    if item.mean is not None:
        kept["mean"] = item.mean
    return kept


def _other_targets(part: Part) -> Iterator[str]:
    differing = [
        f"{brief(item.id)} (row {item.row:,}): {brief(item.target)} for {brief(problem.target)}"
        for item, problem in zip(part.items, part.problems, strict=True)
        if item.target is not None
        and problem.target is not None
        and item.target.split() != problem.target.split()
    ]
    if differing:
        yield (
            f"the log has another gold answer than {part.spec.name} for {len(differing):,} "
            f"problems, and ours is taken: {', '.join(differing[:5])}"
        )


def plan_of(
    logs: Sequence[Imported], parts: Sequence[Part], model: str, sampling: SamplingSpec
) -> Plan:
    """Return the plan of the run; its engine says what was imported."""
    told = {field for log in logs for field in log.told.sampling}
    untold = sorted(set(SamplingSpec.__struct_fields__) - told)
    revisions = {log.told.revision for log in logs}
    engine = EngineIdentity(
        engine=ENGINE,
        model=model,
        revision=revisions.pop() if len(revisions) == 1 else None,
        weights_digest=UNKNOWN,
        dtype=UNKNOWN,
        versions={k: v for log in logs for k, v in log.told.versions.items()},
        settings={
            "imported": [
                {"format": log.format, "version": log.version, "sha256": log.sha256} for log in logs
            ],
            "text_available": any(s.text is not None for log in logs for s in log.samples),
            "trace_available": all(log.trace_available for log in logs),
            "finish_reason_available": all(log.finish_reason_available for log in logs),
            "not_told": untold,
        },
    )
    names = tuple(part.spec.name for part in parts)
    return Plan(
        spec=RunSpec(
            model=ModelSpec(id=model),
            tasks=names,
            engine=EngineSpec(name=ENGINE),
            sampling=sampling,
            n=max(part.n for part in parts),
        ),
        sampling=sampling,
        engine=engine,
        tasks=tuple(part.spec for part in parts),
        graders={part.spec.name: part.grader for part in parts},
    )


def _keyed(plan: Plan, parts: Sequence[Part]) -> Iterator[tuple[Problem, Item, Sample, int, str]]:
    """Yield every sample with its problem, its sample_index and its key."""
    engine, sampling = plan.engine.digest(), digest(plan.sampling)
    for part in parts:
        for problem, item, indices in zip(part.problems, part.items, part.indices, strict=True):
            asked, prompt = problem.digest(), digest(item.prompt)
            for sample, index in zip(item.samples, indices, strict=True):
                key = completion_key(
                    problem=asked,
                    prompt=prompt,
                    engine=engine,
                    sampling=sampling,
                    sample_index=index,
                )
                yield problem, item, sample, index, key


def items_of(plan: Plan, parts: Sequence[Part]) -> Iterator[PlanItem]:
    """Yield what the store keeps of each sample that is there; none is owed."""
    for problem, group in itertools.groupby(_keyed(plan, parts), key=lambda found: found[0]):
        whole = problem.full_digest()
        for _, _, _, index, key in group:
            yield PlanItem(key, problem.task, problem.id, index, whole)


def completions_of(plan: Plan, parts: Sequence[Part]) -> Iterator[Completion]:
    """Yield every sample as a completion."""
    engine = plan.engine.digest()
    for problem, _, sample, index, key in _keyed(plan, parts):
        yield Completion(
            key=key,
            task=problem.task,
            problem_id=problem.id,
            sample_index=index,
            text=sample.text or "",
            finish_reason=_finish(sample),
            n_prompt_tokens=sample.n_prompt_tokens,
            n_tokens=sample.n_tokens,
            seed=sample.seed,
            engine=engine,
        )


def _finish(sample: Sample) -> FinishReason:
    """Return why it ended; a text that is not there is withheld, so no grader calls it wrong."""
    if sample.text is None:
        return FinishReason.FILTER
    return sample.finish_reason or FinishReason.UNKNOWN
