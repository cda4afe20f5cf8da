"""Markdown that holds the audit's numbers and lets no hostile text out of its place."""

import datetime
import re

import msgspec
import pytest

from reasonbench.audit import run_audit
from reasonbench.records import Interval
from reasonbench.report import markdown
from reasonbench.report.blocks import Table, Verbatim
from reasonbench.report.text import (
    cell,
    fenced,
    interval,
    level_name,
    percent,
    points,
    visible,
)
from reasonbench.results import Match
from reasonbench.specs import AuditSpec, EngineSpec, ModelSpec, SamplingSpec

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b\n| --- |",
    "``` \n# heading\n````\n<img src=x onerror=y>",
    "[link](javascript:x) ![i](http://e)",
    "\u202eright to left\u2066 \u200bzero\ufeff",
    "\x1b[31mred\x1b]0;title\x07",
    "&lt;b&gt; *bold* _it_ ~~no~~ $x$ @user",
    "x" * 100_000,
    "\ud800 lone",
]


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    traces = folder / "t.jsonl"
    text = "What do you get when you add the number 12 to the number 144?"
    traces.write_text(f'{{"text": "{text}"}}\n')
    spec = AuditSpec(
        model=ModelSpec(id="some_model|<b>"),
        public=("sums:24,public,10",),
        heldout=("sums:24,heldout,60",),
        traces=(str(traces),),
        n=8,
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=100),
    )
    return run_audit(spec, folder / "run", command=("reasonbench", "audit"))


def test_the_report_holds_the_verdict_the_scores_the_evidence_and_the_method(audit):
    text = markdown.render(audit)
    (line,) = audit.verdicts
    assert line.verdict.value in text
    for estimate in audit.run.tasks[0].estimates:
        assert f"| {estimate.k} | {percent(estimate.value)} |" in text
    assert "add the number 12 to the number 144" in text
    assert "line 1 of" in text
    assert audit.run.engine.weights_digest in text
    for limit in audit.limits:
        assert cell(limit) in text


def test_a_strangers_section_comes_after_ours(audit):
    text = markdown.render(audit)
    assert text.index("## A stranger's part") > text.index("## Method and limits")
    assert "written by a stranger" in text


def test_what_a_reader_may_not_see_is_made_visible():
    assert visible("a\u202eb\u200bc\x1b") == "a<U+202E>b<U+200B>c<U+001B>"
    assert visible("tab\tand\nline") == "tab\tand\nline"


@pytest.mark.parametrize(
    "code",
    [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xE0100, 0xE01EF],
)
def test_invisible_letters_and_marks_are_made_visible_too(code):
    assert visible(f"a{chr(code)}b") == f"a<U+{code:04X}>b"


def test_marks_and_letters_that_show_are_left_as_they_are():
    text = "e\u0301 中 ไที่ \u2801 ✓ é"
    assert visible(text) == text


@pytest.mark.parametrize(
    ("level", "name"), [(0.95, "95%"), (0.999, "99.9%"), (0.29, "29%"), (0.9, "90%")]
)
def test_a_level_is_named_without_rounding(level, name):
    assert level_name(level) == name


@pytest.mark.parametrize("level", [0.8, 0.995])
def test_every_interval_in_the_report_is_named_by_its_own_level(audit, tmp_path, level):
    spec = msgspec.structs.replace(audit.spec, level=level)
    text = markdown.render(run_audit(spec, tmp_path / "run"))
    assert f"other problems ({level_name(level)})" in text
    assert f"same problems ({level_name(level)})" in text
    assert f"{level_name(level)} interval" in text.replace("\\", "")
    assert "95%)" not in text


def test_truncated_completions_are_said_to_bound_the_score(audit, tmp_path):
    spec = msgspec.structs.replace(
        audit.spec, engine=EngineSpec(name="fake", args={"truncate": 0.3})
    )
    cut = run_audit(spec, tmp_path / "run")
    task = cut.run.tasks[0]
    bound = sum(p.c_if_truncated_right / p.n for p in task.problems) / len(task.problems)
    assert bound > task.estimates[0].value
    flat = markdown.render(cut)
    assert f"Had all been right, pass@1 would be {percent(bound)}." in flat
    assert "Had all been right" not in markdown.render(audit)


def test_what_is_missing_is_told_with_its_reasons(audit, tmp_path):
    spec = msgspec.structs.replace(
        audit.spec, engine=EngineSpec(name="fake", args={"fail_at": [1]})
    )
    text = markdown.render(run_audit(spec, tmp_path / "run"))
    assert "24 completions not sampled; failures: 24 Timeout: no answer" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_cell(text):
    rows = Table(("a", "b"), ((text, "next"),)).markdown().splitlines()
    assert len(rows) == 3
    assert len(re.findall(r"(?<!\\)\|", rows[2])) == 3
    assert not re.search(r"(?<!\\)[<`*\[]", rows[2])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_literal_block(text):
    lines = fenced(text).splitlines()
    fence = lines[0].removesuffix("text")
    assert lines[-1] == fence
    assert all(not line.strip().startswith(fence) for line in lines[1:-1])
    assert Verbatim("x", text).markdown().encode()


def test_a_report_stays_below_one_mebibyte_and_says_that_it_was_cut(audit):
    finding = next(f for f in audit.findings if f.matches)
    many = [
        msgspec.structs.replace(finding, problem_id=f"{i}", matches=(_match(i),))
        for i in range(20_000)
    ]
    text = markdown.render(msgspec.structs.replace(audit, findings=tuple(many)))
    assert len(text.encode()) < 2**20
    assert text.endswith("The audit file holds it.*\n")


def _match(i):
    return Match(
        document="d", row=i, field="f", document_span=(0, 9), problem_span=(0, 9), text="y" * 1500
    )


def test_numbers_that_do_not_exist_are_dashes_not_zeros():
    assert (percent(None), points(None), interval(None)) == ("-", "-", "-")
    assert interval(Interval(low=0.1234, high=0.5)) == "12.3 to 50.0%"


def test_the_report_is_written_whole_or_not_at_all(audit, tmp_path):
    target = tmp_path / "sub" / "report.md"
    assert markdown.write(audit, target).read_text() == markdown.render(audit)
    assert [p.name for p in target.parent.iterdir()] == ["report.md"]


def test_the_time_in_the_report_is_the_audits_own(audit):
    other = msgspec.structs.replace(
        audit, created=datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC)
    )
    assert "2030-01-02" in markdown.render(other)
