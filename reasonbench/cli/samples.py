"""``reasonbench samples``."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.records import Grade
    from reasonbench.samples import Picked

MARKS = "\u27e6", "\u27e7"
"""Around what is marked; colour may be off, and some pagers take it away."""
ANSWER = {"fg": "green", "bold": True}
LEAKED = {"fg": "yellow", "bold": True}
ENDS = {"stop": "ended", "length": "cut off", "filter": "withheld"}
RULE = "\u2500" * 78


@click.command(
    epilog="Example: reasonbench samples runs/my-model --verdict incorrect --sort longest"
)
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--task", help="Only of this task.")
@click.option("--problem", metavar="ID", help="Only of this problem.")
@click.option(
    "--verdict",
    type=click.Choice(["correct", "incorrect", "ungraded"]),
    help="Only with this verdict of the task's own grader.",
)
@click.option("--reason", help="Only with this reason, such as no_answer or timeout.")
@click.option("--truncated", is_flag=True, help="Only what the token limit cut off.")
@click.option("--contaminated", is_flag=True, help="Only of problems found in the traces.")
@click.option("--disagreement", is_flag=True, help="Only what two graders judge differently.")
@click.option(
    "--sort",
    type=click.Choice(["index", "longest", "shortest"]),
    default="index",
    show_default=True,
    help="Order; the length is in tokens.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--thinking", is_flag=True, help="Show the thinking; by default only its length.")
@click.option("--raw", is_flag=True, help="The completions' text alone, as it was sampled.")
@click.option("--serve", is_flag=True, help="Browse them in Datasette, on this machine alone.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Of --serve."
)
@output_options
def samples(
    run: Path,
    *,
    sort: str,
    limit: int | None,
    thinking: bool,
    raw: bool,
    serve: bool,
    port: int,
    output: str,
    **wanted: Any,
) -> None:
    """Read a run's completions.

    On a terminal they come in a pager ($PAGER, or less).  The extracted answer is marked, and so
    is what of a problem's statement the audit found in the traces.  With --format json each
    completion is one line.
    """
    from reasonbench.cli.output import say
    from reasonbench.errors import SpecError
    from reasonbench.records import Verdict
    from reasonbench.samples import Filter, Samples
    from reasonbench.serving import serve as show

    if wanted["verdict"] is not None:
        wanted["verdict"] = Verdict(wanted["verdict"])
    if serve and (raw or thinking or limit or sort != "index" or output == "json"):
        raise SpecError("--serve sorts and shows by itself, so it goes with filters alone")
    with Samples.open(run) as opened:
        if opened.unread:
            say(f"the audit is not used: {opened.unread}")
        if serve:
            raise click.exceptions.Exit(show(opened, Filter(**wanted), port=port, say=say))
        picked = _counted(opened.pick(Filter(**wanted), sort=sort, limit=limit))
        if output == "json":
            for line in map(_json_line, picked):
                click.echo(line)
        elif raw:
            _print_raw(picked)
        else:
            _page(_told(one, thinking) for one in picked)


def _counted(picked: "Iterator[Picked]") -> "Iterator[Picked]":
    """Yield them all, and say so where there are none."""
    from reasonbench.cli.output import say

    none = True
    for one in picked:
        none = False
        yield one
    if none:
        say("no completion is like that")


def _page(texts: Iterable[str]) -> None:
    import os
    import sys

    color = False if "NO_COLOR" in os.environ else None
    if sys.stdout.isatty():
        os.environ.setdefault("LESS", "-R")
        click.echo_via_pager(iter(texts), color=color)
        return
    for text in texts:
        click.echo(text, nl=False, color=color)


def _print_raw(picked: "Iterable[Picked]") -> None:
    import sys

    from reasonbench.report.text import visible

    # What a program reads is as it was; what a terminal would act on is shown instead.
    watched = sys.stdout.isatty()
    for one in picked:
        text = one.completion.text
        # click would take escape sequences out of what a pipe gets.
        click.echo(visible(text) if watched else text, color=True)


def _told(one: "Picked", thinking: bool) -> str:
    """Return one completion as people read it."""
    from reasonbench.graders.extraction import split_thinking
    from reasonbench.report.text import one_line, visible
    from reasonbench.samples import answer_spans

    drawn, problem = one.completion, one.problem
    parts = split_thinking(drawn.text, drawn.thinking_prefilled)
    lines = [click.style(RULE, dim=True), click.style(_heading(one), bold=True), ""]
    lines += [_marked(problem.statement, one.spans, LEAKED), ""]
    if problem.target is not None:
        lines.append(f"target: {one_line(problem.target)}")
    lines += [_judged(grade) for grade in (one.grade, *one.others) if grade is not None]
    if parts.thought:
        size = f"thinking: {len(parts.thought):,} characters"
        shown = ["", visible(parts.thought.strip("\n"))] if thinking else []
        lines += [size if thinking else f"{size}, folded (--thinking shows it)", *shown]
    spans = answer_spans(one)
    if one.grade is not None and one.grade.answer and not spans:
        lines.append("the answer does not stand in the text in these words")
    said = parts.answer_text.lstrip("\n")
    before = len(drawn.text) - len(said)
    spans = tuple((start - before, end - before) for start, end in spans if start >= before)
    lines += ["", _marked(said.rstrip("\n"), spans, ANSWER)]
    return "\n".join(lines) + "\n\n"


def _heading(one: "Picked") -> str:
    from reasonbench.report.text import one_line

    drawn, grade = one.completion, one.grade
    verdict = "not graded" if grade is None else f"{grade.verdict.value} ({grade.reason})"
    parts = [
        f"{drawn.task} / {drawn.problem_id}",
        f"sample_index {drawn.sample_index} of {one.n}",
        verdict,
        ENDS.get(drawn.finish_reason.value, "end unknown"),
        f"{drawn.n_tokens:,} tokens",
        *(["contaminated"] if one.contaminated else []),
        *(["graders disagree"] if one.disagrees else []),
    ]
    return one_line("   ".join(parts).replace("   ", " \u00b7 "))


def _judged(grade: "Grade") -> str:
    from reasonbench.report.text import one_line

    answer = "no answer" if grade.answer is None else f"answer {one_line(grade.answer)}"
    detail = f"; {grade.detail}" if grade.detail else ""
    return one_line(f"{grade.grader}: {grade.verdict.value} ({grade.reason}), {answer}{detail}")


def _marked(text: str, spans: Iterable[tuple[int, int]], style: dict[str, Any]) -> str:
    """Return a text in which everything shows, with some parts of it marked."""
    from reasonbench.report.text import visible

    shown, at = [], 0
    for start, end in spans:
        marked = f"{MARKS[0]}{visible(text[start:end])}{MARKS[1]}"
        # Pagers end a colour with its line.
        lines = [click.style(line, **style) for line in marked.split("\n")]
        shown += [visible(text[at:start]), "\n".join(lines)]
        at = end
    return "".join([*shown, visible(text[at:])])


def _json_line(one: "Picked") -> str:
    """Return one completion as JSON; spans are in characters."""
    import msgspec

    from reasonbench.cli.output import escaped
    from reasonbench.samples import answer_spans

    drawn, problem = one.completion, one.problem
    value = {
        "task": problem.task,
        "problem_id": problem.id,
        "sample_index": drawn.sample_index,
        "statement": problem.statement,
        "target": problem.target,
        "text": drawn.text,
        "finish_reason": drawn.finish_reason.value,
        "n_tokens": drawn.n_tokens,
        "seed": drawn.seed,
        "thinking_prefilled": drawn.thinking_prefilled,
        "contaminated": one.contaminated,
        "leaked_spans": one.spans,
        "answer_spans": answer_spans(one),
        "grade": msgspec.to_builtins(one.grade),
        "other_grades": msgspec.to_builtins(one.others),
        "disagreement": one.disagrees,
    }
    return escaped(json.dumps(value, ensure_ascii=False))
