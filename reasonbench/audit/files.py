"""Audits on disk: written whole, read back, or made of a run that was never audited."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from reasonbench.audit.assembly import assemble
from reasonbench.errors import ReasonbenchError, SpecError, StoreWriteError
from reasonbench.models.split import checks_of_run
from reasonbench.results import AUDIT_SCHEMA, Audit, Role, TaskResult
from reasonbench.run import examined
from reasonbench.specs import AuditSpec
from reasonbench.store import Store
from reasonbench.store.database import STORE_FILE
from reasonbench.summary import default_ks, find_plan, summarize

AUDIT_FILE = "audit.json"
AGAIN = "make it again with this version of reasonbench: the samples are kept"


def write_audit(audit: Audit, directory: Path) -> Path:
    """Write ``audit.json`` whole or not at all."""
    path = directory / AUDIT_FILE
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(audit), indent=1))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreWriteError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def read_audit(path: Path) -> Audit:
    """Read an audit from its file or its run directory.

    Raises:
        SpecError: no such file, not an audit, or one of another schema version.
    """
    file = path / AUDIT_FILE if path.is_dir() else path
    try:
        audit = msgspec.json.decode(file.read_bytes(), type=Audit)
    except FileNotFoundError as error:
        raise SpecError(
            f"there is no audit at {file}", hint="make one: reasonbench audit MODEL --public TASK"
        ) from error
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise SpecError(
            f"{file} is not an audit of schema version {AUDIT_SCHEMA}: {error}",
            hint=AGAIN,
        ) from error
    if audit.schema_version != AUDIT_SCHEMA:
        raise SpecError(
            f"{file} is an audit of schema version {audit.schema_version}, not {AUDIT_SCHEMA}",
            hint=AGAIN,
        )
    return audit


def load_audit(path: Path) -> Audit:
    """Read an audit; of a run that was never audited, return what its samples say.

    Such an audit takes every task as public and has searched nothing.

    Raises:
        SpecError: no audit and no run; an audit that is older than the directory's run.
    """
    if not path.is_dir():
        return read_audit(path)
    with Store.read(path) as store:
        plan = find_plan(store)
        plan_id = plan.digest()
        if (path / AUDIT_FILE).is_file():
            audit = read_audit(path)
            if not _stands(audit, store, plan_id):
                raise SpecError(
                    f"{path} was run or graded again after its audit, which is of what was before",
                    hint=f"give the audit's command again (what is there is kept), or name the old "
                    f"one: {path / AUDIT_FILE}",
                )
            return audit
        spec = AuditSpec(
            model=plan.spec.model,
            public=plan.spec.tasks,
            engine=plan.spec.engine,
            sampling=plan.sampling,
            n=plan.spec.n,
            limit=plan.spec.limit,
            ks=default_ks(plan.spec.n),
            stop_after_successes=plan.spec.stop_after_successes,
            system_prompt=plan.spec.system_prompt,
            force_system_prompt=plan.spec.force_system_prompt,
        )
        commands = [s.command for s in store.sessions() if s.plan == plan_id]
        roles = {task.name: Role.PUBLIC for task in plan.tasks}
        run = examined(store, summarize(store, plan_id, roles=roles))
        problems = list(store.problems(plan_id))
        checks = checks_of_run(run, problems, plan.spec.model.cutoff)
        command = commands[-1] if commands else ()
        return assemble(spec, run, problems, checks=checks, command=command)


def run_beside(file: Path, audit: Audit) -> Path | None:
    """Return the run directory in which an audit's file lies and of which it still is, or None."""
    try:
        there = file.name == AUDIT_FILE and (file.parent / STORE_FILE).is_file()
        return file.parent if there and load_audit(file.parent) == audit else None
    except (ReasonbenchError, OSError):
        return None


def _stands(audit: Audit, store: Store, plan_id: str) -> bool:
    """Tell whether an audit is of what its run directory holds now."""
    if audit.run.plan != plan_id:
        return False
    roles = {task.spec.name: task.role for task in audit.run.tasks if task.role is not None}
    spec = audit.spec
    now = summarize(store, plan_id, ks=spec.ks, level=spec.level, roles=roles)
    # intervals differ in their last digits with the number of BLAS's threads
    return _counted(now.tasks) == _counted(audit.run.tasks)


def _counted(tasks: Iterable[TaskResult]) -> list[TaskResult]:
    """Return what was counted, without the estimates that follow from it."""
    return [msgspec.structs.replace(task, estimates=()) for task in tasks]
