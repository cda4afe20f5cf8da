r"""The gold answer against an answer: structure first, then the values in it.

Where several answers were given for
one gold answer, all of them must be right; if only some are, the answer is ``ambiguous``.
"""

import re
from collections.abc import Sequence

from reasonbench.graders.maths import intervals, shapes, symbolic
from reasonbench.graders.maths.arithmetic import value
from reasonbench.graders.maths.judgement import Judgement, all_of, one_of, worst_of
from reasonbench.graders.maths.options import MathOptions, Order
from reasonbench.graders.maths.relations import (
    NAME,
    contradicts_itself,
    greater,
    in_order,
    is_solvable,
)
from reasonbench.graders.maths.scalars import compare_scalars, same_text
from reasonbench.graders.maths.shapes import Kind, Shape
from reasonbench.graders.maths.spelling import tight, unbraced
from reasonbench.graders.maths.words import choice, hedges, lettered, words

MAX_DEPTH = 6
"""Deepest nesting of structures that is taken apart."""
_LOGIC = re.compile(r"\\(lor|vee|land|wedge)(?![A-Za-z])")
_SETS = re.compile(r"\\mathbb|\\setminus|\\cup|\\infty|\\emptyset|\\\{")


def compare(gold: str, answer: str, options: MathOptions) -> Judgement:
    """Compare two answers in spelled form."""
    return _Comparison(options).whole(gold, answer)


class _Comparison:
    """One comparison, with the data set's options."""

    def __init__(self, options: MathOptions) -> None:
        self._options = options

    def whole(self, gold: str, answer: str) -> Judgement:
        if (decided := same_text(gold, answer)) is not None:
            return decided
        return self._shaped(shapes.shape(gold), shapes.shape(answer), 0)

    def _parts(self, gold: str, answer: str, depth: int) -> Judgement:
        if tight(gold) and tight(gold) == tight(answer):
            return Judgement("ok", "text")
        if depth > MAX_DEPTH:
            return Judgement("unparsed", "structure")
        return self._shaped(shapes.shape(gold), shapes.shape(answer), depth)

    def _shaped(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        if gold.kind is Kind.RELATION or answer.kind is Kind.RELATION:
            return self._related(gold, answer, depth)
        if gold.kind is Kind.LIST or answer.kind is Kind.LIST:
            return self._listed(gold, answer, depth)
        if Kind.MATRIX in (gold.kind, answer.kind):
            return self._matrices(gold, answer, depth)
        if Kind.UNION in (gold.kind, answer.kind):
            return self._unions(gold, answer, depth)
        if gold.kind is Kind.SET and answer.kind is Kind.SET:
            return self._unordered(_flat(gold), _flat(answer), depth)
        if gold.kind is Kind.SEQUENCE and answer.kind is Kind.SEQUENCE:
            if gold.marks != answer.marks:
                return Judgement("wrong", "structure")
            if self._options.order is Order.ANY:
                return self._unordered(gold.parts, answer.parts, depth)
            return self._ordered(gold.parts, answer.parts, depth)
        if gold.kind is Kind.SCALAR and answer.kind is Kind.SCALAR:
            return self._scalars(gold.text, answer.text, depth)
        return self._unlike(gold, answer, depth)

    def _unlike(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        """Compare two kinds: a set of one is its member, and sets have other spellings."""
        for one, other in ((gold, answer), (answer, gold)):
            if one.kind is Kind.SET and other.kind is Kind.SCALAR and len(one.parts) == 1:
                pair = (one.parts[0], other.text) if one is gold else (other.text, one.parts[0])
                return self._parts(*pair, depth + 1)
        return self._as_sets(gold.text, answer.text)

    def _as_sets(self, gold: str, answer: str) -> Judgement:
        """Compare what has no common structure: both may still be sets of numbers."""
        if all(_SETS.search(text) for text in (gold, answer)):
            return Judgement(symbolic.equal(gold, answer), "math-verify")
        return Judgement("wrong", "structure")

    # --- several values ------------------------------------------------------------------

    def _listed(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        if _logic(gold.text) | _logic(answer.text) == {"and", "or"}:
            return Judgement("wrong", "structure")
        if (inner := in_order(gold, answer)) is not None:
            return self._ordered(*inner, depth)
        if gold.kind in (Kind.LIST, Kind.SET) and answer.kind in (Kind.LIST, Kind.SET):
            return self._unordered(_flat(gold), _flat(answer), depth)
        for one, other in ((gold, answer), (answer, gold)):
            if other.kind is not Kind.SCALAR and (union := intervals.union(one)) is not None:
                pair = (union, other.text) if one is gold else (other.text, union)
                return self._parts(*pair, depth + 1)
        if answer.kind is Kind.LIST:
            if gold.kind is Kind.SCALAR and _is_one_choice(answer):
                return self._scalars(gold.text, answer.text, depth)
            if (gold_words := words(gold.text)) is not None and gold_words == words(answer.text):
                return Judgement("ok", "words")
            found = [self._parts(gold.text, part, depth + 1) for part in answer.parts]
            return one_of(found)
        if answer.kind is Kind.SCALAR and len(_flat(gold)) > 1:
            return Judgement("wrong", "structure")
        return self._unlike(gold, answer, depth)

    def _ordered(self, golds: Sequence[str], answers: Sequence[str], depth: int) -> Judgement:
        if len(golds) != len(answers):
            return Judgement("wrong", "structure")
        pairs = zip(golds, answers, strict=True)
        return all_of([self._parts(ours, theirs, depth + 1) for ours, theirs in pairs])

    def _unordered(self, golds: Sequence[str], answers: Sequence[str], depth: int) -> Judgement:
        """Match the parts one to one; what is said twice counts once."""
        if self._options.order is Order.FIXED:
            return self._ordered(golds, answers, depth)
        golds, answers = _distinct(golds), _distinct(answers)
        left = list(answers)
        found: list[Judgement] = []
        for ours in golds:
            tried = [self._parts(ours, theirs, depth + 1) for theirs in left]
            at = next((i for i, j in enumerate(tried) if j.reason == "ok"), None)
            if at is None:
                whole = [self._parts(ours, theirs, depth + 1) for theirs in answers]
                again = next((j for j in whole if j.reason == "ok"), None)
                if again is None:
                    return worst_of(tried or whole)
                found.append(again)
                continue
            found.append(tried[at])
            left.pop(at)
        for theirs in left:
            if all(self._parts(ours, theirs, depth + 1).reason != "ok" for ours in golds):
                return Judgement("wrong", "structure")
        return all_of(found)

    def _matrices(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        gold, answer = shapes.as_matrix(gold), shapes.as_matrix(answer)
        vectors = all(
            (s.kind is Kind.MATRIX and s.marks == "1")
            or (s.kind is Kind.SEQUENCE and s.marks == "()")
            for s in (gold, answer)
        )
        if vectors or (gold.kind is answer.kind and gold.marks == answer.marks):
            return self._ordered(gold.parts, answer.parts, depth)
        if all("\\begin" in s.text for s in (gold, answer)):
            return Judgement(symbolic.equal(gold.text, answer.text), "math-verify")
        return Judgement("wrong", "structure")

    def _unions(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        if gold.kind is answer.kind:
            found = self._unordered(gold.parts, answer.parts, depth)
            if found.reason == "ok":
                return found
        return self._as_sets(gold.text, answer.text)

    # --- equations and inequalities ------------------------------------------------------

    def _related(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        if answer.kind is Kind.RELATION and contradicts_itself(answer):
            return Judgement("wrong", "number")
        if answer.kind is Kind.RELATION and gold.kind is not Kind.RELATION:
            return self._unwrapped(gold, answer, depth)
        if gold.kind is Kind.RELATION and answer.kind is not Kind.RELATION:
            return self._gold_unwrapped(gold, answer, depth)
        ours, theirs = intervals.bounds(gold), intervals.bounds(answer)
        if ours is not None and theirs is not None:
            if ours.name != theirs.name:
                return Judgement("wrong", "structure")
            return self._parts(ours.text, theirs.text, depth + 1)
        if gold.marks == answer.marks == "=":
            return self._equations(gold, answer, depth)
        if len(gold.parts) == len(answer.parts) == 2:
            return self._inequalities(gold, answer)
        if gold.marks == answer.marks:
            return self._ordered(gold.parts, answer.parts, depth)
        last = shapes.shape(answer.parts[-1]) if set(answer.marks.split()) == {"="} else answer
        if last is not answer and set(gold.marks.split()) == {"="}:
            first = shapes.shape(f"{answer.parts[0]} = {answer.parts[-1]}")
            return self._equations(
                shapes.shape(f"{gold.parts[0]} = {gold.parts[-1]}"), first, depth
            )
        return Judgement("wrong", "structure")

    def _unwrapped(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        """Compare a gold value with what an equation or inequality says."""
        bounds = intervals.bounds(answer)
        if bounds is not None:
            return self._parts(gold.text, bounds.text, depth + 1)
        signs = answer.marks.split()
        if signs[-1] in (r"\in", "=") and NAME.fullmatch(answer.parts[0]) and len(signs) == 1:
            return self._parts(gold.text, answer.parts[1], depth + 1)
        if signs == [r"\approx"] and not NAME.fullmatch(answer.parts[0]):
            return self._parts(gold.text, answer.parts[0], depth + 1)
        if not set(signs) <= {"=", r"\approx", r"\equiv"}:
            return Judgement("wrong", "structure")
        if NAME.fullmatch(answer.parts[-1]) and not NAME.fullmatch(answer.parts[0]):
            return self._parts(gold.text, answer.parts[0], depth + 1)
        # '2x = 10' and '5x - 7y + 4 = 0' are equations, and say no value.
        implicit = tight(answer.parts[-1]) == "0" and not NAME.fullmatch(answer.parts[0])
        if is_solvable(answer) or (implicit and _has_variables(answer)):
            return Judgement("wrong", "structure")
        exact = [p for p, sign in zip(answer.parts[1:], signs, strict=True) if sign != r"\approx"]
        return self._parts(gold.text, exact[-1] if exact else answer.parts[-1], depth + 1)

    def _gold_unwrapped(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        bounds = intervals.bounds(gold)
        if bounds is not None:
            return self._parts(bounds.text, answer.text, depth + 1)
        signs = set(gold.marks.split())
        if signs <= {"=", r"\in"} and NAME.fullmatch(gold.parts[0]):
            return self._parts(gold.parts[-1], answer.text, depth + 1)
        if signs <= {"="} and value(unbraced(gold.parts[0])) is not None:
            return self._parts(gold.parts[-1], answer.text, depth + 1)
        return Judgement("wrong", "structure")

    def _equations(self, gold: Shape, answer: Shape, depth: int) -> Judgement:
        ours, theirs = (
            s.parts if NAME.fullmatch(s.parts[0]) else s.parts[::-1] for s in (gold, answer)
        )
        if NAME.fullmatch(ours[0]) and NAME.fullmatch(theirs[0]):
            if tight(ours[0]) == tight(theirs[0]):
                found = self._parts(ours[1], theirs[1], depth + 1)
                if found.reason == "ok":
                    return found
            elif shapes.shape(ours[1]).kind is not Kind.SCALAR:
                return Judgement("wrong", "structure")
        sides = (gold.parts[0], gold.parts[1]), (answer.parts[0], answer.parts[1])
        return Judgement(symbolic.scaled(*sides), "math-verify")

    def _inequalities(self, gold: Shape, answer: Shape) -> Judgement:
        ours, theirs = greater(gold), greater(answer)
        if ours[0] != theirs[0]:
            return Judgement("wrong", "structure")
        positive = ours[0] != r"\ne"
        return Judgement(symbolic.scaled(ours[1:], theirs[1:], positive=positive), "math-verify")

    # --- one value -----------------------------------------------------------------------

    def _scalars(self, gold: str, answer: str, depth: int) -> Judgement:
        """Compare two values, or choices such as '(C) 12' by letter and by value."""
        ours, theirs = choice(gold), choice(answer)
        if ours is not None and theirs is not None:
            if ours[0] != theirs[0]:
                return Judgement("wrong", "words")
            if not ours[1] and hedges(theirs[1]):
                return Judgement("ambiguous", "words")
            if not ours[1] or not theirs[1]:
                return Judgement("ok", "words")
            return self._parts(ours[1], theirs[1], depth + 1)
        if lettered(gold, answer) or lettered(answer, gold):
            return Judgement("ok", "words")
        if theirs is not None and theirs[1]:
            return self._parts(gold, theirs[1], depth + 1)
        if ours is not None and ours[1]:
            return self._parts(ours[1], answer, depth + 1)
        return compare_scalars(gold, answer, self._options)


def _is_one_choice(answer: Shape) -> bool:
    """Return whether a list is a choice with its text, as '(C) 1, 2'; not where it names two."""
    chosen = choice(answer.text)
    return (
        chosen is not None
        and chosen[1] != ""
        and all(choice(part) is None for part in answer.parts[1:])
    )


def _logic(text: str) -> set[str]:
    r"""Return which signs of logic a text has; the words for them make lists alone."""
    return {"or" if sign in ("lor", "vee") else "and" for sign in _LOGIC.findall(text)}


def _has_variables(related: Shape) -> bool:
    return re.search(r"(?<![A-Za-z\\])[a-zA-Z](?![A-Za-z(])", related.parts[0]) is not None


def _flat(several: Shape) -> tuple[str, ...]:
    """Return the members of a list or set; a member with a plus-minus sign is two."""
    members: list[str] = []
    for part in several.parts:
        inner = shapes.shape(part)
        members += inner.parts if inner.kind is Kind.LIST and inner.hedged else [part]
    return tuple(members)


def _distinct(parts: Sequence[str]) -> list[str]:
    return list({tight(part): part for part in parts}.values())
