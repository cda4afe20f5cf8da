"""Finding and building lm-eval's task definitions, without its whole index.

lm-eval needs many seconds to read its index of about 13,000 tasks.  Here a name is
looked for in the text of the YAML files first, which takes a fraction of one; the index
is asked only where that finds nothing.  lm-eval is imported when a task is built, and
never by importing this module.

A task is known by its *reference*: the name of a shipped task, ``lm_eval:<name>``, or
the absolute path of a YAML file, so that it is found from
any folder.
"""

import contextlib
import copy
import importlib.util
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reasonbench.errors import ReasonbenchError, TaskError, UnknownNameError
from reasonbench.resources import data_dir

PREFIX = "lm_eval:"
_SKIPPED = ("__pycache__", ".ipynb_checkpoints")


def reference_of(path: Path) -> str:
    """Return the reference of a YAML file: a shipped task's name, or its absolute path."""
    resolved = path.resolve()
    shipped = resolved.parent.parent == data_dir("tasks").resolve()
    return path.stem if shipped and path.stem == resolved.parent.name else str(resolved)


def yaml_of(reference: str) -> Path:
    """Return the YAML file of a reference.

    Raises:
        UnknownNameError: lm-eval has no such task.
        TaskError: there is no such file.
    """
    if reference.startswith(PREFIX):
        return find_lm_eval_yaml(reference.removeprefix(PREFIX))
    if reference.endswith((".yaml", ".yml")):
        path = Path(reference)
    else:
        path = data_dir("tasks") / reference / f"{reference}.yaml"
    if not path.is_file():
        raise TaskError(f"there is no task file {path}", hint="check the path")
    return path


def find_lm_eval_yaml(name: str) -> Path:
    """Return the YAML file of one of lm-eval's own tasks (or groups).

    Raises:
        UnknownNameError: there is none of that name.
    """
    quoted = re.escape(name.encode())
    line = re.compile(
        rb"""^(?:task|group):[ \t]*["']?%s["']?[ \t]*(?:#.*)?\r?$""" % quoted, re.MULTILINE
    )
    found = [path for path in _yaml_files(_lm_eval_folder()) if _holds(path, name, line)]
    if len(found) == 1:
        return found[0]
    from lm_eval.tasks import TaskManager

    with quiet():
        index = TaskManager().task_index
    entry = index.get(name)
    if entry is None:
        raise UnknownNameError.build("lm-eval task", name, index)
    if entry.yaml_path is None:
        raise TaskError(
            f"{name!r} is a tag of lm-eval, not a task",
            hint=f"name one of its tasks: {', '.join(sorted(entry.tags)[:10])}",
        )
    return Path(entry.yaml_path)


def _lm_eval_folder() -> Path:
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise TaskError("lm-eval is not installed", hint="pip install 'lm-eval>=0.4.13,<0.5'")
    return Path(spec.origin).parent / "tasks"


def _yaml_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if s not in _SKIPPED)
        for file in sorted(files):
            if file.endswith(".yaml"):
                yield Path(folder, file)


def _holds(path: Path, name: str, line: re.Pattern[bytes]) -> bool:
    text = path.read_bytes()
    return name.encode() in text and line.search(text) is not None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep lm-eval's remarks on defaults off stderr; errors still show."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def definition(path: Path) -> dict[str, Any]:
    """Return a YAML file's content, its includes merged in, without running its code.

    Raises:
        TaskError: it cannot be read.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    try:
        content: dict[str, Any] = load_yaml(path, resolve_func=False)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise TaskError(
            f"the task file {path} cannot be read: {said}", hint="check its YAML and its includes"
        ) from error
    return content


def build(path: Path, metadata: Mapping[str, Any] | None = None) -> Any:
    """Return lm-eval's task object of a YAML file, its data loaded.

    Args:
        path: the file.
        metadata: what ``lm_eval run --metadata`` would pass.

    Raises:
        TaskError: not one task, or its data cannot be loaded.
    """
    from lm_eval.tasks import TaskManager

    try:
        with quiet():
            manager = TaskManager(include_defaults=False, metadata=dict(metadata or {}))
            loaded = manager.load(str(path))
    except ReasonbenchError:
        raise
    except Exception as error:
        raise _load_error(path, error) from error
    if loaded.get("groups") or len(loaded["tasks"]) != 1:
        names = ", ".join(sorted(loaded["tasks"])[:10])
        raise TaskError(f"{path} is a group of tasks, not one", hint=f"name one of: {names}")
    (task,) = loaded["tasks"].values()
    return task


def _load_error(path: Path, error: Exception) -> TaskError:
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    offline = any(
        isinstance(e, ConnectionError) or type(e).__name__ in _OFFLINE_ERRORS for e in chain
    )
    said = str(error).strip().partition("\n")[0][:300]
    return TaskError(
        f"the task in {path.name} cannot be loaded: {type(error).__name__}: {said}",
        hint=(
            "its data set is not on this machine and cannot be downloaded: load it once where "
            "there is a network and copy the Hugging Face cache (HF_HOME), or save it as a "
            "JSONL file and give that path as the task"
            if offline
            else "check the YAML file and the Python beside it"
        ),
    )


_OFFLINE_ERRORS = frozenset(
    {
        "OfflineModeIsEnabled",
        "LocalEntryNotFoundError",
        "DatasetNotFoundError",
        "ConnectError",
        "ConnectTimeout",
        "ProxyError",
        "MaxRetryError",
    }
)


def build_for_grading(path: Path, doc: Mapping[str, Any], multiple_target: int) -> Any:
    """Return lm-eval's task object around a single document, without its data set.

    Its filters and ``process_results`` judge as the whole task's would; nothing is
    downloaded, so a grader's worker can do it.

    Args:
        path: the task's YAML file.
        doc: one document of the task.
        multiple_target: what the whole task found its first document to be.
    """
    import datasets
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    config = copy.deepcopy(load_yaml(path, resolve_func=True))
    for key in ("tag", "group", "task_list", "process_docs", "fewshot_config", "fewshot_split"):
        config.pop(key, None)
    splits = [config[key] for key in ("test_split", "validation_split") if config.get(key)]
    rows = datasets.Dataset.from_list([dict(doc)])
    config |= {
        "custom_dataset": lambda **_: dict.fromkeys(splits, rows),
        "dataset_kwargs": None,
        "training_split": None,
        "num_fewshot": 0,
        "metadata": {},
    }
    with quiet():
        task = ConfigurableTask(config=config)
    task.multiple_target = multiple_target
    return task
