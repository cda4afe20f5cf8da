"""Published scores against measured ones."""

import pytest

from reasonbench.audit import run_audit
from reasonbench.report import markdown
from reasonbench.results import VerdictWord
from reasonbench.specs import AuditSpec, Claim, EngineSpec, ModelSpec, SamplingSpec


def audit(directory, *claims, limit=None, ks=(), **fields):
    made = tuple(Claim(**{"task": "sums", "metric": "pass@1", **claim}) for claim in claims)
    spec = AuditSpec(
        model=ModelSpec(id="a", claims=made),
        public=("sums:20",),
        n=8,
        ks=ks,
        limit=limit,
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=50, temperature=1.0),
        **fields,
    )
    return run_audit(spec, directory)


def test_a_claim_above_the_measured_interval_is_unsupported_with_both_numbers(tmp_path):
    found = audit(tmp_path / "r", {"value": 0.97, "source": "a card", "n": 64})
    (claim,) = found.claims
    assert claim.holds is False
    (line,) = found.verdicts
    assert line.verdict is VerdictWord.UNSUPPORTED
    assert "97.0% pass@1 was claimed at n = 64 (a card); measured" in line.sentence
    assert "at n = 8, temperature 1" in line.sentence
    assert line.sentence in markdown.render(found).replace("\\", "")


def test_a_claim_that_the_samples_allow_changes_no_verdict(tmp_path):
    measured = audit(tmp_path / "r").run.tasks[0].estimates[0].value
    found = audit(tmp_path / "r", {"value": measured})
    assert found.claims[0].holds is True
    assert found.verdicts[0].verdict is VerdictWord.INCONCLUSIVE


def test_more_than_was_claimed_is_said_and_holds(tmp_path):
    (claim,) = audit(tmp_path / "r", {"value": 0.01}).claims
    assert claim.holds is True
    assert "more was measured than claimed" in claim.sentence


@pytest.mark.parametrize("metric", ["accuracy", "Accuracy", "acc"])
def test_accuracy_is_pass_at_1(tmp_path, metric):
    (claim,) = audit(tmp_path / "r", {"value": 0.97, "metric": metric}).claims
    assert claim.holds is False


def test_a_metric_that_was_not_measured_is_told_and_decides_nothing(tmp_path):
    found = audit(tmp_path / "r", {"value": 0.97, "metric": "cons@64"})
    (claim,) = found.claims
    assert claim.holds is None
    assert "was not measured here" in claim.sentence
    assert "1 claims are of a metric that was not measured here." in found.limits
    assert found.verdicts[0].verdict is not VerdictWord.UNSUPPORTED


def test_a_claim_about_another_task_is_a_limit(tmp_path):
    found = audit(tmp_path / "r", {"value": 0.9, "task": "chess"})
    assert found.claims == ()
    assert "Claims about chess were not compared: no such task was run." in found.limits


def test_claims_are_held_against_the_same_k(tmp_path):
    found = audit(tmp_path / "r", {"value": 0.9, "metric": "pass@8"}, ks=(1, 8))
    (claim,) = found.claims
    assert claim.measured.k == 8
    assert claim.measured == found.run.tasks[0].estimates[-1]


def test_a_part_of_a_benchmark_is_held_to_the_wider_interval(tmp_path):
    found = audit(tmp_path / "r", {"value": 0.9}, limit=6)
    estimate = found.run.tasks[0].estimates[0]
    assert found.claims[0].holds is (estimate.superpopulation.high >= 0.9)
    wide = f"{100 * estimate.superpopulation.high:.1f}%"
    assert wide in found.claims[0].sentence
