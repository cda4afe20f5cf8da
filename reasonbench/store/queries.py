"""The paged queries over a plan: rows after a position, in the plan's order.

``CROSS JOIN`` keeps SQLite from reordering the tables: the plan's items lead, and every
other row is found by its key.  ``{values}`` stands for one pair of parameters a task.
"""

ITEMS = """
    SELECT position, problem, key, sample_index FROM plan_items
    WHERE plan = :plan AND position > :after ORDER BY position LIMIT :page"""
"""Position, problem digest, key and sample index of each item."""

PRESENT = """
    SELECT key FROM plan_items i
    WHERE plan = ? AND EXISTS (SELECT 1 FROM completions c WHERE c.key = i.key)"""
"""Key of each item that has a completion."""

COMPLETIONS = """
    SELECT i.position, i.problem, c.record
    FROM plan_items i CROSS JOIN completions c ON c.key = i.key
    WHERE i.plan = :plan AND i.position > :after ORDER BY i.position LIMIT :page"""
"""Position, problem digest and completion of each item that has one."""

FAILURES = """
    SELECT f.record FROM failures f JOIN plan_items i ON i.key = f.key
    WHERE i.plan = ? ORDER BY f.number"""
"""Each failure of the plan's items, in the order in which they happened."""

UNGRADED = """
    WITH wanted (task, grader) AS (VALUES {values})
    SELECT i.position, i.problem, c.record
    FROM plan_items i CROSS JOIN wanted w ON w.task = i.task
    CROSS JOIN completions c ON c.key = i.key
    WHERE i.plan = :plan AND i.position > :after AND NOT EXISTS (
        SELECT 1 FROM grades g
        WHERE g.key = i.key AND g.grader = w.grader AND g.problem = i.problem)
    ORDER BY i.position LIMIT :page"""
"""The same, for items whose task is wanted and that lack the wanted grade."""

GRADES = """
    WITH wanted (task, grader) AS (VALUES {values})
    SELECT i.position, g.record, c.finish_reason
    FROM plan_items i CROSS JOIN wanted w ON w.task = i.task
    CROSS JOIN grades g ON g.key = i.key AND g.grader = w.grader AND g.problem = i.problem
    CROSS JOIN completions c ON c.key = i.key
    WHERE i.plan = :plan AND i.position > :after ORDER BY i.position LIMIT :page"""
"""Position, grade and finish reason of each item that has the wanted grade."""


def lookup(count: int) -> str:
    """Return the query for the completions under so many keys."""
    return f"SELECT record FROM completions WHERE key IN ({', '.join('?' * count)})"
