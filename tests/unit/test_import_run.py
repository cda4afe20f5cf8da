"""The run that an import makes: whole or not there, and like any other afterwards."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import foreign_logs as logs
import pytest
from click.testing import CliRunner
from code_rows import HUMANEVAL
from hypothesis import given, settings
from hypothesis import strategies as st
from real_sandbox import missing

from reasonbench import importing
from reasonbench.audit import load_audit
from reasonbench.beside import grade_beside
from reasonbench.cli.importing import FORMATS as CLI_FORMATS
from reasonbench.cli.importing import import_
from reasonbench.comparison import compare
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.importing import import_logs
from reasonbench.interchange.import_copies import LONG, copies_in
from reasonbench.interchange.import_report import Options
from reasonbench.interchange.imported import Item, Sample
from reasonbench.interchange.recognise import FORMATS
from reasonbench.report import markdown
from reasonbench.run import regrade


def imported(paths, out, **options):
    paths = paths if isinstance(paths, list) else [paths]
    return import_logs(paths, out, Options(**options), workers=1)


def values(result):
    return [e.value for e in result.tasks[0].estimates]


# --- like any other run ------------------------------------------------------------------


def test_an_imported_run_is_reported_and_compared_like_any_other(tmp_path):
    _, first = imported(logs.inspect_zstd(tmp_path), tmp_path / "a")
    imported(logs.inspect_json(tmp_path), tmp_path / "b")
    page = markdown.render(load_audit(tmp_path / "a"))
    assert "maker/model" in page and "33.3%" in page
    compared = compare(tmp_path / "a", tmp_path / "b")
    assert [d.value for d in compared.tasks[0].deltas] == [0.0] * len(values(first))


def test_another_grader_can_judge_it_again_and_the_source_beside_ours(tmp_path):
    rows = logs.matharena_rows()
    rows[0]["correct"] = False
    _, first = imported(logs.write_lines(tmp_path / "x.jsonl", rows), tmp_path / "run")
    (beside,) = grade_beside(tmp_path / "run", "source", workers=1)
    assert (beside.n_first_only, beside.n_second_only, beside.n_both) == (1, 0, 3)
    assert values(regrade(tmp_path / "run", grader="exact", workers=1)) == values(first)
    assert values(regrade(tmp_path / "run", grader="source", workers=1))[0] == pytest.approx(0.25)


def test_without_text_a_regrade_is_refused_and_the_scores_stay(tmp_path):
    _, first = imported(logs.nemo(tmp_path), tmp_path / "run")
    with pytest.raises(ReasonbenchError, match="imported without their text"):
        regrade(tmp_path / "run", grader="math", workers=1)
    assert values(regrade(tmp_path / "run", workers=1)) == values(first)
    assert [f.code for f in first.validity] == ["sampling_not_told"]
    with pytest.raises(SpecError, match="no text, so the grader 'math' has nothing to read"):
        imported(logs.nemo(tmp_path), tmp_path / "other", grader="math")


# --- onto a task of ours -----------------------------------------------------------------


def own_task(tmp_path, **changed):
    rows = [{"id": f"own-{n}", "question": logs.question(n), "answer": logs.TARGETS[n]} | changed
            for n in logs.RIGHT]  # fmt: skip
    return str(logs.write_lines(tmp_path / "own.jsonl", rows))


def test_a_log_is_mapped_onto_our_task_by_what_was_asked(tmp_path):
    task = own_task(tmp_path)
    report, result = imported(logs.lm_eval(tmp_path), tmp_path / "run", task=task)
    assert [p.problem_id for p in result.tasks[0].problems] == ["own-p0", "own-p1", "own-p2"]
    assert [p.c for p in result.tasks[0].problems] == [3, 1, 0]
    assert report.notes == ()


def test_our_gold_answer_is_taken_and_another_one_of_the_log_is_said(tmp_path):
    task = own_task(tmp_path, answer="900")
    report, result = imported(logs.lm_eval(tmp_path), tmp_path / "run", task=task)
    assert "another gold answer than" in report.notes[0] and "'10' for '900'" in report.notes[0]
    assert [p.c for p in result.tasks[0].problems] == [0, 0, 1]


def test_an_id_is_not_trusted_where_the_statement_says_otherwise(tmp_path):
    rows = [{"id": n, "question": f"another {n}", "answer": "1"} for n in logs.RIGHT]
    task = str(logs.write_lines(tmp_path / "own.jsonl", rows))
    with pytest.raises(SpecError, match=r"3 of 3 problems of the log are not in .*'p0' \(row 1\)"):
        imported(logs.matharena(tmp_path), tmp_path / "run", task=task)
    assert not (tmp_path / "run").exists()


def test_without_a_statement_the_id_decides(tmp_path):
    rows = [{"id": n[1:], "question": f"another {n}", "answer": "1"} for n in logs.RIGHT]
    task = str(logs.write_lines(tmp_path / "own.jsonl", rows))
    report, result = imported(logs.nemo(tmp_path), tmp_path / "run", task=task)
    assert [p.c for p in result.tasks[0].problems] == [3, 1, 0]
    assert report.tasks[0].grader == "source"


@pytest.mark.skipif(bool(missing()), reason="bubblewrap is NOT installed: no program is run")
def test_programs_run_against_the_tests_of_our_task(tmp_path):
    task = f"humaneval:{logs.write_lines(tmp_path / 'rows.jsonl', [HUMANEVAL])}"
    programs = [
        {"completion": HUMANEVAL["canonical_solution"]},
        {"solution": HUMANEVAL["prompt"] + HUMANEVAL["canonical_solution"]},
        {"completion": "    return 0\n"},
    ]
    rows = [{"task_id": HUMANEVAL["task_id"], **row} for row in programs]
    path = logs.write_lines(tmp_path / "samples.jsonl", rows)
    with pytest.raises(SpecError, match=r"nothing can judge .* neither gold answers nor scores"):
        imported(path, tmp_path / "run")
    report, result = imported(path, tmp_path / "run", task=task)
    assert report.tasks[0].grader == "code"
    assert [(p.n, p.c) for p in result.tasks[0].problems] == [(3, 2)]


# --- several logs ------------------------------------------------------------------------


def test_several_logs_of_one_model_make_one_run_and_a_task_comes_once(tmp_path):
    (tmp_path / "x").mkdir()
    rows = [row | {"evaluation_name": "more"} for row in logs.eee_rows()]
    first, second = logs.eee(tmp_path), logs.write_lines(tmp_path / "x" / "b.jsonl", rows)
    _, result = imported([first, second], tmp_path / "run")
    assert [t.spec.name for t in result.tasks] == ["sums", "more"]
    with pytest.raises(SpecError, match=r"task 'sums' is in .* and in"):
        imported([first, logs.lm_eval(tmp_path)], tmp_path / "other")


def test_logs_of_two_models_samplings_or_n_are_refused(tmp_path):
    def rows(**change):
        return [row | {"evaluation_name": "more"} | change for row in logs.eee_rows()]

    first = logs.eee(tmp_path)
    other = logs.write_lines(tmp_path / "m.jsonl", rows(model_id="b"))
    with pytest.raises(SpecError, match="of 2 models"):
        imported([first, other], tmp_path / "run")
    fewer = [r for r in rows() if r["metadata"]["rep"] != "3"]
    with pytest.raises(SpecError, match="4 of sums, 3 of more"):
        imported([first, logs.write_lines(tmp_path / "n.jsonl", fewer)], tmp_path / "run")
    warmer = logs.lm_eval_rows()
    for row in warmer:
        row["arguments"]["gen_args_0"]["arg_1"]["temperature"] = 1.0
    (tmp_path / "w").mkdir()
    warm = logs.lm_eval(tmp_path / "w", warmer).rename(tmp_path / "w" / "more.jsonl")
    with pytest.raises(SpecError, match=r"temperature is 0\.6 and 1\.0"):
        imported([logs.lm_eval(tmp_path), warm], tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- copies ------------------------------------------------------------------------------


def copied(times, *, in_turn=True):
    def spread(values):
        return values * times if in_turn else [v for v in values for _ in range(times)]

    rows = logs.lm_eval_rows(filters=("strict",))
    for row in rows:
        row["resps"] = [spread(row["resps"][0])]
    return rows


@pytest.mark.parametrize("in_turn", [True, False])
def test_samples_that_were_copied_are_refused_and_n_is_said(tmp_path, in_turn):
    path = logs.lm_eval(tmp_path, copied(8, in_turn=in_turn))
    with pytest.raises(ReasonbenchError, match=r"32 samples .* are no 32 draws.* so n is 4 in"):
        imported(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    report, result = imported(path, tmp_path / "run", allow_copies=True)
    assert (report.tasks[0].n, report.tasks[0].effective_n) == (32, 4)
    assert "no 32 draws" in report.notes[0] and result.tasks[0].n == 32


def test_copies_in_any_fixed_order_are_found_by_the_validity_check(tmp_path):
    order = [0, 3, 1, 1, 2, 0, 3, 2, 1, 2, 0, 3]
    rows = [
        row | {"idx_answer": j, "answer": f"{row['answer']} {k}", "problem_idx": f"{p}"}
        for p in range(40)
        for j, k in enumerate(order)
        for row in [logs.matharena_rows()[0]]
    ]
    with pytest.raises(ReasonbenchError, match="repeat the text of another"):
        imported(logs.write_lines(tmp_path / "x.jsonl", rows), tmp_path / "run")


def item(*texts):
    samples = [Sample(row=i, repeat=i, text=t) for i, t in enumerate(texts)]
    return Item(task="t", id="p", row=1, samples=samples)


def test_a_cache_that_gave_one_long_text_for_all_repeats_is_found():
    found = copies_in([item(*["x" * LONG] * 8)])
    assert found.copied and found.effective_n == 1
    assert not copies_in([item(*["x" * LONG] * 8)], greedy=True).copied
    assert not copies_in([item(*["42"] * 64)]).copied


@given(st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_short_answers_that_recur_are_no_copies_unless_the_order_says_so(drawn):
    found = copies_in([item(*map(str, row)) for row in drawn])
    if found.copied:
        d = int(found.effective_n)
        assert 8 % d == 0 and d < 8
        in_turn = all(r[i] == r[i % d] for r in drawn for i in range(8))
        in_place = all(r[i] == r[i - i % (8 // d)] for r in drawn for i in range(8))
        assert in_turn or in_place


@given(st.lists(st.sampled_from("abc"), min_size=6, max_size=6), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_honest_draws_of_few_answers_pass(labels, problems):
    # Six draws of three answers: no order of them is rarer than one in 90 a problem.
    assert not copies_in([item(*labels)] * min(problems, 2)).copied


# --- whole or not there ------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from reasonbench import importing
from reasonbench.interchange.import_report import Options
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
target = sys.argv[1]
if target == "second batch":
    importing.BATCH = 4
    real, calls = importing.Store.add_completions, []
    def add(self, batch):
        calls.append(1)
        return die() if len(calls) > 1 else real(self, batch)
    importing.Store.add_completions = add
else:
    setattr(importing, target, die)
importing.import_logs([Path(sys.argv[2])], Path(sys.argv[3]), Options(), workers=1)
"""


@pytest.mark.parametrize("where", ["second batch", "_grade", "_write_report", "_move"])
def test_a_killed_import_leaves_nothing_and_the_same_call_begins_again(tmp_path, where):
    path, out = logs.inspect_zstd(tmp_path), tmp_path / "run"
    died = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), where, str(path), str(out)],
        capture_output=True, timeout=120, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not out.exists() and list(tmp_path.glob(".run.import-*"))
    _, result = imported(path, out)
    assert values(result)[0] == pytest.approx(1 / 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.eval", "run"]


def test_the_same_import_again_changes_nothing(tmp_path):
    path, out = logs.inspect_zstd(tmp_path), tmp_path / "run"
    first = imported(path, out)
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.name != "lock"}
    assert imported(path, out) == first
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name != "lock"} == before


def test_a_directory_that_holds_something_else_is_refused(tmp_path):
    out = tmp_path / "run"
    imported(logs.inspect_zstd(tmp_path), out)
    with pytest.raises(SpecError, match=r"holds another import: of .*log.eval"):
        imported(logs.nemo(tmp_path), out)
    with pytest.raises(SpecError, match="holds another import"):
        imported(tmp_path / "log.eval", out, grader="exact")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("x")
    with pytest.raises(SpecError, match="holds no import, so nothing is written over it"):
        imported(tmp_path / "log.eval", tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    imported(tmp_path / "log.eval", tmp_path / "empty")


def test_a_refused_log_leaves_no_folder_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError

    path = logs.inspect_zstd(tmp_path)
    monkeypatch.setattr(importing, "_grade", fail)
    with pytest.raises(RuntimeError):
        imported(path, tmp_path / "run")
    assert [p.name for p in tmp_path.iterdir()] == ["log.eval"]


# --- the command -------------------------------------------------------------------------


def test_the_command_says_what_is_missing_and_lists_where_we_differ(tmp_path):
    rows = logs.matharena_rows()
    for row in rows:
        row["correct"] = not row["correct"]
    rows += [row | {"problem_idx": f"{row['problem_idx']}b"} for row in rows]
    path = logs.write_lines(tmp_path / "x.jsonl", rows)
    ran = CliRunner().invoke(import_, [str(path), "--out", str(tmp_path / "r"), "--workers", "1"])
    assert ran.exit_code == 0, ran.output
    assert "agree on 0 of 24 completions (0.0%)" in ran.stderr
    assert "it does not tell why each sample ended" in ran.stderr
    assert "the first 20 of 24 disagreements" in ran.stdout and "33.3%" in ran.stdout
    assert len(json.loads((tmp_path / "r" / "import.json").read_bytes())["disagreements"]) == 24


def test_the_command_gives_json(tmp_path):
    path = logs.counts(tmp_path)
    ran = CliRunner().invoke(import_, [str(path), "--out", str(tmp_path / "r"), "--format", "json",
                                       "--model", "maker/x", "--from", "counts"])  # fmt: skip
    told = json.loads(ran.stdout)
    assert told["import"]["model"] == "maker/x"
    assert told["import"]["sources"][0]["trace_available"] is False
    assert told["result"]["tasks"][0]["estimates"][0]["value"] == pytest.approx(1 / 3)


def test_the_formats_of_the_command_are_those_that_are_read():
    assert CLI_FORMATS == FORMATS


def test_the_page_names_every_format_and_option():
    page = (Path(__file__).resolve().parents[2] / "docs" / "import.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == set(FORMATS)
    options = {o for p in import_.params for o in p.opts if o.startswith("--")}
    assert all(f"`{o}" in page or f"{o} RUN" in page for o in options - {"--workers", "--format"})
