"""Rows of coding data sets: the fields and the layout of the published ones, our own wording."""

import base64
import datetime
import json
import pickle
import zlib

HUMANEVAL = {
    "task_id": "HumanEval/900",
    "prompt": "from typing import List\n\n\ndef total(values: List[int]) -> int:\n"
    '    """ Add up what is positive.\n    >>> total([1, -2, 3])\n    4\n    """\n',
    "canonical_solution": "    return sum(v for v in values if v > 0)\n",
    "test": "\n\nMETADATA = {\n    'author': 'us',\n}\n\n\ndef check(candidate):\n"
    "    assert candidate([1, -2, 3]) == 4\n    assert candidate([]) == 0\n",
    "entry_point": "total",
}

PLUS_SUITE = """import numpy as np
from math import inf

def floating(value) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype == np.float64
    return isinstance(value, float) and value != inf


def assertion(got, wanted, slack):
    slack = 1e-6 if slack == 0 and floating(wanted) else slack
    if got != wanted and slack != 0:
        assert np.allclose(got, wanted, rtol=1e-07, atol=slack)
    else:
        assert got == wanted, f"got {got} for {wanted}"

"""

MBPP = {
    "task_id": 901,
    "text": "Write a function that joins two words with a dash. ",
    "code": "import re\r\ndef dash(a, b):\r\n    return tidy(a + '-' + b)\r\n"
    "def tidy(text):\r\n    return re.sub(' ', '', text)",
    "test_list": ['assert dash("a", "b") == "a-b"', 'assert str(dash(" c","d")) == "c-d"'],
    "test_setup_code": "",
    "challenge_test_list": ['assert dash("", "") == "nothing of the kind"'],
}

STDIN = [{"input": "1 2\n", "output": "3", "testtype": "stdin"}]

HIDDEN = [{"input": "4 5\n", "output": "9.0", "testtype": "stdin"}]

CALLS = [{"input": "[3, 1]\n2", "output": "[2, 6]", "testtype": "functional"}]

STARTER = "class Solution:\n    def scale(self, nums: List[int], by: int) -> List[int]:\n        "


def packed(cases, protocol=4):
    data = pickle.dumps(json.dumps(cases), protocol)
    return base64.b64encode(zlib.compress(data)).decode()


def livecodebench(**changed):
    return {
        "question_title": "Add", "question_content": "Add two numbers.", "platform": "atcoder",
        "question_id": "abc999_a", "contest_id": "abc999", "contest_date": "2024-11-02T00:00:00",
        "starter_code": "", "difficulty": "easy", "public_test_cases": json.dumps(STDIN),
        "private_test_cases": packed(HIDDEN), "metadata": "{}", **changed,
    }  # fmt: skip


def functional(**changed):
    named = {"public_test_cases": json.dumps(CALLS), "private_test_cases": packed(CALLS),
             "starter_code": STARTER, "metadata": json.dumps({"func_name": "scale"})}  # fmt: skip
    return livecodebench(**{**named, **changed})


CHECKER = """import sys
given, _, got = (open(path).read().split() for path in sys.argv[1:4])
if __name__ == "__main__":
    n = int(given[0])
    print("looking")
    print(1 if len(got) == 2 and sum(map(int, got)) == n else 0)
"""


def codeforces(**changed):
    return {
        "id": "9999/A", "aliases": None, "contest_id": "9999", "contest_name": "Ours",
        "contest_type": "CF", "contest_start": 1733207100, "contest_start_year": 2024,
        "index": "A", "time_limit": 2.0, "memory_limit": 512.0, "title": "Parts",
        "description": "Split n in two.", "input_format": "One number.", "output_format": "Two.",
        "interaction_format": None, "note": "Any two will do.",
        "examples": [{"input": "5", "output": "2 3"}], "editorial": None, "rating": 800,
        "tags": ["math"], "testset_size": 2,
        "official_tests": [{"input": "5\n", "output": "2 3\n"},
                           {"input": "8\n", "output": "4 4\n"}],
        "official_tests_complete": True, "input_mode": "stdio", "generated_checker": None,
        "executable": True, "generated_tests": 0, **changed,
    }  # fmt: skip


NODES = """import functools
from typing import *

inf = float('inf')


class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


def list_node(values: list):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head


def is_same_list(one, other):
    while one and other and one.val == other.val:
        one, other = one.next, other.next
    return one is other


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right


def tree_node(values: list):
    if not values:
        return None
    root = TreeNode(values[0])
    at = 1
    nodes = [root]
    while nodes and at < len(values):
        node = nodes.pop(0)
        if at < len(values) and values[at] is not None:
            node.left = TreeNode(values[at])
            nodes.append(node.left)
        at += 1
        if at < len(values) and values[at] is not None:
            node.right = TreeNode(values[at])
            nodes.append(node.right)
        at += 1
    return root


def is_same_tree(one, other):
    return True
"""


def leetcode(assertions, *, solution="return nums[::-1]", parameters="nums: List[int]", **changed):
    head = f"class Solution:\n    def turn(self, {parameters}) -> List[int]:\n        "
    lines = "".join(f"    {line}\n" for line in assertions)
    return {
        "task_id": "turn-it", "question_id": 9000, "difficulty": "Easy", "tags": ["Array"],
        "problem_description": "Turn it round.", "starter_code": head,
        "estimated_date": datetime.date(2024, 8, 1), "prompt": NODES,
        "completion": head + solution + "\n", "entry_point": "Solution().turn",
        "test": f"def check(candidate):\n{lines}",
        "input_output": [], "query": "", "response": "", **changed,
    }  # fmt: skip


PLAIN = ["assert candidate(nums = [1, 2]) == [2, 1]", "assert candidate(nums = []) == []"]

LISTS = [
    "assert is_same_list(candidate(head = list_node([1, 2, 3])), list_node([3, 2, 1]))",
    "assert is_same_list(candidate(head = list_node([])), list_node([]))",
    "assert candidate(head = list_node([])) == None",
]

TURN_LIST = """out = None
        while head:
            out, head = ListNode(head.val, out), head.next
        return out"""

TREES = [
    "assert is_same_tree(candidate(root = tree_node([1, 2, 3, None, 4])), "
    "tree_node([1, 3, 2, None, None, 4]))",
    "assert is_same_tree(candidate(root = tree_node([])), tree_node([]))",
]

TURN_TREE = """if root:
            left, right = self.turn(root.left), self.turn(root.right)
            return TreeNode(root.val, right, left)"""

MBPP_PLUS = {"task_id": 904, "prompt": MBPP["text"], "code": MBPP["code"],
             "test_list": MBPP["test_list"], "test": "assert dash('a', 'b') == 'a-b'"}  # fmt: skip

ROWS = {
    "humaneval": [HUMANEVAL],
    "humaneval_plus": [HUMANEVAL],
    "mbpp": [MBPP],
    "mbpp_plus": [MBPP_PLUS],
    "livecodebench": [livecodebench(), functional()],
    "codeforces": [codeforces(), codeforces(time_limit=None, generated_checker=CHECKER)],
    "leetcode": [leetcode(PLAIN), leetcode(LISTS, parameters="head")],
}
