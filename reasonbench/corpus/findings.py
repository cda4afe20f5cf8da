"""What a scan comes to: q-values over all its shards, and the false positives it measured."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.blocks import Account, by_document, first_rows
from reasonbench.corpus.calibrate import Calibration
from reasonbench.corpus.items import Item, Kind
from reasonbench.corpus.semantic import Chance, Searched
from reasonbench.corpus.shards import Hit
from reasonbench.corpus.sources_shards import Shard
from reasonbench.corpus.tail import Tail

FOUND, SUSPECT = 0.05, 0.2
"""q-values up to which a pair is a finding, and up to which it is suspect."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One item in one record."""

    document: str
    """File, or dataset and part."""
    row: int
    """Row in it, counted from 0."""
    item: Item
    """What stands there."""
    status: str
    """``contaminated`` or ``suspect``."""
    kind: str
    """How the record relates to the item: a value of ``Kind``."""
    channel: str
    """Where in the record: a value of ``Channel``."""
    p_value: float
    """Chance that this item comes to as much in a record of this length."""
    q_value: float
    """Share of false ones among the findings up to this one, by Benjamini and Hochberg."""
    hit: Hit
    """Score and evidence."""
    shard: int
    """Number of its shard."""
    cosine: float | None = None
    """Of the embeddings of a paraphrase; None for what overlaps."""


class Rates(NamedTuple):
    """What was found of items that are not there."""

    n_decoys: int
    """Decoys searched for."""
    n_found: int
    """Pairs of a record and a decoy that would be findings."""
    n_short: int
    """Short records searched."""
    false_short: float
    """Share of them in which as many decoys as there are items would find something."""
    n_long: int
    """Long records searched."""
    false_long: float
    """The same for them."""
    false_share: float | None
    """Share of false ones among the findings, estimated from decoys; None without decoys."""
    n_different: int = 0
    """Decoys that were found; one that resembles a repeated record is found as often as that."""


@dataclass(slots=True)
class ScanResult:
    """What a scan came to."""

    findings: list[Finding]
    """In the order of documents, rows and items."""
    accounts: dict[str, Account]
    """What became of the rows of every document."""
    rates: Rates
    """Measured false positives."""
    tail: Tail
    """How chance falls off."""
    calibration: tuple[int, int]
    """Records that it was calibrated on, and those of them that hold an item."""
    unsearchable: list[Item]
    """Items too short to be searched for."""
    n_items: int
    """Items searched for."""
    shards: list[Shard] = field(default_factory=list)
    """In the order in which they were searched."""
    phrases: list[tuple[Item, str, int]] = field(default_factory=list)
    """Items of which one phrase alone stands in several records: the phrase, and in how many."""
    n_embedded: int | None = None
    """Texts that the search for paraphrases is calibrated on; None: it was not asked for."""
    alike_rates: Rates | None = None
    """False positives that were measured of that search."""


def concluded(
    shards: Sequence[Shard],
    items: Sequence[Item],
    n_decoys: int,
    calibration: Calibration,
    results: Sequence[Searched],
    *,
    most: float = FOUND,
    n_embedded: int | None = None,
    n_alike_decoys: int = 0,
) -> ScanResult:
    """Return the findings, with the q-values of all of them together.

    Args:
        shards: in their order.
        items: items that were searched for, decoys left out.
        n_decoys: decoys, which come after the items.
        calibration: the index.
        results: of each shard.
        most: q-value up to which a pair is a finding.
        n_embedded: texts that the search for paraphrases is calibrated on.
        n_alike_decoys: texts that were looked for as its decoys.
    """
    parts = [(s.document, r.account()) for s, r in zip(shards, results, strict=True)]
    n_records = sum(result.rows_read for result in results)
    numbered = list(enumerate(results))
    real = [(n, h, None) for n, r in numbered for h in r.hits if h.item < len(items) and h.kind]
    decoy = [h for r in results for h in r.hits if h.item >= len(items) and h.kind]
    table = _Table(shards, items, first_rows(parts), n_records, most)
    findings = table.findings(real)
    sure = {_place(f) for f in findings if f.status == "contaminated"}
    # what overlaps is no discovery of the embeddings: it would lend its q-value to the others
    alike = [
        (n, like.hit, like.cosine)
        for n, result in numbered
        for like in result.alike
        if (n, like.hit.row, like.hit.item) not in sure
    ]
    meant = table.findings(alike)
    chance = [hit for result in results for hit in result.chance]
    n_long = sum(result.n_long for result in results)
    found = [f for f in findings if f.status == "contaminated"]
    measured = _Measured(len(items), n_records - n_long, n_long)
    searchable = calibration.searchable[: len(items)]
    return ScanResult(
        joined(findings, meant),
        by_document(parts),
        measured.rates(n_decoys, decoy, findings),
        calibration.tail,
        (calibration.n_records, calibration.n_held_out),
        [item for item, ok in zip(items, searchable, strict=True) if not ok],
        len(items),
        list(shards),
        _phrases(found),
        n_embedded,
        None if n_embedded is None else measured.rates(n_alike_decoys, chance, meant),
    )


class _Table(NamedTuple):
    """What turns one family of pairs into findings."""

    shards: Sequence[Shard]
    items: Sequence[Item]
    first: Sequence[int]
    n_records: int
    most: float

    def findings(self, pairs: Sequence[tuple[int, Hit, float | None]]) -> list[Finding]:
        """Return the findings among pairs: shard, hit, and cosine of a paraphrase."""
        n_tests = len(self.items) * max(self.n_records, 1)
        q_values = q_values_of([hit.p_value for _, hit, _ in pairs], n_tests)
        return [
            Finding(
                self.shards[number].document,
                self.first[number] + hit.row,
                self.items[hit.item],
                "contaminated" if q <= self.most else "suspect",
                hit.kind,
                hit.channel,
                hit.p_value,
                float(q),
                hit,
                number,
                cosine,
            )
            for (number, hit, cosine), q in zip(pairs, q_values, strict=True)
            if q <= max(self.most, SUSPECT)
        ]


def _place(finding: Finding) -> tuple[int, int, int]:
    return finding.shard, finding.hit.row, finding.hit.item


def joined(overlaps: Sequence[Finding], alike: Sequence[Finding]) -> list[Finding]:
    """Return both in the order of shards, rows and items, one finding a pair.

    What overlaps says more than what is alike, unless it is only suspect and the other is sure.
    """
    best = {_place(f): f for f in overlaps}
    for finding in alike:
        place = _place(finding)
        known = best.get(place)
        if known is None or (known.status == "suspect" and finding.status != "suspect"):
            best[place] = finding
    return [best[place] for place in sorted(best)] if alike else list(overlaps)


def q_values_of(p_values: Sequence[float], n_tests: int) -> NDArray[np.float64]:
    """Return Benjamini and Hochberg's q-values of the smallest p-values of ``n_tests``.

    References:
        Benjamini and Hochberg (1995), JRSS B 57, 289-300.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * n_tests / np.arange(1, p.size + 1)
    result = np.empty_like(p)
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result


class _Measured(NamedTuple):
    """What false positives are measured with."""

    n_items: int
    n_short: int
    n_long: int

    def rates(
        self, n_decoys: int, decoys: Sequence[Hit | Chance], findings: Sequence[Finding]
    ) -> Rates:
        """Return what the bar that the findings passed lets through of decoys."""
        found = [f.p_value for f in findings if f.status == "contaminated"]
        bar = max(found, default=0.0)
        passed = [hit for hit in decoys if hit.p_value <= bar]
        scale = self.n_items / n_decoys if n_decoys else 0.0
        long = sum(hit.is_long for hit in passed)
        share = min(len(passed) * scale / len(found), 1.0) if n_decoys and found else None
        return Rates(
            n_decoys,
            len(passed),
            self.n_short,
            scale * (len(passed) - long) / max(self.n_short, 1),
            self.n_long,
            scale * long / max(self.n_long, 1),
            share,
            len({hit.item for hit in passed if isinstance(hit, Hit)}),
        )


PHRASE_RECORDS = 3
"""Records in which one phrase of an item stands, from which it is reported as a phrase."""


def _phrases(findings: Sequence[Finding]) -> list[tuple[Item, str, int]]:
    """Return the items of which the same part, and no more, stands in several records."""
    partial: Counter[tuple[Item, str]] = Counter()
    more = {f.item for f in findings if f.kind != Kind.PARTIAL}
    for finding in findings:
        if finding.kind == Kind.PARTIAL and finding.item not in more:
            partial[finding.item, " ".join(finding.hit.text.lower().split())] += 1
    return [(item, text, n) for (item, text), n in partial.most_common() if n >= PHRASE_RECORDS]
