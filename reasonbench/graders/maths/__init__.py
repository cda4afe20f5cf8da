r"""How two mathematical answers are compared, in layers; the first that can decide does.

``spelling``
    one way of writing: Unicode, spacing, fonts, fractions, synonyms of commands.
``numbers`` and ``arithmetic``
    exact values as fractions; nothing is rounded.
``units`` and ``measures``
    percent signs, bases, units of measure, number words: each by a rule.
``shapes``
    lists, sets, tuples, intervals, matrices, equations, inequalities: taken apart, so that
    only their parts go further.
``cost``
    what would take SymPy too long, or too much memory, is refused before it gets there.
``names`` and ``symbolic``
    angles, vectors and functions get names of their own, and math-verify's parser reads what
    is left, letters in their case.  Values are compared at 60 digits and beyond the longest
    decimal; its own verdict is asked where there are none, and checked at 60 digits again.

Nothing here evaluates text as code: no ``sympify``, no ``parse_expr``, no ``eval``.
"""
