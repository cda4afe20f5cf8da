"""What the commands print: tables and JSON on stdout, progress and talk on stderr.

Colour and live progress only where a person watches: NO_COLOR, CI, TERM=dumb and pipes
turn them off, and progress then is a line every ten seconds.
"""

import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from reasonbench.report.text import visible

LINE_SECONDS = 10.0
PIPE_WIDTH = 160


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr that respects NO_COLOR, CI and pipes."""
    stream = sys.stderr if stderr else sys.stdout
    watched = stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
    return Console(
        file=stream,
        force_terminal=watched,
        no_color="NO_COLOR" in os.environ or not watched,
        width=None if watched else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of literal text."""
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for name in header:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console().print(table)


def say(sentence: str) -> None:
    """Print one line of talk."""
    click.echo(sentence, err=True)


class Talk:
    """A run's Reporter: a bar where a person watches, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._name = ""
        self._total = self._done = self._new = self._tokens = 0
        self._start = self._last = time.monotonic()

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Begin a phase."""
        self.close()
        self._name, self._total, self._done = name, total, done
        self._new = self._tokens = 0
        self._start = self._last = time.monotonic()
        if self._console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(name, total=total, completed=done, rate="")

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Count finished steps."""
        self._done += steps
        self._new += steps
        self._tokens += tokens
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self._done, rate=self._rate())
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            say(f"{self._name}: {self._done:,} of {self._total:,}, {self._rate()}, {self._left()}")

    def say(self, sentence: str) -> None:
        """Print one line of talk above the bar."""
        if self._progress is not None:
            self._progress.console.print(sentence)
        else:
            say(sentence)

    def close(self) -> None:
        """End the phase; a finished one leaves a line with what it took."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._new:
            seconds = time.monotonic() - self._start
            say(f"{self._name}: {self._new:,} in {seconds:.1f} s, {self._rate()}")
            self._new = 0

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        tokens = f", {self._tokens / seconds:,.0f} tokens/s" if self._tokens else ""
        return f"{self._new / seconds:,.0f}/s{tokens}"

    def _left(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        if not self._new:
            return "time left unknown"
        return f"{(self._total - self._done) * seconds / self._new:,.0f} s left"
