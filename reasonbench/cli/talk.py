"""What a command says while it works: on stderr, and only as much as somebody can use.

A bar where a person watches, with a line beneath it for the running score and one for
failures; elsewhere a line every ten seconds.
"""

import time
from collections.abc import Mapping

from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from reasonbench.cli.output import FAILURE_CHARACTERS, console, say
from reasonbench.protocols import RunningScore
from reasonbench.report.text import interval, percent, visible

LINE_SECONDS = 10.0
"""Time between two lines where nobody watches."""
MAX_SCORES = 3
"""Tasks whose running score is shown."""


class Talk:
    """A run's Reporter."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._live: Live | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._scores = self._failures = ""
        self._name = ""
        self._total = self._done = self._new = self._tokens = 0
        self._start = self._last = time.monotonic()

    def phase(self, name: str, *, total: int, done: int = 0) -> None:
        """Begin a phase."""
        self.close()
        self._name, self._total, self._done = name, total, done
        self._new = self._tokens = 0
        self._scores = self._failures = ""
        self._start = self._last = time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}", markup=False),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(visible(name), total=total, completed=done, rate="")
            self._live = Live(
                get_renderable=self._view,
                console=self._console,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def advance(self, steps: int = 1, *, tokens: int = 0) -> None:
        """Count finished steps."""
        self._done += steps
        self._new += steps
        self._tokens += tokens
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, rate=self._rate())
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            say(f"{self._name}: {self._done:,} of {self._total:,}, {self._rate()}, {self._left()}")
            for line in filter(None, (self._scores, self._failures)):
                say(f"  {line}")
        self._end_if_done()

    def drop(self, steps: int) -> None:
        """Take steps off the phase that it does not need."""
        self._total -= steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self._total)
        self._end_if_done()

    def status(self, scores: Mapping[str, RunningScore]) -> None:
        """Show pass@1 of the problems that are done."""
        shown = [
            f"{name} {percent(score.value)} ({interval(score.interval)}) "
            f"on {score.n_problems:,} of {score.of:,} problems"
            for name, score in list(scores.items())[:MAX_SCORES]
        ]
        more = f", and {len(scores) - MAX_SCORES} tasks more" if len(scores) > MAX_SCORES else ""
        self._scores = f"pass@1 so far: {', '.join(shown)}{more}" if shown else ""

    def failed(self, count: int, latest: str) -> None:
        """Show how many completions failed."""
        flat = " ".join(latest.split())
        cut = "…" if len(flat) > FAILURE_CHARACTERS else ""
        self._failures = (
            f"{count:,} failed, still owed; the latest: {flat[:FAILURE_CHARACTERS]}{cut}"
        )

    def say(self, sentence: str) -> None:
        """Print one line of talk above the bar."""
        if self._live is not None:
            self._live.console.print(visible(sentence))
        else:
            say(sentence)

    def close(self) -> None:
        """End the phase; a finished one leaves a line with what it took."""
        if self._live is not None:
            self._live.stop()
            self._live = self._bar = None
        if self._new:
            seconds = time.monotonic() - self._start
            rate = f", {self._rate()}" if self._new > 1 else ""
            say(f"{self._name}: {self._new:,} in {seconds:.1f} s{rate}")
            self._new = 0

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_if_done(self) -> None:
        if self._done >= self._total:
            self.close()

    def _view(self) -> Group:
        lines = filter(None, (self._scores, self._failures))
        texts = [Text(visible(line), no_wrap=True, overflow="ellipsis") for line in lines]
        return Group(*([self._bar] if self._bar is not None else []), *texts)

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        tokens = f", {self._tokens / seconds:,.0f} tokens/s" if self._tokens else ""
        rate = self._new / seconds
        return f"{rate:,.{0 if rate >= 10 else 1}f}/s{tokens}"

    def _left(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        if not self._new:
            return "time left unknown"
        return f"{(self._total - self._done) * seconds / self._new:,.0f} s left"


class Bytes:
    """Progress in bytes, with rate and time left: a bar, or a line every ten seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._total = self._done = 0
        self._start = self._last = time.monotonic()

    def begin(self, total: int) -> None:
        """Begin with so many bytes; 0 where nobody knows."""
        self._total, self._done = total, 0
        self._start = self._last = time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(visible(self._name), total=total or None)
            self._bar.start()

    def advance(self, size: int) -> None:
        """Count bytes that are done."""
        self._done += size
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            rate = self._done / max(self._last - self._start, 1e-9)
            left = f" of {_megabytes(self._total)}" if self._total else ""
            time_left = (
                f", {max(self._total - self._done, 0) / max(rate, 1.0):,.0f} s left"
                if self._total
                else ""
            )
            done, speed = _megabytes(self._done), _megabytes(int(rate))
            say(f"{self._name}: {done}{left} MB, {speed} MB/s{time_left}")

    def __enter__(self) -> "Bytes":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f}" if size >= 10_000_000 else f"{size / 1e6:.2f}"
