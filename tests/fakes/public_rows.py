"""Rows of public data sets: the fields of the published ones, our own wording."""

import code_rows

MATHARENA = [
    {"problem_idx": 1, "problem": "How many {words} are there?", "answer": "277",
     "problem_type": ["Combinatorics", "Algebra"]},
    {"problem_idx": 2, "problem": "Where do the curves meet?", "answer": "(1,\\frac{3}{2})"},
]  # fmt: skip

ARXIVMATH = [
    {"problem_idx": 1, "problem": "What is the exponent?", "answer": "$\\frac{n-1}{2}$",
     "source": "2604.01230", "title": "On exponents", "authors": "A. Author"},
    {"problem_idx": 2, "problem": "What is the constant?", "answer": "2^{n}",
     "source": "2604.01230", "title": "On exponents", "authors": "A. Author"},
]  # fmt: skip

AIME_2024 = [
    {"id": 60, "problem": "Find the remainder.", "solution": "It is \\boxed{025}.",
     "answer": "025", "url": "https://example.org/1", "year": "2024"},
    {"id": 61, "problem": "Find the sum.", "solution": "It is \\boxed{204}.",
     "answer": "204", "url": "https://example.org/2", "year": "2024"},
]  # fmt: skip

MATH_500 = [
    {"problem": "Give the range.", "solution": "So $\\boxed{[0,2]}$.", "answer": "[0,2]",
     "subject": "Algebra", "level": 3, "unique_id": "test/algebra/1.json"},
    {"problem": "Halve it.", "solution": "So $\\boxed{\\frac12}$.", "answer": "\\frac12",
     "subject": "Algebra", "level": 1, "unique_id": "test/algebra/2.json"},
]  # fmt: skip

GSM8K = [
    {"question": "How many eggs?", "answer": "500+518=<<500+518=1018>>1018\n#### 1,018"},
    {"question": "How many hens?", "answer": "2-3=-1\n#### -1"},
]

GSM_SYMBOLIC = [
    {"id": 7, "instance": i, "question": f"Ada has {i} pears and finds 2. How many?",
     "answer": f"{i}+2={i + 2}\n#### {i + 2}", "original_id": 473,
     "original_question": "Bo has 1 plum and finds 2. How many?", "original_answer": "#### 3",
     "canary": "ours"}
    for i in range(3)
]  # fmt: skip

OLYMPIAD_BENCH = [
    {"id": 1606, "question": "Find all $k$.", "solution": ["Try $3$ and $5$."],
     "final_answer": ["$3$", "$5$"], "context": None, "image_1": None, "modality": "Text-only",
     "difficulty": "Competition", "is_multiple_answer": True, "unit": None,
     "answer_type": "Numerical", "error": None, "question_type": "Open-ended",
     "subfield": "Algebra", "subject": "Math", "language": "English"},
    {"id": 1607, "question": "Find the speed.", "solution": ["It is $2$."],
     "final_answer": ["2"], "context": "A train runs.", "is_multiple_answer": False,
     "unit": "m/s", "answer_type": "Numerical", "error": None, "subfield": "Algebra"},
]  # fmt: skip

GPQA = [
    {"Record ID": f"rec{i}", "Question": f"Which colour has gas {i}?", "Correct Answer": "Red\n",
     "Incorrect Answer 1": "Green", "Incorrect Answer 2": "Blue", "Incorrect Answer 3": " Grey",
     "Explanation": "It glows red.", "Subdomain": "Chemistry"}
    for i in range(12)
]  # fmt: skip

ROWS = {
    "aime_2024": AIME_2024,
    "arxivmath": ARXIVMATH,
    "gpqa": GPQA,
    "gsm8k": GSM8K,
    "gsm_symbolic": GSM_SYMBOLIC,
    "math_500": MATH_500,
    "matharena": MATHARENA,
    "olympiad_bench": OLYMPIAD_BENCH,
    # Some of these share an id, as one problem told in several ways.
    **{name: rows[:1] for name, rows in code_rows.ROWS.items()},
}
