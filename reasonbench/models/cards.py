"""Claims in a model's own files: ``model-index`` in its card, and ``.eval_results``.

All of it is hostile: types are checked, sizes bounded, and what cannot be read is said.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reasonbench.errors import SpecError
from reasonbench.models import hub
from reasonbench.models.claims import (
    PublishedClaim,
    ReadClaims,
    Scaled,
    as_proportion,
    metric_name,
    shipped_claims,
)
from reasonbench.models.files import MAX_NAME, front_matter, parse_yaml, read_text
from reasonbench.specs import Claim

MAX_CLAIMS = 1_000
"""Claims that are read of one model."""
MAX_FILES = 100
"""Files of results that are read."""
RESULTS_FOLDER = ".eval_results"

_N = re.compile(r"\bn\s*=\s*(\d{1,6})\b")
_PASS = re.compile(r"\bpass\s?@\s?\d{1,6}\b", re.IGNORECASE)


def claims_in_folder(folder: Path, model: str) -> ReadClaims:
    """Return the claims in a model folder's card and its ``.eval_results``.

    A file that cannot be read is refused, and the others are read.
    """
    claims: list[PublishedClaim] = []
    refused: list[str] = []
    card = folder / "README.md"
    try:
        text = read_text(card)
        found = claims_in_card(text, model, str(card)) if text else ReadClaims((), ())
        claims += found.claims
        refused += found.refused
    except SpecError as error:
        refused.append(error.message)
    results = folder / RESULTS_FOLDER
    try:
        files = sorted(p for p in results.iterdir() if p.suffix in (".yaml", ".yml"))
    except OSError:
        files = []
    if len(files) > MAX_FILES:
        refused.append(f"{results} holds {len(files):,} files, of which {MAX_FILES} are read")
    for path in files[:MAX_FILES]:
        try:
            parsed = parse_yaml(read_text(path) or "", str(path))
            found = claims_in_results(parsed, model, str(path))
            claims += found.claims
            refused += found.refused
        except SpecError as error:
            refused.append(error.message)
    return ReadClaims(tuple(claims), tuple(refused))


def claims_in_card(text: str, model: str, where: str) -> ReadClaims:
    """Return the claims in the ``model-index`` of a model card.

    Raises:
        SpecError: its front matter is no YAML mapping.
    """
    index = front_matter(text, where).get("model-index")
    if index is None:
        return ReadClaims((), ())
    if not isinstance(index, list):
        return ReadClaims((), (f"{where}: model-index is not a list",))
    return _collected(_of_index(index, model, where), where)


def claims_in_results(parsed: Any, model: str, where: str, by: str = "card") -> ReadClaims:
    """Return the claims in a list of evaluation results of the Hub's form."""
    if not isinstance(parsed, list):
        return ReadClaims((), (f"{where} is not a list of results",))
    return _collected(_of_results(parsed, model, where, by), where)


def claims_on_hub(hub_id: str, revision: str | None = None) -> ReadClaims:
    """Return the claims in a model's card on the Hub, and in the Hub's results of it.

    Raises:
        SpecError: no such model, or the Hub cannot be asked.
    """
    results = hub.eval_results(hub_id)  # first, as it is tried once: a network may be away
    card = hub.card_text(hub_id, revision)
    where = f"the card of {hub_id}"
    try:
        found = claims_in_card(card or "", hub_id, where)
    except SpecError as error:
        found = ReadClaims((), (error.message,))
    more = claims_in_results(results, hub_id, f"the Hub's results of {hub_id}", by="hub")
    return ReadClaims((*found.claims, *more.claims), (*found.refused, *more.refused))


def _collected(found: Iterator[PublishedClaim | str], where: str) -> ReadClaims:
    claims: list[PublishedClaim] = []
    refused: list[str] = []
    for one in found:
        if len(claims) + len(refused) >= MAX_CLAIMS:
            refused.append(f"{where} holds more than {MAX_CLAIMS:,} results: the rest is not read")
            break
        if isinstance(one, str):
            refused.append(f"{where}: {one}")
        else:
            claims.append(one)
    return ReadClaims(tuple(claims), tuple(refused))


def _of_index(index: list[Any], model: str, where: str) -> Iterator[PublishedClaim | str]:
    for entry in index:
        results = entry.get("results") if isinstance(entry, dict) else None
        if not isinstance(results, list):
            yield "an entry of model-index has no list of results"
            continue
        for result in map(_mapping, results):
            dataset = _mapping(result.get("dataset"))
            names = [_text(dataset.get(key)) for key in ("type", "name")]
            names += [_text(_mapping(result.get("task")).get("name"))]
            source = _text(_mapping(result.get("source")).get("url")) or where
            metrics = result.get("metrics")
            if not any(names) or not isinstance(metrics, list):
                yield "a result names no dataset, or has no list of metrics"
                continue
            for metric in map(_mapping, metrics):
                labels = [_text(metric.get(key)) for key in ("name", "type")]
                yield _claim(model, names, labels, metric.get("value"), source=source)


def _of_results(
    parsed: list[Any], model: str, where: str, by: str
) -> Iterator[PublishedClaim | str]:
    for entry in map(_mapping, parsed):
        dataset = _mapping(entry.get("dataset"))
        names = [_text(dataset.get(key)) for key in ("task_id", "id")]
        if not any(names):
            yield "a result names no dataset"
            continue
        notes = _text(entry.get("notes"))
        source = _text(_mapping(entry.get("source")).get("url")) or where
        found = _PASS.search(notes)
        labels = [found[0] if found else "score"]
        yield _claim(model, names, labels, entry.get("value"), source=source, by=by, notes=notes)


def _claim(
    model: str,
    names: list[str],
    labels: list[str],
    value: Any,
    *,
    source: str,
    by: str = "card",
    notes: str = "",
) -> PublishedClaim | str:
    """Return one claim, or why it is none."""
    called = next(name for name in names if name)
    scaled = as_proportion(value)
    if not isinstance(scaled, Scaled):
        return f"{called}: {scaled}"
    metrics = [metric_name(label) for label in labels if label] or ["score"]
    metric = next((m for m in metrics if m.startswith("pass@")), metrics[0])
    known = shipped_claims()
    task = next((t for name in names if name and (t := known.benchmark(name))), called)
    stated = _N.search(notes)
    n = int(stated[1]) if stated else 0
    return PublishedClaim(
        model=model,
        claim=Claim(
            task=task,
            metric=metric,
            value=scaled.value,
            n=n or None,
            source=source,
            read_on=datetime.datetime.now(datetime.UTC).date(),
        ),
        published=str(value)[:40],
        by=by,
        flags=scaled.flags,
        note=notes,
    )


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Return one line of a text, cut; empty for anything else."""
    return " ".join(value[: 4 * MAX_NAME].split())[:MAX_NAME] if isinstance(value, str) else ""
