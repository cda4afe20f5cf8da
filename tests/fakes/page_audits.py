"""Audits for the report to be made of: dated problems, leaks found, several models."""

import datetime
import random

import msgspec
from validity_runs import ENGINE, Drawn, make_run, result_of

from reasonbench.audit import assemble, write_audit
from reasonbench.models.split import checks_of_run
from reasonbench.records import FinishReason, Problem, Verdict
from reasonbench.results import Finding, FindingStatus, Match, Role, ScanSummary
from reasonbench.specs import AuditSpec, Cutoff, CutoffKind, ModelSpec
from reasonbench.summary import default_ks

FAMILIES = ("cogs", "crowns", "gears", "pinions", "racks", "rings", "spurs", "worms")
"""A leak of one problem taints its family, so only the first few hold any."""
CUTOFF = Cutoff(
    date=datetime.date(2025, 6, 1), kind=CutoffKind.CLAIMED, source="the card of the wheel"
)
TRACES = "traces/teacher-0001.jsonl"
PUBLIC, HELDOUT = "olympiad_public", "olympiad_heldout"


def problems_of(task, count):
    """Make problems with a date and a family each; no two have the same rate."""
    return [
        Problem(
            task=task,
            id=f"{task}/{(i * 7) % count:03d}",
            statement=(
                f"A wheel with {i + 3} teeth drives one with {2 * i + 5} teeth in {task}. After "
                f"how many turns of the first have both stood as they began {i + 1} times?"
            ),
            target=str(1000 + i),
            published=datetime.date(2024, 1, 1) + datetime.timedelta(days=(i * 311) % 900),
            cluster=FAMILIES[i * len(FAMILIES) // count],
        )
        for i in range(count)
    ]


def audited(directory, *, model="tooth-7b", count=24, n=8, leaked=6, seed=0):
    """Write a run of a public and a held-out task with its audit; return the directory."""
    tasks = (PUBLIC, HELDOUT)
    problems = [p for task in tasks for p in problems_of(task, count)]
    leaks = [p for p in problems if p.task == PUBLIC][:leaked]
    known = {p.id for p in leaks}
    make_run(
        directory,
        lambda p, i: _draw(p, i, seed, known),
        n=n,
        problems=problems,
        model=model,
        engine=msgspec.structs.replace(ENGINE, model=model),
    )
    result = result_of(directory)
    roles = (Role.PUBLIC, Role.HELDOUT)
    tasks = tuple(
        msgspec.structs.replace(t, role=r) for t, r in zip(result.tasks, roles, strict=True)
    )
    result = msgspec.structs.replace(result, tasks=tasks)
    audit = assemble(
        AuditSpec(
            model=ModelSpec(id=model, cutoff=CUTOFF),
            public=(PUBLIC,),
            heldout=(HELDOUT,),
            traces=(TRACES,),
            n=n,
            ks=default_ks(n),
        ),
        result,
        problems,
        findings=[_finding(p, i, known) for i, p in enumerate(problems)],
        scan=ScanSummary(documents=(TRACES,), rows_read=1000, rows_skipped={"not JSON": 2}),
        checks=checks_of_run(result, problems, CUTOFF),
        command=("reasonbench", "audit", model, "--public", PUBLIC, "--heldout", HELDOUT),
    )
    write_audit(audit, directory)
    return directory


def _draw(problem, index, seed, known):
    rng = random.Random(ascii((problem.id, index, seed)))
    hard = int(problem.id[-3:]) % 10 / 10
    right = rng.random() < (0.97 if problem.id in known else 0.8 - 0.7 * hard)
    cut = not right and rng.random() < 0.3
    thought = f"{rng.random()} The first wheel turns. " * (3 + rng.randrange(5))
    answer = problem.target if right else str(rng.randrange(999))
    return Drawn(
        text=f"<think>\n{thought}" + ("" if cut else f"\n</think>\n\\boxed{{{answer}}}"),
        finish=FinishReason.LENGTH if cut else FinishReason.STOP,
        n_tokens=1000 if cut else int(60 + 300 * hard + rng.expovariate(1 / 200)) % 999 + 1,
        verdict=Verdict.CORRECT if right else Verdict.INCORRECT,
        reason="ok" if right else "truncated" if cut else "wrong",
        answer=None if cut else answer,
    )


def _finding(problem, i, known):
    base = {"task": problem.task, "problem_id": problem.id, "detector": "overlap/3"}
    if problem.id not in known:
        return Finding(**base, status=FindingStatus.CLEAN, score=0.1, p_value=0.6, q_value=0.9)
    match = Match(
        document=TRACES,
        row=17 * i + 3,
        field="messages[1].content",
        document_span=(30, 30 + len(problem.statement)),
        problem_span=(0, len(problem.statement)),
        text=problem.statement,
        kind="verbatim",
        channel="mid-trace",
    )
    return Finding(
        **base,
        status=FindingStatus.CONTAMINATED,
        score=30.0 - i,
        p_value=1e-6,
        q_value=1e-5 * (i + 1),
        kind="verbatim",
        channel="mid-trace",
        n_matches=1,
        matches=(match,),
    )
