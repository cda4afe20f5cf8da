"""Formats whose rows name a problem and one or more samples of it.

MathArena outputs (Parquet, JSONL), Evalchemy, NeMo's results.jsonl, and the plain
``problem_id,n,c`` CSV.
"""

import itertools
import random
from collections import Counter
from typing import Any

from reasonbench.errors import ReasonbenchError
from reasonbench.identity import digest
from reasonbench.interchange.import_files import Log
from reasonbench.interchange.import_values import conversation, sampling_of, score_of, target_of
from reasonbench.interchange.imported import MAX_NAMED, MAX_SAMPLES, Collector, Imported, Row, Told


def is_matharena(row: Row) -> bool:
    """Whether a first row is MathArena's."""
    return {"problem_idx", "idx_answer", "answer"} <= row.data.keys()


def read_matharena(log: Log, model: str | None = None) -> Imported:
    """Return one model's samples; a file may hold several models.

    Raises:
        ReasonbenchError: it holds several and none is chosen.
    """
    found = Collector(log.path)
    models: Counter[str] = Counter()
    for row in log.rows():
        config = row.name("model_config")
        name = row.name("model_name") or config or "unknown"
        models[name] += 1
        if model not in (name, config) if model is not None else len(models) > 1:
            continue
        problem = row.needs(row.name("problem_idx"), "problem_idx")
        item = found.problem(
            row,
            log.path.stem,
            problem,
            statement=row.text("problem"),
            prompt=conversation(row.data.get("user_message")),
            target=target_of(row.data.get("gold_answer")),
        )
        answer = row.data.get("parsed_answer")
        found.add(
            row,
            item,
            repeat=row.whole("idx_answer"),
            text=row.text("answer"),
            score=score_of(row.data.get("correct")),
            answer=None if answer is None else str(answer),
            n_prompt_tokens=row.whole("input_tokens") or 0,
            n_tokens=row.whole("output_tokens") or 0,
        )
    names = list(models)
    if (len(names) > 1 and model is None) or (names and not found.items()):
        shown = ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
        raise ReasonbenchError(
            f"{log.path} holds {len(names)} models ({shown}), and a run is of one",
            hint="choose one with --model NAME",
        )
    told = Told(model=model or names[0] if names else None)
    return found.done(log.sha256, "matharena", "outputs", told)


def is_evalchemy(row: Row) -> bool:
    """Whether a first row is Evalchemy's."""
    return {"context", "model_outputs"} <= row.data.keys()


def read_evalchemy(log: Log) -> Imported:
    """Return the samples of an Evalchemy log."""
    found = Collector(log.path)
    sampling: dict[str, Any] = {}
    for row in log.rows():
        sampling = sampling or sampling_of(row.table("gen_kwargs").data)
        about = row.table("metadata")
        problem = about.name("problem_id") or about.name("id") or row.name("request_idx")
        prompt = conversation(row.data.get("context"))
        item = found.problem(
            row,
            row.name("task_name") or log.path.stem,
            row.needs(problem, "metadata.problem_id"),
            statement=about.text("problem") or prompt,
            prompt=prompt,
            target=target_of(about.data.get("expected_answer"))
            or target_of(about.data.get("reference_solution")),
        )
        outputs = row.data.get("model_outputs")
        outputs = outputs if isinstance(outputs, list) else [outputs]
        repeat = row.whole("repeat_idx") if len(outputs) == 1 else None
        for text in outputs:
            if not isinstance(text, str):
                raise row.bad(f"model_outputs must be text or a list of texts, got {type(text)}")
            found.add(row, item, repeat=repeat, text=text)
    return found.done(log.sha256, "evalchemy", "unknown", Told(sampling=sampling))


def is_nemo(row: Row) -> bool:
    """Whether a first row is of NeMo's results.jsonl."""
    return {"problem_idx", "repeat", "reward"} <= row.data.keys()


def read_nemo(log: Log) -> Imported:
    """Return the samples of NeMo's results; they hold text only where ``response`` does."""
    found = Collector(log.path)
    for row in log.rows():
        about = row.table("metadata")
        item = found.problem(
            row,
            log.path.stem,
            row.needs(row.name("problem_idx"), "problem_idx"),
            statement=about.text("problem") or about.text("question"),
            target=target_of(about.data.get("expected_answer")),
        )
        reward = row.needs(row.data.get("reward"), "reward")
        score = score_of(reward)
        if score is None:
            raise row.bad(f"reward must lie in [0, 1], got {reward!r:.60}")
        found.add(
            row,
            item,
            repeat=row.needs(row.whole("repeat"), "repeat"),
            text=row.text("response") or row.text("generation"),
            score=score,
        )
    return found.done(log.sha256, "nemo", "results", Told())


def is_counts(row: Row) -> bool:
    """Whether a first row has the columns of the plain CSV."""
    return {"problem_id", "n", "c"} <= row.data.keys()


def read_counts(log: Log) -> Imported:
    """Return as many samples as a CSV of ``problem_id,n,c`` counts, without text.

    Which of them were right is not told.  Their order is drawn, so that nothing can be read
    from it, by the problem's own name: the same file gives the same order.
    """
    found = Collector(log.path)
    total = 0
    for row in log.rows():
        task, problem = row.name("task") or log.path.stem, row.name("problem_id")
        n, c = row.needs(row.whole("n"), "n"), row.needs(row.whole("c"), "c")
        if c > n or n < 1:
            raise row.bad(f"of n = {n:,} samples c = {c:,} cannot be right")
        total += n
        if total > MAX_SAMPLES:
            raise row.bad(f"the counts come to more than {MAX_SAMPLES:,} samples")
        item = found.problem(row, task, row.needs(problem, "problem_id"))
        if item.samples:
            raise row.bad(
                f"problem {problem!r:.60} of {task} stands in row {item.row:,} already",
                hint="give each problem one row",
            )
        scores = [1.0] * c + [0.0] * (n - c)
        random.Random(digest("order", task, problem)).shuffle(scores)
        for index, score in zip(itertools.count(), scores):
            found.add(row, item, repeat=index, text=None, score=score)
    found.missing.append("it counts samples only: which of a problem's were right is not told")
    return found.done(log.sha256, "counts", "csv", Told(), sort=False)
