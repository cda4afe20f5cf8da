"""Markdown that holds the audit's numbers and lets no hostile text out of its place."""

import datetime
import re

import msgspec
import pytest
from validity_runs import Drawn, honest, make_run, problems_of, result_of

from reasonbench.audit import assemble, run_audit
from reasonbench.cli.run import MAX_WARNINGS, show_run
from reasonbench.records import FinishReason, Interval, Verdict
from reasonbench.report import markdown
from reasonbench.report.blocks import Table, Verbatim
from reasonbench.report.text import (
    cell,
    fenced,
    interval,
    level_name,
    one_line,
    percent,
    points,
    visible,
)
from reasonbench.results import Match, Role, Severity, ValidityFinding, VerdictWord
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


EVIL = "evil\nINVALID: no\x1b[31m\u202e | <b>`"


def cut_off(problem, index):
    return Drawn(
        text=f"<think>\n{problem.id}, {index} and so on",
        finish=FinishReason.LENGTH,
        n_tokens=1000,
        verdict=Verdict.INCORRECT,
        reason="truncated",
        answer=None,
    )


def audited(result):
    tasks = tuple(msgspec.structs.replace(t, role=Role.PUBLIC) for t in result.tasks)
    result = msgspec.structs.replace(result, tasks=tasks)
    spec = AuditSpec(model=ModelSpec(id="m"), public=tuple(t.spec.name for t in tasks), n=8)
    return assemble(spec, result, [])


@pytest.fixture
def faulty(tmp_path):
    """Return a run of a sound task and one of a hostile name that the limit cut off."""
    problems = problems_of("sound", 24) + problems_of(EVIL, 24)
    return result_of(
        make_run(
            tmp_path / "run",
            lambda p, i: (cut_off if p.task == EVIL else honest)(p, i),
            problems=problems,
        )
    )


def test_a_report_marks_what_is_invalid_right_after_the_verdict(faulty):
    text = markdown.render(audited(faulty))
    parts = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert parts[:3] == ["Verdict", "Validity", "Scores"]
    validity, scores = (text.split(f"## {name}\n")[1].split("\n## ")[0] for name in parts[1:3])
    assert f"INVALID: the numbers of {cell(EVIL)} are no scores." in validity
    assert "- INVALID (truncation): 192 of 192 completions of" in validity
    assert "Rule: reasonbench: arithmetic" in validity
    assert f"*INVALID: {cell(EVIL)}: 24 problems" in scores
    assert "*sound: 24 problems" in scores
    assert "INVALID: sound" not in text


def test_a_report_of_a_sound_run_says_that_nothing_was_found(tmp_path):
    text = markdown.render(audited(result_of(make_run(tmp_path / "run"))))
    assert "No check of the run found anything that speaks against its scores." in text
    assert "INVALID" not in text


def test_the_verdict_of_an_invalid_benchmark_gives_the_findings_sentence(faulty):
    stripped = finding(Severity.INVALID, "sound", "The marks were stripped.")
    audit = audited(msgspec.structs.replace(faulty, validity=(stripped,)))
    by_task = {line.task: line for line in audit.verdicts}
    assert by_task["sound"].verdict == "INVALID"
    text = markdown.render(audit)
    assert "sound: INVALID. The marks were stripped." in text
    assert "*INVALID: the numbers of sound are no scores.*" in text


def test_differences_of_invalid_numbers_are_marked_too(audit):
    assert "| INVALID: public |" not in markdown.render(audit)
    (line,) = audit.verdicts
    invalid = msgspec.structs.replace(line, verdict=VerdictWord.INVALID)
    text = markdown.render(msgspec.structs.replace(audit, verdicts=(invalid,)))
    n_differences = len(audit.benchmarks[0].differences)
    assert text.count("| INVALID: public |") == n_differences > 0


def test_the_terminal_marks_each_invalid_table_and_no_other(faulty, capsys):
    show_run(faulty, "text")
    out = capsys.readouterr().out
    lines = out.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("INVALID: 192 of 192")]
    assert lines[at + 1].startswith("INVALID: evil INVALID: no<U+001B>[31m<U+202E>")
    assert any(line.startswith("sound: 24 problems") for line in lines[:at])
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_json_holds_the_findings_and_stderr_names_what_is_invalid(faulty, capsys):
    show_run(faulty, "json")
    out, err = capsys.readouterr()
    found = msgspec.json.decode(out)["validity"]
    assert [f["severity"] for f in found if f["code"] == "truncation"] == ["invalid"]
    assert err.startswith("INVALID: 192 of 192")


def finding(severity, task, sentence):
    return ValidityFinding(
        code="c", severity=severity, task=task, sentence=sentence, evidence={}, source="s"
    )


def test_at_most_five_warnings_are_printed_and_notes_are_not(tmp_path, capsys):
    sound = result_of(make_run(tmp_path / "run"))
    warnings = [finding(Severity.WARNING, None, f"trouble {i}\nforged: {i}") for i in range(8)]
    notes = [finding(Severity.NOTE, None, "by the way")]
    show_run(msgspec.structs.replace(sound, validity=(*warnings, *notes)), "text")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[:MAX_WARNINGS] == [f"warning: trouble {i} forged: {i}" for i in range(5)]
    assert lines[MAX_WARNINGS] == "and 3 more"
    assert "by the way" not in out + err
    assert "INVALID" not in out + err


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line_is_one_line_of_what_shows(text):
    shown = one_line(text)
    assert len(shown) <= 1000
    assert shown == " ".join(shown.split()) == visible(shown)
