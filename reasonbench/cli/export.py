"""``reasonbench export``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.exporting import Export, Writer
    from reasonbench.interchange.export_view import Exported

FORMATS = ("hub", "eee", "inspect", "lm-eval", "parquet", "jsonl")
OPTIONS_OF = {
    "dataset_ids": ("--dataset-id", "hub"),
    "task_ids": ("--task-id", "hub"),
    "scale": ("--scale", "hub"),
    "source_url": ("--source-url", "hub"),
    "push": ("--push", "hub"),
    "repo": ("--repo", "hub"),
    "yes": ("--yes", "hub"),
    "organization": ("--organization", "eee"),
    "relationship": ("--relationship", "eee"),
}
"""Options that one format alone knows."""


@click.command(epilog="Example: reasonbench export runs/my-model --to inspect")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--to", "form", type=click.Choice(FORMATS), required=True, help="Format to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: RUN/exports/FORMAT]",
)
@click.option("--force", is_flag=True, help="Write over files that this export did not make.")
@click.option(
    "--dataset-id",
    "dataset_ids",
    multiple=True,
    metavar="[TASK=]ID",
    help="hub: the benchmark's dataset, such as MathArena/aime_2026.  [default: task's source]",
)
@click.option(
    "--task-id",
    "task_ids",
    multiple=True,
    metavar="[TASK=]ID",
    help="hub: id in the benchmark's eval.yaml.  [default: the dataset's id]",
)
@click.option(
    "--scale",
    type=click.Choice(["percent", "proportion"]),
    help="hub: how the benchmark's board counts, 41.2 or 0.412.  [default: percent]",
)
@click.option("--source-url", metavar="URL", help="hub: page that the board links to.")
@click.option("--push", is_flag=True, help="hub: show what would change, then open a pull request.")
@click.option("--repo", metavar="OWNER/NAME", help="hub: repository to push to.  [default: model]")
@click.option("--yes", is_flag=True, help="hub: push without asking.")
@click.option("--organization", metavar="NAME", help="eee: who evaluated.  [default: unknown]")
@click.option(
    "--relationship",
    type=click.Choice(["first_party", "third_party", "collaborative", "other"]),
    help="eee: how they stand to the model's makers.  [default: other]",
)
@output_options
def export(
    run: Path, *, form: str, out: Path | None, force: bool, output: str, **options: object
) -> None:
    """Write a run in another harness's format.

    hub: .eval_results YAML for a model's repository.  eee: Every Eval Ever 0.3.0, aggregate and
    instances.  inspect: logs that inspect view opens.  lm-eval: its results and samples.  parquet,
    jsonl: one row a completion.  Nothing leaves this machine without --push.
    """
    from reasonbench.cli.output import print_json, say
    from reasonbench.exporting import export as write

    given = {name: value for name, value in options.items() if value not in (None, (), False)}
    _check_options(form, given)
    done = write(run, form, out, writer=_writer(run, form, given), force=force)
    _tell(done, form, given)
    if output == "table":
        for path in done.paths:
            click.echo(_shown(path))
    url = None
    if "push" in given:
        url = _push(done, given.get("repo"), yes="yes" in given)
    elif form == "hub":
        say("nothing was sent; --push shows what would change on the Hub and asks")
    if output == "json":
        files = [str(path) for path in done.paths]
        print_json({"format": form, "files": files, "pull_request": url})
    elif url is not None:
        click.echo(_shown(url))


def _check_options(form: str, given: dict[str, object]) -> None:
    from reasonbench.errors import SpecError

    for name in given:
        option, owner = OPTIONS_OF[name]
        if owner != form:
            raise SpecError(f"{option} is for --to {owner}, and this is --to {form}")
    for name in ("repo", "yes"):
        if name in given and "push" not in given:
            raise SpecError(f"--{name} says how to push, and --push was not given")


def _shown(path: Path | str) -> str:
    from reasonbench.report.text import visible

    return visible(str(path))


def _writer(run: Path, form: str, given: dict[str, object]) -> "Writer":
    from reasonbench.exporting import FORMATS as WRITERS
    from reasonbench.interchange import export_eee, export_hub

    if form == "hub":
        names = _tasks(run)
        board = export_hub.Board(
            datasets=_by_task("--dataset-id", given.get("dataset_ids"), names),
            task_ids=_by_task("--task-id", given.get("task_ids"), names),
            scale=str(given.get("scale", "percent")),
            source_url=given.get("source_url"),  # type: ignore[arg-type]
        )
        return partial(export_hub.write, board=board)
    if form == "eee":
        source = export_eee.Source(
            organization=str(given.get("organization", "unknown")),
            relationship=given.get("relationship", "other"),  # type: ignore[arg-type]
        )
        return partial(export_eee.write, source=source)
    return WRITERS[form]


def _tasks(run: Path) -> list[str]:
    from reasonbench.store import Store
    from reasonbench.summary import find_plan

    with Store.read(run) as store:
        return [task.name for task in find_plan(store).tasks]


def _by_task(option: str, given: object, names: list[str]) -> dict[str, str]:
    """Return ``[TASK=]ID`` values by task; without a task the value is for the only one."""
    from reasonbench.errors import SpecError, UnknownNameError

    found: dict[str, str] = {}
    for text in given if isinstance(given, tuple) else ():
        task, separator, value = text.rpartition("=")
        if not separator and len(names) > 1:
            raise SpecError(
                f"{option} {text} does not say of which task, and the run has {len(names)}",
                hint=f"write {option} {names[0]}={text}",
            )
        if separator and task not in names:
            raise UnknownNameError.build("task in this run", task, names)
        found[task if separator else names[0]] = value
    return found


def _tell(done: "Export", form: str, given: dict[str, object]) -> None:
    from reasonbench.cli.output import say
    from reasonbench.interchange.export_view import caveats

    run = done.run
    for task in run.result.tasks:
        if said := caveats(run, task):
            say(f"{task.spec.name}: {'; '.join(said)}")
    for sentence in run.skipped:
        say(f"left out: {sentence}")
    if run.replaced:
        say(f"{run.replaced:,} records held text that UTF-8 cannot, written as U+FFFD")
    if form == "hub" and "scale" not in given:
        say("values are in percent; if the benchmark's board says 0.412, give --scale proportion")


def _push(done: "Export", repo: object, *, yes: bool) -> str | None:
    """Show the change, ask, and return the pull request's address; None where there is none."""
    import sys

    from reasonbench.cli.output import say
    from reasonbench.errors import SpecError
    from reasonbench.interchange import export_push
    from reasonbench.interchange.export_hub import hub_model

    _refuse_unfit(done.run)
    repo = repo or hub_model(done.run)
    if not isinstance(repo, str):
        raise SpecError(
            f"the model {done.run.result.engine.model!r} is no repository on the Hub to push to",
            hint="name its repository: --repo OWNER/NAME",
        )
    change = export_push.prepare(repo, done.paths, export_push.token())
    if not change.files:
        say(f"{repo} holds these results already; nothing to push")
        return None
    say(f"a pull request to {repo} would change:\n{change.diff}")
    for warning in change.warnings:
        say(f"warning: {warning}")
    if not yes:
        if not sys.stdin.isatty():
            raise SpecError(
                "nobody can be asked whether to push: stdin is no terminal",
                hint="read the change above, then give --yes",
            )
        if not click.confirm("open it?", err=True):
            say("nothing was sent")
            return None
    names = ", ".join(task.spec.name for task in done.run.result.tasks)
    return change.send(f"Add results of reasonbench: {names}")


def _refuse_unfit(run: "Exported") -> None:
    from reasonbench.errors import ReasonbenchError

    path = run.result.path
    if run.invalid:
        raise ReasonbenchError(
            f"{path} is not pushed: its scores are none ({', '.join(run.invalid)})",
            hint=f"see what is wrong: reasonbench report {path}",
        )
    if run.result.n_owed:
        raise ReasonbenchError(
            f"{path} is not pushed: {run.result.n_owed:,} completions are still owed",
            hint="complete the run first: its command goes on",
        )
