"""Real problems, the real traces on them (../shared/data, see its README), and what they share."""

import gzip
import io
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard
from rapidfuzz import fuzz, process

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NEAR = 75
"""``fuzz.ratio`` from which two questions are siblings."""


class Problem(NamedTuple):
    """A benchmark problem with the real traces on it."""

    benchmark: str
    id: str
    question: str
    solution: str = ""
    answer: str = ""
    code: str = ""
    traces: tuple[str, ...] = ()

    @property
    def latex(self):
        """Whether ``$`` opens a formula in its texts."""
        return self.benchmark.startswith("math")

    def item(self):
        """Return what items.jsonl says of it."""
        fields = ("id", "question", "solution", "answer", "code")
        return {name: getattr(self, name) for name in fields}


def words_of(text):
    return re.findall(r"[^\W_]+", text.casefold())


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def zeroeval(data):
    """Return the real traces by question."""
    found = defaultdict(list)
    with open(data / "traces/zeroeval_20k.jsonl.zst", "rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8"):
            row = json.loads(line)
            found[row["q"]].append(row["t"])
    return found


def gsm8k(data, traces):
    tora = lines(data / "traces/tora-70b-v1.0-gsm8k.jsonl")
    for number, row in enumerate(lines(data / "benchmarks/gsm8k_test.jsonl")):
        solution, _, answer = row["answer"].partition("\n#### ")
        own = traces.pop(row["question"], [])
        assert tora[number]["question"] == row["question"]
        if not own:
            own = [
                re.sub(
                    r'""".*?"""', '"""Return the answer."""', tora[number]["code"][0], flags=re.S
                )
            ]
        yield Problem("gsm8k", f"gsm8k/{number}", row["question"], solution, answer, "", tuple(own))


def programs(data):
    with gzip.open(data / "benchmarks/HumanEval.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            head = row["prompt"].partition(f"def {row['entry_point']}")
            signature = (
                "def " + row["entry_point"] + head[2].partition('"""')[0].partition("'''")[0]
            )
            code = signature.rstrip() + "\n" + row["canonical_solution"]
            yield Problem("humaneval", row["task_id"], row["prompt"], code=code)
    for row in lines(data / "benchmarks/mbpp.jsonl"):
        code = row["code"].replace("\r\n", "\n")
        yield Problem("mbpp", f"mbpp/{row['task_id']}", row["text"], code=code)


def load(data):
    """Return every problem there is, the real traces attached to theirs."""
    traces = zeroeval(data)
    problems = list(gsm8k(data, traces))
    for row in lines(data / "benchmarks/math500.jsonl"):
        own = tuple(traces.pop(row["problem"], ()))
        fields = (row["unique_id"], row["problem"], row["solution"], row["answer"], "", own)
        problems.append(Problem("math500", *fields))
    problems += programs(data)
    for number, (question, own) in enumerate(traces.items()):
        benchmark = "crux" if "[PYTHON]" in question else "math5"
        problems.append(Problem(benchmark, f"{benchmark}/{number}", question, traces=tuple(own)))
    return problems


class Overlap:
    """The 8-grams of items, to see which items a document holds; all words of a shorter text."""

    def __init__(self, items):
        self.grams, self.sizes, self.shortest = defaultdict(set), Counter(), set()
        for at, item in enumerate(items):
            for unit in (item.question, item.solution, item.code):
                words = tuple(words_of(unit))
                n = min(8, len(words))
                self.shortest |= {n} if n > 2 else set()
                for gram in {words[i : i + n] for i in range(len(words) - n + 1)} if n > 2 else ():
                    self.grams[gram].add((at, unit))
                    self.sizes[at, unit] += 1

    def held(self, text):
        """Return each item that shares a gram with the text, and its share of a unit."""
        words, hits = tuple(words_of(text)), Counter()
        for n in self.shortest:
            for gram in {words[i : i + n] for i in range(len(words) - n + 1)}:
                hits.update(self.grams.get(gram, ()))
        shares = defaultdict(float)
        for (at, unit), count in hits.items():
            shares[at] = max(shares[at], count / self.sizes[at, unit])
        return shares


def near(questions, items):
    """Return for each question the places of the items whose question is nearly the same."""
    ours, theirs = ([" ".join(words_of(q)) for q in qs] for qs in (questions, items))
    ratios = process.cdist(ours, theirs, scorer=fuzz.ratio, score_cutoff=NEAR, dtype=np.uint8)
    return [np.flatnonzero(row).tolist() for row in ratios]
