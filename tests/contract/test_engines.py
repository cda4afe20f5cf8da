"""What every engine must do, on a tiny random model and on the embedded student."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.stats
import tiny_llama
from real_vllm import vllm_engine

from reasonbench.errors import EngineError
from reasonbench.records import Completion, Failure, FinishReason, Message, Prompt, SampleRequest
from reasonbench.resources import embedded_model
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

STUDENT = embedded_model("student") / "model.safetensors"
MAX_TOKENS = 48
SAMPLING = SamplingSpec(max_tokens=MAX_TOKENS)

ENGINES = ("transformers", pytest.param("vllm", marks=pytest.mark.vllm))
MODELS = (
    "tiny",
    pytest.param(
        "embedded:student",
        marks=pytest.mark.skipif(not STUDENT.is_file(), reason="the student is not trained yet"),
    ),
)


def load(name, model, **fields):
    if name == "vllm":
        vllm = vllm_engine()
        return vllm.VllmEngine(model, EngineSpec(name=name, batch_size=64, **fields))
    from reasonbench.engines.transformers import TransformersEngine

    return TransformersEngine(model, EngineSpec(name=name, batch_size=64, **fields))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return tiny_llama.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request):
    return request.param


@pytest.fixture(scope="module", params=MODELS)
def model(request, tiny):
    return ModelSpec(id=str(tiny) if request.param == "tiny" else request.param)


@pytest.fixture(scope="module")
def engine(engine_name, model):
    engine = load(engine_name, model)
    yield engine
    engine.close()


QUESTION = (
    "Use the numbers 3, 5 and 7, each at most once, with + - and * to reach 22. "
    "Put the expression in \\boxed{}."
)


def prompt(problem="p", content=QUESTION, **fields):
    messages = (Message(role="user", content=content),)
    return Prompt(problem_id=problem, task="t", **({"messages": messages} | fields))


def requests(n, *, base=0, **fields):
    asked = prompt(**fields)
    return [
        SampleRequest(
            key=f"{asked.problem_id}-{base + i}", prompt=asked, sample_index=i, seed=base + i
        )
        for i in range(n)
    ]


def draw(engine, asked, sampling=SAMPLING):
    found = list(engine.sample(iter(asked), sampling))
    assert all(isinstance(c, Completion) for c in found)
    by_key = {c.key: c for c in found}
    assert len(by_key) == len(found) == len(asked)
    return [by_key[request.key] for request in asked]


def texts(engine, asked, sampling=SAMPLING):
    return [c.text for c in draw(engine, asked, sampling)]


def test_each_request_gets_its_own_completion(engine):
    asked = requests(40, base=1000)
    found = draw(engine, asked)
    assert len({c.text for c in found}) > 20
    for request, completion in zip(asked, found, strict=True):
        assert completion.sample_index == request.sample_index
        assert completion.seed == request.seed
        assert completion.engine == engine.identity.digest()
        assert 1 <= completion.n_tokens <= MAX_TOKENS
        completion.text.encode()  # a lone surrogate would raise


def test_the_same_seeds_give_the_same_texts(engine):
    assert texts(engine, requests(24)) == texts(engine, requests(24))


def test_another_seed_gives_another_text(engine):
    assert texts(engine, requests(8)) != texts(engine, requests(8, base=8))


def test_a_request_alone_draws_what_it_draws_among_others(engine):
    mixed = [
        request
        for problem, content in enumerate(("a", "Reach 22.", "x" * 60, "Use 1, 2, 3."))
        for request in requests(16, base=100 * problem, problem=str(problem), content=content)
    ]
    together = texts(engine, mixed)
    for place in (0, 17, 40, 63):
        assert texts(engine, [mixed[place]]) == [together[place]]


def test_a_gap_in_the_seeds_changes_no_draw(engine):
    asked = requests(12, base=500)
    some = [r for r in asked if r.sample_index % 3]
    whole = dict(zip((r.key for r in asked), texts(engine, asked), strict=True))
    assert texts(engine, some) == [whole[r.key] for r in some]


def test_the_token_limit_truncates(engine):
    for completion in draw(engine, requests(16), SamplingSpec(max_tokens=2)):
        if completion.finish_reason is FinishReason.LENGTH:
            assert completion.n_tokens == 2
        else:
            assert completion.n_tokens <= 2
    assert FinishReason.LENGTH in {
        c.finish_reason for c in draw(engine, requests(16), SamplingSpec(max_tokens=1))
    }


def test_an_end_token_stops_and_is_counted_but_not_shown(engine):
    found = draw(engine, requests(300), SamplingSpec(max_tokens=100))
    stopped = [c for c in found if c.finish_reason is FinishReason.STOP]
    assert stopped
    for completion in found:
        assert "<|im_end|>" not in completion.text
        assert "<|end|>" not in completion.text
        if completion.finish_reason is FinishReason.LENGTH:
            assert completion.n_tokens == 100


def test_a_stop_string_ends_the_text_where_it_begins(engine):
    plain = draw(engine, requests(24))
    pairs = Counter(c.text[i : i + 2] for c in plain for i in range(2, len(c.text) - 1))
    stop = next(pair for pair, _ in pairs.most_common() if "\ufffd" not in pair)
    stopped = draw(engine, requests(24), SamplingSpec(max_tokens=MAX_TOKENS, stop=(stop,)))
    assert any(stop in c.text for c in plain)
    for before, after in zip(plain, stopped, strict=True):
        assert after.text == before.text.split(stop)[0]
        if stop in before.text:
            assert after.finish_reason is FinishReason.STOP
            assert after.n_tokens <= before.n_tokens
        else:
            assert after.finish_reason is before.finish_reason


def test_temperature_zero_is_greedy_decoding(engine, model):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from reasonbench.resources import model_path

    folder = model_path(model.id)
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(folder)
    asked = [requests(1, problem=str(i), content=c)[0] for i, c in enumerate(("a", "Reach 9."))]
    greedy = SamplingSpec(max_tokens=24, temperature=0)
    for request, text in zip(asked, texts(engine, asked, greedy), strict=True):
        inputs = words(engine.render(request.prompt), add_special_tokens=False, return_tensors="pt")
        output = reference.generate(
            inputs.input_ids,
            attention_mask=inputs.attention_mask,
            max_new_tokens=24,
            do_sample=False,
        )
        drawn = output[0, inputs.input_ids.shape[1] :]
        assert text == words.decode(
            drawn, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
    assert len(set(texts(engine, requests(4), greedy))) == 1


def test_top_k_one_is_greedy(engine):
    greedy = texts(engine, requests(3), SamplingSpec(max_tokens=16, temperature=0))
    assert texts(engine, requests(3), SamplingSpec(max_tokens=16, top_k=1)) == greedy


def test_the_prompt_tokens_are_counted(engine, model):
    from transformers import AutoTokenizer

    from reasonbench.resources import model_path

    words = AutoTokenizer.from_pretrained(model_path(model.id))
    (completion,) = draw(engine, requests(1))
    rendered = engine.render(prompt())
    assert completion.n_prompt_tokens == len(words(rendered, add_special_tokens=False).input_ids)


def first_token_law(engine, model, sampling):
    """Probability of each text that a one-token completion can be."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from reasonbench.resources import model_path

    folder = model_path(model.id)
    words = AutoTokenizer.from_pretrained(folder)
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = words(engine.render(prompt()), add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        logits = reference(ids).logits[0, -1] / sampling.temperature
    law = Counter()
    for token, probability in enumerate(logits.softmax(-1).tolist()):
        law[words.decode([token], skip_special_tokens=True)] += probability
    return law


@pytest.mark.parametrize("temperature", [1.0, 1.8])
def test_first_tokens_follow_the_softmax(engine, model, temperature):
    sampling = SamplingSpec(max_tokens=1, temperature=temperature)
    n = 4000
    law = first_token_law(engine, model, sampling)
    seen = Counter(texts(engine, requests(n, base=70_000), sampling))
    common = [text for text, probability in law.items() if n * probability >= 5]
    observed = [seen[text] for text in common]
    expected = [n * law[text] for text in common]
    rest = n - sum(expected)
    if rest >= 1:
        observed, expected = [*observed, n - sum(observed)], [*expected, rest]
    if len(expected) > 1:
        scaled = np.array(expected) * sum(observed) / sum(expected)
        assert scipy.stats.chisquare(observed, scaled).pvalue > 1e-4


def test_presence_and_repetition_penalties_act(engine):
    plain = SamplingSpec(max_tokens=24, temperature=0)
    base = texts(engine, requests(1), plain)
    strong = SamplingSpec(max_tokens=24, temperature=0, repetition_penalty=10)
    assert texts(engine, requests(1), strong) == texts(engine, requests(1), strong)
    assert texts(engine, requests(1), strong) != base


def test_check_refuses_what_exceeds_the_context(engine):
    context = engine.context_length
    engine.check([prompt()], SAMPLING)
    with pytest.raises(EngineError, match=rf"context of {context} tokens") as caught:
        engine.check([prompt()], SamplingSpec(max_tokens=context))
    assert "set sampling.max_tokens to at most" in caught.value.hint
    (failure,) = engine.sample(requests(1), SamplingSpec(max_tokens=context))
    assert isinstance(failure, Failure)
    assert "beyond the context" in failure.message


def test_an_unresolved_token_limit_is_refused(engine):
    with pytest.raises(EngineError, match="max_tokens"):
        list(engine.sample(requests(1), SamplingSpec()))


def test_stopping_early_leaves_the_engine_usable(engine):
    running = engine.sample(iter(requests(64)), SAMPLING)
    assert isinstance(next(running), Completion)
    running.close()
    assert texts(engine, requests(4)) == texts(engine, requests(4))


def test_requests_are_read_as_they_are_needed(engine):
    read = itertools.count()
    endless = (request for request in (requests(1, base=next(read))[0] for _ in itertools.count()))
    running = engine.sample(endless, SamplingSpec(max_tokens=2))
    next(running)
    running.close()
    assert next(read) < 2000


def test_the_identity_says_what_draws(engine, engine_name, model):
    identity = engine.identity
    assert identity.engine == engine_name
    assert identity.model == model.id
    assert identity.dtype == "float32"
    assert {"torch", "transformers", "tokenizers"} <= identity.versions.keys()
    assert identity.digest() == engine.identity.digest()
    if engine_name == "transformers":
        assert load(engine_name, model).identity == identity
    else:
        other = load("transformers", model).identity
        assert other.weights_digest == identity.weights_digest
        assert other.digest() != identity.digest()


def test_garbage_weights_are_one_sentence(engine_name, tmp_path):
    folder = tiny_llama.build(tmp_path / "bad")
    (folder / "model.safetensors").write_bytes(b"not weights" * 100)
    with pytest.raises(EngineError) as caught:
        load(engine_name, ModelSpec(id=str(folder)))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


def test_a_folder_without_configuration_is_refused(engine_name, tmp_path):
    with pytest.raises(EngineError, match=r"holds no config\.json"):
        load(engine_name, ModelSpec(id=str(tmp_path)))
