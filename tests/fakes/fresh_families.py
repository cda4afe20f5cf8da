"""Tiny families: one of math, one of functions, one of programs."""

from reasonbench.fresh.family import CodeFamily, MathFamily

SUMS = MathFamily(
    name="tiny_sums",
    topic="algebra",
    kind="integer",
    levels=3,
    # Level 0 has ten problems, so that repeats occur.
    draw=lambda draw, level: {"n": draw.integer(1, 10 ** (level + 1))},
    templates=(
        lambda p: f"Find the sum of the whole numbers from $1$ to ${p['n']}$.",
        lambda p: f"What do the whole numbers from $1$ to ${p['n']}$ add up to?",
        lambda p: f"Let $n = {p['n']}$. Determine $1 + 2 + \\dots + n$.",
    ),
    solve=lambda p: str(p["n"] * (p["n"] + 1) // 2),
    check=lambda p: str(sum(range(1, p["n"] + 1))),
)

LARGEST = CodeFamily(
    name="tiny_largest",
    topic="greedy",
    style="function",
    levels=2,
    draw=lambda draw, level: {"add": draw.integer(1, 10**6)},
    templates=(lambda p: f"Write largest(values), which returns the largest, plus {p['add']}.",),
    entry_point="largest",
    inputs=lambda draw, p, level: [
        [[draw.integer(-99, 99) for _ in range(size)]] for size in (2, 3, 1, 10 ** (level + 3))
    ],
    n_examples=2,
    reference=lambda p: f"def largest(values):\n    return max(values) + {p['add']}\n",
    slow=lambda p: f"def largest(values):\n    return sorted(values)[-1] + {p['add']}\n",
    wrong=lambda p: ["def largest(values):\n    return max(values)\n"] * 3,
)

ECHO = CodeFamily(
    name="tiny_echo",
    topic="strings",
    style="stdio",
    levels=1,
    draw=lambda draw, level: {"times": draw.integer(2, 10**6)},
    templates=(lambda p: f"Read whole numbers, one a line; print each times {p['times']}.",),
    entry_point="",
    inputs=lambda draw, p, level: [
        "".join(f"{draw.integer(0, 9)}\n" for _ in range(size)) for size in (1, 2, 2000)
    ],
    n_examples=1,
    reference=lambda p: (
        f"import sys\nfor line in sys.stdin:\n    print(int(line) * {p['times']})\n"
    ),
    slow=lambda p: (
        "while True:\n    try:\n        n = int(input())\n    except EOFError:\n        break\n"
        f"    print(n * {p['times']})\n"
    ),
    wrong=lambda p: ["print(0)\n"] * 3,
)

FAMILIES = (SUMS, LARGEST, ECHO)
