"""Which preset a model gets, and how it enters a spec."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.presets.files import HINT, model_file, named_folder, read_json, sampling_in
from reasonbench.presets.names import by_config, by_name
from reasonbench.presets.table import PRESETS, Preset, in_words

AUTO = "auto"
GENERATION_CONFIG = "generation-config"
"""Name of what a model's own generation_config.json says; no entry of the table."""
EMBEDDED = "embedded:"

_BY_NAME = {preset.name: preset for preset in PRESETS}


class Resolved(NamedTuple):
    """What a preset came to for one model."""

    name: str
    """Name that goes into the spec; never ``auto``."""
    sampling: dict[str, float | int]
    """Sampling fields that it sets."""
    source: str
    """Where they come from."""
    note: str = ""
    """What a user must do or know besides."""


def preset_named(name: str) -> Preset:
    """Return a preset.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in _BY_NAME:
        raise UnknownNameError.build("preset", name, [*_BY_NAME, AUTO])
    return _BY_NAME[name]


def family_of(model_id: str) -> Preset | None:
    """Return the preset of a model by its name, and of a local one by its config.json too.

    Args:
        model_id: Hub id, local folder or GGUF file, ``embedded:NAME``.

    Raises:
        SpecError: a local model's config.json cannot be read.
    """
    if model_id.startswith(EMBEDDED):
        return None
    folder = named_folder(model_id)
    if folder is None:
        return by_name(model_id)
    for place in (folder, folder.resolve()):
        # In the Hub's cache, models--OWNER--NAME/snapshots/COMMIT is the model.
        cached = place.parent.name == "snapshots"
        found = by_name(place.parents[1].name if cached else place.name)
        if found is not None:
            return found
    return by_config(read_json(folder / "config.json"))


def resolve(name: str, model_id: str, revision: str | None = None) -> Resolved:
    """Return the sampling that a preset sets for a model.

    Args:
        name: a preset's name, ``auto`` or ``generation-config``.
        model_id: Hub id, local folder or ``embedded:NAME``.
        revision: Hub revision of the model.

    Raises:
        SpecError: there is no such preset, the model's files cannot be read, or neither its
            name nor they say how to sample.
    """
    if name not in (AUTO, GENERATION_CONFIG):
        return _resolved(preset_named(name))
    if name == AUTO:
        family = family_of(model_id)
        if family is None and not model_id.startswith(EMBEDDED):
            family = by_config(model_file(model_id, "config.json", revision))
        if family is not None:
            return _resolved(family)
    where = f"generation_config.json of {model_id!r}"
    found = sampling_in(model_file(model_id, "generation_config.json", revision), where)
    if not found:
        raise SpecError(
            f"no preset is known for {model_id!r}, and no generation_config.json of it says "
            "how to sample",
            hint=HINT,
        )
    return Resolved(GENERATION_CONFIG, found, "generation_config.json of the model")


def apply(data: Mapping[str, Any], *, say: Callable[[str], None]) -> dict[str, Any]:
    """Return a spec's raw data with the sampling fields filled that its preset sets.

    A value that is there wins over the preset's.  ``model.preset`` becomes the name that
    it resolved to.  Data of the wrong types is left for the spec's own validation.

    Args:
        data: a RunSpec or AuditSpec before it is converted.
        say: gets the sentences that a user should read.

    Raises:
        SpecError: see ``resolve``.
    """
    model, given = data.get("model"), data.get("sampling", {})
    if not isinstance(model, Mapping) or not isinstance(given, Mapping):
        return dict(data)
    name, model_id, revision = model.get("preset"), model.get("id"), model.get("revision")
    if not isinstance(name, str) or not isinstance(model_id, str):
        return dict(data)
    resolved = resolve(name, model_id, revision if isinstance(revision, str) else None)
    say(_sentence(resolved, given))
    return {
        **data,
        "model": {**model, "preset": resolved.name},
        "sampling": {**resolved.sampling, **given},
    }


def refuse_system_prompt(
    model_id: str, preset_name: str | None, system_prompt: str | None, force: bool
) -> None:
    """Refuse a system prompt that the card of the model, or of its preset, rules out.

    Raises:
        SpecError: it does, and the user does not insist.
    """
    if system_prompt is None or force:
        return
    for preset in (_BY_NAME.get(preset_name or ""), family_of(model_id)):
        if preset is not None and preset.system_prompt == "forbidden":
            raise SpecError(
                f"a system prompt is given, but the card of {preset.title} says to use none "
                f"({preset.card})",
                hint="put the instruction into the prompts, or insist: --force-system-prompt "
                "(force_system_prompt = true in a file)",
            )


def _resolved(preset: Preset) -> Resolved:
    asked = f"the card asks of the prompt: {preset.instruction!r}" if preset.instruction else ""
    note = "; ".join(filter(None, (preset.note, asked)))
    return Resolved(preset.name, preset.sampling, preset.card, note)


def _sentence(resolved: Resolved, given: Mapping[str, Any]) -> str:
    kept = {name: v for name, v in resolved.sampling.items() if given.get(name, v) == v}
    taken = in_words(kept) or "nothing taken"
    parts = [f"preset {resolved.name}: {taken} ({resolved.source})"]
    parts += [
        f"{in_words({name: given[name]})} as given, the preset says {in_words({'': value}).strip()}"
        for name, value in resolved.sampling.items()
        if name not in kept
    ]
    return "; ".join([*parts, resolved.note] if resolved.note else parts)
