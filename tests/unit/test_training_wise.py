"""WiSE-FT: the weights between two models."""

import json

import pytest
import tiny_training as tiny
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from reasonbench.errors import SpecError
from reasonbench.training.wise import interpolate


def saved(folder, seed, **how):
    model = tiny.tiny(seed, dtype=how.pop("dtype", torch.float32))
    model.save_pretrained(folder, **how)
    tiny.tokenizer().save_pretrained(folder)
    return model.state_dict()


@pytest.fixture
def ends(tmp_path):
    return saved(tmp_path / "begin", 0), saved(tmp_path / "end", 1)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.25, 1.0])
def test_every_weight_lies_alpha_of_the_way(tmp_path, ends, alpha):
    interpolate(tmp_path / "begin", tmp_path / "end", alpha, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    start, end = ends
    for name, value in model.state_dict().items():
        expected = (1 - alpha) * start[name].double() + alpha * end[name].double()
        torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=1e-7)
        if alpha in (0, 1):
            assert torch.equal(value, (start, end)[int(alpha)][name])
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template


def test_the_middle_is_computed_in_float32_and_kept_in_the_end_s_dtype(tmp_path):
    start = saved(tmp_path / "begin", 0, dtype=torch.bfloat16)
    end = saved(tmp_path / "end", 1, dtype=torch.bfloat16)
    interpolate(tmp_path / "begin", tmp_path / "end", 0.3, tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    for name, value in found.items():
        expected = torch.lerp(start[name].float(), end[name].float(), 0.3).bfloat16()
        assert torch.equal(value, expected)


def test_shards_need_not_lie_alike(tmp_path):
    start = saved(tmp_path / "begin", 0, max_shard_size="20KB")
    end = saved(tmp_path / "end", 1, max_shard_size="40KB")
    interpolate(tmp_path / "begin", tmp_path / "end", 0.5, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    for name, value in AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict().items():
        torch.testing.assert_close(value, (start[name] + end[name]) / 2)


def test_a_tied_head_that_only_the_beginning_keeps_is_no_difference(tmp_path, ends):
    file = tmp_path / "end" / "model.safetensors"
    tensors = load_file(file)
    tensors.pop("lm_head.weight")
    save_file(tensors, file, metadata={"format": "pt"})
    interpolate(tmp_path / "begin", tmp_path / "end", 0.5, tmp_path / "out")
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as stream:
        assert "lm_head.weight" not in stream.keys()  # noqa: SIM118


def test_one_that_is_there_is_replaced_and_no_scratch_is_left(tmp_path, ends):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    interpolate(tmp_path / "begin", tmp_path / "end", 0.5, tmp_path / "out")
    assert not (tmp_path / "out" / "old.txt").exists()
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "llama"
    assert {path.name for path in tmp_path.iterdir()} == {"begin", "end", "out"}


def test_a_failure_half_way_leaves_what_was_there(tmp_path, ends, monkeypatch):
    interpolate(tmp_path / "begin", tmp_path / "end", 0.5, tmp_path / "out")
    before = load_file(tmp_path / "out" / "model.safetensors")

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("reasonbench.training.wise.save_file", full)
    with pytest.raises(OSError, match="no space"):
        interpolate(tmp_path / "begin", tmp_path / "end", 0.1, tmp_path / "out")
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {path.name for path in tmp_path.iterdir()} == {"begin", "end", "out"}


@pytest.mark.parametrize("alpha", [-0.1, 1.5, float("nan")])
def test_an_alpha_that_is_no_share_is_refused(tmp_path, ends, alpha):
    with pytest.raises(SpecError, match="is a share"):
        interpolate(tmp_path / "begin", tmp_path / "end", alpha, tmp_path / "out")


def test_two_models_that_are_not_one_are_refused_with_a_tensor_s_name(tmp_path, ends):
    tiny.tiny(0, width=24).save_pretrained(tmp_path / "wide")
    with pytest.raises(SpecError, match=r"not one model: 'lm_head\.weight' and"):
        interpolate(tmp_path / "wide", tmp_path / "end", 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_without_whole_weights_are_refused(tmp_path, ends):
    with pytest.raises(SpecError, match="holds no weights"):
        interpolate(tmp_path / "nowhere", tmp_path / "end", 0.5, tmp_path / "out")
    file = tmp_path / "begin" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SpecError, match="cannot be read as safetensors"):
        interpolate(tmp_path / "begin", tmp_path / "end", 0.5, tmp_path / "out")
