"""One of the processes that ``accelerate launch`` starts: ``-m reasonbench.training.worker DIR``.

It trains what ``DIR/spec.json`` and ``DIR/launch`` say.  A worker that a command started ends
where that command has ended, however it ended; one that was started by hand goes on by itself.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.run import Silent
from reasonbench.store.lock import is_held
from reasonbench.training import folder, launch
from reasonbench.training.data import read_rows


def main(argv: list[str]) -> NoReturn:
    """Train; an error is left where the command that started this looks for it."""
    directory = Path(argv[0]) if len(argv) == 1 else None
    if directory is None:
        sys.exit("usage: accelerate launch ... -m reasonbench.training.worker DIRECTORY")
    code = 0
    try:
        work(directory)
    except ReasonbenchError as error:
        launch.write_error(directory, error)
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
        code = error.exit_code
    _leave()
    sys.exit(code)


def work(directory: Path) -> None:
    """Train what a directory says, unless it has been.

    Raises:
        ReasonbenchError: see ``running.train``.
    """
    from reasonbench.training.running import session

    if folder.result(directory) is not None:
        return
    job = folder.begun(directory)
    if job is None:
        raise SpecError(
            f"{directory} holds no training",
            hint="begin it with: reasonbench train SPEC.toml --out DIR --print-launch",
        )
    if job.spec.launch is not None:
        launch.refuse_strategy(job.spec.launch)
    rows, dropped = read_rows(directory / launch.FOLDER / launch.ROWS_FILE)
    command = msgspec.json.decode(
        (directory / launch.FOLDER / launch.COMMAND_FILE).read_bytes(), type=list[str]
    )
    session(
        job.spec,
        directory,
        rows,
        dropped,
        reporter=Silent(),
        command=command,
        alive=_check_parent,
    )


def _check_parent() -> None:
    parent = os.environ.get(launch.PARENT)
    if parent is not None and not is_held(Path(parent)):
        raise ReasonbenchError(
            "the command that started this training has ended",
            hint="the same command goes on",
        )


def _leave() -> None:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
