"""``reasonbench fresh mint|verify|commit|list|gap``."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reasonbench.cli.gap import gap
from reasonbench.cli.options import chain, gather, output_options, sampling_options

if TYPE_CHECKING:
    from reasonbench.fresh.beacon import Beacon
    from reasonbench.fresh.catalogue import Families
    from reasonbench.fresh.commitment import Commitment
    from reasonbench.fresh.mint import MintConfig

F = TypeVar("F", bound=Callable[..., Any])

COUNT = 3
"""Problems of each family and level, where nobody says."""
STALE = datetime.timedelta(hours=1)
"""Age of a relay's latest round from which it is told: nothing proves that it is the latest."""


def _choice_options(function: F) -> F:
    return chain(
        click.option(
            "--family",
            "names",
            multiple=True,
            metavar="FAMILY",
            help="Family to mint from; may be repeated.  [default: all]",
        ),
        click.option(
            "--level",
            "levels",
            type=click.IntRange(min=0),
            multiple=True,
            help="Level to mint; may be repeated.  [default: all]",
        ),
        click.option(
            "--count",
            type=click.IntRange(1, 10_000),
            help=f"Problems of each family and level.  [default: {COUNT}]",
        ),
    )(function)


@click.group()
def fresh() -> None:
    """Make and verify problems that did not exist before a public moment."""


fresh.add_command(gap)


@fresh.command("mint", epilog="Example: reasonbench fresh mint --latest --family lattice_paths")
@click.option("--round", "number", type=int, help="Round of drand quicknet.")
@click.option("--signature", metavar="HEX", help="Its signature; without it a relay is asked.")
@click.option("--latest", is_flag=True, help="Ask the relay for the latest round.")
@click.option("--relay", metavar="URL", help="HTTP relay of drand.  [default: api.drand.sh]")
@_choice_options
@click.option("--commitment", type=click.Path(path_type=Path),
              help="What fresh commit wrote before the round.")  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the set.  [default: fresh_problems/<year-month of the round>]",
)
@output_options
def mint(
    *,
    number: int | None,
    signature: str | None,
    latest: bool,
    relay: str | None,
    names: tuple[str, ...],
    levels: tuple[int, ...],
    count: int | None,
    commitment: Path | None,
    out: Path | None,
    output: str,
) -> None:
    """Mint a set of problems from a round of drand's public randomness.

    The round is verified, every seed follows from it, and the set is written with a receipt
    that anybody can verify offline.
    """
    from reasonbench.cli.output import print_json, print_table, say
    from reasonbench.cli.talk import Talk
    from reasonbench.fresh.assembly import assemble
    from reasonbench.fresh.beacon import shown
    from reasonbench.fresh.sets import refuse_existing, write_set
    from reasonbench.fresh.verify import read_commitment

    beacon = _round(number, signature, latest=latest, relay=relay)
    folder = out or Path("fresh_problems") / f"{beacon.time:%Y-%m}"
    refuse_existing(folder)
    promised = read_commitment(commitment) if commitment is not None else None
    families, config = _choice(names, levels, count, promised)
    with Talk() as talk:
        talk.phase("minting", total=config.size(families))
        made = assemble(beacon, config, families, commitment=promised, advance=talk.advance)
    write_set(folder, made.files, made.receipt)
    about = {
        "path": str(folder),
        "round": beacon.round,
        "time": shown(beacon.time),
        "n_problems": len(made.receipt.problems),
        "kinds": dict(made.kinds),
        "families": len(config.families),
        "merkle_root": made.receipt.merkle_root,
        "receipt_digest": made.receipt.digest,
    }
    if output == "json":
        print_json(about)
    else:
        about["kinds"] = ", ".join(f"{n:,} {kind}" for kind, n in made.kinds.items())
        print_table("minted", ("field", "value"), [(k, str(v)) for k, v in about.items()])
    say(f"hint: reasonbench fresh verify {folder}")


@fresh.command("verify", epilog="Example: reasonbench fresh verify fresh_problems/2026-10")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--commitment", type=click.Path(path_type=Path),
              help="A commitment that stands beside the set.")  # fmt: skip
@output_options
def verify(path: Path, commitment: Path | None, output: str) -> None:
    """Derive a set again, offline, and say what that proves.

    PATH is a set's folder or its receipt.  Exit code 3 says that something differs, and names
    the first thing that does.
    """
    from reasonbench.cli.output import print_json
    from reasonbench.cli.talk import Talk
    from reasonbench.fresh.beacon import shown
    from reasonbench.fresh.catalogue import shipped
    from reasonbench.fresh.sets import open_set
    from reasonbench.fresh.verify import verify_set

    with Talk() as talk:
        talk.phase("verifying", total=len(open_set(path).problems))
        verified = verify_set(path, shipped(), commitment=commitment, advance=talk.advance)
    if output == "table":
        click.echo(verified.sentence)
        return
    found = verified.set
    print_json(
        {
            "path": str(path),
            "sentence": verified.sentence,
            "round": found.beacon.round,
            "time": shown(found.beacon.time),
            "n_problems": len(found.problems),
            "merkle_root": found.receipt.merkle_root,
            "commitment": verified.commitment,
        }
    )


@fresh.command("commit", epilog="Example: reasonbench fresh commit MODEL --round 40000000 -n 16")
@click.argument("model")
@click.option("--round", "number", type=int, required=True,
              help="Round of drand quicknet that shall draw the problems.")  # fmt: skip
@_choice_options
@click.option("-n", "n", type=int, help="Completions a problem.  [default: 16]")
@click.option("--revision", help="Hub revision of the model.")
@click.option("--preset", metavar="NAME", help="Sampling preset; see reasonbench presets.")
@sampling_options
@click.option("--policy", type=click.Path(path_type=Path, dir_okay=False),
              help="TOML file of the gate's policy.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("commitment.json"),
              show_default=True, help="File to write.")  # fmt: skip
@output_options
def commit(
    model: str,
    *,
    number: int,
    names: tuple[str, ...],
    levels: tuple[int, ...],
    count: int | None,
    policy: Path | None,
    out: Path,
    output: str,
    **flags: Any,
) -> None:
    """Commit to MODEL's weights, and to how it will be measured, before a future round.

    Publish the digest that is printed before the round's time: then nobody has to believe a
    training cutoff.
    """
    from reasonbench.cli.output import print_json, say
    from reasonbench.fresh.receipt import written
    from reasonbench.fresh.sets import refuse_existing, write_new

    refuse_existing(out)
    _refuse_past(number)
    made = _commitment(model, number, _choice(names, levels, count, None), policy, flags)
    write_new(out, written(made))
    if output == "json":
        print_json(made)
    else:
        click.echo(made.digest)
    say(f"publish this digest before {made.round_time}, where its time is kept; then: "
        f"reasonbench fresh mint --round {number} --commitment {out}")  # fmt: skip


@fresh.command("list", epilog="Example: reasonbench fresh list --format json")
@click.option("--sets", "folder", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of sets.  [default: the shipped ones]")  # fmt: skip
@output_options
def list_sets(folder: Path | None, output: str) -> None:
    """List the sets that are here, and the families that sets are minted from."""
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.fresh.catalogue import answers_of, kind_of, shipped
    from reasonbench.fresh.sets import sets_in
    from reasonbench.resources import data_dir

    sets = [
        {
            "name": found.name,
            "round": found.beacon.round,
            "time": found.receipt.beacon.time,
            "math": sum(p.kind == "math" for p in found.problems),
            "code": sum(p.kind == "code" for p in found.problems),
            "path": str(found.path),
        }
        for found in sets_in(folder or data_dir("fresh_problems"))
    ]
    families = [
        {
            "name": family.name,
            "kind": kind_of(family),
            "topic": family.topic,
            "answers": answers_of(family),
            "levels": family.levels,
        }
        for family in shipped().values()
    ]
    if output == "json":
        print_json({"sets": sets, "families": families})
        return
    for title, rows in (("sets", sets), ("families", families)):
        header = tuple(rows[0]) if rows else ("name",)
        print_table(title, header, [tuple(map(str, row.values())) for row in rows])


def _round(
    number: int | None, signature: str | None, *, latest: bool, relay: str | None
) -> "Beacon":
    from reasonbench.cli.output import say
    from reasonbench.fresh import relay as relays
    from reasonbench.fresh.beacon import check_round, shown, verify

    if latest == (number is not None):
        raise click.UsageError("give either --round or --latest")
    if signature is not None:
        if number is None or relay is not None:
            raise click.UsageError("--signature goes with --round, and needs no relay")
        return verify(number, signature)
    if number is not None:
        check_round(number)
        _refuse_future(number)
    beacon = relays.fetch(relay or relays.DEFAULT, number)
    age = datetime.datetime.now(datetime.UTC) - beacon.time
    if latest and age > STALE:
        say(f"note: the relay's latest round is of {shown(beacon.time)}, {age.days} days ago")
    return beacon


def _choice(
    names: tuple[str, ...],
    levels: tuple[int, ...],
    count: int | None,
    promised: "Commitment | None",
) -> "tuple[Families, MintConfig]":
    """Return the families that are here, and what is taken of them; a promise takes it all."""
    from reasonbench.fresh.catalogue import shipped
    from reasonbench.fresh.mint import configured

    families = shipped()
    if promised is not None:
        if names or levels or count is not None:
            raise click.UsageError(
                "--commitment says what to mint: leave out --family, --level and --count"
            )
        return families, promised.config
    return families, configured(families, names, levels, count or COUNT)


def _refuse_past(number: int) -> None:
    from reasonbench.errors import SpecError
    from reasonbench.fresh.beacon import check_round, round_at, shown, time_of

    check_round(number)
    now = datetime.datetime.now(datetime.UTC)
    if time_of(number) <= now:
        raise SpecError(
            f"round {number} was at {shown(time_of(number))}, and a commitment must come before it",
            hint=f"a round an hour from now is {round_at(now + datetime.timedelta(hours=1))}",
        )


def _refuse_future(number: int) -> None:
    from reasonbench.errors import SpecError
    from reasonbench.fresh.beacon import shown, time_of

    if time_of(number) > datetime.datetime.now(datetime.UTC):
        raise SpecError(
            f"round {number} will be signed at {shown(time_of(number))}",
            hint="wait for it; until then reasonbench fresh commit can promise a model for it",
        )


def _commitment(
    model: str,
    number: int,
    choice: "tuple[Families, MintConfig]",
    policy: Path | None,
    flags: dict[str, Any],
) -> "Commitment":
    import msgspec

    from reasonbench.cli.specs import build_spec
    from reasonbench.engines.weights import resolve
    from reasonbench.fresh.beacon import shown, time_of
    from reasonbench.fresh.commitment import Commitment, digest_of, generator_of
    from reasonbench.identity import digest
    from reasonbench.specfile import load_toml
    from reasonbench.specs import GatePolicy, RunSpec

    families, config = choice
    spec = build_spec(RunSpec, model, {**gather(flags), "tasks": ["fresh_math"]})
    promised = None if policy is None else digest(load_toml(policy, GatePolicy))
    files = resolve(spec.model)
    asked = {"system_prompt": spec.system_prompt, "preset": spec.model.preset}
    made = Commitment(
        round=number,
        round_time=shown(time_of(number)),
        model=spec.model.id,
        revision=files.revision,
        weights_digest=files.weights_digest,
        config=config,
        generator=generator_of(families, config.families),
        n=spec.n,
        sampling={**msgspec.to_builtins(spec.sampling), **asked},
        policy=promised,
        made=shown(datetime.datetime.now(datetime.UTC)),
        digest="0" * 64,
    )
    return msgspec.structs.replace(made, digest=digest_of(made))
