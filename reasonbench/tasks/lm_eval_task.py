"""Tasks in lm-eval's YAML format: ours, a user's, and any of lm-eval's own.

A prompt is what ``lm_eval run --apply_chat_template`` sends, few-shot turns and their
seed included; the engine applies the model's template.  Documents are rendered in their
order, since lm-eval draws few-shot examples from one stream.

The stop strings of ``generation_kwargs`` are *not* applied: they are written for base
models, and one that occurs in the thinking part would cut the thought off.  Sampling is
what the SamplingSpec says and nothing else.

Our own fields stand under ``metadata.reasonbench`` (see ``fields.py``).  Not covered:
output types other than ``generate_until``, images and audio, tasks written as Python
classes, answers that the prompt begins (``gen_prefix``), and code that lm-eval's own scoring
must run; programs with tests in a field (``metadata.reasonbench.tests``) are fine.
"""

import base64
import datetime
import functools
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from reasonbench import lm_eval_tasks
from reasonbench.errors import ReasonbenchError, SpecError, TaskError
from reasonbench.identity import digest
from reasonbench.records import Message, Problem, Prompt
from reasonbench.specs import TaskSpec
from reasonbench.tasks.fields import TaskFields, read_fields
from reasonbench.tasks.public import provenance, published_of, read_argument

FEWSHOT_SEED = 1234
"""Seed of the few-shot draw: the default of lm-eval's command line."""


class LmEvalTask:
    """One task of lm-eval's format.

    Raises:
        TaskError: it cannot be used here, or its data cannot be loaded.
        SpecError: ``metadata.reasonbench`` is wrong.
    """

    def __init__(
        self,
        path: Path,
        *,
        reference: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
    ) -> None:
        content = lm_eval_tasks.definition(path)
        _refuse_unusable(content, reference)
        self._fields: TaskFields = read_fields(content.get("metadata"), path)
        self._task = lm_eval_tasks.build(path, metadata)
        self._reference = reference
        self._name = name or str(self._task.config.task)
        self._source = source
        self._task.set_fewshot_seed(FEWSHOT_SEED)
        self._docs: list[dict[str, Any]] = [doc for _, doc in self._task.doc_iterator()]
        self._tests = [self._tests_of(i, doc) for i, doc in enumerate(self._docs)]
        self._provenance = provenance(self._task.dataset)
        self._rendered: list[tuple[Message, ...]] = []

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Return the task of a YAML file."""
        if not path.is_file():
            raise TaskError(f"there is no task file {path}", hint="check the path")
        return cls(path, reference=lm_eval_tasks.reference_of(path))

    @classmethod
    def from_name(cls, name: str) -> Self:
        """Return a task of lm-eval's own, by its name there."""
        path = lm_eval_tasks.find_lm_eval_yaml(name)
        return cls(path, reference=lm_eval_tasks.PREFIX + name)

    @classmethod
    def shipped(cls, path: Path, argument: str | None) -> Self:
        """Return a task that reasonbench ships; public ones take a local copy and days."""
        fields = read_fields(lm_eval_tasks.definition(path).get("metadata"), path)
        if argument is not None and fields.schema is None:
            raise SpecError(
                f"the task {path.stem!r} takes no argument, got {argument!r}",
                hint=f"write {path.stem} alone",
            )
        given = read_argument(path.stem, argument)
        days = {"since": given.since, "until": given.until}
        return cls(
            path,
            reference=lm_eval_tasks.reference_of(path),
            name=path.stem + given.suffix if given.suffix else None,
            metadata={"path": given.path, **{k: str(v) for k, v in days.items() if v}}
            if argument is not None
            else None,
        )

    @property
    def left_out(self) -> Mapping[str, int]:
        """Rows of the source that are no problem here, by the reason."""
        return self._provenance.left_out if self._provenance is not None else {}

    @functools.cached_property
    def spec(self) -> TaskSpec:
        """What the task is; ``content_digest`` covers every problem, targets included."""
        config, fields = self._task.config, self._fields
        data_set = "/".join(str(p) for p in (config.dataset_path, config.dataset_name) if p)
        kwargs = config.dataset_kwargs or {}
        split, revision = config.test_split or config.validation_split, kwargs.get("revision")
        source = self._source or fields.source or data_set
        if self._provenance is not None:
            source, revision = self._provenance.source, self._provenance.revision
            split = fields.split
        return TaskSpec(
            name=self._name,
            version=str(self._task.VERSION),
            source=source,
            revision=revision,
            split=split,
            content_digest=digest([_content(p) for p in self._problems]),
            prompt_template=self._template,
            grader=fields.grader,
            license=fields.license,
            published=fields.published,
        )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems in the data set's order."""
        yield from self._problems

    def prompt(self, problem: Problem) -> Prompt:
        """Return what is sent for one problem."""
        position = self._positions.get(problem.id)
        if position is None:
            raise TaskError(f"task {self._name!r} has no problem {problem.id!r}")
        while len(self._rendered) <= position:
            number = f"{len(self._rendered):05d}"
            doc = self._docs[len(self._rendered)]
            self._rendered.append(self._call(number, functools.partial(self._render, doc)))
        return Prompt(
            problem_id=problem.id,
            task=self._name,
            messages=self._rendered[position],
            template_digest=self._template_digest,
        )

    @functools.cached_property
    def _problems(self) -> tuple[Problem, ...]:
        problems = tuple(self._problem(i, doc) for i, doc in enumerate(self._docs))
        seen: dict[str, int] = {}
        for position, problem in enumerate(problems):
            if problem.id in seen:
                raise TaskError(
                    f"documents {seen[problem.id]} and {position} of task {self._name!r} share "
                    f"the id {problem.id!r}",
                    hint="name a field with unique values as metadata.reasonbench.id",
                )
            seen[problem.id] = position
        return problems

    @functools.cached_property
    def _positions(self) -> dict[str, int]:
        return {problem.id: i for i, problem in enumerate(self._problems)}

    def _problem(self, position: int, doc: dict[str, Any]) -> Problem:
        fields = self._fields
        number = f"{position:05d}"
        statement = self._field(doc, fields.statement, number)
        if statement is None:
            statement = self._call(number, lambda: self._task.doc_to_text(doc))
        cluster = self._field(doc, fields.cluster, number)
        about = {
            k: v for k in ("filter", "metric", "grading") if (v := getattr(fields, k)) is not None
        }
        if fields.grader == "lm_eval":  # which alone reads the file, a path of this machine, again
            about |= {"task": self._reference, "multiple_target": self._task.multiple_target}
        # There even when empty: a column "grading" or "lm_eval" is no option of a grader.
        own = {**_plain(doc, f"document {number} of {self._name!r}"), "lm_eval": about}
        return Problem(
            task=self._name,
            id=number if fields.id is None else str(self._field(doc, fields.id, number)),
            statement=str(statement),
            target=None if fields.tests is not None else _text(self._target(doc, number)),
            tests=self._tests[position],
            published=published_of(doc, fields),
            cluster=None if cluster is None else str(cluster),
            metadata=own,
        )

    def _tests_of(self, position: int, doc: dict[str, Any]) -> dict[str, Any] | None:
        """Take the tests out of a document: prompts need none, and twice they are too much."""
        if self._fields.tests is None:
            return None
        number = f"{position:05d}"
        tests = self._field(doc, self._fields.tests, number)
        del doc[self._fields.tests]
        if isinstance(tests, str):
            tests = self._call(number, lambda: json.loads(tests))
        if not isinstance(tests, dict):
            raise TaskError(
                f"the tests of document {number} of task {self._name!r} are no table, "
                f"but a {type(tests).__name__}",
                hint="write them as JSON, as docs/grading.md shows",
            )
        return tests

    def _field(self, doc: dict[str, Any], field: str | None, number: str) -> Any:
        if field is None:
            return None
        if field not in doc:
            raise TaskError(
                f"document {number} of task {self._name!r} has no field {field!r}",
                hint=f"metadata.reasonbench may name: {', '.join(map(str, doc))}",
            )
        return doc[field]

    def _target(self, doc: dict[str, Any], number: str) -> Any:
        if self._fields.target is not None:
            return self._field(doc, self._fields.target, number)
        return self._call(number, lambda: self._task_target(doc))

    def _task_target(self, doc: dict[str, Any]) -> Any:
        target = self._task.doc_to_target(doc)
        if self._task.config.doc_to_choice is not None and isinstance(target, int):
            return self._task.doc_to_choice(doc)[target]
        return target

    def _call(self, number: str, code: Callable[[], Any]) -> Any:
        """Return what the task's own code gives for one document; what it raises is its fault."""
        try:
            return code()
        except ReasonbenchError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise TaskError(
                f"document {number} of task {self._name!r} cannot be used: "
                f"{type(error).__name__}: {said}",
                hint="check the task's YAML file and the Python beside it",
            ) from error

    def _render(self, doc: dict[str, Any]) -> tuple[Message, ...]:
        turns = self._task.fewshot_context(
            doc,
            num_fewshot=self._task.config.num_fewshot or 0,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            chat_template=lambda messages, add_generation_prompt=True: messages,
        )
        return tuple(Message(role=t["role"], content=t["content"]) for t in turns)

    @property
    def _template(self) -> str:
        config = self._task.config
        parts = [
            f"[system] {config.description}" if config.description else "",
            f"[{config.num_fewshot} examples]" if config.num_fewshot else "",
            _as_written(config.doc_to_text),
        ]
        return "\n".join(part for part in parts if part)

    @functools.cached_property
    def _template_digest(self) -> str:
        config = self._task.config
        code = inspect.getsource(config.doc_to_text) if callable(config.doc_to_text) else ""
        return digest(self._template, code, config.fewshot_delimiter, FEWSHOT_SEED)


def from_yaml(argument: str | None) -> LmEvalTask:
    """Return the task of the YAML file ``argument``."""
    if not argument:
        raise TaskError("a YAML task needs a path", hint="write yaml:PATH, or the path alone")
    return LmEvalTask.from_yaml(Path(argument))


def shipped(file: str, argument: str | None = None) -> LmEvalTask:
    """Return the task of a YAML file that reasonbench ships."""
    return LmEvalTask.shipped(Path(file), argument)


def from_name(argument: str | None) -> LmEvalTask:
    """Return lm-eval's own task ``argument``."""
    if not argument:
        raise TaskError("lm_eval needs a task name", hint="write lm_eval:NAME, as lm_eval:gsm8k")
    return LmEvalTask.from_name(argument)


def _refuse_unusable(content: Mapping[str, Any], reference: str) -> None:
    """Refuse what cannot be sampled or judged here, before any data is loaded."""
    if "group" in content or isinstance(content.get("task"), list):
        members = content.get("task")
        names = [m if isinstance(m, str) else m.get("task", "?") for m in members or []]
        raise TaskError(
            f"{reference} is a group of tasks, not one",
            hint=f"name its tasks one by one: {', '.join(map(str, names[:10]))}",
        )
    output_type = content.get("output_type", "generate_until")
    if output_type != "generate_until":
        raise TaskError(
            f"{reference} has the output type {output_type!r}, but only generate_until tasks "
            "can be sampled",
            hint="look for a generative variant of it",
        )
    for key, reason in _UNSUPPORTED.items():
        if content.get(key):
            raise TaskError(f"{reference} cannot be used: {reason}", hint=_UNSUPPORTED_HINT)


_UNSUPPORTED = {
    "class": "it is written as a Python class, not as YAML",
    "doc_to_image": "it shows images",
    "doc_to_audio": "it plays audio",
    "gen_prefix": "it begins the model's answer itself (gen_prefix)",
    "unsafe_code": "its own scoring runs the model's code outside of any sandbox",
}
_UNSUPPORTED_HINT = "lm_eval run can sample it; reasonbench takes text-only generate_until tasks"


def _content(problem: Problem) -> list[Any]:
    metadata = {k: v for k, v in problem.metadata.items() if k != "lm_eval"}
    content = [problem.id, problem.statement, problem.target, problem.cluster, metadata]
    return content if problem.tests is None else [*content, digest(problem.tests)]


def _as_written(template: Any) -> str:
    if isinstance(template, str):
        return template
    return f"!function {getattr(template, '__name__', type(template).__name__)}"


def _text(target: Any) -> str | None:
    """Return a target as text; several accepted answers become a JSON list."""
    if target is None or isinstance(target, str):
        return target
    if isinstance(target, list | tuple):
        return str(target[0]) if len(target) == 1 else json.dumps(target, default=str)
    return str(target)


def _plain(value: Any, where: str) -> Any:
    """Return a document's value as JSON has it; NaN becomes None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v, where) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, where) for v in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), where)
    raise TaskError(f"{where} holds a {type(value).__name__}, which cannot be kept as text")
