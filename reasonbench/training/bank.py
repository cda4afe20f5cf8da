"""A teacher, sampled into a bank of traces.

Each temperature is a run directory beside the bank (``BANK.runs/T1.0``), so sampling goes on
where it was cut short, a larger n tops up, and what was drawn is graded as any run is.  The bank
is made from these directories at the end and can be made again from them without a draw.

Rows come task by task, problem by problem, temperature by temperature as the policy names them,
and in the order of sample_index: whatever the batch size and the number of workers.
"""

import datetime
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from reasonbench.errors import EngineError, SpecError, TraceError
from reasonbench.planning import load_problems, with_system_prompt
from reasonbench.plugins import attributed
from reasonbench.protocols import Reporter, Task
from reasonbench.records import Completion, Grade, Message, Problem
from reasonbench.results import RunResult, Severity
from reasonbench.run import Silent, execute, library_versions, load_task
from reasonbench.specs import BankSpec, ModelSpec, RunSpec, TaskSpec
from reasonbench.store import Store
from reasonbench.training.bank_file import Bank, is_bank, read_bank, write_bank
from reasonbench.training.traces import BankHeader, BankRun, BankSummary, Trace

__all__ = ["Bank", "BankSummary", "is_bank", "make_bank", "read_bank", "run_folder", "run_specs"]

SUFFIX = ".parquet"
MAX_TEMPERATURE = 100.0
"""Largest that a completion can be drawn at."""
MAX_WARNINGS = 5
"""Sentences about what may be wrong with the traces that are said."""

Key = tuple[str, str]
Prompts = Mapping[Key, tuple[Message, ...]]


def make_bank(
    teacher: ModelSpec,
    tasks: Sequence[str],
    policy: BankSpec,
    path: Path,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
    command: Sequence[str] = (),
) -> BankSummary:
    """Sample a teacher on tasks and write what it said, graded, into one Parquet file.

    Args:
        teacher: the model that is sampled.
        tasks: tasks by name or path.
        policy: how it is sampled.
        path: the bank, which ends in ``.parquet``; one that is there is made again.
        reporter: where progress goes.
        workers: grader processes.
        command: command line, for the record.

    Raises:
        SpecError: a path, temperature or task that no bank can be made of.
        EngineError: a completion or grade is still owed; the same call goes on.
        ReasonbenchError: what keeps a run from going on.
    """
    reporter = reporter or Silent()
    specs = run_specs(teacher, tasks, policy)
    _check_path(path)
    loaded = [load_task(name) for name in specs[0].tasks]
    prompts = _prompts(loaded, policy)
    results: list[RunResult] = []
    for spec in specs:
        at = spec.sampling.temperature
        reporter.say(f"traces at temperature {at:g}, {spec.n} a problem")
        into = run_folder(path, at)
        result = execute(
            spec, into, tasks=loaded, reporter=reporter, workers=workers, command=command
        )
        _refuse_owed(result)
        _warn(result, reporter)
        results.append(result)
    header = BankHeader(
        teacher=teacher,
        tasks=tuple(task.spec for task in loaded),
        policy=policy,
        command=tuple(command),
        versions=library_versions(),
    )
    return _write(path, results, header, prompts, reporter)


def run_specs(teacher: ModelSpec, tasks: Sequence[str], policy: BankSpec) -> list[RunSpec]:
    """Return the run that each temperature of a policy asks for, in its order.

    Raises:
        SpecError: no task, or a temperature that is named twice or cannot be sampled at.
    """
    if not tasks:
        raise SpecError("no task is named that traces are sampled on", hint="name one: --task TASK")
    names = tuple(dict.fromkeys(tasks))
    specs: list[RunSpec] = []
    for temperature in (float(t) + 0.0 for t in policy.temperatures):
        if not 0 <= temperature <= MAX_TEMPERATURE:
            raise SpecError(
                f"a temperature must lie between 0 and {MAX_TEMPERATURE:g}, got {temperature:g}"
            )
        if any(spec.sampling.temperature == temperature for spec in specs):
            raise SpecError(
                f"temperatures names {temperature:g} twice, which would draw the same traces",
                hint="name each temperature once; n says how many traces a problem gets",
            )
        specs.append(
            RunSpec(
                model=teacher,
                tasks=names,
                engine=policy.engine,
                sampling=msgspec.structs.replace(policy.sampling, temperature=temperature),
                n=policy.n if temperature else 1,
                limit=policy.limit,
                system_prompt=policy.system_prompt,
            )
        )
    return specs


def run_folder(path: Path, temperature: float) -> Path:
    """Return the run directory of a bank's traces at one temperature."""
    return path.with_suffix(".runs") / f"T{temperature!r}"


def _check_path(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise SpecError(
            f"a bank is a Parquet file, and {path} does not end in {SUFFIX}",
            hint=f"write --out {path.with_suffix(SUFFIX)}",
        )
    if path.is_dir() or (path.exists() and not _replaceable(path)):
        raise SpecError(
            f"{path} exists and is no bank of traces, so it is left alone",
            hint="name another file with --out",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TraceError(
            f"the folder of {path} cannot be made: {error.strerror or error}",
            hint="name another place with --out",
        ) from error


def _replaceable(path: Path) -> bool:
    try:
        return is_bank(path)
    except TraceError:
        return False


def _prompts(tasks: Sequence[Task], policy: BankSpec) -> Prompts:
    """Return the messages that each problem is asked with.

    Raises:
        SpecError: a prompt that no student can be trained on as a chat.
    """
    found: dict[Key, tuple[Message, ...]] = {}
    for task in tasks:
        name = task.spec.name
        for problem in load_problems(task, policy.limit):
            with attributed("task", name):
                prompt = task.prompt(problem)
            if policy.system_prompt is not None:
                prompt = with_system_prompt(prompt, policy.system_prompt)
            if not prompt.messages or prompt.messages[-1].role != "user":
                sends = "plain text" if prompt.text is not None else "no question last"
                raise SpecError(
                    f"task {name!r} sends {sends}, and a trace is what follows a user's message",
                    hint="take a task that sends chat messages, the last of them the user's",
                )
            found[problem.task, problem.id] = prompt.messages
    return found


def _refuse_owed(result: RunResult) -> None:
    """Refuse to make a bank with holes, which would not be what the policy asked for."""
    if not result.n_owed:
        return
    reasons = [f"{n:,} x {said}" for task in result.tasks for said, n in task.failures.items()]
    why = f" ({' '.join(reasons[0].split())[:200]})" if reasons else ""
    raise EngineError(
        f"{result.n_owed:,} traces are not drawn or not graded{why}, so no bank is made yet",
        hint="the same command goes on; what was drawn is kept",
    )


def _warn(result: RunResult, reporter: Reporter) -> None:
    grave = [f for f in result.validity if f.severity is not Severity.NOTE]
    for finding in grave[:MAX_WARNINGS]:
        reporter.say(f"warning: {finding.sentence}")


def _write(
    path: Path,
    results: Sequence[RunResult],
    header: BankHeader,
    prompts: Prompts,
    reporter: Reporter,
) -> BankSummary:
    with ExitStack() as stack:
        runs = [
            _Run(stack.enter_context(Store.read(Path(result.path))), result) for result in results
        ]
        header = msgspec.structs.replace(header, runs=tuple(run.record() for run in runs))
        rows = _merged(runs, prompts, {task.name: task for task in header.tasks})
        reporter.phase("writing the bank", total=sum(run.total for run in runs))
        return write_bank(path, header, rows, reporter.advance)


class _Judged(NamedTuple):
    """One completion of a run, with its grade."""

    problem: Problem
    completion: Completion
    grade: Grade

    @property
    def key(self) -> Key:
        return self.problem.task, self.problem.id


class _Run:
    """The complete run of one temperature, open for reading."""

    def __init__(self, store: Store, result: RunResult) -> None:
        self._store = store
        self._result = result
        sessions = store.sessions()
        self.began = min(session.started for session in sessions)
        self._sessions = tuple(s for s in sessions if s.plan == result.plan)
        self.total = sum(task.n * len(task.problems) for task in result.tasks)

    def record(self) -> BankRun:
        """Return what the bank's header says of this run."""
        result = self._result
        directory = Path(result.path)
        return BankRun(
            temperature=result.sampling.temperature,
            directory=f"{directory.parent.name}/{directory.name}",
            plan=result.plan,
            engine=result.engine,
            sampling=result.sampling,
            graders=result.grader_versions,
            sessions=self._sessions,
        )

    def judged(self) -> Iterator[_Judged]:
        """Yield every completion with its grade, in the plan's order."""
        plan = self._result.plan
        grades = self._store.grades(plan, self._result.grader_versions)
        for (problem, completion), (grade, _) in zip(
            self._store.completions(plan), grades, strict=True
        ):
            if completion.key != grade.key:
                raise TraceError(
                    f"{self._store.path} was changed while the bank was made from it",
                    hint="give the command again when nothing writes to it",
                )
            yield _Judged(problem, completion, grade)

    def trace(self, judged: _Judged, messages: tuple[Message, ...], task: TaskSpec) -> Trace:
        """Return one completion as a row of the bank."""
        problem, completion, grade = judged
        result, engine = self._result, self._result.engine
        return Trace(
            problem=problem,
            messages=messages,
            completion=completion.text,
            thinking_prefilled=completion.thinking_prefilled,
            sample_index=completion.sample_index,
            temperature=result.sampling.temperature,
            verdict=grade.verdict,
            reason=grade.reason,
            answer=grade.answer,
            detail=grade.detail,
            grader=grade.grader,
            finish_reason=completion.finish_reason,
            n_prompt_tokens=completion.n_prompt_tokens,
            n_tokens=completion.n_tokens,
            seed=completion.seed,
            key=completion.key,
            teacher=engine.model,
            weights_digest=engine.weights_digest,
            engine=engine,
            sampling=result.sampling,
            drawn_at=self.began.astimezone(datetime.UTC),
            published=problem.published or task.published,
            license=task.license,
        )


def _merged(
    runs: Sequence[_Run], prompts: Prompts, tasks: Mapping[str, TaskSpec]
) -> Iterator[Trace]:
    """Yield the rows: the runs ask the same problems in the same order."""
    grouped = [itertools.groupby(run.judged(), key=lambda judged: judged.key) for run in runs]
    for groups in zip(*grouped, strict=True):
        for run, (key, group) in zip(runs, groups, strict=True):
            yield from _rows(run, group, prompts[key], tasks[key[0]])


def _rows(
    run: _Run, group: Iterable[_Judged], messages: tuple[Message, ...], task: TaskSpec
) -> Iterator[Trace]:
    for judged in group:
        yield run.trace(judged, messages, task)
