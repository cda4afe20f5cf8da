"""Markdown that GitHub renders, below 1 MiB whatever the evidence."""

import os
from collections.abc import Sequence
from pathlib import Path

from reasonbench import plugins
from reasonbench.errors import StoreWriteError
from reasonbench.protocols import Section
from reasonbench.report.text import cell
from reasonbench.results import Audit

BUILT_IN = ("verdict", "validity", "scores", "leaks", "evidence", "method")
"""Sections of a report, in order; a stranger's come after them."""
MAX_BYTES = 1_000_000
CUT = "\n\n*The report ends here: what follows does not fit into 1 MiB. The audit file holds it.*\n"


def sections() -> list[Section]:
    """Return the registered sections in the order of the report."""
    names = plugins.SECTIONS.names()
    ordered = [n for n in BUILT_IN if n in names] + [n for n in names if n not in BUILT_IN]
    return [plugins.SECTIONS.load(name) for name in ordered]


def render(audit: Audit, parts: Sequence[Section] | None = None) -> str:
    """Return the report of an audit."""
    lines = [f"# Is the score of {cell(audit.spec.model.id)} real?"]
    for section in parts if parts is not None else sections():
        with plugins.attributed("section", section.title):
            blocks = section.render(audit)
        if blocks:
            lines.append(f"## {cell(section.title)}")
            lines += [block.markdown() for block in blocks]
    text = "\n\n".join(lines) + "\n"
    encoded = text.encode("utf-8")
    if len(encoded) <= MAX_BYTES:
        return text
    kept = encoded[:MAX_BYTES].decode("utf-8", "ignore").rsplit("\n\n", 1)[0]
    return kept + CUT


def write(audit: Audit, path: Path) -> Path:
    """Write the report whole or not at all.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(render(audit), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(
            f"the report {path} cannot be written: {error.strerror or error}"
        ) from error
    return path
