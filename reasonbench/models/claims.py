"""Published scores: what was claimed of a model, by whom, and where that was read.

``data/claims.toml`` holds what was read by a person; model cards, ``.eval_results`` files and
the Hub's evaluation results are read when asked for, and believed in nothing: a value is a
number on a scale that is guessed, said and flagged, or it is refused with its reason.  Two
sources that disagree are both kept.
"""

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.models.registry import DATA, Entry, Registry, Text, entries, registry
from reasonbench.records import Record
from reasonbench.specfile import read_toml
from reasonbench.specs import Claim

CLAIMS_FILE = DATA / "claims.toml"

PERCENT = "percent"
"""Flag of a value that was published in percent."""
GUESSED = "scale guessed"
"""Flag of a value whose scale its source does not say."""
AMBIGUOUS = "scale ambiguous"
"""Flag of a value that would be possible on both scales, and was taken as a proportion."""

AS_PASS_1 = ("acc", "accuracy", "exact_match", "em", "mean_accuracy", "avg", "score", "pass_at_1")
"""Names under which the mean over single completions, which is pass@1, is published."""

_PASS = re.compile(r"pass[ _@-]*(?:at[ _-]*)?(\d{1,6})", re.ASCII)
_WORD = re.compile(r"[^a-z0-9]+")
_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,12})?)\s*(%?)\s*", re.ASCII)


class BenchmarkName(Entry, frozen=True, kw_only=True):
    """A benchmark, and everything that it is called."""

    name: Text
    """Name under which claims refer to it."""
    title: Text
    """The same as a person says it."""
    names: tuple[Text, ...] = ()
    """Tasks of ours and of lm-eval, Hub datasets, and names in cards."""
    comparable: bool = True
    """Whether a score on the whole task is what is claimed; false where the claims are of some
    part that their sources do not name."""
    note: str = ""
    """What a reader must know."""


class Publication(Entry, frozen=True, kw_only=True):
    """One place where scores were published."""

    name: Text
    """Name of the entry."""
    source: Text
    """Where it was read."""
    read_on: datetime.date
    """Day on which it was read."""
    by: Literal["makers", "others"]
    """Who measured: the makers of the models, or somebody else."""
    unit: Literal["percent", "proportion"]
    """Scale of the values."""
    n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Completions a problem, if stated."""
    sampling: dict[str, float] = msgspec.field(default_factory=dict)
    """How they were drawn, as far as that is stated."""
    note: str = ""
    """What a reader must know."""
    scores: dict[str, dict[str, dict[str, float]]]
    """Values by model, benchmark and metric."""


class PublishedClaim(Record, frozen=True, kw_only=True):
    """A published score with everything that is known of it."""

    model: str
    """Model that it is of."""
    claim: Claim
    """The score: benchmark, metric, value as a proportion, n, source, and the day of reading."""
    published: str
    """Value as it was published."""
    by: str
    """``makers``, ``others``, ``card`` (of the model) or ``hub`` (its evaluation results)."""
    sampling: dict[str, float] = msgspec.field(default_factory=dict)
    """How it was sampled, as far as that is stated."""
    flags: tuple[str, ...] = ()
    """What was done to the value, or is doubtful of it."""
    note: str = ""
    """What a reader must know."""


class ReadClaims(NamedTuple):
    """What a card or a results file came to."""

    claims: tuple[PublishedClaim, ...]
    """What could be read."""
    refused: tuple[str, ...]
    """What could not, with its reason; one sentence each."""


class Claims:
    """All claims of a file."""

    def __init__(
        self, claims: Sequence[PublishedClaim], benchmarks: Mapping[str, BenchmarkName]
    ) -> None:
        self.claims, self.benchmarks = tuple(claims), benchmarks
        self._names = {
            normal(name): benchmark.name
            for benchmark in benchmarks.values()
            for name in (benchmark.name, benchmark.title, *benchmark.names)
        }

    def benchmark(self, name: str) -> str | None:
        """Return the benchmark that a task, a dataset or a card's name stands for."""
        return self._names.get(normal(name))

    def of(self, model: str) -> tuple[PublishedClaim, ...]:
        """Return the claims of a model of the registry, by its name there."""
        return tuple(c for c in self.claims if c.model == model)

    def matching(
        self, claims: Iterable[PublishedClaim], tasks: Iterable[str], ks: Iterable[int]
    ) -> tuple[Claim, ...]:
        """Return the claims that an audit can be held against, under the names of its tasks.

        Args:
            claims: claims of its model.
            tasks: names of its tasks.
            ks: values of k that it reports pass@k for.
        """
        metrics = {f"pass@{k}" for k in ks}
        named = [(task, self.benchmark(task)) for task in dict.fromkeys(tasks)]
        return tuple(
            msgspec.structs.replace(one.claim, task=task)
            for task, benchmark in named
            if benchmark is not None and self.benchmarks[benchmark].comparable
            for one in claims
            if one.claim.task == benchmark and comparable_metric(one.claim.metric) in metrics
        )


def normal(name: str) -> str:
    """Return a benchmark's name without the spelling."""
    plain = name.lower().removeprefix("lm_eval:")
    return _WORD.sub("_", plain).strip("_")


def metric_name(text: str) -> str:
    """Return a metric's name in our spelling: ``pass@k`` where it is that, else lower case."""
    found = _PASS.fullmatch(text.strip().lower())
    return f"pass@{int(found[1])}" if found else " ".join(text.lower().split())


def comparable_metric(metric: str) -> str:
    """Return the metric of ours that a published one is: accuracy is pass@1."""
    return "pass@1" if normal(metric) in AS_PASS_1 else metric


@lru_cache
def shipped_claims() -> Claims:
    """Return the shipped claims.

    Raises:
        SpecError: the file is not as it must be.
    """
    return read_claims(CLAIMS_FILE, registry())


def read_claims(path: Path, known: Registry) -> Claims:
    """Return the claims in a file.

    Args:
        path: the file.
        known: the models that they are of.

    Raises:
        SpecError: an entry or a field is wrong, a name is used for two benchmarks, or a score is
            of an unknown model or benchmark, or not on the scale that is said.
    """
    data = read_toml(path)
    if unknown := set(data) - {"benchmark", "publication"}:
        raise SpecError(
            f"{path.name} has no table {sorted(unknown)[0]!r}",
            hint="it holds [[benchmark]] and [[publication]]",
        )
    benchmarks = entries(data, "benchmark", BenchmarkName, path)
    owners: dict[str, str] = {}
    for benchmark in benchmarks.values():
        for name in (benchmark.name, benchmark.title, *benchmark.names):
            if owners.setdefault(normal(name), benchmark.name) != benchmark.name:
                raise SpecError(
                    f"{path.name}: {name!r} is a name of {owners[normal(name)]!r} and of "
                    f"{benchmark.name!r}"
                )
    claims = [
        claim
        for publication in entries(data, "publication", Publication, path).values()
        for claim in _claims_of(publication, benchmarks, known, path)
    ]
    return Claims(claims, benchmarks)


def _claims_of(
    publication: Publication, benchmarks: Mapping[str, BenchmarkName], known: Registry, path: Path
) -> Iterable[PublishedClaim]:
    where = f"{path.name}, [[publication]] {publication.name!r}: scores"
    for model, tasks in publication.scores.items():
        if model not in known.models:
            wrong = UnknownNameError.build("known model", model, known.models)
            raise SpecError(f"{where} of {model!r}, which is no known model", hint=wrong.hint)
        if len(known.models[model].hub) > 1:
            raise SpecError(
                f"{where} of {model!r}, an entry that stands for several models",
                hint="give the model an entry of its own in models.toml",
            )
        for task, metrics in tasks.items():
            if task not in benchmarks:
                wrong = UnknownNameError.build("benchmark", task, benchmarks)
                raise SpecError(f"{where}.{model}: {task!r} is no [[benchmark]]", hint=wrong.hint)
            for metric, value in metrics.items():
                top = 100.0 if publication.unit == PERCENT else 1.0
                if not 0 <= value <= top:
                    raise SpecError(
                        f"{where}.{model}.{task}: {metric} must be between 0 and {top:g} "
                        f"({publication.unit}), got {value:g}"
                    )
                yield PublishedClaim(
                    model=model,
                    claim=Claim(
                        task=task,
                        metric=metric_name(metric),
                        value=_shortest(value, top),
                        n=publication.n,
                        source=publication.source,
                        read_on=publication.read_on,
                    ),
                    published=f"{value:g}" + ("%" if publication.unit == PERCENT else ""),
                    by=publication.by,
                    sampling=publication.sampling,
                    flags=(PERCENT,) if publication.unit == PERCENT else (),
                    note="; ".join(filter(None, (publication.note, benchmarks[task].note))),
                )


def _shortest(value: float, top: float) -> float:
    """Return a proportion that prints as it was published: 79.8 of 100 is 0.798."""
    return round(value / top, 12)


class Scaled(NamedTuple):
    """A published value, as a proportion."""

    value: float
    flags: tuple[str, ...]


def as_proportion(published: Any) -> Scaled | str:
    """Return a value of unknown scale as a proportion, with what was done; or why it is none.

    Up to 1 it is a proportion, from there to 100 percent.  1 itself and what a percentage below
    1 would look like are ambiguous, and flagged.
    """
    percent = False
    if isinstance(published, str):
        found = _NUMBER.fullmatch(published[:40])
        if found is None:
            return f"{published[:40]!r} is no number"
        value, percent = float(found[1]), bool(found[2])
    elif isinstance(published, bool) or not isinstance(published, int | float):
        return f"a value of type {type(published).__name__} is no number"
    elif isinstance(published, int) and abs(published) > 100:
        return "the value is outside of 0 to 100"
    else:
        value = float(published)
    if not math.isfinite(value) or not 0 <= value <= 100:
        return f"{value:g} is outside of 0 to 100"
    if percent:
        return Scaled(_shortest(value, 100.0), (PERCENT,))
    if value > 1:
        return Scaled(_shortest(value, 100.0), (PERCENT, GUESSED))
    return Scaled(value, (GUESSED, AMBIGUOUS) if 0 < value <= 0.01 or value == 1 else (GUESSED,))
