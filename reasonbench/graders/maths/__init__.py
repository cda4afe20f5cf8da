r"""How two mathematical answers are compared, in layers; the first that can decide does.

``spelling``
    one way of writing: Unicode, spacing, fonts, fractions, synonyms of commands.
``numbers`` and ``arithmetic``
    exact values as fractions; nothing is rounded.
``units``
    percent signs, bases, units of measure, number words: each by a rule.
``shapes``
    lists, sets, tuples, intervals, matrices, equations, inequalities: taken apart, so that
    only their parts go further.
``cost``
    what would take SymPy too long, or too much memory, is refused before it gets there.
``symbolic``
    math-verify reads what is left.  Its values are compared at 60 digits, its own verdict
    is asked where they have none, and what it calls equal is checked at 60 digits again.

Nothing here evaluates text as code: no ``sympify``, no ``parse_expr``, no ``eval``.
"""
