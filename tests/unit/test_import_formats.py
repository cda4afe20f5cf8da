"""Every format: pass@k of the run is that of the raw log, and what the log lacks is said."""

import json

import foreign_logs as logs
import numpy as np
import pytest

from reasonbench import stats
from reasonbench.errors import ReasonbenchError
from reasonbench.importing import import_logs
from reasonbench.interchange.import_report import Options
from reasonbench.interchange.recognise import FORMATS, read_log
from reasonbench.records import FinishReason
from reasonbench.store import Store
from reasonbench.summary import find_plan


def imported(path, out, **options):
    return import_logs([path], out, Options(**options), workers=1)


def completions(out):
    with Store.read(out) as store:
        return list(store.completions(find_plan(store).digest()))


@pytest.mark.parametrize("form", logs.ALL)
def test_the_format_is_recognised_by_content_whatever_the_name(tmp_path, form):
    path = logs.ALL[form](tmp_path)
    renamed = path.rename(tmp_path / "download.bin")
    assert read_log(renamed).format == form.split()[0]
    assert form.split()[0] in FORMATS


@pytest.mark.parametrize("form", logs.ALL)
def test_pass_at_k_is_that_of_the_raw_log(tmp_path, form):
    report, result = imported(logs.ALL[form](tmp_path), tmp_path / "run")
    (task,) = result.tasks
    n, c = [logs.N] * 3, list(logs.RIGHT.values())
    direct = stats.benchmark_pass_at_k(n, c, [1, 2, 4])
    assert [e.k for e in task.estimates] == [1, 2, 4]
    assert [e.value for e in task.estimates] == pytest.approx(direct.estimate, abs=1e-12)
    assert [(p.n, p.c) for p in task.problems] == list(zip(n, c, strict=True))
    assert report.tasks[0].effective_n == logs.N
    assert result.n_owed == 0


@pytest.mark.parametrize("form", logs.WITH_TARGETS)
def test_where_there_is_text_our_grader_judges_and_the_raw_text_is_kept(tmp_path, form):
    report, result = imported(logs.ALL[form](tmp_path), tmp_path / "run")
    assert next(iter(result.grader_versions.values())).startswith("math/")
    assert report.tasks[0].grader == "math"
    assert report.sources[0].trace_available
    drawn = completions(tmp_path / "run")
    assert [(c.problem_id[-1], c.sample_index) for _, c in drawn] == [
        (name[-1], i) for name, i in logs.samples()
    ]
    assert [c.text for _, c in drawn] == [logs.text(*s) for s in logs.samples()]


@pytest.mark.parametrize("form", ["inspect", "matharena", "eee"])
def test_scores_of_single_samples_are_compared_with_ours(tmp_path, form):
    report, _ = imported(logs.ALL[form](tmp_path), tmp_path / "run")
    assert (report.tasks[0].n_compared, report.tasks[0].n_agree) == (12, 12)
    assert report.disagreements == ()


@pytest.mark.parametrize(("form", "text"), [(f, "evalplus" in f) for f in logs.WITH_SCORES])
def test_where_nothing_can_be_graded_the_sources_scores_stand(tmp_path, form, text):
    report, result = imported(logs.ALL[form](tmp_path), tmp_path / "run")
    assert set(result.grader_versions.values()) == {"source/1"}
    assert report.sources[0].trace_available is text
    said = " ".join(report.sources[0].missing)
    assert ("12 of 12 samples have no text" in said) is not text


def test_lm_eval_takes_all_repeats_once_though_two_filters_repeat_the_rows(tmp_path):
    path = logs.lm_eval(tmp_path)
    assert len(path.read_text().splitlines()) == 6
    report, result = imported(path, tmp_path / "run")
    assert [p.n for p in result.tasks[0].problems] == [4, 4, 4]
    # Its own score is of the first repeat alone, as take_first has it.
    assert (report.tasks[0].n_compared, report.tasks[0].n_agree) == (3, 3)
    said = " ".join(report.sources[0].missing)
    assert "the filters strict, flexible" in said and "why each sample ended" in said
    assert result.engine.model == "maker/model" and result.sampling.temperature == 0.6
    assert result.sampling.max_tokens == 512 and result.engine.versions == {"lm-eval": "0.4.13"}


def test_lm_eval_without_its_results_says_what_is_not_known(tmp_path):
    path = logs.lm_eval(tmp_path).rename(tmp_path / "mine.jsonl")
    log = read_log(path)
    said = " ".join(log.missing)
    assert "no results file lies beside mine.jsonl" in said and "not name the model" in said
    assert all(sample.score is None for sample in log.samples)


def test_lm_eval_says_that_a_cut_thought_is_lost_and_a_document_is_missing(tmp_path):
    results = logs.lm_eval_results()
    results["config"]["model_args"] += ",think_end_token=</think>"
    rows = [row for row in logs.lm_eval_rows() if row["doc_id"] != 1]
    said = " ".join(read_log(logs.lm_eval(tmp_path, rows, results)).missing)
    assert "think_end_token" in said
    assert "count 3 documents, and the samples hold 2 in 4 rows; not there: doc_id 1" in said


def test_a_majority_vote_is_no_score_of_a_sample(tmp_path):
    results = logs.lm_eval_results()
    for entry in results["configs"]["sums"]["filter_list"]:
        entry["filter"].insert(1, {"function": "majority_vote"})
    assert all(s.score is None for s in read_log(logs.lm_eval(tmp_path, None, results)).samples)


@pytest.mark.parametrize("form", ["inspect", "inspect deflated", "inspect json"])
def test_inspect_tells_why_each_sample_ended_and_its_tokens(tmp_path, form):
    _, result = imported(logs.ALL[form](tmp_path), tmp_path / "run")
    drawn = [c for _, c in completions(tmp_path / "run")]
    assert [c.finish_reason for c in drawn[:2]] == [FinishReason.LENGTH, FinishReason.STOP]
    assert [c.n_tokens for c in drawn[:2]] == [512, 20] and drawn[0].n_prompt_tokens == 9
    assert result.engine.settings["finish_reason_available"] is True


def test_a_sample_of_inspect_that_failed_is_left_out_by_name(tmp_path):
    rows = [logs.inspect_sample(*s) for s in logs.samples()]
    rows[1]["error"] = {"message": "timeout"}
    log = read_log(logs.inspect_zstd(tmp_path, rows=rows))
    said = " ".join(log.missing)
    assert "1 samples ended in an error and are left out: p0 (epoch 2, sample 2)" in said
    assert "'p0' has 3 (rows 1, 3, 4)" in said


def test_lightevals_mean_is_compared_by_problem(tmp_path):
    report, result = imported(logs.lighteval(tmp_path), tmp_path / "run")
    (task,) = report.tasks
    # p2 has the mean 0, so each of its samples is wrong; the others are compared as a whole.
    assert (task.n_compared, task.problems_compared, task.problems_agree) == (4, 3, 3)
    assert task.name == "lighteval|sums|0" and result.engine.model == "maker/model"


def test_a_table_of_several_models_needs_a_choice(tmp_path):
    rows = [*logs.matharena_rows("a"), *logs.matharena_rows("b")]
    path = logs.write_table(tmp_path / "x.parquet", rows)
    with pytest.raises(ReasonbenchError, match=r"holds 2 models \(a, b\)"):
        read_log(path)
    assert len(read_log(path, model="b").samples) == 12
    with pytest.raises(ReasonbenchError, match="holds 2 models"):
        read_log(path, model="c")


def test_counts_of_several_tasks_and_any_size(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("task,problem_id,n,c\nx,1,300,7\nx,2,300,0\ny,1,300,300\n")
    _, result = imported(path, tmp_path / "run")
    for task, n, c in zip(result.tasks, [[300, 300], [300]], [[7, 0], [300]], strict=True):
        direct = stats.benchmark_pass_at_k(n, c, [e.k for e in task.estimates]).estimate
        assert np.allclose([e.value for e in task.estimates], direct, atol=1e-12)


def test_the_order_of_counted_samples_says_nothing(tmp_path):
    path = tmp_path / "counts.csv"
    rows = "".join(f"{i},16,{1 + i % 15}\n" for i in range(120))
    path.write_text("problem_id,n,c\n" + rows)
    _, result = imported(path, tmp_path / "run")
    assert [f.code for f in result.validity] == ["sampling_not_told"]


def test_problems_with_other_numbers_of_samples_weigh_alike_and_are_named(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("problem_id,n,c\na,4,2\nb,2,1\nc,4,0\n")
    report, result = imported(path, tmp_path / "run")
    by_k = {e.k: e for e in result.tasks[0].estimates}
    assert by_k[1].value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert (by_k[4].value, by_k[4].n_excluded) == (0.5, 1)
    assert "'b' has 2 (rows 3)" in " ".join(report.sources[0].missing)
    assert result.n_owed == 0 and not result.invalid


def test_numbers_of_repeats_that_begin_at_one_or_have_gaps_are_ranked(tmp_path):
    rows = [row | {"repeat": 10 * (row["repeat"] + 1)} for row in logs.nemo_rows()]
    imported(logs.write_lines(tmp_path / "r.jsonl", rows[::-1]), tmp_path / "run")
    indices = [c.sample_index for _, c in completions(tmp_path / "run")]
    assert indices == [0, 1, 2, 3] * 3


def test_our_own_exports_come_back_with_their_scores(tmp_path):
    from exported_runs import make
    from validity_runs import result_of

    from reasonbench.exporting import export

    make(tmp_path / "r")
    task = result_of(tmp_path / "r").tasks[0]
    first = [(p.problem_id, p.n, p.c) for p in task.problems]
    for form in ("lm-eval", "inspect", "eee"):
        paths = export(tmp_path / "r", form).paths
        path = next(p for p in paths if "samples" in p.name or p.suffix == ".eval")
        report, back = imported(path, tmp_path / form)
        assert [(p.problem_id, p.n, p.c) for p in back.tasks[0].problems] == first
        assert report.tasks[0].n_compared == report.tasks[0].n_agree == sum(n for _, n, _ in first)


def test_scores_beside_other_programs_are_refused(tmp_path):
    path = logs.evalplus(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(ReasonbenchError, match=r"3 samples of 'p2', and the results .* have 4"):
        read_log(path)


def test_an_answer_of_the_source_stands_beside_ours_where_they_differ(tmp_path):
    rows = logs.matharena_rows()
    rows[0] |= {"correct": False, "parsed_answer": "9"}
    report, _ = imported(logs.write_lines(tmp_path / "x.jsonl", rows), tmp_path / "run")
    (found,) = report.disagreements
    assert (found.problem_id, found.sample_index, found.row) == ("p0", 0, 1)
    assert (found.our_answer, found.source_answer, found.source_score) == ("10", "9", 0.0)
    kept = json.loads((tmp_path / "run" / "import.json").read_bytes())
    assert kept["disagreements"][0]["ours"] == "correct (ok)"
