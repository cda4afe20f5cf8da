"""Kill a real run twice with -9, go on, and count: python benchmarks/kill_resume.py FILE.jsonl.

FILE holds real math problems (question and answer, one JSON object a line); the first 50
are sampled 4 times each with the shipped teacher, through both engines.  Prints how many
completions each kill left, and whether the run ended with exactly n a problem, none lost.
Without a FILE it makes 50 sums of its own.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from reasonbench.errors import ReasonbenchError
from reasonbench.store import Store

PROBLEMS, N, MAX_TOKENS = 50, 4, 256


def texts(out):
    try:
        with Store.read(out) as store:
            plan = store.latest_plan()
            pairs = store.completions(plan.digest()) if plan else ()
            return {(c.problem_id, c.sample_index): c.text for _, c in pairs}
    except ReasonbenchError:
        return {}


def kill_at(command, out, count):
    """Run until ``count`` completions are stored, then kill -9; return what was kept."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(texts(out)) < count:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return texts(out)


def measure(engine, task, out):
    command = [
        sys.executable, "-m", "reasonbench", "run", "embedded:teacher", "--task", str(task),
        "--limit", str(PROBLEMS), "-n", str(N), "--engine", engine, "--batch-size", "16",
        "--max-tokens", str(MAX_TOKENS), "--out", str(out), "--format", "json",
    ]  # fmt: skip
    start = time.monotonic()
    kept = [kill_at(command, out, share * PROBLEMS * N // 4) for share in (1, 2)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (result,) = json.loads(done.stdout)["tasks"]
    final = texts(out)
    counts = Counter(problem for problem, _ in final)
    lost = sum(final.get(key) != text for state in kept for key, text in state.items())
    first = result["estimates"][0]
    interval = first["superpopulation"]
    print(
        f"{engine}: killed at {len(kept[0])} and {len(kept[1])} of {PROBLEMS * N}, ended with "
        f"{len(final)}; n a problem {set(counts.values())} on {len(counts)} problems; "
        f"kept and lost or changed: {lost}; "
        f"pass@1 {first['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f}); "
        f"reasons {result['reasons']}; {time.monotonic() - start:.0f} s in all"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--engine", action="append", choices=["transformers", "vllm"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        task = arguments.file
        if task is None:
            task = Path(folder) / "sums.jsonl"
            rows = [
                {"question": f"What is {i} + {i * i}?", "answer": str(i + i * i)} for i in range(50)
            ]
            task.write_text("".join(json.dumps(row) + "\n" for row in rows))
        for engine in arguments.engine or ["transformers", "vllm"]:
            measure(engine, task, Path(folder) / engine)


if __name__ == "__main__":
    main()
