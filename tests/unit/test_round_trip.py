"""What is exported and imported again is the same run: its counts, and what nobody knew of it."""

import json
import zipfile

import foreign_logs as logs
import jsonschema
import msgspec
import pytest
from exported_runs import make
from validity_runs import Drawn

from reasonbench.comparison import compare
from reasonbench.exporting import export
from reasonbench.importing import import_logs
from reasonbench.interchange.export_eee import SCHEMAS
from reasonbench.interchange.import_report import Options
from reasonbench.records import FinishReason
from reasonbench.store import Store
from reasonbench.summary import find_plan
from reasonbench.validity.findings import CODES

READ_AGAIN = {"lm-eval": ".jsonl", "eee": ".jsonl", "inspect": ".eval"}
"""Formats that are written and read, with the suffix of what is read of them."""
AGGREGATE, INSTANCE = (
    jsonschema.Draft7Validator(json.loads((SCHEMAS / f"eee_{name}.json").read_text()))
    for name in ("aggregate", "instance")
)
PLAIN = ("parquet", "jsonl")


def counts(result):
    return {
        (task.spec.name, c.problem_id): (c.n, c.c, dict(c.ungraded))
        for task in result.tasks
        for c in task.problems
    }


def imported(paths, out):
    return import_logs(paths, out, Options(), workers=1)


def again(run, form, out):
    """Export a run, import what was written; return both results and the import's report."""
    done = export(run, form)
    report, result = imported([p for p in done.paths if p.suffix == READ_AGAIN[form]], out)
    return done.run.result, result, report


def texts(run, *, strict):
    """Return what was said; inspect keeps thinking apart, so the space between is its own."""
    with Store.read(run) as store:
        found = store.completions(find_plan(store).digest())
        return [
            (p.task, p.id, c.sample_index, c.finish_reason, c.text if strict else c.text.split())
            for p, c in found
        ]


@pytest.mark.parametrize("form", READ_AGAIN)
def test_a_run_with_repeats_has_the_same_counts_after_both_ways(tmp_path, form):
    run = make(tmp_path / "r", n=8, count=6, tasks=("a", "t"))
    before, after, report = again(run, form, tmp_path / "back")
    assert counts(before) == counts(after)
    assert {n for n, _, _ in counts(after).values()} == {8}
    assert len({c for _, c, _ in counts(after).values()}) > 1
    assert [e.value for t in before.tasks for e in t.estimates] == [
        e.value for t in after.tasks for e in t.estimates
    ]
    assert report.disagreements == () and all(t.n_agree == 48 for t in report.tasks)
    found = [sorted(texts(r, strict=form != "inspect")) for r in (run, tmp_path / "back")]
    assert found[0] == found[1]


@pytest.mark.parametrize("form", READ_AGAIN)
@pytest.mark.parametrize("source", ["eee textless", "counts"])
def test_without_text_the_sources_counts_stay_through_both_ways(tmp_path, form, source):
    imported([logs.ALL[source](tmp_path)], tmp_path / "run")
    before, after, report = again(tmp_path / "run", form, tmp_path / "back")
    assert counts(before) == counts(after)
    assert [c for _, c, _ in counts(after).values()] == list(logs.RIGHT.values())
    assert set(after.grader_versions.values()) == {"source/1"}
    (source_report,) = report.sources
    assert not source_report.trace_available and not source_report.finish_reason_available
    assert after.engine.settings["text_available"] is False
    assert after.engine.not_told == before.engine.not_told


def test_a_text_that_nobody_has_is_no_empty_text_in_every_eval_ever(tmp_path):
    imported([logs.eee_textless(tmp_path)], tmp_path / "run")
    paths = export(tmp_path / "run", "eee").paths
    rows = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert len(rows) == 12
    for row in rows:
        INSTANCE.validate(row)
        assert row["output"] == {"raw": [], "reasoning_trace": None}
        assert not {"finish_reason", "seed"} & row["metadata"].keys()
    # The schema wants the field in a single turn: to leave it out is no way to say it.
    with pytest.raises(jsonschema.ValidationError):
        INSTANCE.validate({**rows[0], "output": None})
    aggregate = json.loads(paths[1].read_text())
    AGGREGATE.validate(aggregate)
    caveats = aggregate["evaluation_results"][0]["score_details"]["details"]["caveats"]
    assert "does not hold the text of every completion" in caveats


def test_an_empty_text_that_was_said_is_one(tmp_path):
    rows = logs.eee_rows()
    rows[0]["output"] = {"raw": [""], "reasoning_trace": None}
    rows[1]["output"] = None
    imported([logs.write_lines(tmp_path / "x.jsonl", rows)], tmp_path / "run")
    path = export(tmp_path / "run", "eee").paths[0]
    said = {
        row["metadata"]["rep"]: row["output"]["raw"]
        for row in map(json.loads, path.read_text().splitlines())
        if row["sample_id"] == "p0"
    }
    # The one without text has no verdict either, as a grader has nothing to read, and is no row.
    assert said == {"0": [""], "2": [logs.text("p0", 2)], "3": [logs.text("p0", 3)]}


@pytest.mark.parametrize("form", PLAIN)
def test_plain_tables_have_no_text_where_there_is_none(tmp_path, form):
    import pyarrow.parquet as pq

    imported([logs.nemo(tmp_path)], tmp_path / "run")
    path = export(tmp_path / "run", form).paths[0]
    if form == "parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 12
    assert {(r["text"], r["said"], r["finish_reason"]) for r in rows} == {(None, None, None)}
    assert sum(r["correct"] for r in rows) == sum(logs.RIGHT.values())


def told_by(run, form):
    """Return every setting of the sampling that an export tells, by whatever name."""
    paths = export(run, form).paths
    if form == "inspect":
        with zipfile.ZipFile(paths[0]) as log:
            header = json.loads(log.read("header.json"))["eval"]
        more = {k: header["metadata"][k] for k in ("min_p", "repetition_penalty")}
        return {k: v for k, v in (header["model_generate_config"] | more).items() if v is not None}
    if form == "lm-eval":
        results = json.loads(paths[-1].read_text())["config"]
        seed = {"seed": results["random_seed"]}
        return {k: v for k, v in (results["gen_kwargs"] | seed).items() if v is not None}
    config = json.loads(paths[1].read_text())["evaluation_results"][0]["generation_config"]
    more = {k: v for k, v in config["additional_details"].items() if k != "n"}
    return config["generation_args"] | more


@pytest.mark.parametrize("form", READ_AGAIN)
def test_no_export_tells_a_sampling_that_the_log_did_not(tmp_path, form):
    imported([logs.counts(tmp_path)], tmp_path / "run")
    assert told_by(tmp_path / "run", form) == {}
    imported([logs.lm_eval(tmp_path)], tmp_path / "known")
    told = told_by(tmp_path / "known", form)
    assert told["temperature"] == 0.6 and "top_p" not in told
    assert len(told_by(make(tmp_path / "ours"), form)) >= 7


def test_a_default_is_no_fact_in_the_findings_of_an_imported_run(tmp_path):
    report, result = imported([logs.lm_eval(tmp_path)], tmp_path / "run")
    (note,) = [f for f in result.validity if f.code == "sampling_not_told"]
    assert note.code in CODES and note.severity.value == "note"
    assert note.sentence.startswith("Sampling not told by the log: min_p, presence_penalty, ")
    assert "temperature" not in note.evidence["not_told"]
    (missing,) = [s for s in report.sources[0].missing if s.startswith("sampling not told")]
    assert "top_p" in missing and "temperature" not in missing
    assert result.engine.told(result.sampling) == {
        "temperature": 0.6, "max_tokens": 512, "stop": ("</s>",),
    }  # fmt: skip


def test_two_runs_do_not_differ_in_what_only_one_of_them_tells(tmp_path):
    rows = logs.lm_eval_rows()
    imported([logs.lm_eval(tmp_path, rows)], tmp_path / "a")
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_1"].pop("temperature")
    (tmp_path / "x").mkdir()
    imported([logs.lm_eval(tmp_path / "x", rows)], tmp_path / "b")
    notes = [n for n in compare(tmp_path / "a", tmp_path / "b").notes if "sampling" in n]
    assert notes == ["the runs differ in sampling.temperature: 0.6 -> 'not told'"]


def test_alike_texts_at_an_untold_temperature_are_not_called_ignored(tmp_path):
    rows = [
        row | {"problem_idx": f"{i}", "problem": f"{i}?", "answer": f"{'so ' * 300}{i}",
               "correct": False, "idx_answer": j, "output_tokens": 300}
        for i in range(12)
        for j, row in enumerate(logs.matharena_rows()[:4])
    ]  # fmt: skip
    path = logs.write_lines(tmp_path / "x.jsonl", rows)
    _, result = import_logs([path], tmp_path / "r", Options(allow_copies=True), workers=1)
    (found,) = [f for f in result.validity if "all completions are the same" in f.sentence]
    assert "a temperature that was not told: decoding seems to have been greedy" in found.sentence
    assert found.evidence["temperature"] is None


def test_a_withheld_text_of_a_sampled_run_is_a_text(tmp_path):
    """A server's filter leaves an empty text that was said; only a log's gap is none."""
    make(tmp_path / "r", lambda p, i: Drawn(text="", finish=FinishReason.FILTER), count=1, n=1)
    (row,) = map(json.loads, export(tmp_path / "r", "jsonl").paths[0].read_text().splitlines())
    assert (row["text"], row["finish_reason"]) == ("", "filter")
    assert msgspec.json.decode(export(tmp_path / "r", "eee").paths[0].read_bytes())["output"] == {
        "raw": [""], "reasoning_trace": None,
    }  # fmt: skip
