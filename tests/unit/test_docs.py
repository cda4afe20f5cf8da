"""The pages under docs/ name what the code takes, no more and no less."""

import json
import re
from pathlib import Path

from reasonbench.engines.openai_args import ServerArgs
from reasonbench.engines.transformers import ARGS
from reasonbench.gradefile import Asked, Judged
from reasonbench.graders.code_tests import load_tests
from reasonbench.graders.maths.options import MathOptions
from reasonbench.records import Problem

DOCS = Path(__file__).resolve().parents[2] / "docs"


def part(page, heading):
    text = (DOCS / page).read_text()
    return re.split(r"^## ", text.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]


def rows(text):
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_the_servers_arguments_are_those_that_it_takes():
    assert sorted(rows(part("engines.md", "openai_server"))) == sorted(ServerArgs.__struct_fields__)


def test_the_transformers_arguments_are_those_that_it_takes():
    text = part("engines.md", "transformers")
    assert all(f"`{name}`" in text for name in ARGS)


def test_the_fields_of_a_graded_line_are_those_that_are_read_and_written():
    text = part("grading.md", "`reasonbench grade FILE`")
    assert set(rows(text)) == set(Asked.__struct_fields__)
    assert all(f"`{name}`" in text for name in Judged.__struct_fields__)


def test_the_options_of_math_are_those_that_it_takes():
    assert rows(part("grading.md", "math")) == list(MathOptions.__struct_fields__)


def test_the_examples_of_tests_are_tests():
    (block,) = re.findall(r"```json\n(.*?)```", part("grading.md", "code"), re.DOTALL)
    for line in block.splitlines():
        tests = load_tests(Problem(task="t", id="1", statement="", tests=json.loads(line)))
        assert tests.style in line
