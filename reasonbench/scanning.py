"""``reasonbench scan``: benchmarks by name, traces by name, and what was found, to be written."""

import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reasonbench import __version__, plugins, tasks
from reasonbench.corpus import sources
from reasonbench.corpus.blocks import Account
from reasonbench.corpus.items import Item, Kind, read_items
from reasonbench.corpus.jobs import Executor
from reasonbench.corpus.output import check_outputs
from reasonbench.corpus.scan import Finding, Progress, ScanOptions, ScanResult, scan
from reasonbench.corpus.semantic import Encoder
from reasonbench.corpus.sources_shards import Shard
from reasonbench.errors import MissingDependencyError, SpecError
from reasonbench.report.text import visible
from reasonbench.searched import item_of

ITEM_FILES = (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst")
"""Endings by which a benchmark's name is a file's."""
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"contaminated": "error", "suspect": "warning"}


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finding as a line of JSON."""

    document: str
    """File, or dataset and part."""
    row: int
    """Row in it, counted from 0."""
    benchmark: str
    """Task or file of the item."""
    item: str
    """Its id there."""
    status: str
    """``contaminated`` or ``suspect``."""
    kind: str
    """How the record relates to the item."""
    channel: str
    """Where in the record."""
    score: float
    """How much of the item stands there, beyond chance; 1 is all of it."""
    p_value: float
    """Chance of as much of this item in a record of this length."""
    q_value: float
    """Share of false ones among the findings up to this one."""
    coverage: float
    """Share of the words that are matched."""
    numbers: float
    """Share of the item's numbers that are matched."""
    longest: int
    """Longest run of equal tokens."""
    text: str
    """The first of the matched text."""
    spans: tuple[dict[str, Any], ...]
    """Matched places: bytes of the field's UTF-8, and of the item's."""
    semantic: float | None = None
    """Cosine of the embeddings, where that is what found it."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a scan came to, in numbers."""

    reasonbench: str
    """Version."""
    n_items: int
    """Items searched for."""
    n_unsearchable: int
    """Items too short to be searched for."""
    rows: int
    """Rows of all files."""
    rows_read: int
    """Rows searched."""
    rows_skipped: dict[str, int]
    """Rows that could not be searched, by reason."""
    examples: tuple[str, ...]
    """First of them, as ``file:line: reason``."""
    unread: tuple[str, ...]
    """Why the rest of a file could not be read."""
    n_findings: int
    """Pairs of a record and an item."""
    n_items_found: int
    """Different items among them."""
    n_records_found: int
    """Different records among them."""
    kinds: dict[str, int]
    """Findings by kind."""
    channels: dict[str, int]
    """Findings by channel."""
    n_suspect: int
    """Pairs that may be findings."""
    phrases: tuple[dict[str, Any], ...]
    """Items of which one phrase stands in several records and nothing more anywhere."""
    n_decoys: int
    """Items searched for that cannot be there."""
    n_decoys_found: int
    """Those that would be findings all the same."""
    false_positive_rate_short: float
    """Share of short records in which as many decoys would be found."""
    false_positive_rate_long: float
    """Share of long records."""
    n_short: int
    """Short records, below 4 KiB."""
    n_long: int
    """Long records."""
    false_discovery_rate: float | None
    """Share of false findings, estimated from the decoys."""
    calibrated_on: int
    """Records that the null was taken from."""
    held_out: int
    """Records of them that hold an item, and are in no count."""
    n_semantic: int | None = None
    """Findings by embeddings alone; None: they were not asked for."""
    semantic_calibrated_on: int | None = None
    """Different texts that these are calibrated on."""
    n_semantic_decoys: int = 0
    """Texts of the background that were looked for in the others by embeddings."""
    semantic_false_positive_rate_short: float | None = None
    """Share of short records in which as many of them as there are items would be found."""
    semantic_false_positive_rate_long: float | None = None
    """Share of long records."""
    semantic_false_discovery_rate: float | None = None
    """Share of false ones among the findings by embeddings, estimated from them."""


def load_items(names: Sequence[str]) -> list[Item]:
    """Return the items of tasks and of files.

    Raises:
        SpecError: no such file, or a file that holds no items.
        UnknownNameError: no such task.
    """
    items: list[Item] = []
    for name in dict.fromkeys(names):
        path = Path(name)
        task, colon, _ = name.partition(":")
        if colon and task in plugins.TASKS.names():
            items.extend(item_of(problem) for problem in tasks.resolve(name).problems())
        elif path.is_file() or name.endswith(ITEM_FILES) or os.sep in name:
            if not path.is_file():
                raise SpecError(f"there is no file {name}", hint="give a task or a file of items")
            items.extend(read_items(path))
        else:
            items.extend(item_of(problem) for problem in tasks.resolve(name).problems())
    return items


def run_scan(
    traces: Sequence[str],
    against: Sequence[str],
    *,
    fields: str | None = None,
    strict: bool = False,
    workers: int = 1,
    background: Sequence[str] = (),
    decoys: Path | None = None,
    found: float,
    state: Path | None = None,
    progress: Progress = lambda _bytes: None,
    total: Any = None,
    outputs: Sequence[Path] = (),
    ray: str | None = None,
    semantic: bool = False,
    tell: Callable[[str], None] = lambda _said: None,
) -> ScanResult:
    """Search traces for benchmarks.

    Args:
        traces: files, directories, globs, Hub datasets or ``-``.
        against: tasks, or files of items.
        fields: ``prompt=KEY,trace=KEY``.
        strict: refuse rows that cannot be searched.
        workers: processes; on Ray, the most of them, and 0 for all of the cluster.
        background: traces that the null is taken from instead.
        decoys: file of items that cannot be in the traces.
        found: q-value up to which a pair is a finding.
        state: folder in which a scan that is cut short goes on.
        progress: told bytes.
        total: called with the number of bytes before the search begins.
        outputs: where the traces will be written again.
        ray: address of a Ray cluster on which the shards are searched.
        semantic: whether paraphrases are searched for by sentence embeddings.
        tell: told what is done where no bytes are counted.

    Raises:
        MissingDependencyError: an extra that is needed is not installed.
    """
    executor = _on_ray(ray, workers) if ray is not None else None
    encoder = _encoder() if semantic else None
    items = load_items(against)
    selection = sources.Selection.parse(fields) if fields else None
    shards = sources.expand(traces, strict=strict)
    check_outputs(shards, outputs)
    if total is not None:
        total(sum(shard.size for shard in shards))
    options = ScanOptions(
        selection,
        strict,
        workers,
        tuple(sources.expand(background, strict=strict)) if background else (),
        tuple(read_items(decoys)) if decoys is not None else None,
        found,
        state,
        executor,
        encoder,
        tell,
    )
    return scan(shards, items, options, progress)


def _on_ray(address: str, workers: int) -> Executor:
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError(
            "--ray needs ray, which is not installed", hint="pip install 'reasonbench[ray]'"
        )
    try:
        from reasonbench.scan_ray import on_ray
    except ImportError as error:
        raise MissingDependencyError(
            f"--ray needs Ray Data, which cannot be imported: {error}",
            hint="pip install 'reasonbench[ray]'",
        ) from error
    return on_ray(address, workers or None)


def _encoder() -> Encoder:
    from reasonbench.scan_semantic import MiniLM

    return MiniLM()


def found_of(finding: Finding) -> Found:
    """Return a finding as it is written."""
    hit = finding.hit
    return Found(
        document=finding.document,
        row=finding.row,
        benchmark=finding.item.benchmark,
        item=finding.item.id,
        status=finding.status,
        kind=finding.kind,
        channel=finding.channel,
        score=round(hit.score, 4),
        p_value=finding.p_value,
        q_value=finding.q_value,
        coverage=round(hit.coverage, 4),
        numbers=round(hit.agreement, 4),
        longest=hit.longest,
        text=hit.text,
        semantic=finding.cosine,
        spans=tuple(
            {"field": f, "start": a, "end": b, "unit": u, "item_start": c, "item_end": d}
            for f, a, b, u, c, d in hit.spans
        ),
    )


def summary_of(result: ScanResult) -> Summary:
    """Return a scan in numbers."""
    found = [f for f in result.findings if f.status == "contaminated"]
    total = Account()
    for account in result.accounts.values():
        total.add(account)
    rates, alike = result.rates, result.alike_rates
    return Summary(
        reasonbench=__version__,
        n_items=result.n_items,
        n_unsearchable=len(result.unsearchable),
        rows=total.rows_read + sum(total.rows_skipped.values()),
        rows_read=total.rows_read,
        rows_skipped=dict(total.rows_skipped),
        examples=tuple(
            line for name, account in result.accounts.items() for line in account.named(name)
        )[:10],
        unread=tuple(total.unread),
        n_findings=len(found),
        n_items_found=len({f.item for f in found}),
        n_records_found=len({(f.document, f.row) for f in found}),
        kinds=dict(Counter(f.kind for f in found).most_common()),
        channels=dict(Counter(f.channel for f in found).most_common()),
        n_suspect=len(result.findings) - len(found),
        phrases=tuple(
            {"benchmark": i.benchmark, "item": i.id, "phrase": text, "n_records": n}
            for i, text, n in result.phrases
        ),
        n_decoys=rates.n_decoys,
        n_decoys_found=rates.n_different,
        false_positive_rate_short=rates.false_short,
        false_positive_rate_long=rates.false_long,
        n_short=rates.n_short,
        n_long=rates.n_long,
        false_discovery_rate=rates.false_share,
        calibrated_on=result.calibration[0],
        held_out=result.calibration[1],
        n_semantic=None if result.n_embedded is None else sum(f.cosine is not None for f in found),
        semantic_calibrated_on=result.n_embedded,
        n_semantic_decoys=alike.n_decoys if alike else 0,
        semantic_false_positive_rate_short=alike.false_short if alike else None,
        semantic_false_positive_rate_long=alike.false_long if alike else None,
        semantic_false_discovery_rate=alike.false_share if alike else None,
    )


def removals(result: ScanResult) -> dict[str, dict[int, list[str]]]:
    """Return the reasons for which rows are taken out of the traces, by shard and row in it."""
    reasons: dict[str, dict[int, list[str]]] = {}
    for finding in result.findings:
        if finding.status == "contaminated":
            shard: Shard = result.shards[finding.shard]
            rows = reasons.setdefault(shard.key, {})
            said = f"{finding.kind} of {finding.item.benchmark}/{finding.item.id}"
            rows.setdefault(finding.hit.row, []).append(said)
    return reasons


def sarif(result: ScanResult) -> dict[str, Any]:
    """Return the findings as SARIF 2.1.0."""
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "reasonbench",
                        "version": __version__,
                        "informationUri": "https://pypi.org/project/reasonbench/",
                        "rules": [
                            {
                                "id": f"contamination/{kind.value}",
                                "shortDescription": {
                                    "text": f"A benchmark item stands in the traces: {kind.value}."
                                },
                            }
                            for kind in Kind
                        ],
                    }
                },
                "columnKind": "utf16CodeUnits",
                "results": [_sarif_result(finding) for finding in result.findings],
            }
        ],
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    name = f"{finding.item.benchmark}/{finding.item.id}"
    said = (
        f"{finding.status}: {finding.kind} of {name} in row {finding.row} ({finding.channel}), "
        f"q = {finding.q_value:.2g}"
    )
    return {
        "ruleId": f"contamination/{finding.kind}",
        "level": _LEVELS[finding.status],
        "message": {"text": visible(said)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": Path(finding.document).as_posix()},
                    "region": {"startLine": finding.row + 1},
                }
            }
        ],
        "properties": msgspec.to_builtins(found_of(finding)),
    }
