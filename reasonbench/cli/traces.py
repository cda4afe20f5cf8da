"""``reasonbench traces``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reasonbench.cli.dryrun import check_probe, dry_run_options, duration
from reasonbench.cli.options import chain, data_option, gather, output_options, with_data

if TYPE_CHECKING:
    from reasonbench.specs import BankSpec, ModelSpec
    from reasonbench.training.bank import BankSummary
    from reasonbench.training.bank_cost import BankCost

_policy_options = chain(
    click.option(
        "--policy",
        "policy_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="TOML file with a BankSpec; flags win over it.",
    ),
    click.option("-n", "n", type=int, help="Traces a problem and temperature.  [default: 8]"),
    click.option(
        "--temperature",
        "temperatures",
        type=float,
        multiple=True,
        help="Temperature to sample at; may be repeated.  0 is greedy.  [default: 1.0]",
    ),
    click.option("--greedy", is_flag=True, help="The same as --temperature 0: one trace each."),
    click.option("--limit", type=int, help="Only the first so many problems of each task."),
    click.option(
        "--engine",
        "name",
        help="transformers, vllm, openai_server or a plugin's.  [default: transformers]",
    ),
    click.option("--dtype", help="auto, float32, bfloat16, float16.  [default: auto]"),
    click.option("--batch-size", type=int, help="Most completions in flight.  [default: 512]"),
    click.option(
        "--engine-arg", "engine_args", multiple=True, metavar="KEY=VALUE", help="To the engine."
    ),
    click.option(
        "--ray", metavar="ADDRESS", help="Run on a Ray cluster; auto finds one or starts it."
    ),
    click.option("--replicas", type=int, help="Engines on that cluster.  [default: 1]"),
    click.option("--revision", help="Hub revision of the model."),
    click.option(
        "--preset",
        metavar="NAME",
        help="Sampling as the model's makers say, temperature included, where neither file nor "
        "flag says otherwise.  See reasonbench presets.",
    ),
    click.option("--top-p", type=float, help="Nucleus mass.  [default: 1.0]"),
    click.option("--top-k", type=int, help="0 keeps every token.  [default: 0]"),
    click.option("--min-p", type=float, help="[default: 0.0]"),
    click.option("--max-tokens", type=int, help="[default: 3/4 of the context, at most 32768]"),
    click.option("--stop", multiple=True, help="String that ends a trace."),
    click.option("--seed", type=int, help="Run seed.  [default: 0]"),
    click.option("--presence-penalty", type=float, help="[default: 0.0]"),
    click.option("--repetition-penalty", type=float, help="[default: 1.0]"),
    click.option("--system-prompt", metavar="TEXT", help="System message put before every prompt."),
)


@click.command(
    epilog="Example: reasonbench traces embedded:teacher --task countdown_train --greedy "
    "--temperature 1 -n 8 --out bank.parquet"
)
@click.argument("model")
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    required=True,
    help="Task name, lm_eval:<name>, or a .yaml or .jsonl file; may be repeated.",
)
@data_option
@_policy_options
@click.option(
    "--out",
    required=True,
    metavar="BANK.parquet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The bank; its run directories stand beside it in BANK.runs.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Grader processes.")
@dry_run_options
@output_options
def traces(
    model: str,
    *,
    tasks: tuple[str, ...],
    data: tuple[str, ...],
    policy_file: Path | None,
    out: Path,
    workers: int | None,
    dry_run: bool,
    no_probe: bool,
    output: str,
    **flags: Any,
) -> None:
    """Sample the teacher MODEL on tasks into a bank of graded traces.

    MODEL is a Hub id, a local folder or embedded:teacher|base|student.  The bank is one Parquet
    file, a row a trace, with grades, dates and provenance; `reasonbench train` and `study` train
    on views of it, and `reasonbench scan` searches it.  What was drawn is kept in BANK.runs: the
    same command goes on after any end, and a larger -n tops up.
    """
    from reasonbench.cli.output import print_json
    from reasonbench.cli.talk import Talk
    from reasonbench.training.bank import make_bank

    check_probe(dry_run=dry_run, no_probe=no_probe)
    teacher, policy = _specs(model, policy_file, flags)
    names = with_data(tasks, data)
    if dry_run:
        _dry(teacher, names, policy, out, output, probe=not no_probe)
        return
    with Talk() as talk:
        summary = make_bank(
            teacher, names, policy, out, reporter=talk, workers=workers, command=sys.argv
        )
    if output == "json":
        print_json(summary)
    else:
        _show(summary)


def _specs(
    model: str, policy_file: Path | None, flags: dict[str, Any]
) -> tuple["ModelSpec", "BankSpec"]:
    """Return the teacher and the policy: the file's, flags over it, a preset below both."""
    from reasonbench import presets
    from reasonbench.cli.output import say
    from reasonbench.specfile import convert, read_toml
    from reasonbench.specs import BankSpec, ModelSpec

    if flags.pop("greedy"):
        flags["temperatures"] = tuple(dict.fromkeys((*flags["temperatures"], 0.0)))
    given = gather(flags)
    teacher = {"id": model, **given.pop("model", {})}
    data = _over(read_toml(policy_file), given) if policy_file is not None else given
    source = str(policy_file) if policy_file is not None else "command line"
    convert(data, BankSpec, source=source)  # a key of the file that no policy has is refused
    sentences: list[str] = []
    filled = presets.apply({**data, "model": teacher}, say=sentences.append)
    for sentence in sentences:
        say(sentence)
    teacher = filled.pop("model")
    sampling = filled.get("sampling")
    if "preset" in teacher and isinstance(sampling, dict) and "temperature" in sampling:
        filled.setdefault("temperatures", [sampling["temperature"]])
    return convert(teacher, ModelSpec, source="command line"), convert(
        filled, BankSpec, source=source
    )


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the file's values with the flags' laid over them, table by table."""
    both = dict(below)
    for name, value in above.items():
        known = both.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            both[name] = _over(known, value)
        else:
            both[name] = value
    return both


def _dry(
    teacher: "ModelSpec",
    tasks: tuple[str, ...],
    policy: "BankSpec",
    out: Path,
    output: str,
    *,
    probe: bool,
) -> None:
    from reasonbench.cli.output import print_json
    from reasonbench.cli.talk import Talk
    from reasonbench.training.bank_cost import bank_cost

    with Talk() as talk:
        cost = bank_cost(teacher, tasks, policy, out, probe=probe, reporter=talk)
    if output == "json":
        print_json(cost)
    else:
        _show_cost(cost)


def _show(summary: "BankSummary") -> None:
    from reasonbench.cli.output import print_table, say

    rows = [(f"{part.temperature:g}", *_numbers(part)) for part in summary.by_temperature]
    if len(rows) > 1:
        rows.append(("all", *_numbers(summary)))
    header = (
        "temperature", "traces", "problems", "solved", "correct", "truncated", "ungraded", "tokens",
    )  # fmt: skip
    print_table(f"bank {summary.path}, content {summary.digest}", header, rows)
    say(f"run directories: {Path(summary.path).with_suffix('.runs')}")


def _numbers(part: Any) -> tuple[str, ...]:
    share = f" ({part.correct / part.rows:.1%})" if part.rows else ""
    return (
        f"{part.rows:,}",
        f"{part.problems:,}",
        f"{part.solved:,}",
        f"{part.correct:,}{share}",
        f"{part.truncated:,}",
        f"{part.ungraded:,}",
        f"{part.tokens:,}",
    )


def _show_cost(cost: "BankCost") -> None:
    from reasonbench.cli.output import print_table
    from reasonbench.report.text import visible

    print_table(
        "what would be sampled",
        ("temperature", "problems", "traces", "stored", "to draw", "tokens at most"),
        [
            (
                f"{part.temperature:g}",
                *(f"{count:,}" for count in (part.problems, part.traces, part.stored)),
                f"{part.to_draw:,}",
                f"{part.worst_case_tokens:,}",
            )
            for part in cost.by_temperature
        ],
    )
    lines = [f"engine: {cost.engine.engine}, {cost.engine.dtype}"]
    if cost.tokens_per_second is not None:
        lines.append(f"probe: {cost.tokens_per_second:,.0f} tokens/s")
    if cost.worst_case_seconds is not None:
        lines.append(f"time at that rate: at most {duration(cost.worst_case_seconds)}")
    if cost.likely_seconds is not None and cost.mean_stored_tokens is not None:
        lines.append(
            f"time if they are as long as the stored ones ({cost.mean_stored_tokens:,.0f} tokens "
            f"on average): {duration(cost.likely_seconds)}"
        )
    for line in lines:
        click.echo(visible(line))
