"""The day after which nothing can have been learned, and why that day.

A model's *effective* cutoff is the latest of what it came from: what its makers claim of it,
the cutoff of its base, those of its teachers, and the last day of its trace sets.  Where
nothing is claimed of a model and its training data is not all named, the upload of its weights
stands for what is not known.  Nothing is learned after the upload, so no cutoff lies after it.

The result carries every link that it was made of.  Its kind is that of the link that decides.
"""

import datetime
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from reasonbench.models.registry import KnownModel, Registry, Statement, TraceSet, links_of
from reasonbench.records import Record
from reasonbench.specs import Cutoff, CutoffKind


class ChainLink(Record, frozen=True, kw_only=True):
    """One date that an effective cutoff was made of."""

    role: str
    """What it is to the model: ``claim``, ``upload``, ``base``, ``teacher`` or ``traces``."""
    name: str
    """Model or trace set that the date is of."""
    of: str
    """Model or trace set that it is a link of."""
    depth: int
    """0 for the model's own dates, 1 for those of its base, teachers and traces, and so on."""
    date: datetime.date
    """The date; of a base, a teacher or a trace set, its effective one."""
    kind: CutoffKind
    """Whether that date was claimed or only bounds the truth."""
    source: str
    """Where it was read; of an effective date, the source of the link that decides it."""
    read_on: datetime.date | None = None
    """Day on which it was read."""
    decides: bool = False
    """Whether the link above it has its date from here."""


class Effective(Record, frozen=True, kw_only=True):
    """A model's effective cutoff."""

    model: str
    """The model."""
    cutoff: Cutoff
    """The cutoff; its source is the sentence."""
    links: tuple[ChainLink, ...]
    """What it was made of, each link before its own links."""
    sentence: str
    """Why this day."""
    note: str = ""
    """What a reader must know."""


class _Dated(NamedTuple):
    """An effective date, on its way up."""

    date: datetime.date
    kind: CutoffKind
    source: str
    read_on: datetime.date | None
    links: tuple[ChainLink, ...]


def effective(
    model: KnownModel,
    registry: Registry,
    *,
    model_id: str | None = None,
    uploaded: Statement | None = None,
) -> Effective:
    """Return the effective cutoff of a known model.

    Args:
        model: the model.
        registry: where its links lead.
        model_id: what the model is called in the result; by default its Hub id or name.
        uploaded: upload of other weights than those that were released, such as a later
            revision's: what they were trained on since is not known, so it bounds the cutoff.
    """
    dated = _of_model(model, registry, 0)
    if uploaded is not None and uploaded.date > model.released.date:
        link = _own("upload", model_id or model.id, uploaded, CutoffKind.BOUNDED, decides=True)
        below = [_decided(one, False) if one.depth == 0 else one for one in dated.links]
        dated = _Dated(
            uploaded.date,
            CutoffKind.BOUNDED,
            uploaded.source,
            uploaded.read_on,
            (link, *below),
        )
    return _finished(model_id or model.id, dated, model.note)


def bounded(
    model_id: str, uploaded: Statement, base: KnownModel | None, registry: Registry
) -> Effective:
    """Return the effective cutoff of a model of which only the upload is known.

    Args:
        model_id: the model.
        uploaded: upload of its weights.
        base: the model that it says it comes from, if that is known; it is shown and decides
            nothing, for what came after it is not known.
        registry: where the base's links lead.
    """
    links = [_own("upload", model_id, uploaded, CutoffKind.BOUNDED, decides=True)]
    if base is not None:
        links += _as_link("base", model_id, base.id, _of_model(base, registry, 1), 0)
    dated = _Dated(
        uploaded.date, CutoffKind.BOUNDED, uploaded.source, uploaded.read_on, tuple(links)
    )
    return _finished(model_id, dated, "")


def _of_model(model: KnownModel, registry: Registry, depth: int) -> _Dated:
    """Return a model's effective date, with its links at this depth."""
    upload = model.released
    parts = list(_parts(model, registry, depth))
    dates: list[ChainLink] = []
    if model.cutoff is not None:
        dates.append(_own("claim", model.id, model.cutoff, CutoffKind.CLAIMED, depth=depth))
    elif not model.traces:
        dates.append(_own("upload", model.id, upload, CutoffKind.BOUNDED, depth=depth))
    dates += [part[0] for part in parts]
    latest = max(dates, key=lambda link: link.date)  # of equals, the first
    if latest.date > upload.date:
        latest = _own("upload", model.id, upload, CutoffKind.BOUNDED, depth=depth)
        dates.append(latest)
    links: list[ChainLink] = []
    for link in dates:
        below = next((part[1:] for part in parts if part[0] is link), ())
        links += [_decided(link, link is latest), *below]
    return _Dated(latest.date, latest.kind, latest.source, latest.read_on, tuple(links))


def _of_traces(traces: TraceSet, registry: Registry, depth: int) -> _Dated:
    """Return the last day of a trace set; its teachers are shown, and wrote before it."""
    until = traces.until
    links = [link for part in _parts(traces, registry, depth) for link in part]
    return _Dated(until.date, CutoffKind.BOUNDED, until.source, until.read_on, tuple(links))


def _parts(
    entry: KnownModel | TraceSet, registry: Registry, depth: int
) -> Iterator[tuple[ChainLink, ...]]:
    """Yield each link of an entry, followed by that link's own."""
    mine = entry.id if isinstance(entry, KnownModel) else entry.name
    for role, name in links_of(entry):
        if role == "traces":
            traces = registry.traces[name]
            shown, dated = traces.hub or traces.name, _of_traces(traces, registry, depth + 1)
        else:
            model = registry.models[name]
            shown, dated = model.id, _of_model(model, registry, depth + 1)
        yield _as_link(role, mine, shown, dated, depth)


def _as_link(role: str, of: str, name: str, dated: _Dated, depth: int) -> tuple[ChainLink, ...]:
    link = ChainLink(
        role=role,
        name=name,
        of=of,
        depth=depth,
        date=dated.date,
        kind=dated.kind,
        source=dated.source,
        read_on=dated.read_on,
    )
    return link, *dated.links


def _own(
    role: str,
    name: str,
    stated: Statement,
    kind: CutoffKind,
    *,
    depth: int = 0,
    decides: bool = False,
) -> ChainLink:
    return ChainLink(
        role=role,
        name=name,
        of=name,
        depth=depth,
        date=stated.date,
        kind=kind,
        source=stated.source,
        read_on=stated.read_on,
        decides=decides,
    )


def _decided(link: ChainLink, decides: bool) -> ChainLink:
    return msgspec.structs.replace(link, decides=decides)


def _finished(model_id: str, dated: _Dated, note: str) -> Effective:
    sentence = f"{model_id}: nothing after {dated.date} ({dated.kind}), {_reason(dated.links)}"
    return Effective(
        model=model_id,
        cutoff=Cutoff(date=dated.date, kind=dated.kind, source=sentence),
        links=dated.links,
        sentence=sentence,
        note=note,
    )


_WORDS = {
    "claim": "as its makers say",
    "upload": "the day of its upload, for no end of all its training data is stated",
    "base": "by its base {}",
    "teacher": "by its teacher {}",
    "traces": "by its traces {}",
}


def _reason(links: Sequence[ChainLink]) -> str:
    """Return the way from the model down to the date that decides, and where that stands."""
    way: list[ChainLink] = []
    for link in links:
        if way and link.depth < len(way):
            break  # past the links of the one that decides
        if link.decides and link.depth == len(way):
            way.append(link)
    words = ", ".join(_WORDS[link.role].format(link.name) for link in way)
    return f"{words}: {way[-1].source}"
