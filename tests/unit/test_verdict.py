"""The rules of the verdict, one by one, over numbers alone."""

import msgspec
import pytest

from reasonbench.records import Counts, EngineIdentity, Interval
from reasonbench.results import (
    BenchmarkAudit,
    Difference,
    FindingStatus,
    KindPrice,
    ModelCheck,
    RunResult,
    Severity,
    TaskResult,
    ValidityFinding,
    VerdictWord,
)
from reasonbench.specs import SamplingSpec, TaskSpec
from reasonbench.verdict import decide, invalid_for

RUN = RunResult(
    path="r",
    plan="p",
    engine=EngineIdentity(
        engine="e", model="m", revision=None, weights_digest="w", dtype="float32", versions={}
    ),
    sampling=SamplingSpec(max_tokens=77),
    grader_versions={},
    tasks=(),
)


def task(name="public", problems=20, n=8, **fields):
    counts = Counts(problem_id="x", n=n, c=n // 2, c_if_truncated_right=n)
    values = {
        "role": None,
        "n": 8,
        "problems": (counts,) * problems,
        "reasons": {},
        "ungraded": {},
        "n_truncated": 0,
        "n_unsampled": 0,
        "n_ungraded": 0,
        "failures": {},
        "estimates": (),
    }
    return TaskResult(spec=TaskSpec(name=name), **{**values, **fields})


def difference(name, value, low, high):
    interval = None if low is None else Interval(low=low, high=high)
    return Difference(name=name, k=1, value=value, interval=interval, level=0.95, method="m")


def benchmark(found=0, checked=20, dropped=0, *, leak=None, gap=None):
    differences = []
    if gap is not None:
        differences.append(difference("public - heldout", *gap))
    if leak is not None:
        differences.append(difference("leaked - clean", *leak))
        differences.append(difference("all - clean", *(x / 4 for x in leak)))
    return BenchmarkAudit(
        task="public",
        n_contaminated=found,
        n_checked=checked,
        n_rows_skipped=0,
        n_heldout_dropped=dropped,
        leaked=(),
        clean=(),
        differences=tuple(differences),
    )


UP, FLAT, TIGHT, DOWN = (0.4, 0.2, 0.5), (0.02, -0.2, 0.2), (0.0, -0.05, 0.05), (-0.5, -0.6, -0.4)
SOUND = task()

CASES = [
    ("a leak that pays", benchmark(5, leak=UP), "INFLATED", "40.0 points higher"),
    ("a leak that pays nothing", benchmark(5, leak=FLAT), "INCONCLUSIVE", "5 problems stand"),
    ("one leaked problem", benchmark(1, leak=FLAT), "INCONCLUSIVE", "1 problem stands"),
    ("a leak with one side ungraded", benchmark(5), "INCONCLUSIVE", "nothing was graded"),
    ("all leaked, no held-out set", benchmark(20), "INCONCLUSIVE", "all of them"),
    ("all leaked, held-out far below", benchmark(20, gap=UP), "INFLATED", "all of them"),
    ("all leaked, held-out alike", benchmark(20, gap=FLAT), "INCONCLUSIVE", "all of them"),
    ("none found, no held-out set", benchmark(), "INCONCLUSIVE", "there is no held-out set"),
    ("none found, held-out leaked", benchmark(dropped=9), "INCONCLUSIVE", "all 9 held-out"),
    ("none found, public far above", benchmark(gap=UP), "INCONCLUSIVE", "more than chance"),
    ("none found, too little data", benchmark(gap=FLAT), "INCONCLUSIVE", "up to 20.0 points"),
    ("none found, held-out equal", benchmark(gap=TIGHT), "SUPPORTED", "None of 20 problems"),
    ("none found, held-out easier", benchmark(gap=DOWN), "SUPPORTED", "are easier"),
    ("nothing searched, held-out equal", benchmark(0, 0, gap=TIGHT), "SUPPORTED", "No problem was"),
    ("nothing searched, no held-out set", benchmark(0, 0), "INCONCLUSIVE", "No problem was"),
    ("half searched, no held-out set", benchmark(0, 9), "INCONCLUSIVE", "Only 9 of 20 problems"),
]


@pytest.mark.parametrize(
    ("evidence", "word", "part"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_first_rule_that_holds_decides(evidence, word, part):
    line = decide(RUN, SOUND, evidence)
    assert line.verdict is VerdictWord(word)
    assert part in line.sentence
    assert line.would_change


BROKEN = [
    ("unsampled", task("t", n_unsampled=3), "t is incomplete: 3 completions are not sampled"),
    ("ungraded by failure", task("t", n_ungraded=4), "4 not graded"),
    ("nothing graded", task("t", n=0, ungraded={"gold_unparsed": 160}), "160 of 160"),
    ("many without a verdict", task("t", ungraded={"filtered": 30}), "30 of 190"),
    ("mostly cut off", task("t", n_truncated=81), "81 of 160 completions of t were cut off at 77"),
]


@pytest.mark.parametrize(("broken", "part"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
@pytest.mark.parametrize("side", ["public", "heldout"])
def test_a_run_that_measures_something_else_is_invalid_on_either_side(broken, part, side):
    public, heldout = (broken, [SOUND]) if side == "public" else (SOUND, [broken])
    line = decide(RUN, public, benchmark(5, leak=UP, gap=UP), heldout=heldout)
    assert line.verdict is VerdictWord.INVALID
    assert part in line.sentence


def test_a_few_without_a_verdict_or_cut_off_do_not_invalidate():
    some = task(ungraded={"filtered": 10}, n_truncated=60)
    assert decide(RUN, some, benchmark(gap=TIGHT)).verdict is VerdictWord.SUPPORTED


def test_nothing_found_is_never_support_by_itself():
    for gap in (None, UP, FLAT):
        assert decide(RUN, SOUND, benchmark(gap=gap)).verdict is VerdictWord.INCONCLUSIVE


def finding(severity=Severity.INVALID, task="public", sentence="the marks were stripped"):
    return ValidityFinding(
        code="c", severity=severity, task=task, sentence=sentence, evidence={}, source="s"
    )


def run_with(*findings):
    return msgspec.structs.replace(RUN, validity=findings)


@pytest.mark.parametrize("of", ["public", "heldout", None])
def test_scores_that_a_check_finds_to_be_none_are_invalid_for_its_reason(of):
    line = decide(
        run_with(finding(task=of)), SOUND, benchmark(5, leak=UP), heldout=[task("heldout")]
    )
    assert line.verdict is VerdictWord.INVALID
    assert line.sentence == "the marks were stripped"
    assert line.would_change == "a run in which this is mended (c)"


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.NOTE])
def test_a_warning_or_a_note_decides_no_verdict(severity):
    line = decide(run_with(finding(severity)), SOUND, benchmark(gap=TIGHT))
    assert line.verdict is VerdictWord.SUPPORTED


def test_a_finding_about_another_benchmark_decides_nothing():
    assert decide(run_with(finding(task="u")), SOUND, benchmark(gap=TIGHT)).verdict == "SUPPORTED"


def test_the_first_of_several_findings_is_the_reason_and_all_are_named():
    run = run_with(finding(task=None, sentence="first"), finding(sentence="second"))
    assert decide(run, SOUND, benchmark()).sentence == "first"
    assert [f.sentence for f in invalid_for(run, "public")] == ["first", "second"]
    assert [f.sentence for f in invalid_for(run, "other")] == ["first"]


def check(status):
    return ModelCheck(
        detector="completion/1",
        task="public",
        measure="m",
        status=status,
        value=None,
        level=0.95,
        details={},
        sentence="The model writes the rest of all items.",
        cannot_show="c",
    )


def test_a_suspect_check_of_the_model_keeps_a_score_from_being_supported():
    line = decide(RUN, SOUND, benchmark(gap=TIGHT), checks=[check(FindingStatus.SUSPECT)])
    assert line.verdict is VerdictWord.INCONCLUSIVE
    assert "The model writes the rest of all items." in line.sentence


@pytest.mark.parametrize("status", [FindingStatus.CLEAN, FindingStatus.NOT_CHECKED])
def test_other_checks_of_the_model_change_no_verdict(status):
    for evidence in (benchmark(gap=TIGHT), benchmark(5, leak=UP), benchmark(gap=UP)):
        plain = decide(RUN, SOUND, evidence)
        assert decide(RUN, SOUND, evidence, checks=[check(status)]) == plain


def test_a_suspect_check_alone_calls_no_score_inflated():
    for evidence in (benchmark(), benchmark(gap=FLAT), benchmark(gap=UP)):
        line = decide(RUN, SOUND, evidence, checks=[check(FindingStatus.SUSPECT)])
        assert line.verdict is VerdictWord.INCONCLUSIVE


def test_the_sentence_says_how_the_problems_leaked_where_a_detector_does():
    def leaked(*kinds):
        parts = tuple(
            KindPrice(kind=kind, n_problems=n, leaked=(), differences=()) for kind, n in kinds
        )
        return msgspec.structs.replace(benchmark(5, leak=UP), kinds=parts)

    told = decide(RUN, SOUND, leaked(("verbatim", 3), ("renumbered", 2))).sentence
    assert told.startswith("5 problems stand (3 verbatim, 2 renumbered) in the traces")
    assert decide(RUN, SOUND, leaked(("unclassed", 5))).sentence.startswith(
        "5 problems stand in the traces"
    )
