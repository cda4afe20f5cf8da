"""Math: grades a second, right and wrong verdicts, beside plain math-verify in one run.

    python benchmarks/grading.py [PATH.jsonl ...] [--traces TORA.jsonl]

The files hold math problems (GSM8K and MATH field names); without one, fractions and roots
are made up.  Each gold answer is graded against itself and against other gold answers: where
two that are written differently are called equal, the pair is printed, to be read.

``--traces`` takes completions with a label: JSON lines with ``code`` (a list of texts),
``pred`` (a list of predictions) and ``gt`` (the gold answer), as ToRA's outputs are.  The
label is whether the prediction, which its makers extracted, is the gold number.  Every row on
which the label and the two graders disagree is printed.
"""

import argparse
import itertools
import json
import math
import os
import random
import sys
import time
from fractions import Fraction

from reasonbench import plugins
from reasonbench.graders.extraction import gold_answer
from reasonbench.graders.pool import GraderPool
from reasonbench.records import Completion, FinishReason, Grade, Problem, Verdict
from reasonbench.tasks import resolve

GRADERS = ("math", "math_verify")
OTHERS = 5
"""Other gold answers that each one is compared with."""


def completion(problem, index, text):
    return Completion(
        key=f"{problem.id}/{index}",
        task=problem.task,
        problem_id=problem.id,
        sample_index=index,
        text=text,
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="benchmark",
    )


def boxed(problem, index, answer):
    thought = "Let me see. " * 50
    return completion(
        problem, index, f"<think>\n{thought}\n</think>\nSo it is \\boxed{{{answer}}}."
    )


def made_up():
    for i in range(1, 1001):
        target = rf"\frac{{{i}}}{{7}}\sqrt{{{i % 5 + 2}}}" if i % 2 else str(i)
        yield Problem(task="made_up", id=str(i), statement=f"What is number {i}?", target=target)


def pairs_of(problems):
    """Each problem with its own gold answer, and with those of others."""
    rng = random.Random(0)
    for problem in problems:
        yield problem, boxed(problem, 0, gold_answer(problem.target)), True
        for index, other in enumerate(rng.sample(problems, min(OTHERS, len(problems))), start=1):
            if gold_answer(other.target) != gold_answer(problem.target):
                yield problem, boxed(problem, index, gold_answer(other.target)), False


def timed(name, pairs):
    """Return a grader's grades in this process, and the seconds that each took."""
    grader = plugins.GRADERS.load(name)
    grades, seconds = [], []
    for problem, answered, *_ in pairs:
        started = time.perf_counter()
        grades.append(grader.grade(problem, answered))
        seconds.append(time.perf_counter() - started)
    return grades, seconds


def summary(name, seconds):
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(q * (len(ordered) - 1))] * 1e3 for q in (0.5, 0.99))
    rate = len(ordered) / sum(ordered)
    print(
        f"{name}: {rate:,.0f} grades/s on one core, median {p50:.3f} ms, p99 {p99:.2f} ms, "
        f"slowest {ordered[-1] * 1e3:.0f} ms"
    )
    return rate, p99


def correct(grade):
    return grade.verdict is Verdict.CORRECT


def golds(problems):
    """Compare the graders on gold answers, against themselves and against others."""
    pairs = list(pairs_of(problems))
    runs = {name: timed(name, pairs) for name in GRADERS}
    figures = {name: summary(name, seconds) for name, (_, seconds) in runs.items()}
    (rate, p99), (plain_rate, plain_p99) = (figures[name] for name in GRADERS)
    ratios = f"rate {rate / plain_rate:.1f} x, p99 {p99 / plain_p99:.2f} x"
    print(f"math against plain math-verify: {ratios}")
    for name, (grades, _) in runs.items():
        own = [g for g, (*_, same) in zip(grades, pairs, strict=True) if same]
        missed = sum(not correct(grade) for grade in own)
        equal = [
            (problem.target, grade.answer)
            for grade, (problem, _, same) in zip(grades, pairs, strict=True)
            if not same and correct(grade)
        ]
        print(f"{name}: {missed} of {len(own)} gold answers are not right against themselves")
        print(f"{name}: {len(equal)} of {len(pairs) - len(own)} others are right")
        for target, answer in equal[:20]:
            print(f"    {gold_answer(target)!r} and {answer!r}")


def label_of(row):
    """Return whether the prediction that a row's makers extracted is the gold number."""
    try:
        prediction = Fraction(str(row["pred"][0]).replace(",", ""))
        return math.isclose(prediction, Fraction(row["gt"].replace(",", "")), rel_tol=1e-4)
    except (ValueError, IndexError, ZeroDivisionError):
        return False


def traces(path):
    """Compare the graders with the labels of completions."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    pairs = []
    for number, row in enumerate(rows):
        problem = Problem(task="t", id=str(number), statement=row["question"], target=row["gt"])
        pairs.append((problem, completion(problem, 0, row["code"][0])))
    runs = {name: timed(name, pairs) for name in GRADERS}
    labels = [label_of(row) for row in rows]
    for name, (grades, seconds) in runs.items():
        summary(f"{name} on traces", seconds)
        agreed = sum(correct(g) == label for g, label in zip(grades, labels, strict=True))
        print(f"{name} agrees with the label on {agreed} of {len(rows)}")
    for row, label, ours, plain in zip(rows, labels, *(runs[n][0] for n in GRADERS), strict=True):
        if not correct(ours) == correct(plain) == label:
            print(
                f"    gold {row['gt']}, predicted {row['pred'][0]!r}: label {label}, math "
                f"{ours.reason} {ours.answer!r} {ours.detail!r}, math-verify {plain.reason} "
                f"{plain.answer!r}; ends {row['code'][0][-80:]!r}"
            )


def pooled(problems):
    """Return grades a second through the pool, which adds pipes and processes."""
    pairs, workers = list(pairs_of(problems)), os.cpu_count() or 1
    for name, repeat in {"exact": 20_000 // len(pairs) + 1, "math": 1}.items():
        with GraderPool(name, workers=workers) as pool:
            started = time.perf_counter()
            asked = itertools.chain.from_iterable(itertools.repeat(pairs, repeat))
            outcomes = list(pool.grade_all((problem, answered) for problem, answered, _ in asked))
            seconds = time.perf_counter() - started
        assert all(isinstance(outcome, Grade) for outcome in outcomes)
        print(
            f"{name} in a pool: {len(outcomes) / seconds:,.0f} grades/s over {len(outcomes):,}, "
            f"{workers} workers"
        )


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", metavar="PATH.jsonl")
    parser.add_argument("--traces", metavar="TORA.jsonl")
    given = parser.parse_args(arguments)
    for problems in (
        [list(resolve(path).problems()) for path in given.paths]
        if given.paths
        else [list(made_up())]
    ):
        print(f"{len(problems):,} problems of {problems[0].task}")
        golds(problems)
        pooled(problems)
    if given.traces:
        traces(given.traces)


if __name__ == "__main__":
    main(sys.argv[1:])
