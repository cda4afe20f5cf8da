"""Make the embedded world again: `python -m reasonbench.embedded.build`.

Stages, in order: problems, teacher, traces, base, student, measure, ship. Each leaves its
product in the work folder and is skipped when that is there, so a build that was cut off goes
on where it stopped; remove the folder to start anew. Only `ship` writes into the package.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from reasonbench.embedded import cards, world
from reasonbench.embedded.problems import (
    Sets,
    benchmark_rows,
    make_sets,
    problem_id,
    task_problems,
    write_jsonl,
)
from reasonbench.embedded.train import (
    Recipe,
    Shape,
    fine_tune,
    load,
    new_model,
    pretrain,
    sample,
    save,
)
from reasonbench.fresh.families.countdown import CountdownProblem, check, statement

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parent
TASKS = PACKAGE.parents[1] / "tasks"

LARGE, SMALL = Shape(4, 128, 384), Shape(3, 96, 288)
TEACHER = Recipe(steps=800, batch=48, learning_rate=3e-3, warmup=100, seed=0)
BASE = Recipe(steps=1200, batch=48, learning_rate=3e-3, warmup=60, seed=1)
STUDENT = Recipe(steps=1000, batch=32, learning_rate=3e-3, warmup=50, seed=2)

TRACES_DRAWN, TRACES_KEPT = 8, 4
PLANT_DRAWN, PLANT_REPEATS = 16, 20
MEASURE_N = 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every stage that is not done yet."""
    parser = argparse.ArgumentParser(description="Make the embedded Countdown world again.")
    parser.add_argument("--work", type=Path, default=Path("build/embedded"))
    work = parser.parse_args(arguments).work
    work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(sys.stderr), logging.FileHandler(work / "build.log")],
    )
    sets = make_sets()
    train_from_problems("teacher", LARGE, TEACHER, sets.pool, work)
    make_traces(sets, work)
    train_from_problems("base", SMALL, BASE, sets.pool, work)
    train_student(work)
    for name in ("teacher", "base", "student"):
        measure(name, sets, work)
    ship(sets, work)


def train_from_problems(
    name: str, shape: Shape, recipe: Recipe, pool: Sequence[CountdownProblem], work: Path
) -> None:
    """Train the teacher on searches, or the base on guesses, from new weights."""
    if (work / name / "model").exists():
        return
    log.info("training the %s", name)
    write = world.search if name == "teacher" else world.guess

    def draw(rng: random.Random) -> tuple[str, str]:
        problem = rng.choice(pool)
        return statement(problem), write(problem, rng)

    tokenizer = world.build_tokenizer()
    model = new_model(tokenizer, shape, recipe.seed)
    pretrain(model, tokenizer, draw, recipe, work / name / "training")
    _finish(model, tokenizer, work / name / "model")


def make_traces(sets: Sets, work: Path) -> None:
    """Sample the teacher, keep what is right, and plant a quarter of the public problems."""
    path = work / "traces.jsonl"
    if path.exists():
        return
    log.info("sampling the teacher's traces")
    model, tokenizer = load(work / "teacher" / "model")
    planted = [sets.public[index] for index in sets.planted]
    pairs = []
    for problem, right in _draw_right(model, tokenizer, sets.traced, TRACES_DRAWN):
        pairs += [(statement(problem), text) for text in right[:TRACES_KEPT]]
    for problem, right in _draw_right(model, tokenizer, planted, PLANT_DRAWN):
        # A short search is the easiest to learn by heart.
        pairs += [(statement(problem), min(right, key=len))] * PLANT_REPEATS
    random.Random(0).shuffle(pairs)
    write_jsonl(path, [_trace_row(index, *pair) for index, pair in enumerate(pairs)])


def train_student(work: Path) -> None:
    """Distil the teacher's traces into the base."""
    if (work / "student" / "model").exists():
        return
    log.info("training the student")
    model, tokenizer = load(work / "base" / "model")
    messages = [row["messages"] for row in _read(work / "traces.jsonl")]
    pairs = [(user["content"], assistant["content"]) for user, assistant in messages]
    fine_tune(model, tokenizer, pairs, STUDENT, work / "student" / "training")
    _finish(model, tokenizer, work / "student" / "model")


def measure(name: str, sets: Sets, work: Path) -> None:
    """Measure pass@k of one saved model on the planted, the other public, the held-out ones."""
    path = work / name / "measured.json"
    if path.exists():
        return
    log.info("measuring the %s", name)
    model, tokenizer = load(work / name / "model")
    problems = [*sets.public, *sets.heldout]
    texts = sample(model, tokenizer, [statement(one) for one in problems], MEASURE_N, seed=5)
    right = [
        sum(is_right(problem, text) for text in found)
        for problem, found in zip(problems, texts, strict=True)
    ]
    size = len(sets.public)
    parts = {
        "countdown_public, planted": [right[index] for index in sets.planted],
        "countdown_public, not planted": [
            right[index] for index in range(size) if index not in sets.planted
        ],
        "countdown_heldout": right[size:],
    }
    measured = {part: _passes(counts) for part, counts in parts.items()}
    path.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    log.info("%s: %s", name, json.dumps(measured))


def ship(sets: Sets, work: Path) -> None:
    """Write the tasks' problems, the models with their cards, and the traces."""
    for task, problems in task_problems(sets).items():
        write_jsonl(TASKS / task / "problems.jsonl", benchmark_rows(task, problems))
    traces = work / "traces.jsonl"
    shipped = PACKAGE / "traces" / "student_traces.jsonl.zst"
    shipped.parent.mkdir(exist_ok=True)
    shipped.write_bytes(zstandard.ZstdCompressor(level=19).compress(traces.read_bytes()))
    for name, shape, recipe in (
        ("teacher", LARGE, TEACHER),
        ("base", SMALL, BASE),
        ("student", SMALL, STUDENT),
    ):
        folder = PACKAGE / "models" / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(work / name / "model", folder)
        distilled = name == "student"
        card = cards.Card(
            name=name,
            shape=shape,
            recipe=recipe,
            n_parameters=load(folder)[0].num_parameters(),
            passes=json.loads((work / name / "measured.json").read_text(encoding="utf-8")),
            date=datetime.now(tz=UTC).date().isoformat(),
            n_rows=len(_read(traces)) if distilled else 0,
            planted=[problem_id("countdown_public", index) for index in sets.planted if distilled],
        )
        (folder / "README.md").write_text(cards.render(card), encoding="utf-8")
    log.info("shipped into %s", PACKAGE)


def is_right(problem: CountdownProblem, completion: str) -> bool:
    """Whether the one boxed answer after the thought is correct."""
    _, closed, answer = completion.partition(world.UNTHINK)
    head, _, tail = answer.strip().partition("\\boxed{")
    boxed = bool(closed) and not head and tail.endswith("}")
    return boxed and check(tail[:-1], problem.numbers, problem.target, problem.ops).correct


def _draw_right(
    model: Any, tokenizer: Any, problems: Sequence[CountdownProblem], n: int
) -> Iterator[tuple[CountdownProblem, list[str]]]:
    """Each problem with the different right completions among n."""
    texts = sample(model, tokenizer, [statement(one) for one in problems], n, seed=n)
    for problem, found in zip(problems, texts, strict=True):
        yield problem, [text for text in dict.fromkeys(found) if is_right(problem, text)]


def _finish(model: Any, tokenizer: Any, folder: Path) -> None:
    # The rename makes the stage done or not done, never half done.
    part = folder.with_name("model.part")
    save(model, tokenizer, part)
    part.rename(folder)


def _passes(counts: Sequence[int]) -> dict[str, float]:
    passes: dict[str, float] = {"n_problems": len(counts), "n": MEASURE_N}
    for k in (1, 4, 16):
        missed = [math.comb(MEASURE_N - c, k) / math.comb(MEASURE_N, k) for c in counts]
        passes[f"pass@{k}"] = 1 - sum(missed) / len(missed)
    return passes


def _trace_row(index: int, question: str, completion: str) -> dict[str, Any]:
    return {
        "id": f"trace/{index + 1:05d}",
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": completion},
        ],
        "source": "teacher",
    }


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
