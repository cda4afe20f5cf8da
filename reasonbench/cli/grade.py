"""``reasonbench grade``."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from reasonbench.cli.options import output_options


@click.command(epilog="Example: reasonbench grade completions.jsonl --grader math --format json")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--grader", default="math", show_default=True, help="Registered grader.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that grade.")
@output_options
def grade(file: Path, grader: str, workers: int | None, output: str) -> None:
    """Grade the completions of FILE, one JSON object a line; - is stdin.

    A line is {"id": ..., "target": "42", "completion": "..."}, or has "tests" in place of a
    target.  With --format json each gives a line {id, verdict, reason, answer, layer,
    seconds, detail}, in order, as it comes about.  A line that cannot be graded is named,
    the rest goes on, and the exit code is 5.
    """
    import msgspec

    from reasonbench.cli.output import escaped, print_table, say
    from reasonbench.gradefile import grade_lines
    from reasonbench.run import default_workers

    tally: Counter[tuple[str, str]] = Counter()
    errors = 0
    for judged in grade_lines(_lines(file), grader, workers=workers or default_workers()):
        tally[judged.verdict, judged.reason] += 1
        if output == "json":
            click.echo(escaped(msgspec.json.encode(judged).decode()))
        if judged.verdict == "error":
            errors += 1
            say(f"error: {judged.detail}")
    if output == "table":
        rows = [(verdict, reason, f"{count:,}") for (verdict, reason), count in tally.most_common()]
        print_table(f"{sum(tally.values()):,} completions, grader {grader}",
                    ("verdict", "reason", "completions"), rows)  # fmt: skip
    if errors:
        say(f"hint: {errors:,} lines were not graded; mend them and grade again")
        raise click.exceptions.Exit(5)


def _lines(file: Path) -> Iterator[bytes]:
    from reasonbench.errors import SpecError

    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as stream:
            yield from stream
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
