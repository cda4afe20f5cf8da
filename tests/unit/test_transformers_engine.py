"""The sampler's noise, its warping, the cache, and what the engine does under strain."""

import numpy as np
import pytest
import scipy.stats
import tiny_llama
import torch
from transformers import AutoModelForCausalLM, FalconH1Config, MambaConfig, RecurrentGemmaConfig
from transformers.cache_utils import DynamicLayer

from reasonbench.engines import batch as batching
from reasonbench.engines.cache import GrowingLayer, make_cache, selectable
from reasonbench.engines.noise import gumbel, seed_keys
from reasonbench.engines.rendering import Renderer, cut
from reasonbench.engines.stopping import StopWatch
from reasonbench.engines.transformers import TransformersEngine
from reasonbench.engines.warping import Drawer
from reasonbench.errors import EngineError, UnknownNameError
from reasonbench.records import Message, Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_llama.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def engine(folder):
    engine = TransformersEngine(ModelSpec(id=str(folder)), EngineSpec(batch_size=16))
    yield engine
    engine.close()


def chat(content="Reach 22.", problem="p"):
    return Prompt(problem_id=problem, task="t", messages=(Message(role="user", content=content),))


def requests(n, asked=None):
    asked = asked or chat()
    return [SampleRequest(key=f"k{i}", prompt=asked, sample_index=i, seed=i) for i in range(n)]


def texts(engine, asked, **fields):
    sampling = SamplingSpec(**({"max_tokens": 20} | fields))
    return {c.key: c.text for c in engine.sample(asked, sampling)}


def uniforms(seeds, step, width):
    noise = gumbel(seed_keys(torch.as_tensor(seeds)), step, width).double()
    return torch.exp(-torch.exp(-noise)).numpy()


def test_noise_is_uniform_after_the_gumbel_law_is_taken_off():
    values = uniforms(np.arange(400), 3, 500).ravel()
    assert scipy.stats.kstest(values, "uniform").pvalue > 1e-4


def test_neighbouring_seeds_steps_and_tokens_are_not_correlated():
    seeds = 2**31 - 1 + np.arange(300)
    now, later = uniforms(seeds, 0, 400), uniforms(seeds, 1, 400)
    pairs = [
        (now[1:], now[:-1]),
        (now, later),
        (now[:, 1:], now[:, :-1]),
        (now[1:], later[:-1]),
        (now[:, 1:], later[:, :-1]),
    ]
    for one, other in pairs:
        r = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(r) < 5 / np.sqrt(one.size)


def test_draws_follow_the_softmax_over_seeds_and_over_steps():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -5.0])
    law = logits.double().softmax(-1).numpy()
    n = 60_000
    keys = seed_keys(torch.arange(n))
    over_seeds = (logits + gumbel(keys, 5, 5)).argmax(-1)
    key = seed_keys(torch.tensor([99]))
    over_steps = torch.cat([(logits + gumbel(key, s, 5)).argmax(-1) for s in range(6000)])
    for drawn in (over_seeds, over_steps):
        seen = np.bincount(drawn.numpy(), minlength=5)
        assert scipy.stats.chisquare(seen, law * len(drawn)).pvalue > 1e-4


def test_pairs_of_neighbouring_seeds_draw_independently():
    logits = torch.tensor([0.7, 0.2, 0.1]).log()
    drawn = (logits + gumbel(seed_keys(torch.arange(60_001)), 0, 3)).argmax(-1).numpy()
    table = np.zeros((3, 3))
    np.add.at(table, (drawn[:-1], drawn[1:]), 1)
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-4


def test_noise_of_a_row_does_not_depend_on_the_other_rows():
    keys = seed_keys(torch.arange(512))
    assert torch.equal(gumbel(keys, 7, 300)[200:201], gumbel(keys[200:201], 7, 300))
    assert torch.equal(gumbel(keys, 7, 300)[:, :50], gumbel(keys, 7, 50))


def test_noise_is_finite_for_every_seed_that_a_request_can_have():
    seeds = torch.tensor([0, 1, 2**31 - 1, 2**31 + 4095, 2**63 - 1])
    assert gumbel(seed_keys(seeds), 0, 1000).isfinite().all()


def drawer(prompts=((1, 2),), **fields):
    ids = torch.tensor(prompts)
    return Drawer(SamplingSpec(**fields), torch.arange(len(prompts)), ids, torch.ones_like(ids) > 0)


def support(logits, **fields):
    """Tokens that 4,000 rows draw from one row of logits."""
    many = torch.tensor([logits]).repeat(4000, 1)
    prompts = ((0, 0),) * 4000
    return set(drawer(prompts, **fields).draw(many, 0)[0].tolist())


def test_top_k_top_p_and_min_p_keep_what_they_should():
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log().tolist()
    assert support(logits) == {0, 1, 2, 3}
    assert support(logits, top_k=2) == {0, 1}
    assert support(logits, top_p=0.7) == {0, 1}
    assert support(logits, min_p=0.4) == {0, 1}
    assert support(logits, top_k=1, temperature=50) == {0}


def test_penalties_come_before_all_else_and_count_what_vllm_counts():
    logits = torch.tensor([[3.0, 2.0, 1.9, 0.0]])
    # Repetition sees the prompt; presence sees the completion only.
    assert drawer(((0, 0),), temperature=0, repetition_penalty=2).draw(logits, 0)[0].item() == 1
    assert drawer(((0, 0),), temperature=0, presence_penalty=2).draw(logits, 0)[0].item() == 0
    both = drawer(((3, 3),), temperature=0, presence_penalty=1.05)
    assert [both.draw(logits, step)[0].item() for step in range(3)] == [0, 1, 0]
    negative = torch.tensor([[-1.0, -1.5]])
    assert drawer(((0, 0),), temperature=0, repetition_penalty=2).draw(negative, 0)[0].item() == 1


def test_padding_is_not_a_token_that_was_seen():
    ids, real = torch.tensor([[0, 1]]), torch.tensor([[False, True]])
    sampling = SamplingSpec(temperature=0, repetition_penalty=4)
    drawn, _ = Drawer(sampling, torch.tensor([1]), ids, real).draw(torch.tensor([[2.0, 3.0]]), 0)
    assert drawn.item() == 0


def test_the_growing_layer_holds_what_a_dynamic_layer_holds():
    torch.manual_seed(0)
    mine, theirs = GrowingLayer(), DynamicLayer()
    for step in range(150):
        rows = 6 if step < 100 else 3
        if step == 100:
            for layer in (mine, theirs):
                layer.batch_select_indices(torch.tensor([5, 0, 3]))
        states = torch.randn(2, rows, 2, 5 if step == 0 else 1, 4)
        for one, other in zip(mine.update(*states), theirs.update(*states), strict=True):
            assert torch.equal(one, other)
    assert mine.get_seq_length() == theirs.get_seq_length() == 154


SMALL = {"vocab_size": 304, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
"""Sizes that the configurations of all architectures below share."""


def save(folder, config):
    """Write a random model of any architecture beside the tiny tokenizer."""
    torch.manual_seed(0)
    words = tiny_llama.tokenizer()
    words.model_max_length = 256
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return ModelSpec(id=str(folder))


def falcon():
    """A model whose layers hold keys and a recurrent state, side by side."""
    return FalconH1Config(
        **SMALL,
        intermediate_size=64,
        num_key_value_heads=1,
        mamba_d_ssm=32,
        mamba_n_heads=4,
        mamba_d_head=8,
        mamba_d_state=8,
        mamba_chunk_size=16,
        initializer_range=0.2,
        eos_token_id=257,
        bos_token_id=None,
        pad_token_id=None,
        max_position_embeddings=256,
    )


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(
            MambaConfig(vocab_size=304, hidden_size=32, num_hidden_layers=2), id="no-cache-argument"
        ),
        pytest.param(
            RecurrentGemmaConfig(**SMALL, intermediate_size=64, lru_width=32),
            id="state-outside-the-cache",
        ),
    ],
)
def test_a_model_that_keeps_its_state_elsewhere_is_refused(tmp_path, config):
    model = save(tmp_path / "stateful", config)
    with pytest.raises(EngineError, match="in a way that the transformers engine cannot") as caught:
        TransformersEngine(model, EngineSpec())
    assert caught.value.hint == "use --engine vllm"


def test_rows_of_a_cache_with_a_recurrent_state_are_not_selected(engine):
    assert not selectable(make_cache(falcon()))
    assert selectable(make_cache(engine._loaded.model.config))


def test_a_hybrid_model_draws_the_same_in_any_batch(tmp_path):
    model = save(tmp_path / "hybrid", falcon())
    asked = [
        SampleRequest(key=f"{name}{i}", prompt=chat(name), sample_index=i, seed=i)
        for name in ("a", "a longer one")
        for i in range(6)
    ]
    found = []
    for size in (12, 1):
        engine = TransformersEngine(model, EngineSpec(batch_size=size, dtype="float64"))
        found.append(texts(engine, asked))
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 12


def test_running_out_of_memory_halves_the_batch_and_changes_no_draw(engine, monkeypatch):
    asked = requests(16)
    whole = texts(engine, asked)
    real = batching.Batch.advance

    def advance(self):
        if len(self._rows) > 4 and self._step == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self)

    monkeypatch.setattr(batching.Batch, "advance", advance)
    assert texts(engine, asked) == whole
    assert engine._batch_size <= 4


def test_too_little_memory_for_one_completion_is_an_error_with_a_hint(engine, monkeypatch):
    def advance(self):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    monkeypatch.setattr(batching.Batch, "advance", advance)
    with pytest.raises(EngineError, match="memory ran out") as caught:
        texts(engine, requests(4))
    assert "max_tokens" in caught.value.hint


def test_any_other_error_of_the_model_is_an_engine_error(engine, monkeypatch):
    monkeypatch.setattr(engine._loaded.model, "forward", lambda **_: 1 / 0)
    with pytest.raises(EngineError, match="failed while sampling"):
        texts(engine, requests(2))


def test_logits_that_are_no_numbers_are_an_error(engine):
    with torch.no_grad():
        engine._loaded.model.lm_head.weight[5] = float("nan")
    with pytest.raises(EngineError, match="not finite"):
        texts(engine, requests(2))


def test_the_batch_size_changes_no_draw(folder, engine):
    asked = requests(40)
    small = TransformersEngine(ModelSpec(id=str(folder)), EngineSpec(batch_size=3, dtype="float64"))
    large = TransformersEngine(
        ModelSpec(id=str(folder)), EngineSpec(batch_size=40, dtype="float64")
    )
    assert texts(small, asked) == texts(large, asked)
    assert small.identity.dtype == "float64"
    assert small.identity.digest() == large.identity.digest() != engine.identity.digest()


def test_an_impossible_request_fails_alone(engine):
    asked = [
        *requests(2),
        SampleRequest(key="long", prompt=chat("x" * 300), sample_index=0, seed=1),
    ]
    found = {c.key: type(c).__name__ for c in engine.sample(asked, SamplingSpec(max_tokens=4))}
    assert found == {"k0": "Completion", "k1": "Completion", "long": "Failure"}


def test_missing_parameters_are_refused(folder, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    bad = shutil.copytree(folder, tmp_path / "bad")
    tensors = load_file(bad / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, bad / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match="leave 1 parameters unset"):
        TransformersEngine(ModelSpec(id=str(bad)), EngineSpec())


def test_unknown_arguments_and_dtypes_are_refused(folder):
    with pytest.raises(UnknownNameError, match="devise") as caught:
        TransformersEngine(ModelSpec(id=str(folder)), EngineSpec(args={"devise": "cpu"}))
    assert "device" in caught.value.hint
    with pytest.raises(UnknownNameError, match="int3"):
        TransformersEngine(ModelSpec(id=str(folder)), EngineSpec(dtype="int3"))
    with pytest.raises(EngineError, match="cannot be used"):
        TransformersEngine(ModelSpec(id=str(folder)), EngineSpec(args={"device": "nowhere"}))


def test_a_closed_engine_does_not_sample(folder):
    engine = TransformersEngine(ModelSpec(id=str(folder)), EngineSpec())
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        texts(engine, requests(1))


def test_messages_need_a_chat_template(tmp_path):
    folder = tiny_llama.build(tmp_path / "plain", template=None)
    engine = TransformersEngine(ModelSpec(id=str(folder)), EngineSpec())
    with pytest.raises(EngineError, match="has no chat template"):
        engine.check([chat()], SamplingSpec(max_tokens=4))
    plain = Prompt(problem_id="p", task="t", text="Question: 1 + 1?")
    engine.check([plain], SamplingSpec(max_tokens=4))
    assert engine.render(plain) == plain.text


def test_an_opened_thinking_part_is_noticed(tmp_path):
    opened = tiny_llama.CHATML.replace("assistant\n{%", "assistant\n<think>\n{%")
    folder = tiny_llama.build(tmp_path / "r1", template=opened)
    engine = TransformersEngine(ModelSpec(id=str(folder)), EngineSpec())
    (completion,) = engine.sample(requests(1), SamplingSpec(max_tokens=4))
    assert completion.thinking_prefilled


def test_an_answer_that_was_begun_is_continued(folder):
    begun = Prompt(
        problem_id="p",
        task="t",
        messages=(Message(role="user", content="q"), Message(role="assistant", content="The")),
    )
    assert Renderer(folder, "tiny").render(begun).endswith("<|im_start|>assistant\nThe")


def test_thinking_tags_are_kept_and_special_tokens_left_out(folder):
    renderer = Renderer(folder, "tiny")
    words = renderer.tokenizer
    ids = words("<think>a</think>b<|im_start|>c", add_special_tokens=False).input_ids
    assert renderer.text([*ids, words.eos_token_id], True, ()) == ("<think>a</think>bc", False)
    assert renderer.text([ids[1], *ids[-1:]], False, ()) == ("ac", False)


def test_half_a_character_becomes_a_replacement_character(folder):
    renderer = Renderer(folder, "tiny")
    ids = renderer.tokenizer("é", add_special_tokens=False).input_ids
    assert renderer.text(ids[:1], False, ()) == ("\ufffd", False)


def test_every_end_token_is_known(folder):
    renderer = Renderer(folder, "tiny")
    names = renderer.tokenizer.convert_ids_to_tokens(list(renderer.end_ids))
    assert set(names) == {"<|im_end|>", "<|end|>"}


def test_a_stop_string_is_found_across_tokens(folder):
    words = Renderer(folder, "tiny").tokenizer
    watch = StopWatch(words, ("STOP",), 2)
    ids = words("a STOP", add_special_tokens=False).input_ids
    assert [watch.hit(0, token) for token in ids] == [False] * (len(ids) - 1) + [True]
    assert not watch.hit(1, ids[-1])


def test_the_text_is_cut_at_the_stop_string_that_was_complete_first():
    assert cut("abcdef", ("de", "bcdef")) == ("abc", True)
    assert cut("abcdef", ("x",)) == ("abcdef", False)
