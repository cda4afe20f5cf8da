"""``reasonbench tasks list|show|validate``."""

import click

from reasonbench.cli.options import output_options

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
@output_options
def show(name: str, output: str) -> None:
    """Show what a task is, with its first problem and prompt."""
    import msgspec

    from reasonbench.cli.output import print_json, print_table
    from reasonbench.run import load_task

    task = load_task(name)
    problems = list(task.problems())
    prompt = task.prompt(problems[0]) if problems else None
    if output == "json":
        print_json({"spec": task.spec, "n_problems": len(problems), "first_prompt": prompt})
        return
    fields = msgspec.to_builtins(task.spec)
    rows = [(key, "-" if value is None else str(value)) for key, value in fields.items()]
    print_table(name, ("field", "value"), [*rows, ("problems", f"{len(problems):,}")])
    if prompt is not None:
        turns = [(m.role, m.content) for m in prompt.messages] or [("text", prompt.text or "")]
        print_table(f"first problem: {problems[0].id}", ("role", "content"), turns)


@tasks.command("validate", epilog="Example: reasonbench tasks validate countdown_public")
@click.argument("names", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many problems.")
@output_options
def validate(names: tuple[str, ...], limit: int | None, output: str) -> None:
    """Check tasks: ids, statements, and that gold answers are graded correct."""
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.run import default_workers, load_task
    from reasonbench.taskcheck import MAX_COMPLAINTS, check_task

    checks = [check_task(load_task(name), limit=limit, workers=default_workers()) for name in names]
    if output == "json":
        print_json(checks)
    else:
        rows = []
        for check in checks:
            shown = list(check.complaints[:MAX_COMPLAINTS])
            if len(check.complaints) > MAX_COMPLAINTS:
                shown.append(f"and {len(check.complaints) - MAX_COMPLAINTS} more")
            rows.append((check.task, f"{check.n_problems:,}", "; ".join(shown) or "fit"))
        print_table("tasks", ("task", "problems", "finding"), rows)
    if any(check.complaints for check in checks):
        raise click.exceptions.Exit(INVALID)
