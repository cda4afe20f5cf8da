"""``reasonbench tasks list|show|validate``."""

from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import data_option, output_options, with_data

if TYPE_CHECKING:
    from reasonbench.taskcheck import TaskCheck

INVALID = 5


@click.group()
def tasks() -> None:
    """See which tasks there are, and whether they are fit to measure with."""


@tasks.command("list", epilog="Example: reasonbench tasks list --format json")
@output_options
def list_tasks(output: str) -> None:
    """List the tasks that can be named."""
    from reasonbench import plugins
    from reasonbench.cli.output import print_json, print_table

    rows = [
        (listed.name, " and ".join(p.origin for p in listed.plugins))
        for listed in plugins.TASKS.listing()
    ]
    if output == "json":
        print_json([{"name": name, "origin": origin} for name, origin in rows])
    else:
        print_table("tasks", ("name", "origin"), rows)


@tasks.command("show", epilog="Example: reasonbench tasks show countdown_public")
@click.argument("name")
@data_option
@output_options
def show(name: str, data: tuple[str, ...], output: str) -> None:
    """Show what a task is, with its first problem and prompt."""
    import msgspec

    from reasonbench.cli.output import print_json, print_table
    from reasonbench.run import load_task

    (name,) = with_data((name,), data)
    task = load_task(name)
    problems = list(task.problems())
    prompt = task.prompt(problems[0]) if problems else None
    if output == "json":
        print_json(
            {
                "spec": task.spec,
                "n_problems": len(problems),
                "left_out": dict(getattr(task, "left_out", {})),
                "first_prompt": prompt,
            }
        )
        return
    fields = msgspec.to_builtins(task.spec)
    rows = [(key, "-" if value is None else str(value)) for key, value in fields.items()]
    left_out = getattr(task, "left_out", {})
    rows += [("problems", f"{len(problems):,}")]
    rows += [("left out", f"{n:,}: {reason}") for reason, n in left_out.items()]
    print_table(name, ("field", "value"), rows)
    if prompt is not None:
        turns = [(m.role, m.content) for m in prompt.messages] or [("text", prompt.text or "")]
        print_table(f"first problem: {problems[0].id}", ("role", "content"), turns)


@tasks.command("validate", epilog="Example: reasonbench tasks validate countdown_public")
@click.argument("names", nargs=-1, required=True)
@data_option
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many problems.")
@output_options
def validate(names: tuple[str, ...], data: tuple[str, ...], limit: int | None, output: str) -> None:
    """Check tasks: gold answers are right and corrupted ones wrong; ids, days, duplicates.

    Programs count as gold answers where tests carry them; a program that does nothing must fail.
    """
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.run import default_workers, load_task
    from reasonbench.taskcheck import check_task

    checks = [
        check_task(load_task(name), limit=limit, workers=default_workers())
        for name in with_data(names, data)
    ]
    if output == "json":
        print_json(checks)
    else:
        rows = [
            (check.task, f"{check.n_problems:,}", f"{check.n_gold:,}", _finding(check))
            for check in checks
        ]
        print_table("tasks", ("task", "problems", "gold graded", "finding"), rows)
    if any(check.complaints for check in checks):
        raise click.exceptions.Exit(INVALID)


def _finding(check: "TaskCheck") -> str:
    from reasonbench.taskcheck import MAX_COMPLAINTS

    shown = list(check.complaints[:MAX_COMPLAINTS]) or ["fit"]
    if len(check.complaints) > MAX_COMPLAINTS:
        shown.append(f"and {len(check.complaints) - MAX_COMPLAINTS} more")
    if check.n_unchecked:
        shown.append(f"{check.n_unchecked:,} have no gold answer or program and are not checked")
    shown += [f"{n:,} rows left out: {reason}" for reason, n in check.left_out.items()]
    return "; ".join(shown)
