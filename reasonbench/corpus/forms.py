# mypy: disable-error-code="assignment,return-value,arg-type,no-any-return"
# The types of what is compiled are numba's to find.
"""Formulas with other numbers: a short question whose every token but the numbers stands there.

"Simplify (u+4)(u-1) - (u-3)(u+6)" has too few words to be known by.  What says most of it, the
order of its letters, numbers and operators, is its form.  Here its tokens are compared with the
numbers masked; whether the operators agree is seen when a match is aligned, and counts.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reasonbench.corpus.align_tokens import tokenize
from reasonbench.corpus.hashing import (
    CHUNK,
    Room,
    Table,
    find,
    look_up,
    make_table,
    new_room,
    run_hashes,
)
from reasonbench.corpus.index import UNITS, Bits, Units, plain
from reasonbench.corpus.items import Item, Unit
from reasonbench.corpus.simd import compiled
from reasonbench.corpus.tokens import IS_NUMBER

MOST_WORDS = 20
"""Words of a question that has a form."""
LEAST_TOKENS = 4
"""Tokens of one at least."""
NUMBER_BITS = 1.0
"""Bits that a number says by its being one."""
SIGN_BITS = 1.5
"""Bits that an operator says."""
LEAST_BITS = 24.0
"""Bits of a form that is looked for."""


class Forms(NamedTuple):
    """The forms of the units that have one."""

    table: Table
    """A run of three masked tokens of each."""
    starts: NDArray[np.int32]
    """Where the units of a run start, and, one further, where they end."""
    units: NDArray[np.int32]
    """Units by their runs."""
    at: NDArray[np.int32]
    """The run's last token in each, counted from its first."""
    bits: NDArray[np.float32]
    """What the form of each unit of the index says; 0 where it has none."""


class FormState(NamedTuple):
    """What the search for forms works with."""

    met: NDArray[np.int64]
    """Position of the record in which each unit was met last."""
    found: NDArray[np.int32]
    """Receives the units whose form stands in a record."""
    masked: NDArray[np.uint64]
    """Tokens of a chunk, masked."""
    room: Room
    """Where runs are looked up."""


def new_form_state(n_units: int, most: int) -> FormState:
    """Return a state that has met nothing, for up to ``most`` forms of a record."""
    return FormState(
        np.full(n_units, -1, np.int64),
        np.zeros(most, np.int32),
        np.zeros(CHUNK + 2, np.uint64),
        new_room(),
    )


def make_forms(units: Units, items: Sequence[Item], bits: Bits) -> Forms:
    """Return the forms of the short questions; what two items have in common is no form."""
    masked = mask(units.tokens)
    worth = np.zeros(len(units), np.float32)
    found: list[tuple[int, int, int]] = []
    whole: dict[int, bytes] = {}
    for unit in _candidates(units):
        low, high = units.starts[unit], units.starts[unit + 1]
        whole[unit] = masked[low:high].tobytes()
        signs = tokenize(plain(items[units.items[unit]].question)).signs
        worth[unit] = _worth(units, bits, slice(low, high)) + SIGN_BITS * signs
    times = Counter(whole.values())
    for unit, text in whole.items():
        if times[text] > 1 or worth[unit] < LEAST_BITS:
            worth[unit] = 0.0
            continue
        low, high = units.starts[unit], units.starts[unit + 1]
        place = _anchor(masked[low:high], bits.first[low:high])
        key = run_hashes(masked[low + place - 2 : low + place + 1], 3)[0]
        found.append((int(key), unit, place))
    found.sort()
    keys = np.array([key for key, _, _ in found], np.uint64)
    distinct, starts = np.unique(keys, return_index=True)
    return Forms(
        make_table(distinct),
        np.append(starts, len(found)).astype(np.int32),
        np.array([unit for _, unit, _ in found], np.int32),
        np.array([place for _, _, place in found], np.int32),
        worth,
    )


def mask(tokens: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return tokens with one in place of every number."""
    return np.where(tokens & IS_NUMBER, IS_NUMBER, tokens)


def _candidates(units: Units) -> list[int]:
    """Return the units that are a whole question of few words and some number."""
    question = units.kinds == UNITS.index(Unit.QUESTION)
    segments = Counter(units.items[question].tolist())
    return [
        int(unit)
        for unit in np.flatnonzero(question)
        if segments[int(units.items[unit])] == 1 and _is_short(units, unit)
    ]


def _is_short(units: Units, unit: int) -> bool:
    low, high = units.starts[unit], units.starts[unit + 1]
    numbers = (units.tokens[low:high] & IS_NUMBER).any()
    words = int((~units.names[low:high]).sum())
    return bool(high - low >= LEAST_TOKENS and numbers and words <= MOST_WORDS)


def _worth(units: Units, bits: Bits, place: slice) -> float:
    number = (units.tokens[place] & IS_NUMBER) > 0
    told = np.where(number, NUMBER_BITS, bits.follow[place])
    return float(told.sum())


def _anchor(masked: NDArray[np.uint64], first: NDArray[np.float32]) -> int:
    """Return the last token of the run of three that says most, and begins or ends in a number."""
    told = np.where(masked == IS_NUMBER, 0.0, first)
    places = [at for at in range(2, masked.size) if IS_NUMBER in (masked[at], masked[at - 2])]
    return max(places, key=lambda at: float(told[at - 2 : at + 1].sum()))


@compiled
def form_matches(
    tokens: NDArray[np.uint64],
    count: int,
    forms: Forms,
    index_tokens: NDArray[np.uint64],
    index_starts: NDArray[np.int64],
    base: int,
    state: FormState,
) -> int:
    """Write the units whose form stands in a record, each once, and return how many there are.

    Args:
        tokens: of the record.
        count: how many.
        forms: of the index.
        index_tokens: of all units.
        index_starts: where a unit's tokens start.
        base: position of the record, another one for each.
        state: carried from record to record; receives the units.
    """
    n_found = 0
    table = forms.table
    for begin in range(2, count, CHUNK):
        end = min(begin + CHUNK, count)
        first = np.uint64(begin - 2)
        for i in range(np.uint64(end - begin + 2)):
            state.masked[i] = _masked(tokens[first + i])
        n_hits = look_up(state.masked, 2, end - begin + 2, 3, table.bitmap, state.room)
        for hit in range(n_hits):
            place = np.int64(state.room.hits[hit])
            number = find(table.keys, table.numbers, state.room.keys[place])
            if number >= 0:
                n_found = _add_forms(
                    tokens, count, begin + place, number, forms, index_tokens, index_starts, base,
                    state, n_found,
                )  # fmt: skip
    return n_found


@compiled
def _add_forms(
    tokens: NDArray[np.uint64],
    count: int,
    t: int,
    number: int,
    forms: Forms,
    index_tokens: NDArray[np.uint64],
    index_starts: NDArray[np.int64],
    base: int,
    state: FormState,
    n_found: int,
) -> int:
    """Add the units whose run is the one that ends at token ``t``, where the whole form stands."""
    for place in range(forms.starts[number], forms.starts[number + 1]):
        unit = forms.units[place]
        if state.met[unit] == base or n_found >= state.found.size:
            continue
        low = index_starts[unit]
        size = index_starts[unit + 1] - low
        begin = t - forms.at[place]
        same = begin >= 0 and begin + size <= count
        for i in range(size):
            if not same:
                break
            same = _masked(tokens[begin + i]) == _masked(index_tokens[low + i])
        if same:
            state.met[unit] = base
            state.found[n_found] = unit
            n_found += 1
    return n_found


@compiled
def _masked(token: np.uint64) -> np.uint64:
    return IS_NUMBER if token & IS_NUMBER else token
