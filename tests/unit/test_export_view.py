"""Exports are written whole, say what they left out, and never replace what is not theirs."""

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from exported_runs import make, patchy
from validity_runs import Drawn

from reasonbench import exporting
from reasonbench.cli.export import export as export_command
from reasonbench.cli.samples import samples as samples_command
from reasonbench.errors import ReasonbenchError, SpecError, StoreError, StoreWriteError
from reasonbench.exporting import FORMATS, MANIFEST, PARTIAL, export, view
from reasonbench.interchange.export_view import caveats, file_name
from reasonbench.store import Store


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def jsonl(run, out):
    return FORMATS["jsonl"](run, out)


def test_every_completion_is_seen_once_with_its_own_grade(tmp_path):
    make(tmp_path / "r", patchy, tasks=("a/b", "t"))
    with Store.read(tmp_path / "r") as store:
        run = view(store)
        rows = list(run.rows())
    assert [(r.problem.task, r.problem.id) for r in rows] == [
        (task, f"p{i:03d}") for task in ("a/b", "t") for i in range(4)
    ]
    for row in rows:
        assert [s.completion.sample_index for s in row.samples] == list(range(7))
        assert all(s.grade.key == s.completion.key for s in row.samples if s.grade)
        assert [s.grade is None for s in row.samples] == [False] * 6 + [True]
        assert sum(s.counted for s in row.samples) == row.counts.n == 5
        assert sum(s.counted and s.correct for s in row.samples) == row.counts.c


def test_what_early_stopping_left_behind_is_not_counted(tmp_path):
    make(tmp_path / "r", stop_after_successes=2)
    with Store.read(tmp_path / "r") as store:
        rows = list(view(store).rows())
    for row in rows:
        counted = [s for s in row.samples if s.counted]
        assert (len(counted), sum(s.correct for s in counted)) == (row.counts.n, row.counts.c)
    assert any(len(r.samples) > r.counts.n for r in rows)


@pytest.mark.parametrize("form", ["eee", "inspect", "lm-eval"])
def test_a_stopped_run_is_refused_where_readers_would_take_a_mean(tmp_path, form):
    make(tmp_path / "r", stop_after_successes=2)
    with pytest.raises(ReasonbenchError, match="after 2 correct completions"):
        export(tmp_path / "r", form)
    assert files(tmp_path / "r" / "exports" / form) == {}


def test_text_that_utf8_cannot_hold_is_replaced_and_counted(tmp_path):
    make(tmp_path / "r", patchy)
    done = export(tmp_path / "r", "jsonl")
    assert done.run.replaced == 4
    assert "cut \ufffd off" in done.paths[0].read_text()


def test_what_speaks_against_a_score_travels_with_it(tmp_path):
    make(tmp_path / "r", patchy)
    with Store.read(tmp_path / "r") as store:
        run = view(store)
    said = "; ".join(caveats(run, run.result.tasks[0]))
    assert "INVALID (" in said and "8 completions owed" in said
    assert "4 completions without a verdict" in said


@pytest.mark.parametrize("form", [f for f in FORMATS if f != "hub"])
def test_the_same_run_gives_the_same_bytes(tmp_path, form):
    make(tmp_path / "r", patchy, tasks=("a/b", "t"))
    export(tmp_path / "r", form, tmp_path / "1")
    export(tmp_path / "r", form, tmp_path / "2")
    first = files(tmp_path / "1")
    assert first == files(tmp_path / "2")
    assert len(first) > 1
    export(tmp_path / "r", form, tmp_path / "1")
    assert files(tmp_path / "1") == first


def test_a_file_that_somebody_else_made_is_not_replaced(tmp_path):
    make(tmp_path / "r")
    out = tmp_path / "out"
    out.mkdir()
    (out / "samples.jsonl").write_text("mine")
    with pytest.raises(SpecError, match=r"samples\.jsonl is there") as refused:
        export(tmp_path / "r", "jsonl", out)
    assert "--force" in refused.value.hint
    assert files(out) == {"samples.jsonl": b"mine"}
    export(tmp_path / "r", "jsonl", out, force=True)
    assert (out / "samples.jsonl").read_text() != "mine"


def test_a_file_that_was_changed_since_is_not_replaced(tmp_path):
    make(tmp_path / "r")
    path = export(tmp_path / "r", "jsonl").paths[0]
    path.write_text("edited")
    with pytest.raises(SpecError, match="changed since"):
        export(tmp_path / "r", "jsonl")
    assert path.read_text() == "edited"


def test_another_runs_export_and_another_format_are_not_replaced(tmp_path):
    make(tmp_path / "r")
    make(tmp_path / "other", model="other")
    out = tmp_path / "out"
    export(tmp_path / "r", "jsonl", out)
    before = files(out)
    for directory, form in (("other", "jsonl"), ("r", "parquet")):
        with pytest.raises(SpecError, match="not made by this export"):
            export(tmp_path / directory, form, out)
        assert files(out) == before


def test_what_a_run_no_longer_gives_is_removed_but_nothing_else(tmp_path):
    make(tmp_path / "r")

    def two(run, out):
        (out / "old.txt").write_text("old")
        (out / "kept.txt").write_text("kept")
        return [out / "old.txt", out / "kept.txt"]

    def one(run, out):
        (out / "new.txt").write_text("new")
        return [out / "new.txt"]

    out = tmp_path / "out"
    export(tmp_path / "r", "jsonl", out, writer=two)
    (out / "kept.txt").write_text("edited")
    (out / "notes.txt").write_text("mine")
    export(tmp_path / "r", "jsonl", out, writer=one)
    assert sorted(files(out)) == [MANIFEST, "kept.txt", "new.txt", "notes.txt"]


def test_a_manifest_cannot_make_an_export_remove_files_elsewhere(tmp_path):
    make(tmp_path / "r")
    out, victim = tmp_path / "out", tmp_path / "victim"
    export(tmp_path / "r", "jsonl", out)
    victim.write_text("v")
    known = exporting._sha256(victim)
    manifest = out / MANIFEST
    text = manifest.read_text().replace('"files": {', f'"files": {{"../victim": ["{known}"],')
    assert "../victim" in text
    manifest.write_text(text)
    export(tmp_path / "r", "jsonl", out)
    assert victim.read_text() == "v"


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    make(tmp_path / "r")

    def broken(run, out):
        (out / "half.txt").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreWriteError, match="No space left"):
        export(tmp_path / "r", "jsonl", writer=broken)
    assert files(tmp_path / "r" / "exports") == {}


def test_an_export_that_was_killed_is_made_again_without_force(tmp_path):
    """Killed while it writes, and between two files that are moved into place."""
    make(tmp_path / "r")
    first = files(export(tmp_path / "r", "jsonl").paths[0].parent)
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from reasonbench.exporting import FORMATS, export\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "def writer(run, out):\n"
        "    made = FORMATS['jsonl'](run, out)\n"
        "    for path in made: path.write_text('another version')\n"
        "    if sys.argv[1] == 'writing': die()\n"
        "    move, moved = Path.replace, []\n"
        "    def replace(self, to):\n"
        "        if len(moved) == 2: die()\n"
        "        moved.append(to); return move(self, to)\n"
        "    Path.replace = replace\n"
        "    return made\n"
        "export(Path('r'), 'jsonl', writer=writer)\n"
    )
    out = tmp_path / "r" / "exports" / "jsonl"
    for when, left in (("writing", first["samples.jsonl"]), ("moving", b"another version")):
        ran = subprocess.run([sys.executable, "-c", code, when], cwd=tmp_path, check=False)
        assert ran.returncode == -9
        assert (out / PARTIAL).is_dir()
        assert (out / "samples.jsonl").read_bytes() == left
        assert (out / "run.json").read_bytes() == first["run.json"]
        export(tmp_path / "r", "jsonl")
        assert files(out) == first


def test_two_exports_to_one_folder_at_once_are_refused(tmp_path):
    make(tmp_path / "r")

    def inner(run, out):
        with pytest.raises(ReasonbenchError, match="another export is writing"):
            export(tmp_path / "r", "jsonl", tmp_path / "out")
        return jsonl(run, out)

    assert export(tmp_path / "r", "jsonl", tmp_path / "out", writer=inner).paths[0].is_file()


def test_a_folder_without_a_run_and_an_out_that_is_a_file_are_refused(tmp_path):
    with pytest.raises(StoreError, match="there is no run"):
        export(tmp_path, "jsonl")
    make(tmp_path / "r")
    (tmp_path / "f").write_text("")
    with pytest.raises(SpecError, match="is a file"):
        export(tmp_path / "r", "jsonl", tmp_path / "f")


def test_memory_does_not_grow_with_the_run(tmp_path):
    text = "<think>\n" + "x" * 20_000 + "\n</think>\n\\boxed{7}"
    make(tmp_path / "r", lambda p, i: Drawn(text=text), n=4, count=250)
    tracemalloc.start()
    try:
        path = export(tmp_path / "r", "jsonl").paths[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 35_000_000
    assert peak < 15_000_000


def test_names_stay_apart_when_they_are_made_fit_for_files():
    assert file_name("aime_2026") == "aime_2026"
    hostile = ["a/b", "a-b", "a b", "../../etc", "..", "", "\u202ex", "x" * 300, "x" * 301]
    names = [file_name(name) for name in hostile]
    assert len(set(names)) == len(names)
    assert all("/" not in n and not n.startswith(".") and len(n) < 120 for n in names)
    assert Path(file_name("../../etc")).name == file_name("../../etc")


def test_the_page_names_every_format_and_option():
    page = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text()
    table = page.partition("| format | what is written |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(FORMATS)
    for command in (export_command, samples_command):
        names = [o for p in command.params for o in p.opts if o.startswith("--")]
        assert [n for n in names if f"`{n}" not in page and f" {n} " not in page] == []
