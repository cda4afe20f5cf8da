"""The HTML report in a real browser: it shows, sorts, prints and obeys; nothing hostile runs."""

import itertools

import pytest
from browser import NARROW, WIDE, Chromium, accessibility, missing, nu_errors, parse_errors
from page_audits import audited
from page_checks import HIDDEN, IN_VIEW, LOUD, OVERFLOW, UNSEEN
from page_payloads import MARKUP, hostile_audit

from reasonbench.audit import read_audit
from reasonbench.report.text import interval, percent

PAGES = ("normal", "hostile")
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
BOTH = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, warm):
    """Make the reports before the browser starts: its event loop then holds this thread."""
    folder = tmp_path_factory.mktemp("pages")
    audited(folder / "a")
    audited(folder / "b", model="tooth-1b", leaked=0, seed=1)
    hostile_audit(folder / "h")
    audited(folder / "big", count=250, n=2, leaked=60)
    for args in (
        ("a", "--html", "normal.html", "--compare", "b"),
        ("h", "--html", "hostile.html"),
        ("big", "--html", "big.html"),
    ):
        done = warm("report", *args, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def chromium(request):
    """Hold one browser; Playwright's event loop runs until it is closed."""
    if missing():
        pytest.skip(missing())
    request.getfixturevalue("pages")
    chromium = Chromium()
    yield chromium
    chromium.close()


@pytest.fixture
def look(chromium, pages):
    """Open a page by its name; see ``Chromium.look``."""
    return lambda name, **how: chromium.look(pages / f"{name}.html", **how)


@pytest.mark.parametrize(
    ("i", "what"),
    [
        (0, "dialog"),
        (5, "dialog"),
        (6, "network"),
        (7, "dialog"),
        (12, "frame"),
        (15, "dialog"),
        (16, "network"),
        (17, "network"),
        (19, "network"),
        (20, "request"),
    ],
)
def test_the_payloads_run_and_load_where_a_page_does_not_escape_them(chromium, tmp_path, i, what):
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{MARKUP[i]}")
    with chromium.look(page, strict=False) as visit:
        visit.settled()
    assert any(line.startswith(what) for line in visit.complaints)


@SIZES
def test_nothing_that_is_hostile_runs_loads_or_becomes_an_element(look, size):
    with look("hostile", size=size) as visit:
        visit.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        for key in "jjkjjj":
            visit.page.keyboard.press(key)
        visit.page.mouse.move(100, 100)
        visit.page.mouse.wheel(0, 100_000)
        assert visit.settled() == []
        assert visit.evaluate("() => window.pwned") is None
        assert visit.evaluate(LOUD) == []
        assert 'class="pwned"' in visit.evaluate("() => document.body.innerText")


def test_nothing_hostile_loads_without_scripts_or_in_print(look, tmp_path):
    with look("hostile", javascript=False) as visit:
        assert visit.evaluate(LOUD) == []
        visit.page.pdf(path=tmp_path / "hostile.pdf")
    assert (tmp_path / "hostile.pdf").stat().st_size > 10_000


def test_what_cannot_be_seen_is_made_visible(look, pages):
    with look("hostile") as visit:
        shown = visit.evaluate("() => document.title + document.querySelector('main').textContent")
    assert "<U+202E>" in shown
    assert not set(shown) & UNSEEN
    assert not set((pages / "hostile.html").read_text()) & UNSEEN
    assert "{{ 7*7 }}" in shown


@SIZES
@BOTH
def test_no_page_scrolls_sideways_and_what_does_within_it_takes_the_focus(look, name, size):
    with look(name, size=size) as visit:
        visit.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        assert visit.evaluate(OVERFLOW) == [0, [], []]


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [
        ("normal", WIDE, False),
        ("normal", NARROW, True),
        ("hostile", WIDE, True),
        ("hostile", NARROW, False),
    ],
    ids=["light-wide", "dark-narrow", "hostile-dark-wide", "hostile-light-narrow"],
)
def test_axe_finds_nothing_serious(look, name, size, dark):
    with look(name, size=size, dark=dark) as visit:
        visit.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        assert accessibility(visit) == []


@BOTH
def test_the_page_is_valid_html(pages, name):
    page = pages / f"{name}.html"
    assert parse_errors(page.read_text()) == []
    found = nu_errors(page)
    if found is None:
        pytest.skip("the Nu Html Checker did NOT look at the report: there is no Java")
    assert found == []


@SIZES
def test_the_first_screen_holds_the_verdict_its_uncertainty_and_the_strongest_evidence(
    look, pages, size
):
    with look("normal", size=size) as visit:
        for selector in (".verdict", ".strongest"):
            assert visit.evaluate(IN_VIEW, selector), selector
        screen = visit.evaluate(
            """() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const range = document.createRange(); let seen = "";
            while (walk.nextNode()) { range.selectNodeContents(walk.currentNode);
                const r = range.getBoundingClientRect();
                if (r.height && r.bottom <= innerHeight) seen += walk.currentNode.data + " "; }
            return seen; }"""
        )
    audit = read_audit(pages / "a")
    measured = audit.run.tasks[0].estimates[0]
    assert audit.verdicts[0].verdict in screen
    assert percent(measured.value) in screen
    assert interval(measured.superpopulation) in screen
    assert "A wheel with 3 teeth drives one with 5 teeth" in screen


def test_every_link_leads_to_something_on_the_page(look):
    with look("normal") as visit:
        links = visit.evaluate(
            """() => [...document.querySelectorAll("a[href]")].map(a =>
            [a.getAttribute("href"), !!document.getElementById(a.hash.slice(1))])"""
        )
        assert len(links) > 10
        assert [link for link, leads in links if not leads] == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_deep_link_opens_its_piece_of_evidence(look, javascript):
    with look("normal", anchor="#ev-4", javascript=javascript) as visit:
        visit.page.wait_for_function("() => scrollY > 0") if javascript else None
        assert visit.evaluate(IN_VIEW, "#ev-4")
        assert "drives one with" in visit.page.locator("#ev-4").inner_text()


def test_j_and_k_walk_through_the_evidence_and_leave_fields_alone(look):
    at = "() => [document.activeElement.closest('[id^=ev-]')?.id, location.hash]"
    with look("normal") as visit:
        seen = []
        for key in "jjjk":
            visit.page.keyboard.press(key)
            seen.append(visit.evaluate(at))
        assert seen == [[f"ev-{i}", f"#ev-{i}"] for i in (1, 2, 3, 2)]
        assert visit.evaluate(IN_VIEW, "#ev-2")
        for key in ("Control+j", "Alt+j", "Meta+k"):
            visit.page.keyboard.press(key)
        assert visit.evaluate(at) == ["ev-2", "#ev-2"]
        for _ in range(20):
            visit.page.keyboard.press("k")
        assert visit.evaluate(at) == ["ev-1", "#ev-1"]


def test_tab_reaches_links_and_shows_where_it_is(look):
    with look("normal") as visit:
        visit.page.keyboard.press("Tab")
        outline = "() => getComputedStyle(document.activeElement).outlineStyle"
        assert visit.evaluate("() => document.activeElement.tagName") == "A"
        assert visit.evaluate(outline) != "none"


def rows_of(visit):
    return visit.page.locator("#grid tbody tr").evaluate_all(
        "rows => rows.map(r => ({...r.dataset, text: r.cells[0].textContent}))"
    )


GRID = """() => { const box = document.querySelector(".tall"); box.scrollIntoView();
    const shown = e => { const r = e.getBoundingClientRect(), b = box.getBoundingClientRect();
        return e.checkVisibility() && r.left >= b.left - 1 && r.right <= b.right + 1; };
    const row = document.querySelector("#grid tbody tr");
    return [...row.cells].map(c => [c.className.slice(0, 5), shown(c)]); }"""
OVER = """() => [...document.querySelectorAll("#grid td[class^=r]")].filter(cell => {
    const range = document.createRange(); range.selectNodeContents(cell);
    const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
    const reach = side => { const s = getComputedStyle(cell, side);
        return s.content === "none" ? 0 : parseFloat(s.height)
            + parseFloat(side === "::after" ? s.bottom : s.top); };
    return text.top < box.top + reach("::before") || text.bottom > box.bottom - reach("::after");
    }).map(cell => cell.outerHTML)"""


def test_the_rates_are_in_sight_on_a_phone_and_the_problem_stays_beside_them(look):
    with look("normal", size=NARROW) as visit:
        cells = visit.evaluate(GRID)
        assert [seen for _, seen in cells] == [kind != "about" for kind, _ in cells]
        assert sum(kind.startswith("r") for kind, _ in cells) == 2
        left = visit.evaluate(
            """() => { const box = document.querySelector(".tall"); box.style.width = "120px";
            box.scrollLeft = 30; const problem = document.querySelector("#grid tbody th");
            return [box.scrollLeft, problem.getBoundingClientRect().left
                - box.getBoundingClientRect().left]; }"""
        )
        assert left[0] > 0
        assert left[1] == pytest.approx(0, abs=3)
    with look("normal") as visit:
        assert all(seen for _, seen in visit.evaluate(GRID))


@SIZES
def test_hatching_and_dots_leave_the_numbers_of_the_grid_alone(look, size):
    with look("normal", size=size) as visit:
        assert visit.page.locator("#grid td[class*=' t']").count() > 5
        assert visit.evaluate(OVER) == []


def test_the_grid_sorts_by_difficulty_date_and_family_and_keeps_its_rows(look):
    with look("big") as visit:
        before = rows_of(visit)
        assert len(before) == 500
        for by in ("difficulty", "date", "family"):
            visit.page.locator(f"button[data-sort={by}]").click()
            rows = rows_of(visit)
            values = [row[by] for row in rows]
            keys = [float(v) for v in values] if by == "difficulty" else values
            assert all(a <= b for a, b in itertools.pairwise(keys))
            assert len(set(keys)) > 1
            assert sorted(r["text"] for r in rows) == sorted(r["text"] for r in before)
        visit.page.locator("button[data-sort=family]").click()
        families = [row["family"] for row in rows_of(visit)]
        assert all(a >= b for a, b in itertools.pairwise(families))


@BOTH
def test_without_scripts_everything_can_be_read_and_nothing_is_offered_that_needs_them(look, name):
    with look(name, javascript=False) as visit:
        shown = visit.evaluate(
            "() => [...document.querySelectorAll('button, input, select')]"
            ".filter(e => e.checkVisibility()).length"
        )
        assert shown == 0
        assert visit.page.locator("#grid tbody tr").count() > 0
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
    with look("normal") as visit:
        assert min(visit.evaluate(ground)[:3]) > 230
    with look("normal", dark=True) as visit:
        assert max(visit.evaluate(ground)[:3]) < 60


def test_every_chart_has_a_name_and_a_table_of_its_numbers(look):
    with look("normal") as visit:
        charts = visit.evaluate(
            """() => [...document.querySelectorAll("svg")].map(s => [s.getAttribute("role"),
            s.querySelector("title")?.textContent ?? s.getAttribute("aria-label"),
            !!s.closest("figure")?.querySelector("table")])"""
        )
    assert len(charts) > 2
    assert all(role == "img" and name and table for role, name, table in charts)


def test_a_large_report_paints_and_sorts_at_once(look):
    with look("big") as visit:
        paint = visit.evaluate(
            """() => new Promise(done => new PerformanceObserver(list => {
            const [first] = list.getEntriesByName("first-contentful-paint");
            if (first) done(first.startTime); }).observe({type: "paint", buffered: true}))"""
        )
        sort = visit.evaluate(
            """async () => { const button = document.querySelector("button[data-sort=date]");
            const start = performance.now(); button.click();
            document.body.getBoundingClientRect(); return performance.now() - start; }"""
        )
    assert (paint < 10_000, sort < 2_000) == (True, True), (paint, sort)
