"""What the Hub says of a model: when its weights were uploaded, its card, its results.

Dates of commits are the committer's to choose where they were pushed by git, so an upload is
never taken to be earlier than the repository.  Nothing is downloaded but the card.
"""

import datetime
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.models.files import base_model, is_hub_id, read_text
from reasonbench.models.registry import Statement

WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".npz", ".msgpack", ".h5")
TIMEOUT = 10.0
"""Seconds that the Hub may take to answer."""
MAX_FILES = 5_000
"""Files of a repository that are looked at."""
HINT = "give it where it is needed: --cutoff DATE, such as --cutoff 2025-01-31"


class Upload(NamedTuple):
    """When a model's weights came to the Hub."""

    stated: Statement
    """The day, and where that stands."""
    commit: str | None
    """Commit that was asked about."""
    base: str | None
    """The model that its card says it was made from."""


def upload_of(model_id: str, revision: str | None = None) -> Upload:
    """Return when the weights of a model, at a revision, were uploaded.

    The day of the last commit that touched a file of weights; where it has none, of the last
    commit at all.

    Raises:
        SpecError: no such model, or the Hub cannot be asked.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _asked(model_id, revision):
        info = api.model_info(model_id, revision=revision, timeout=TIMEOUT)
        files = api.list_repo_tree(
            model_id, recursive=True, expand=True, revision=info.sha or revision
        )
        days = [
            item.last_commit.date
            for item in itertools.islice(files, MAX_FILES)
            if PurePosixPath(item.path).suffix.lower() in WEIGHTS and item.last_commit is not None
        ]
        card = {"base_model": getattr(info.card_data, "base_model", None)}
        latest = max(map(_utc, days), default=info.last_modified)
        created, commit = info.created_at, info.sha
    if not isinstance(latest, datetime.datetime):
        raise SpecError(f"the Hub does not say when {model_id!r} was uploaded", hint=HINT)
    at = f" at {commit[:12]}" if commit and revision else ""
    stated = Statement(
        date=max(_utc(latest), _utc(created or latest)).date(),
        source=f"{api.endpoint}/{model_id}{at}",
        read_on=_today(),
    )
    return Upload(stated, commit, base_model(card))


def card_text(model_id: str, revision: str | None = None) -> str | None:
    """Return a model's card on the Hub; None where it has none.

    Raises:
        SpecError: no such model, the Hub cannot be asked, or the card is too large.
    """
    from huggingface_hub import HfApi, errors

    with _asked(model_id, revision):
        try:
            path = HfApi().hf_hub_download(model_id, "README.md", revision=revision)
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            return None
    return read_text(Path(path))


def eval_results(model_id: str) -> list[dict[str, Any]]:
    """Return the evaluation results on a model's page, in the form of ``.eval_results`` files.

    Raises:
        SpecError: no such model, the Hub cannot be asked, or what it says cannot be read.
    """
    from huggingface_hub import HfApi, eval_result_entries_to_yaml

    with _asked(model_id, None):
        info = HfApi().model_info(model_id, expand=["evalResults"], timeout=TIMEOUT)
        return eval_result_entries_to_yaml(info.eval_results or [])


@contextmanager
def _asked(model_id: str, revision: str | None) -> Iterator[None]:
    """Turn whatever the Hub's client raises into one sentence."""
    if not is_hub_id(model_id):
        raise SpecError(f"{model_id!r} is neither a folder nor a Hub id OWNER/NAME", hint=HINT)
    from huggingface_hub import errors

    at = f" at revision {revision!r}" if revision else ""
    try:
        yield
        return
    except ReasonbenchError:
        raise
    except errors.RevisionNotFoundError as error:
        cause: Exception = error
        why = "has no such revision"
    except errors.GatedRepoError as error:
        cause, why = error, "is gated, and this account has no access"
    except errors.RepositoryNotFoundError as error:
        cause, why = error, "is not there"
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        cause, why = error, "cannot be asked about: the network is off or out of reach"
    except Exception as error:  # whatever the network, its libraries and a wrong reply raise
        cause, why = error, f"cannot be asked about ({type(error).__name__})"
    raise SpecError(f"on the Hub, {model_id!r}{at} {why}", hint=HINT) from cause


def _utc(when: datetime.datetime) -> datetime.datetime:
    if when.tzinfo is None:
        return when.replace(tzinfo=datetime.UTC)
    return when.astimezone(datetime.UTC)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
