"""Names to plugins: one ``Registry`` class, used for our own plugins and for strangers'.

A name resolves to ``"module:attr"``.  Built-in names stand in this file, a stranger's
in the entry-point group of an installed distribution.  Nothing is imported until a
plugin is asked for, and importing a module registers nothing.

Invariants: two plugins of one name are an error that names both origins, never a
silent choice; a plugin that cannot be loaded is an error with its cause, never a
warning.

Not covered: sandboxing.  A plugin is code that its user installed.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module, metadata
from typing import Any, NamedTuple

from reasonbench import protocols
from reasonbench.errors import (
    MissingDependencyError,
    PluginError,
    ReasonbenchError,
    UnknownNameError,
)
from reasonbench.resources import data_dir

BUILT_IN = "built into reasonbench"

EXTRAS = {
    "torch": "transformers",
    "transformers": "transformers",
    "safetensors": "transformers",
    "vllm": "vllm",
    "openai": "openai",
    "ray": "ray",
    "trl": "train",
    "accelerate": "train",
    "peft": "train",
    "reasoning_gym": "gym",
}
"""The extra that brings each optional module."""


class Plugin(NamedTuple):
    """One claim to a name."""

    name: str
    """Name that it is asked for by."""
    target: str
    """Factory, as ``module:attr``."""
    origin: str
    """Who brings it."""
    argument: str | None = None
    """What the factory is always called with, before the caller's own argument; None: nothing."""


class Listed(NamedTuple):
    """A name as ``reasonbench plugins`` shows it."""

    name: str
    """The name."""
    plugins: tuple[Plugin, ...]
    """Who claims it; more than one is a clash."""

    @property
    def clash(self) -> str | None:
        """What is wrong where several claim the name, or None."""
        if len(self.plugins) == 1:
            return None
        return " and ".join(f"{p.origin} ({p.target})" for p in self.plugins)


class Registry:
    """The plugins of one kind."""

    def __init__(
        self,
        *,
        kind: str,
        group: str,
        builtins: Mapping[str, str],
        protocol: type | tuple[type, ...] = (),
        source: Callable[[], Iterable[Plugin]] | None = None,
    ) -> None:
        """Make a registry; nothing is read or imported yet.

        Args:
            kind: what its plugins are called in messages.
            group: entry-point group of strangers' plugins.
            builtins: ``module:attr`` by name.
            protocol: what ``load`` asserts a product to be; of several, one of them.
            source: yields further built-in plugins, such as the shipped tasks.
        """
        self.kind = kind
        self.group = group
        self._builtins = builtins
        self._protocols = protocol if isinstance(protocol, tuple) else (protocol,)
        self._source = source
        self._found: dict[str, tuple[Plugin, ...]] | None = None

    def names(self) -> list[str]:
        """Return all names, sorted; no plugin is imported."""
        return sorted(self._plugins())

    def listing(self) -> list[Listed]:
        """Return every name with who claims it, clashes included; nothing is imported."""
        return [Listed(name, plugins) for name, plugins in sorted(self._plugins().items())]

    def origin(self, name: str) -> str:
        """Return who brings ``name``.

        Raises:
            UnknownNameError: nobody does.
            PluginError: several do.
        """
        return self._one(name).origin

    def get(self, name: str) -> Callable[..., Any]:
        """Return the factory of ``name``, importing its module.

        Raises:
            UnknownNameError: nobody brings it.
            MissingDependencyError: it needs an extra that is not installed.
            PluginError: several bring it, or it cannot be imported.
        """
        plugin = self._one(name)
        factory = self._import(plugin)
        return factory if plugin.argument is None else partial(factory, plugin.argument)

    def load(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the factory of ``name`` makes of the arguments.

        Raises:
            ReasonbenchError: as ``get``, or as the factory raised it.
            PluginError: the factory raised anything else, or its product lacks a member
                of the protocol.
        """
        factory = self.get(name)
        plugin = self._one(name)
        try:
            product = factory(*args, **kwargs)
        except ReasonbenchError:
            raise
        except Exception as exc:
            raise self._failure(plugin, exc) from exc
        self._check(plugin, product)
        return product

    def _plugins(self) -> dict[str, tuple[Plugin, ...]]:
        if self._found is None:
            found: dict[str, tuple[Plugin, ...]] = {}
            for plugin in self._all():
                found[plugin.name] = (*found.get(plugin.name, ()), plugin)
            self._found = found
        return self._found

    def _all(self) -> Iterable[Plugin]:
        for name, target in self._builtins.items():
            yield Plugin(name, target, BUILT_IN)
        if self._source is not None:
            yield from self._source()
        for point in metadata.entry_points(group=self.group):
            yield Plugin(point.name, point.value, _distribution(point))

    def _one(self, name: str) -> Plugin:
        plugins = self._plugins().get(name)
        if plugins is None:
            raise UnknownNameError.build(self.kind, name, self._plugins())
        clash = Listed(name, plugins).clash
        if clash is not None:
            raise PluginError(
                f"the {self.kind} {name!r} is claimed by {clash}",
                hint="uninstall all but one of them",
            )
        return plugins[0]

    def _import(self, plugin: Plugin) -> Callable[..., Any]:
        module_name, _, attribute = plugin.target.partition(":")
        attribute = attribute.partition("[")[0].strip()
        try:
            found: Any = import_module(module_name.strip())
        except (Exception, SystemExit) as exc:
            raise self._failure(plugin, exc) from exc
        try:
            for part in attribute.split("."):
                found = getattr(found, part)
        except AttributeError as exc:
            raise self._failure(plugin, exc) from exc
        if not callable(found):
            raise self._failure(plugin, TypeError(f"{plugin.target} is not callable"))
        return found  # type: ignore[no-any-return]

    def _failure(self, plugin: Plugin, exc: BaseException) -> ReasonbenchError:
        what = f"the {self.kind} {plugin.name!r} ({plugin.origin}, {plugin.target})"
        if isinstance(exc, ModuleNotFoundError):
            missing = (exc.name or "").partition(".")[0]
            extra = EXTRAS.get(missing)
            if extra is not None:
                return MissingDependencyError(
                    f"the {self.kind} {plugin.name!r} needs {missing}, which is not installed",
                    hint=f"pip install 'reasonbench[{extra}]'",
                )
        return PluginError(
            f"{what} cannot be loaded: {type(exc).__name__}: {exc}",
            hint=None if plugin.origin == BUILT_IN else "repair, upgrade or uninstall it",
        )

    def _check(self, plugin: Plugin, product: Any) -> None:
        lacking = [(missing_members(product, p), p) for p in self._protocols]
        if not lacking or any(not missing for missing, _ in lacking):
            return
        missing, nearest = min(lacking, key=lambda pair: len(pair[0]))
        raise PluginError(
            f"the {self.kind} {plugin.name!r} ({plugin.origin}, {plugin.target}) is no "
            f"{nearest.__name__}: it lacks {', '.join(missing)}",
            hint=f"see reasonbench.protocols.{nearest.__name__}",
        )


def missing_members(product: Any, protocol: type) -> list[str]:
    """Return the members of a protocol that a product lacks."""
    # Static look-ups: isinstance() on a protocol would run the product's properties.
    members = [m for m in vars(protocol) if not m.startswith("_")]
    absent = object()
    return [m for m in members if inspect.getattr_static(product, m, absent) is absent]


@contextlib.contextmanager
def attributed(kind: str, name: str) -> Iterator[None]:
    """Turn what a plugin raises within the block into one sentence that names it.

    Raises:
        PluginError: the plugin raised a plain exception; its own errors pass.
    """
    try:
        yield
    except ReasonbenchError:
        raise
    except Exception as exc:
        raise PluginError(
            f"the {kind} {name!r} failed: {type(exc).__name__}: {exc}",
            hint="repair, upgrade or uninstall it",
        ) from exc


def split_reference(reference: str) -> tuple[str, str | None]:
    """Split ``name:argument`` at the first colon; no colon means no argument."""
    name, colon, argument = reference.partition(":")
    return name, argument if colon else None


def _distribution(point: metadata.EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version}" if dist is not None else "an unnamed distribution"


def _shipped_tasks() -> Iterable[Plugin]:
    """Yield a task for each ``<name>/<name>.yaml`` that reasonbench ships."""
    for folder in sorted(data_dir("tasks").iterdir()):
        file = folder / f"{folder.name}.yaml"
        if file.is_file():
            yield Plugin(folder.name, _SHIPPED_TASK, BUILT_IN, argument=str(file))


_SHIPPED_TASK = "reasonbench.tasks.lm_eval_task:shipped"

TASKS = Registry(
    kind="task",
    group="reasonbench.tasks",
    protocol=protocols.Task,
    source=_shipped_tasks,
    builtins={
        "lm_eval": "reasonbench.tasks.lm_eval_task:from_name",
        "yaml": "reasonbench.tasks.lm_eval_task:from_yaml",
        "jsonl": "reasonbench.tasks.local:from_jsonl",
        "gym": "reasonbench.tasks.gym:GymTask",
        "fresh_math": "reasonbench.tasks.fresh_set:fresh_math",
        "fresh_code": "reasonbench.tasks.fresh_set:fresh_code",
    },
)
"""Benchmarks; a reference is ``name`` or ``name:argument``."""

ENGINES = Registry(
    kind="engine",
    group="reasonbench.engines",
    protocol=protocols.Engine,
    builtins={
        "transformers": "reasonbench.engines.transformers:TransformersEngine",
        "vllm": "reasonbench.engines.vllm:VllmEngine",
        "openai_server": "reasonbench.engines.openai_server:OpenaiServerEngine",
        "ray": "reasonbench.engines.replicas:RayEngine",
    },
)
"""What runs models."""

GRADERS = Registry(
    kind="grader",
    group="reasonbench.graders",
    protocol=protocols.Grader,
    builtins={
        "exact": "reasonbench.graders.exact:ExactGrader",
        "code": "reasonbench.graders.code:CodeGrader",
        "countdown": "reasonbench.graders.countdown:CountdownGrader",
        "math": "reasonbench.graders.math:MathGrader",
        "math_verify": "reasonbench.graders.math_verify:MathVerifyGrader",
        "lm_eval": "reasonbench.graders.lm_eval:LmEvalGrader",
        "gym": "reasonbench.graders.gym:GymGrader",
        "source": "reasonbench.interchange.source_grader:SourceGrader",
    },
)
"""What judges completions."""

DETECTORS = Registry(
    kind="detector",
    group="reasonbench.detectors",
    protocol=(protocols.Detector, protocols.ModelDetector),
    builtins={
        "overlap": "reasonbench.detectors.overlap:OverlapDetector",
        "regurgitation": "reasonbench.detectors.regurgitation:RegurgitationDetector",
        "cutoff": "reasonbench.detectors.cutoff:CutoffDetector",
        "perturbation": "reasonbench.detectors.perturbation:PerturbationDetector",
        "completion": "reasonbench.detectors.completion:CompletionDetector",
    },
)
"""What looks for leaks: ``Detector`` in the traces, ``ModelDetector`` in the model."""

SECTIONS = Registry(
    kind="section",
    group="reasonbench.sections",
    protocol=protocols.Section,
    builtins={
        "verdict": "reasonbench.report.sections:VerdictSection",
        "validity": "reasonbench.report.sections:ValiditySection",
        "scores": "reasonbench.report.sections:ScoresSection",
        "leaks": "reasonbench.report.sections:LeaksSection",
        "evidence": "reasonbench.report.sections:EvidenceSection",
        "method": "reasonbench.report.sections:MethodSection",
    },
)
"""Parts of a report."""

REGISTRIES = (TASKS, ENGINES, GRADERS, DETECTORS, SECTIONS)
"""All of them, in the order of the data."""
