"""A set is what its round gives, or verification names the first thing that differs."""

import dataclasses
import json
import os
import shutil

import msgspec
import pytest
import zstandard
from fresh_families import FAMILIES, SUMS
from fresh_rounds import ROUNDS

from reasonbench.errors import ReasonbenchError, SpecError, TamperedError
from reasonbench.fresh import beacon
from reasonbench.fresh.assembly import assemble
from reasonbench.fresh.catalogue import indexed
from reasonbench.fresh.commitment import Commitment, digest_of, generator_of
from reasonbench.fresh.mint import configured
from reasonbench.fresh.problems import sha256
from reasonbench.fresh.receipt import merkle_root, written
from reasonbench.fresh.sets import PROBLEMS, RECEIPT, TESTS, read_set, sets_in, write_new, write_set
from reasonbench.fresh.verify import read_commitment, verify_set

HERE = indexed(FAMILIES)
ROUND = beacon.verify(ROUNDS[0][0], ROUNDS[0][2])
OTHER = beacon.verify(ROUNDS[1][0], ROUNDS[1][2])
CONFIG = configured(HERE, (), (), 3)


def promise(**changed):
    fields = {
        "round": ROUND.round,
        "round_time": beacon.shown(ROUND.time),
        "model": "m",
        "revision": None,
        "weights_digest": "w" * 32,
        "config": CONFIG,
        "generator": generator_of(HERE, CONFIG.families),
        "n": 16,
        "sampling": {"temperature": 1.0, "stop": []},
        "policy": None,
        "made": "2026-10-09T00:00:00Z",
        "digest": "0" * 64,
    }
    made = Commitment(**{**fields, **changed})
    return msgspec.structs.replace(made, digest=digest_of(made))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    made = assemble(ROUND, CONFIG, HERE, commitment=promise())
    folder = tmp_path_factory.mktemp("sets") / "2026-10"
    write_set(folder, made.files, made.receipt)
    return folder


@pytest.fixture
def a_set(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "2026-10")


def receipt_of(folder):
    return json.loads((folder / RECEIPT).read_text())


def rewrite(folder, change, *, sign=True):
    """Change a receipt as somebody would who knows its form."""
    found = receipt_of(folder)
    change(found)
    if sign:
        fields = msgspec.json.decode(json.dumps(found), type=dict)
        fields.pop("digest")
        from reasonbench.identity import canonical_json

        found["digest"] = sha256(canonical_json(fields).encode())
    (folder / RECEIPT).write_bytes(
        msgspec.json.format(json.dumps(found).encode(), indent=1) + b"\n"
    )


def forge(folder, number, **changed):
    """Change a problem, and everything that stands for it."""
    lines = (folder / PROBLEMS).read_bytes().splitlines()
    lines[number] = json.dumps(
        {**json.loads(lines[number]), **changed}, separators=(",", ":"), ensure_ascii=False
    ).encode()
    relist(folder, lines)


def relist(folder, lines):
    (folder / PROBLEMS).write_bytes(b"".join(line + b"\n" for line in lines))

    def change(found):
        found["problems"] = [
            {"id": json.loads(line)["id"], "sha256": sha256(line)} for line in lines
        ]
        found["merkle_root"] = merkle_root([leaf["sha256"] for leaf in found["problems"]])
        found["files"][PROBLEMS] = sha256((folder / PROBLEMS).read_bytes())

    rewrite(folder, change)


def repack(folder, change):
    lines = zstandard.decompress((folder / TESTS).read_bytes()).splitlines()
    text = b"".join(line + b"\n" for line in change(lines))
    (folder / TESTS).write_bytes(zstandard.compress(text))
    rewrite(folder, lambda r: r["files"].update({TESTS: sha256((folder / TESTS).read_bytes())}))


def test_a_set_verifies_and_says_what_is_proven_and_what_is_not(a_set):
    verified = verify_set(a_set, HERE)
    assert verified == verify_set(a_set / RECEIPT, HERE)
    proven, _, rest = verified.sentence.partition("; not proven: ")
    assert "all 18 problems" in proven
    assert "before 2026-10-10T00:45:03Z" in proven
    assert verified.commitment.digest[:16] in proven
    assert "published before" in rest
    assert "families are new" in rest
    assert "\n" not in verified.sentence


def test_without_a_commitment_the_sentence_names_the_cutoff(tmp_path):
    made = assemble(OTHER, CONFIG, HERE)
    write_set(tmp_path / "s", made.files, made.receipt)
    assert "that the generator was fixed by then" in verify_set(tmp_path / "s", HERE).sentence


def poke(name, old, new):
    def change(folder):
        raw = (folder / name).read_bytes()
        assert old in raw
        (folder / name).write_bytes(raw.replace(old, new, 1))

    return change


def on_receipt(change, sign=True):
    return lambda folder: rewrite(folder, change, sign=sign)


def other_round(found):
    found["beacon"]["round"] = OTHER.round


def other_beacon(found):
    found["beacon"] |= {
        "round": OTHER.round,
        "time": beacon.shown(OTHER.time),
        "signature": OTHER.signature,
        "randomness": OTHER.randomness.hex(),
    }


def swap_lines(folder):
    lines = (folder / PROBLEMS).read_bytes().splitlines()
    relist(folder, [lines[1], lines[0], *lines[2:]])


def one_less(folder):
    relist(folder, (folder / PROBLEMS).read_bytes().splitlines()[:-1])
    repack(folder, lambda lines: lines[:-1])


def one_more(folder):
    lines = (folder / PROBLEMS).read_bytes().splitlines()
    extra = json.loads(lines[0]) | {"id": "tiny_sums-0-0099", "index": 99}
    relist(folder, [*lines, json.dumps(extra, separators=(",", ":")).encode()])


TAMPERED = {
    "a changed byte in a problem": (
        poke(PROBLEMS, b"whole numbers", b"whole numberz"),
        r"line \d+ of .*problems.jsonl is not problem tiny_sums-0-000\d",
    ),
    "a changed answer, with all digests made anew": (
        lambda folder: forge(folder, 3, answer="1"),
        r"tiny_sums-1-0000 differs from what round 32929913 gives: its answer is '1'",
    ),
    "a changed statement, with all digests made anew": (
        lambda folder: forge(folder, 4, statement="Find 1."),
        "tiny_sums-1-0001 differs .* its statement is 'Find 1.'",
    ),
    "an easier level passed off": (
        lambda folder: forge(folder, 0, level=2),
        "tiny_sums-0-0000 differs .* its level is 2, not 0",
    ),
    "a problem left out": (one_less, "the set lacks tiny_largest-1-0002"),
    "a problem added": (one_more, "the set holds tiny_sums-0-0099"),
    "two problems exchanged": (swap_lines, "differs from what round 32929913 gives: its id"),
    "a line cut off": (
        lambda f: (f / PROBLEMS).write_bytes((f / PROBLEMS).read_bytes()[:-200]),
        r"is not problem tiny_largest|ends before problem",
    ),
    "a line at the end": (
        lambda f: (f / PROBLEMS).write_bytes((f / PROBLEMS).read_bytes() + b"{}\n"),
        "more than the 18 problems",
    ),
    "a swapped signature": (
        on_receipt(lambda r: r["beacon"].update(signature=OTHER.signature)),
        "the signature b93cd62ddd28... is not that of round 32929913",
    ),
    "another round": (on_receipt(other_round), "is not that of round 32721736"),
    "another genuine round": (
        on_receipt(other_beacon),
        "tiny_sums-0-0000 differs from what round 32721736 gives",
    ),
    "another time": (
        on_receipt(lambda r: r["beacon"].update(time="2026-11-10T00:45:03Z")),
        "the receipt's time is '2026-11-10T00:45:03Z'",
    ),
    "another randomness": (
        on_receipt(lambda r: r["beacon"].update(randomness="00" * 32)),
        "the receipt's randomness is",
    ),
    "another chain": (
        on_receipt(lambda r: r["beacon"].update(chain="8990e7a9")),
        "the receipt's chain is '8990e7a9'",
    ),
    "another version of the rules": (
        on_receipt(lambda r: r["generator"].update(rules="0" * 64)),
        "another generator version: the rules of minting has the digest 0000000000000000",
    ),
    "another version of a family": (
        on_receipt(lambda r: r["generator"]["families"].update(tiny_echo="1" * 64), sign=False),
        "another generator version: the family 'tiny_echo' has the digest 1111111111111111",
    ),
    "a family that is not here": (
        on_receipt(lambda r: r["config"].update(families=["gone"])),
        "another generator version: there is no family named 'gone'",
    ),
    "another count": (
        on_receipt(lambda r: r["config"].update(count=4)),
        "tiny_sums-1-0000 differs from .*: its id is 'tiny_sums-1-0000'",
    ),
    "another root": (on_receipt(lambda r: r.update(merkle_root="0" * 64)), "Merkle root"),
    "another version number": (
        on_receipt(lambda r: r["versions"].update(reasonbench="9"), sign=False),
        "receipt.json was changed: its digest",
    ),
    "another form of the same receipt": (
        lambda f: (f / RECEIPT).write_text(json.dumps(receipt_of(f))),
        "is not as it was written",
    ),
    "a file's digest": (
        on_receipt(lambda r: r["files"].update({TESTS: "0" * 64})),
        "tests.jsonl.zst has another digest",
    ),
    "a file too many": (
        on_receipt(lambda r: r["files"].update({"zzz": "0" * 64})),
        "the receipt names the files",
    ),
    "easier tests, with all digests made anew": (
        lambda f: repack(f, lambda lines: [lines[0].replace(b'"value":"', b'"value":"0'),
                                           lines[1].replace(b'"output":"', b'"output":"0'),
                                           *lines[2:]]),
        "the stored tests of tiny_echo-0-000. are not those",
    ),
    "tests of another problem": (
        lambda f: repack(f, lambda lines: [lines[1], lines[0], *lines[2:]]),
        "holds the tests of 'tiny_echo-0-0001' where tiny_echo-0-0000 stands",
    ),
    "a changed byte in the tests": (
        lambda f: (f / TESTS).write_bytes((f / TESTS).read_bytes()[:-1] + b"\0"),
        "tests.jsonl.zst cannot be unpacked",
    ),
    "a commitment to other weights": (
        on_receipt(lambda r: r["commitment"].update(weights_digest="v" * 32)),
        "the commitment is not to this set: its digest",
    ),
    "no commitment": (
        on_receipt(lambda r: r.update(commitment=None), sign=False),
        "receipt.json was changed: its digest",
    ),
    "no problems": (lambda f: (f / PROBLEMS).unlink(), "problems.jsonl is missing"),
    "no tests": (lambda f: (f / TESTS).unlink(), "tests.jsonl.zst is missing"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_found_and_the_first_difference_named(a_set, kind):
    change, said = TAMPERED[kind]
    change(a_set)
    with pytest.raises(TamperedError, match=said) as caught:
        verify_set(a_set, HERE)
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message


def test_any_flipped_byte_of_any_file_is_found(a_set):
    for name in (RECEIPT, PROBLEMS, TESTS):
        raw = (a_set / name).read_bytes()
        for place in range(0, len(raw), max(1, len(raw) // 40)):
            changed = bytearray(raw)
            changed[place] ^= 1
            (a_set / name).write_bytes(changed)
            with pytest.raises(TamperedError):
                verify_set(a_set, HERE)
            (a_set / name).write_bytes(raw)
    verify_set(a_set, HERE)


def test_a_family_that_was_changed_since_gives_other_problems(a_set):
    changed = dataclasses.replace(SUMS, solve=lambda p: str(p["n"] + 1))
    here = indexed([changed, *FAMILIES[1:]])
    with pytest.raises(TamperedError, match="another generator version: the family 'tiny_sums'"):
        verify_set(a_set, here)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format":' * 5_000,
        b'{"format": "reasonbench-fresh-receipt/2"}',
        b'{"beacon": {"round": 1e999}}',
        b"1" * 10_000,
        b"\x00",
    ],
)
def test_a_hostile_receipt_is_one_sentence(a_set, text):
    (a_set / RECEIPT).write_bytes(text)
    with pytest.raises(TamperedError, match="receipt") as caught:
        verify_set(a_set, HERE)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


@pytest.mark.parametrize("number", [0, -5, 2**63 - 1, 2**64])
def test_a_receipt_of_no_round_is_one_sentence(a_set, number):
    rewrite(a_set, lambda r: r["beacon"].update(round=number), sign=False)
    with pytest.raises(TamperedError):
        verify_set(a_set, HERE)


def test_a_bomb_of_tests_is_not_unpacked(a_set, monkeypatch):
    monkeypatch.setattr("reasonbench.fresh.sets.MAX_BYTES", 100_000)
    (a_set / TESTS).write_bytes(zstandard.compress(b"0" * 10_000_000))
    with pytest.raises(TamperedError, match="unpacks to more than 100,000 bytes"):
        verify_set(a_set, HERE)


@pytest.mark.parametrize(
    "line", [b"[" * 50_000, b'{"id":1}', b'{"id":"tiny_echo-0-0000","tests":' + b'{"a":' * 3_000]
)
def test_hostile_tests_are_one_sentence(a_set, line):
    repack(a_set, lambda lines: [line, *lines[1:]])
    with pytest.raises(TamperedError, match="tiny_echo-0-0000"):
        verify_set(a_set, HERE)


def test_a_path_without_a_set_is_a_usage_error(tmp_path):
    for path in (tmp_path, tmp_path / "none", tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(SpecError, match="there is no set"):
            verify_set(path, HERE)
    with pytest.raises(SpecError, match="cannot be read"):
        sets_in(tmp_path / "none")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"round": OTHER.round}, "its round is 32721736"),
        ({"config": configured(HERE, (), (), 2)}, "its count is 2"),
        ({"config": configured(HERE, (), (1,), 3)}, "its choice of"),
        ({"generator": generator_of(HERE, ("tiny_echo",))}, "its set of families"),
        ({"chain": "other"}, "its chain is other"),
    ],
)
def test_a_commitment_to_something_else_is_refused(a_set, tmp_path, changed, said):
    file = tmp_path / "c.json"
    write_new(file, written(promise(**changed)))
    with pytest.raises(TamperedError, match=said):
        verify_set(a_set, HERE, commitment=file)
    with pytest.raises(TamperedError, match=said):
        assemble(ROUND, CONFIG, HERE, commitment=promise(**changed))


def test_a_commitment_beside_a_set_is_checked_and_told(a_set, tmp_path):
    file = tmp_path / "c.json"
    other = promise(model="another", weights_digest="f" * 32)
    write_new(file, written(other))
    assert verify_set(a_set, HERE, commitment=file).commitment == other
    file.write_bytes(file.read_bytes().replace(b'"n": 16', b'"n": 64'))
    with pytest.raises(TamperedError, match="its digest"):
        verify_set(a_set, HERE, commitment=file)
    for text in (b"", b"{}", b"[" * 100_000, b'{"sampling": {"a": {"b": 1}}}'):
        file.write_bytes(text)
        with pytest.raises(TamperedError, match="cannot be read"):
            read_commitment(file)
    with pytest.raises(SpecError, match="cannot be read"):
        read_commitment(tmp_path / "none")


def test_nothing_is_written_over(a_set, tmp_path):
    made = assemble(ROUND, configured(HERE, ("tiny_echo",), (), 1), HERE)
    with pytest.raises(SpecError, match="is there already"):
        write_set(a_set, made.files, made.receipt)
    verify_set(a_set, HERE)
    (tmp_path / "c.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SpecError, match="is there already"):
        write_new(tmp_path / "c.json", b"x")


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path, monkeypatch):
    made = assemble(ROUND, CONFIG, HERE)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReasonbenchError, match="No space left on device"):
        write_set(tmp_path / "s", made.files, made.receipt)
    with pytest.raises(ReasonbenchError, match="No space left on device"):
        write_new(tmp_path / "c", b"x")
    assert list(tmp_path.iterdir()) == []


def test_sets_are_listed_by_round_and_what_is_half_written_is_not(a_set, tmp_path):
    made = assemble(OTHER, CONFIG, HERE)
    write_set(tmp_path / "younger-name", made.files, made.receipt)
    shutil.copytree(a_set, tmp_path / ".x.partial")
    (tmp_path / "README.md").write_text("no set")
    assert [found.name for found in sets_in(tmp_path)] == ["younger-name", "2026-10"]
    assert read_set(a_set).problems
