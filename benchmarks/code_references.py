"""Code: reference solutions of HumanEval and MBPP are right, broken ones are not.

    python benchmarks/code_references.py FOLDER [--mbpp N] [--slow N]

FOLDER holds ``HumanEval.jsonl.gz`` and ``mbpp.jsonl`` as their makers publish them.  Each
reference is graded as a chat model would send it (a fenced program) and HumanEval's also as a
base model would (the body alone, running on into another function).  Then each is broken in
several ways; none of those may be right.  ``--mbpp`` takes every (974 / N)-th of its problems,
``--slow`` breaks so many of each by an infinite loop, which costs a CPU second apiece.
Every surprise is printed, to be read; the exit status is 1 if there was one.
"""

import argparse
import gzip
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from reasonbench import plugins
from reasonbench.records import Completion, FinishReason, Problem, Verdict

CPU_S = 10.0
SLOW_CPU_S = 1.0

BUMP = """

_right = {name}
def {name}(*args, **kwargs):
    value = _right(*args, **kwargs)
    if isinstance(value, bool): return not value
    if isinstance(value, (int, float, complex)): return value + 1
    if isinstance(value, str): return value + "x"
    if isinstance(value, list): return value + [0]
    if isinstance(value, tuple): return value + (0,)
    if isinstance(value, (set, frozenset)): return value | {{"x"}}
    if isinstance(value, dict): return {{**value, "x": 0}}
    return 0
"""
BROKEN = {
    "returns None": "\n\ndef {name}(*args, **kwargs): return None\n",
    "off by one": BUMP,
    "sys.exit(0)": "\n\nimport sys\ndef {name}(*args, **kwargs): sys.exit(0)\n",
    "os._exit(0)": "\n\nimport os\ndef {name}(*args, **kwargs): os._exit(0)\n",
    "equal to all": """

class Liar:
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
    __hash__ = lambda self: 0
    __len__ = lambda self: 1
def {name}(*args, **kwargs): return Liar()
""",
    "another name": "\n\n{name}_2 = {name}\ndel {name}\n",
    "syntax": "\n\ndef {name}(:\n",
}
LOOP = "\n\ndef {name}(*args, **kwargs):\n    while True: pass\n"


def humaneval(folder):
    with gzip.open(folder / "HumanEval.jsonl.gz", "rt") as file:
        for row in map(json.loads, file):
            tests = {"style": "assert", "entry_point": row["entry_point"],
                     "prefix": row["prompt"], "code": row["test"]}  # fmt: skip
            yield row["task_id"], tests, row["prompt"] + row["canonical_solution"], row


def mbpp(folder, n):
    rows = [json.loads(line) for line in (folder / "mbpp.jsonl").open()]
    for row in rows[:: max(1, len(rows) // n)][:n] if n else []:
        tests = {"style": "assert", "cases": row["test_list"], "code": row["test_setup_code"]}
        yield f"mbpp/{row['task_id']}", tests, row["code"], row


def fenced(code):
    return f"<think>\nLet me see.\n</think>\nHere it is.\n```python\n{code}\n```\nDone."


def trials(folder, n_mbpp, n_slow):
    """Yield set, kind, tests, completion text, and whether it is right."""
    for name, rows in (("HumanEval", humaneval(folder)), ("MBPP", mbpp(folder, n_mbpp))):
        for number, (task, tests, code, row) in enumerate(rows):
            tests["limits"] = {"cpu_s": CPU_S}
            yield name, "reference", task, tests, fenced(code), True
            if name == "HumanEval":
                body = row["canonical_solution"] + "\n\ndef another():\n    return 1\n"
                yield name, "reference, body", task, tests, body, True
            entry = tests.get("entry_point") or entry_of(tests)
            for kind, text in BROKEN.items():
                yield name, kind, task, tests, fenced(code + text.format(name=entry)), False
            if number < n_slow:
                slow = {**tests, "limits": {"cpu_s": SLOW_CPU_S}}
                yield (
                    name,
                    "infinite loop",
                    task,
                    slow,
                    fenced(code + LOOP.format(name=entry)),
                    False,
                )


def entry_of(tests):
    from reasonbench.graders.code_tests import load_tests

    return load_tests(Problem(task="t", id="p", statement="", tests=tests)).entry_point


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mbpp", type=int, default=200)
    parser.add_argument("--slow", type=int, default=5)
    options = parser.parse_args()
    grader = plugins.GRADERS.load("code")
    counts, seconds, surprises = Counter(), Counter(), 0
    for name, kind, task, tests, text, right in trials(options.folder, options.mbpp, options.slow):
        problem = Problem(task=name, id=task, statement="", tests=tests)
        completion = Completion(
            key=f"{task}/{kind}", task=name, problem_id=task, sample_index=0, text=text,
            finish_reason=FinishReason.STOP, n_prompt_tokens=1, n_tokens=1, seed=0, engine="e",
        )  # fmt: skip
        started = time.perf_counter()
        grade = grader.grade(problem, completion)
        seconds[name, kind] += time.perf_counter() - started
        counts[name, kind, grade.verdict.value, grade.reason] += 1
        if (grade.verdict is Verdict.CORRECT) != right or grade.verdict is Verdict.UNGRADED:
            surprises += 1
            print(f"SURPRISE {task} {kind}: {grade.verdict} {grade.reason}: {grade.detail}")
    print(f"{grader.identity}, load {os.getloadavg()[0]:.1f}")
    for (name, kind, verdict, reason), n in counts.items():
        total = sum(v for key, v in counts.items() if key[:2] == (name, kind))
        each = 1000 * seconds[name, kind] / total
        print(f"{name:10} {kind:16} {verdict:10} {reason:18} {n:5}  {each:7.1f} ms a completion")
    grader.close()
    print(f"{sum(counts.values())} completions, {surprises} surprises")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
