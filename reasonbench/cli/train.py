"""``reasonbench train``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reasonbench.cli.options import output_options

if TYPE_CHECKING:
    from reasonbench.results.training import TrainingResult
    from reasonbench.specs import TrainSpec
    from reasonbench.training.dryrun import TrainingPlan


@click.command(epilog="Example: reasonbench train sft.toml --out runs/sft --dry-run")
@click.argument("spec_file", metavar="SPEC.toml", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the training; one that exists is gone on with.  "
    "[default: runs/train-<SPEC>]",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be trained, in rows, tokens, steps and memory, and stop.",
)
@click.option(
    "--print-launch",
    is_flag=True,
    help="Write the configuration of accelerate launch, print the command, and stop.",
)
@output_options
def train(
    spec_file: Path, *, out: Path | None, dry_run: bool, print_launch: bool, output: str
) -> None:
    """Train a student on a teacher's traces.

    SPEC.toml holds a TrainSpec (`reasonbench schema TrainSpec`): the student, the traces, the
    objective and the numbers.  Weights are kept at log-spaced steps, each a model folder that
    `reasonbench run` takes.  What was trained already is not trained again: after any end the
    same command goes on, with the losses of an unbroken training.
    """
    from reasonbench.specfile import load_toml
    from reasonbench.specs import TrainSpec

    if dry_run and print_launch:
        raise click.UsageError("--dry-run and --print-launch both stop: give one of them")
    spec = load_toml(spec_file, TrainSpec)
    directory = out or Path("runs") / f"train-{spec_file.stem}"
    if dry_run:
        _dry_run(spec, output)
    elif print_launch:
        _print_launch(spec, directory, output)
    else:
        _train(spec, directory, output)


def _train(spec: "TrainSpec", directory: Path, output: str) -> None:
    from reasonbench.cli.output import print_json, say
    from reasonbench.cli.talk import Talk
    from reasonbench.training.running import train as run_training

    with Talk() as talk:
        result = run_training(spec, directory, reporter=talk, command=sys.argv)
    if output == "json":
        print_json(result)
    else:
        show_training(result, directory)
    say(f"training: {directory}")


def show_training(result: "TrainingResult", directory: Path) -> None:
    """Print the checkpoints of a training, with the loss that each was kept at."""
    from reasonbench.cli.dryrun import duration
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import visible
    from reasonbench.training.objectives import describe

    losses = dict(result.losses)
    print_table(
        f"{result.spec.student.id}: {describe(result.spec.objective)}",
        ("step", "loss", "model folder"),
        [
            (step, f"{losses[int(step)]:.4f}", str(directory / folder))
            for step, folder in result.checkpoints.items()
        ],
    )
    click.echo(
        visible(
            f"{result.steps:,} steps in {duration(result.seconds)}, {result.loss_tokens:,} loss "
            f"tokens; {result.rows:,} traces of {result.problems:,} prompts"
            f"{_left_out(result.dropped)}"
        )
    )


def _left_out(dropped: dict[str, int]) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    return f"; left out: {reasons}" if reasons else ""


def _print_launch(spec: "TrainSpec", directory: Path, output: str) -> None:
    from reasonbench.cli.output import print_json, say
    from reasonbench.cli.talk import Talk
    from reasonbench.training import launch
    from reasonbench.training.running import print_launch

    with Talk() as talk:
        command = print_launch(spec, directory, reporter=talk, command=sys.argv)
    config = directory / launch.FOLDER / launch.CONFIG_FILE
    if output == "json":
        print_json({"command": command, "config": str(config)})
    else:
        click.echo(command)
    say(f"accelerate's configuration: {config}")


def _dry_run(spec: "TrainSpec", output: str) -> None:
    from reasonbench.cli.output import print_json
    from reasonbench.cli.talk import Talk
    from reasonbench.training.dryrun import dry_run

    with Talk() as talk:
        plan = dry_run(spec, reporter=talk)
    if output == "json":
        print_json(plan)
    else:
        show_plan(plan)


def show_plan(plan: "TrainingPlan") -> None:
    """Print what would be trained."""
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import visible
    from reasonbench.training.memory import spelt

    need = plan.memory
    rows = [
        ("objective", plan.objective),
        ("trainer", plan.trainer),
        ("student", f"{plan.student}, {need.parameters:,} parameters, {need.trained:,} trained"),
        ("teacher", plan.teacher or "none needed"),
        (
            "traces",
            f"{plan.rows:,}, of {plan.problems:,} different prompts{_left_out(plan.dropped)}",
        ),
        (
            "tokens",
            f"{plan.prompt_tokens:,} of prompts, {plan.completion_tokens:,} of completions; the "
            f"longest sequence has at most {plan.longest:,}",
        ),
        ("steps", f"{plan.steps:,} of {plan.batch_size:,} sequences: {plan.epochs:.2f} epochs"),
        ("devices", f"{plan.processes:,}, with {plan.device_batch:,} sequences on each at once"),
        ("loss tokens", _tokens(plan)),
        ("checkpoints", ", ".join(f"{step:,}" for step in plan.checkpoints)),
    ]
    print_table("what would be trained", ("", "what it would be"), rows)
    parts = [
        ("weights", need.weights),
        ("gradients and optimizer", need.states),
        ("teacher", need.teacher),
        ("activations, roughly", need.activations),
        ("together", need.total),
    ]
    print_table("memory of each device", ("", "needed"), [(n, spelt(size)) for n, size in parts])
    if plan.free_bytes is not None:
        fits = "" if plan.fits else ": it does not fit"
        click.echo(visible(f"free here: {spelt(plan.free_bytes)}{fits}"))


def _tokens(plan: "TrainingPlan") -> str:
    if plan.expected_loss_tokens is None:
        return "drawn while training, so not known before"
    return f"about {plan.expected_loss_tokens:,}"
