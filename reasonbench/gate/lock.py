"""A lock on the bar: what was asked for, and of which data, before the result was known.

A lock is a folder: ``policy.json`` (the whole policy, its digest, and the digest of every task's
problems) and one manifest a rule that has a bound, in the form of PRML 0.1 (metric, comparator,
threshold, dataset, seed and producer in canonical YAML), each with its SHA-256 beside it, so that
PRML's own tools verify them too.  ``verify`` compares all of it with a policy and a subject.

Not covered: when the lock was made.  Its date is what its maker wrote; publish a lock, or its
digest, before the run (a commit that others have is enough).
"""

import datetime
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from reasonbench.errors import SpecError, StoreWriteError, TamperedError
from reasonbench.gate.rules import name_of
from reasonbench.gate.subject import Subject
from reasonbench.identity import digest
from reasonbench.run import load_task
from reasonbench.specs import GatePolicy, GateRule, TaskSpec

FORMAT = "reasonbench-gate-lock/1"
MANIFEST = "prml/0.1"
POLICY_FILE = "policy.json"
MAX_BYTES = 4_000_000
"""Largest file of a lock that is read."""


class Lock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``policy.json`` of a lock."""

    format: str
    """``reasonbench-gate-lock/1``."""
    created: str
    """When, by its maker's word."""
    policy: GatePolicy
    """The rules."""
    policy_digest: str
    """Their digest."""
    data: dict[str, str]
    """Digest of each task's problems, by task."""
    manifests: dict[str, str]
    """SHA-256 of each rule's manifest, by file name."""


def write_lock(
    policy: GatePolicy, data: dict[str, str], folder: Path, *, producer: str, seed: int | None
) -> Lock:
    """Write a lock to a new folder; it appears whole or not at all.

    Args:
        policy: the rules.
        data: digest of each task's problems, by task (``data_of``, ``data_of_tasks``).
        folder: where it goes.
        producer: who locks it.
        seed: seed of the sampling, where it is fixed already.

    Raises:
        SpecError: the folder is there already, or a task has no digest of its problems.
        StoreWriteError: it cannot be written.
    """
    if folder.exists():
        raise SpecError(
            f"{folder} is there already, and a lock is never written over",
            hint="name another folder, or verify it: reasonbench gate lock --verify",
        )
    created = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    texts = {
        f"{number:02d}-{_slug(name_of(rule))}": _canonical(
            _manifest(rule, data, created, producer, seed)
        )
        for number, rule in enumerate(policy.rules, 1)
        if _bound(rule) is not None
    }
    lock = Lock(
        format=FORMAT,
        created=created.isoformat(),
        policy=policy,
        policy_digest=digest(policy),
        data=data,
        manifests={f"{name}.yaml": _sha256(text) for name, text in texts.items()},
    )
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        for name, text in texts.items():
            (temporary / f"{name}.yaml").write_text(text, encoding="utf-8", newline="\n")
            (temporary / f"{name}.prml.sha256").write_text(_sha256(text) + "\n", encoding="ascii")
        encoded = msgspec.json.format(msgspec.json.encode(lock), indent=1)
        (temporary / POLICY_FILE).write_bytes(encoded + b"\n")
        temporary.rename(folder)
    except OSError as error:
        raise StoreWriteError(
            f"the lock {folder} cannot be written: {error.strerror or error}"
        ) from error
    return lock


def verify(folder: Path, policy: GatePolicy, subject: Subject | None) -> Lock:
    """Compare a lock with a policy and, where one is given, with what is judged.

    Raises:
        TamperedError: the first thing that differs.
        SpecError: there is no lock, or none of this format.
    """
    lock = _read(folder)
    if digest(lock.policy) != lock.policy_digest:
        raise TamperedError(f"{folder / POLICY_FILE} was changed: its policy has another digest")
    for name, expected in lock.manifests.items():
        if Path(name).name != name or name.startswith("."):
            raise TamperedError(f"{folder / POLICY_FILE} names a manifest {name!r} outside of it")
        text = _text(folder / name)
        if _sha256(text) != expected:
            raise TamperedError(f"{folder / name} was changed since it was locked")
        sidecar = folder / f"{name.removesuffix('.yaml')}.prml.sha256"
        if _text(sidecar).strip() != expected:
            raise TamperedError(f"{sidecar} was changed since it was locked")
    _same_policy(lock.policy, policy)
    if subject is not None:
        _same_data(lock, subject)
    return lock


def _same_policy(locked: GatePolicy, now: GatePolicy) -> None:
    if digest(locked) == digest(now):
        return
    if len(locked.rules) != len(now.rules):
        raise TamperedError(
            f"the policy has {len(now.rules)} rules, and {len(locked.rules)} were locked",
            hint="judge by the policy that was locked, or lock this one and say so",
        )
    for old, new in zip(locked.rules, now.rules, strict=True):
        for field in old.__struct_fields__:
            was, here = getattr(old, field), getattr(new, field)
            if was != here:
                raise TamperedError(
                    f"the rule {name_of(old)!r} has {field} = {here}, and {was} was locked",
                    hint="judge by the policy that was locked, or lock this one and say so",
                )
    changed = next(f for f in locked.__struct_fields__ if getattr(locked, f) != getattr(now, f))
    raise TamperedError(
        f"the policy has {changed} = {_shown(getattr(now, changed))}, and "
        f"{_shown(getattr(locked, changed))} was locked"
    )


def _shown(value: object) -> str:
    return json.dumps(msgspec.to_builtins(value))


def _same_data(lock: Lock, subject: Subject) -> None:
    tasks = {task.spec.name: task.spec.content_digest for task in subject.audit.run.tasks}
    for task, expected in lock.data.items():
        if task not in tasks:
            raise TamperedError(f"{subject.name} has no task {task}, whose problems were locked")
        if tasks[task] != expected:
            raise TamperedError(
                f"the problems of {task} in {subject.name} are not those that were locked: digest "
                f"{str(tasks[task])[:16]}, locked {expected[:16]}"
            )


def data_of(policy: GatePolicy, subject: Subject) -> dict[str, str]:
    """Return the digests of the problems that a policy is about, as a run holds them.

    Raises:
        SpecError: a task that the run has not, or that has no digest.
    """
    named = [rule.task for rule in policy.rules if rule.task is not None]
    tasks = [subject.task(name) for name in named] or list(subject.audit.run.tasks)
    return _digests([task.spec for task in tasks])


def data_of_tasks(policy: GatePolicy) -> dict[str, str]:
    """Return the digests of the problems that a policy's rules name, no run being there yet.

    Raises:
        SpecError: no rule names a task.
        TaskError: a task that cannot be loaded.
    """
    named = dict.fromkeys(rule.task for rule in policy.rules if rule.task is not None)
    if not named:
        raise SpecError(
            "no rule of the policy names a task, so there are no problems to lock",
            hint="add task = to the rules, or name a run",
        )
    return _digests([load_task(name).spec for name in named])


def _digests(specs: Sequence[TaskSpec]) -> dict[str, str]:
    data: dict[str, str] = {}
    for spec in specs:
        if spec.content_digest is None:
            raise SpecError(
                f"the problems of {spec.name} have no digest, so they cannot be locked",
                hint="make the run again with this version of reasonbench",
            )
        data[spec.name] = spec.content_digest
    return data


def _bound(rule: GateRule) -> tuple[str, float] | None:
    """Return comparator and threshold of a rule, in the metric's own direction."""
    if rule.at_least is not None:
        return ">=", rule.at_least
    if rule.at_most is not None:
        return "<=", rule.at_most
    if rule.margin is not None:
        return ">", -rule.margin
    if rule.better_by is not None:
        return ">", rule.better_by
    return ("<=", 0.0) if rule.metric == "findings" else None


def _manifest(
    rule: GateRule,
    data: dict[str, str],
    created: datetime.datetime,
    producer: str,
    seed: int | None,
) -> dict[str, Any]:
    bound = _bound(rule)
    assert bound is not None
    task = rule.task or (next(iter(data)) if len(data) == 1 else "all tasks")
    paired = rule.margin is not None or rule.better_by is not None
    content = data.get(task) or digest(data)
    return {
        "version": MANIFEST,
        "claim_id": _uuid7(),
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "metric": f"{rule.metric} minus baseline" if paired else rule.metric,
        "comparator": bound[0],
        "threshold": float(bound[1]),
        "dataset": {"id": task, "hash": _sha256(content)},
        "seed": seed,
        "producer": {"id": producer},
        "metric_args": {
            "confidence": rule.level,
            "decision": "one-sided Gaffke bound with anchor 1, Holm over rules",
            "dataset_digest": content,
            "policy_digest": digest(rule),
        },
    }


def _canonical(manifest: dict[str, Any]) -> str:
    """Return PRML's canonical text: sorted keys, block style, one newline at the end."""
    text: str = yaml.safe_dump(
        manifest,
        default_flow_style=False,
        sort_keys=True,
        width=float("inf"),
        allow_unicode=True,
    )
    return text.rstrip() + "\n"


def _uuid7() -> str:
    """Return a UUID of version 7: milliseconds since 1970, then chance."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _read(folder: Path) -> Lock:
    file = folder / POLICY_FILE
    try:
        lock = msgspec.json.decode(_text(file), type=Lock)
    except msgspec.MsgspecError as error:
        raise SpecError(f"{file} is no lock of a gate: {error}") from error
    if lock.format != FORMAT:
        raise SpecError(f"{file} has the format {lock.format!r}, not {FORMAT!r}")
    return lock


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise SpecError(f"{file} has more than {MAX_BYTES:,} bytes, and is no part of a lock")
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if file.name == POLICY_FILE:
            raise SpecError(
                f"there is no lock at {file.parent}", hint="make one: reasonbench gate lock"
            ) from error
        raise TamperedError(f"{file} is missing from the lock") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file} cannot be read: {error}") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "rule"
