"""Speed of the overlap scan on one core, with its peers in the same run.

    python benchmarks/scan.py [--megabytes 256] [--repeat 5] [--data DIR]
                              [--datatrove-python PYTHON]

Two files of raw JSON Lines of real traces on 1,045 problems, repeated until they fill the
size, each time with the digits exchanged, so that lines differ though words do not.
``clean``: 2,000 items on none of these problems, and the question of every thousandth row is an
item's.  ``dirty``: the same traces, and the items are their own problems, filled up to 2,000:
every row is a leak, and the work after stage 1 is at its most.  Real traces lie between.

Each run is a process of its own on one processor (two for two workers), one and two workers in
turns, of which the medians count: MB of file by seconds of processor and of clock from when the
index stands to the last finding (workers start while it is made, and map it after); the seconds
before (start, index, null on 8 MB of the traces), which do not grow with the traces; and
the most memory that it and its largest worker held.  The peers see a slice of the clean
file: whether any 8-gram of words is in a Python set, and datatrove's ``NGramsDecontFilter`` (spaCy
words, 12-grams, questions included; its tokenizer and hash build the index here, since its
indexer wants lighteval).  datatrove 0.10.1 needs spacy and xxhash below 4.

Traces that repeat are kinder to caches and branch predictors than as many different ones.
"""

import argparse
import importlib.util
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import orjson

ITEMS = 2000
PLANTED_EVERY = 1000
PYTHON_SLICE, DATATROVE_SLICE = 8, 2
"""MB that the peers see."""
DATATROVE = """
import json, sys, tempfile, time
import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter
from datatrove.utils.text import ngrams, simplify_text
traces, items = sys.argv[1:]
folder = tempfile.mkdtemp()
config = NGramsDecontConfig(find_query_ngrams=True)
step = NGramsDecontFilter(folder, config)
hashes = set()
for item in map(json.loads, open(items, encoding="utf-8")):
    for text in (item["question"], item["solution"], item["code"]):
        words = step.tokenizer.word_tokenize(simplify_text(text, config.norm_config))
        hashes.update(step.hash_func(" ".join(g)) for g in ngrams(words, config.n_grams))
array = np.array(sorted(hashes), dtype=config.hash_config.np_descr)
array.tofile(folder + "/items.index.hashes")
step.load_index_hashes()
start = time.process_time()
flagged = 0
for row in map(json.loads, open(traces, encoding="utf-8")):
    flagged += step.filter(Document(text=row["q"] + "\\n\\n" + row["t"], id="")) is not True
print(json.dumps([time.process_time() - start, flagged]))
"""


# The only two places that know the scan's interface; both run in a process of their own.


def stage_one(traces, items):
    """Stage 1 alone, on the scan's own index: every run looked up and summed, nothing scored."""
    from reasonbench.corpus import scan, sources
    from reasonbench.corpus.calibrate import calibrate
    from reasonbench.corpus.decoys import make_decoys
    from reasonbench.corpus.items import read_items
    from reasonbench.corpus.search import Searcher

    shards = sources.expand([str(traces)])
    items = read_items(Path(items))
    every = [*items, *make_decoys(items)]
    work = scan._Work(shards, items, every, scan.ScanOptions(), lambda _bytes: None)
    sample = work._sample()
    calibration = calibrate(every, sample)
    arrays = calibration.arrays
    never = arrays._replace(
        need=np.full_like(arrays.need, np.inf), rare_starts=np.zeros_like(arrays.rare_starts)
    )
    searcher = Searcher(never, calibration.units.kinds)
    searcher.pairs(sample[0])
    start = time.process_time()
    searched = 0.0
    n_bytes = 0
    for shard in shards:
        for block in shard.blocks():
            begin = time.process_time()
            searcher.pairs(block)
            searched += time.process_time() - begin
            n_bytes += block.n_bytes
    total = time.process_time() - start
    return {"MB/s in memory": n_bytes / 1e6 / searched, "MB/s with reading": n_bytes / 1e6 / total}


def pipeline(traces, items, workers):
    """Everything, evidence included."""
    from reasonbench.corpus import scan, sources
    from reasonbench.corpus.items import read_items

    search = scan._Work.results
    spent = {}

    def results(*given):
        begin = time.perf_counter(), time.process_time()
        found = search(*given)
        spent["wall"] = time.perf_counter() - begin[0]
        spent["cpu"] = time.process_time() - begin[1]
        return found

    scan._Work.results = results
    result = scan.scan(
        sources.expand([str(traces)]), read_items(Path(items)), scan.ScanOptions(workers=workers)
    )
    documents = {(found.document, found.row) for found in result.findings}
    return {"findings": len(result.findings), "documents": len(documents)} | spent


def descendants(pid):
    """Return the process ids of a process's children, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [p for child in children for p in (int(child), *descendants(int(child)))]


class Watch(threading.Thread):
    """Looks at the processes that a scan starts: not all of them are ever waited for by it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self):
        """Look until it is over."""
        while not self.over.wait(0.1):
            for pid in descendants(os.getpid()):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                if found := re.search(r"VmHWM:\s*(\d+) kB", status):
                    self.peak = max(self.peak, int(found.group(1)) // 1024)


def child(kind, traces, items, workers):
    """Do one run and print what it found."""
    watch = Watch()
    watch.start()
    told = stage_one(traces, items) if kind == "stage 1" else pipeline(traces, items, int(workers))
    # Not the parent's ru_maxrss: that remembers what the parent held when it forked.
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text()).group(1)
    watch.over.set()
    watch.join()
    print(json.dumps(told | {"MB": int(peak) // 1024, "MB of a worker": watch.peak}))


def processors(count):
    """Return the last processors that this process may run on: the first ones get interrupts."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[-count:]))


def started(arguments, cpus):
    """Start a Python program on some processors."""
    return subprocess.Popen(
        ["taskset", "--cpu-list", cpus, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )


def told(process):
    """Return what a program told at its end."""
    said = process.stdout.read()
    if process.wait():
        sys.exit(f"{process.args[3:7]} ended with {process.returncode}")
    return json.loads(said.splitlines()[-1])


def measured(arguments, workers=1):
    """Run a Python program on as many processors as it has workers, and return what it told."""
    return told(started(arguments, processors(workers)))


def tile(path, rows, megabytes, items, rng):
    """Write traces until they fill the size, with an item's question in every thousandth."""
    size = number = 0
    lines = [orjson.dumps({"q": q, "t": t}) for q, t in rows]
    # Digits are exchanged in the line as it stands: an escape must not be among them.
    lines = [line for line in lines if b"\\u" not in line]
    with open(path, "wb") as file:
        while size < megabytes * 1e6:
            digits = rng.sample(range(10), 10)
            table = bytes.maketrans(b"0123456789", "".join(map(str, digits)).encode())
            for line in rng.sample(lines, len(lines)):
                number += 1
                new = line.translate(table)
                if items and number % PLANTED_EVERY == 0:
                    trace = orjson.loads(new)["t"]
                    new = orjson.dumps({"q": rng.choice(items)["question"], "t": trace})
                size += file.write(new + b"\n")
                if size >= megabytes * 1e6:
                    break
    return number


def head(path, out, limit):
    """Copy whole lines up to a number of bytes, at least ten, and return how many bytes."""
    size = 0
    with open(path, "rb") as file, open(out, "wb") as copy:
        for number, line in enumerate(file):
            if number >= 10 and size + len(line) > limit:
                break
            size += copy.write(line)
    return size


def cases(data, rng):
    """Return real rows, items on other problems, and items that are the rows' own problems."""
    from real_data import load, near

    problems = load(data)
    own = [p for p in problems if len(p.traces) > 1]
    others = [p for p in problems if len(p.traces) <= 1]
    places = near([p.question for p in others], [p.question for p in own])
    others = [p for p, alike in zip(others, places, strict=True) if not alike]
    others = rng.sample(others, ITEMS)
    rows = [(p.question, trace) for p in own for trace in p.traces]
    dirty = own + others[: ITEMS - len(own)]
    return rows, [p.item() for p in others], [p.item() for p in dirty]


def write_items(path, items):
    path.write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in items))


def scanned(name, traces, items, repeat):
    """Print MB/s of stage 1, of the pipeline and of two workers; return the pipeline's."""
    megabytes = traces.stat().st_size / 1e6
    command = [sys.executable, __file__, "--child"]
    print(f"{name}, stage 1: {measured([*command, 'stage 1', traces, items, 1])}")
    rates = {1: [], 2: [], "apart": []}
    # in turns: a shared machine is now faster, now slower
    for workers in (1, 2) * repeat:
        begin = time.perf_counter()
        run = measured([*command, "pipeline", traces, items, workers], workers)
        wall = run.pop("wall")
        start = time.perf_counter() - begin - wall
        rates[workers].append(megabytes / wall)
        cpu = f"{megabytes / run.pop('cpu'):.0f} MB/s of processor, " if workers == 1 else ""
        plural = "s" * (workers > 1)
        print(
            f"{name}, pipeline, {workers} worker{plural}: {cpu}{rates[workers][-1]:.0f} MB/s of "
            f"clock, and {start:.1f} s before and after; {run}"
        )
        if workers == 2:
            rates["apart"].append(apart([*command, "pipeline", traces, items, 1], megabytes))
    one, two, most = (statistics.median(rates[key]) for key in (1, 2, "apart"))
    print(
        f"{name}, medians of {repeat}: {one:.0f} and {two:.0f} MB/s, two workers {two / one:.2f} x "
        f"(two scans that share nothing, at once: {most / one:.2f} x)"
    )
    return one


def apart(command, megabytes):
    """Return the MB/s of two scans at once: what this machine's processors give at most."""
    cpus = processors(2).split(",")
    both = [started(command, cpu) for cpu in cpus]
    return 2 * megabytes / max(told(process)["wall"] for process in both)


def python_set(traces, items):
    """Return seconds of processor of a plain 8-gram set, and the rows that it flags."""
    from real_data import words_of

    grams = set()
    for item in items:
        for unit in ("question", "solution", "code"):
            words = words_of(item[unit])
            grams.update(tuple(words[i : i + 8]) for i in range(len(words) - 7))
    start, flagged = time.process_time(), 0
    with open(traces, "rb") as file:
        for row in map(orjson.loads, file):
            words = words_of(f"{row['q']}\n\n{row['t']}")
            flagged += any(tuple(words[i : i + 8]) in grams for i in range(len(words) - 7))
    return time.process_time() - start, flagged


def peers(traces, items, items_path, scratch, python):
    """Print and return MB/s of the peers, each on its slice."""
    part, rates = scratch / "slice.jsonl", {}
    size = head(traces, part, PYTHON_SLICE * 1e6) / 1e6
    seconds, flagged = python_set(part, items)
    rates["8-gram set in Python"] = size / seconds
    print(
        f"8-gram set in Python: {size / seconds:.2f} MB/s on {size:.1f} MB, {flagged} rows flagged"
    )
    if python:
        size = head(traces, part, DATATROVE_SLICE * 1e6) / 1e6
        seconds, flagged = measured([python, "-c", DATATROVE, part, items_path])
        rates["datatrove"] = size / seconds
        print(f"datatrove: {size / seconds:.2f} MB/s on {size:.1f} MB, {flagged} rows flagged")
    else:
        print("datatrove: not measured; name a Python that has it with --datatrove-python")
    return rates


def measure(given, scratch):
    rng = random.Random(given.seed)
    rows, clean, dirty = cases(given.data, rng)
    traces = scratch / "traces.jsonl"
    print(f"load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    ours = None
    for name, items in (("clean", clean), ("dirty", dirty)):
        if given.only not in (None, name):
            continue
        path = scratch / f"{name}.items.jsonl"
        write_items(path, items)
        n = tile(traces, rows, given.megabytes, items if name == "clean" else (), rng)
        print(f"{name}: {n:,} rows, {traces.stat().st_size / 1e6:.0f} MB, {len(items):,} items")
        rates = {}
        if name == "clean":
            rates = peers(traces, items, path, scratch, given.datatrove_python)
        if not given.peers_only:
            ours = scanned(name, traces, path, given.repeat)
            for peer, rate in rates.items():
                print(f"pipeline against {peer}: {ours / rate:.0f} x")


def main(arguments):
    if arguments[:1] == ["--child"]:
        child(*arguments[1:])
        return
    # not at the top: the workers of a scan import this file, and find no module beside it
    from real_data import DATA

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="benchmarks/ and traces/")
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=5, help="runs with one and with two workers")
    parser.add_argument("--datatrove-python", help="interpreter that has datatrove and spacy")
    parser.add_argument("--peers-only", action="store_true", help="without the tool")
    parser.add_argument("--only", choices=("clean", "dirty"), help="one of the two files")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("datatrove") and not given.datatrove_python:
        given.datatrove_python = sys.executable
    if not given.data.is_dir():
        print(f"{given.data} is not there: nothing measured; name the real data with --data")
        return
    with tempfile.TemporaryDirectory() as scratch:
        measure(given, Path(scratch))


if __name__ == "__main__":
    main(sys.argv[1:])
