"""The reports of the shipped studies are of the specs beside them, and as they are shown today."""

import re
from pathlib import Path

import pytest

from reasonbench.report import carried, page, study
from reasonbench.report import markdown as markdown_report
from reasonbench.specfile import load_toml
from reasonbench.specs import StudySpec

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "reports" / "examples"
NAMES = ("collapse-cpu", "leak-cpu")


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_an_example_is_of_the_shipped_spec_and_shown_as_today(name):
    file = EXAMPLES / f"{name}.html"
    report = carried.read(file)
    asked = load_toml(REPOSITORY / "studies" / f"{name}.toml", StudySpec)
    assert report.spec == asked, f"{name}: run the study and store its report anew"
    document = study.document_of(report)
    assert page.render(document).html == file.read_text(), f"{name}.html is old: make examples"
    old = f"{name}.md is old: make examples"
    assert markdown_report.render(document) == (EXAMPLES / f"{name}.md").read_text(), old


def test_an_example_names_no_folder_of_the_machine_that_made_it(name):
    for suffix in ("html", "md"):
        text = (EXAMPLES / f"{name}.{suffix}").read_text()
        assert not re.search(r"(?<!\w)/(?:tmp|home|root|Users|work)/", text)
