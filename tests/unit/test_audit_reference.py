"""An audit beside its reference, beside fresh problems, and under a policy."""

import re

import msgspec
import pytest

from reasonbench.audit import read_audit, run_audit
from reasonbench.cli.audit import show_audit
from reasonbench.cli.main import main
from reasonbench.errors import SpecError
from reasonbench.records import Interval
from reasonbench.report import markdown, page
from reasonbench.report.collect import Source, collect
from reasonbench.results import Difference, Role, VerdictWord
from reasonbench.results.gap import GapKind
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec
from reasonbench.store import Store
from reasonbench.verdict import decide

FRESH = "sums:20,fresh,40"
CONTROL = "sums:20,control,80"


def spec(**fields):
    base = {
        "model": ModelSpec(id="a"),
        "public": ("sums:20",),
        "n": 8,
        "engine": EngineSpec(name="fake", args={"leak": [f"{i:03d}" for i in range(20)]}),
        "sampling": SamplingSpec(max_tokens=50, temperature=1.0),
    }
    return AuditSpec(**{**base, **fields})


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reference") / "r"
    asked = spec(fresh=(FRESH,), reference=ModelSpec(id="base"))
    return directory, run_audit(asked, directory)


def test_public_stands_beside_fresh_and_beside_the_reference(audited):
    directory, audit = audited
    assert {t.role for t in audit.run.tasks} == {Role.PUBLIC, Role.FRESH}
    (gap,) = audit.gaps
    (model,) = gap.models
    assert [row.kind for row in model.rows] == [GapKind.PUBLIC, GapKind.REFERENCE]
    assert gap.reference == "base"
    assert audit.comparison.model_a == "base"
    assert audit.comparison.model_b == "a"
    assert {t.task for t in audit.comparison.tasks} == {t.spec.name for t in audit.run.tasks}
    assert read_audit(directory) == audit


def test_the_reference_is_sampled_on_every_task_and_not_twice(audited):
    directory, audit = audited
    run = directory / "checks" / "reference" / "run"
    with Store.read(run) as store:
        plan = store.latest_plan()
        first = len(store.sessions())
        assert [t.name for t in plan.tasks] == [t.spec.name for t in audit.run.tasks]
    again = run_audit(audit.spec, directory)
    assert again.gaps == audit.gaps
    with Store.read(run) as store:
        assert len(list(store.completions(plan.digest()))) == 8 * 40
        assert len(store.sessions()) <= first + 1


@pytest.fixture(scope="module")
def beside_two(tmp_path_factory):
    """An audit beside two models: each is an engine's own, so they differ by their draws."""
    directory = tmp_path_factory.mktemp("references") / "r"
    models = (ModelSpec(id="base"), ModelSpec(id="teacher"))
    return directory, run_audit(spec(fresh=(FRESH,), references=models), directory)


def test_every_reference_is_sampled_on_every_task_and_compared(beside_two):
    directory, audit = beside_two
    assert [c.model_a for c in audit.comparisons] == ["base", "teacher"]
    assert audit.comparison == audit.comparisons[0]
    tasks = {t.spec.name for t in audit.run.tasks}
    for found, name in zip(audit.comparisons, ("reference", "reference-2"), strict=True):
        assert found.a == str(directory / "checks" / name / "run")
        assert (found.model_b, {t.task for t in found.tasks}) == ("a", tasks)
        with Store.read(directory / "checks" / name / "run") as store:
            plan = store.latest_plan()
            assert plan.spec.model.id == found.model_a
            assert len(list(store.completions(plan.digest()))) == 8 * 40
    assert read_audit(directory) == audit


def test_the_first_reference_is_the_one_to_measure_by(beside_two, audited):
    _, audit = beside_two
    _, alone = audited
    assert audit.gaps[0].reference == "base"
    assert audit.gaps[0].models[0].rows == alone.gaps[0].models[0].rows
    assert audit.comparison.tasks == alone.comparison.tasks
    assert audit.limits == alone.limits


def test_the_report_and_the_terminal_show_every_reference(beside_two, tmp_path, capsys):
    directory, audit = beside_two
    data = collect(Source.load(directory))
    assert [m.label for m in data.models] == ["a", "base", "teacher"]
    assert [c.model_a for c in data.comparisons] == ["base", "teacher"]
    assert not [c.a for c in data.audit.comparisons if c.a.startswith("/")]
    paths = markdown.write(data, tmp_path / "r.md"), page.write(data, tmp_path / "r.html")
    for text in (path.read_text() for path in paths):
        for model in ("base", "teacher"):
            assert f"Collapse of diversity against {model} at K = 8" in text
        assert str(directory.parent) not in text
    show_audit(audit)
    said = capsys.readouterr().out
    for model in ("base", "teacher"):
        assert re.search(rf"sums against {model}: pass@1 [+-][\d.]+ points \(.*\); diversity", said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"references": ("base", "a")}, "the reference a is the model under audit itself"),
        ({"references": ("base", "base")}, "the reference base is given twice"),
        ({"references": ("base",), "reference": "x"}, "reference = x and references = base"),
    ],
)
def test_references_that_can_tell_nothing_are_refused(tmp_path, fields, said):
    models = {
        name: ModelSpec(id=value)
        if isinstance(value, str)
        else tuple(ModelSpec(id=v) for v in value)
        for name, value in fields.items()
    }
    with pytest.raises(SpecError, match=said):
        run_audit(spec(**models), tmp_path / "r")
    assert not (tmp_path / "r").exists()


FILE = """
public = ["sums:5"]
n = 2
model = {id = "a"}
engine = {name = "fake"}
sampling = {max_tokens = 50}
"""


@pytest.mark.parametrize(
    ("file", "flags", "expected"),
    [
        ('reference = {id = "base"}', [], ["base"]),
        ('references = [{id = "base"}, {id = "teacher"}]', [], ["base", "teacher"]),
        ('references = [{id = "base"}, {id = "teacher"}]', ["x"], ["x"]),
        ('reference = {id = "base"}', ["x", "y"], ["x", "y"]),
    ],
)
def test_a_file_lists_references_and_flags_take_their_place(
    tmp_path, monkeypatch, file, flags, expected
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.toml").write_text(FILE + file)
    given = [part for name in flags for part in ("--reference", name)]
    with pytest.raises(SystemExit) as ended:
        main(["audit", "audit.toml", "--out", "r", *given])
    assert ended.value.code == 0
    audit = read_audit(tmp_path / "r")
    assert [m.id for m in audit.spec.reference_models()] == expected
    assert [c.model_a for c in audit.comparisons] == expected


def test_without_them_the_audit_says_what_it_cannot_know(tmp_path):
    audit = run_audit(spec(), tmp_path / "r")
    assert audit.gaps == ()
    assert audit.comparison is None
    limits = " ".join(audit.limits)
    assert "No reference model was given" in limits
    assert "No fresh problems were given" in limits
    assert "No teacher traces were given" in limits
    assert "No published claim was given" in limits


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fresh": ("sums:20",)}, "given as public and as fresh"),
        ({"heldout": (FRESH,), "fresh": (FRESH,)}, "given as held out and as fresh"),
        ({"control": CONTROL}, "has no fresh task"),
    ],
)
def test_roles_that_do_not_fit_together_are_refused(tmp_path, fields, said):
    with pytest.raises(SpecError, match=said):
        run_audit(spec(**fields), tmp_path / "r")


def test_a_stopped_audit_is_set_beside_nothing_and_says_so(tmp_path):
    asked = spec(fresh=(FRESH,), reference=ModelSpec(id="base"), stop_after_successes=2)
    audit = run_audit(asked, tmp_path / "r")
    assert (audit.gaps, audit.comparison) == ((), None)


def test_the_policy_of_an_audit_decides_its_exit_code(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    text = """
public = ["sums:20"]
n = 4
[model]
id = "a"
[engine]
name = "fake"
[sampling]
max_tokens = 50
[reference]
id = "base"
[[gate.rules]]
task = "sums"
at_least = {bound}
[[gate.rules]]
task = "sums"
margin = 0.5
"""
    codes = []
    for bound in (0.001, 0.9999):
        (tmp_path / "audit.toml").write_text(text.replace("{bound}", str(bound)))
        with pytest.raises(SystemExit) as ended:
            main(["audit", "audit.toml", "--out", "r"])
        codes.append(ended.value.code)
        assert "gate: " in capfd.readouterr().err
    assert codes == [0, 1]
    assert read_audit(tmp_path / "r").spec.gate is not None


def test_a_gap_beyond_the_references_keeps_a_score_from_being_supported(audited):
    _, audit = audited
    gap = audit.gaps[0]
    rows = gap.models[0].rows
    high = [
        msgspec.structs.replace(v, interval=msgspec.structs.replace(v.interval, low=0.1, high=0.9))
        for v in rows[1].values
    ]
    row = msgspec.structs.replace(rows[1], values=tuple(high))
    model = msgspec.structs.replace(gap.models[0], rows=(rows[0], row))
    doubtful = msgspec.structs.replace(gap, models=(model,))
    task, benchmark = audit.run.tasks[0], audit.benchmarks[0]
    tight = Difference(
        name="public - heldout",
        k=1,
        value=0.0,
        level=0.95,
        method="m",
        interval=Interval(low=-0.05, high=0.05),
    )
    benchmark = msgspec.structs.replace(benchmark, differences=(tight,))
    assert decide(audit.run, task, benchmark).verdict is VerdictWord.SUPPORTED
    found = decide(audit.run, task, benchmark, gaps=[doubtful])
    assert found.verdict is VerdictWord.INCONCLUSIVE
    assert "larger than that of base" in found.sentence
