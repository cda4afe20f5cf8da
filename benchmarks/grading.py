"""Grades a second through the pool, and math-verify's own rate in one process beside it.

    python benchmarks/grading.py [PATH.jsonl ...]

The files hold math problems (GSM8K and MATH field names); without one, fractions and roots
are made up.  Each problem is answered rightly once and with another problem's answer once.
"""

import itertools
import os
import sys
import time

from reasonbench.graders.math import MathGrader
from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, FinishReason, Grade, Problem
from reasonbench.tasks import resolve


def completion(problem, index, answer):
    return Completion(
        key=f"{problem.id}/{index}",
        task=problem.task,
        problem_id=problem.id,
        sample_index=index,
        text=f"<think>\n{'Let me see. ' * 50}\n</think>\nSo it is \\boxed{{{answer}}}.",
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="benchmark",
    )


def made_up():
    for i in range(1, 1001):
        target = rf"\frac{{{i}}}{{7}}\sqrt{{{i % 5 + 2}}}" if i % 2 else str(i)
        yield Problem(task="made_up", id=str(i), statement=f"What is number {i}?", target=target)


def pairs_of(problems):
    for problem, other in itertools.pairwise([*problems, problems[0]]):
        yield problem, completion(problem, 0, problem.target)
        yield problem, completion(problem, 1, other.target)


def main():
    files = sys.argv[1:]
    problems = list(
        itertools.chain.from_iterable(resolve(f).problems() for f in files) if files else made_up()
    )
    pairs, workers = list(pairs_of(problems)), os.cpu_count() or 1
    repeats = {"exact": 20_000 // len(pairs) + 1, "math": 1}
    for name, repeat in repeats.items():
        with GraderPool(name, workers=workers) as pool:
            started = time.perf_counter()
            outcomes = list(pool.grade_all(pairs * repeat))
            seconds = time.perf_counter() - started
        assert all(isinstance(o, Grade) for o in outcomes)
        rate = len(outcomes) / seconds
        print(f"{name}: {rate:,.0f} grades/s over {len(outcomes):,}, {workers} workers")
    grader = MathGrader()
    started = time.perf_counter()
    for problem, answered in pairs:
        grader.grade(problem, answered)
    alone = len(pairs) / (time.perf_counter() - started)
    print(f"math without the pool: {alone:,.0f} grades/s, ratio {rate / alone:.2f}")


if __name__ == "__main__":
    main()
