"""Are a scan's q-values honest where its null comes from a part of the traces?

    python benchmarks/sampled.py [--seeds 4] [--data DIR]

22 MB of real traces on 1,045 problems, once with the answers to one problem side by side, as
data sets of several samples a problem often are, and once shuffled.  Some 2,000 items are real
problems on none of them and not near one; the question of every 400th row is one of these.  The
null is taken from less and less of the traces, as it is where these are gigabytes.  Printed: the
share of what is found at q <= .05 that was not planted, which is to be .05 at most.  A part of it
are siblings after all: 'the right' and 'the left insertion point'.
"""

import argparse
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import orjson
from real_data import DATA
from scan import cases, write_items

from reasonbench.corpus import scan
from reasonbench.corpus.items import read_items
from reasonbench.corpus.sources import expand

PLANTED_EVERY = 400
SAMPLES = (8192, 2048, 512)
"""KiB of the traces that the null is taken from."""
RANGE = 2**20


def planted(rows, items, rng):
    """Put an item's question in every so many rows; return the item of each."""
    put = {}
    for number in range(PLANTED_EVERY // 2, len(rows), PLANTED_EVERY):
        item = rng.choice(items)
        put[number] = item["id"]
        rows[number] = item["question"], rows[number][1]
    return put


def measure(seed, data, scratch):
    """Yield order, KiB, findings, true ones, planted ones, and items found falsely."""
    rng = random.Random(seed)
    rows, items, _ = cases(data, rng)
    write_items(scratch / "items.jsonl", items)
    searched = read_items(scratch / "items.jsonl")
    by_problem = defaultdict(list)
    for question, trace in rows:
        by_problem[question].append((question, trace))
    problems = list(by_problem)
    rng.shuffle(problems)
    for order in ("side by side", "shuffled"):
        rows = [row for problem in problems for row in by_problem[problem]]
        if order == "shuffled":
            rng.shuffle(rows)
        put = planted(rows, items, rng)
        path = scratch / "traces.jsonl"
        path.write_bytes(b"".join(orjson.dumps({"q": q, "t": t}) + b"\n" for q, t in rows))
        for kib in SAMPLES:
            scan.SAMPLE_BYTES = kib * 1024
            result = scan.scan(expand([str(path)], range_bytes=RANGE), searched)
            found = [(f.row, f.item.id) for f in result.findings if f.status == "contaminated"]
            wrong = {item for row, item in found if put.get(row) != item}
            true = sum(put.get(row) == item for row, item in found)
            yield order, kib, len(found), true, len(put), len(wrong)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="benchmarks/ and traces/")
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        print(f"{given.data} is not there: nothing measured; name the real data with --data")
        return
    total = defaultdict(lambda: [0, 0, 0, 0])
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(given.seeds):
            for order, kib, *counts in measure(seed, given.data, Path(scratch)):
                total[order, kib] = [a + b for a, b in zip(total[order, kib], counts, strict=True)]
    print("order          null from   found   planted, found      false: records   of items")
    for (order, kib), (found, true, put, wrong) in total.items():
        share = f"{found - true:,} ({100 * (found - true) / max(found, 1):.1f} %)"
        print(f"{order:12s} {kib:7,} KiB {found:7,} {put:9,} {true:7,} {share:>20s} {wrong:10,}")


if __name__ == "__main__":
    main(sys.argv[1:])
