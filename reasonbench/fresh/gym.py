"""reasoning-gym's generators: which can be graded here, and entries that survive JSON.

A fresh instance is not a novel distribution: the generators are public and were made to train
models with, so a model may have been trained on any number of other instances of the same family.
A seed is below 2^32, so all instances of a generator can be enumerated.

Generators were read and tried in version 0.1.25 alone.  ``REFUSED`` names those that are not
offered.  Of those that are, name, level, seed and index decide an instance, no scorer evaluates
text, and none counts a right answer beside a wrong one.  Only a score of exactly 1.0 counts,
since most scorers give some credit to an answer that contains the right one.
"""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from reasonbench.errors import MissingDependencyError, SpecError, UnknownNameError
from reasonbench.fresh.beacon import Beacon
from reasonbench.fresh.seeds import seed_of

VERSION = "0.1.25"
"""Of reasoning-gym: the one whose generators and scorers were read."""
INSTALL = f"pip install 'reasonbench[gym]', which brings reasoning-gym {VERSION}"

SEEDS = 2**32 - 2**16
"""Seeds are below it; an entry's own seed is the seed plus its index, and below 2^32."""

_EVAL = "its scorer gives the answer to eval()"
_SYMPY = "its scorer gives the answer to SymPy's parse_expr, which evaluates it"
_STORED = "its scorer gives text from the stored problem to eval()"
_AROUND = "its scorer passes over what else stands in the answer"
_HEDGE = "its scorer counts a right answer that stands beside a wrong one"

REFUSED: Mapping[str, str] = {
    "acre": "its problems depend on how many are asked for",
    "advanced_geometry": _HEDGE,
    "binary_matrix": _EVAL,
    "bitwise_arithmetic": _STORED,
    "codeio": "it runs programs from its data to make a problem, and gives another one each time",
    "coin_flip": "its scorer counts 0 for any probability",
    "complex_arithmetic": "its scorer counts 'nan' for any number",
    "composite": "it is a mixture of the others",
    "countdown": f"{_SYMPY}; countdown_heldout and the grader countdown do the same without",
    "fraction_simplification": _HEDGE,
    "game_of_life_halting": "its scorer counts any text as 'True'",
    "gsm_symbolic": "its scorer looks at the first number alone, and not at its sign",
    "intermediate_integration": _SYMPY,
    "knights_knaves": _AROUND,
    "letter_jumble": _HEDGE,
    "list_functions": "it gives other problems each time, whatever the seed",
    "n_queens": _EVAL,
    "number_sorting": _STORED,
    "polynomial_equations": _HEDGE,
    "polynomial_multiplication": _SYMPY,
    "propositional_logic": "its scorer counts a premise that is said again",
    "puzzle24": _SYMPY,
    "quantum_lock": _AROUND,
    "simple_integration": _SYMPY,
    "sokoban": _HEDGE,
    "spiral_matrix": _EVAL,
    "string_insertion": _EVAL,
    "time_intervals": _HEDGE,
    "word_sorting": _HEDGE,
}
"""Generators that are not offered, and why."""

WITNESS: Mapping[str, str] = {
    "graph_color": "possible_answer",
    "rubiks_cube": "example_correct_answer",
}
"""Of generators without a gold answer: where an entry holds one right answer of many."""

UNKEYED = ("boxnet", "rush_hour")
"""Generators without any answer to check against: their scorers play the answer through."""


def require() -> None:
    """Refuse where reasoning-gym is not there, or is not the version that was read.

    Raises:
        MissingDependencyError: naming what to install.
    """
    try:
        found = importlib.metadata.version("reasoning-gym")
    except importlib.metadata.PackageNotFoundError:
        raise MissingDependencyError(
            "reasoning-gym is needed and not installed", hint=INSTALL
        ) from None
    if found != VERSION:
        raise MissingDependencyError(
            f"reasoning-gym {VERSION} is needed, whose scorers were read, and {found} is installed",
            hint=INSTALL,
        )


def offered() -> list[str]:
    """Return the names of the generators that can be used; reasoning-gym is imported."""
    require()
    from reasoning_gym.factory import DATASETS

    return sorted(set(DATASETS) - set(REFUSED))


def check_name(name: str) -> None:
    """Refuse a generator that is not offered or does not exist.

    Raises:
        SpecError: it is in ``REFUSED``; the message says why.
        UnknownNameError: there is none of that name.
    """
    if name in REFUSED:
        raise SpecError(
            f"reasoning-gym's {name} is not offered: {REFUSED[name]}",
            hint="take another generator: docs/fresh.md names those that are refused",
        )
    names = offered()
    if name not in names:
        raise UnknownNameError.build("generator of reasoning-gym", name, names)


def levels_of(name: str) -> int:
    """Return how many levels a generator's curriculum has; 0 without one."""
    from reasoning_gym.factory import CURRICULA

    if name not in CURRICULA:
        return 0
    curriculum: Any = CURRICULA[name]
    return max((len(a.levels) for a in curriculum().attributes.values()), default=0)


def dataset_of(name: str, level: int | None, *, seed: int, size: int) -> Any:
    """Return a dataset of reasoning-gym.

    Args:
        name: generator.
        level: every attribute of its curriculum at this level, or at its highest where that is
            lower; None for the generator's own defaults.
        seed: seed of the first entry.
        size: entries.

    Raises:
        SpecError: it has no such level, or cannot be configured at it.
    """
    from reasoning_gym.factory import CURRICULA, DATASETS

    make, configure = DATASETS[name]
    if level is None:
        return make(configure(seed=seed, size=size))
    if level >= (most := levels_of(name)):
        has = f"levels 0 to {most - 1}" if most else "no levels"
        raise SpecError(
            f"reasoning-gym's {name} has {has}, got level {level}", hint=f"write gym:{name} alone"
        )
    curriculum: Any = CURRICULA[name]
    plan = curriculum()
    plan.set_global_level(level)
    try:
        return make(plan.generate_configuration({"seed": seed, "size": size}))
    except AssertionError as error:
        raise SpecError(
            f"reasoning-gym's {name} does not take its own level {level}: {error}",
            hint="choose another level",
        ) from error


def beacon_seed(beacon: Beacon, name: str, level: int | None) -> int:
    """Return the seed that a verified round gives a generator at a level."""
    seed = seed_of(beacon.randomness, f"gym:{name}", -1 if level is None else level, 0)
    return int.from_bytes(seed, "big") % SEEDS


def packed(value: Any) -> Any:
    """Return a value of an entry as JSON holds it, so that ``unpacked`` gives the same back.

    Raises:
        TypeError: it holds what is neither JSON's nor a tuple, a set, a key that is no text, a
            number of numpy's or a huge whole number.
    """
    if value is None or isinstance(value, bool | str | int | float):
        return _packed_scalar(value)
    if isinstance(value, list):
        return [packed(item) for item in value]
    if isinstance(value, tuple):
        return {"!tuple": [packed(item) for item in value]}
    if isinstance(value, set | frozenset):
        return {"!set": [packed(item) for item in sorted(value, key=repr)]}
    if isinstance(value, dict):
        if all(isinstance(k, str) and not k.startswith("!") for k in value):
            return {str(k): packed(item) for k, item in value.items()}
        return {"!dict": [[packed(k), packed(item)] for k, item in value.items()]}
    if type(value).__module__ == "numpy":
        return packed(value.tolist())
    raise TypeError(f"an entry holds a {type(value).__name__}, which is not stored")


def _packed_scalar(value: bool | str | float | None) -> Any:
    """Return a scalar; subclasses, such as numpy's, become what they are a kind of."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else {"!int": str(int(value))}
    return float(value) if abs(value) < float("inf") else {"!float": str(float(value))}


def unpacked(value: Any) -> Any:
    """Return what ``packed`` was given; whatever was read, it makes plain data alone."""
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, inner),) = value.items()
        if tag == "!int":
            return int(inner)
        if tag == "!float":
            return float(inner)
        if tag == "!tuple":
            return tuple(map(unpacked, inner))
        if tag == "!set":
            return set(map(unpacked, inner))
        if tag == "!dict":
            return {unpacked(k): unpacked(item) for k, item in inner}
    return {k: unpacked(item) for k, item in value.items()}
