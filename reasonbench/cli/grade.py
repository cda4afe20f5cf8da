"""``reasonbench grade``."""

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
    seconds, detail}, in order, as soon as it is there: one may write a line, read its verdict
    and write the next.  A line that cannot be graded is named, the rest goes on, and the exit
    code is 5.
    """
    import msgspec

    from reasonbench.cli.output import escaped, print_table, say
    from reasonbench.gradefile import grade_lines
    from reasonbench.interrupts import INTERRUPTED
    from reasonbench.run import default_workers

    tally: Counter[tuple[str, str]] = Counter()
    errors = last = 0
    verdicts = grade_lines(_lines(file), grader, workers=workers or default_workers())
    try:
        for judged in verdicts:
            tally[judged.verdict, judged.reason] += 1
            last = judged.line
            if output == "json":
                click.echo(escaped(msgspec.json.encode(judged).decode()))
            if judged.verdict == "error":
                errors += 1
                say(f"error: {judged.detail}")
    except KeyboardInterrupt:
        say(f"error: interrupted; the lines up to {last:,} were graded")
        raise click.exceptions.Exit(INTERRUPTED) from None
    finally:
        verdicts.close()
    if output == "table":
        rows = [(verdict, reason, f"{count:,}") for (verdict, reason), count in tally.most_common()]
        print_table(f"{sum(tally.values()):,} completions, grader {grader}",
                    ("verdict", "reason", "completions"), rows)  # fmt: skip
    if errors:
        say(f"hint: {errors:,} lines were not graded; mend them and grade again")
        raise click.exceptions.Exit(5)


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file as they come; unbuffered, for this is a thread of its own.

    A thread that waits for a buffered stdin would hold its lock, and the end of the process up.
    """
    from reasonbench.errors import SpecError
    from reasonbench.gradefile import bounded_lines

    name: Path | int = 0 if str(file) == "-" else file
    try:
        with open(name, "rb", buffering=0, closefd=name != 0) as stream:
            yield from bounded_lines(stream)
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
