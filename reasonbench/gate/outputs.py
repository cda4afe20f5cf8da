"""A gate's outcome for CI systems: JUnit XML, GitHub's annotations and summary, a comment, a badge.

All of them are of one ``GateReport``, so none can say anything else than the exit code does.
What models, traces and tasks wrote is hostile: it is made visible, and escaped for where it goes.
"""

import datetime
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Any

from reasonbench import __version__
from reasonbench.report.text import cell, one_line, visible
from reasonbench.results import Audit, Finding, FindingStatus, GateDecision, GateReport, GateResult
from reasonbench.specs import Tier

MAX_SUMMARY = 1_000_000
"""Bytes of a step summary; GitHub refuses more than 1 MiB."""
MAX_COMMENT = 64_000
"""Bytes of a comment on a pull request; GitHub refuses more than 64 KiB."""
MAX_ANNOTATIONS = 10
"""Annotations of one kind that GitHub shows of a step."""
MAX_SARIF = 5_000
"""Results of a SARIF file that GitHub keeps."""
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COLOURS = {"PASS": "brightgreen", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_NOTICE = "\n\n*This was cut short: the whole is in the gate's JSON.*\n"


def junit(report: GateReport) -> str:
    """Return JUnit XML: a test case a rule, and what is said of each in the suite's output.

    It holds nothing but what both public schemas have, Ant's and that of Jenkins: no totals on the
    root, a time without its zone, and no output within a case.
    """
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", _suite(report))
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("model", report.model),
        ("subject", report.subject),
        ("baseline", report.baseline or ""),
        ("decision", report.decision.value),
        ("counts_as", report.counts_as.value),
        ("policy_digest", report.policy_digest),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": one_line(value)})
    for result in report.results:
        _case(suite, result, report)
    lines = (one_line(f"{r.decision.value}: {r.name}: {r.sentence}") for r in report.results)
    ET.SubElement(suite, "system-out").text = "\n".join(lines)
    ET.SubElement(suite, "system-err")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(report: GateReport) -> dict[str, str]:
    return {
        "name": "reasonbench gate",
        "package": "reasonbench.gate",
        "id": "0",
        "hostname": "localhost",
        "timestamp": report.created.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "tests": str(len(report.results)),
        "failures": str(sum(_fails(r, report) for r in report.results)),
        "errors": "0",
        "skipped": str(sum(_is_skipped(r, report) for r in report.results)),
        "time": "0",
    }


def _case(suite: ET.Element, result: GateResult, report: GateReport) -> None:
    place = one_line(f"reasonbench.{result.task or 'run'}")
    attributes = {"classname": place, "name": one_line(result.name), "time": "0"}
    case = ET.SubElement(suite, "testcase", attributes)
    said = one_line(result.sentence)
    if _fails(result, report):
        found = {"message": said, "type": result.decision.value}
        ET.SubElement(case, "failure", found).text = said
    elif _is_skipped(result, report):
        ET.SubElement(case, "skipped", {"message": said})


def _fails(result: GateResult, report: GateReport) -> bool:
    """Tell whether a rule's test case fails: where it makes the gate fail."""
    if result.rule.tier is Tier.ADVISORY:
        return False
    undecided = result.decision is GateDecision.INCONCLUSIVE
    counts = report.policy.on_inconclusive == "fail" and result.rule.tier is Tier.CRITICAL
    return result.decision is GateDecision.FAIL or (undecided and counts)


def _is_skipped(result: GateResult, report: GateReport) -> bool:
    return result.decision is not GateDecision.PASS and not _fails(result, report)


def annotations(report: GateReport) -> Iterator[str]:
    """Yield GitHub's workflow commands: an error a failed rule, a warning an undecided one."""
    kinds: dict[str, list[GateResult]] = {"error": [], "warning": [], "notice": []}
    for result in report.results:
        if result.decision is GateDecision.PASS:
            continue
        if result.rule.tier is Tier.ADVISORY:
            kinds["notice"].append(result)
        else:
            kinds["error" if _fails(result, report) else "warning"].append(result)
    for kind, results in kinds.items():
        for result in results[:MAX_ANNOTATIONS]:
            title = _property(f"{result.decision.value}: {one_line(result.name, 120)}")
            yield f"::{kind} title={title}::{_message(one_line(result.sentence))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def markdown(report: GateReport, *, limit: int) -> str:
    """Return the outcome as Markdown of at most ``limit`` bytes; rules that do not fit are said."""
    head = [
        f"## {_MARKS[report.decision]} reasonbench gate: {report.decision.value}",
        "",
        cell(report.sentence, 1000),
        "",
        f"Model: {cell(report.model, 200)}"
        + (f" against {cell(report.baseline, 200)}" if report.baseline else ""),
        "",
        "| | rule | tier | outcome | why |",
        "| --- | --- | --- | --- | --- |",
    ]
    text = "\n".join(head) + "\n"
    tail = (
        f"\nExit code {report.exit_code}; policy `{report.policy_digest[:16]}`; "
        f"reasonbench {report.reasonbench}.\n"
    )
    room = limit - len(tail.encode()) - len(_NOTICE.encode())
    for result in report.results:
        row = (
            f"| {_MARKS[result.decision]} | {cell(result.name, 120)} "
            f"| {result.rule.tier.value} | {result.decision.value} "
            f"| {cell(result.sentence, 600)} |\n"
        )
        if len((text + row).encode()) > room:
            return text + tail + _NOTICE
        text += row
    return text + tail


_MARKS = {
    GateDecision.PASS: "\u2705",
    GateDecision.FAIL: "\u274c",
    GateDecision.INCONCLUSIVE: "\u26a0\ufe0f",
}


def badge(report: GateReport) -> dict[str, Any]:
    """Return what shields.io draws a badge from."""
    return {
        "schemaVersion": 1,
        "label": "reasonbench",
        "message": report.decision.value,
        "color": _COLOURS[report.decision.value],
    }


def sarif(audit: Audit) -> dict[str, Any]:
    """Return the problems found in the traces as SARIF 2.1.0, the strongest first."""
    places = [
        (finding, match)
        for finding in audit.findings
        if finding.status in (FindingStatus.CONTAMINATED, FindingStatus.SUSPECT)
        for match in finding.matches
    ]
    places.sort(key=lambda place: (place[0].q_value is None, place[0].q_value or 0.0))
    rules = sorted({_rule_of(finding) for finding, _ in places})
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "reasonbench",
                        "version": __version__,
                        "informationUri": "https://pypi.org/project/reasonbench/",
                        "rules": _sarif_rules(rules),
                    }
                },
                "results": [_sarif_result(f, match) for f, match in places[:MAX_SARIF]],
            }
        ],
    }


def _sarif_rules(names: Sequence[str]) -> list[dict[str, Any]]:
    said = "A benchmark problem stands in the traces"
    return [
        {"id": name, "shortDescription": {"text": f"{said}: {name.rpartition('/')[2]}."}}
        for name in names
    ]


def _rule_of(finding: Finding) -> str:
    return f"contamination/{finding.kind or 'unclassed'}"


def _sarif_result(finding: Finding, match: Any) -> dict[str, Any]:
    strength = "" if finding.q_value is None else f", q = {finding.q_value:.2g}"
    said = f"{finding.task}/{finding.problem_id} stands in row {match.row}{strength}"
    low, high = match.document_span
    return {
        "ruleId": _rule_of(finding),
        "level": "error" if finding.status is FindingStatus.CONTAMINATED else "warning",
        "message": {"text": visible(said)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": visible(match.document)},
                    "region": {"startLine": match.row + 1},
                }
            }
        ],
        "properties": {"field": match.field, "bytes": [low, high], "text": visible(match.text)},
    }


def dump(value: dict[str, Any]) -> str:
    """Return JSON text for a file."""
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"
