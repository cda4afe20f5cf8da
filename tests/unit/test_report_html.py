"""The HTML report: nothing hostile leaves its place, nothing is loaded, all can be read back."""

import base64
import gzip
import hashlib
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import foreign_logs as logs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_audits import PUBLIC, audited
from page_checks import ATTRIBUTES, ELEMENTS, Seen
from page_payloads import MARKUP, PAYLOADS, hostile_audit
from validity_runs import Drawn, make_run, problems_of, result_of

from reasonbench import plugins
from reasonbench.audit import assemble, read_audit, run_audit, write_audit
from reasonbench.errors import SpecError, StoreWriteError
from reasonbench.graders.exact import ExactGrader
from reasonbench.importing import import_logs
from reasonbench.interchange.import_report import Options
from reasonbench.records import FinishReason, Interval, Verdict
from reasonbench.report import carried, markdown, page, svg
from reasonbench.report.blocks import Bullets, Chart, Details, Heading, Paragraph, Table, Verbatim
from reasonbench.report.collect import Source, collect
from reasonbench.report.data import bare, portable
from reasonbench.report.evidence import evidence_of, found_of, shared
from reasonbench.report.surroundings import read_surroundings
from reasonbench.report.templating import render as fill
from reasonbench.report.templating import source, templates
from reasonbench.report.text import percent, visible
from reasonbench.report.verdicts import deciding_rule
from reasonbench.results import (
    FindingStatus,
    FreshGap,
    Match,
    ModelCheck,
    Role,
    VerdictWord,
)
from reasonbench.results.comparison import Comparison
from reasonbench.results.gap import GapKind, GapRow, GapValue, ModelGap
from reasonbench.specs import AuditSpec, Claim, EngineSpec, ModelSpec, SamplingSpec
from reasonbench.store import Store

LONG = 1_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    audited(folder / "a")
    audited(folder / "b", model="tooth-1b", leaked=0, seed=1)
    hostile_audit(folder / "h")
    return folder


@pytest.fixture(scope="module")
def data(runs):
    return collect(Source.load(runs / "a"), [Source.load(runs / "b")])


@pytest.fixture(scope="module")
def hostile(runs):
    return collect(Source.load(runs / "h"))


@pytest.fixture(scope="module", params=["a", "h"])
def text(request, data, hostile):
    return page.render({"a": data, "h": hostile}[request.param]).html


@pytest.fixture(scope="module")
def seen(text):
    return Seen(text)


def test_a_page_holds_no_element_and_no_attribute_but_our_own(seen):
    assert {tag for tag, _ in seen.tags} <= ELEMENTS
    assert {name for _, values in seen.tags for name in values} - ATTRIBUTES <= {
        "data-sort",
        "data-number",
        "data-difficulty",
        "data-date",
        "data-family",
    }
    assert "pwned" not in seen.classes
    assert all(link.startswith("#") for link in seen.links)


def test_the_parser_of_the_standard_sees_the_same_elements(text, seen):
    html5lib = pytest.importorskip("html5lib")
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"))
    tree = parser.parse(text)
    assert parser.errors == []
    names = [e.tag.rpartition("}")[2].lower() for e in tree.iter() if isinstance(e.tag, str)]
    assert sorted(names) == sorted(tag for tag, _ in seen.tags)


def test_every_hostile_text_is_shown_as_it_is(hostile):
    seen = Seen(page.render(hostile).html)
    flat = " ".join(seen.shown.split())
    for text in PAYLOADS:
        assert " ".join(visible(text[:300]).split()) in flat


def test_nothing_invisible_stands_in_the_file(text):
    assert [c for c in set(text) if c != "\n" and visible(c) != c] == []


def test_the_policy_allows_this_style_and_this_script_alone(seen):
    (policy,) = [m["content"] for m in seen.metas if m.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        digest = base64.b64encode(hashlib.sha256(seen.raw[tag].encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert set(rules) == {
        "default-src",
        "style-src",
        "script-src",
        "img-src",
        "base-uri",
        "form-action",
    }


def test_the_script_never_makes_markup_of_text_and_the_style_loads_nothing():
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function("):
        assert word not in source("page.js")
    assert not re.search(r"url\(|@import|expression", source("page.css"))
    for file in templates().glob("*.j2"):
        assert not re.search(r"\|\s*safe|\bon[a-z]+=|style=", file.read_text()), file.name


def test_ids_are_unique_and_every_link_leads_somewhere(seen):
    assert len(seen.ids) == len(set(seen.ids))
    assert {link[1:] for link in seen.links} <= set(seen.ids)


def test_every_chart_has_a_name_a_description_and_a_table(text):
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    drawn = [figure for figure in figures if "<svg" in figure]
    assert len(drawn) == text.count("<svg") > 2
    for figure in drawn:
        assert re.search(r'<svg role="img"[^>]*>\s*<title>[^<]+</title>\s*<desc>[^<]+<', figure)
        assert "<table" in figure


def test_the_page_carries_its_data_and_reads_it_back(data, hostile, tmp_path):
    for number, each in enumerate((data, hostile)):
        file = page.write(each, tmp_path / f"{number}.html")
        assert carried.read(file) == each
        assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == []
        assert page.render(carried.read(file)).html == file.read_text()
        assert markdown.render(carried.read(file)) == markdown.render(each)


def test_no_character_of_the_data_can_end_its_script(hostile):
    seen = Seen(page.render(hostile).html)
    assert not set("<>&") & set(seen.raw["application/json"])
    found = msgspec.json.decode(seen.raw["application/json"])
    assert MARKUP[1] in found["data"]["audit"]["statements"].values()


def test_the_first_screen_holds_the_verdict_its_numbers_and_the_strongest_evidence(data):
    seen = Seen(page.render(data).html)
    start = seen.shown[: seen.shown.index("Contents")] + seen.shown
    card = start[: start.index("What would change it")]
    audit = data.audit
    assert "INFLATED" in card
    for estimates in (audit.run.tasks[0].estimates, audit.benchmarks[0].clean):
        assert percent(estimates[0].value) in card
    assert "claimed" in card
    assert "fresh" in card
    assert found_of(data)[0].matches[0].text[:60] in card
    assert "reasonbench audit tooth-7b" in start[: start.index("Validity")]


def test_the_pieces_of_evidence_lead_to_their_problems_and_back(data):
    text = page.render(data).html
    assert text.count('<article class="ev"') == len(evidence_of(data)) == 6
    first = evidence_of(data)[0]
    assert f'href="#p-{first.problem_number}"' in text
    assert data.problems[first.problem_number - 1].id == first.problem_id
    assert "why this may be a false positive" in text


def test_a_machines_folders_stand_nowhere(runs, data, tmp_path):
    audit = read_audit(runs / "a")
    documents = (str(tmp_path / "x" / "t.jsonl"), str(tmp_path / "y" / "t.jsonl"), "rel/t.jsonl")
    moved = msgspec.structs.replace(
        audit,
        command=("/usr/bin/reasonbench", "audit", "m", f"--traces={documents[0]}", documents[1]),
        spec=msgspec.structs.replace(audit.spec, traces=documents),
        scan=msgspec.structs.replace(audit.scan, documents=documents),
    )
    here = Comparison(
        a=str(tmp_path / "a"), b=str(tmp_path / "b"), model_a="m", model_b="n", level=0.95,
        tasks=(), notes=(),
    )  # fmt: skip
    found = portable(msgspec.structs.replace(moved, comparison=here, further_comparisons=(here,)))
    assert [(c.a, c.b) for c in found.comparisons] == [("a", "b")] * 2
    assert found.scan.documents == ("x/t.jsonl", "y/t.jsonl", "rel/t.jsonl")
    assert found.command[3:] == ("--traces=t.jsonl", "t.jsonl")
    assert str(tmp_path).encode() not in msgspec.json.encode(found)
    text = page.render(data).html
    assert str(runs) not in text


def test_a_line_of_a_megabyte_is_cut_and_said_to_be(runs):
    audit = read_audit(runs / "a")
    finding = next(f for f in audit.findings if f.matches)
    match = msgspec.structs.replace(finding.matches[0], text="<" * LONG)
    long = msgspec.structs.replace(
        audit,
        findings=(msgspec.structs.replace(finding, matches=(match,)),),
        statements={f"{finding.task}/{finding.problem_id}": "x" * LONG},
        limits=("&" * LONG,),
    )
    text = page.render(bare(long)).html
    body = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert len(body) < 100_000
    assert body.count(f"({LONG - 3000:,} more characters)") == 2


def test_lone_surrogates_are_shown_by_their_code_points(runs):
    audit = read_audit(runs / "a")
    odd = msgspec.structs.replace(audit, limits=("a \ud800 b",))
    assert "a \\<U+D800\\> b" in markdown.render(bare(odd))
    assert "&lt;U+D800&gt;" in Paragraph("a \ud800 b").html()


BLOCKS = {
    "paragraph": Paragraph,
    "heading": Heading,
    "bullets": lambda t: Bullets((t, t)),
    "table": lambda t: Table((t, t), ((t, t),), t),
    "verbatim": lambda t: Verbatim(t, t),
    "details": lambda t: Details(t, (Paragraph(t),)),
    "chart": lambda t: Chart(
        t,
        svg.lines(t, t, [svg.Series(t, [svg.Mark(1, 0.5), svg.Mark(2, 0.6)], 0)],
                  svg.log_axis(t, [1, 2]), svg.share_axis(t)),
        Table((t,), ((t,),)), "", t,
    ),
    "ranges": lambda t: Chart(
        t, svg.ranges(t, t, [svg.Range(t, 0.5, 0.1, 0.9, 0)], svg.share_axis(t)),
        Table((t,), ((t,),)),
    ),
    "bars": lambda t: Chart(
        t, svg.bars(t, t, [svg.Stack(t, [1, 2], 0)], [t, t, t], x=t, y=t), Table((t,), ((t,),)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_no_block_lets_a_hostile_text_become_markup(name):
    expected = [tag for tag, _ in Seen(str(BLOCKS[name]("harmless").html())).tags]
    for text in PAYLOADS:
        seen = Seen(str(BLOCKS[name](text).html()))
        assert [tag for tag, _ in seen.tags] == expected, text
        assert {a for _, values in seen.tags for a in values} <= ATTRIBUTES, text
        assert "pwned" not in seen.classes


class Old:
    """A section of a stranger who knows Markdown alone."""

    title = "An <old> part"

    def render(self, audit):
        class Block:
            def markdown(self):
                return "| **bold** <b>x</b> |"

        return [Block(), Paragraph("a paragraph")]


def test_a_block_that_knows_markdown_alone_is_shown_as_it_is(data):
    text = page.render(data, parts=[Old()]).html
    assert "<pre>\n| **bold** &lt;b&gt;x&lt;/b&gt; |</pre>" in text.replace("<pre>\n\n", "<pre>\n")
    assert "<p>a paragraph</p>" in text
    assert "An &lt;old&gt; part" in text


def test_a_strangers_section_stands_in_both_forms_after_ours(data):
    for text in (Seen(page.render(data).html).shown, markdown.render(data)):
        assert text.index("A stranger's part") > text.index("Method and limits")
        assert "written by a stranger" in text


def test_a_template_refuses_a_value_that_is_not_there():
    with pytest.raises(TypeError, match="nothing to print"):
        fill("paragraph", text=None)
    with pytest.raises(Exception, match="text"):
        fill("paragraph")


def parts_of(folder):
    return sorted(p.name for p in folder.iterdir())


def test_evidence_that_does_not_fit_goes_into_a_folder_and_is_read_from_there(data, tmp_path):
    file = tmp_path / "r.html"
    whole = len(page.render(data).html)
    page.write(data, file, limit=whole + 3_000)
    text, folder = file.read_text(), tmp_path / "r.evidence"
    kept = text.count('<article class="ev"')
    assert 0 < kept < 6
    assert len(text.encode()) < whole
    assert parts_of(folder) == ["data.json", f"evidence-{kept + 1}-6.html"]
    seen = Seen(text)
    assert f"r.evidence/evidence-{kept + 1}-6.html" in seen.links
    assert f"{6 - kept} more pieces of evidence do not fit" in seen.shown
    beside = Seen((folder / f"evidence-{kept + 1}-6.html").read_text())
    assert [i for i in beside.ids if re.fullmatch(r"ev-\d+", i)] == [
        f"ev-{i}" for i in range(kept + 1, 7)
    ]
    assert carried.read(file) == data


def test_a_page_without_its_folder_says_what_is_missing_and_another_folder_is_refused(
    data, tmp_path
):
    file = tmp_path / "r.html"
    page.write(data, file, limit=1)
    whole = tmp_path / "r.evidence" / "data.json"
    text = whole.read_bytes()
    whole.write_bytes(text + b" ")
    with pytest.raises(SpecError, match="is not the data that"):
        carried.read(file)
    whole.unlink()
    found = carried.read(file)
    assert found.notes[-1].startswith("6 pieces of evidence stood in the folder r.evidence")
    assert evidence_of(found) == ()
    assert found.audit.verdicts == data.audit.verdicts


def test_a_report_that_fits_again_clears_its_own_folder_alone(data, tmp_path):
    file = tmp_path / "r.html"
    page.write(data, file, limit=1)
    page.write(data, file)
    assert parts_of(tmp_path) == ["r.html"]
    page.write(data, file, limit=1)
    (tmp_path / "r.evidence" / "mine.txt").write_text("kept")
    page.write(data, file)
    assert parts_of(tmp_path / "r.evidence") == ["mine.txt"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(data, tmp_path):
    (tmp_path / "r.html").mkdir()
    with pytest.raises(StoreWriteError, match=r"r\.html cannot be written"):
        page.write(data, tmp_path / "r.html")
    assert parts_of(tmp_path) == ["r.html"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"<p>no report</p>", "holds no data"),
        (carried.OPENING + b"{}" + carried.CLOSING, "is not a report's"),
        (carried.OPENING + b"[" * 5000 + carried.CLOSING, "is not a report's"),
        (carried.OPENING + b"\xff" + carried.CLOSING, "is not a report's"),
        (carried.OPENING * 2, "holds no data"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(text, why, tmp_path):
    (tmp_path / "x.html").write_bytes(text)
    with pytest.raises(SpecError, match=why):
        carried.read(tmp_path / "x.html")


def test_data_of_another_schema_and_a_file_too_large_are_refused(data, tmp_path, monkeypatch):
    file = page.write(msgspec.structs.replace(data, schema_version=99), tmp_path / "x.html")
    with pytest.raises(SpecError, match="schema version 99"):
        carried.read(file)
    monkeypatch.setattr(carried, "MAX_READ", 1000)
    with pytest.raises(SpecError, match="more than 1,000 bytes"):
        carried.read(file)


def test_a_bare_run_an_audit_alone_and_a_run_without_traces_have_a_report(runs, tmp_path):
    make_run(tmp_path / "run")
    run = collect(Source.load(tmp_path / "run"))
    text = Seen(page.render(run).html).shown
    assert "no teacher traces were searched" in text
    assert "Accuracy against the token budget" in text
    (tmp_path / "audit.json").write_bytes((runs / "a" / "audit.json").read_bytes())
    alone = collect(Source.load(tmp_path / "audit.json"))
    text = Seen(page.render(alone).html).shown
    assert "only its audit was given, without the run directory" in text
    assert "Accuracy against the token budget" not in text
    assert "Problem by problem" in text
    assert [t.curve for t in alone.models[0].tasks] == [
        t.curve for t in collect(Source.load(runs / "a")).models[0].tasks
    ]


def test_an_audits_file_beside_its_run_shows_the_completions_too(runs):
    given_run, given_file = (
        collect(Source.load(p)) for p in (runs / "a", runs / "a" / "audit.json")
    )
    assert given_run == given_file
    assert collect(Source.of(read_audit(runs / "a"))) == given_run


def test_an_invalid_run_says_so_in_its_card_and_its_tables(tmp_path):
    def cut(problem, index):
        return Drawn(
            finish=FinishReason.LENGTH,
            n_tokens=1000,
            verdict=Verdict.INCORRECT,
            reason="truncated",
            answer=None,
        )

    make_run(tmp_path / "run", cut, problems=problems_of("cut", 12))
    result = result_of(tmp_path / "run")
    tasks = tuple(msgspec.structs.replace(t, role=Role.PUBLIC) for t in result.tasks)
    audit = assemble(
        AuditSpec(model=ModelSpec(id="m"), public=("cut",), n=8),
        msgspec.structs.replace(result, tasks=tasks),
        [],
    )
    write_audit(audit, tmp_path / "run")
    text = page.render(collect(Source.load(tmp_path / "run"))).html
    assert 'class="card v-invalid"' in text
    assert "INVALID: the numbers of cut are no scores." in text
    assert "INVALID: cut: 12 problems" in text
    assert "rule 1" in text


def test_models_beside_it_stand_in_the_curves_the_grid_and_the_comparison(data):
    assert [m.label for m in data.models] == ["tooth-7b", "tooth-1b"]
    shown = Seen(page.render(data).html).shown
    assert "Collapse of diversity against tooth-1b" in shown
    assert "The models beside it" in shown
    assert data.models[1].tasks[0].curve != data.models[0].tasks[0].curve
    flat = markdown.render(data).replace("\\", "")
    assert "| task | problem | found | tooth-7b | tooth-1b |" in flat


def test_two_models_of_one_name_are_told_apart_and_what_has_no_run_is_said(runs, tmp_path):
    (tmp_path / "audit.json").write_bytes((runs / "a" / "audit.json").read_bytes())
    found = collect(Source.load(runs / "a"), [Source.load(tmp_path / "audit.json")])
    assert [m.label for m in found.models] == ["tooth-7b (1)", "tooth-7b (2)"]
    assert any("not compared problem by problem" in note for note in found.notes)
    assert found.comparisons == ()


def test_claims_are_marks_in_the_curve_and_rows_in_the_card(runs):
    audit = read_audit(runs / "a")
    claim = Claim(task=PUBLIC, metric="pass@1", value=0.987, n=4)
    spec = msgspec.structs.replace(
        audit.spec, model=msgspec.structs.replace(audit.spec.model, claims=(claim,))
    )
    again = assemble(
        spec, audit.run, [], findings=audit.findings, scan=audit.scan, checks=audit.checks
    )
    text = page.render(collect(Source(again, runs / "a"))).html
    assert "claimed: 98.7% pass@1" in text
    assert '<th scope="row">claimed (pass@1)</th>' in text
    assert 'class="mark cross"' in text


def test_the_split_by_date_and_the_fresh_gap_are_drawn(data):
    text = page.render(data).html
    assert "Before and after the cutoff: olympiad_public" in text
    span = Interval(low=0.1, high=0.3)
    row = GapRow(
        kind=GapKind.PUBLIC,
        values=(
            GapValue(k=1, value=0.2, interval=span, method="m", n_first=9, n_second=9),
            GapValue(k=2, value=None, interval=None, method="m", n_first=0, n_second=0),
        ),
        shows="this",
        cannot_show="that",
    )
    model = ModelGap(model="m", runs=("/home/x/runs/r",), public=(), fresh=(), rows=(row,))
    gap = FreshGap(
        public=PUBLIC, fresh="f", control=None, reference=None, level=0.9, models=(model,)
    )
    audit = portable(msgspec.structs.replace(data.audit, gaps=(gap,)))
    text = page.render(bare(audit)).html
    assert "Public against fresh problems" in text
    assert "+10.0 to +30.0" in text
    assert "/home" not in text


def check(status):
    return ModelCheck(
        detector="completion/1", task=PUBLIC, measure="m", status=status, value=None, level=0.95,
        details={}, sentence="s", cannot_show="c",
    )  # fmt: skip


def test_the_rule_that_decided_is_named(data):
    audit, benchmark = data.audit, data.audit.benchmarks[0]
    line = audit.verdicts[0]
    replace = msgspec.structs.replace
    clean = replace(benchmark, n_contaminated=0)
    gap = next(d for d in benchmark.differences if d.name == "public - heldout" and d.k == 1)

    def held(low):
        other = replace(gap, interval=Interval(low=low, high=0.9))
        return replace(clean, differences=(other,))

    unsure = replace(line, verdict=VerdictWord.INCONCLUSIVE)
    suspect = replace(audit, checks=(check(FindingStatus.SUSPECT),))
    assert [
        deciding_rule(audit, replace(line, verdict=word), benchmark)
        for word in ("INVALID", "INFLATED", "UNSUPPORTED", "SUPPORTED")
    ] == [1, 2, 3, 7]
    assert deciding_rule(audit, unsure, benchmark) == 2
    assert deciding_rule(audit, unsure, replace(clean, differences=())) == 8
    assert deciding_rule(audit, unsure, held(0.01)) == 4
    assert deciding_rule(suspect, unsure, held(-0.1)) == 6
    assert deciding_rule(replace(audit, checks=()), unsure, held(-0.1)) == 8


WORDS = st.lists(st.sampled_from(["a", "B", "12", "+", "<b>", "\u4e2d", " ", "\n"]), max_size=30)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_marked_texts_are_the_texts_and_the_marks_are_the_same_on_both_sides(one, other):
    left, right = " ".join(one), " ".join(other)
    sides = shared(left, right)
    assert tuple("".join(s.text for s in side) for side in sides) == (left, right)
    marked = [{s.mark: s.text for s in side if s.mark} for side in sides]
    assert marked[0].keys() == marked[1].keys()
    for number, text in marked[0].items():
        fold = [re.findall(r"\w+|[^\w\s]", t.casefold()) for t in (text, marked[1][number])]
        assert fold[0] == fold[1]


def test_numbers_that_differ_are_left_unmarked():
    left, right = shared("If 12 cogs turn one big wheel", "If 99 cogs turn one big wheel")
    assert [s.text for s in left if s.mark] == ["cogs turn one big wheel"]
    assert [s.text for s in right if not s.mark] == ["If 99 "]


@settings(deadline=None)
@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=9))
def test_a_logarithmic_axis_holds_all_its_values_and_few_ticks(values):
    axis = svg.log_axis("k", values)
    assert all(0 <= axis.at(v) <= 1 for v in values)
    assert len(axis.ticks) <= 10
    assert all(a[0] < b[0] for a, b in itertools.pairwise(axis.ticks))


@settings(deadline=None)
@given(st.floats(0, 1e12))
def test_an_axis_of_numbers_reaches_its_highest(value):
    axis = svg.number_axis("y", value)
    assert axis.high >= value
    assert 2 <= len(axis.ticks) <= 7


@given(st.lists(st.none() | st.floats(0, 1), max_size=9))
def test_a_sparkline_has_a_character_for_each_value(values):
    line = svg.sparkline(values)
    assert len(line) == len(values)
    assert [c == " " for c in line] == [v is None for v in values]


def test_the_commands_html_and_markdown_are_those_of_the_page_that_it_carries(runs, cli):
    done = cli("report", runs / "a", "--compare", runs / "b", "--html", "1.html", "--md", "1.md")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "report: 1.html\nreport: 1.md\n"
    again = cli("report", "--from", "1.html", "--html", "2.html", "--md", "2.md")
    assert again.returncode == 0, again.stderr
    for ending in ("html", "md"):
        first, second = (Path(f"{i}.{ending}").read_text() for i in (1, 2))
        assert first == second
    named = cli("report", runs / "a", runs / "b", "--html", "3.html")
    assert named.returncode == 0, named.stderr
    assert Path("3.html").read_text() == Path("1.html").read_text()


def test_an_audit_comes_through_a_pipe(runs, tmp_path):
    text = (runs / "a" / "audit.json").read_bytes()
    command = [sys.executable, "-m", "reasonbench", "report", "-"]
    done = subprocess.run(
        [*command, "--html", "o.html"], cwd=tmp_path, input=text, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert carried.read(tmp_path / "o.html").audit == portable(read_audit(runs / "a"))
    for bad, why in ((b"", "stdin is not an audit"), (b"{}", "stdin is not an audit")):
        with pytest.raises(SpecError, match=why):
            Source.decode(bad, 100)
    audit = read_audit(runs / "a")
    odd = msgspec.structs.replace(audit, run=msgspec.structs.replace(audit.run, path="x" * 5000))
    assert Source.decode(msgspec.json.encode(odd), 10**9).directory is None
    with pytest.raises(SpecError, match="more than 3 bytes"):
        Source.decode(b"{{{{", 3)


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([], "name an audit or a run"),
        (["a", "--open"], "--open opens the HTML file"),
        (["a", "--html", "x", "--md", "./x"], "both name"),
        (["a", "--from", "x.html"], "name no run beside it"),
        (["-", "-"], "stdin holds one audit"),
        (["nowhere", "--html", "x"], "nowhere"),
        (["--from", "nowhere.html"], "there is no file nowhere.html"),
        (["a", "--html", "a/audit.json"], "--html a/audit.json would be written over"),
        (["a", "--html", "a/run.sqlite"], "--html a/run.sqlite would be written over"),
        (["--from", "x.html", "--html", "x.html"], "--html x.html would be written over"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(args, why, runs, warm):
    kept = {p.name: p.read_bytes() for p in (runs / "a").iterdir() if p.is_file()}
    done = warm("report", *args, cwd=runs)
    assert done.returncode == 2
    assert why in done.stderr
    assert kept == {p.name: p.read_bytes() for p in (runs / "a").iterdir() if p.is_file()}
    assert not (runs / "x").exists()


def test_the_method_names_a_presets_source_and_each_tasks_licence(data):
    replace = msgspec.structs.replace
    audit = data.audit
    task = audit.run.tasks[0]
    audit = replace(
        audit,
        spec=replace(audit.spec, model=replace(audit.spec.model, preset="qwq")),
        run=replace(
            audit.run, tasks=(replace(task, spec=replace(task.spec, license="CC-BY-4.0")),)
        ),
    )
    text = page.render(replace(data, audit=audit)).html
    assert "usage guidelines: never greedy" in text
    assert "licence CC-BY-4.0" in text
    assert "Chen et al. (2021)" in text


def test_the_grid_has_a_row_a_problem_with_what_it_sorts_by(data):
    text = page.render(data).html
    rows = re.findall(r'<tr data-number="(\d+)" data-difficulty="([\d.]+)" data-date="([^"]*)"'
                      r' data-family="([^"]*)"', text)  # fmt: skip
    assert len(rows) == len(data.problems) == 48
    for number, difficulty, date, family in rows:
        problem = data.problems[int(number) - 1]
        assert (date, family) == (problem.published.isoformat(), problem.family)
        task = next(t for t in data.models[0].tasks if t.task == problem.task)
        counts = next(c for c in task.problems if c.problem_id == problem.id)
        assert float(difficulty) == pytest.approx(1 - counts.c / counts.n, abs=1e-4)
    assert text.count('class="found"') == 6


def test_graders_that_differ_on_the_same_completions_are_counted(tmp_path):
    make_run(tmp_path / "run", count=6, n=4)
    second = plugins.GRADERS.load("math").identity
    with Store.create(tmp_path / "run", must_exist=True) as store:
        plan = store.latest_plan()
        items, problems = list(store.items(plan.digest())), list(store.problems(plan.digest()))
        grades = [g for g, _ in store.grades(plan.digest(), {"t": ExactGrader.identity})]
        right = next(g.key for g in grades if g.verdict is Verdict.CORRECT)
        other = store.add_plan(
            msgspec.structs.replace(plan, graders={"t": "math"}), problems, items
        )
        store.add_grades(
            other,
            [
                msgspec.structs.replace(
                    g, grader=second, verdict=Verdict.INCORRECT if g.key == right else g.verdict
                )
                for g in grades
            ],
        )
        store.add_plan(plan, problems, items)
    data = collect(Source.load(tmp_path / "run"))
    (found,) = data.disagreements
    assert (found.n_both, found.only_first, found.only_second) == (24, 1, 0)
    assert found.second == second
    text = Seen(page.render(data).html).shown
    assert "judged the same 24 completions" in text
    assert "differs on 1: 1 are right by" in text


def test_open_hands_the_file_to_the_systems_browser(runs, tmp_path, warm):
    opener = tmp_path / "xdg-open"
    opener.write_text('#!/bin/sh\necho "$1" >> opened\n')
    opener.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = warm(
        "report", runs / "a" / "audit.json", "--html", "o.html", "--open", cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 60
    while not (tmp_path / "opened").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "opened").read_text() == f"{tmp_path / 'o.html'}\n"


@pytest.mark.parametrize("log", [logs.inspect_zstd, logs.lm_eval, logs.matharena, logs.nemo])
def test_a_run_that_was_imported_from_a_log_has_a_page_and_markdown(log, tmp_path):
    _, result = import_logs([log(tmp_path)], tmp_path / "run", Options(), workers=1)
    data = collect(Source.load(tmp_path / "run"))
    shown, flat = Seen(page.render(data).html).shown, markdown.render(data).replace("\\", "")
    task = result.tasks[0]
    for text in (shown, flat):
        assert percent(task.estimates[0].value) in text
        assert "No problem was searched for in traces" in text
        for counts in task.problems:
            assert f"{counts.c}/{counts.n}" in text
        assert "not told by the log" in text
        assert str(tmp_path) not in text
    file = page.write(data, tmp_path / "o.html")
    assert carried.read(file) == data
    assert markdown.render(carried.read(file)).replace("\\", "") == flat


def test_the_sampling_of_an_imported_run_shows_what_the_log_tells_alone(tmp_path):
    import_logs([logs.nemo(tmp_path)], tmp_path / "run", Options(), workers=1)
    text = markdown.render(collect(Source.load(tmp_path / "run"))).replace("\\", "")
    (row,) = re.findall(r"^\| sampling \| (.*) \|$", text, re.MULTILINE)
    told, untold = row.split("not told by the log: ")
    assert "temperature" in untold
    assert "temperature" not in told
    assert "| seeds | not told by the log |" in text


def test_the_fresh_gap_stands_in_the_markdown_with_its_numbers_and_its_limits(data):
    span = Interval(low=0.1, high=0.3)
    value = GapValue(k=1, value=0.2, interval=span, method="m", n_first=9, n_second=9)
    row = GapRow(kind=GapKind.PUBLIC, values=(value,), shows="this", cannot_show="that")
    model = ModelGap(model="m", runs=("r",), public=(), fresh=(), rows=(row,), notes=("a note",))
    gap = FreshGap(
        public=PUBLIC, fresh="f", control=None, reference=None, level=0.9, models=(model,)
    )
    text = markdown.render(bare(msgspec.structs.replace(data.audit, gaps=(gap,))))
    part = text.replace("\\", "").split("## Contamination")[1].split("\n## ")[0]
    assert "### Public against fresh problems" in part
    assert f"| {GapKind.PUBLIC.value} | 1 | +20.0 | +10.0 to +30.0 | m |" in part
    assert "shows this. It does not show that." in part
    assert "- a note" in part


WORDS_AROUND = "Äpfel, " + "before " * 60, " after" * 60
STATEMENT = "What do you get when you add the number 12 to the number 144?"


def traced(folder, name="t.jsonl"):
    """Write an audit's run whose traces hold a statement within other words."""
    folder.mkdir()
    line = msgspec.json.encode({"text": STATEMENT.join(WORDS_AROUND)}) + b"\n"
    rows = b'{"text": "nothing of that"}\n\n' + line
    (folder / name).write_bytes(gzip.compress(rows) if name.endswith("gz") else rows)
    spec = AuditSpec(
        model=ModelSpec(id="m"),
        public=("sums:24,public,10",),
        traces=(str(folder / name),),
        n=2,
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=100),
    )
    run_audit(spec, folder / "run", command=("reasonbench", "audit"))
    return folder / "run"


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_evidence_shows_words_before_and_after_its_place(name, tmp_path):
    data = collect(Source.load(traced(tmp_path / "a", name)))
    (piece,) = [e for e in evidence_of(data) if e.text in STATEMENT]
    for around, wanted in ((piece.before, "before"), (piece.after, "after")):
        assert around.count(wanted) > 10
        assert len(around) < 200
    assert piece.before.startswith("… ")
    assert piece.after.endswith(" …")
    text = page.render(data).html
    assert f'<span class="around">{piece.before}</span>' in text
    assert f"Around it: {piece.before.strip()} " in markdown.render(data)
    assert str(tmp_path) not in text
    assert carried.read(page.write(data, tmp_path / "o.html")) == data
    page.write(data, tmp_path / "p.html", limit=1)
    assert "before before" not in (tmp_path / "p.html").read_text()
    assert carried.read(tmp_path / "p.html") == data


def test_a_place_that_its_file_no_longer_holds_stands_alone(tmp_path):
    run = traced(tmp_path / "a")
    file = tmp_path / "a" / "t.jsonl"
    whole = file.read_bytes()
    (first,) = collect(Source.load(run)).surroundings
    assert first.document == "t.jsonl"
    for text in (whole.replace(b"number 12", b"number 13"), b"{" * 9, whole[:40], b""):
        file.write_bytes(text)
        data = collect(Source.load(run))
        assert data.surroundings == ()
        assert evidence_of(data)[0].before == ""
    file.unlink()
    assert collect(Source.load(run)).surroundings == ()


def test_no_file_is_read_but_traces_that_the_audit_searched(tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"text": "key: 0123456789 and more"}\n')
    match = Match(
        document=str(secret),
        row=0,
        field="text",
        document_span=(0, 4),
        problem_span=(0, 4),
        text="key:",
    )
    assert read_surroundings([match], [match], [str(secret)])[0].after == " 0123456789 and more"
    assert read_surroundings([match], [match], []) == ()
    other = tmp_path / "secret.txt"
    secret.rename(other)
    moved = msgspec.structs.replace(match, document=str(other))
    assert read_surroundings([moved], [moved], [str(other)]) == ()


def test_a_piece_from_a_pipe_reads_no_file_without_its_run(tmp_path):
    run = traced(tmp_path / "a")
    audit = read_audit(run)
    assert Source.of(audit).directory is not None
    alone = collect(Source(audit, None))
    assert alone.surroundings == ()


def test_rows_of_a_table_are_found_as_those_of_lines_are(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "t.parquet"
    table = pyarrow.table({"text": [f"row {i} stands before é and after" for i in range(40)]})
    parquet.write_table(table, file, row_group_size=7)
    start = len(b"row 33 stands before ")
    match = Match(
        document=str(file),
        row=33,
        field="text",
        document_span=(start, start + 2),
        problem_span=(0, 2),
        text="é",
    )
    (found,) = read_surroundings([match], [match], [str(file)])
    assert (found.before, found.after) == ("row 33 stands before ", " and after")
