"""The scan as a whole: what was planted is found where it stands, and nothing else is."""

import contextlib
import itertools
import json
import resource

import numpy as np
import pytest
import scan_reference as reference
from scan_world import FORMS, World, write_jsonl

from reasonbench import tasks
from reasonbench.corpus.calibrate import calibrate
from reasonbench.corpus.decoys import make_decoys
from reasonbench.corpus.fields import Selection
from reasonbench.corpus.items import Item
from reasonbench.corpus.jobs import ShardSearch
from reasonbench.corpus.scan import SAMPLE_BYTES, ScanOptions, known_share, scan, spread
from reasonbench.corpus.shards import LONG
from reasonbench.corpus.sources import expand
from reasonbench.corpus.sources_shards import Options, Shard
from reasonbench.errors import SpecError, TraceError
from reasonbench.resources import embedded_traces
from reasonbench.searched import item_of

EXPECTED = {
    "verbatim": ("verbatim", "prompt"),
    "reformatted": ("reformatted", "prompt"),
    "renumbered": ("renumbered", "prompt"),
    "half": ("partial", "prompt"),
    "mid-trace": ("verbatim", "mid-trace"),
    "solution": ("solution", "prompt-less trace"),
}
"""Form to the kind and channel that it is found as."""


class Leak:
    """Traces in which every form of 30 items stands, and 30 items that stand nowhere."""

    def __init__(self, seed, n=300):
        self.world = World(seed)
        self.items = self.world.items(60)
        self.by_id = {item.id: item for item in self.items}
        forms = [FORMS[i % len(FORMS)] for i in range(30)]
        self.records, self.planted = self.world.planted(n, self.items[:30], forms)

    def expected(self):
        return {(p.row, p.item): EXPECTED[p.form] for p in self.planted}


@pytest.fixture(scope="module")
def leak():
    return Leak(1)


@pytest.fixture
def traces(leak, tmp_path):
    return write_jsonl(tmp_path / "traces.jsonl", leak.records)


def found(result, status="contaminated"):
    return {(f.row, f.item.id): (f.kind, f.channel) for f in result.findings if f.status == status}


def shards_of(*paths, range_bytes=None):
    names = [str(path) for path in paths]
    return expand(names, range_bytes=range_bytes) if range_bytes else expand(names)


def test_every_form_of_a_leak_is_found_where_it_stands_as_what_it_is(leak, traces):
    result = scan(shards_of(traces), leak.items)
    assert found(result) == leak.expected()
    assert [(f.row, leak.items.index(f.item)) for f in result.findings] == sorted(
        (f.row, leak.items.index(f.item)) for f in result.findings
    )
    assert {f.document for f in result.findings} == {str(traces)}
    assert all(0 < f.p_value <= f.q_value <= 0.05 for f in result.findings)


@pytest.mark.parametrize("seed", range(2, 8))
def test_clean_records_give_nothing(seed, tmp_path):
    world = World(seed)
    items = world.items(60)
    result = scan(shards_of(write_jsonl(tmp_path / "t.jsonl", world.records(300))), items)
    assert result.findings == []
    assert result.rates.n_found == 0
    assert result.accounts[str(tmp_path / "t.jsonl")].rows_read == 300


@pytest.mark.parametrize("range_bytes", [10_000, 60_000, 10**6])
def test_rows_are_counted_from_the_first_of_the_file_however_it_is_cut(leak, tmp_path, range_bytes):
    rows, place = [], {}
    for row, record in enumerate(leak.records):
        rows += [""] * (row % 3 == 0) + ["{broken"] * (row % 7 == 0)
        place[row] = len(rows)
        rows.append(record)
    path = write_jsonl(tmp_path / "traces.jsonl", rows)
    shards = shards_of(path, range_bytes=range_bytes)
    assert (len(shards) > 5) == (range_bytes < 10**6)
    result = scan(shards, leak.items)
    assert found(result) == {(place[r], i): kind for (r, i), kind in leak.expected().items()}
    account = result.accounts[str(path)]
    assert account.lines == len(rows)
    assert account.rows_read == len(leak.records)
    assert dict(account.rows_skipped) == {"not JSON": rows.count("{broken")}


def test_spans_are_the_same_words_of_the_record_and_of_the_item(leak, tmp_path):
    records = [dict(record) for record in leak.records]
    for record in records:
        for name in record:
            record[name] = "“Né” and π: " + record[name]
    path = write_jsonl(tmp_path / "traces.jsonl", records)
    result = scan(shards_of(path), leak.items)
    assert found(result) == leak.expected()
    for finding in result.findings:
        assert finding.hit.spans
        for field, start, end, unit, item_start, item_end in finding.hit.spans:
            there = records[finding.row][field].encode()[start:end].decode()
            here = getattr(finding.item, unit).encode()[item_start:item_end].decode()
            assert there
            words = 0 if finding.kind == "renumbered" else 1
            assert reference.tokenized(there)[words] == reference.tokenized(here)[words]
            if finding.kind == "verbatim":
                assert there == here
        first = finding.hit.spans[0]
        whole = records[finding.row][first[0]].encode()[first[1] : first[2]].decode()
        assert whole.startswith(finding.hit.text)


def test_a_verbatim_question_is_matched_from_its_first_byte_to_its_last_word(leak, traces):
    for finding in scan(shards_of(traces), leak.items).findings:
        if finding.kind == "verbatim":
            (_, _, _, unit, start, end) = finding.hit.spans[0]
            assert (unit, start) == ("question", 0)
            assert finding.item.question[:end].rstrip("?") == finding.item.question.rstrip("?")
            assert finding.hit.coverage == finding.hit.agreement == 1.0


def test_processes_change_nothing(leak, traces):
    shards = shards_of(traces, range_bytes=100_000)
    assert len(shards) > 3
    alone = scan(shards, leak.items, ScanOptions(workers=1))
    assert scan(shards, leak.items, ScanOptions(workers=2)) == alone


def test_the_order_of_the_files_changes_nothing(leak, tmp_path):
    paths = [
        write_jsonl(tmp_path / f"{i}.jsonl", leak.records[i * 50 : i * 50 + 50]) for i in range(6)
    ]
    forward = scan(shards_of(*paths), leak.items)
    assert scan(shards_of(*paths[::-1]), leak.items) == forward
    assert scan(shards_of(*paths[3:], *paths[:3]), leak.items) == forward
    rows = {(int(f.document[-7]) * 50 + f.row, f.item.id) for f in forward.findings}
    assert rows == set(leak.expected())


@pytest.mark.parametrize("kept", [True, False])
def test_that_the_search_is_compiled_first_is_said(leak, traces, monkeypatch, kept):
    monkeypatch.setattr("reasonbench.corpus.scan.is_kept", lambda _function: kept)
    said = []
    scan(shards_of(traces), leak.items, ScanOptions(tell=said.append))
    assert [line.startswith("compiling the search") for line in said] == [True] * (not kept)


def test_progress_comes_to_the_bytes_of_the_traces(leak, traces):
    seen = []
    scan(shards_of(traces), leak.items, progress=seen.append)
    assert sum(seen) == traces.stat().st_size


def test_a_scan_that_was_cut_short_goes_on_with_what_it_owes(leak, traces, tmp_path):
    shards = shards_of(traces, range_bytes=60_000)
    whole = scan(shards, leak.items)
    state = tmp_path / "state"
    options = ScanOptions(state=state)
    for _ in range(2):
        with pytest.raises(CutShortError):
            scan(shards, leak.items, options, Cut(3))
    (folder,) = state.iterdir()
    kept = {int(path.stem) for path in folder.glob("*.msgpack")}
    assert kept
    assert len(kept) < len(shards)
    owed = []
    result = scan(shards, leak.items, options._replace(executor=recording(owed)))
    assert result == whole
    assert sorted(owed) == sorted(set(range(len(shards))) - kept)
    assert list(state.iterdir()) == []


class CutShortError(Exception):
    """Ends a scan between two shards."""


class Cut:
    """Ends a scan when so many shards have told of their bytes."""

    def __init__(self, n):
        self.left = n

    def __call__(self, _bytes):
        self.left -= 1
        if self.left < 0:
            raise CutShortError


def recording(owed):
    """Return what searches shards here and writes down which."""

    def execute(job, shards, progress):
        owed.extend(shards)
        search = ShardSearch(job)
        for number, shard in shards.items():
            yield number, search.search(shard, progress)

    return execute


def cut_short(shards, items, state, n=3):
    with pytest.raises(CutShortError):
        scan(shards, items, ScanOptions(state=state), Cut(n))
    (folder,) = state.iterdir()
    return folder


def test_damaged_state_is_made_again(leak, traces, tmp_path):
    shards = shards_of(traces, range_bytes=60_000)
    folder = cut_short(shards, leak.items, tmp_path / "state")
    kept = sorted(folder.glob("*.msgpack"))
    kept[0].write_bytes(kept[0].read_bytes()[:-5])
    (folder / "index" / "arrays.bin").write_bytes(b"")
    owed = []
    options = ScanOptions(state=tmp_path / "state", executor=recording(owed))
    assert scan(shards, leak.items, options) == scan(shards, leak.items)
    assert int(kept[0].stem) in owed
    assert int(kept[1].stem) not in owed


def test_the_state_of_another_question_is_not_taken(leak, traces, tmp_path):
    shards = shards_of(traces, range_bytes=60_000)
    state = tmp_path / "state"
    cut_short(shards, leak.items, state)
    owed = []
    options = ScanOptions(state=state, executor=recording(owed))
    scan(shards, leak.items[1:], options)
    assert len(owed) == len(shards)
    traces.write_bytes(traces.read_bytes() + b'{"prompt": "one more"}\n')
    changed = shards_of(traces, range_bytes=60_000)
    owed.clear()
    scan(changed, leak.items, options)
    assert len(owed) == len(changed)


@contextlib.contextmanager
def full_disk():
    """Let no file grow beyond 100 bytes, as a full disk would; pytest's own output is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("begun", [False, True])
def test_a_full_disk_for_the_state_is_said_in_a_sentence(leak, traces, tmp_path, begun):
    shards = shards_of(traces, range_bytes=60_000)
    scan(shards, leak.items)
    state = tmp_path / "state"
    if begun:
        cut_short(shards, leak.items, state)
    refused = pytest.raises(TraceError, match=r"state cannot be written to .*state")
    with refused as error, full_disk():
        scan(shards, leak.items, ScanOptions(state=state))
    assert "--state" in error.value.hint
    assert "\n" not in error.value.message


def test_a_state_that_cannot_be_a_folder_is_said_in_a_sentence(leak, traces, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match=r"state cannot be kept in .*Not a directory"):
        scan(shards_of(traces), leak.items, ScanOptions(state=tmp_path / "file" / "state"))


def test_decoys_are_searched_for_and_none_is_found(leak, traces):
    result = scan(shards_of(traces), leak.items)
    rates = result.rates
    assert rates.n_decoys == len(make_decoys(leak.items)) == 60
    assert (rates.n_found, rates.false_short, rates.false_long, rates.false_share) == (0, 0, 0, 0)
    sizes = [len(line) for line in traces.read_bytes().splitlines()]
    assert rates.n_long == sum(size >= LONG for size in sizes) > 0
    assert rates.n_short == sum(size < LONG for size in sizes) > 0


def test_a_decoy_that_stands_there_is_counted_as_a_false_positive(leak, tmp_path):
    world = World(99)
    decoys = [world.item(f"d{i}")._replace(benchmark="decoy") for i in range(20)]
    records = [dict(record) for record in leak.records]
    free = sorted(set(range(len(records))) - {p.row for p in leak.planted})
    short = [row for row in free if len(json.dumps(records[row])) < LONG - 800][:4]
    long = [row for row in free if len(json.dumps(records[row])) > LONG + 800][:2]
    for row, decoy in zip(short + long, decoys, strict=False):
        world.plant(records[row], decoy, "verbatim")
    shards = shards_of(write_jsonl(tmp_path / "traces.jsonl", records))
    result = scan(shards, leak.items, ScanOptions(decoys=tuple(decoys)))
    assert found(result) == leak.expected()
    rates = result.rates
    assert (rates.n_decoys, rates.n_found, rates.n_different) == (20, 6, 6)
    assert rates.false_short == pytest.approx(60 / 20 * 4 / rates.n_short)
    assert rates.false_long == pytest.approx(60 / 20 * 2 / rates.n_long)
    assert rates.false_share == pytest.approx(60 / 20 * 6 / 30)


def test_one_decoy_in_many_records_is_told_as_one(leak, tmp_path):
    world = World(99)
    decoys = [world.item(f"d{i}")._replace(benchmark="decoy") for i in range(20)]
    records = [dict(record) for record in leak.records]
    free = sorted(set(range(len(records))) - {p.row for p in leak.planted})[:5]
    for row in free:
        world.plant(records[row], decoys[3], "verbatim")
    shards = shards_of(write_jsonl(tmp_path / "traces.jsonl", records))
    rates = scan(shards, leak.items, ScanOptions(decoys=tuple(decoys))).rates
    assert (rates.n_found, rates.n_different) == (5, 1)


def test_without_decoys_no_rate_is_told(leak, traces):
    rates = scan(shards_of(traces), leak.items, ScanOptions(decoys=())).rates
    assert rates.n_decoys == 0
    assert rates.false_share is None


def test_items_too_short_to_be_searched_for_are_named_and_not_called_clean(leak, traces):
    short = [Item("bench", "s1", "Why?"), Item("bench", "s2", "x = 3")]
    result = scan(shards_of(traces), [*leak.items, *short])
    assert result.unsearchable == short
    assert result.n_items == 62
    assert found(result) == leak.expected()


def test_a_short_item_is_found_with_its_numbers(leak, tmp_path):
    item = Item("bench", "short", "Compute 48 + 193 x 27 for the quaint ferry")
    records = [dict(record) for record in leak.records]
    row = next(r for r in range(300) if r not in {p.row for p in leak.planted})
    records[row]["prompt"] = item.question
    path = write_jsonl(tmp_path / "traces.jsonl", records)
    result = scan(shards_of(path), [*leak.items, item])
    assert found(result) == {**leak.expected(), (row, "short"): ("verbatim", "prompt")}


def test_one_phrase_in_many_records_is_told_as_a_phrase(leak, tmp_path):
    world = World(5)
    item = world.item("phrase")
    records = world.records(100)
    for row in (3, 30, 60, 90):
        world.plant(records[row], item, "half")
    background = shards_of(write_jsonl(tmp_path / "background.jsonl", world.records(200)))
    shards = shards_of(write_jsonl(tmp_path / "traces.jsonl", records))
    options = ScanOptions(background=tuple(background))
    result = scan(shards, [*leak.items, item], options)
    assert {row for row, _ in found(result)} == {3, 30, 60, 90}
    ((told, phrase, n),) = result.phrases
    assert (told, n) == (item, 4)
    assert phrase.startswith(item.question[:40].lower())
    world.plant(records[50], item, "verbatim")
    shards = shards_of(write_jsonl(tmp_path / "traces.jsonl", records))
    assert scan(shards, [*leak.items, item], options).phrases == []


def test_a_background_is_what_chance_is_measured_on(leak, traces, tmp_path):
    background = write_jsonl(tmp_path / "background.jsonl", World(77).records(150))
    result = scan(
        shards_of(traces), leak.items, ScanOptions(background=tuple(shards_of(background)))
    )
    assert result.calibration == (150, 0)
    assert found(result) == leak.expected()
    alone = scan(shards_of(traces), leak.items).calibration
    assert alone[0] == len(leak.records)
    # renumbered copies and halves hold too little of their items to be left out
    assert 0 < alone[1] <= len(leak.planted)
    assert traces.stat().st_size < SAMPLE_BYTES


def test_the_share_of_the_traces_that_a_null_is_from_is_their_bytes(leak, tmp_path, monkeypatch):
    path = write_jsonl(tmp_path / "traces.jsonl", leak.records)
    shards = shards_of(path)
    with contextlib.closing(shards[0].blocks(Options(block_bytes=100_000))) as reading:
        blocks = list(itertools.islice(reading, 3))
    share = known_share(shards, blocks, whole=False)
    assert share == pytest.approx(300_000 / path.stat().st_size, rel=0.05)
    assert known_share(shards, blocks, whole=True) == 1
    for kind in ("hub", "stream"):  # of which nobody knows how much there is
        unknown = [*shards, Shard(kind, "more", "more", 0)]
        assert known_share(unknown, blocks, whole=False) == 0
    assert known_share([], [], whole=False) == 0


@pytest.mark.parametrize("background", [False, True])
def test_another_text_is_no_part_of_the_traces(leak, traces, monkeypatch, background):
    known = []

    def calibrated(items, blocks, share):
        known.append(share)
        return calibrate(items, blocks, share)

    monkeypatch.setattr("reasonbench.corpus.scan.calibrate", calibrated)
    shards = shards_of(traces)
    scan(shards, leak.items, ScanOptions(background=tuple(shards) if background else ()))
    assert known == [0.0 if background else 1.0]


class Piece:
    """What a sample looks at of a block."""

    def __init__(self, number, size):
        self.number, self.data = number, np.zeros(size, np.uint8)


@pytest.mark.parametrize(
    ("n", "each", "size", "deep", "wanted"),
    [
        (0, 100, 800, 6400, []),
        (5, 99, 800, 800, [0, 1, 2, 3, 4]),
        (30, 99, 800, 800, list(range(8))),
        (30, 99, 100, 100, [0]),
        (30, 99, 267, 267, [0, 1, 2]),
        (22, 99, 800, 6400, [0, 4, 8, 12, 16, 20]),
        (100, 99, 800, 6400, [0, 8, 16, 24, 32, 40, 48, 56]),
        (3, 8000, 100, 800, [0]),
        (500, 1, 100, 100, list(range(91))),
    ],
)
def test_the_blocks_of_a_sample_lie_evenly_in_what_is_read(n, each, size, deep, wanted):
    read = iter([Piece(number, each) for number in range(n)])
    kept, are_all = spread(read, size, deep)
    assert [piece.number for piece in kept] == wanted
    assert are_all == (len(wanted) == n)
    assert sum(1 for _ in read) == max(n - int(0.9 * deep / each) - 1, 0)


def test_only_named_fields_are_looked_at(leak, traces):
    prompts = {place: kind for place, kind in leak.expected().items() if kind[1] == "prompt"}
    result = scan(
        shards_of(traces), leak.items, ScanOptions(selection=Selection.parse("prompt=prompt"))
    )
    assert found(result) == prompts
    renamed = ScanOptions(selection=Selection.parse("trace=prompt"))
    channels = {kind[1] for kind in found(scan(shards_of(traces), leak.items, renamed)).values()}
    assert channels == {"mid-trace"}


def test_a_stricter_q_value_finds_less(leak, traces):
    strict = scan(shards_of(traces), leak.items, ScanOptions(found=1e-30))
    sure = {
        place for place, kind in leak.expected().items() if kind[0] in ("verbatim", "reformatted")
    }
    assert set(found(strict)) == sure
    assert set(found(strict, "suspect")) == set(leak.expected()) - sure


@pytest.mark.parametrize("workers", [1, 2])
def test_a_row_that_cannot_be_searched_ends_a_strict_scan(leak, tmp_path, workers):
    rows = [*leak.records[:40], "{broken", *leak.records[40:80]]
    shards = shards_of(write_jsonl(tmp_path / "t.jsonl", rows), range_bytes=20_000)
    background = tuple(shards_of(write_jsonl(tmp_path / "b.jsonl", leak.records[:50])))
    with pytest.raises(TraceError, match="not JSON") as error:
        scan(shards, leak.items, ScanOptions(strict=True, workers=workers, background=background))
    assert str(tmp_path / "t.jsonl") in error.value.message


def test_no_items_are_refused():
    with pytest.raises(SpecError, match="no items"):
        scan([], [])


def test_no_records_are_no_findings(tmp_path):
    path = write_jsonl(tmp_path / "empty.jsonl", [])
    result = scan(shards_of(path), World().items(15))
    assert (result.findings, result.accounts[str(path)].rows_read) == ([], 0)


def test_an_item_in_all_records_is_found_in_all(tmp_path):
    world = World(12)
    items, records = world.items(20), world.records(60)
    for record in records:
        world.plant(record, items[4], "verbatim")
    result = scan(shards_of(write_jsonl(tmp_path / "t.jsonl", records)), items)
    assert found(result) == {(row, "i4"): ("verbatim", "prompt") for row in range(60)}


@pytest.mark.parametrize("count", [20, 60])
def test_siblings_of_one_template_are_not_found_however_few_items_there_are(count):
    """The traces hold problems with two of an item's three numbers; all else is the template."""
    shards = expand([str(embedded_traces())])
    problems = list(tasks.resolve("countdown_public").problems())[:count]
    blocks = [block for shard in shards for block in shard.blocks()]
    everything = "\n".join(
        field.text for block in blocks for i in range(len(block)) for field in block.fields(i)
    )
    there = {p.id for p in problems if p.metadata["question"] in everything}
    result = scan(shards, [item_of(problem) for problem in problems])
    assert there
    assert {f.item.id for f in result.findings} == there
    assert {f.kind for f in result.findings} == {"verbatim"}
