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
from reasonbench.results import (
    Contrast,
    FindingStatus,
    KindPrice,
    Match,
    Measured,
    ModelCheck,
    Role,
    Severity,
    Sign,
    ValidityFinding,
    VerdictWord,
)
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
    n_prices = len(audit.benchmarks[0].kinds) * len(audit.spec.ks)
    assert text.count("| INVALID: public |") == n_differences + n_prices > n_prices > 0


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


def model_check(text="the rest of it", **fields):
    def side(what, value):
        span = Interval(low=value - 0.125, high=value + 0.125)
        return Measured(what=what, value=value, interval=span, n=24)

    values = {
        "detector": "completion/1",
        "task": "public",
        "measure": "items completed exactly",
        "status": FindingStatus.SUSPECT,
        "value": side("public", 0.75),
        "level": 0.95,
        "contrasts": (
            Contrast(
                first=side("public", 0.75),
                second=side("held out: heldout", 0.25),
                value=0.5,
                interval=Interval(low=0.3, high=0.7),
                method="m",
                decides=True,
            ),
        ),
        "details": {"mean overlap": 0.9},
        "signs": (
            Sign(problem_id="012", sample_index=0, text=text, place=("d/t.jsonl", 6), note="all"),
        ),
        "sentence": "The model writes the rest of 75.0% of 24 exactly.",
        "cannot_show": "A fixed wording is completed without having been seen.",
    }
    return ModelCheck(**(values | fields))


def contamination(audit):
    return markdown.render(audit).split("## Contamination\n")[1].split("\n## ")[0]


def test_a_check_of_the_model_shows_its_numbers_its_place_and_what_it_cannot_show(audit):
    text = contamination(msgspec.structs.replace(audit, checks=(model_check(),)))
    assert "- completion: suspect. The model writes the rest of 75.0% of 24 exactly." in text
    assert "A fixed wording is completed without having been seen." in text
    assert (
        "| public | completion: public | 75.0% | 62.5 to 87.5% | held out: heldout | 25.0% | "
        "12.5 to 37.5% | +50.0 | +30.0 to +70.0 | yes |"
    ) in text
    assert "completion: completion 0 of 012, all, as in line 7 of t.jsonl" in text
    assert "On the model's side" not in contamination(audit)


def test_a_check_that_could_not_be_made_says_why_in_its_place(audit):
    lacking = model_check(
        status=FindingStatus.NOT_CHECKED,
        value=None,
        contrasts=(),
        signs=(),
        sentence="cutoff did not check public: the model's cutoff is not known.",
    )
    text = contamination(msgspec.structs.replace(audit, checks=(lacking,)))
    assert "- cutoff did not check public: the model's cutoff is not known." in text
    assert "Each check, and what it is held against" not in text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_model_wrote_stays_in_its_place_in_a_check(audit, text):
    hostile = model_check(text, sentence=text, cannot_show=text)
    lines = contamination(msgspec.structs.replace(audit, checks=(hostile,))).splitlines()
    opening = next(i for i, line in enumerate(lines) if line.startswith("```"))
    fence = lines[opening].removesuffix("text")
    assert [i for i, line in enumerate(lines) if line == fence] == [len(lines) - 1]
    bullets = [line for line in lines[:opening] if line.startswith("- ")]
    assert len(bullets) == 1
    assert not re.search(r"(?<!\\)[<`*\[]", bullets[0])


def test_the_price_of_a_leak_stands_in_the_report_by_kind(audit):
    (benchmark,) = audit.benchmarks
    (kind,) = benchmark.kinds
    assert (kind.n_problems, kind.leaked[0].k) == (1, 1)
    named = msgspec.structs.replace(kind, kind="renumbered")
    other = KindPrice(kind="partial", n_problems=2, leaked=kind.leaked, differences=())
    shown = msgspec.structs.replace(benchmark, kinds=(named, other))
    text = contamination(msgspec.structs.replace(audit, benchmarks=(shown,)))
    price = next(d for d in kind.differences if d.name == "all - clean" and d.k == 1)
    everything = audit.run.tasks[0].estimates[0].value
    row = (
        f"{percent(kind.leaked[0].value)} | {percent(everything)} | "
        f"{percent(benchmark.clean[0].value)} | {points(price.value)} |"
    )
    assert f"| public | renumbered | 1 | 1 | {row}" in text
    assert "| public | partial | 2 | 1 |" in text
    assert "| public | any | 1 | 1 |" in text


def test_the_evidence_names_the_kind_the_channel_and_the_rate_of_false_findings(audit):
    findings = tuple(
        msgspec.structs.replace(f, kind="renumbered", channel="mid-trace", q_value=0.0123)
        if f.matches
        else f
        for f in audit.findings
    )
    text = markdown.render(msgspec.structs.replace(audit, findings=findings))
    assert "| contaminated | renumbered, mid-trace | 0.012 | 1 |" in text
