"""Every error that a user can cause, on one page.

::

    ReasonbenchError                      exit code
    ├── SpecError                         2   a TOML file, flag or value that cannot be
    │   └── UnknownNameError              2   no such task, engine, grader, detector, section
    ├── MissingDependencyError            2   an extra is not installed
    ├── TamperedError                     3   a receipt or lock does not match
    ├── PluginError                       5   a plugin that cannot load, or two of one name
    ├── TaskError                         5   problems that cannot be loaded or rendered
    ├── EngineError                       5   a model that cannot load or sample
    ├── GraderError                       5   a grader's worker that cannot run
    ├── SandboxUnavailableError           5   nothing here can isolate untrusted code
    ├── TraceError                        5   teacher traces that cannot be read
    └── StoreError                        5
        ├── StoreLockedError              5   another process owns the run directory
        ├── StoreCorruptError             5   the file is cut short or damaged
        ├── StoreSchemaError              5   written by a newer reasonbench
        └── StoreWriteError               5   full disk, read-only directory

A message is one sentence: what was wrong, what was got, what to do.  ``hint`` is
the command or change that helps.  Plugin authors raise plain Python exceptions;
the boundary in ``run.py`` attributes them, and a bad sample becomes a ``Failure``
record, never a crash.
"""

import difflib
from collections.abc import Iterable

MAX_LISTED = 30
"""Names that a hint lists; lm-eval alone knows some 13,000."""


class ReasonbenchError(Exception):
    """Base of all errors that end a command; carries its exit code."""

    exit_code = 5

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[ReasonbenchError], message: str, hint: str | None) -> ReasonbenchError:
    return kind(message, hint=hint)


class SpecError(ReasonbenchError):
    """A value that a person chose cannot be used."""

    exit_code = 2


class UnknownNameError(SpecError):
    """A name that nothing is registered under."""

    @classmethod
    def build(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownNameError":
        """Return the error with a 'did you mean' drawn from ``known``."""
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if close:
            hint = f"did you mean {' or '.join(repr(c) for c in close)}?"
        elif len(names) > MAX_LISTED:
            hint = f"{len(names):,} names are known, none of them like this one"
        else:
            hint = f"known: {', '.join(names) or 'none'}"
        return cls(f"there is no {kind} named {name!r}", hint=hint)


class MissingDependencyError(ReasonbenchError):
    """A library that an optional part needs is not installed."""

    exit_code = 2


class TamperedError(ReasonbenchError):
    """A receipt, lock or digest does not match what it stands for."""

    exit_code = 3


class PluginError(ReasonbenchError):
    """A plugin cannot be loaded, or two plugins claim one name."""


class TaskError(ReasonbenchError):
    """A task's problems cannot be loaded, or a prompt cannot be rendered."""


class EngineError(ReasonbenchError):
    """A model cannot be loaded, or the engine cannot go on sampling."""


class GraderError(ReasonbenchError):
    """A grader cannot run at all (a single bad completion is a Grade, not this)."""


class TraceError(ReasonbenchError):
    """Teacher traces cannot be read."""


class StoreError(ReasonbenchError):
    """The run directory cannot be used."""


class StoreLockedError(StoreError):
    """Another process is writing to the run directory."""


class StoreCorruptError(StoreError):
    """The store's file is damaged or cut short."""


class StoreSchemaError(StoreError):
    """The store was written by a newer reasonbench."""


class StoreWriteError(StoreError):
    """The store cannot be written: full disk, read-only directory, lost rights."""
