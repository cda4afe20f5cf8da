"""What the overlap scan finds of planted leaks, beside three rules that the field uses.

    python benchmarks/detection.py [--seed 0] [--repeat 1] [--data DIR] [--clean 4000] [--long 400]

Documents, items and truth are those of ``planted.py``.  Two tables.  At the same false
positives: each method's threshold is set so that of the clean documents of this very run at most
0.1 % of the short ones and 0.5 % of those of 13 KB are flagged; then recall per class.  As
delivered: the tool at q <= .05, the peers at their own rules.  A planted document is found if
it is flagged for the item that was planted, or for a sibling or another item that ``truth`` says is
there too.  A finding is false if the item is not there.  ``attributed``: of the planted documents
that are flagged, those whose surest finding is an item that is there; ``exact``: the planted one.

The peers are written here, with one way of splitting words: any shared 8-gram; the
longest run of equal words (s1's idea, run >= 12); the share of a unit's words within shared
8-grams (Tülu 3's, > 50 %).  They look at question, solution and code, as the tool does, so they
find more than their originals, which look at the prompt.

Exit status 1: a target was missed.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import planted
from real_data import DATA, words_of

FALSE_POSITIVES = 0.001
Q = 0.05
N = 8
RUN, COVERAGE = 12, 0.5
ORDER = (
    ("verbatim", 99, "verbatim"),
    ("mid-trace", 99, "verbatim"),
    ("solution", 99, "solution"),
    ("reformatted", 95, "reformatted"),
    ("renumbered", 96, "renumbered"),
    ("synonyms", 80, "paraphrased"),
    ("first half", 78, "partial"),
    ("prompt-less", 40, "answer_only"),
    ("code", None, "code"),
    ("rewrite", None, "paraphrased"),
)
"""Class, least recall in per cent at 0.1 % false positives, and the kind it should be called."""
LONG_TARGET = 0.5


class Hit(NamedTuple):
    """An item found in a document; ``rank`` is smaller where a method is surer."""

    row: int
    item: str
    rank: tuple
    delivered: bool
    """Whether the method reports it at its own threshold."""
    kind: str = ""


def tool(traces, items, ids):
    """Return what the scan finds, with every p-value that it can give.

    The only place that knows the scan's interface.
    """
    from reasonbench.corpus import scan, sources
    from reasonbench.corpus.items import read_items

    # found = 1 gives every pair that was looked at; Q is applied here
    result = scan.scan(
        sources.expand([str(traces)]), read_items(Path(items)), scan.ScanOptions(found=1.0)
    )
    hits = []
    for found in result.findings:
        assert found.item.id in ids, found.item.id
        rank = (found.p_value, -found.hit.score)
        hits.append(Hit(found.row, found.item.id, rank, found.q_value <= Q, str(found.kind)))
    return hits


class Grams:
    """The 8-grams of the units of items, and where each stands."""

    def __init__(self, items):
        self.places, self.sizes = defaultdict(list), []
        self.owner = []
        for item in items:
            for unit in ("question", "solution", "code"):
                words = words_of(item[unit])
                if len(words) < N:
                    continue
                for at in range(len(words) - N + 1):
                    self.places[tuple(words[at : at + N])].append((len(self.sizes), at))
                self.sizes.append(len(words))
                self.owner.append(item["id"])

    def matches(self, words):
        """Return per unit: shared 8-grams, longest run in words, share of its words covered."""
        ends, best, seen = {}, Counter(), defaultdict(set)
        for at in range(len(words) - N + 1):
            now = {}
            for unit, place in self.places.get(tuple(words[at : at + N]), ()):
                now[unit, place] = ends.get((unit, place - 1), N - 1) + 1
                best[unit] = max(best[unit], now[unit, place])
                seen[unit].add(place)
            ends = now
        for unit, places in seen.items():
            covered = {place + i for place in places for i in range(N)}
            yield unit, len(places), best[unit], len(covered) / self.sizes[unit]


def peers(records, items):
    """Return the hits of the three rules."""
    grams = Grams(items)
    found = {"any 8-gram": [], "s1 run": [], "Tülu 3": []}
    for row, record in enumerate(records):
        words = words_of(" ".join(planted.texts(record)))
        for unit, shared, run, coverage in grams.matches(words):
            item = grams.owner[unit]
            found["any 8-gram"].append(Hit(row, item, (-shared,), True))
            found["s1 run"].append(Hit(row, item, (-run,), run >= RUN))
            found["Tülu 3"].append(Hit(row, item, (-coverage, -run), coverage > COVERAGE))
    return found


def threshold(hits, truths):
    """Return the rank that hits must lie below to flag no more clean documents than allowed."""
    limits = []
    for long, most in ((False, FALSE_POSITIVES), (True, LONG_TARGET / 100)):
        clean = {t["row"] for t in truths if t["class"] == "clean" and t["long"] is long}
        best = {}
        for hit in hits:
            if hit.row in clean:
                best[hit.row] = min(hit.rank, best.get(hit.row, hit.rank))
        ordered = sorted(best.values())
        allowed = int(most * len(clean))
        limits.append(ordered[allowed] if len(ordered) > allowed else (float("inf"),))
    return min(limits)


def share(part, whole):
    """Return a percentage."""
    return 100 * part / max(whole, 1)


def figures(hits, truths):
    """Return every figure of one set of hits that counts as found."""
    by_row, surest = defaultdict(set), {}
    for hit in sorted(hits, key=lambda hit: hit.rank, reverse=True):
        by_row[hit.row].add(hit.item)
        surest[hit.row] = hit.item
    out, attributed = {}, Counter()
    for name, *_ in ORDER:
        planted_rows = [t for t in truths if t["class"] == name]
        right = [t for t in planted_rows if by_row[t["row"]] & {t["item"], *t["also"]}]
        flagged = [t for t in planted_rows if by_row[t["row"]]]
        there = [t for t in flagged if surest[t["row"]] in (t["item"], *t["also"])]
        exact = [t for t in there if surest[t["row"]] == t["item"]]
        attributed.update(flagged=len(flagged), there=len(there), exact=len(exact))
        out[name] = share(len(right), len(planted_rows))
    for name, long in (("clean short", False), ("clean long", True)):
        rows = [t["row"] for t in truths if t["class"] == "clean" and t["long"] == long]
        out[name] = share(sum(bool(by_row[row]) for row in rows), len(rows))
    there = {t["row"]: {t["item"], *t["also"]} for t in truths if t["item"]}
    pairs = {(hit.row, hit.item) for hit in hits}
    wrong = sum(item not in there.get(row, ()) for row, item in pairs)
    out["false findings"] = share(wrong, len(pairs))
    out["attributed"] = share(attributed["there"], attributed["flagged"])
    out["attributed, exact"] = share(attributed["exact"], attributed["flagged"])
    return out


def missed_short(hits, truths):
    """Return missed verbatim and mid-trace plants, by whether the question is under 8 words."""
    found = {(hit.row, hit.item) for hit in hits}
    rows = [t for t in truths if t["class"] in ("verbatim", "mid-trace")]
    lost = [t for t in rows if not any((t["row"], i) in found for i in (t["item"], *t["also"]))]
    return Counter("under 8 words" if t["words"] < 8 else "8 words and more" for t in lost)


def confusion(hits, truths):
    """Print what kind each class was called, by the surest hit on the planted item."""
    best = {}
    for hit in sorted(hits, key=lambda hit: hit.rank, reverse=True):
        best[hit.row, hit.item] = hit.kind
    for name, _, expected in ORDER:
        kinds = Counter(
            best.get((t["row"], t["item"]), "not found") for t in truths if t["class"] == name
        )
        told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        print(f"  {name:12} (wanted: {expected}) {told}")


def table(title, methods):
    """Print the figures of several methods side by side."""
    print(f"\n{title} (%)")
    print(f"  {'':18}" + "".join(f"{method:>12}" for method in methods))
    for row in next(iter(methods.values())):
        print(f"  {row:18}" + "".join(f"{value[row]:12.1f}" for value in methods.values()))


def once(seed, given):
    """Run one benchmark and return the tool's figures at the threshold, or None without a tool."""
    items, records, truths, about = planted.make(given.data, seed, given.clean, given.long)
    print(f"\nseed {seed}: {len(records):,} documents, {len(items):,} items; {about['dropped']}")
    found = peers(records, items)
    if not given.peers_only:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            planted.write(out, items, records, truths, about)
            ids = {item["id"] for item in items}
            found = {"tool": tool(out / "traces.jsonl", out / "items.jsonl", ids)} | found
    delivered = {name: [h for h in hits if h.delivered] for name, hits in found.items()}
    strict = {}
    for name, hits in found.items():
        limit = threshold(hits, truths)
        strict[name] = [hit for hit in hits if hit.rank < limit]
        print(f"  {name}: 0.1 % of clean short documents lie below {limit}")
    at_rate = {name: figures(hits, truths) for name, hits in strict.items()}
    table("at 0.1 % false positives on clean short documents", at_rate)
    table("as delivered", {name: figures(hits, truths) for name, hits in delivered.items()})
    if "tool" not in found:
        return None
    print(f"\nmissed verbatim and mid-trace plants: {dict(missed_short(strict['tool'], truths))}")
    print("kinds, as delivered:")
    confusion(delivered["tool"], truths)
    return at_rate["tool"]


def targets(runs):
    """Print each target beside the mean of the runs, and return how many were missed."""
    print(f"\ntargets, mean of {len(runs)}")
    wanted = [(name, least, True) for name, least, _ in ORDER if least]
    wanted.append(("clean long", LONG_TARGET, False))
    missed = 0
    for name, limit, is_least in wanted:
        mean = sum(run[name] for run in runs) / len(runs)
        good = mean >= limit if is_least else mean <= limit
        missed += not good
        sign = ">=" if is_least else "<="
        print(f"  {name:12} {mean:6.1f} {sign} {limit}  {'met' if good else 'MISSED'}")
    return missed


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="benchmarks/ and traces/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=1, help="seeds, from --seed on")
    parser.add_argument("--clean", type=int, default=4000, help="clean short documents")
    parser.add_argument("--long", type=int, default=400, help="clean documents of 13 KB")
    parser.add_argument("--peers-only", action="store_true", help="without the tool")
    parser.add_argument("--json", type=Path, help="also write the tool's figures there")
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        print(f"{given.data} is not there: nothing measured; name the real data with --data")
        return 0
    runs = [once(given.seed + number, given) for number in range(given.repeat)]
    if given.peers_only:
        return 0
    if given.json:
        given.json.write_text(json.dumps(runs), encoding="utf-8")
    return int(targets(runs) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
