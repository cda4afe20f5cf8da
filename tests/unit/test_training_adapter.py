"""What a spec becomes: which tokens count, in which order, and what is refused."""

import itertools

import pytest
import tiny_training as tiny
import torch
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from reasonbench.errors import SpecError
from reasonbench.specs import LoraSpec, Loss, ObjectiveSpec, Prefix
from reasonbench.training import heads, trainers
from reasonbench.training.adapter import order
from reasonbench.training.encoding import after, encode
from reasonbench.training.heads import Head, hidden_states, over_chunks
from reasonbench.training.losses import IGNORED
from reasonbench.training.rows import TraceRow

ENTROPY = ObjectiveSpec(loss=Loss.ENTROPY)
REVERSE = ObjectiveSpec(loss=Loss.REVERSE_KL)
LORA = LoraSpec(rank=2, alpha=4.0)
supervised = pytest.mark.parametrize(
    ("objective", "hyper"),
    [
        (ObjectiveSpec(), {}),
        (ObjectiveSpec(), {"packing": True, "max_length": 128}),
        (ObjectiveSpec(), {"lora": LORA}),
        (ENTROPY, {}),
        (REVERSE, {}),
        (REVERSE, {"lora": LORA}),
        (ObjectiveSpec(loss=Loss.GEM), {}),
    ],
    ids=["sft", "packed", "lora", "entropy", "reverse", "reverse-lora", "gem"],
)


def gradients(trainer, batch):
    """The loss of a batch, and every weight's gradient by name."""
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, dict(batch))
    loss.backward()
    named = trainer.model.named_parameters()
    return loss.item(), {name: p.grad.clone() for name, p in named if p.grad is not None}


def batches(trainer):
    return list(trainer.get_train_dataloader())


# --- completion-only loss -------------------------------------------------------------------


@supervised
def test_labels_are_the_completion_and_its_end_token_and_nothing_else(objective, hyper):
    trainer = tiny.trainer_of(tiny.spec(objective, **hyper))
    wanted = sorted(encode(tiny.tokenizer(), row).completion for row in tiny.rows())
    found = []
    batch = batches(trainer)[0]
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        counted = labels != IGNORED
        assert torch.equal(ids[counted], labels[counted])
        # A packed row holds several completions.
        pairs = zip(counted.tolist(), labels.tolist(), strict=True)
        for is_label, run in itertools.groupby(pairs, key=lambda pair: pair[0]):
            if is_label:
                found.append(tuple(label for _, label in run))
    assert all(tokens[-1] == tiny.tokenizer().eos_token_id for tokens in found)
    if hyper.get("packing"):
        assert set(found) == set(wanted)
    else:
        assert sorted(found) == wanted


@pytest.mark.parametrize("prefix", [Prefix.TRACE, Prefix.TEACHER, Prefix.MIXED])
@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_no_gradient_comes_from_the_prediction_of_a_prompt_s_token(monkeypatch, prefix, lora):
    objective = ObjectiveSpec(prefix=prefix, loss=Loss.REVERSE_KL, max_new_tokens=6)
    check_where_gradients_come_from(monkeypatch, tiny.spec(objective, lora=lora))


@supervised
def test_no_gradient_comes_from_outside_the_completions(monkeypatch, objective, hyper):
    check_where_gradients_come_from(monkeypatch, tiny.spec(objective, **hyper))


def check_where_gradients_come_from(monkeypatch, asked):
    seen = []

    def watched(model, inputs):
        states = hidden_states(model, inputs)
        if states.requires_grad:
            states.retain_grad()
            seen.append(states)
        return states

    monkeypatch.setattr("reasonbench.training.trainers.hidden_states", watched)
    trainer = tiny.trainer_of(asked)
    batch = batches(trainer)[0]
    parts = list(trainers._parts(batch))
    trainer.compute_loss(trainer.model, dict(batch)).backward()
    assert len(seen) == len(parts) > 0
    for states, part in zip(seen, parts, strict=True):
        sizes = states.grad.abs().sum(-1)
        counted = torch.nn.functional.pad(part["labels"][:, 1:] != IGNORED, (0, 1))
        assert counted.any()
        assert (~counted).any()
        assert (sizes[counted] > 0).all()
        assert (sizes[~counted] == 0).all()


@supervised
def test_a_batch_s_gradient_is_that_of_its_sequences_alone(objective, hyper):
    """Padding, parts by length and packing are ways to compute one and the same loss."""
    model, teacher = tiny.tiny(0), tiny.tiny(1, width=24)
    traces = tiny.rows()
    trainer = tiny.trainer_of(
        tiny.spec(objective, batch_size=4, **hyper), model=model, teacher=teacher, traces=traces
    )
    if hyper.get("packing"):
        packed = trainer.train_dataset
        n_packed = len({tuple(row["input_ids"]) for row in packed})
        assert n_packed < len(traces)
        unique = {tuple(row["input_ids"]): row for row in packed}
        batch = trainer.data_collator(list(unique.values()))
    else:
        batch = batches(trainer)[0]
    loss, grads = gradients(trainer, batch)
    n_tokens = sum(len(encode(tiny.tokenizer(), row).completion) for row in traces)
    total, summed = 0.0, {}
    for row in traces:
        encoded = encode(tiny.tokenizer(), row)
        alone = {
            "input_ids": torch.tensor([[*encoded.prompt, *encoded.completion]]),
            "labels": torch.tensor([[IGNORED] * len(encoded.prompt) + [*encoded.completion]]),
        }
        part, found = gradients(trainer, alone)
        share = len(encoded.completion) / n_tokens
        total += share * part
        for name, gradient in found.items():
            summed[name] = summed.get(name, 0) + share * gradient
    assert loss == pytest.approx(total, rel=1e-9)
    assert summed.keys() == grads.keys()
    for name, gradient in grads.items():
        # Llama's norms are computed in float32.
        torch.testing.assert_close(gradient, summed[name], rtol=1e-3, atol=1e-6)


def test_parts_of_alike_lengths_leave_the_loss_of_the_whole_batch():
    traces = tiny.rows(4) * 5  # More than a CPU computes side by side.
    trainer = tiny.trainer_of(tiny.spec(batch_size=20), traces=traces)
    batch = batches(trainer)[0]
    loss = trainer.compute_loss(trainer.model, dict(batch)).item()
    logits = trainer.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
    ).logits[:, :-1]
    targets = batch["labels"][:, 1:]
    counted = targets != IGNORED
    expected = torch.nn.functional.cross_entropy(logits[counted], targets[counted]).item()
    assert loss == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("objective", [ObjectiveSpec(), REVERSE], ids=["sft", "reverse"])
def test_lora_trains_adapters_only_and_begins_at_the_student(objective):
    student = tiny.tiny(0)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    plain, adapted = tiny.Seen(), tiny.Seen()
    tiny.trainer_of(tiny.spec(objective), model=tiny.tiny(0), seen=plain).train()
    trainer = tiny.trainer_of(tiny.spec(objective, steps=2, lora=LORA), model=student, seen=adapted)
    trainer.train()
    assert adapted.losses[0] == pytest.approx(plain.losses[0], rel=1e-6)
    assert adapted.losses[1] != adapted.losses[0]
    merged = trainer.model.merge_and_unload()
    changed = {n for n, v in merged.state_dict().items() if not torch.equal(v, before[n])}
    assert changed
    assert all("proj" in name for name in changed)


# --- order, batches, schedule ---------------------------------------------------------------


def test_every_step_has_its_whole_batch_in_the_order_of_the_seed():
    traces = [
        TraceRow(id=str(i), messages=tiny.rows()[0].messages, completion=str(i)) for i in range(7)
    ]
    asked = tiny.spec(steps=5, batch_size=4, device_batch_size=2)
    trainer = tiny.trainer_of(asked, traces=traces)
    seen = batches(trainer)
    assert [len(batch["input_ids"]) for batch in seen] == [2] * 10
    texts = tiny.tokenizer().batch_decode(
        [labels[labels != IGNORED][:-1] for batch in seen for labels in batch["labels"]]
    )
    assert texts == [str(index) for index in order(7, 20, asked.seed)]


def test_fewer_rows_than_a_batch_come_again_within_it():
    seen = tiny.Seen()
    trainer = tiny.trainer_of(tiny.spec(steps=2, batch_size=4), traces=tiny.rows(3), seen=seen)
    trainer.train()
    assert len(seen.losses) == 2
    assert all(log["loss_tokens"] > 0 for log in seen.logs)


@pytest.mark.parametrize("prefix", [Prefix.STUDENT, Prefix.TEACHER])
def test_what_is_drawn_anew_is_drawn_once_a_prompt_however_many_traces_it_has(prefix):
    traces = [tiny.rows()[0]] * 9 + tiny.rows()[1:]
    asked = tiny.spec(ObjectiveSpec(prefix=prefix, loss=Loss.REVERSE_KL, max_new_tokens=4))
    trainer = tiny.trainer_of(asked, traces=traces)
    captured = tiny.Captured(trainer)
    trainer.train()
    prompts = {tuple(ids[: counts.index(True)]) for ids, counts in captured.sequences}
    assert prompts == {encode(tiny.tokenizer(), row).prompt for row in tiny.rows()}


@pytest.mark.parametrize(
    ("hyper", "expected"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "constant", "warmup_steps": 2}, [0, 0.5, 1, 1]),
        ({"schedule": "linear"}, [1, 0.75, 0.5, 0.25]),
        ({"schedule": "cosine"}, [1, 0.853553, 0.5, 0.146447]),
        ({"schedule": "cosine", "min_rate": 0.5}, [1, 0.926777, 0.75, 0.573223]),
    ],
)
def test_the_rate_follows_its_schedule(hyper, expected):
    seen = tiny.Seen()
    asked = tiny.spec(steps=4, batch_size=1, learning_rate=1e-4, **hyper)
    tiny.trainer_of(asked, seen=seen).train()
    rates = [log["learning_rate"] / 1e-4 for log in seen.logs]
    assert rates == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "objective",
    [
        ObjectiveSpec(),
        ObjectiveSpec(prefix=Prefix.MIXED, loss=Loss.REVERSE_KL, max_new_tokens=6),
        ObjectiveSpec(prefix=Prefix.STUDENT, loss=Loss.REVERSE_KL, max_new_tokens=6),
    ],
    ids=["sft", "mixed", "on-policy"],
)
def test_a_training_that_was_cut_off_goes_on_with_the_same_losses(tmp_path, objective):
    asked = tiny.spec(objective, steps=6, batch_size=2)
    whole, rest = tiny.Seen(), tiny.Seen()
    tiny.trainer_of(asked, folder=tmp_path, save_steps=3, seen=whole).train()
    again = tiny.trainer_of(asked, model=tiny.tiny(5), folder=tmp_path, save_steps=3, seen=rest)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert rest.losses == whole.losses[3:]
    assert [log["loss_tokens"] for log in rest.logs] == [
        log["loss_tokens"] for log in whole.logs[3:]
    ]
    assert not list(tmp_path.rglob("README.md"))


# --- rendering ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "completion", "expected"),
    [
        ("a<think>\n", "<think>\nso\n</think>", "so\n</think>"),
        ("a<think>", "<think>\nso", "\nso"),
        ("a<think>\n", "so\n</think>", "so\n</think>"),
        ("a", "<think>\nso", "<think>\nso"),
        ("a<think>\n\n</think>", "<think>\nso", "<think>\nso"),
        ("a[THINK]", "[THINK]so", "so"),
    ],
)
def test_a_thinking_mark_that_the_prompt_has_opened_is_not_written_twice(
    prompt, completion, expected
):
    assert after(prompt, completion) == expected


def test_the_prompt_s_tokens_are_those_of_inference():
    tokenizer = tiny.tokenizer()
    for row in tiny.rows():
        encoded = encode(tokenizer, row)
        rendered = tokenizer.apply_chat_template(
            list(row.messages), add_generation_prompt=True, return_dict=False
        )
        assert list(encoded.prompt) == rendered
        assert encoded.completion[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(encoded.completion[:-1]) == row.completion


def test_a_token_over_the_border_leaves_the_prompt_as_it_is():
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    row = TraceRow(id="a", messages=({"role": "user", "content": "1 + 1"},), completion="20")
    encoded = encode(tokenizer, row)
    assert tokenizer.decode(encoded.prompt) == "1 + 1"
    assert tokenizer.decode(encoded.completion[:-1]) == "20"
    joint = tokenizer("1 + 120", add_special_tokens=False)["input_ids"]
    assert [*encoded.prompt, *encoded.completion[:-1]] != joint


# --- heads ----------------------------------------------------------------------------------

SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@pytest.mark.parametrize(
    "build",
    [
        lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=0.5)),
        lambda: CohereForCausalLM(CohereConfig(**SMALL, logit_scale=0.25)),
        lambda: GraniteForCausalLM(GraniteConfig(**SMALL, logits_scaling=4.0)),
        lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    ],
    ids=["softcapped", "scaled", "divided", "plain"],
)
def test_a_head_gives_the_model_s_own_logits(build):
    torch.manual_seed(0)
    model = build().eval()
    ids = torch.randint(3, 50, (2, 9))
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        found = Head(model)(hidden_states(model, {"input_ids": ids}))
    torch.testing.assert_close(found, expected)


def test_chunks_leave_loss_and_gradient_as_they_are(monkeypatch):
    def run(elements):
        monkeypatch.setattr(heads, "CHUNK_ELEMENTS", elements)
        trainer = tiny.trainer_of(tiny.spec(REVERSE))
        return gradients(trainer, batches(trainer)[0])

    whole, small = run(2**26), run(488 * 3)
    assert small[0] == pytest.approx(whole[0], rel=1e-12)
    for name, gradient in whole[1].items():
        torch.testing.assert_close(small[1][name], gradient)


def test_no_positions_are_one_chunk_of_nothing():
    assert [c.item() for c in over_chunks(torch.sum, 10, torch.zeros(0, 4))] == [0.0]


# --- refusals -------------------------------------------------------------------------------


def refused(said, asked=None, **models):
    with pytest.raises(SpecError, match=said) as caught:
        tiny.trainer_of(asked or tiny.spec(), **models)
    assert caught.value.hint


def test_vocabularies_of_two_sizes_are_refused_with_both():
    teacher = tiny.tiny(1, vocabulary=490)
    refused("488 tokens.*490", tiny.spec(REVERSE), teacher=teacher)
    # A student that learns from the text alone does not care.
    tiny.trainer_of(tiny.spec(), teacher=teacher)


def test_a_tokenizer_without_a_chat_template_or_an_end_is_refused(monkeypatch):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = None
    monkeypatch.setattr(tiny, "tokenizer", lambda: tokenizer)
    refused("no chat template")
    tokenizer = type(tokenizer).from_pretrained(tiny.embedded_model("base"))
    tokenizer.eos_token = None
    monkeypatch.setattr(tiny, "tokenizer", lambda: tokenizer)
    refused("no end token")


def test_no_rows_are_refused():
    refused("no traces to train on", traces=[])


def test_a_row_that_is_too_long_is_refused_and_never_cut():
    refused("has [0-9]+ tokens, and max_length is 40", tiny.spec(max_length=40))


def test_a_prompt_without_room_for_its_completion_is_refused():
    asked = ObjectiveSpec(prefix=Prefix.STUDENT, loss=Loss.REVERSE_KL, max_new_tokens=30)
    refused("max_length less max_new_tokens leaves 10", tiny.spec(asked, max_length=40))


def test_an_adapter_on_the_output_layer_is_refused():
    refused("lm_head", tiny.spec(lora=LoraSpec(targets=("q_proj", "lm_head"))))


def test_messages_that_the_template_refuses_are_named(monkeypatch):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = "{{ raise_exception('system role is not supported') }}"
    monkeypatch.setattr(tiny, "tokenizer", lambda: tokenizer)
    refused("system role is not supported")


def test_bfloat16_without_an_accelerator_is_float32_and_said(caplog):
    trainer = tiny.trainer_of(tiny.spec(dtype="bfloat16"))
    assert not trainer.args.bf16
    assert "computed in float32" in caplog.text
