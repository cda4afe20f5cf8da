"""The models that are known: what they came from, what they learned from, and when.

``data/models.toml`` holds what makers said, where, and when that was read.  A fault in it
names the entry and the field.  Every name that an entry uses is an entry, and no model comes
from itself.
"""

import datetime
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.resources import PACKAGE
from reasonbench.specfile import convert, read_toml

DATA = PACKAGE / "data"
MODELS_FILE = DATA / "models.toml"

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what the data files hold: frozen and closed."""


E = TypeVar("E", bound=Entry)


class Statement(Entry, frozen=True, kw_only=True):
    """A date that somebody stated."""

    date: datetime.date
    """The date; of a month, its last day."""
    source: Text
    """Where it was read."""
    read_on: datetime.date | None = None
    """Day on which it was read; None where it is common knowledge, to be looked up there."""


class TraceSet(Entry, frozen=True, kw_only=True):
    """Texts that a model was trained on."""

    name: Text
    """Name under which models refer to it."""
    until: Statement
    """Day after which nothing in it was written: its publication, or that of a model made with
    it.  It bounds the prompts and the completions alike."""
    hub: Text | None = None
    """Hub dataset."""
    teachers: tuple[Text, ...] = ()
    """Models that wrote the completions."""
    note: str = ""
    """What a reader must know."""


class KnownModel(Entry, frozen=True, kw_only=True):
    """One model."""

    name: Text
    """Name under which other models refer to it."""
    hub: tuple[Text, ...] = ()
    """Hub ids of its weights."""
    base: Text | None = None
    """Model that it started from."""
    teachers: tuple[Text, ...] = ()
    """Models that it was distilled from."""
    traces: tuple[Text, ...] = ()
    """All trace sets that it was trained on, from its base on; none where they are not named."""
    cutoff: Statement | None = None
    """End of its training data, as its makers say."""
    released: Statement
    """Day on which its weights, or the use of it, became public."""
    note: str = ""
    """What a reader must know."""

    @property
    def id(self) -> str:
        """What a person knows it by: its Hub id, or its name where it has several."""
        return self.hub[0] if len(self.hub) == 1 else self.name


class Link(NamedTuple):
    """A name that an entry uses."""

    role: str
    """``base``, ``teacher`` or ``traces``."""
    name: str
    """Name of the other entry."""


class Registry:
    """All models and trace sets of a file."""

    def __init__(self, models: Mapping[str, KnownModel], traces: Mapping[str, TraceSet]) -> None:
        self.models, self.traces = models, traces
        self._by_hub = {hub.lower(): model for model in models.values() for hub in model.hub}

    def spelt(self, model_id: str) -> str:
        """Return a known model's Hub id, or its name, as its entry spells it."""
        model = self.find(model_id)
        if model is None:
            return model_id
        return next((hub for hub in model.hub if hub.lower() == model_id.lower()), model.id)

    def find(self, model_id: str) -> KnownModel | None:
        """Return the model of a Hub id, whatever its case, or of a name of ours."""
        return self._by_hub.get(model_id.lower()) or self.models.get(model_id.lower())

    def get(self, model_id: str) -> KnownModel:
        """Return the model of a Hub id or name.

        Raises:
            UnknownNameError: there is none.
        """
        model = self.find(model_id)
        if model is None:
            known = [hub for m in self.models.values() for hub in (*m.hub, m.name)]
            raise UnknownNameError.build("known model", model_id, known)
        return model


def links_of(entry: KnownModel | TraceSet) -> Iterator[Link]:
    """Yield the names that an entry uses, the base first."""
    if isinstance(entry, KnownModel):
        if entry.base is not None:
            yield Link("base", entry.base)
        yield from (Link("traces", name) for name in entry.traces)
    yield from (Link("teacher", name) for name in entry.teachers)


@lru_cache
def registry() -> Registry:
    """Return the shipped registry.

    Raises:
        SpecError: the file is not as it must be.
    """
    return read_registry(MODELS_FILE)


def read_registry(path: Path) -> Registry:
    """Return the registry in a file.

    Raises:
        SpecError: an entry or a field is wrong, a name is used twice or leads nowhere, or a
            model comes from itself.
    """
    data = read_toml(path)
    if unknown := set(data) - {"model", "traces"}:
        raise SpecError(
            f"{path.name} has no table {sorted(unknown)[0]!r}",
            hint="it holds [[model]] and [[traces]]",
        )
    models = entries(data, "model", KnownModel, path)
    traces = entries(data, "traces", TraceSet, path)
    _check_ids(models, path)
    _check_links(models, traces, path)
    _check_cycles(models, traces, path)
    return Registry(models, traces)


def entries(data: Mapping[str, Any], table: str, kind: type[E], path: Path) -> dict[str, E]:
    """Return the entries of a list of tables, by their names.

    Raises:
        SpecError: an entry or a field is wrong, or two entries have one name.
    """
    rows = data.get(table, [])
    if not isinstance(rows, list):
        raise SpecError(f"{path.name}: {table} must be written as [[{table}]]")
    found: dict[str, E] = {}
    for index, row in enumerate(rows):
        name = row.get("name") if isinstance(row, Mapping) else None
        named = f"{name!r}" if isinstance(name, str) and name else f"number {index + 1}"
        entry = convert(row, kind, source=f"{path.name}, [[{table}]] {named}")
        key = str(getattr(entry, "name"))  # noqa: B009
        if key != key.lower():
            raise SpecError(f"{path.name}, [[{table}]] {named}: name must be in lower case")
        if key in found:
            raise SpecError(f"{path.name} has two [[{table}]] of the name {key!r}")
        found[key] = entry
    return found


def _check_ids(models: Mapping[str, KnownModel], path: Path) -> None:
    owners: dict[str, str] = {}
    for model in models.values():
        for hub in model.hub:
            other = owners.setdefault(hub.lower(), model.name)
            if other != model.name:
                raise SpecError(
                    f"{path.name}: {hub!r} is a Hub id of {other!r} and of {model.name!r}"
                )


def _check_links(
    models: Mapping[str, KnownModel], traces: Mapping[str, TraceSet], path: Path
) -> None:
    for table, rows in (("model", models), ("traces", traces)):
        for entry in rows.values():
            for role, name in links_of(entry):
                known: Mapping[str, Entry] = traces if role == "traces" else models
                if name not in known:
                    kind = "trace set" if role == "traces" else "model"
                    wrong = UnknownNameError.build(kind, name, known)
                    raise SpecError(
                        f"{path.name}, [[{table}]] {entry.name!r}: {role} names {name!r}, which "
                        "has no entry",
                        hint=wrong.hint,
                    )


def _check_cycles(
    models: Mapping[str, KnownModel], traces: Mapping[str, TraceSet], path: Path
) -> None:
    done: set[str] = set()

    def visit(entry: KnownModel | TraceSet, way: tuple[str, ...]) -> None:
        kind = "model" if isinstance(entry, KnownModel) else "traces"
        key = f"{kind}:{entry.name}"
        if key in way:
            ring = [*way[way.index(key) :], key]
            names = " -> ".join(repr(step.partition(":")[2]) for step in ring)
            raise SpecError(f"{path.name}: {entry.name!r} comes from itself: {names}")
        if key in done:
            return
        for role, name in links_of(entry):
            visit(traces[name] if role == "traces" else models[name], (*way, key))
        done.add(key)

    for model in models.values():
        visit(model, ())
