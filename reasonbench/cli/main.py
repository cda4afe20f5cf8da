"""Entry point, error boundary and the list of commands.

Only click is imported here: ``reasonbench --help`` must answer at once, so each
command imports what it needs when it runs.
"""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from reasonbench import __version__
from reasonbench.errors import ReasonbenchError

COMMANDS = {
    "demo": "reasonbench.cli.audit:demo",
    "audit": "reasonbench.cli.audit:audit",
    "run": "reasonbench.cli.run:run",
    "regrade": "reasonbench.cli.run:regrade",
    "report": "reasonbench.cli.report:report",
    "tasks": "reasonbench.cli.tasks:tasks",
    "plugins": "reasonbench.cli.info:plugins",
    "schema": "reasonbench.cli.info:schema",
    "doctor": "reasonbench.cli.info:doctor",
}
"""Every command, as ``module:attr``; modules are imported for their own command only."""
INTERRUPTED = 130


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


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every error becomes one sentence and an exit code."""
    # Read when torch is first imported: waiting threads then sleep, which on a busy
    # machine is many times faster than spinning.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = cli.main(args=argv, prog_name="reasonbench", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ReasonbenchError as error:
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted", "what was sampled is safe: the same command goes on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("REASONBENCH_TRACEBACK"):
            raise
        _complain(
            f"this is a bug in reasonbench: {type(error).__name__}: {error}",
            "set REASONBENCH_TRACEBACK=1 and report what it prints; samples already made are safe",
        )
        sys.exit(5)


def _complain(message: str, hint: str | None) -> None:
    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True, color=color)
    if hint:
        click.echo(click.style("hint: ", fg="cyan") + hint, err=True, color=color)
