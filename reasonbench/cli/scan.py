"""``reasonbench scan``."""

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reasonbench.cli.options import data_option, output_options, with_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reasonbench.corpus.items import Item
    from reasonbench.corpus.scan import Finding, ScanResult
    from reasonbench.scanning import Summary

MAX_ROWS = 40
"""Items in the table; JSON has every finding."""
SNIPPET = 60
NAME = 28
"""Last characters of a document's name that the table shows."""


@click.command(
    epilog="Example: reasonbench scan traces.jsonl.zst --against math500.jsonl --against gsm8k"
)
@click.argument("traces", nargs=-1, required=True)
@click.option(
    "--against",
    multiple=True,
    required=True,
    metavar="TASK_OR_FILE",
    help="A task by name, or JSON Lines with question, solution, answer, code, id.",
)
@data_option
@click.option(
    "--fields",
    metavar="prompt=KEY,trace=KEY",
    help="Search these fields only.  [default: every text]",
)
@click.option(
    "--background",
    multiple=True,
    metavar="TRACES",
    help="Text of the genre that chance is measured on.  [default: the traces]",
)
@click.option(
    "--decoys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Items that cannot be in the traces.  [default: made from the items]",
)
@click.option(
    "-q",
    "--q-value",
    "found",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of false findings that is accepted.",
)
@click.option(
    "--semantic",
    is_flag=True,
    help="Search for paraphrases by sentence embeddings too (reasonbench[semantic]).",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: all cores]")
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Search on a Ray cluster: HOST:PORT, auto or local (reasonbench[ray]).",
)
@click.option("--strict", is_flag=True, help="Refuse rows that cannot be searched.")
@click.option(
    "--sarif", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings as SARIF."
)
@click.option(
    "--summary", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers as JSON."
)
@click.option(
    "--clean",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the traces without what was found (.jsonl, .jsonl.zst or .jsonl.gz).",
)
@click.option(
    "--removed",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what --clean leaves out, each row with its reasons.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where a scan that is cut short goes on.  [default: in the cache]",
)
@output_options
def scan(
    traces: tuple[str, ...],
    *,
    against: tuple[str, ...],
    data: tuple[str, ...],
    fields: str | None,
    background: tuple[str, ...],
    decoys: Path | None,
    found: float,
    semantic: bool,
    workers: int | None,
    ray: str | None,
    strict: bool,
    sarif: Path | None,
    summary: Path | None,
    clean: Path | None,
    removed: Path | None,
    state: Path | None,
    output: str,
) -> None:
    """Search teacher TRACES for benchmark items, with evidence and error rates.

    TRACES are JSON Lines (plain, .zst, .gz), Parquet, a directory or glob of them, a Hub
    dataset (hf:ORGANISATION/DATASET) or - for standard input.  A scan that was cut short goes
    on when the same command is given again.
    """
    from reasonbench import scanning
    from reasonbench.cli.output import say
    from reasonbench.cli.talk import Bytes
    from reasonbench.corpus.fields import Selection
    from reasonbench.corpus.output import write_split
    from reasonbench.corpus.scan import ScanOptions, read_options

    with Bytes("searching the traces") as bar:
        result = scanning.run_scan(
            traces,
            with_data(against, data),
            fields=fields,
            strict=strict,
            workers=workers or (0 if ray else len(os.sched_getaffinity(0))),
            background=background,
            decoys=decoys,
            found=found,
            state=state or _cache(),
            progress=bar.advance,
            total=bar.begin,
            outputs=[path for path in (clean, removed) if path is not None],
            ray=ray,
            semantic=semantic,
            tell=say,
        )
    numbers = scanning.summary_of(result)
    _write_json(sarif, lambda: scanning.sarif(result))
    _write_json(summary, lambda: numbers)
    if clean is not None or removed is not None:
        selection = Selection.parse(fields) if fields else None
        write_split(
            result.shards,
            scanning.removals(result),
            clean=clean,
            removed=removed,
            options=read_options(ScanOptions(selection, strict)),
        )
    if output == "json":
        _print_lines(result)
    else:
        _show(result)
    _say(numbers)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "reasonbench" / "scans"


def _write_json(path: Path | None, value: Any) -> None:
    import msgspec

    from reasonbench.corpus.output import OutputFile

    if path is None:
        return
    with OutputFile(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(value()), indent=2) + b"\n")
        file.finish()
        file.publish()


def _print_lines(result: "ScanResult") -> None:
    import msgspec

    from reasonbench.cli.output import escaped
    from reasonbench.scanning import found_of

    for finding in result.findings:
        click.echo(escaped(msgspec.json.encode(found_of(finding)).decode()))


def _show(result: "ScanResult") -> None:
    """Print the items that were found, the strongest first."""
    from reasonbench.cli.output import print_table

    items: dict[Item, list[Finding]] = {}
    for finding in sorted(result.findings, key=lambda f: (f.q_value, f.p_value)):
        items.setdefault(finding.item, []).append(finding)
    rows = [_row(item, findings) for item, findings in list(items.items())[:MAX_ROWS]]
    if rows:
        header = ("item", "records", "kinds", "channels", "best q", "first place", "text")
        title = (
            f"the {MAX_ROWS} strongest of {len(items):,} items"
            if len(items) > MAX_ROWS
            else "items"
        )
        print_table(title, header, rows)


def _row(item: "Item", findings: "Sequence[Finding]") -> tuple[str, ...]:
    """Return one item's line; its strongest finding comes first."""
    from reasonbench.report.text import one_line

    first = min(findings, key=lambda f: (f.shard, f.hit.row))
    name = first.document if len(first.document) <= NAME else f"…{first.document[-NAME:]}"
    records = len({(f.document, f.row) for f in findings})
    suspect = "" if any(f.status == "contaminated" for f in findings) else " suspect"
    return (
        f"{item.benchmark}/{item.id}",
        f"{records:,}{suspect}",
        _counted([f.kind for f in findings]),
        _counted([f.channel for f in findings]),
        f"{findings[0].q_value:.1e}",
        f"{name}:{first.row}",
        one_line(findings[0].hit.text)[:SNIPPET],
    )


def _counted(names: "Sequence[str]") -> str:
    """Return names, the commonest first; with their counts where there are several."""
    counts = Counter(names).most_common()
    return ", ".join(name if len(counts) == 1 else f"{n:,} {name}" for name, n in counts)


def _say(numbers: "Summary") -> None:
    """Print what the scan came to, on stdout's other side."""
    from reasonbench.cli.output import say

    skipped = sum(numbers.rows_skipped.values())
    reasons = "".join(f", {n:,} {reason}" for reason, n in numbers.rows_skipped.items())
    say(f"rows: {numbers.rows_read:,} searched + {skipped:,} skipped = {numbers.rows:,}{reasons}")
    for line in (*numbers.examples, *numbers.unread):
        say(f"  {line}")
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in numbers.kinds.items()) or "none"
    say(
        f"found: {numbers.n_items_found:,} of {numbers.n_items:,} items in "
        f"{numbers.n_records_found:,} records ({kinds}); {numbers.n_suspect:,} suspect"
    )
    if numbers.n_semantic is not None:
        say(
            f"  {numbers.n_semantic:,} of these findings by their meaning alone, calibrated on "
            f"{numbers.semantic_calibrated_on:,} texts{_alike_rates(numbers)}"
        )
    for phrase in numbers.phrases[:3]:
        say(
            f"  one phrase of {phrase['benchmark']}/{phrase['item']} stands in "
            f"{phrase['n_records']:,} records: {phrase['phrase']}"
        )
    if numbers.n_unsearchable:
        say(f"not checked: {numbers.n_unsearchable:,} items are too short to be searched for")
    if numbers.n_decoys:
        rate = numbers.false_discovery_rate
        of_which = f", of which {numbers.n_decoys_found:,} found" if numbers.n_decoys_found else ""
        say(
            f"measured on {numbers.n_decoys:,} decoys{of_which}: false positives in "
            f"{numbers.false_positive_rate_short:.2%} of {numbers.n_short:,} short and "
            f"{numbers.false_positive_rate_long:.2%} of {numbers.n_long:,} long records"
            + ("" if rate is None else f"; about {rate:.1%} of the findings are false")
        )
    else:
        say("no false-positive rate was measured: there are too few items to make decoys from")


def _alike_rates(numbers: "Summary") -> str:
    """Return the false positives that were measured of the search by meaning."""
    short = numbers.semantic_false_positive_rate_short
    long = numbers.semantic_false_positive_rate_long
    if short is None or long is None or not numbers.n_semantic_decoys:
        return ""
    return (
        f"; of {numbers.n_semantic_decoys:,} other texts, looked for alike, {short:.2%} of short "
        f"and {long:.2%} of long records would be taken for one; read them, since siblings with "
        "the same numbers are found too"
    )
