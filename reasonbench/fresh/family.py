"""What a family of problems is: parameters, statements, an answer, and a second opinion.

A family is one module with a ``FAMILY``.  Everything in it is a pure function of its parameters
and a ``Draw``: no clock, no ``random``, no set or hash order, no floating point in an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reasonbench.fresh.draw import Draw

Params = Mapping[str, Any]
"""Whole numbers, texts and lists of them: what JSON holds exactly."""


@dataclass(frozen=True, slots=True)
class MathFamily:
    """Math problems of one kind."""

    name: str
    """Unique, such as ``lattice_paths``."""
    topic: str
    """Number theory, combinatorics, algebra, sequences, probability, geometry, logic."""
    kind: Literal["integer", "fraction", "surd", "tuple", "interval", "set", "expression"]
    """What its answers are."""
    levels: int
    """Levels are 0 to ``levels`` - 1; 0 is easy for a small model, the last is competition."""
    draw: Callable[[Draw, int], Params]
    """Parameters of a level; degenerate ones are drawn again inside."""
    templates: Sequence[Callable[[Params], str]]
    """At least three statements of the same problem in different words; which one is drawn."""
    solve: Callable[[Params], str]
    """Exact answer, as a grader reads it: plain or LaTeX."""
    check: Callable[[Params], str]
    """The same by an independent way (brute force beside a closed form, enumeration beside
    algebra); it shares no helper with ``solve`` but formatting."""


@dataclass(frozen=True, slots=True)
class CodeFamily:
    """Coding problems of one kind."""

    name: str
    """Unique."""
    topic: str
    """Such as greedy, dynamic programming, graphs, strings, simulation, number theory."""
    style: Literal["function", "stdio"]
    """A function with a signature, or standard input to standard output."""
    levels: int
    """Levels are 0 to ``levels`` - 1; the last forbids the naive complexity."""
    draw: Callable[[Draw, int], Params]
    """Parameters that make the problem itself differ from seed to seed."""
    templates: Sequence[Callable[[Params], str]]
    """Statements, with signature or input format and constraints; examples are added."""
    entry_point: str
    """Name of the function; empty for ``stdio``."""
    inputs: Callable[[Draw, Params, int], list[Any]]
    """Inputs of a level: examples first (small), then edge cases, then large ones.  An input is
    a list of arguments, or the text of standard input."""
    n_examples: int
    """How many of the first inputs are shown in the statement."""
    reference: Callable[[Params], str]
    """Source of a right program that is fast enough for every level."""
    slow: Callable[[Params], str]
    """Source of an independent, naive, right program."""
    wrong: Callable[[Params], Sequence[str]]
    """Sources of at least three plausible wrong programs (naive where the level forbids it, off
    by one, overflow-like, a missed case) that the tests must reject."""
    cpu_s: float | None = None
    """Seconds of CPU time for each test, several times what the reference takes; where there is
    none, the grader's own limit holds."""
