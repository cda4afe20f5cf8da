"""Names to plugins, with strangers' distributions made on the spot."""

import subprocess
import sys
from importlib import import_module

import pytest

from reasonbench import plugins, resources
from reasonbench.errors import (
    EngineError,
    MissingDependencyError,
    PluginError,
    UnknownNameError,
)
from reasonbench.plugins import BUILT_IN, Plugin, Registry, split_reference
from reasonbench.protocols import Grader

GROUP = "reasonbench.graders_under_test"

GOOD = """
class Good:
    identity = "good 1"
    def __init__(self, *args):
        self.args = args
    def grade(self, problem, completion):
        raise NotImplementedError

class Nested:
    Inner = Good

class Mute:
    identity = "mute"

NUMBER = 7

def picky(argument):
    raise ValueError(f"cannot use {argument!r}")

def honest(argument):
    raise EngineError("said by the plugin", hint="its hint")

def lazy():
    import torch.missing_part

from reasonbench.errors import EngineError
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with entry points and a module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def add(distribution, entry_points, *, group=GROUP, module=None, source=GOOD):
        info = tmp_path / f"{distribution}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        lines = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        if module is not None:
            (tmp_path / f"{module}.py").write_text(source)
            made.append(module)

    yield add
    for module in made:
        sys.modules.pop(module, None)


def graders(**builtins):
    return Registry(kind="grader", group=GROUP, builtins=builtins, protocol=Grader)


def test_a_strangers_plugin_is_listed_without_import_and_loaded_by_name(install):
    install("dist_a", {"good": "stranger_a:Good"}, module="stranger_a")
    registry = graders(ours="reasonbench.graders.exact:ExactGrader")
    assert registry.names() == ["good", "ours"]
    assert registry.origin("good") == "dist_a 1.5"
    assert registry.origin("ours") == BUILT_IN
    assert [(item.name, item.clash) for item in registry.listing()] == [
        ("good", None),
        ("ours", None),
    ]
    assert "stranger_a" not in sys.modules
    assert registry.get("good") is import_module("stranger_a").Good
    assert registry.load("good", 1, "x").args == (1, "x")


def test_an_attribute_may_be_nested_and_extras_are_passed_over(install):
    targets = {"nested": "stranger_b:Nested.Inner", "extra": "stranger_b:Good [fast]"}
    install("dist_b", targets, module="stranger_b")
    assert graders().get("nested") is graders().get("extra")


def test_entry_points_of_other_groups_are_left_alone(install):
    install("dist_c", {"good": "stranger_c:Good"}, group="reasonbench.engines")
    assert graders().names() == []


def test_two_distributions_of_one_name_are_told_apart_when_it_is_asked_for(install):
    install("dist_d", {"same": "stranger_d:Good", "other": "stranger_d:Good"}, module="stranger_d")
    install("dist_e", {"same": "stranger_e:Good"})
    registry = graders()
    assert registry.names() == ["other", "same"]
    for ask in (registry.get, registry.origin, registry.load):
        with pytest.raises(PluginError) as caught:
            ask("same")
        assert "dist_d 1.5 (stranger_d:Good)" in caught.value.message
        assert "dist_e 1.5 (stranger_e:Good)" in caught.value.message
    clashes = {item.name: item.clash for item in registry.listing()}
    assert clashes["other"] is None
    assert "dist_d 1.5" in clashes["same"]
    assert "dist_e 1.5" in clashes["same"]
    assert registry.get("other")


def test_a_stranger_cannot_take_a_built_in_name(install):
    install("dist_f", {"exact": "stranger_f:Good"}, module="stranger_f")
    registry = graders(exact="reasonbench.graders.exact:ExactGrader")
    with pytest.raises(PluginError, match=r"built into reasonbench .* and dist_f 1.5"):
        registry.get("exact")


@pytest.mark.parametrize(
    ("target", "cause", "said"),
    [
        ("no_such_module_anywhere:X", ModuleNotFoundError, "no_such_module_anywhere"),
        ("stranger_g:Absent", AttributeError, "Absent"),
        ("stranger_g:NUMBER", TypeError, "not callable"),
        ("stranger_g", AttributeError, ""),
        ("json.no_such_part:X", ModuleNotFoundError, "json.no_such_part"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_says_why(install, target, cause, said):
    install("dist_g", {"bad": target}, module="stranger_g")
    with pytest.raises(PluginError, match=r"the grader 'bad' .*dist_g 1.5") as caught:
        graders().get("bad")
    assert cause.__name__ in caught.value.message
    assert said in caught.value.message
    assert isinstance(caught.value.__cause__, cause) or cause is TypeError


@pytest.mark.parametrize(
    "source", ["1 / 0", "def x(:", "raise SystemExit(3)", "raise RuntimeError('x')", "import no_q"]
)
def test_whatever_a_module_raises_on_import_becomes_one_error(install, source):
    install("dist_h", {"bad": "stranger_h:X"}, module="stranger_h", source=source)
    with pytest.raises(PluginError, match="cannot be loaded") as caught:
        graders().get("bad")
    assert caught.value.__cause__ is not None
    assert caught.value.hint


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", "transformers"),
        ("transformers", "transformers"),
        ("vllm", "vllm"),
        ("trl", "train"),
    ],
)
def test_a_missing_extra_is_named_with_its_command(install, monkeypatch, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    install("dist_i", {"bad": "stranger_i:X"}, module="stranger_i", source=f"import {module}")
    with pytest.raises(MissingDependencyError, match=f"needs {module}, which") as caught:
        graders().get("bad")
    assert caught.value.hint == f"pip install 'reasonbench[{extra}]'"


def test_a_factory_that_misses_an_extra_is_named_too(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    install("dist_j", {"lazy": "stranger_j:lazy"}, module="stranger_j")
    with pytest.raises(MissingDependencyError, match="needs torch"):
        graders().load("lazy")


def test_what_a_factory_raises_is_attributed_and_our_errors_pass(install):
    targets = {"picky": "stranger_k:picky", "honest": "stranger_k:honest"}
    install("dist_k", targets, module="stranger_k")
    with pytest.raises(PluginError, match="ValueError: cannot use 'x'"):
        graders().load("picky", "x")
    with pytest.raises(EngineError, match="said by the plugin"):
        graders().load("honest", "x")


def test_a_product_that_lacks_a_part_is_refused_with_its_name(install):
    install("dist_l", {"mute": "stranger_l:Mute"}, module="stranger_l")
    with pytest.raises(PluginError, match="is no Grader: it lacks grade"):
        graders().load("mute")


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownNameError) as caught:
        plugins.GRADERS.get("countdwn")
    assert caught.value.message == "there is no grader named 'countdwn'"
    assert "countdown" in caught.value.hint


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("gsm8k", ("gsm8k", None)),
        ("lm_eval:gsm8k", ("lm_eval", "gsm8k")),
        ("jsonl:a:b.jsonl", ("jsonl", "a:b.jsonl")),
        ("jsonl:", ("jsonl", "")),
    ],
)
def test_a_reference_splits_at_its_first_colon(reference, parts):
    assert split_reference(reference) == parts


def test_shipped_tasks_are_listed_by_folder_and_made_from_their_file(
    tmp_path, monkeypatch, install
):
    for name in ("cups", "birds"):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / f"{name}.yaml").touch()
    (tmp_path / "tasks" / "notes").mkdir()
    (tmp_path / "tasks" / "README.md").touch()
    monkeypatch.setattr(plugins, "data_dir", lambda name: tmp_path / name)
    install("dist_m", {}, module="stranger_m")
    source = plugins._shipped_tasks
    assert [plugin.name for plugin in source()] == ["birds", "cups"]
    assert next(iter(source())).argument == str(tmp_path / "tasks" / "birds" / "birds.yaml")
    bound = Plugin("cups", "stranger_m:Good", BUILT_IN, argument="cups.yaml")
    registry = Registry(kind="task", group="reasonbench.none", builtins={}, source=lambda: [bound])
    assert registry.load("cups").args == ("cups.yaml",)
    assert registry.load("cups", "x").args == ("cups.yaml", "x")


def test_our_registries_list_our_plugins():
    found = resources.data_dir("tasks").glob("*/*.yaml")
    shipped = {file.stem for file in found if file.stem == file.parent.name}
    assert {"lm_eval", "yaml", "jsonl"} | shipped <= set(plugins.TASKS.names())
    assert {"transformers", "vllm"} <= set(plugins.ENGINES.names())
    assert {"exact", "countdown", "math", "lm_eval"} <= set(plugins.GRADERS.names())
    assert {"overlap"} <= set(plugins.DETECTORS.names())
    assert "verdict" in plugins.SECTIONS.names()
    kinds = [registry.kind for registry in plugins.REGISTRIES]
    assert kinds == ["task", "engine", "grader", "detector", "section"]


def test_listing_names_imports_no_plugin():
    program = (
        "import sys; from reasonbench import plugins; "
        "[r.listing() for r in plugins.REGISTRIES]; "
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('torch', 'transformers', 'vllm', 'datasets', 'lm_eval', 'math_verify', 'scipy') "
        "or m.startswith(('reasonbench.graders', 'reasonbench.engines', 'reasonbench.tasks'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
