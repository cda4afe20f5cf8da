"""The page of a study in a real browser: it shows, prints and obeys; nothing hostile runs."""

import pytest
from browser import NARROW, WIDE, Chromium, accessibility, missing, nu_errors, parse_errors
from page_checks import HIDDEN, IN_VIEW, LOUD, OVERFLOW, UNSEEN
from study_reports import ARMS, hostile_report, study_report

from reasonbench.report import study

PAGES = ("study", "hostile")
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
BOTH = pytest.mark.parametrize("name", PAGES)
OPEN = "() => document.querySelectorAll('details').forEach(d => d.open = true)"
CUT = """() => [...document.querySelectorAll("svg")].flatMap(s => {
    const box = s.getBoundingClientRect();
    return [...s.querySelectorAll("text")].filter(t => { const r = t.getBoundingClientRect();
        return r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1; })
        .map(t => s.querySelector("title").textContent.slice(0, 60) + ": " + t.textContent); })"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    study.write_html(study_report(), folder / "study.html")
    study.write_html(hostile_report(), folder / "hostile.html")
    return folder


@pytest.fixture(scope="module")
def chromium():
    """Hold one browser; Playwright's event loop runs until it is closed."""
    if missing():
        pytest.skip(missing())
    chromium = Chromium()
    yield chromium
    chromium.close()


@pytest.fixture
def look(chromium, pages):
    """Open a page by its name; see ``Chromium.look``, which fails on any complaint or request."""
    return lambda name, **how: chromium.look(pages / f"{name}.html", **how)


@SIZES
def test_nothing_that_is_hostile_runs_loads_or_becomes_an_element(look, size):
    with look("hostile", size=size) as visit:
        visit.evaluate(OPEN)
        for key in "jk":
            visit.page.keyboard.press(key)
        visit.page.mouse.move(100, 100)
        visit.page.mouse.wheel(0, 100_000)
        assert visit.settled() == []
        assert visit.evaluate("() => window.pwned") is None
        assert visit.evaluate(LOUD) == []
        assert 'class="pwned"' in visit.evaluate("() => document.body.innerText")


def test_what_cannot_be_seen_is_made_visible(look, pages):
    with look("hostile") as visit:
        shown = visit.evaluate("() => document.title + document.querySelector('main').textContent")
    assert "<U+202E>" in shown
    assert not set(shown) & UNSEEN
    assert not set((pages / "hostile.html").read_text()) & UNSEEN


@SIZES
@BOTH
def test_no_page_scrolls_sideways_and_what_does_within_it_takes_the_focus(look, name, size):
    with look(name, size=size) as visit:
        visit.evaluate(OPEN)
        assert visit.evaluate(OVERFLOW) == [0, [], []]


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("study", WIDE, False), ("study", NARROW, True), ("hostile", WIDE, True)],
    ids=["light-wide", "dark-narrow", "hostile-dark-wide"],
)
def test_axe_finds_nothing_serious(look, name, size, dark):
    with look(name, size=size, dark=dark) as visit:
        visit.evaluate(OPEN)
        assert accessibility(visit) == []


@BOTH
def test_the_page_is_valid_html(pages, name):
    page = pages / f"{name}.html"
    assert parse_errors(page.read_text()) == []
    found = nu_errors(page)
    if found is None:
        pytest.skip("the Nu Html Checker did NOT look at the report: there is no Java")
    assert found == []


def test_the_first_screen_holds_every_arm_with_its_word_and_its_intervals(look):
    with look("study") as visit:
        screen = visit.evaluate(
            """() => [...document.querySelectorAll(".card")].filter(
            card => card.getBoundingClientRect().bottom <= innerHeight).map(c => c.innerText)"""
        )
        assert len(screen) == len(ARMS)
        for (name, (_, _, word, _)), card in zip(ARMS.items(), screen, strict=True):
            assert name in card
            assert word.value.upper() in card
            assert "pass@64" in card or word.value == "failed"
    with look("study", size=NARROW) as visit:
        for selector in (".card .verdict", ".card table", ".card .facts"):
            assert visit.evaluate(IN_VIEW, selector), selector


@SIZES
def test_no_text_of_a_chart_is_cut_off(look, size):
    with look("study", size=size) as visit:
        visit.evaluate(OPEN)
        assert visit.evaluate(CUT) == []


def test_every_chart_has_a_name_and_a_table_of_its_numbers(look):
    with look("study") as visit:
        charts = visit.evaluate(
            """() => [...document.querySelectorAll("svg")].map(s => [s.getAttribute("role"),
            s.querySelector("title")?.textContent,
            !!s.closest("figure")?.querySelector("table")])"""
        )
    assert len(charts) > 10
    assert all(role == "img" and name and table for role, name, table in charts)


def test_lines_of_a_chart_are_told_apart_by_more_than_their_colour(look):
    with look("study") as visit:
        lines = visit.evaluate(
            """() => [...document.querySelectorAll("svg")].map(s =>
            [...s.querySelectorAll("g.legend")].map(g => [g.className.baseVal,
            g.querySelector(".mark")?.className.baseVal ?? "no mark",
            g.querySelector(".dashed") ? "dashed" : "whole"].join(" ")))"""
        )
    assert all(len(set(names)) == len(names) for names in lines)
    several = [names for names in lines if len(names) > 1]
    assert len(several) > 10


@BOTH
def test_without_scripts_everything_can_be_read_and_nothing_is_offered_that_needs_them(look, name):
    with look(name, javascript=False) as visit:
        shown = visit.evaluate(
            "() => [...document.querySelectorAll('button, input, select')]"
            ".filter(e => e.checkVisibility()).length"
        )
        assert shown == 0
        assert visit.page.locator(".card").first.is_visible()
        assert visit.page.locator("details > summary").first.is_visible()


@BOTH
def test_print_shows_what_is_folded_on_white_paper(look, name, tmp_path):
    with look(name, print_=True, dark=True, javascript=False) as visit:
        assert visit.evaluate(HIDDEN) == []
        ground = visit.evaluate(
            "() => [document.documentElement, document.body].map("
            "e => getComputedStyle(e).backgroundColor)"
        )
        assert {*ground} <= {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}
        visit.page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().count(b"/Type /Page\n") > 1


def test_dark_is_dark_and_light_is_light(look):
    ground = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    with look("study") as visit:
        assert min(visit.evaluate(ground)[:3]) > 230
    with look("study", dark=True) as visit:
        assert max(visit.evaluate(ground)[:3]) < 60


def test_every_link_leads_to_something_on_the_page(look):
    with look("study") as visit:
        links = visit.evaluate(
            """() => [...document.querySelectorAll("a[href]")].map(a =>
            [a.getAttribute("href"), !!document.getElementById(a.hash.slice(1))])"""
        )
    assert len(links) > 8
    assert [link for link, leads in links if not leads] == []
