"""Benchmarks, from a reference to a Task.

A reference is a registered name (``countdown_public``, or a plugin's), ``name:argument``
where the name's factory takes one (``lm_eval:gsm8k``, ``yaml:PATH``, ``jsonl:PATH``), or
the path of a ``.yaml``, ``.yml`` or ``.jsonl`` file alone.
"""

from pathlib import Path
from typing import cast

from reasonbench import plugins
from reasonbench.errors import TaskError
from reasonbench.protocols import Task

_LOADER_OF_SUFFIX = {".yaml": "yaml", ".yml": "yaml", ".jsonl": "jsonl"}


def resolve(reference: str) -> Task:
    """Return the task that ``reference`` means.

    Raises:
        UnknownNameError: nothing is registered under the name.
        TaskError: the file is missing, or the task cannot be loaded or used.
    """
    loader = _LOADER_OF_SUFFIX.get(Path(reference).suffix.lower())
    name, argument = plugins.split_reference(reference)
    if loader is not None and name not in plugins.TASKS.names():
        if not Path(reference).is_file():
            raise TaskError(f"there is no file {reference}", hint="check the path")
        return cast(Task, plugins.TASKS.load(loader, reference))
    return cast(Task, plugins.TASKS.load(name, argument))
