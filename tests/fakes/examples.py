"""The example reports: made from an audit of the demo, and held against what is made today.

``python tests/fakes/examples.py DEMO_DIRECTORY`` writes reports/examples/ anew.  An example
names no path of the machine that it was made on.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import html5lib
import msgspec

from reasonbench.audit import read_audit
from reasonbench.results import Audit

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "reports" / "examples"
NAMES = ("demo.html", "demo.md")
XHTML = "{http://www.w3.org/1999/xhtml}"


def make(demo, folder):
    """Write the reports of a demo's run directory into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    html, md = (str(folder / name) for name in NAMES)
    command = [sys.executable, "-m", "reasonbench", "report", str(demo), "--html", html]
    # the tests' own distribution has a section, which is no part of an example
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*command, "--md", md], check=True, env=env)


def structure_of_markdown(text):
    """Return the headings and the tables' headers, in order."""
    plain = re.sub(r"^(```+)text$.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ .*$|^\| .*(?=\n\| --- )", plain, re.MULTILINE)


def structure_of_html(text):
    """Return the headings, tables' headers and charts' names, in order."""
    found = []
    for element in html5lib.parse(text).iter():
        tag = str(element.tag).removeprefix(XHTML)
        if tag in ("h1", "h2", "h3"):
            found.append((tag, _words(element)))
        elif tag == "thead":
            found.append(("table", *(_words(cell) for cell in element.iter(f"{XHTML}th"))))
        elif tag == "figcaption":
            found.append(("chart", _words(element)))
    return found


def _words(element):
    return " ".join("".join(element.itertext()).split())


def numbers(audit):
    """Return pass@1 with its interval by what it is of: the tasks, the leaked, the clean."""
    groups = {task.spec.name: task.estimates for task in audit.run.tasks}
    for benchmark in audit.benchmarks:
        groups[f"{benchmark.task}, leaked"] = benchmark.leaked
        groups[f"{benchmark.task}, clean"] = benchmark.clean
    return {name: next(e for e in part if e.k == 1) for name, part in groups.items()}


def stored_audit(page):
    """Return the audit that a page carries."""
    (script,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return msgspec.convert(msgspec.json.decode(script)["data"]["audit"], Audit)


def assert_current(demo, folder):
    """Hold the stored examples against the reports of a demo that was run just now."""
    make(demo, folder)
    for name, structure in zip(NAMES, (structure_of_html, structure_of_markdown), strict=True):
        stored, today = ((d / name).read_text() for d in (EXAMPLES, folder))
        assert structure(stored) == structure(today), f"{name} is old: make examples"
        assert not re.search(r"(?<!\w)/(?:tmp|home|root|Users|work)/", stored)
    shown, today = (
        numbers(stored_audit((EXAMPLES / NAMES[0]).read_text())),
        numbers(read_audit(demo)),
    )
    assert shown.keys() == today.keys()
    for group, estimate in today.items():
        interval = estimate.superpopulation
        assert interval.low <= shown[group].value <= interval.high, f"{group}: make examples"


if __name__ == "__main__":
    make(sys.argv[1], EXAMPLES)
