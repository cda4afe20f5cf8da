"""The one way from values to HTML: Jinja templates that escape everything.

Every value that a template prints passes through ``visible``, so nothing of a model's text can
hide or turn the line round, and then through the escaping; only ``Markup`` that another template
made is left as it is.
"""

import functools
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reasonbench.errors import ReasonbenchError
from reasonbench.report.text import visible
from reasonbench.resources import data_dir


def templates() -> Path:
    """Return the folder of the templates, the style and the script."""
    return data_dir("reports") / "templates"


@functools.cache
def source(name: str) -> str:
    """Return a file of the templates, such as ``page.css``.

    Raises:
        ReasonbenchError: it is not there.
    """
    try:
        return (templates() / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ReasonbenchError(
            f"the report's template {name} cannot be read: {error.strerror or error}",
            hint="install reasonbench again: pip install --force-reinstall reasonbench",
        ) from error


def render(name: str, **values: Any) -> Markup:
    """Return a template filled with values."""
    return Markup(_environment().get_template(f"{name}.html.j2").render(values))


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    if value is None:
        raise TypeError("a template of the report was given nothing to print")
    return visible(str(value))
