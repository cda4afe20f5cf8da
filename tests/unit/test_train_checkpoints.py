"""Checkpoints are whole model folders like the student's own, adapters merged."""

import itertools
import json

import pytest
import torch
import train_specs
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from reasonbench import resources
from reasonbench.engines.weights import resolve
from reasonbench.errors import SpecError, StoreWriteError
from reasonbench.specfile import convert
from reasonbench.specs import ModelSpec, TrainSpec
from reasonbench.training import checkpoints
from reasonbench.training.running import train

torch.set_num_threads(1)


def spec_of(folder, objective="sft", **options):
    return convert(train_specs.document(folder, objective, **options), TrainSpec, source="test")


def steps_of(steps, checkpoints=None):
    data = {
        "student": {"id": "embedded:base"},
        "traces": ["t.jsonl"],
        "hyper": {"steps": steps, "learning_rate": 1e-3},
        **({"checkpoints": checkpoints} if checkpoints else {}),
    }
    return convert(data, TrainSpec, source="test")


@given(st.integers(1, 10**6))
def test_checkpoints_stand_apart_by_a_factor_and_end_with_the_last_step(steps):
    planned = checkpoints.planned_checkpoints(steps_of(steps))
    assert planned[-1] == steps
    assert planned == tuple(sorted(set(planned)))
    assert all(3 * a <= b < 3 * (a + 1) for a, b in itertools.pairwise(planned))
    assert steps < 3 * checkpoints.FIRST or planned[0] < 3 * checkpoints.FIRST


def test_the_last_step_is_kept_whatever_is_asked_for():
    assert checkpoints.planned_checkpoints(steps_of(9, [3, 1, 3])) == (1, 3, 9)


def test_a_checkpoint_after_the_last_step_is_refused():
    with pytest.raises(SpecError, match="at step 10, and the training has 9"):
        checkpoints.planned_checkpoints(steps_of(9, [1, 10]))


@given(st.integers(0, 2**31), st.integers(1, 4), st.floats(0.1, 8), st.booleans())
def test_merged_weights_are_the_base_and_the_scaled_product(seed, rank, scale, transposed):
    draw = torch.Generator().manual_seed(seed)
    base, down, up = (
        torch.randn(shape, generator=draw) for shape in ((5, 3), (rank, 3), (5, rank))
    )
    product = scale * up @ down
    weight = base.T.contiguous() if transposed else base
    state = {
        "base_model.model.a.q.base_layer.weight": weight,
        "base_model.model.a.q.base_layer.bias": torch.ones(5),
        "base_model.model.a.q.lora_A.default.weight": down,
        "base_model.model.a.q.lora_B.default.weight": up,
        "base_model.model.norm.weight": torch.ones(3),
    }
    found = checkpoints.merged(state, scale, transposed=transposed)
    assert sorted(found) == ["a.q.bias", "a.q.weight", "norm.weight"]
    expected = weight + (product.T if transposed else product)
    torch.testing.assert_close(found["a.q.weight"], expected)
    assert torch.equal(state["base_model.model.a.q.base_layer.weight"], weight)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    lora = {"rank": 4, "alpha": 8.0, "targets": ["q_proj", "down_proj"]}
    spec = spec_of(folder, steps=3, hyper={"lora": lora, "dtype": "bfloat16"})
    seen = []
    kept = checkpoints.merged

    def remember(state, scale, **options):
        seen.append(({k: v.clone() for k, v in state.items()}, scale))
        return kept(state, scale, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "merged", remember)
        result = train(spec, folder / "out")
    ((state, scale),) = seen
    return folder / "out" / result.checkpoints["3"], state, scale


def test_a_checkpoint_under_lora_is_the_base_and_its_adapters(trained):
    folder, state, scale = trained
    assert scale == 2.0
    base = load_file(resources.embedded_model("base") / "model.safetensors")
    found = load_file(folder / "model.safetensors")
    assert found.keys() == base.keys()
    adapted = {k for k in base if k.endswith(("q_proj.weight", "down_proj.weight"))}
    for name, weight in base.items():
        assert found[name].dtype is torch.bfloat16
        if name not in adapted:
            assert torch.equal(found[name], weight)
            continue
        module = f"base_model.model.{name.removesuffix('.weight')}"
        up, down = (state[f"{module}.lora_{part}.default.weight"] for part in "BA")
        expected = weight.float() + scale * up @ down
        assert torch.equal(found[name], expected.to(torch.bfloat16))
        assert not torch.equal(found[name], weight)


def test_a_checkpoint_is_read_as_the_student_is(trained):
    folder, *_ = trained
    source = resources.embedded_model("base")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.dtype is torch.bfloat16
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(source).chat_template
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        assert json.loads((folder / name).read_text()) == json.loads((source / name).read_text())
    files = resolve(ModelSpec(id=str(folder)))
    assert files.weights_digest != resolve(ModelSpec(id="embedded:base")).weights_digest
    assert list(folder.parent.iterdir()) == [folder]


def test_a_student_in_float32_gives_checkpoints_in_float32(tmp_path):
    source = tmp_path / "student"
    base = resources.embedded_model("base")
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).save_pretrained(source)
    AutoTokenizer.from_pretrained(base).save_pretrained(source)
    assert checkpoints.stored_dtype(resolve(ModelSpec(id=str(source)))) is torch.float32
    assert checkpoints.stored_dtype(resolve(ModelSpec(id=str(base)))) is torch.bfloat16


def test_only_a_state_that_is_marked_and_logged_is_gone_on_from(tmp_path):
    for step in (2, 4, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-x").mkdir()
    assert checkpoints.latest(tmp_path, 100) is None
    for step in (2, 4):
        (tmp_path / f"checkpoint-{step}" / checkpoints.MARK).touch()
    assert checkpoints.latest(tmp_path, 100) == tmp_path / "checkpoint-4"
    assert checkpoints.latest(tmp_path, 3) == tmp_path / "checkpoint-2"
    checkpoints.mark(tmp_path, 10)
    assert checkpoints.states(tmp_path) == [tmp_path / "checkpoint-10"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:603] . PytorchStreamWriter failed"),
    ],
)
def test_what_a_disk_says_becomes_one_sentence(tmp_path, error):
    with pytest.raises(StoreWriteError, match="cannot be written"), checkpoints.writing(tmp_path):
        raise error


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), RuntimeError("shapes differ")])
def test_other_errors_are_left_as_they_are(tmp_path, error):
    with pytest.raises(type(error)), checkpoints.writing(tmp_path):
        raise error
