"""A contamination benchmark with known answers: real problems planted in real traces.

    python benchmarks/planted.py [OUT] [--seed 0] [--data DIR] [--clean 4000] [--long 400]

OUT gets ``items.jsonl`` (2,000 problems to search for: id, question, solution, answer, code),
``traces.jsonl`` (what is searched), ``truth.jsonl`` (a line for each trace: row, class, item,
long, where, how, words, also, schema) and ``about.json``.  Without OUT they are made and deleted.

Half of the items are planted, each once, 100 in each class; a quarter of each class stands in
documents of 13 KB.  ``also`` names the other items whose text is in that document by rights:
siblings of the planted one (``fuzz.ratio`` >= 75 on the questions) and whatever else has 30 %
of its question's, solution's or code's 8-grams there.

Problems to search for, problems of hosts (the traces around a plant) and of clean documents are
disjoint.  A problem is in neither of the last two if its question is within ``fuzz.ratio`` 75
of an item's, or if it holds 30 % of an item's 8-grams; a document that holds as many is left
out too.  Documents that share fewer stay: stock phrases are what clean traces look like.  The
question of a clean problem stands in one short document and at most one long one: among a few
hundred problems, one with a sibling would else decide over the 0.1 % alone.

What is artificial.  A planted question is followed by a trace on another problem; a real leak has
its own, which helps to find it.  A long document is a row of short traces on many problems, not
one long chain of thought, and the same traces are used in several.  Lead-ins are made up.
Synonyms and rewriting are done by rules (``disguises.py``).  The MATH items that come with
traces have no reference solution and no answer.  Items too small for a class to mean anything
are not in it: half questions from 16 words, synonyms from 10 content words, solutions from 20
words, programs from 30, prompt-less traces from 200 characters and without 13 words in a row of
the question.  Verbatim and mid-trace plants have no such limit.
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from disguises import content_words, first_half, reformatted, renumbered, rewritten, synonyms
from real_data import DATA, Overlap, load, near, words_of

PER_CLASS = 100
CLASSES = (
    "prompt-less",
    "code",
    "solution",
    "renumbered",
    "synonyms",
    "reformatted",
    "first half",
    "rewrite",
    "verbatim",
    "mid-trace",
)
"""In the order in which they choose their items: the choosy ones first."""
EXACT = ("verbatim", "mid-trace")
"""Those that hold the question as it is; no other does."""
HELD = 0.3
"""Share of an item's 8-grams from which a document holds it."""
LONG = 13_000
"""Characters of a long document."""
SCHEMAS = ("q/t", "messages", "problem/solution", "text")
SEARCHED = {"mbpp": 336, "math5": 120}
ZEROEVAL_GSM8K, OTHER_GSM8K = 150, 730
LEADS = (
    "Hmm, wait. This reminds me of the problem: {}\n\nThat one is not what is asked here, though.",
    "Let me think about something similar. I recall this one: {}\n\nThe same idea may work.",
    "...a known exercise goes like this: {} OK. Back to the question at hand.",
    "Actually, I have seen a related question before.\n\n{}\n\nSo how was that done?",
)
SOLVED = (
    "Okay, let me work through it.\n\n{}\n\nLet me double-check that before I go on.",
    "I will write the whole argument down. {}\n\nSo that is settled.",
    "First attempt:\n\n{}\n\nThat looks right to me.",
)
CODED = (
    "Let me write the program.\n\n```python\n{}\n```\n\nThis runs in reasonable time.",
    "Here is what I came up with:\n\n```\n{}\n```\nNow the edge cases.",
)


def split(problems, rng):
    """Return the problems to search for and the rest."""
    by = defaultdict(list)
    for problem in rng.sample(problems, len(problems)):
        by[problem.benchmark, len(problem.traces) > 1].append(problem)
    quotas = {("gsm8k", True): ZEROEVAL_GSM8K, ("gsm8k", False): OTHER_GSM8K, ("crux", True): 0}
    items, rest = [], []
    for (benchmark, many), group in sorted(by.items()):
        quota = quotas.get((benchmark, many), SEARCHED.get(benchmark, len(group)))
        items += group[:quota]
        rest += group[quota:]
    return sorted(items, key=lambda problem: problem.id), rest


def record(schema, prompt, trace):
    """Return a row of traces.jsonl; an empty prompt is left out."""
    if schema == "messages":
        turns = [("user", prompt)] if prompt else []
        said = [*turns, ("assistant", trace)]
        return {"messages": [{"role": role, "content": text} for role, text in said]}
    if schema == "text":
        return {"text": f"{prompt}\n\n{trace}" if prompt else trace}
    names = schema.split("/")
    return {name: text for name, text in zip(names, (prompt, trace), strict=True) if text}


class Pool:
    """Real traces on one group of clean problems."""

    def __init__(self, problems, rng):
        self.rng = rng
        self.problems = defaultdict(list)
        for problem in problems:
            traces = problem.traces or (f"```python\n{problem.code}\n```",)
            genre = "code" if problem.benchmark in ("crux", "mbpp") else "math"
            self.problems[genre].append((problem.question, traces))

    def one(self, genre):
        """Return a question and a trace on it."""
        question, traces = self.rng.choice(self.problems[genre])
        return question, self.rng.choice(traces)

    def each(self, genre):
        """Yield every trace once, one of each problem in turn; the first time with its question."""
        problems = self.problems[genre]
        traces = [self.rng.sample(own, len(own)) for _, own in problems]
        for number in range(max(map(len, traces))):
            for at in self.rng.sample(range(len(problems)), len(problems)):
                if number < len(traces[at]):
                    yield "" if number else problems[at][0], traces[at][number]

    def pieces(self, genre, size):
        """Return traces of that many characters in all."""
        found = []
        while size > 0:
            _, trace = self.one(genre)
            found.append(trace)
            size -= len(trace) + 2
        return found


def fits(name, item):
    """Tell whether an item can be in a class (see the module's docstring)."""
    prose = item.benchmark in ("gsm8k", "math500", "math5")
    n = len(words_of(item.question))
    match name:
        case "prompt-less":
            return bool(item.traces)
        case "code":
            return len(words_of(item.code)) >= 30
        case "solution":
            return len(words_of(item.solution)) >= 20
        case "renumbered":
            return prose and bool(re.search(r"\d", item.question))
        case "synonyms":
            return prose and len(content_words(item.question, item.latex)) >= 10
        case "reformatted" | "rewrite":
            return prose or (name == "reformatted" and item.benchmark == "mbpp")
        case "first half":
            return n >= 16
    return True


def plant(name, item, rng):
    """Return what of an item goes into a document of a class, and how it was changed."""
    match name:
        case "reformatted":
            return reformatted(item.question, item.latex, rng)
        case "renumbered":
            return renumbered(item.question, rng), ""
        case "synonyms":
            return synonyms(item.question, item.latex, rng), ""
        case "rewrite":
            return rewritten(item.question, item.latex, rng), ""
        case "first half":
            return first_half(item.question), ""
        case "prompt-less":
            return promptless(item, rng), ""
        case "solution":
            bare = rng.random() < 0.5
            text = re.sub(r"<<.*?>>", "", item.solution) if bare else item.solution
            return rng.choice(SOLVED).format(text), "bare" if bare and text != item.solution else ""
        case "code":
            tabs = rng.random() < 0.3
            code = item.code.replace("    ", "\t") if tabs else item.code
            return rng.choice(CODED).format(code), "tabs" if tabs and code != item.code else ""
        case "mid-trace":
            return rng.choice(LEADS).format(item.question), ""
    return item.question, ""


def longest_run(ours, theirs):
    """Return the most words in a row that two lists share."""
    best, ends = 0, {}
    places = defaultdict(list)
    for at, word in enumerate(theirs):
        places[word].append(at)
    for word in ours:
        ends = {at: ends.get(at - 1, 0) + 1 for at in places[word]}
        best = max(best, *ends.values(), 0)
    return best


def promptless(item, rng):
    """Return a trace of at least 200 characters that does not copy the question, or None."""
    question = words_of(item.question)
    kept = [t for t in item.traces if len(t) >= 200 and longest_run(words_of(t), question) < 13]
    return rng.choice(kept) if kept else None


def document(name, text, long, hosts, rng):
    """Return prompt and trace of a planted document, and where the plant stands."""
    genre = "code" if name == "code" else rng.choice(["math", "math", "math", "code"])
    question, trace = hosts.one(genre)
    if name == "prompt-less":
        question = trace = ""
    if long:
        pieces = hosts.pieces(genre, LONG - len(text))
        pieces.insert(rng.randrange(len(pieces) + 1), text)
        return question, "\n\n".join(pieces), "trace"
    if name == "prompt-less":
        return "", text, "trace"
    if name == "mid-trace":
        before, after = (hosts.pieces(genre, 900) for _ in range(2))
        return question, "\n\n".join([*before, text, *after]), "trace"
    if name in ("solution", "code"):
        return question, f"{text}\n\n{trace}", "trace"
    return text, trace, "prompt"


def planted(items, hosts, overlap, rng):
    """Yield a record and its truth for every planted document."""
    left = list(items)
    siblings = near([i.question for i in items], [i.question for i in items])
    places = {item.id: at for at, item in enumerate(items)}
    for name in CLASSES:
        # In a fresh order: what an earlier class could not use would come first for the next.
        chosen = [item for item in rng.sample(left, len(left)) if fits(name, item)]
        if name == "prompt-less":
            # Of the real traces, those of one tool-using model on GSM8K are the most alike.
            chosen.sort(key=lambda item: len(item.traces) < 2)
        number = 0
        for item in chosen:
            text, how = plant(name, item, rng)
            if number == PER_CLASS or text is None or (name not in EXACT and item.question in text):
                continue
            long = number % 4 == 0
            prompt, trace, where = document(name, text, long, hosts, rng)
            held = overlap.held(f"{prompt}\n\n{trace}").items()
            also = {at for at, share in held if share >= HELD} | set(siblings[places[item.id]])
            truth = {"class": name, "item": item.id, "long": long, "where": where, "how": how}
            truth["words"] = len(words_of(item.question))
            truth["also"] = sorted(items[at].id for at in also if items[at].id != item.id)
            left.remove(item)
            number += 1
            yield (prompt, trace), truth
        assert number == PER_CLASS, f"{number} of {name}"


def clean(pool, overlap, sizes, rng, dropped):
    """Yield clean documents, those that hold an item counted and left out."""
    for long, size in zip((False, True), sizes, strict=True):
        sources = {genre: pool.each(genre) for genre in ("math", "code")}
        for number in range(size):
            genre = "math" if number % 3 < 2 else "code"
            for prompt, own in sources[genre]:
                more = pool.pieces(genre, LONG - len(own)) if long else []
                trace = "\n\n".join(rng.sample([own, *more], 1 + len(more)))
                held = overlap.held(f"{prompt}\n\n{trace}")
                if max(held.values(), default=0) < HELD:
                    break
                dropped["documents"] += 1
            else:
                sys.exit(f"there are traces for {number} clean documents, {size} were asked for")
            dropped["share a gram with an item, kept"] += bool(held)
            truth = {"class": "clean", "item": None, "long": long, "where": "", "how": ""}
            yield (prompt, trace), truth | {"words": 0, "also": []}


def make(data, seed=0, n_clean=4000, n_long=400):
    """Return items, records, truth and an account of what was made, in the order of the rows."""
    rng = random.Random(seed)
    items, rest = split(load(data), rng)
    rest = [problem for problem in rest if problem.benchmark != "mbpp"]
    alike = near([p.question for p in rest], [item.question for item in items])
    free = [problem for problem, places in zip(rest, alike, strict=True) if not places]
    account = Counter({"near problems": len(rest) - len(free)})
    overlap = Overlap(items)
    kept = []
    for problem in free:
        held = max(overlap.held(f"{problem.question}\n{problem.code}").values(), default=0)
        if held < HELD:
            kept.append(problem)
        account["problems that hold an item's 8-grams"] += held >= HELD
    hosts, background = kept[::4], [p for at, p in enumerate(kept) if at % 4]
    rows = list(planted(items, Pool(hosts, rng), overlap, rng))
    rows += clean(Pool(background, rng), overlap, (n_clean, n_long), rng, account)
    rng.shuffle(rows)
    records, truths = [], []
    for row, ((prompt, trace), truth) in enumerate(rows):
        schema = rng.choice(SCHEMAS)
        records.append(record(schema, prompt, trace))
        truths.append({"row": row, **truth, "schema": schema})
    about = {"seed": seed, "items": Counter(i.benchmark for i in items), "dropped": account}
    about |= {"host problems": len(hosts), "clean problems": len(background)}
    return [item.item() for item in items], records, truths, about


def write(out, items, records, truths, about):
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("items", items), ("traces", records), ("truth", truths)):
        with open(out / f"{name}.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=row_escapes(row)) + "\n" for row in rows)
    (out / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def row_escapes(row):
    """Spell every other row's characters beyond ASCII as JSON escapes, as real files do."""
    return sum(len(str(value)) for value in row.values()) % 2 == 0


def check(items, records, truths):
    """Assert that every label is right, as far as the text of a record can tell."""
    by = {item["id"]: item for item in items}
    named = [truth for truth in truths if truth["item"]]
    assert len({truth["item"] for truth in named}) == len(named) == PER_CLASS * len(CLASSES)
    for truth in named:
        text, item = "\n".join(texts(records[truth["row"]])), by[truth["item"]]
        whole = item["question"] in text
        assert whole == (truth["class"] in EXACT), truth
        match truth["class"]:
            case "first half":
                assert first_half(item["question"]) in text, truth
            case "solution":
                bare = re.sub(r"<<.*?>>", "", item["solution"])
                assert item["solution"] in text or bare in text, truth
            case "code":
                assert item["code"].replace("    ", "\t") in text or item["code"] in text, truth


def texts(value):
    """Yield every text of a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


def show(items, records, truths, count):
    by = {item["id"]: item for item in items}
    for name in CLASSES:
        for truth in [t for t in truths if t["class"] == name and not t["long"]][:count]:
            print(f"\n=== {name} {truth['item']} {truth['how']} also {truth['also']}")
            print(f"--- question: {by[truth['item']]['question'][:500]}")
            print(f"--- record: {json.dumps(records[truth['row']], ensure_ascii=False)[:1500]}")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT")
    parser.add_argument("--data", type=Path, default=DATA, help="benchmarks/ and traces/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clean", type=int, default=4000, help="clean short documents")
    parser.add_argument("--long", type=int, default=400, help="clean documents of 13 KB")
    parser.add_argument(
        "--show", type=int, default=0, help="planted documents of each class to print"
    )
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        print(f"{given.data} is not there: nothing made; name the real data with --data")
        return
    made = make(given.data, given.seed, given.clean, given.long)
    with tempfile.TemporaryDirectory() as scratch:
        write(given.out or Path(scratch), *made)
    items, records, truths, about = made
    check(items, records, truths)
    show(items, records, truths, given.show)
    print(json.dumps(about))
    print(
        f"{len(items):,} items, {len(records):,} documents, {Counter(t['class'] for t in truths)}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
