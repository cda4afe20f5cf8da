"""Time a large report: python benchmarks/report.py [--problems 500 --n 64 --models 3].

Makes runs of made-up completions with 1,000 findings, then calls ``reasonbench report`` on them
in a process of its own.  Prints its seconds, its peak memory and the bytes of its files.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fakes"))

from page_audits import CUTOFF
from validity_runs import Drawn, make_run, result_of

from reasonbench.audit import assemble, write_audit
from reasonbench.records import FinishReason, Problem, Verdict
from reasonbench.results import Finding, FindingStatus, Match, Role, ScanSummary
from reasonbench.specs import AuditSpec, ModelSpec
from reasonbench.summary import default_ks

WORDS = [f"{a}{b}" for a in ("wheel", "turn", "cog", "ring", "spur") for b in "abcdefghijklmnop"]
CHILD = """
import json, resource, sys, time
began = time.perf_counter()
from reasonbench.cli.main import main
try:
    main(sys.argv[1:])
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([time.perf_counter() - began, peak]))
"""


def problem(task, i):
    rng = random.Random(f"{task} {i}")
    text = " ".join(rng.choice(WORDS) for _ in range(60))
    return Problem(task=task, id=f"{task}/{i:04d}", statement=f"{text} {i}?", target=str(i))


def draw(seed):
    def drawn(problem, index):
        rng = random.Random(f"{problem.id} {index} {seed}")
        right = rng.random() < int(problem.id[-4:]) % 11 / 10
        cut = not right and rng.random() < 0.2
        return Drawn(
            text=f"{rng.random()} \\boxed{{{problem.target}}}",
            finish=FinishReason.LENGTH if cut else FinishReason.STOP,
            n_tokens=1000 if cut else rng.randrange(20, 999),
            verdict=Verdict.CORRECT if right else Verdict.INCORRECT,
            reason="ok" if right else "truncated" if cut else "wrong",
            answer=None if cut else problem.target if right else str(rng.randrange(5)),
        )

    return drawn


def found(problem, detector):
    text = problem.statement.replace("wheel", "gear", 1)
    match = Match(
        document="traces.jsonl",
        row=int(problem.id[-4:]),
        field="text",
        document_span=(0, len(text)),
        problem_span=(0, len(problem.statement)),
        text=text,
        kind="reformatted",
    )
    return Finding(
        task=problem.task,
        problem_id=problem.id,
        detector=detector,
        status=FindingStatus.CONTAMINATED,
        score=9.0,
        q_value=0.001,
        kind="reformatted",
        n_matches=1,
        matches=(match,),
    )


def make(folder, problems, n, name, seed):
    make_run(folder, draw(seed), n=n, problems=problems, model=name)
    result = result_of(folder)
    tasks = tuple(msgspec.structs.replace(t, role=Role.PUBLIC) for t in result.tasks)
    findings = [found(p, d) for d in ("overlap/3", "semantic/1") for p in problems]
    audit = assemble(
        AuditSpec(
            model=ModelSpec(id=name, cutoff=CUTOFF), public=("t",), traces=("traces.jsonl",), n=n,
            ks=default_ks(n),
        ),
        msgspec.structs.replace(result, tasks=tasks),
        problems,
        findings=findings if seed == 0 else findings[:1],
        scan=ScanSummary(documents=("traces.jsonl",), rows_read=5000, rows_skipped={}),
    )  # fmt: skip
    write_audit(audit, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder that the runs and reports stay in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        problems = [problem("t", i) for i in range(args.problems)]
        began = time.perf_counter()
        for i in range(args.models):
            if not (folder / f"m{i}").exists():
                make(folder / f"m{i}", problems, args.n, f"model-{i}", i)
        print(f"made in {time.perf_counter() - began:.1f} s")
        runs = [str(folder / f"m{i}") for i in range(args.models)]
        html, md = folder / "report.html", folder / "report.md"
        command = ["report", *runs, "--html", str(html), "--md", str(md)]
        done = subprocess.run(
            [sys.executable, "-c", CHILD, *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
        seconds, peak = msgspec.json.decode(done.stdout.splitlines()[-1])
        print(f"{seconds:.1f} s, {peak / 1024:.0f} MB RSS, {html.stat().st_size / 1e6:.2f} MB "
              f"HTML, {md.stat().st_size / 1e6:.2f} MB Markdown")  # fmt: skip


if __name__ == "__main__":
    main()
