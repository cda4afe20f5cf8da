"""Entry point, error boundary and the list of commands.

Only click is imported here: ``reasonbench --help`` must answer at once, so each
command imports what it needs when it runs.
"""

import contextlib
import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from reasonbench import __version__
from reasonbench.errors import ReasonbenchError
from reasonbench.interrupts import INTERRUPTED, installed

COMMANDS = {
    "demo": "reasonbench.cli.audit:demo",
    "audit": "reasonbench.cli.audit:audit",
    "run": "reasonbench.cli.run:run",
    "regrade": "reasonbench.cli.run:regrade",
    "grade": "reasonbench.cli.grade:grade",
    "import": "reasonbench.cli.importing:import_",
    "compare": "reasonbench.cli.compare:compare",
    "plan": "reasonbench.cli.compare:plan",
    "scan": "reasonbench.cli.scan:scan",
    "fresh": "reasonbench.cli.fresh:fresh",
    "gate": "reasonbench.cli.gate:gate",
    "samples": "reasonbench.cli.samples:samples",
    "export": "reasonbench.cli.export:export",
    "traces": "reasonbench.cli.traces:traces",
    "train": "reasonbench.cli.train:train",
    "study": "reasonbench.cli.study:study",
    "report": "reasonbench.cli.report:report",
    "models": "reasonbench.cli.models:models",
    "tasks": "reasonbench.cli.tasks:tasks",
    "plugins": "reasonbench.cli.info:plugins",
    "presets": "reasonbench.cli.info:presets",
    "schema": "reasonbench.cli.info:schema",
    "doctor": "reasonbench.cli.info:doctor",
}
"""Every command, as ``module:attr``; modules are imported for their own command only."""


class Commands(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say what was meant where a command is misspelt."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(
                f"there is no command {args[0]!r}"
                + (f"; did you mean {close[0]!r}?" if close else "")
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it: reasonbench demo",
)
@click.version_option(__version__, prog_name="reasonbench")
def cli() -> None:
    """Find out whether a reasoning model's score is real.

    Samples a model on public and on held-out problems, computes unbiased pass@k with
    intervals that hold, searches the teacher traces for the benchmarks, and says what
    the score is without what leaked.
    """


class _OutputError(Exception):
    """stdout cannot be written; no OSError, which could be of any file."""


class _Stdout(io.FileIO):
    """Descriptor 1."""

    def write(self, data: Any, /) -> int:
        """Write what the system takes."""
        try:
            return super().write(data)
        except OSError as error:
            raise _OutputError(error.strerror or str(error)) from error


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every error becomes one sentence and an exit code."""
    # Read when torch is first imported: waiting threads then sleep, which on a busy
    # machine is many times faster than spinning.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _mend_streams()
    try:
        _check_encoding(sys.argv[1:] if argv is None else argv)
        with installed():
            code = cli.main(args=argv, prog_name="reasonbench", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        _show(error)
        sys.exit(2)
    except ReasonbenchError as error:
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted", "what was sampled is safe: the same command goes on")
        sys.exit(INTERRUPTED)
    except _OutputError as error:
        sys.exit(_give_up_output(error))
    except Exception as error:
        if os.environ.get("REASONBENCH_TRACEBACK"):
            raise
        _complain(
            f"this is a bug in reasonbench: {type(error).__name__}: {error}",
            "set REASONBENCH_TRACEBACK=1 and report what it prints; samples already made are safe",
        )
        sys.exit(5)


def _mend_streams() -> None:
    """Make stdout and stderr take any text, and a closed one take it to nowhere.

    A closed descriptor is filled: the next file opened would get its number, and what
    a library prints would be written into that file.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.fileno() == 1:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Stdout(1, "w", closefd=False)),
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            line_buffering=sys.stdout.line_buffering,
        )


def _check_encoding(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(
                f"argument {argument!r} is not UTF-8, and what is written down must be"
            ) from None


def _give_up_output(error: _OutputError) -> int:
    """Return the exit code; a reader that has seen enough is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error.__cause__, BrokenPipeError):
        return 0
    _complain(f"stdout cannot be written: {error}", "what was sampled is safe")
    return 5


def _show(error: click.ClickException) -> None:
    from reasonbench.report.text import visible

    text = io.StringIO()
    error.show(file=text)
    with contextlib.suppress(OSError):
        click.echo(visible(text.getvalue()), nl=False, err=True)


def _complain(message: str, hint: str | None) -> None:
    from reasonbench.report.text import visible

    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    with contextlib.suppress(OSError):
        error = click.style("error: ", fg="red", bold=True)
        click.echo(error + visible(message), err=True, color=color)
        if hint:
            click.echo(click.style("hint: ", fg="cyan") + visible(hint), err=True, color=color)
