"""What a data set may say about how its answers are compared.

A YAML file has it under ``metadata.reasonbench.grading``, which its task puts beside the other
things that it says to graders, in ``problem.metadata["lm_eval"]["grading"]``: the top of the
metadata is the document's.  A problem that comes from no such file has it in
``problem.metadata["grading"]``.
"""

import difflib
import enum
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from reasonbench.errors import SpecError
from reasonbench.specs import Spec


class Percent(enum.StrEnum):
    """What a percent sign means where one side alone has it."""

    EITHER = "either"
    """One hundredth; or it was left out, beside a number greater than 1."""
    UNIT = "unit"
    """It was left out: 50% is 50, and not 0.5."""
    VALUE = "value"
    """One hundredth: 50% is 0.5, and not 50."""


class Units(enum.StrEnum):
    """What a unit means where one side alone has it."""

    OPTIONAL = "optional"
    """It was left out; two different known units disagree."""
    REQUIRED = "required"
    """Both have the same unit, or neither has any."""
    IGNORED = "ignored"
    """Nothing, even where both have one."""


class Order(enum.StrEnum):
    """Where the order of parts matters."""

    BY_BRACKETS = "by_brackets"
    """In tuples and intervals, not in sets and in lists without brackets."""
    ANY = "any"
    """Nowhere."""
    FIXED = "fixed"
    """Everywhere."""


class MathOptions(Spec, frozen=True, kw_only=True):
    """How answers are compared with the gold answer."""

    tolerance: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    """Relative error that an answer may have; without it none, so that a decimal for an
    irrational gold answer is wrong."""
    percent: Percent = Percent.EITHER
    """What a percent sign means where one side alone has it."""
    unit: Units = Units.OPTIONAL
    """What a unit means where one side alone has it."""
    order: Order = Order.BY_BRACKETS
    """Where the order of parts matters."""


DEFAULT = MathOptions()
"""Without a word from the data set."""


def read_options(metadata: Mapping[str, Any]) -> MathOptions:
    """Return the options in a problem's metadata.

    Raises:
        SpecError: an option that does not exist, or a value that it cannot have.
    """
    about = metadata.get("lm_eval")
    given = (about if isinstance(about, Mapping) else metadata).get("grading")
    if given is None:
        return DEFAULT
    if not isinstance(given, Mapping):
        raise SpecError(
            f"the grading options must be a table, got {given!r:.80}",
            hint="write metadata.reasonbench.grading as 'name: value' lines",
        )
    known = MathOptions.__struct_fields__
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            raise SpecError(
                f"the math grader has no option {name!r}",
                hint=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}",
            )
    try:
        return msgspec.convert(dict(given), MathOptions)
    except msgspec.ValidationError as error:
        raise SpecError(
            f"the grading options cannot be used: {error}",
            hint="see reasonbench.graders.maths.options",
        ) from error
