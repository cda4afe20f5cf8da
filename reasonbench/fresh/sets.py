"""A set on the disk: ``problems.jsonl``, ``tests.jsonl.zst`` and ``receipt.json`` in a folder.

Reading checks that the round is genuine and that every problem is the one that the receipt names;
that the problems follow from the round is what ``verify`` checks.  A set appears under its name
whole or not at all; a kill may leave a hidden ``.NAME.*.partial`` beside it, which nothing reads.
"""

import contextlib
import io
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import zstandard

from reasonbench.errors import ReasonbenchError, SpecError, TamperedError
from reasonbench.fresh import beacon as beacons
from reasonbench.fresh.beacon import Beacon
from reasonbench.fresh.commitment import digest_of
from reasonbench.fresh.mint import Minted
from reasonbench.fresh.packing import pack
from reasonbench.fresh.problems import MintedProblem, encoded, sha256
from reasonbench.fresh.programs import Tests
from reasonbench.fresh.receipt import Receipt, merkle_root, round_of, written
from reasonbench.fresh.seeds import PROTOCOL

RECEIPT = "receipt.json"
PROBLEMS = "problems.jsonl"
TESTS = "tests.jsonl.zst"
MAX_BYTES = 200_000_000
"""Most that is read of a file, unpacked."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FreshSet:
    """A set that was read."""

    path: Path
    """Its folder."""
    receipt: Receipt
    """Its receipt."""
    beacon: Beacon
    """Its round, verified."""
    problems: tuple[MintedProblem, ...]
    """Its problems, each as the receipt says."""
    packed: Mapping[str, Tests]
    """Packed tests of its coding problems by id; see ``packing.unpack``."""

    @property
    def name(self) -> str:
        """Name of its folder, such as ``2026-10``."""
        return self.path.name


def contents(minted: Sequence[Minted]) -> dict[str, bytes]:
    """Return the files of a set but its receipt."""
    files = {PROBLEMS: b"".join(m.problem.line() + b"\n" for m in minted)}
    packed = [_tests_line(m.problem.id, pack(m.tests)) for m in minted if m.tests is not None]
    if packed:
        packer = zstandard.ZstdCompressor(level=19, write_checksum=True)
        files[TESTS] = packer.compress(b"".join(packed))
    return files


def _tests_line(name: str, packed: Tests) -> bytes:
    return encoded({"id": name, "tests": packed}) + b"\n"


# --- reading ------------------------------------------------------------------------------


def read_set(path: Path) -> FreshSet:
    """Return the set of a folder, or of a receipt's path.

    Raises:
        SpecError: there is none.
        TamperedError: something of it is not as the receipt says, or the receipt not as written.
    """
    found = open_set(path)
    check_digests(found)
    return found


def open_set(path: Path) -> FreshSet:
    """Return the set of a folder without the last checks, ``check_digests``."""
    folder = path.parent if path.name == RECEIPT else path
    receipt = _read_receipt(folder)
    beacon = _check_round(receipt)
    problems = _read_problems(folder, receipt)
    packed = _read_tests(folder, problems)
    return FreshSet(folder.resolve(), receipt, beacon, problems, packed)


def sets_in(folder: Path) -> list[FreshSet]:
    """Return the sets in the folders of a folder, the oldest round first.

    Raises:
        SpecError: the folder cannot be read.
        TamperedError: a set is not as its receipt says.
    """
    try:
        found = [path for path in folder.iterdir() if (path / RECEIPT).is_file()]
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"{str(folder)!r} cannot be read: {said}") from error
    visible = [path for path in found if not path.name.startswith(".")]
    return sorted(map(read_set, visible), key=lambda one: (one.beacon.round, one.name))


def check_digests(found: FreshSet) -> None:
    """Refuse a set whose files or receipt have other digests than the receipt says.

    Raises:
        TamperedError: naming the file.
    """
    receipt, names = found.receipt, [PROBLEMS, *([TESTS] if found.packed else [])]
    if sorted(receipt.files) != sorted(names):
        raise TamperedError(
            f"the receipt names the files {', '.join(receipt.files)[:200] or 'none'}, "
            f"not {', '.join(names)}"
        )
    for name, expected in receipt.files.items():
        if sha256(_read(found.path / name)) != expected:
            raise TamperedError(f"{found.path / name} has another digest than its receipt says")
    if digest_of(receipt) != receipt.digest:
        raise TamperedError(
            f"{found.path / RECEIPT} was changed: its digest is not that of its fields"
        )


def decoded(raw: bytes, kind: type[T], what: str) -> T:
    """Return what JSON holds, or say in a sentence why it is none.

    Raises:
        TamperedError: it is no such thing.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise TamperedError(f"{what} cannot be read: {said}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise TamperedError(f"{path} is missing") from error
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise TamperedError(f"{path} is larger than {MAX_BYTES:,} bytes, which no set is")
    return raw


def _read_receipt(folder: Path) -> Receipt:
    path = folder / RECEIPT
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise SpecError(
            f"there is no set at {str(folder)!r}: it holds no {RECEIPT}",
            hint="give the folder that reasonbench fresh mint wrote, or see reasonbench fresh list",
        )
    raw = _read(path)
    receipt = decoded(raw, Receipt, str(path))
    if written(receipt) != raw:
        raise TamperedError(f"{path} is not as it was written: its text is another form")
    return receipt


def _check_round(receipt: Receipt) -> Beacon:
    given = receipt.beacon
    if receipt.protocol != PROTOCOL:
        raise TamperedError(f"the receipt's protocol is {receipt.protocol!r}, not {PROTOCOL!r}")
    if given.chain != beacons.CHAIN:
        raise TamperedError(f"the receipt's chain is {given.chain!r:.80}, not that of quicknet")
    try:
        beacon = beacons.verify(given.round, given.signature)
    except SpecError as error:
        raise TamperedError(error.message) from error
    found = round_of(beacon)
    for name in found.__struct_fields__:
        expected, got = getattr(found, name), getattr(given, name)
        if expected != got:
            raise TamperedError(
                f"the receipt's {name} is {got!r}, but that of round {beacon.round} is {expected!r}"
            )
    return beacon


def _read_problems(folder: Path, receipt: Receipt) -> tuple[MintedProblem, ...]:
    raw = _read(folder / PROBLEMS)
    lines = raw.split(b"\n")
    last = lines.pop()
    for number, leaf in enumerate(receipt.problems, start=1):
        if number > len(lines):
            raise TamperedError(f"{folder / PROBLEMS} ends before problem {number}, {leaf.id}")
        if sha256(lines[number - 1]) != leaf.sha256:
            raise TamperedError(
                f"line {number} of {folder / PROBLEMS} is not problem {leaf.id} as its receipt "
                "names it: its digest is another"
            )
    if last or len(lines) != len(receipt.problems):
        raise TamperedError(
            f"{folder / PROBLEMS} holds more than the {len(receipt.problems):,} problems of its "
            "receipt"
        )
    if merkle_root([leaf.sha256 for leaf in receipt.problems]) != receipt.merkle_root:
        raise TamperedError("the receipt's Merkle root is not that of its problems")
    problems = []
    for line, leaf in zip(lines, receipt.problems, strict=True):
        problem = decoded(line, MintedProblem, f"problem {leaf.id}")
        if problem.id != leaf.id or problem.line() != line:
            raise TamperedError(f"problem {leaf.id} has another id or form than its receipt says")
        problems.append(problem)
    return tuple(problems)


class _TestsLine(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    tests: dict[str, Any]


def _read_tests(folder: Path, problems: Sequence[MintedProblem]) -> dict[str, Tests]:
    wanted = [p.id for p in problems if p.tests is not None]
    if not wanted:
        return {}
    path = folder / TESTS
    lines = _unpacked(_read(path), path).split(b"\n")
    if lines.pop() or len(lines) != len(wanted):
        raise TamperedError(f"{path} does not hold the tests of {len(wanted):,} problems")
    packed = {}
    for name, line in zip(wanted, lines, strict=True):
        found = decoded(line, _TestsLine, f"the tests of {name}")
        if found.id != name:
            raise TamperedError(f"{path} holds the tests of {found.id!r} where {name} stands")
        try:
            same = _tests_line(name, found.tests) == line + b"\n"
        except (RecursionError, OverflowError):
            same = False
        if not same:
            raise TamperedError(f"the tests of {name} are not as they were written")
        packed[name] = found.tests
    return packed


def _unpacked(raw: bytes, path: Path) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)) as stream:
            text = bytes(stream.read(MAX_BYTES + 1))
    except zstandard.ZstdError as error:
        raise TamperedError(f"{path} cannot be unpacked: {error}") from error
    if len(text) > MAX_BYTES:
        raise TamperedError(f"{path} unpacks to more than {MAX_BYTES:,} bytes, which no set does")
    return text


# --- writing ------------------------------------------------------------------------------


def write_set(folder: Path, files: Mapping[str, bytes], receipt: Receipt) -> None:
    """Write a set; its folder appears when all of it is on the disk.

    Raises:
        SpecError: the folder is there already.
        ReasonbenchError: it cannot be written.
    """
    refuse_existing(folder)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        for name, content in {**files, RECEIPT: written(receipt)}.items():
            _write(partial / name, content)
        _sync(partial)
        os.rename(partial, folder)
        _sync(folder.parent)
    except OSError as error:
        raise ReasonbenchError(
            f"{folder} cannot be written: {error.strerror or error}",
            hint="free space or name another place with --out; nothing was left there",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises:
        SpecError: it is there already.
        ReasonbenchError: it cannot be written.
    """
    refuse_existing(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(partial, content)
        os.link(partial, path)
        _sync(path.parent)
    except OSError as error:
        raise ReasonbenchError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="free space or name another place with --out; nothing was left there",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def refuse_existing(path: Path) -> None:
    """Refuse to write over what is there.

    Raises:
        SpecError: something is.
    """
    try:
        there = os.path.lexists(path)
    except ValueError as error:
        raise SpecError(f"{str(path)!r} is no path: {error}") from error
    if there:
        raise SpecError(f"{path} is there already", hint="name another place with --out")


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
