"""The audit of a stranger's engine: findings, the price of a leak, the verdict's rules."""

import gzip
import json

import msgspec
import pytest

from reasonbench.audit import assemble, load_audit, read_audit, run_audit
from reasonbench.errors import PluginError, SpecError, TraceError
from reasonbench.records import Counts
from reasonbench.results import Finding, FindingStatus, ScanSummary, VerdictWord
from reasonbench.run import execute
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec
from reasonbench.summary import estimate_pass_at_k

PUBLIC, HELDOUT = "sums:24,public,10", "sums:24,heldout,34"
SCAN = ScanSummary(documents=("t",), rows_read=9, rows_skipped={})
LEAKED = ["012", "017", "021", "030"]


def statement(number):
    return f"What do you get when you add the number {number} to the number {number * number}?"


def write_traces(path, numbers, others=(90, 91)):
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Please help!\n{statement(n)}"},
                {"content": "ok"},
            ]
        }
        for n in (*numbers, *others)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return str(path)


def spec(traces=(), args=None, **more):
    return AuditSpec(
        model=ModelSpec(id="m"),
        public=(more.pop("public", PUBLIC),),
        heldout=more.pop("heldout", (HELDOUT,)),
        traces=traces,
        n=more.pop("n", 16),
        engine=EngineSpec(name="fake", args=args or {}),
        sampling=SamplingSpec(max_tokens=100),
        **more,
    )


def test_leaked_problems_are_found_priced_and_called_inflated(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [12, 17, 21, 30])
    audit = run_audit(spec((traces,), {"leak": LEAKED}), tmp_path / "r")
    found = [f.problem_id for f in audit.findings if f.status is FindingStatus.CONTAMINATED]
    assert sorted(found) == sorted(LEAKED)
    (benchmark,) = audit.benchmarks
    assert benchmark.n_contaminated == 4
    assert benchmark.leaked[0].value == 1.0
    price = next(d for d in benchmark.differences if d.name == "all - clean" and d.k == 1)
    everything = audit.run.tasks[0].estimates[0].value
    assert price.value == pytest.approx(everything - benchmark.clean[0].value)
    assert price.interval.low < price.value < price.interval.high
    assert audit.verdicts[0].verdict is VerdictWord.INFLATED
    assert audit.statements["public/012"] == statement(12)


def test_a_leak_that_did_not_help_is_inconclusive(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [12, 17, 21, 30])
    audit = run_audit(spec((traces,)), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INCONCLUSIVE


def test_nothing_found_and_held_out_agreeing_supports_the_score(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [])
    easy = {"leak": [f"{i:03d}" for i in range(200)]}
    many = spec((traces,), easy, public="sums:60,public,10", heldout=("sums:60,heldout,100",), n=2)
    audit = run_audit(many, tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.SUPPORTED
    assert "None of 60 problems stands in the traces" in audit.verdicts[0].sentence


def test_too_few_problems_to_exclude_an_inflation_support_nothing(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [])
    audit = run_audit(spec((traces,)), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INCONCLUSIVE
    assert "is not excluded" in audit.verdicts[0].sentence


@pytest.mark.parametrize("content", [b"", b"junk\n[1]\n"])
def test_traces_of_which_nothing_can_be_read_are_refused_before_sampling(tmp_path, content):
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="not one row of the traces can be searched"):
        run_audit(spec((str(path),)), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_rows_that_could_not_be_read_stand_in_the_verdicts_sentence(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [])
    with open(traces, "a") as file:
        file.write("junk\n" * 9)
    audit = run_audit(spec((traces,)), tmp_path / "r")
    assert "9 rows of them could not be read" in audit.verdicts[0].sentence


def test_a_k_beyond_n_is_refused_before_sampling(tmp_path):
    with pytest.raises(SpecError, match="k = 8 needs at least 8 completions a problem, got n = 4"):
        run_audit(spec(n=4, ks=(8,)), tmp_path / "r")


def test_held_out_problems_that_stand_in_the_traces_are_no_baseline(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [34, 35, 36])
    audit = run_audit(spec((traces,), {"leak": ["034", "035", "036"]}), tmp_path / "r")
    (benchmark,) = audit.benchmarks
    assert benchmark.n_heldout_dropped == 3
    gap = next(d for d in benchmark.differences if d.name == "public - heldout" and d.k == 1)
    public, heldout = audit.run.tasks
    rest = [c.c / c.n for c in heldout.problems if c.problem_id not in ("034", "035", "036")]
    assert gap.value == pytest.approx(public.estimates[0].value - sum(rest) / len(rest))
    assert any("3 held-out problems stand in the traces" in limit for limit in audit.limits)


def test_a_held_out_set_that_leaked_whole_is_said_to_have(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", range(34, 58))
    audit = run_audit(spec((traces,)), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INCONCLUSIVE
    assert "all 24 held-out problems stand in the traces themselves" in audit.verdicts[0].sentence


def test_a_report_of_a_directory_that_was_run_again_is_refused_and_the_file_is_not(tmp_path):
    audit = run_audit(spec(n=2), tmp_path / "r")
    assert load_audit(tmp_path / "r") == audit
    execute(spec(n=4).run_spec(), tmp_path / "r")
    with pytest.raises(SpecError, match="run or graded again after its audit"):
        load_audit(tmp_path / "r")
    assert load_audit(tmp_path / "r" / "audit.json") == audit


def test_the_price_of_a_leak_is_of_the_problems_that_have_a_score(tmp_path):
    counts = [
        *(Counts(problem_id=f"a{i}", n=8, c=8, c_if_truncated_right=8) for i in range(4)),
        *(Counts(problem_id=f"b{i}", n=0, c=0, c_if_truncated_right=0) for i in range(4)),
        *(Counts(problem_id=f"c{i}", n=8, c=2, c_if_truncated_right=2) for i in range(8)),
    ]
    audit = run_audit(spec(n=2), tmp_path / "r")
    task = msgspec.structs.replace(
        audit.run.tasks[0],
        problems=tuple(counts),
        estimates=estimate_pass_at_k(counts, (1,), n_max=8),
    )
    run = msgspec.structs.replace(audit.run, tasks=(task,))
    findings = [
        Finding(
            task="public", problem_id=c.problem_id, detector="d", status=FindingStatus.CONTAMINATED
        )
        for c in counts[:8]
    ]
    priced = assemble(
        msgspec.structs.replace(audit.spec, ks=(1,), n=8), run, [], findings=findings, scan=SCAN
    )
    price = next(d for d in priced.benchmarks[0].differences if d.name == "all - clean")
    assert task.estimates[0].value == 0.5
    assert price.value == pytest.approx(0.5 - 0.25)


def test_a_detector_that_raises_is_named_before_anything_is_sampled(tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [])
    with pytest.raises(PluginError, match="the detector 'raising' failed: ValueError: boom"):
        run_audit(spec((traces,), detectors=("raising",)), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_no_traces_and_no_held_out_set_decide_nothing_and_say_so(tmp_path):
    audit = run_audit(spec(heldout=()), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INCONCLUSIVE
    assert any("No teacher traces were given" in limit for limit in audit.limits)
    assert any("No held-out problems were given" in limit for limit in audit.limits)


def test_missing_completions_make_the_verdict_invalid(tmp_path):
    audit = run_audit(spec(args={"fail_at": [0]}), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INVALID


def test_a_run_that_was_mostly_cut_off_is_invalid(tmp_path):
    audit = run_audit(spec(args={"truncate": 0.9}), tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INVALID
    assert "cut off" in audit.verdicts[0].sentence


def test_a_public_score_above_the_held_out_one_without_a_leak_is_inconclusive(tmp_path):
    leak = [f"{i:03d}" for i in range(10, 34)]
    run = spec(args={"leak": leak}, heldout=("sums:24,heldout,60",))
    audit = run_audit(run, tmp_path / "r")
    assert audit.verdicts[0].verdict is VerdictWord.INCONCLUSIVE
    assert "higher" in audit.verdicts[0].sentence


def test_an_audit_is_read_back_equal_from_its_file_and_its_folder(tmp_path):
    audit = run_audit(spec(), tmp_path / "r")
    assert read_audit(tmp_path / "r") == audit
    assert read_audit(tmp_path / "r" / "audit.json") == audit


def test_a_run_that_was_never_audited_can_be_reported(tmp_path):
    run = spec().run_spec()
    result = execute(run, tmp_path / "r")
    audit = load_audit(tmp_path / "r")
    assert [t.problems for t in audit.run.tasks] == [t.problems for t in result.tasks]
    assert audit.scan is None


def test_an_audit_of_another_schema_is_refused(tmp_path):
    (tmp_path / "audit.json").write_text('{"schema_version": 99}')
    with pytest.raises(SpecError, match="is not an audit of schema version 1"):
        read_audit(tmp_path / "audit.json")


def test_traces_that_are_not_there_are_refused_before_sampling(tmp_path):
    with pytest.raises(TraceError, match="there is no trace file"):
        run_audit(spec((str(tmp_path / "no.jsonl"),)), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_task_cannot_be_public_and_held_out_at_once(tmp_path):
    with pytest.raises(SpecError, match="choose one"):
        run_audit(spec(heldout=(PUBLIC,)), tmp_path / "r")


def test_rows_that_cannot_be_searched_are_counted_in_the_audit(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    good = json.dumps({"text": statement(12)}).encode()
    path.write_bytes(
        gzip.compress(good + b"\n{broken\n\xff\xfe\n[1]\n{}\n\n" + good + b'\n{"text": "cut')
    )
    audit = run_audit(spec((str(path),)), tmp_path / "r")
    assert audit.scan.rows_read == 2
    assert audit.scan.rows_skipped == {
        "not JSON": 2,
        "not UTF-8": 1,
        "not a JSON object": 1,
        "no text": 1,
    }
    assert audit.scan.examples[0].endswith("t.jsonl.gz:2: not JSON")
