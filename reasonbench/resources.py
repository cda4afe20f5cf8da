"""Where the package's data lies, in a checkout and in an installed wheel alike.

``tasks/``, ``fresh_problems/`` and ``reports/`` stand at the top of the repository
and travel in the wheel as ``reasonbench/_data/<name>``.  A checkout wins over the
wheel's copy, so that an edited task is the one that runs.
"""

from pathlib import Path

from reasonbench.errors import ReasonbenchError, UnknownNameError

PACKAGE = Path(__file__).resolve().parent
DATA_FOLDERS = ("tasks", "fresh_problems", "reports")
EMBEDDED_MODELS = ("teacher", "base", "student")


def data_dir(name: str) -> Path:
    """Return the folder ``tasks``, ``fresh_problems`` or ``reports``.

    Raises:
        ReasonbenchError: the installation holds no such folder.
    """
    if name not in DATA_FOLDERS:
        raise UnknownNameError.build("data folder", name, DATA_FOLDERS)
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    installed = PACKAGE / "_data" / name
    if installed.is_dir():
        return installed
    raise ReasonbenchError(
        f"the folder {name!r} is missing from this installation ({PACKAGE})",
        hint="install reasonbench again: pip install --force-reinstall reasonbench",
    )


def embedded_model(name: str) -> Path:
    """Return the folder of the shipped model ``teacher``, ``base`` or ``student``."""
    if name not in EMBEDDED_MODELS:
        raise UnknownNameError.build("embedded model", name, EMBEDDED_MODELS)
    return PACKAGE / "embedded" / "models" / name


def embedded_traces() -> Path:
    """Return the file of teacher traces that the shipped student was trained on."""
    return PACKAGE / "embedded" / "traces" / "student_traces.jsonl.zst"


def model_path(model_id: str) -> str:
    """Return what an engine loads for a model id: ``embedded:NAME`` becomes its folder."""
    kind, _, name = model_id.partition(":")
    return str(embedded_model(name)) if kind == "embedded" else model_id
