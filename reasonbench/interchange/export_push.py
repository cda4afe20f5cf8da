"""Results to the Hub, as a pull request that a person has seen.

``prepare`` reads what is there and returns the difference; ``Push.send`` opens the request
from the very commit that was read.  Nothing else of the repository is touched, and of a file
that holds other benchmarks' entries those stay.  The token goes to the Hub alone.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.interchange.export_hub import FOLDER, dump
from reasonbench.models.files import is_hub_id

TIMEOUT = 20.0
"""Seconds that the Hub may take to answer."""
MAX_BYTES = 1_000_000
"""Largest file of results that is read from the Hub."""
LOGIN = "log in with: hf auth login, or set HF_TOKEN to a token that may write to the repository"


@dataclasses.dataclass(frozen=True, slots=True)
class Push:
    """Files that are ready to be sent."""

    repo: str
    """The model's repository."""
    commit: str
    """Commit that the difference is from."""
    files: dict[str, str]
    """New text of each file that changes, by its path."""
    diff: str
    """What would change."""
    warnings: tuple[str, ...]
    """What looks wrong about it."""
    _token: str = dataclasses.field(repr=False)

    def send(self, title: str) -> str:
        """Open the pull request; return its address.

        Raises:
            ReasonbenchError: the Hub refuses it, or cannot be reached.
        """
        from huggingface_hub import CommitOperationAdd, HfApi

        added = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=text.encode())
            for path, text in self.files.items()
        ]
        with _asked(self.repo, sending=True):
            done = HfApi(token=self._token).create_commit(
                self.repo,
                added,
                commit_message=title,
                create_pr=True,
                parent_commit=self.commit,
            )
        return str(done.pr_url or done.commit_url)


def token() -> str:
    """Return the token of whoever is logged in.

    Raises:
        SpecError: nobody is.
    """
    from huggingface_hub import get_token

    found = get_token()
    if not found:
        raise SpecError("pushing to the Hub needs a token, and there is none", hint=LOGIN)
    return found


def prepare(repo: str, paths: Sequence[Path], access: str) -> Push:
    """Return what a pull request with these files would change.

    Args:
        repo: OWNER/NAME of the model.
        paths: files as ``export_hub.write`` made them.
        access: token.

    Raises:
        ReasonbenchError: the Hub cannot be asked, or holds a file that cannot be read.
    """
    import yaml
    from huggingface_hub import HfApi

    if not is_hub_id(repo):
        raise SpecError(
            f"{repo!r} is no repository on the Hub", hint="name the model's: --repo OWNER/NAME"
        )
    api = HfApi(token=access)
    with _asked(repo):
        commit = api.model_info(repo, timeout=TIMEOUT).sha
    if not isinstance(commit, str):
        raise ReasonbenchError(f"the Hub does not say at which commit {repo!r} is")
    files: dict[str, str] = {}
    lines: list[str] = []
    warnings: list[str] = []
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        old = _there(api, repo, name, commit)
        new = path.read_text(encoding="utf-8")
        if old:
            ours, theirs = yaml.safe_load(new), _entries(yaml, old, repo, name)
            warnings += _off_scale(ours, theirs)
            new = dump(yaml, _merged(ours, theirs))
        if new != old:
            files[name] = new
            lines += difflib.unified_diff(
                old.splitlines(keepends=True),
                new.splitlines(keepends=True),
                f"a/{name}" if old else "/dev/null",
                f"b/{name}",
            )
    return Push(repo, commit, files, "".join(lines), tuple(warnings), access)


def _there(api: Any, repo: str, name: str, commit: str) -> str:
    from huggingface_hub import errors

    with _asked(repo):
        try:
            found = api.get_paths_info(repo, [name], revision=commit)
            if not found:
                return ""
            if found[0].size > MAX_BYTES:
                raise ReasonbenchError(f"{name} in {repo} is larger than {MAX_BYTES:,} bytes")
            path = api.hf_hub_download(repo, name, revision=commit)
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _unread(repo, name) from error


def _entries(yaml: Any, text: str, repo: str, name: str) -> list[dict[str, Any]]:
    from huggingface_hub import parse_eval_result_entries

    try:
        entries = yaml.safe_load(text)
        parse_eval_result_entries(entries)
        for entry in entries:
            _key(entry)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise _unread(repo, name) from error
    return list(entries)


def _unread(repo: str, name: str) -> ReasonbenchError:
    return ReasonbenchError(
        f"{name} in {repo} is no file of results, and is not written over",
        hint="mend or remove it on the Hub, or add the exported file there by hand",
    )


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["dataset"]["id"], entry["dataset"]["task_id"]


def _merged(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    new = {_key(entry): entry for entry in ours}
    kept = [new.pop(_key(entry), entry) for entry in theirs]
    return [*kept, *new.values()]


def _off_scale(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> Iterator[str]:
    old = {_key(entry): entry["value"] for entry in theirs}
    for entry in ours:
        before, now = old.get(_key(entry)), entry["value"]
        if isinstance(before, int | float) and (0 < before <= 1) is not (0 < now <= 1):
            yield (
                f"the value for {entry['dataset']['id']} goes from {before:g} to {now:g}: "
                "see whether --scale is the board's"
            )


@contextmanager
def _asked(repo: str, *, sending: bool = False) -> Iterator[None]:
    """Turn whatever the Hub's client raises into one sentence, without what it was sent."""
    from huggingface_hub import errors

    hint = "the files were written; push them later with the same command"
    try:
        yield
        return
    except ReasonbenchError:
        raise
    except errors.GatedRepoError as error:
        cause: Exception = error
        why = "is gated, and this account has no access"
    except errors.RepositoryNotFoundError as error:
        cause, why = error, "is not there, or this token may not see it"
        hint = "name the model's repository: --repo OWNER/NAME"
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        cause, why = error, "cannot be reached: the network is off or out of reach"
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no")
        cause, why = error, f"was not changed: the Hub answered with status {status}"
        hint = LOGIN if status in (401, 403) else hint
    except Exception as error:  # whatever the network, its libraries and a wrong reply raise
        cause, why = error, f"cannot be reached ({type(error).__name__})"
        if sending:
            why = f"did not confirm the pull request ({type(error).__name__})"
            hint = "see whether it is there before you push again"
    raise ReasonbenchError(f"on the Hub, {repo!r} {why}", hint=hint) from cause
