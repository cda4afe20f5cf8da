"""What cannot be trained is refused in one sentence, before any weights are read."""

import json
import shutil

import pytest
import torch
import train_specs
from transformers import AutoModelForCausalLM, AutoTokenizer

from reasonbench import resources
from reasonbench.errors import EngineError, ReasonbenchError, SpecError, StoreWriteError
from reasonbench.specfile import convert
from reasonbench.specs import LoraSpec, TrainSpec
from reasonbench.training import loading, memory, running
from reasonbench.training.data import TOO_LONG, read_rows, rows_digest, write_rows
from reasonbench.training.dryrun import dry_run
from reasonbench.training.rows import TraceRow
from reasonbench.training.running import train

torch.set_num_threads(1)


def spec_of(folder, objective="sft", **options):
    return convert(train_specs.document(folder, objective, **options), TrainSpec, source="test")


def copy_of(name, folder, *, config=None, tokenizer=None):
    """Copy a shipped model, with other values in its files."""
    target = folder / f"{name}-copy"
    shutil.copytree(resources.embedded_model(name), target)
    for file, values in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        path = target / file
        data = {**json.loads(path.read_text()), **(values or {})}
        path.write_text(json.dumps({k: v for k, v in data.items() if v is not None}))
    return {"id": str(target)}


def row(text, question="What is 1 + 1?"):
    return TraceRow(id="r", messages=({"role": "user", "content": question},), completion=text)


def test_a_student_without_a_chat_template_is_refused(tmp_path):
    student = copy_of("base", tmp_path, tokenizer={"chat_template": None})
    with pytest.raises(SpecError, match="has no chat template") as raised:
        train(spec_of(tmp_path, student=student), tmp_path / "out")
    assert raised.value.hint


def test_a_quantised_student_is_refused(tmp_path):
    student = copy_of("base", tmp_path, config={"quantization_config": {"quant_method": "gptq"}})
    with pytest.raises(SpecError, match="quantised"):
        loading.find(spec_of(tmp_path, student=student))


def test_vocabularies_of_two_sizes_are_refused(tmp_path):
    teacher = copy_of("teacher", tmp_path, config={"vocab_size": 512})
    with pytest.raises(SpecError, match="vocabularies of 488 and 512 tokens") as raised:
        train(spec_of(tmp_path, "forward_kl", teacher=teacher), tmp_path / "out")
    assert "take a teacher of the student's family" in raised.value.hint


def test_vocabularies_that_number_tokens_differently_are_refused(tmp_path):
    teacher = copy_of("teacher", tmp_path)
    path = tmp_path / "teacher-copy" / "tokenizer.json"
    data = json.loads(path.read_text())
    vocabulary = data["model"]["vocab"]
    first, second = sorted(vocabulary)[-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(data))
    with pytest.raises(SpecError, match="number 2 tokens differently, such as"):
        loading.find(spec_of(tmp_path, "forward_kl", teacher=teacher))


def test_a_teacher_that_an_objective_does_not_need_is_not_looked_at(tmp_path):
    spec = spec_of(tmp_path, teacher={"id": str(tmp_path / "nowhere")})
    assert loading.find(spec).teacher is None


def test_a_teacher_that_does_not_fit_is_refused_with_what_it_needs(tmp_path, monkeypatch):
    spec = spec_of(tmp_path, "forward_kl")
    monkeypatch.setattr(memory, "free_bytes", lambda: 8 * 2**20)
    with pytest.raises(EngineError, match="the teacher 'embedded:teacher' does not fit") as raised:
        train(spec, tmp_path / "out")
    assert "needs 3.5 MiB and the student 6.2 MiB, and 8.0 MiB are free" in raised.value.message
    assert not dry_run(spec).fits


def test_a_student_that_does_not_fit_is_refused_with_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 4 * 2**20)
    with pytest.raises(EngineError, match="the student 'embedded:base' does not fit"):
        train(spec_of(tmp_path, "forward_kl"), tmp_path / "out")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")],
)
def test_memory_that_runs_out_while_a_teacher_is_loaded_is_one_sentence(
    tmp_path, monkeypatch, error
):
    spec = spec_of(tmp_path, "forward_kl")
    teacher = loading.find(spec).teacher

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(EngineError, match="memory ran out while loading the teacher") as raised:
        loading.load_teacher(spec, teacher)
    assert "its weights alone need 3.5 MiB, and" in raised.value.message


def test_memory_that_runs_out_in_a_step_is_one_sentence(tmp_path, monkeypatch):
    from reasonbench.training.trainers import SupervisedTrainer

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SupervisedTrainer, "compute_loss", fail)
    with pytest.raises(EngineError, match="memory ran out in step 1, with 4 sequences of up to"):
        train(spec_of(tmp_path), tmp_path / "out")


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    spec = spec_of(tmp_path, hyper={"learning_rate": 1e30, "steps": 4, "max_grad_norm": 1e30})
    with pytest.raises(ReasonbenchError, match=r"the loss of step . is nan") as raised:
        train(spec, tmp_path / "out")
    assert "lower hyper.learning_rate" in raised.value.hint


def test_long_rows_are_left_out_and_counted_and_never_cut(tmp_path):
    rows = [row("1 + 1 = 2"), row("1 " * 400), row("2"), row("")]
    spec = spec_of(tmp_path, hyper={"max_length": 64, "steps": 1})
    result = train(spec, tmp_path / "out", rows=rows)
    assert (result.rows, result.dropped) == (2, {TOO_LONG: 1, "empty": 1})
    assert result.data_digest == rows_digest([rows[0], rows[2]])
    assert result.problems == 1


def test_room_for_what_is_drawn_is_part_of_a_prompts_length(tmp_path):
    rows = [row("2"), row("2", "What is 1 " + "+ 1 " * 90 + "?")]
    objective = {"prefix": "student", "loss": "reverse_kl", "max_new_tokens": 40}
    spec = spec_of(tmp_path, "on_policy", hyper={"max_length": 128})
    spec = convert(
        train_specs.document(tmp_path, "on_policy", hyper={"max_length": 128})
        | {"objective": objective},
        TrainSpec,
        source="test",
    )
    plan = dry_run(spec, rows=rows)
    assert (plan.rows, plan.dropped, plan.expected_loss_tokens) == (1, {TOO_LONG: 1}, None)


def test_no_rows_is_refused_with_the_reasons(tmp_path):
    spec = spec_of(tmp_path, hyper={"max_length": 8})
    with pytest.raises(
        SpecError, match="of 24, these were left out: 1 duplicate, 23 too_long"
    ) as raised:
        train(spec, tmp_path / "out")
    assert raised.value.hint == "raise hyper.max_length, now 8"
    with pytest.raises(SpecError, match="there are no traces to train on"):
        train(spec, tmp_path / "other", rows=[])


def test_packing_with_a_divergence_is_refused(tmp_path):
    with pytest.raises(SpecError, match="packing"):
        train(spec_of(tmp_path, "forward_kl", hyper={"packing": True}), tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreWriteError, match="cannot be written"):
        train(spec_of(tmp_path), tmp_path / "file" / "out")


def test_a_directory_of_something_else_is_refused(tmp_path):
    out = tmp_path / "out"
    (out / "checkpoints").mkdir(parents=True)
    with pytest.raises(SpecError, match=r"holds checkpoints and no spec\.json"):
        train(spec_of(tmp_path), out)


def test_targets_of_lora_that_are_no_layers_are_refused(tmp_path):
    model = memory.skeleton(loading.find(spec_of(tmp_path)).student.config)
    with pytest.raises(SpecError, match="names 'c_attn'") as raised:
        memory.lora_parameters(model, LoraSpec(targets=("c_attn",)))
    assert "q_proj" in raised.value.hint


def test_adapters_are_counted_as_peft_makes_them(tmp_path):
    from peft import LoraConfig, get_peft_model

    model = AutoModelForCausalLM.from_pretrained(resources.embedded_model("base"))
    lora = LoraSpec(rank=3)
    expected = memory.lora_parameters(model, lora)
    config = LoraConfig(r=3, target_modules="all-linear", task_type="CAUSAL_LM")
    assert get_peft_model(model, config).get_nb_trainable_parameters()[0] == expected


@pytest.mark.parametrize(
    ("strategy", "weights", "states", "teacher"),
    [
        ("ddp", 1, 1, 1), ("zero1", 1, None, 1), ("zero2", 1, 4, 1), ("zero3", 4, 4, 4),
        ("fsdp1", 4, 4, 1), ("fsdp2", 4, 4, 1),
    ],
)  # fmt: skip
def test_each_strategy_shards_what_it_says(tmp_path, strategy, weights, states, teacher):
    def need(launch):
        spec = spec_of(tmp_path, "forward_kl", **launch)
        models = loading.find(spec)
        return memory.estimate(
            spec,
            memory.skeleton(models.student.config),
            memory.skeleton(models.teacher.config),
            tokens=100,
            device_batch=1,
        )

    alone, shared = need({}), need({"launch": {"processes": 4, "strategy": strategy}})
    assert alone.weights == 4 * alone.parameters
    assert alone.states == 12 * alone.parameters
    assert shared.weights == alone.weights // weights
    assert shared.teacher == alone.teacher // teacher
    assert shared.states == (6 * alone.parameters if states is None else alone.states // states)


def test_rows_come_back_from_their_file_as_they_were(tmp_path):
    from reasonbench.records import Problem

    problem = Problem(task="t", id="1", statement="?", target="2")
    rows = [
        row("a\nb é \u2028"),
        TraceRow(id="2", messages=row("").messages, completion="x", problem=problem),
    ]
    write_rows(tmp_path / "rows", rows, {"duplicate": 3})
    assert read_rows(tmp_path / "rows") == (rows, {"duplicate": 3})


def test_a_tokenizer_without_padding_gets_some(tmp_path):
    student = copy_of("base", tmp_path, tokenizer={"pad_token": None})
    found = loading.find(spec_of(tmp_path, student=student)).student
    assert found.tokenizer.pad_token == found.tokenizer.eos_token
    assert AutoTokenizer.from_pretrained(student["id"]).pad_token is None


def test_changed_libraries_are_told_when_a_training_goes_on(tmp_path, monkeypatch):
    said = []

    class Listener(running.Silent):
        def say(self, sentence):
            said.append(sentence)

    spec = spec_of(tmp_path, steps=1)
    monkeypatch.setattr(running, "session", lambda *_, **__: None)
    monkeypatch.setattr(running, "versions", lambda: {"trl": "1.15.0"})
    train(spec, tmp_path / "out", reporter=Listener())
    monkeypatch.setattr(running, "versions", lambda: {"trl": "1.16.0"})
    train(spec, tmp_path / "out", reporter=Listener())
    assert "trl was '1.15.0' and is now '1.16.0'" in said[-1]
