"""The audit of a stranger's engine: findings, the price of a leak, the verdict's rules."""

import gzip
import json

import msgspec
import pytest
from click.testing import CliRunner

from reasonbench import plugins
from reasonbench.audit import assemble, load_audit, read_audit, run_audit
from reasonbench.cli.audit import audit as audit_command
from reasonbench.errors import PluginError, SpecError, TraceError
from reasonbench.records import Counts
from reasonbench.resources import embedded_traces
from reasonbench.results import Finding, FindingStatus, ScanSummary, VerdictWord
from reasonbench.run import execute
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec
from reasonbench.store.database import STORE_FILE
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
    with pytest.raises(SpecError, match="is not an audit of schema version 3"):
        read_audit(tmp_path / "audit.json")


def test_an_audit_of_an_older_schema_is_refused_though_it_can_be_decoded(tmp_path):
    audit = run_audit(spec(n=2), tmp_path / "r")
    old = msgspec.structs.replace(audit, schema_version=1)
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(old))
    with pytest.raises(SpecError, match="is an audit of schema version 1, not 3"):
        read_audit(tmp_path / "old.json")


def test_traces_that_are_not_there_are_refused_before_sampling(tmp_path):
    with pytest.raises(TraceError, match="there are no traces at"):
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
        "not JSON": 1,
        "last line is cut off": 1,
        "not UTF-8": 1,
        "not a JSON object": 1,
        "no text": 1,
    }
    assert audit.scan.examples[0].endswith("t.jsonl.gz:2: not JSON")


# --- the price, by kind of leak ----------------------------------------------------------


def counted(name, n, c):
    return Counts(problem_id=name, n=n, c=c, c_if_truncated_right=c)


def found(name, status=FindingStatus.CONTAMINATED, kind=None, detector="d/1"):
    return Finding(task="public", problem_id=name, detector=detector, status=status, kind=kind)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return an audit whose scores the tests replace."""
    return run_audit(spec(n=2), tmp_path_factory.mktemp("audit") / "r")


def priced(audit, counts, findings, **more):
    task = msgspec.structs.replace(
        audit.run.tasks[0],
        problems=tuple(counts),
        estimates=estimate_pass_at_k(counts, (1, 2), n_max=8),
    )
    run = msgspec.structs.replace(audit.run, tasks=(task,))
    asked = msgspec.structs.replace(audit.spec, ks=(1, 2), n=8)
    result = assemble(asked, run, [], findings=findings, scan=SCAN, **more)
    return result.benchmarks[0], task.estimates


def test_the_prices_of_the_kinds_add_up_to_that_of_the_whole_leak(measured):
    counts = [
        *(counted(f"v{i}", 8, 8) for i in range(6)),
        *(counted(f"r{i}", 8, 5) for i in range(3)),
        *(counted(f"u{i}", 8, 1) for i in range(2)),
        *(counted(f"c{i}", 8, 2) for i in range(13)),
    ]
    kinds = {"v": "verbatim", "r": "renumbered", "u": None}
    findings = [found(c.problem_id, kind=kinds[c.problem_id[0]]) for c in counts[:11]]
    findings += [found(c.problem_id, FindingStatus.CLEAN) for c in counts[11:]]
    benchmark, estimates = priced(measured, counts, findings)
    assert [(k.kind, k.n_problems) for k in benchmark.kinds] == [
        ("verbatim", 6),
        ("renumbered", 3),
        ("unclassed", 2),
    ]
    verbatim = benchmark.kinds[0]
    assert verbatim.leaked[0].value == 1.0
    for place, k in enumerate((1, 2)):
        prices = [
            next(d for d in kind.differences if d.name == "all - clean" and d.k == k)
            for kind in benchmark.kinds
        ]
        whole = estimates[place].value - benchmark.clean[place].value
        assert sum(p.value for p in prices) == pytest.approx(whole)
        assert prices[0].value == pytest.approx(
            6 / 24 * (verbatim.leaked[place].value - benchmark.clean[place].value)
        )
        assert all(p.interval.low < p.value < p.interval.high for p in prices)
    assert prices[2].value < 0
    assert prices[0].interval.low > 0


def test_a_problem_counts_under_its_gravest_finding(measured):
    counts = [counted("a", 8, 8), counted("b", 8, 8), counted("c", 8, 2), counted("d", 8, 2)]
    findings = [
        found("a", FindingStatus.SUSPECT, "paraphrased"),
        found("a", FindingStatus.CONTAMINATED, "verbatim", "e/1"),
        found("b", FindingStatus.CONTAMINATED, None, "exact/3"),
        found("b", FindingStatus.CONTAMINATED, "reformatted", "e/1"),
        found("c", FindingStatus.CLEAN, "partial"),
        found("d", FindingStatus.NOT_CHECKED),
    ]
    benchmark, _ = priced(measured, counts, findings)
    assert {k.kind: k.n_problems for k in benchmark.kinds} == {"verbatim": 1, "reformatted": 1}


def test_where_every_problem_leaked_a_kind_has_a_score_and_no_price(measured):
    counts = [counted("a", 8, 8), counted("b", 8, 6)]
    findings = [found("a", kind="verbatim"), found("b", kind="solution")]
    benchmark, _ = priced(measured, counts, findings)
    assert [k.differences for k in benchmark.kinds] == [(), ()]
    assert [k.leaked[0].value for k in benchmark.kinds] == [1.0, 0.75]


# --- the model's side --------------------------------------------------------------------

WIDE = ("sums:24,public,10",), ("sums:24,heldout,34",)


@pytest.fixture
def parrots(monkeypatch):
    """Make the engine ``parrot`` known: its model of that name knows sums 10 to 33 by heart."""
    engines = plugins.Registry(
        kind="engine",
        group="reasonbench.engines",
        protocol=plugins.protocols.Engine,
        builtins={"parrot": "parrot:Parrot"},
    )
    monkeypatch.setattr(plugins, "ENGINES", engines)


def parrot_spec(model="parrot", reference="novice", detectors=("completion",), **more):
    public, heldout = WIDE
    return AuditSpec(
        model=ModelSpec(id=model),
        public=public,
        heldout=heldout,
        reference=None if reference is None else ModelSpec(id=reference),
        detectors=detectors,
        n=2,
        engine=EngineSpec(name="parrot"),
        sampling=SamplingSpec(max_tokens=100),
        **more,
    )


def test_a_model_that_completes_the_benchmark_is_suspect_and_so_said(parrots, tmp_path):
    audit = run_audit(parrot_spec(), tmp_path / "r")
    (check,) = audit.checks
    assert check.status is FindingStatus.SUSPECT
    assert check.value.value == 1.0
    assert [(c.second.what, c.second.value) for c in check.contrasts] == [
        ("held out: heldout", 0.0),
        ("novice", 0.0),
    ]
    assert read_audit(tmp_path / "r") == audit
    assert load_audit(tmp_path / "r") == audit


def test_a_model_that_does_not_complete_it_is_clean(parrots, tmp_path):
    audit = run_audit(parrot_spec("novice", reference=None), tmp_path / "r")
    assert [c.status for c in audit.checks] == [FindingStatus.CLEAN]


class Said:
    """A Reporter that keeps its phases."""

    def __init__(self):
        self.phases = []

    def phase(self, name, *, total, done=0):
        self.phases.append((name, total - done))

    def __getattr__(self, name):
        return lambda *args, **more: None


def test_the_runs_of_a_check_are_kept_and_gone_on_with(parrots, tmp_path):
    first, again = Said(), Said()
    audit = run_audit(parrot_spec(), tmp_path / "r", reporter=first)
    assert [total for name, total in first.phases if name == "sampling"] == [96, 48, 48, 96]
    same = run_audit(parrot_spec(), tmp_path / "r", reporter=again)
    assert [total for name, total in again.phases if name == "sampling"] == []
    assert same.checks == audit.checks
    stores = sorted((tmp_path / "r").rglob(STORE_FILE))
    folders = [p.parent.relative_to(tmp_path / "r") for p in stores if "checks" in p.parts]
    assert [str(f) for f in folders] == [
        "checks/model/completion",
        "checks/reference/completion",
        "checks/reference/run",
    ]


def test_what_a_detector_lacks_stands_in_the_limits(parrots, tmp_path):
    audit = run_audit(
        parrot_spec(detectors=("overlap", "regurgitation", "cutoff", "perturbation")),
        tmp_path / "r",
    )
    assert [c.status for c in audit.checks] == [FindingStatus.NOT_CHECKED] * 3
    for start in (
        "regurgitation did not check public: no teacher traces were given",
        "cutoff did not check public: the model's cutoff is not known",
        "perturbation did not check public: none of its items has variants",
    ):
        assert sum(limit.startswith(start) for limit in audit.limits) == 1


def test_traces_that_no_detector_searches_are_said_not_to_be_searched(parrots, tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [12])
    audit = run_audit(parrot_spec(detectors=("regurgitation",), traces=(traces,)), tmp_path / "r")
    assert audit.scan is None
    assert any("No detector that searches the traces was asked for" in x for x in audit.limits)
    assert audit.checks[0].value.value == 0.0


def test_a_reference_is_compared_with_where_no_detector_asks_it(parrots, tmp_path):
    audit = run_audit(parrot_spec(detectors=("overlap",)), tmp_path / "r")
    assert audit.checks == ()
    assert audit.comparison is not None
    assert not (tmp_path / "r" / "checks" / "model").exists()


def test_a_model_cannot_be_its_own_reference(tmp_path):
    same = parrot_spec("m", reference="m")
    with pytest.raises(SpecError, match="the reference m is the model under audit itself"):
        run_audit(same, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_command_line_takes_detectors_of_both_sorts_and_a_reference(parrots, tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", [12])
    names = ["overlap", "completion", "cutoff"]
    result = CliRunner().invoke(
        audit_command,
        ["parrot", "--public", WIDE[0][0], "--heldout", WIDE[1][0], "--traces", traces]
        + [part for name in names for part in ("--detector", name)]
        + ["--reference", "novice", "--engine", "parrot", "-n", "2", "--max-tokens", "100"]
        + ["--out", str(tmp_path / "r"), "--format", "json"],
    )
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["spec"]["reference"]["id"] == "novice"
    assert [f["problem_id"] for f in shown["findings"] if f["status"] == "contaminated"] == ["012"]
    assert [(c["detector"], c["status"]) for c in shown["checks"]] == [
        ("completion/1", "suspect"),
        ("cutoff/1", "not_checked"),
    ]
    assert "completion: suspect." in (tmp_path / "r" / "report.md").read_text()


def test_the_shipped_student_replays_traces_of_what_leaked_and_its_base_does_not(tmp_path):
    pytest.importorskip("torch")
    audit = run_audit(
        AuditSpec(
            model=ModelSpec(id="embedded:student"),
            reference=ModelSpec(id="embedded:base"),
            public=("countdown_public",),
            traces=(str(embedded_traces()),),
            detectors=("overlap", "regurgitation"),
            n=3,
            limit=40,
            sampling=SamplingSpec(max_tokens=320),
        ),
        tmp_path / "r",
    )
    (check,) = audit.checks
    within, reference = check.contrasts
    assert within.first.n == audit.benchmarks[0].n_contaminated == 15
    assert within.first.value > within.second.value == 0.0
    assert reference.second.what == "embedded:base"
    assert reference.second.value == 0.0
    assert check.signs[0].place[0].endswith("student_traces.jsonl.zst")
