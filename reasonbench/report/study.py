"""The document of a study: the answer on the first screen, then curves, trainings and method."""

from pathlib import Path

from reasonbench.report import markdown, page
from reasonbench.report.carried import StudyCargo
from reasonbench.report.document import Document, Part
from reasonbench.report.study_cards import first_screen
from reasonbench.report.study_charts import curves, diversity, temperatures, trajectory
from reasonbench.report.study_doses import doses
from reasonbench.report.study_method import method, problems, trainings
from reasonbench.report.study_source import portable_study
from reasonbench.results.study import StudyReport

PARTS = (
    ("The answer", first_screen),
    ("pass@k", curves),
    ("Along training", trajectory),
    ("Temperature", temperatures),
    ("Diversity among correct completions", diversity),
    ("Planted items", doses),
    ("Trainings", trainings),
    ("Problems and traces", problems),
    ("Method and limits", method),
)
"""Parts of the document, in order; one without blocks is left out."""


def document_of(report: StudyReport) -> Document:
    """Return a study's document."""
    report = portable_study(report)
    found = [Part(title, draw(report)) for title, draw in PARTS]
    return Document(
        title=report.spec.name,
        parts=tuple(part for part in found if part.blocks),
        cargo=StudyCargo(report),
        origin=f"a study of {report.finished.isoformat()}",
        file="study's report.json",
        style=("page.css", "study.css"),
    )


def write_html(report: StudyReport, path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    return page.write(document_of(report), path)


def write_markdown(report: StudyReport, path: Path) -> Path:
    """Write the Markdown, whole or not at all.

    Raises:
        StoreWriteError: the file cannot be written.
    """
    return markdown.write(document_of(report), path)
