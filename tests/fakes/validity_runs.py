"""Run directories made by hand, one completion at a time, for the checks of validity."""

import dataclasses
import random

from reasonbench.graders.exact import ExactGrader
from reasonbench.identity import digest
from reasonbench.records import (
    Completion,
    EngineIdentity,
    FinishReason,
    Grade,
    Plan,
    PlanItem,
    Problem,
    Verdict,
)
from reasonbench.specs import ModelSpec, RunSpec, SamplingSpec, TaskSpec
from reasonbench.store import Store
from reasonbench.summary import summarize
from reasonbench.validity import examine

ENGINE = EngineIdentity(
    engine="fake", model="m", revision=None, weights_digest="w", dtype="d", versions={"fake": "1"}
)
SAMPLING = SamplingSpec(temperature=0.6, max_tokens=1000)


@dataclasses.dataclass
class Drawn:
    """One completion and its grade; by default an honest, right one that thinks first."""

    text: str = "<think>\nsome thought\n</think>\n\\boxed{7}"
    finish: FinishReason = FinishReason.STOP
    n_tokens: int = 20
    n_prompt: int = 5
    prefilled: bool = False
    engine: str | None = None
    verdict: Verdict = Verdict.CORRECT
    reason: str = "ok"
    answer: str | None = "7"
    graded: bool = True
    exists: bool = True


def honest(problem, index):
    """Draw a text of its own, right in three of four cases, as chance has it."""
    rng = random.Random(ascii((problem.task, problem.id, index)))
    right = rng.random() < 0.75
    answer = problem.target if right else f"{problem.target}9"
    return Drawn(
        text=f"<think>\n{rng.random()}\n</think>\n\\boxed{{{answer}}}",
        n_tokens=rng.randrange(20, 60),
        verdict=Verdict.CORRECT if right else Verdict.INCORRECT,
        reason="ok" if right else "wrong",
        answer=answer,
    )


def problems_of(task, count, target=lambda i: str(1000 + i)):
    return [
        Problem(task=task, id=f"p{i:03d}", statement=f"Problem number {i}?", target=target(i))
        for i in range(count)
    ]


def make_run(
    directory,
    draw=honest,
    *,
    n=8,
    count=24,
    tasks=("t",),
    problems=None,
    sampling=SAMPLING,
    engine=ENGINE,
    model="m",
    context_length=None,
    system_prompts=(),
    order=list,
    sessions=(),
    **spec,
):
    """Store a run whose completions ``draw(problem, index)`` gives; return its directory."""
    problems = problems or [p for task in tasks for p in problems_of(task, count)]
    names = tuple(dict.fromkeys(p.task for p in problems))
    plan = Plan(
        spec=RunSpec(model=ModelSpec(id=model), tasks=names, n=n, sampling=sampling, **spec),
        sampling=sampling,
        engine=engine,
        tasks=tuple(TaskSpec(name=name) for name in names),
        graders=dict.fromkeys(names, "exact"),
        context_length=context_length,
        system_prompts=system_prompts,
    )
    items = [
        PlanItem(digest(engine.digest(), p.task, p.id, i), p.task, p.id, i, p.full_digest())
        for p in problems
        for i in range(n)
    ]
    by_id = {(p.task, p.id): p for p in problems}
    drawn = [(item, draw(by_id[item.task, item.problem_id], item.sample_index)) for item in items]
    with Store.create(directory) as store:
        plan_id = store.add_plan(plan, problems, items)
        store.add_completions(
            order([_completion(i, d, engine.digest()) for i, d in drawn if d.exists])
        )
        store.add_grades(plan_id, order([_grade(i, d) for i, d in drawn if d.exists and d.graded]))
        for session in sessions:
            store.begin_session(session(plan_id))
    return directory


def result_of(directory):
    """Return what ``run`` would: the scores with their validity."""
    import msgspec

    with Store.read(directory) as store:
        result = summarize(store)
        plan = store.latest_plan()
        found = examine(store, plan, result.tasks, graders=result.grader_versions)
    return msgspec.structs.replace(result, validity=found)


def findings_of(directory, *codes):
    """Return the findings of a run, or those of some codes."""
    return [f for f in result_of(directory).validity if not codes or f.code in codes]


def _completion(item, drawn, engine):
    return Completion(
        key=item.key,
        task=item.task,
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        text=drawn.text,
        finish_reason=drawn.finish,
        n_prompt_tokens=drawn.n_prompt,
        n_tokens=drawn.n_tokens,
        seed=item.sample_index,
        engine=drawn.engine or engine,
        thinking_prefilled=drawn.prefilled,
    )


def _grade(item, drawn):
    return Grade(
        key=item.key,
        task=item.task,
        problem_id=item.problem_id,
        sample_index=item.sample_index,
        verdict=drawn.verdict,
        reason=drawn.reason,
        answer=drawn.answer,
        grader=ExactGrader.identity,
    )
