"""Find problems that stand word for word in the traces.

A problem is found where all words of its statement follow one another in a text field
of a row; case, punctuation and line breaks make no difference, numbers and the operators
beside them do.  A file that is named twice is read once.  Not covered: reformatted,
renumbered or paraphrased problems, and solutions without their problem.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from reasonbench.corpus.documents import Row, Skipped, encodable, read_rows
from reasonbench.corpus.operators import operators_between
from reasonbench.corpus.words import Words, split_words
from reasonbench.records import Problem
from reasonbench.results import Finding, FindingStatus, Match, ScanSummary

ANCHOR = 5
"""Words that are looked up; the rest is compared only where they agree."""
MAX_MATCHES = 20
"""Places kept as evidence; all are counted."""
MAX_EXAMPLES = 10

Gram = tuple[str, ...]


class ExactDetector:
    """Word-for-word search of problem statements."""

    identity = "exact/3"

    def detect(
        self, problems: Sequence[Problem], traces: Sequence[Path]
    ) -> tuple[list[Finding], ScanSummary]:
        """Return a Finding for each problem, and an account of the rows read."""
        index = _Index(problems)
        matches: defaultdict[int, list[Match]] = defaultdict(list)
        n_matches: Counter[int] = Counter()
        skipped: Counter[str] = Counter()
        examples: list[str] = []
        rows_read = 0
        documents = _documents(traces)
        for document, path in documents.items():
            for row in read_rows(path):
                if isinstance(row, Skipped):
                    skipped[row.reason] += 1
                    if len(examples) < MAX_EXAMPLES:
                        examples.append(f"{document}:{row.number + 1}: {row.reason}")
                    continue
                rows_read += 1
                for number, match in index.search(document, row):
                    n_matches[number] += 1
                    if len(matches[number]) < MAX_MATCHES:
                        matches[number].append(match)
        findings = [
            self._finding(problem, index.searchable(i), n_matches[i], matches[i])
            for i, problem in enumerate(problems)
        ]
        return findings, ScanSummary(
            documents=tuple(documents),
            rows_read=rows_read,
            rows_skipped=dict(skipped),
            examples=tuple(examples),
        )

    def _finding(
        self, problem: Problem, searchable: bool, n_matches: int, matches: list[Match]
    ) -> Finding:
        status = FindingStatus.NOT_CHECKED
        if searchable:
            status = FindingStatus.CONTAMINATED if n_matches else FindingStatus.CLEAN
        return Finding(
            task=problem.task,
            problem_id=problem.id,
            detector=self.identity,
            status=status,
            score=float(n_matches > 0) if searchable else None,
            n_matches=n_matches,
            matches=tuple(matches),
        )


class _Index:
    """Statements by their rarest run of ``ANCHOR`` words."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._statements = [split_words(p.statement) for p in problems]
        self._operators = [
            operators_between(p.statement, s, 0, len(s.words))
            for p, s in zip(problems, self._statements, strict=True)
        ]
        frequency = Counter(g for s in self._statements for g in set(_grams(s.words)))
        self._anchors: defaultdict[Gram, list[tuple[int, int]]] = defaultdict(list)
        for number, statement in enumerate(self._statements):
            grams = list(_grams(statement.words))
            if grams:
                rarest = min(grams, key=frequency.__getitem__)
                self._anchors[rarest].append((number, grams.index(rarest)))

    def searchable(self, number: int) -> bool:
        """Tell whether a statement has words enough to be looked up."""
        return len(self._statements[number].words) >= ANCHOR

    def search(self, document: str, row: Row) -> Iterator[tuple[int, Match]]:
        """Yield the statements that stand in a row, each once a field."""
        for field, text in row.fields:
            words = split_words(text)
            for number, start in self._places(text, words):
                statement = self._statements[number]
                low = words.spans[start][0]
                high = words.spans[start + len(statement.words) - 1][1]
                yield (
                    number,
                    Match(
                        document=document,
                        row=row.number,
                        field=field,
                        document_span=(low, high),
                        problem_span=(statement.spans[0][0], statement.spans[-1][1]),
                        text=text[low:high],
                    ),
                )

    def _places(self, text: str, words: Words) -> Iterator[tuple[int, int]]:
        found: set[int] = set()
        for at, gram in enumerate(_grams(words.words)):
            for number, place in self._anchors.get(gram, ()):
                wanted = self._statements[number].words
                start = at - place
                if number in found or start < 0:
                    continue
                if words.words[start : start + len(wanted)] != wanted:
                    continue
                if operators_between(text, words, start, len(wanted)) == self._operators[number]:
                    found.add(number)
                    yield number, start


def _documents(traces: Sequence[Path]) -> dict[str, Path]:
    """Return each file once, in the order given, by a name that can be written down."""
    first = {path.resolve(): path for path in reversed(traces)}
    kept = set(first.values())
    return {encodable(str(path)): path for path in traces if path in kept}


def _grams(words: Sequence[str]) -> Iterator[Gram]:
    return zip(*(words[i:] for i in range(ANCHOR)), strict=False)
