"""What decides a verdict: the problems and the completions, and no name, card or path."""

import shutil

import pytest
from click.testing import CliRunner

from reasonbench.audit import read_audit
from reasonbench.cli.audit import audit
from reasonbench.resources import embedded_model, embedded_traces
from reasonbench.results import FindingStatus, VerdictWord

CARD = "README.md"


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Audit the planted student and the base that saw no plant, each in the other's name.

    Each has the other's folder name and card, and the card of the student lists its plants.  Both
    are audited against the same traces under a third name.
    """
    folder = tmp_path_factory.mktemp("rules")
    traces = folder / "rows.jsonl.zst"
    shutil.copy(embedded_traces(), traces)
    found = {}
    for own, other in (("student", "base"), ("base", "student")):
        place = folder / other
        shutil.copytree(embedded_model(own), place)
        shutil.copy(embedded_model(other) / CARD, place / CARD)
        out = folder / f"run-{own}"
        asked = ["--public", "countdown_public", "--traces", traces, "-n", 2, "--max-tokens", 320]
        done = CliRunner().invoke(audit, [str(a) for a in (place, *asked, "--out", out)])
        assert done.exit_code == 0, done.output
        found[own] = read_audit(out)
    return found


def leaked(result):
    return {f.problem_id for f in result.findings if f.status is FindingStatus.CONTAMINATED}


def test_both_were_asked_the_same_and_the_same_stands_in_the_traces(audits):
    student, base = audits["student"], audits["base"]
    assert len(leaked(student)) == 24 and leaked(student) == leaked(base)
    assert student.run.engine.weights_digest != base.run.engine.weights_digest
    assert student.run.tasks[0].spec.content_digest == base.run.tasks[0].spec.content_digest


def test_the_planted_student_is_inflated_in_the_bases_name(audits):
    (line,) = audits["student"].verdicts
    assert audits["student"].spec.model.id.endswith("/base")
    assert line.verdict is VerdictWord.INFLATED, line.sentence


def test_the_base_is_not_inflated_in_the_students_name_beside_the_same_leak(audits):
    (line,) = audits["base"].verdicts
    assert audits["base"].spec.model.id.endswith("/student")
    assert line.verdict is not VerdictWord.INFLATED and line.verdict is not VerdictWord.INVALID
    assert "24 problems stand" in line.sentence
