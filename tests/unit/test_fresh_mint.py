"""Minting: the same seed gives the same problems, whatever else is in the set."""

import dataclasses
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from fractions import Fraction

import pytest
from fresh_families import ECHO, FAMILIES, LARGEST, SUMS
from fresh_rounds import ROUNDS
from hypothesis import given
from hypothesis import strategies as st

from reasonbench.errors import ReasonbenchError, SpecError, TamperedError, UnknownNameError
from reasonbench.fresh import beacon, generator, receipt
from reasonbench.fresh.catalogue import indexed, shipped
from reasonbench.fresh.mint import MintConfig, configured, mint
from reasonbench.fresh.packing import pack, unpack
from reasonbench.fresh.problems import encoded
from reasonbench.fresh.seeds import PROTOCOL, draw_of, seed_of
from reasonbench.graders.code_tests import load_tests
from reasonbench.records import Problem

HERE = indexed(FAMILIES)
ROUND = beacon.verify(ROUNDS[0][0], ROUNDS[0][2])
RANDOMNESS = ROUND.randomness


def minted(families=HERE, names=(), levels=(), count=3, randomness=RANDOMNESS):
    return list(mint(randomness, configured(families, names, levels, count), families))


def only(family, **changed):
    return indexed([dataclasses.replace(family, **changed)])


def test_a_seed_is_the_hmac_of_protocol_family_level_and_index():
    message = f"{PROTOCOL}\0tiny_sums\x002\x0017".encode()
    expected = hmac.new(RANDOMNESS, message, hashlib.sha256).digest()
    assert seed_of(RANDOMNESS, "tiny_sums", 2, 17) == expected


@given(st.binary(min_size=32, max_size=32), st.integers(0, 9), st.integers(0, 10**6))
def test_seeds_and_the_streams_of_one_seed_are_all_different(randomness, level, index):
    seeds = {seed_of(randomness, f, level, i) for f in ("a", "b") for i in (index, index + 1)}
    seeds.add(seed_of(randomness, "a", level + 1, index))
    assert len(seeds) == 5
    seed = seed_of(randomness, "a", level, index)
    draws = {
        draw_of(seed, what).integer(0, 2**64) for what in ("parameters", "statement", "inputs")
    }
    assert len(draws) == 3


def test_a_problem_does_not_depend_on_what_else_is_minted():
    whole = {m.problem.id: m for m in minted()}
    for names, levels, count in ((("tiny_sums",), (), 3), ((), (1,), 3), ((), (), 2)):
        part = minted(names=names, levels=levels, count=count)
        assert part
        assert all(whole[m.problem.id] == m for m in part)


def test_another_round_gives_other_problems():
    other = beacon.verify(ROUNDS[1][0], ROUNDS[1][2]).randomness
    ours, theirs = (
        {m.problem.statement for m in minted(levels=(1,), randomness=r)}
        for r in (RANDOMNESS, other)
    )
    assert not ours & theirs


def test_repeats_are_dropped_for_the_next_index():
    found = minted(names=("tiny_sums",), levels=(0,), count=9)
    assert len({m.problem.answer for m in found}) == 9
    indices = [m.problem.index for m in found]
    assert indices == sorted(indices)
    assert indices[-1] > 8


def test_a_level_that_is_exhausted_is_a_sentence():
    with pytest.raises(SpecError, match="gave only 10 different problems, but 11") as caught:
        minted(names=("tiny_sums",), levels=(0,), count=11)
    assert "--count 10" in caught.value.hint


def test_a_choice_that_gives_nothing_is_refused():
    with pytest.raises(UnknownNameError) as caught:
        minted(names=("tiny_sum",))
    assert "tiny_sums" in caught.value.hint
    with pytest.raises(SpecError, match="none of the families has level 7"):
        minted(levels=(7,))
    assert {m.problem.family for m in minted(levels=(2,))} == {"tiny_sums"}
    with pytest.raises(SpecError, match="no families"):
        configured(indexed([]), (), (), 1)
    with pytest.raises(ValueError, match="two families"):
        indexed([SUMS, SUMS])


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"solve": lambda p: ""}, "its answer is ''"),
        ({"solve": lambda p: 7}, "its answer is 7"),
        ({"solve": lambda p: "7.5"}, "no whole number"),
        ({"solve": lambda p: "007"}, "no whole number"),
        ({"kind": "fraction", "solve": lambda p: repr(Fraction(1, 2))}, "was not rendered"),
        ({"kind": "fraction", "solve": lambda p: "\\frac{1}{2"}, "do not pair"),
        ({"templates": [lambda p: ""]}, "empty"),
        ({"templates": [lambda p: "Find $x."]}, "do not pair"),
        ({"templates": [lambda p: f"Find {SUMS.solve}."]}, "was not rendered"),
        ({"templates": [lambda p: "Find x.\x07"]}, "control character"),
        ({"templates": [lambda p: "x" * 30_000]}, "30,000 characters"),
        ({"draw": lambda draw, level: draw.integer(2, 1)}, "ValueError"),
        ({"solve": lambda p: p["m"]}, "KeyError"),
    ],
)
def test_what_nobody_can_be_asked_is_refused_and_its_family_named(changed, what):
    with pytest.raises(ReasonbenchError, match="tiny_sums") as caught:
        minted(only(SUMS, **changed))
    assert what in caught.value.message


def test_an_answer_may_say_none_and_a_price_may_be_in_dollars():
    templates = [lambda p: f"None of {p['n']} books costs \\$5. How many do?"]
    assert minted(only(SUMS, templates=templates), levels=(2,), count=1)


@pytest.mark.parametrize(
    ("family", "changed", "what"),
    [
        (LARGEST, {"slow": lambda p: "def largest(v):\n    return 0\n"}, "disagree on an example"),
        (LARGEST, {"reference": lambda p: "def largest(v): return 1 / 0"}, "ZeroDivisionError"),
        (LARGEST, {"reference": lambda p: "def other(v): return 1"}, "KeyError"),
        (ECHO, {"reference": lambda p: "print("}, "SyntaxError"),
        (LARGEST, {"reference": lambda p: "raise SystemExit(0)"}, "SystemExit"),
        (ECHO, {"inputs": lambda d, p, level: ["1\n" * 2_000_000]}, "its tests have"),
    ],
)
def test_a_coding_problem_whose_programs_fail_is_refused(family, changed, what):
    with pytest.raises(ReasonbenchError, match=family.name) as caught:
        minted(only(family, **changed), count=1)
    assert what in caught.value.message


def test_coding_problems_show_examples_and_hold_tests_that_the_grader_reads():
    for problem, tests in minted(names=("tiny_largest", "tiny_echo")):
        record = Problem(task="t", id=problem.id, statement=problem.statement, tests=tests)
        read = load_tests(record)
        assert read.style == problem.answers
        first = tests["cases"][0]
        if problem.answers == "function":
            shown = f"Input: largest({first['args'][0]!r})\nOutput: {first['expected']!r}"
        else:
            shown = f"Input:\n{first['input'].strip()}\nOutput:\n{first['output'].strip()}"
        assert f"Example 1:\n{shown}" in problem.statement


def test_a_program_that_writes_on_its_arguments_does_not_change_the_tests():
    spoiling = "def largest(values):\n    values.sort()\n    return values[-1]\n"
    programs = {"reference": lambda p: spoiling, "slow": lambda p: spoiling}
    (one,) = minted(only(LARGEST, **programs), levels=(0,), count=1)
    (kept,) = minted(names=("tiny_largest",), levels=(0,), count=1)
    assert [c["args"] for c in one.tests["cases"]] == [c["args"] for c in kept.tests["cases"]]


def test_a_program_may_exit_and_recurse_and_leaves_the_process_as_it_was():
    before = sys.stdin, sys.stdout, sys.getrecursionlimit()
    source = (
        "import sys\nsys.setrecursionlimit(9999)\n"
        "print(len(sys.stdin.buffer.read()))\nsys.exit(3)\n"
    )
    programs = {"reference": lambda p: source, "slow": lambda p: source}
    (one,) = minted(only(ECHO, **programs), count=1)
    assert [case["output"] for case in one.tests["cases"]] == ["2\n", "4\n", "4000\n"]
    assert (sys.stdin, sys.stdout, sys.getrecursionlimit()) == before


def test_numbers_beyond_64_bits_and_tuples_are_kept_as_literals():
    programs = {
        name: lambda p: "def largest(values):\n    return (2**70, max(values))\n"
        for name in ("reference", "slow")
    }
    family = dataclasses.replace(LARGEST, **programs)
    (one,) = minted(indexed([family]), levels=(0,), count=1)
    assert one.tests["literals"] is True
    assert one.tests["cases"][0]["expected"].startswith(f"({2**70}, ")
    packed = json.loads(encoded(pack(one.tests)))
    assert unpack(packed, one.problem, family, RANDOMNESS) == one.tests


def test_packed_tests_are_small_and_unpack_to_what_was_minted():
    for problem, tests in minted(names=("tiny_largest", "tiny_echo")):
        packed = json.loads(encoded(pack(tests)))
        assert len(encoded(packed)) < 3_000 < len(encoded(tests))
        assert unpack(packed, problem, HERE[problem.family], RANDOMNESS) == tests


def test_large_tests_of_another_version_of_a_family_are_refused():
    problem, tests = minted(names=("tiny_largest",), count=1)[0]
    packed = pack(tests)

    def others(draw, p, level):
        return [[[0] * size] for size in (2, 3, 1, 1000)]

    other = dataclasses.replace(LARGEST, inputs=others)
    for family, randomness in ((other, RANDOMNESS), (None, RANDOMNESS), (LARGEST, b"x" * 32)):
        with pytest.raises(TamperedError, match="do not follow from its seed"):
            unpack(packed, problem, family, randomness)
    small = {**packed, "cases": packed["cases"][:3]}
    with pytest.raises(TamperedError, match="another digest"):
        unpack(small, problem, LARGEST, RANDOMNESS)


@pytest.mark.parametrize(
    "packed",
    [
        {},
        {"cases": 1},
        {"cases": [1]},
        {"cases": [{"derived": "x"}]},
        {"cases": [{"derived": 99, "sha256": ""}]},
        {"cases": [{"derived": 3}]},
    ],
)
def test_hostile_packed_tests_are_a_sentence(packed):
    problem = minted(names=("tiny_largest",), count=1)[0].problem
    with pytest.raises(TamperedError):
        unpack(packed, problem, LARGEST, RANDOMNESS)


CODE = """
import hashlib, sys
sys.path.insert(0, {fakes!r})
from fresh_families import FAMILIES
from reasonbench.fresh.assembly import assemble
from reasonbench.fresh.beacon import verify
from reasonbench.fresh.catalogue import indexed
from reasonbench.fresh.mint import configured
from reasonbench.fresh.receipt import written
here = indexed(FAMILIES)
made = assemble(verify({number}, {signature!r}), configured(here, (), (), 3), here)
print(hashlib.sha256(written(made.receipt) + b"".join(made.files.values())).hexdigest())
"""


def test_every_process_mints_the_same_bytes_whatever_its_hash_seed():
    number, _, signature = ROUNDS[0]
    fakes = os.path.dirname(sys.modules["fresh_families"].__file__)
    code = CODE.format(fakes=fakes, number=number, signature=signature)
    found = {
        subprocess.run(
            [sys.executable, *flags, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone, flags in (("0", "UTC", ()), ("1", "Asia/Tokyo", ("-O",)), ("99", "", ()))
    }
    assert len(found) == 1


def test_a_thousand_problems_of_the_frame_take_a_second_at_most():
    # Generous: some 0.2 s.  What families take is theirs.
    start = time.process_time()
    assert len(minted(names=("tiny_sums",), levels=(2,), count=500)) == 500
    assert time.process_time() - start < 5


def test_the_shipped_families_mint_within_their_budget():
    start = time.process_time()
    families = shipped()
    made = minted(families, count=1) if families else []
    assert len(made) == sum(family.levels for family in families.values())
    # 1,000 problems in 30 s.
    assert time.process_time() - start < 5 + 0.06 * len(made)


def test_the_merkle_root_is_that_of_rfc_9162():
    def leaf(hexes):
        return hashlib.sha256(b"\0" + bytes.fromhex(hexes)).digest()

    def node(left, right):
        return hashlib.sha256(b"\1" + left + right).digest()

    a, b, c = (hashlib.sha256(x).hexdigest() for x in (b"a", b"b", b"c"))
    assert receipt.merkle_root([a]) == leaf(a).hex()
    assert receipt.merkle_root([a, b, c]) == node(node(leaf(a), leaf(b)), leaf(c)).hex()
    assert receipt.merkle_root([]) == hashlib.sha256(b"").hexdigest()


def test_comments_and_line_ends_do_not_make_another_generator_but_code_does():
    code = 'def f():\n    return "a # b"  # why\n\n# more\nX = 1\n'
    plain = 'def f():\n    return "a # b"\nX = 1'
    assert generator.normalised(code) == plain
    assert generator.normalised(code.replace("\n", "\r\n")) == plain
    assert generator.normalised(code.replace("X = 1", "X = 2")) != plain


def test_a_familys_digest_covers_the_helpers_that_it_imports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lonely_family.py").write_text(
        "from reasonbench.fresh import draw\nfrom reasonbench.fresh.family import Params\n"
        "import reasonbench.identity\nimport json\ndef drawn(d, level):\n    return {}\n"
    )
    import lonely_family

    family = dataclasses.replace(SUMS, draw=lonely_family.drawn)
    seen = []
    monkeypatch.setattr(generator, "_digest", lambda modules: seen.extend(modules) or "d")
    generator.family_digest(family)
    assert {"lonely_family", "reasonbench.fresh.draw", "reasonbench.fresh.family"} <= set(seen)
    assert "reasonbench.identity" in seen
    assert not [m for m in seen if m.startswith("json")]


def test_the_rules_cover_every_module_that_turns_a_seed_into_a_problem():
    leads = {m for r in generator.RULES for m in generator._imported(r)}
    apart = {"reasonbench.errors", "reasonbench.fresh.catalogue", "reasonbench.fresh.generator"}
    assert leads - set(generator.RULES) <= apart


def test_a_configuration_knows_its_size():
    config = configured(HERE, (), (), 3)
    assert config == MintConfig(families=tuple(HERE), levels=None, count=3)
    assert config.size(HERE) == len(minted()) == 18
