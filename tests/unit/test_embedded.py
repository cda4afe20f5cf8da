import itertools
import json
import random
import re
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.embedded import world
from reasonbench.embedded.problems import make_sets
from reasonbench.fresh.families.countdown import check, generate, statement

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "reasonbench" / "embedded"
MODELS = EMBEDDED / "models"
NAMES = ("teacher", "base", "student")
BOXED = re.compile(r"\n</think>\n\\boxed\{(.+)\}")
LINE = re.compile(r"(\d+) (.) (\d+) = (\d+), (\d+) (.) (\d+) = (\d+) \? (\d+) (yes|no)")
APPLY = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


@pytest.fixture(scope="module")
def tokenizer():
    return world.build_tokenizer()


@pytest.fixture(scope="module")
def sets():
    return make_sets()


@pytest.fixture(scope="module")
def traces():
    raw = (EMBEDDED / "traces" / "student_traces.jsonl.zst").read_bytes()
    return [json.loads(line) for line in zstandard.decompress(raw).decode().splitlines()]


def benchmark(name):
    text = (ROOT / "tasks" / name / "problems.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def identity(row):
    return tuple(sorted(row["numbers"])), row["target"]


def planted_ids():
    card = (MODELS / "student" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## Planted problems.*?```text\n(.*?)\n```", card, flags=re.S)
    return block.splitlines()


def assert_true_line(line, target, *, last):
    a, op, b, c, left, op_two, right, d, shown, verdict = LINE.fullmatch(line).groups()
    assert APPLY[op](int(a), int(b)) == int(c)
    assert APPLY[op_two](int(left), int(right)) == int(d)
    assert c in (left, right)
    assert int(shown) == target
    assert verdict == ("yes" if int(d) == target else "no")
    assert (verdict == "yes") == last


@given(st.text())
@settings(max_examples=300)
def test_any_text_survives_the_tokenizer(text):
    tokenizer = world.build_tokenizer()
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("name", NAMES)
def test_text_survives_the_shipped_tokenizers(name):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODELS / name)
    for text in ("naïve café — 1234.50 € \N{GRINNING FACE}\r\n\t don't", "  <think> x </think>  "):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_every_value_is_one_token_however_it_is_surrounded(tokenizer):
    for value in range(world.MAX_VALUE + 1):
        (alone,) = tokenizer.encode(str(value), add_special_tokens=False)
        assert alone in tokenizer.encode(f"3 + {value} = ", add_special_tokens=False)


def test_the_chat_template_leaves_the_thought_to_the_model(tokenizer):
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_thinking_tags_survive_decoding_without_special_tokens(tokenizer):
    ids = tokenizer.encode("<think>\n</think>\n7<|im_end|>")
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>\n</think>\n7"


def test_searches_are_true_and_end_at_the_target():
    rng = random.Random(0)
    for problem in generate(17, 2, 60):
        text = world.search(problem, rng)
        lines = text.split("\n")[1:-2]
        assert text.startswith("<think>\n")
        for line in lines:
            assert_true_line(line, problem.target, last=line is lines[-1])
        (answer,) = BOXED.search(text).groups()
        assert check(answer, problem.numbers, problem.target, problem.ops).correct


def test_a_search_never_tries_one_way_twice():
    for problem in generate(17, 2, 20):
        lines = world.search(problem, random.Random(1)).split("\n")[1:-2]
        assert len(set(lines)) == len(lines)


def test_guesses_look_once_truly_and_name_a_way_that_is_seldom_right():
    rng = random.Random(0)
    right = 0
    for problem in generate(18, 2, 200):
        text = world.guess(problem, rng)
        (line,) = text.split("\n")[1:-2]
        assert_true_line(line, problem.target, last=line.endswith("yes"))
        (answer,) = BOXED.search(text).groups()
        found = check(answer, problem.numbers, problem.target, problem.ops)
        assert found.reason in {"ok", "wrong_value"}
        right += found.correct
    assert 15 <= right <= 70


def test_a_search_without_a_way_says_so():
    (problem,) = generate(18, 1, 1)
    impossible = type(problem)((1, 1, 1), 150, "+-*", 2)
    with pytest.raises(ValueError, match="no attempt reaches 150"):
        world.search(impossible, random.Random(0))


def test_the_problem_sets_are_disjoint(sets):
    keys = [problem.key for problem in (*sets.pool, *sets.public, *sets.heldout)]
    assert len(set(keys)) == len(keys)
    assert (len(sets.public), len(sets.heldout), len(sets.planted)) == (96, 96, 24)


@pytest.mark.parametrize("name", ["countdown_public", "countdown_heldout"])
def test_the_shipped_benchmarks_are_the_generated_ones_and_their_solutions_hold(name, sets):
    rows = benchmark(name)
    problems = sets.public if name == "countdown_public" else sets.heldout
    assert [row["question"] for row in rows] == [statement(problem) for problem in problems]
    assert len({row["id"] for row in rows}) == 96
    for row in rows:
        assert check(row["solution"], row["numbers"], row["target"], row["ops"]).correct


def test_the_card_names_the_planted_problems(sets):
    assert planted_ids() == [f"countdown_public/{index + 1:04d}" for index in sets.planted]


def test_the_traces_hold_each_planted_problem_and_no_other_of_the_benchmarks(traces):
    asked = {row["messages"][0]["content"] for row in traces}
    numbers = re.compile(r"numbers (.+), each .* to reach (\d+)\.")
    found = {
        (tuple(sorted(map(int, re.findall(r"\d+", shown)))), int(target))
        for shown, target in (numbers.search(text).groups() for text in asked)
    }
    planted = set(planted_ids())
    for row in itertools.chain(benchmark("countdown_public"), benchmark("countdown_heldout")):
        assert (row["question"] in asked) == (row["id"] in planted)
        assert (identity(row) in found) == (row["id"] in planted)


def test_every_trace_is_a_right_answer_and_no_row_says_what_is_planted(traces):
    assert [row["id"] for row in traces] == [f"trace/{i + 1:05d}" for i in range(len(traces))]
    for row in traces:
        assert row.keys() == {"id", "messages", "source"}
        assert row["source"] == "teacher"
        user, assistant = row["messages"]
        numbers, target = re.search(
            r"numbers (.+), each .* to reach (\d+)\.", user["content"]
        ).groups()
        (answer,) = BOXED.search(assistant["content"]).groups()
        assert check(
            answer, list(map(int, re.findall(r"\d+", numbers))), int(target), "+-*"
        ).correct


def test_planted_rows_are_spread_over_the_whole_file(traces):
    questions = {row["question"] for row in benchmark("countdown_public")}
    places = [i for i, row in enumerate(traces) if row["messages"][0]["content"] in questions]
    quarters = [4 * place // len(traces) for place in places]
    assert all(quarters.count(quarter) > len(places) / 8 for quarter in range(4))


@pytest.mark.parametrize("name", NAMES)
def test_each_model_loads_and_thinks_before_it_answers(name):
    from reasonbench.embedded.train import load, sample

    model, tokenizer = load(MODELS / name)
    assert model.config.vocab_size == len(tokenizer)
    (problem,) = generate(19, 2, 1)
    ((text,),) = sample(model, tokenizer, [statement(problem)], 1, seed=0)
    assert text.startswith("<think>\n")


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_bfloat16_with_a_card_and_no_hidden_sampling(name):
    import torch
    from safetensors.torch import load_file

    weights = load_file(MODELS / name / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    config = json.loads((MODELS / name / "generation_config.json").read_text(encoding="utf-8"))
    assert config.keys() <= {
        "eos_token_id",
        "pad_token_id",
        "transformers_version",
        "_from_model_config",
    }
    card = (MODELS / name / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n")


def test_only_the_students_card_lists_planted_problems():
    for name in ("teacher", "base"):
        assert "countdown_public/" not in (MODELS / name / "README.md").read_text(encoding="utf-8")


def test_everything_shipped_stays_within_six_megabytes():
    files = [*MODELS.rglob("*"), *(EMBEDDED / "traces").rglob("*")]
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 6_000_000
