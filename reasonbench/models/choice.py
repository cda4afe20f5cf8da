"""Which cutoff a model gets, and how it enters a spec."""

import datetime
from collections.abc import Callable

import msgspec

from reasonbench.errors import SpecError
from reasonbench.models.chain import Effective, bounded, effective
from reasonbench.models.files import EMBEDDED, Identity, base_of, identify
from reasonbench.models.hub import HINT, upload_of
from reasonbench.models.registry import KnownModel, Registry, registry
from reasonbench.specs import Cutoff, CutoffKind, ModelSpec

FLAG = "--cutoff"


def resolve(
    model_id: str,
    revision: str | None = None,
    *,
    ask_hub: bool,
    known: Registry | None = None,
) -> Effective:
    """Return the effective cutoff of a model.

    Args:
        model_id: Hub id, name of ours, local folder or ``embedded:NAME``.
        revision: Hub revision of the model.
        ask_hub: whether the Hub may be asked when weights were uploaded, which bounds the cutoff
            of a model that is not known, and of a revision that is later than the release.
        known: the registry; by default the shipped one.

    Raises:
        SpecError: nothing says, and the user must.
    """
    known = known or registry()
    who = identify(model_id)
    revision = revision or who.revision
    model = known.find(who.hub_id or model_id) if who.folder is None or who.hub_id else None
    if model is not None:
        return _of_known(model, known.spelt(who.hub_id or model_id), revision, ask_hub, known)
    if who.hub_id is None:
        raise SpecError(_nothing_says(model_id, who, known), hint=HINT)
    if not ask_hub:
        raise SpecError(
            f"the training cutoff of {model_id!r} is not known, for it is not in the registry",
            hint=HINT,
        )
    upload = upload_of(who.hub_id, revision)
    base = known.find(upload.base) if upload.base is not None else None
    return bounded(model_id, upload.stated, base, known)


def with_cutoff(
    model: ModelSpec,
    day: datetime.date | None,
    *,
    ask_hub: bool = False,
    say: Callable[[str], None],
) -> ModelSpec:
    """Return a model's spec with its cutoff: the day that was given, the file's, or the known.

    Where there is none, the spec is left as it is: whoever needs one says so.

    Args:
        model: the spec.
        day: the value of ``--cutoff``, which wins over everything.
        ask_hub: whether an unknown model's upload is asked for, as it must have a cutoff.
        say: gets the sentences that a user should read.

    Raises:
        SpecError: the day lies in the future.
    """
    found: Effective | None = None
    why = ""
    try:
        found = resolve(
            model.id, model.revision, ask_hub=ask_hub and day is None and model.cutoff is None
        )
    except SpecError as error:
        why = f"{error.message}; {error.hint}" if error.hint else error.message
    if day is not None:
        return _given(model, day, found, say)
    if model.cutoff is not None:
        return model
    if found is None:
        if ask_hub:
            say(why)
        return model
    say(f"cutoff: {found.sentence}" + (f" ({found.note})" if found.note else ""))
    return msgspec.structs.replace(model, cutoff=found.cutoff)


def _given(
    model: ModelSpec,
    day: datetime.date,
    found: Effective | None,
    say: Callable[[str], None],
) -> ModelSpec:
    if day > datetime.datetime.now(datetime.UTC).date():
        raise SpecError(
            f"{FLAG} {day} lies in the future, where no training data ends",
            hint="give the last day that the training data may hold",
        )
    if found is not None and found.cutoff.date != day:
        say(f"cutoff {day} as given; else it would be {found.cutoff.date}: {found.sentence}")
    cutoff = Cutoff(date=day, kind=CutoffKind.CLAIMED, source=FLAG)
    return msgspec.structs.replace(model, cutoff=cutoff)


def _of_known(
    model: KnownModel, model_id: str, revision: str | None, ask_hub: bool, known: Registry
) -> Effective:
    if revision is None or revision == "main":
        return effective(model, known, model_id=model_id)
    if ask_hub:
        try:
            upload = upload_of(model_id, revision)
        except SpecError as error:
            return _noted(effective(model, known, model_id=model_id), error.message)
        return effective(model, known, model_id=model_id, uploaded=upload.stated)
    why = f"it was not looked up when revision {revision!r} was uploaded"
    return _noted(effective(model, known, model_id=model_id), why)


def _noted(found: Effective, why: str) -> Effective:
    note = "; ".join(filter(None, (found.note, f"this is of the release: {why}")))
    return msgspec.structs.replace(found, note=note)


def _nothing_says(model_id: str, who: Identity, known: Registry) -> str:
    kind = "folder" if who.folder is not None else "model"
    if model_id.startswith(EMBEDDED):
        kind = "shipped model"
    start = f"the training cutoff of the {kind} {model_id!r} is not known"
    if who.folder is None:
        return start
    try:
        named = base_of(who.folder)
    except SpecError as error:
        return f"{start}: {error.message}"
    if named is None:
        return start
    said = f"{start}: its files say that it was made from {named}"
    base = known.find(named)
    if base is not None:
        said += f", whose cutoff is {effective(base, known).cutoff.date}"
    return f"{said}, and not what it was trained on since"
