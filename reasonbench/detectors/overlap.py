"""Find problems in the traces: verbatim, reformatted, renumbered, reworded, in part, solved.

The search of ``reasonbench scan`` on one audit's problems and traces.  A problem is
contaminated where at least one place is a finding at a q-value of .05, suspect where one is at
.2, and not checked where it is too short to be searched for.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from reasonbench.corpus import sources
from reasonbench.corpus.align_kinds import RANK
from reasonbench.corpus.items import Item, Kind
from reasonbench.corpus.scan import Finding as Found
from reasonbench.corpus.scan import ScanOptions, ScanResult, scan
from reasonbench.records import Problem
from reasonbench.results import Finding, FindingStatus, Match, ScanSummary
from reasonbench.searched import item_of

MAX_MATCHES = 20
"""Places kept as evidence; all are counted."""
MAX_EXAMPLES = 10


class OverlapDetector:
    """Calibrated overlap search."""

    identity = "overlap/1"

    def detect(
        self, problems: Sequence[Problem], traces: Sequence[Path]
    ) -> tuple[list[Finding], ScanSummary]:
        """Return a Finding for each problem, and an account of the rows read."""
        items = [item_of(problem) for problem in problems]
        shards = sources.expand([str(path) for path in traces])
        result = scan(shards, items, ScanOptions(workers=len(os.sched_getaffinity(0))))
        places: dict[Item, list[Found]] = {}
        for found in result.findings:
            places.setdefault(found.item, []).append(found)
        unsearchable = set(result.unsearchable)
        findings = [
            self._finding(problem, places.get(item, []), item in unsearchable)
            for problem, item in zip(problems, items, strict=True)
        ]
        return findings, summary_of(result)

    def _finding(self, problem: Problem, places: list[Found], unsearchable: bool) -> Finding:
        status = FindingStatus.NOT_CHECKED if unsearchable else FindingStatus.CLEAN
        if not places:
            return Finding(
                task=problem.task, problem_id=problem.id, detector=self.identity, status=status
            )
        found = [place for place in places if place.status == FindingStatus.CONTAMINATED]
        gravest = min(found or places, key=lambda f: (RANK[Kind(f.kind)], f.p_value))
        strongest = min(places, key=lambda f: f.p_value)
        ordered = sorted(places, key=lambda f: (f is not gravest, f.p_value))
        return Finding(
            task=problem.task,
            problem_id=problem.id,
            detector=self.identity,
            status=FindingStatus.CONTAMINATED if found else FindingStatus.SUSPECT,
            score=strongest.hit.score,
            p_value=strongest.p_value,
            q_value=strongest.q_value,
            kind=gravest.kind,
            channel=gravest.channel,
            n_matches=len(places),
            matches=tuple(match_of(place) for place in ordered[:MAX_MATCHES]),
        )


def match_of(found: Found) -> Match:
    """Return a place as evidence: its first span."""
    field, start, end, _, item_start, item_end = found.hit.spans[0]
    return Match(
        document=found.document,
        row=found.row,
        field=field,
        document_span=(start, end),
        problem_span=(item_start, item_end),
        text=found.hit.text,
        kind=found.kind,
        channel=found.channel,
    )


def summary_of(result: ScanResult) -> ScanSummary:
    """Return the account of all rows."""
    skipped: dict[str, int] = {}
    for account in result.accounts.values():
        for reason, count in account.rows_skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    examples = [line for name, account in result.accounts.items() for line in account.named(name)]
    unread = [line for account in result.accounts.values() for line in account.unread]
    return ScanSummary(
        documents=tuple(result.accounts),
        rows_read=sum(account.rows_read for account in result.accounts.values()),
        rows_skipped=skipped,
        examples=tuple([*unread, *examples][:MAX_EXAMPLES]),
    )
