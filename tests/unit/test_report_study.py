"""The report of a study: its numbers stand in both forms, and nothing hostile leaves its place."""

import re
import subprocess
import sys
from pathlib import Path

import html5lib
import msgspec
import pytest
from page_checks import ATTRIBUTES, ELEMENTS, Seen
from page_payloads import PAYLOADS
from study_reports import ARMS, BASE, KS, WHY, dose, hostile_report, leak_report, spec, study_report

from reasonbench.errors import SpecError
from reasonbench.records import Interval
from reasonbench.report import carried, markdown, page, study, svg
from reasonbench.report.data import inside_text
from reasonbench.report.study_cards import PLAIN, crossing_of
from reasonbench.report.study_source import is_study, load_study, portable_study
from reasonbench.report.study_view import largest_k, main_curve, sweep_of
from reasonbench.report.text import percent, points, points_interval, visible
from reasonbench.results.study import ArmVerdict, ArmWord, StudyPoint
from reasonbench.specs import ModelSpec

GOLDEN = Path(__file__).parents[1] / "data" / "study.md"
PARTS = [
    "The answer",
    "pass@k",
    "Along training",
    "Temperature",
    "Diversity among correct completions",
    "Planted items",
    "Trainings",
    "Problems and traces",
    "Method and limits",
]
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def report():
    return study_report()


@pytest.fixture(scope="module")
def hostile():
    return hostile_report()


@pytest.fixture(scope="module", params=["a", "h"])
def text(request, report, hostile):
    return html({"a": report, "h": hostile}[request.param])


def html(report):
    return page.render(study.document_of(report)).html


def md(report):
    return markdown.render(study.document_of(report))


def flat(report):
    return md(report).replace("\\", "")


def arm_of(report, name):
    return next(m for m in report.models if m.name == name)


def with_verdict(report, name, **fields):
    """Return the report with another verdict of one arm."""
    models = tuple(
        replace(m, verdict=replace(m.verdict, **fields)) if m.name == name else m
        for m in report.models
    )
    return replace(report, models=models)


def test_the_markdown_is_that_which_was_looked_at(report):
    assert md(report) == GOLDEN.read_text(), (
        "study.write_markdown(study_report(), tests/data/study.md) and read the difference"
    )


def test_the_parts_stand_in_order_in_both_forms(report):
    assert re.findall(r"^## (.*)$", flat(report), re.MULTILINE) == PARTS
    assert re.findall(r'<h2 id="s-\d+">(.*)</h2>', html(report)) == PARTS


def test_each_arm_has_a_card_with_its_word_its_differences_and_its_flags(report):
    shown = html(report)
    cards = re.findall(r'<article class="card v-(\w+)">(.*?)</article>', shown, re.DOTALL)
    assert [word for word, _ in cards] == [word.value for _, _, word, _ in ARMS.values()]
    for (name, (one, last, word, _)), (_, card) in zip(ARMS.items(), cards, strict=True):
        text = Seen(card).shown
        assert name in text
        if word is ArmWord.FAILED:
            assert WHY in text
            assert "<table" not in card
            continue
        deltas = arm_of(report, name).verdict.deltas
        for delta, mine, base in ((deltas[0], one, BASE[0]), (deltas[-1], last, BASE[1])):
            for value in (percent(mine), percent(base), points(delta.value)):
                assert value in text
            assert points_interval(delta.interval) in text
        dominated = word in (ArmWord.COLLAPSE, ArmWord.DEGRADATION)
        assert ("Temperature-dominated: the base at T = 0.6" in text) == dominated
        assert ('class="flag">temperature-dominated<' in card) == dominated
    assert "k* = 2.04 (1.2 to 3.47)" in cards[1][1]
    assert "solves fewer problems in 64 tries" in cards[1][1]
    assert "k*: none, better than the base at every k up to 64." in cards[3][1]


def test_what_is_open_is_said_by_the_intervals_not_by_the_word(report):
    shown = flat(report)
    assert "Open: no clear change at the first try, no clear change in 64 tries." in shown
    assert "Open: right more often at the first try, no clear change in 64 tries." in shown
    assert "no clear change at the first try, fewer problems solved in 64 tries." in shown


@pytest.mark.parametrize(
    ("crossing", "bounds", "told"),
    [
        (3.456, (2.0, None), "k* = 3.46 (2 to above 64): no better"),
        (1.0, (1.0, 1.5), "k* = 1 (1 to 1.5): no better"),
        (None, (None, None), "k*: none, better than the base at every k up to 64."),
        (
            None,
            (40.0, None),
            "k*: none, better than the base at every k up to 64 (40 to above 64).",
        ),
    ],
)
def test_the_crossing_is_told_with_its_bounds(crossing, bounds, told):
    verdict = ArmVerdict(
        word=ArmWord.COLLAPSE, sentence="", crossing=crossing, crossing_interval=bounds
    )
    assert crossing_of(verdict, 64).startswith(told)


def test_without_a_second_temperature_no_control_is_claimed(report):
    one = replace(report, spec=spec(temperatures=(1.0,)))
    shown = flat(with_verdict(one, "forward-kl", temperature_dominated=False))
    assert "No temperature control: the base was sampled at one temperature." in shown
    assert "Not temperature-dominated" not in shown
    assert "an arm's gain may be had by another one" in shown


def test_every_curve_stands_in_a_table_with_its_intervals_and_seeds(report):
    shown = flat(report)
    for model in report.models:
        curve = main_curve(report, model)
        if curve is None:
            continue
        cells = [
            f"{percent(p.value)} ({100 * p.interval.low:.1f} to {100 * p.interval.high:.1f}%)"
            for p in curve.pass_at_k
        ]
        assert f"| {model.name} | {' | '.join(cells)} |" in shown
        for name, values in curve.by_seed.items():
            assert f"seed {name} |" in shown
            assert f"| {percent(values[-1])} |" in shown


def test_the_curve_that_counts_is_the_last_steps_at_the_first_temperature(report):
    arm = arm_of(report, "sft-greedy-correct")
    found = main_curve(report, arm)
    assert (found.step, found.temperature, found.n) == (120, 1.0, 64)
    assert [c.temperature for c in sweep_of(report, arm)] == [1.0, 0.6, 0.3]
    assert {c.step for c in sweep_of(report, arm)} == {120}
    turned = replace(arm, curves=tuple(reversed(arm.curves)))
    assert main_curve(report, turned) == found
    assert largest_k(report) == KS[-1]


def test_the_trajectory_takes_the_largest_k_that_every_checkpoint_has(report):
    part = flat(report).split("## Along training")[1].split("\n## ")[0]
    assert "| step | pass@1 | pass@16 | n | cut off | mean tokens |" in part
    assert part.count("\n| 120 |") == part.count("\n| 1 |") == 4
    assert "wise-greedy" not in part


def test_an_interpolation_shows_what_it_has_above_its_source(report):
    arm = arm_of(report, "wise-greedy")
    gained = (
        StudyPoint(k=1, value=-0.004, interval=Interval(low=-0.02, high=0.01)),
        StudyPoint(k=64, value=0.115, interval=None),
    )
    verdict = replace(arm.verdict, source="sft-greedy-correct", regained=gained)
    models = tuple(replace(m, verdict=verdict) if m is arm else m for m in report.models)
    shown = flat(replace(report, models=models))
    assert (
        "Against sft-greedy-correct: -0.4 points at pass@1 (-2.0 to +1.0), +11.5 points at pass@64."
        in shown
    )


def test_what_failed_is_shown_as_failed_wherever_it_would_stand(report):
    shown = flat(report)
    assert "| gem | FAILED | - | - | - | - | - |" in shown
    assert shown.count("| gem | 0 | failed |") == shown.count("| gem | 1 | failed |") == 1
    assert f"gem, seed 1, failed: {WHY}" in shown
    assert "| gem | 0.0003 | failed | - | no |" in shown
    assert f"Dose 4 failed: {WHY}" in shown
    assert re.search(r"\| 4 \| 0 \| 0 \| - \| - \| - \| - \| failed \|", shown)
    assert "Arms that failed say nothing about their recipe." in shown


def test_a_seed_that_failed_beside_one_that_did_not_stands_on_the_card(report):
    models = tuple(
        replace(m, trainings=(m.trainings[0], replace(m.trainings[1], failed="the disk is full")))
        if m.name == "forward-kl"
        else m
        for m in report.models
    )
    shown = html(replace(report, models=models))
    assert "1 of 2 trainings failed." in shown
    assert "forward-kl, seed 1, failed: the disk is full" in shown


def test_unmatched_steps_are_said_to_be(report):
    assert "Every training took 120 optimizer steps of 32 sequences." in md(report)
    models = tuple(
        replace(m, trainings=tuple(replace(t, steps=90) for t in m.trainings))
        if m.name == "forward-kl"
        else m
        for m in report.models
    )
    assert "Optimizer steps are NOT matched: 90 to 120." in md(replace(report, models=models))


def test_the_dose_response_stands_with_recall_per_class_and_detectors(report):
    part = flat(report).split("## Planted items")[1].split("\n## ")[0]
    assert "| 16 | 1,569 | 384 | +47.0 | +42.0 to +52.0 | +1.2 | -3.8 to +6.2 | trained |" in part
    assert "| 16 | 6 of 6 (100.0%) | 4 of 6 (66.7%) | 2 of 6 (33.3%) | 0 of 6 (0.0%) |" in part
    assert "| 16 | others | 64 | +1.2 |" in part
    assert "| 16 | completion | items completed exactly | 25.5% | 2.0% | +23.5 |" in part
    assert "It could not be asked: no trace is long enough." in part


def test_a_study_of_doses_alone_and_one_of_arms_alone_have_a_report(report):
    shown = flat(replace(report, models=report.models[:2]))
    assert "Planted items, 16 copies each: pass@1 +47.0 points (+42.0 to +52.0)" in shown
    assert "## Along training" not in shown
    assert "Planted items" not in md(replace(report, doses=()))
    leak = flat(leak_report())
    assert leak.index(
        "| 16 | +47.0 (+42.0 to +52.0) | +1.2 (-3.8 to +6.2) | 12 of 24 |"
    ) < leak.index("| dose-16 | INCONCLUSIVE |")
    assert "4 doses, 1 of them failed, 2 seeds each" in leak
    assert "| 4 | failed | - | - | - |" in leak
    failed = tuple(replace(dose(4, 2), dose=d) for d in (0, 1))
    assert "no dose was trained to its end" in md(replace(report, doses=failed))


def test_a_study_in_which_nothing_could_be_measured_still_has_a_report(report):
    empty = tuple(
        replace(m, curves=(), diversity=(), trainings=(), tuned=(), verdict=None)
        for m in report.models
    )
    bare = replace(report, models=empty, doses=(), notes=())
    assert re.findall(r"^## (.*)$", flat(bare), re.MULTILINE) == [
        "The answer",
        "Problems and traces",
        "Method and limits",
    ]
    assert "<svg" not in html(bare)
    assert "<h1>" in html(replace(bare, models=()))


def test_points_without_an_interval_are_shown_without_one(report):
    def stripped(points):
        return tuple(replace(p, interval=None) for p in points)

    models = tuple(
        replace(
            m,
            curves=tuple(replace(c, pass_at_k=stripped(c.pass_at_k)) for c in m.curves),
            verdict=m.verdict and replace(m.verdict, deltas=stripped(m.verdict.deltas)),
        )
        for m in report.models
    )
    shown = flat(replace(report, models=models))
    assert "| base | 11.2% | 24.2% |" in shown
    assert "| sft-greedy-correct | COLLAPSE | pass@1 | 11.2% | 18.3% | +7.1 | - |" in shown


def test_how_problems_were_chosen_is_told_either_way(report):
    shown = md(report)
    assert "96 of 160 problems were compared" in shown
    assert "60 were dropped from the easy end and 4 from the hard end" in shown
    every = replace(report, selection=replace(report.selection, k=None, kept=160))
    assert "All 160 problems were compared" in md(every)


def test_the_method_names_versions_seeds_formulae_and_the_command(report):
    shown = flat(report)
    for text in ("trl 1.16.0", "| training seeds | 0, 1 |", "1 - C(n-c, k) / C(n, k)",
                 "arXiv 2107.03374", "digest sha256:3f9a51"):  # fmt: skip
        assert text in shown
    assert shown.rstrip().endswith("```text\nreasonbench study studies/collapse-cpu.toml\n```")


def test_a_page_holds_no_element_and_no_attribute_but_our_own(text):
    seen = Seen(text)
    assert {tag for tag, _ in seen.tags} <= ELEMENTS
    assert {name for _, values in seen.tags for name in values} <= ATTRIBUTES
    assert "pwned" not in seen.classes
    assert len(seen.ids) == len(set(seen.ids))
    assert {link[1:] for link in seen.links} <= set(seen.ids)


def test_the_parser_of_the_standard_sees_the_same_elements(text):
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"))
    tree = parser.parse(text)
    assert parser.errors == []
    names = [e.tag.rpartition("}")[2].lower() for e in tree.iter() if isinstance(e.tag, str)]
    assert sorted(names) == sorted(tag for tag, _ in Seen(text).tags)


def test_hostile_texts_are_shown_as_they_are_and_none_hides(hostile):
    text = html(hostile)
    assert [c for c in set(text) if c != "\n" and visible(c) != c] == []
    shown = " ".join(Seen(text).shown.split())
    for payload in PAYLOADS:
        assert " ".join(visible(inside_text(payload)[:150]).split()) in shown


def test_hostile_texts_stay_in_their_cells_of_the_markdown(hostile):
    lines = md(hostile).splitlines()
    inside = False
    for line in lines:
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            assert not re.search(r"(?<!\\)[<`]", line.replace("\\\\", "")), line


def test_every_chart_has_a_name_a_description_and_a_table(text):
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    drawn = [figure for figure in figures if "<svg" in figure]
    assert len(drawn) == text.count("<svg") > 10
    for figure in drawn:
        assert re.search(r'<svg role="img"[^>]*>\s*<title>[^<]+</title>\s*<desc>[^<]+<', figure)
        assert "<table" in figure


def test_nothing_is_drawn_outside_of_its_chart(report):
    for box, inside in re.findall(r'<svg role="img" viewBox="0 0 (\d+ \d+)">(.*?)</svg>',
                                  html(report), re.DOTALL):  # fmt: skip
        width, height = map(float, box.split())
        for x, y in re.findall(r'(?:points="|\s)(-?[\d.]+),(-?[\d.]+)', inside):
            assert -1 <= float(x) <= width
            assert -1 <= float(y) <= height
        for x, y in re.findall(r'class="mark \w+" d="M(-?[\d.]+) (-?[\d.]+)', inside):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


def test_the_page_carries_the_study_and_reads_it_back(report, hostile, tmp_path):
    for number, each in enumerate((report, hostile)):
        file = study.write_html(each, tmp_path / f"{number}.html")
        found = carried.read(file)
        assert found == portable_study(each)
        assert html(found) == file.read_text()
        assert md(found) == md(each)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.html", "1.html"]
    assert portable_study(report) == report


def test_a_page_that_is_too_large_stays_one_page(report):
    found = page.render(study.document_of(report), limit=1)
    assert found.further == {}
    assert found.html == html(report)


def test_data_of_another_schema_is_refused(report, tmp_path):
    file = study.write_html(replace(report, schema_version=99), tmp_path / "x.html")
    with pytest.raises(SpecError, match="schema version 99"):
        carried.read(file)


def test_a_machines_folders_stand_nowhere(report, tmp_path):
    path = str(tmp_path / "models" / "qwen 7b")
    moved = replace(
        report,
        spec=spec(teacher=ModelSpec(id=path), tasks=(f"rows:{tmp_path}/rows.jsonl",)),
        command=(f"{tmp_path}/bin/reasonbench", "study", f"{tmp_path}/s.toml"),
        versions={"torch": f"2.13 at {tmp_path}/lib"},
        notes=(f"{tmp_path}/bank/bank.parquet is damaged: see https://example.org/a/b",),
    )
    for text in (html(moved), md(moved)):
        assert str(tmp_path) not in text
        assert "qwen 7b" in text
        assert "bank.parquet is damaged: see https" in text
        assert "https://example.org/a/b" in text
        assert "s.toml" in text


def finished(folder, report):
    folder.mkdir()
    (folder / "study.json").write_bytes(msgspec.json.encode(report.spec))
    (folder / "report.json").write_bytes(msgspec.json.encode(report))
    return folder


def test_the_command_takes_a_directory_a_file_a_page_and_a_pipe(report, tmp_path, cli):
    folder = finished(tmp_path / "s", report)
    done = cli("report", folder, "--html", "1.html", "--md", "1.md")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "report: 1.html\nreport: 1.md\n"
    for i, args in ((2, (folder / "report.json",)), (3, ("--from", "1.html"))):
        done = cli("report", *args, "--html", f"{i}.html", "--md", f"{i}.md")
        assert done.returncode == 0, done.stderr
    piped = subprocess.run(
        [sys.executable, "-m", "reasonbench", "report", "-", "--html", "4.html", "--md", "4.md"],
        input=(folder / "report.json").read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    assert piped.returncode == 0, piped.stderr
    for ending in ("html", "md"):
        assert len({Path(f"{i}.{ending}").read_text() for i in range(1, 5)}) == 1
    assert Path("1.md").read_text() == md(report)
    plain = cli("report", folder)
    assert plain.stdout == md(report)


def test_a_report_may_be_written_into_the_studys_directory_but_over_none_of_its_files(
    report, tmp_path, cli
):
    folder = finished(tmp_path / "s", report)
    done = cli("report", folder, "--html", folder / "report.html")
    assert done.returncode == 0, done.stderr
    for option, name in (("--md", "report.json"), ("--html", "study.json"),
                         ("--md", "counts.parquet"), ("--html", "bank/bank.parquet")):  # fmt: skip
        done = cli("report", folder, option, folder / name)
        assert done.returncode == 2
        assert f"{option} {folder / name} would be written over" in done.stderr
    assert load_study(folder) == report


def test_what_is_no_finished_study_or_stands_beside_one_is_refused(report, tmp_path, cli):
    folder = finished(tmp_path / "s", report)
    beside = cli("report", folder, folder)
    assert (beside.returncode, "a study stands alone" in beside.stderr) == (2, True)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "study.json").write_text("{}")
    assert is_study(tmp_path / "t")
    done = cli("report", tmp_path / "t")
    assert done.returncode == 2
    assert "is not finished: there is no report.json" in done.stderr
    file = tmp_path / "odd.json"
    for text, why in (
        (msgspec.json.encode(replace(report, schema_version=99)), "schema version 99, not 1"),
        (b'{"selection":1,"bank":2,"models":3}', "is not a study's report"),
    ):
        file.write_bytes(text)
        with pytest.raises(SpecError, match=why):
            load_study(file)
        assert cli("report", file).returncode == 2


def test_every_verdict_has_plain_words_and_a_colour_of_its_own():
    style = (Path(page.__file__).parents[2] / "reports" / "templates" / "study.css").read_text()
    for word in ArmWord:
        assert PLAIN[word]
        assert f".v-{word.value}" in style or word is ArmWord.INCONCLUSIVE


def test_an_axis_of_shares_holds_its_values_and_few_ticks():
    for low, high in ((0.0, 1.0), (0.112, 0.249), (0.5, 0.5), (0.0, 0.0), (1.0, 1.0)):
        axis = svg.share_span("x", [low, high])
        assert axis.low <= low <= high <= axis.high
        assert axis.low < axis.high
        assert 2 <= len(axis.ticks) <= 8


def test_the_names_of_points_stand_clear_of_other_points():
    one = svg.Series("a", [svg.Mark(0.5, 0.5)], 0, names=("here",))
    crowd = svg.Series("b", [svg.Mark(0.54, 0.54), svg.Mark(0.54, 0.46)], 1)
    axes = svg.share_axis("x"), svg.share_axis("y")
    drawn = str(svg.lines("t", "d", [one, crowd], *axes))
    assert re.search(r'<text class="name end" x="[\d.]+" y="[\d.]+">here</text>', drawn)
