"""``reasonbench plugins``, ``presets``, ``schema`` and ``doctor``."""

import click

from reasonbench.cli.options import output_options


@click.command(epilog="Example: reasonbench plugins --load")
@click.option("--load", is_flag=True, help="Load each one, to see whether it can be.")
@output_options
def plugins(load: bool, output: str) -> None:
    """List tasks, engines, graders, detectors and sections, strangers' included."""
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.doctor import plugin_states

    states = plugin_states(load=load)
    if output == "json":
        print_json(states)
    else:
        rows = [(s.kind, s.name, s.origin, s.state) for s in states]
        print_table("plugins", ("kind", "name", "origin", "state"), rows)
    if any(s.broken for s in states):
        raise click.exceptions.Exit(5)


@click.command(epilog="Example: reasonbench presets --format json")
@output_options
def presets(output: str) -> None:
    """List the sampling presets, with their models, values and sources."""
    import msgspec

    from reasonbench.cli.output import print_json, print_table
    from reasonbench.presets import PRESETS

    if output == "json":
        print_json([msgspec.to_builtins(p) | {"sampling": p.sampling} for p in PRESETS])
        return
    print_table(
        "presets",
        ("name", "models", "sampling", "system prompt", "source"),
        [
            (
                preset.name,
                preset.title,
                preset.words,
                preset.system_prompt,
                f"{preset.card}: {preset.source}",
            )
            for preset in PRESETS
        ],
    )


@click.command(epilog="Example: reasonbench schema AuditSpec")
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON schema of a spec or result; without NAME, their names."""
    from reasonbench.cli.output import print_json
    from reasonbench.errors import UnknownNameError
    from reasonbench.results import RESULTS
    from reasonbench.specfile import describe_schema
    from reasonbench.specs import SPECS

    known = {**SPECS, **RESULTS}
    if name is None:
        click.echo("\n".join(known))
    elif name not in known:
        raise UnknownNameError.build("schema", name, known)
    else:
        print_json(describe_schema(known[name]))


@click.command(epilog="Example: reasonbench doctor --format json")
@output_options
def doctor(output: str) -> None:
    """Say what is installed and what can run here: engines, GPU, sandbox, disk."""
    from reasonbench.cli.output import print_json, print_table
    from reasonbench.doctor import examine

    findings = examine()
    if output == "json":
        print_json(findings)
    else:
        print_table(
            "this machine",
            ("what", "state", "found", "hint"),
            [(f.what, "ok" if f.ok else "no", f.found, f.hint) for f in findings],
        )
