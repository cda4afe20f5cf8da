import json
import os
import re

import click
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from reasonbench import presets
from reasonbench.cli.options import gather, run_options
from reasonbench.cli.specs import build_spec
from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.presets import files
from reasonbench.presets.names import by_name
from reasonbench.specs import AuditSpec, RunSpec, SamplingSpec

NAMES = {
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": "r1-distill",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": "r1-distill",
    "unsloth/DeepSeek-R1-Distill-Llama-8B-bnb-4bit": "r1-distill",
    "unsloth/DeepSeek-R1-Distill-Llama-8B-unsloth-bnb-4bit": "r1-distill",
    "bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF": "r1-distill",
    "neuralmagic/DeepSeek-R1-Distill-Qwen-7B-quantized.w8a8": "r1-distill",
    "mlx-community/DeepSeek-R1-Distill-Qwen-14B-4bit": "r1-distill",
    "deepseek/deepseek-r1-distill-qwen-32b:free": "r1-distill",
    "weights/DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf": "r1-distill",
    "deepseek-ai_DeepSeek-R1-Distill-Qwen-7B": "r1-distill",
    "deepseek-ai/DeepSeek-R1": "r1",
    "deepseek-ai/DeepSeek-R1-Zero": "r1",
    "deepseek-ai/DeepSeek-R1-0528": "r1-0528",
    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B": "r1-0528",
    "perplexity-ai/r1-1776-distill-llama-70b": None,
    "agentica-org/DeepScaleR-1.5B-Preview": None,
    "huihui-ai/DeepSeek-R1-Distill-Qwen-7B-abliterated": None,
    "Qwen/Qwen3-8B": "qwen3",
    "Qwen/Qwen3-0.6B": "qwen3",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3",
    "Qwen/Qwen3-32B-AWQ": "qwen3",
    "Qwen/Qwen3-14B-GPTQ-Int4": "qwen3",
    "Qwen/Qwen3-4B-MLX-bf16": "qwen3",
    "unsloth/Qwen3-30B-A3B-128K-GGUF": "qwen3",
    "bartowski/Qwen_Qwen3-8B-GGUF": "qwen3",
    "Qwen/Qwen3-8B-Base": None,
    "Qwen/Qwen3-30B-A3B-Instruct-2507": None,
    "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8": None,
    "Qwen/Qwen3-30B-A3B-Thinking-2507": "qwen3-2507",
    "Qwen/Qwen3-4B-Thinking-2507-FP8": "qwen3-2507",
    "unsloth/Qwen3-235B-A22B-Thinking-2507-GGUF": "qwen3-2507",
    "Qwen/Qwen3-Next-80B-A3B-Thinking": "qwen3-2507",
    "Qwen/Qwen3-Next-80B-A3B-Instruct": None,
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": None,
    "Qwen/Qwen3-VL-8B-Thinking": None,
    "Qwen/Qwen3-Embedding-8B": None,
    "Qwen/Qwen3Guard-Gen-8B": None,
    "Qwen/Qwen3.6-27B": None,
    "Qwen/Qwen2.5-7B-Instruct": None,
    "Qwen/QwQ-32B": "qwq",
    "Qwen/QwQ-32B-AWQ": "qwq",
    "Qwen/QwQ-32B-Preview": None,
    "open-thoughts/OpenThinker3-7B": "openthinker",
    "open-thoughts/OpenThinker2-32B": "openthinker",
    "open-thoughts/OpenThinker-7B-Unverified": "openthinker",
    "open-thoughts/OpenThinkerAgent-8B": None,
    "simplescaling/s1-32B": "s1",
    "simplescaling/s1.1-32B": "s1",
    "bartowski/simplescaling_s1-32B-GGUF": "s1",
    "internlm/Intern-S1-mini": None,
    "fishaudio/s1-mini": None,
    "GAIR/LIMO": "limo",
    "GAIR/LIMO-v2": "limo",
    "someone/limousine": None,
    "microsoft/Phi-4-reasoning": "phi-4-reasoning",
    "microsoft/Phi-4-reasoning-plus": "phi-4-reasoning",
    "nvidia/Phi-4-reasoning-plus-NVFP4": "phi-4-reasoning",
    "microsoft/phi-4-reasoning-plus:free": "phi-4-reasoning",
    "microsoft/Phi-4-mini-reasoning": None,
    "microsoft/phi-4": None,
    "openai/gpt-oss-20b": "gpt-oss",
    "openai/gpt-oss-120b": "gpt-oss",
    "unsloth/gpt-oss-20b-GGUF": "gpt-oss",
    "openai/gpt-oss-safeguard-20b": None,
    "embedded:student": None,
    "": None,
    "/": None,
}
FIELDS = {"temperature": 0.9, "top_p": 0.8, "top_k": 7, "min_p": 0.1, "max_tokens": 123}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def folder(path, **contents):
    path.mkdir(parents=True)
    for name, content in contents.items():
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (path / f"{name}.json").write_bytes(text)
    return path


@pytest.mark.parametrize(("model_id", "expected"), NAMES.items())
def test_a_copy_of_a_model_has_its_preset_and_another_model_none(here, model_id, expected):
    family = presets.family_of(model_id)
    assert (family and family.name) == expected


def test_at_most_one_preset_matches_a_name():
    from reasonbench.presets.names import _PATTERNS

    for name in NAMES:
        plain = name.rpartition("/")[2].lower().replace("_", "-")
        assert sum(bool(pattern.fullmatch(plain)) for _, pattern in _PATTERNS) <= 1


def test_a_hostile_name_is_read_in_no_time():
    assert by_name("qwen3-8b" + "-q4-i1-i1" * 5_000 + "-x") is None
    assert by_name("qwen3-8b" + "-q4-i1-i1" * 5_000) is not None


def test_every_preset_is_a_valid_sampling_with_its_source():
    assert len({p.name for p in presets.PRESETS}) == len(presets.PRESETS) >= 9
    for preset in presets.PRESETS:
        assert msgspec.convert(preset.sampling, SamplingSpec).temperature > 0
        assert {"temperature", "top_p", "max_tokens"} <= preset.sampling.keys() <= FIELDS.keys()
        assert preset.card.startswith("https://")
        assert preset.source
        assert preset.name not in (presets.AUTO, presets.GENERATION_CONFIG)


def test_a_local_folder_is_known_by_its_name_a_cache_folder_or_a_link(here):
    folder(here / "models" / "Qwen3-8B", config={"model_type": "qwen3"})
    cached = folder(here / "models--GAIR--LIMO" / "snapshots" / "0a1b", config={})
    (here / "mine").symlink_to(here / "models" / "Qwen3-8B")
    assert presets.family_of("models/Qwen3-8B/").name == "qwen3"
    assert presets.family_of(str(cached)).name == "limo"
    assert presets.family_of("mine").name == "qwen3"
    os.chdir(here / "models" / "Qwen3-8B")
    assert presets.family_of(".").name == "qwen3"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"_name_or_path": "Qwen/QwQ-32B"}, "qwq"),
        ({"_name_or_path": "Qwen/Qwen2.5-7B", "model_type": "qwen2"}, None),
        ({"model_type": "gpt_oss"}, "gpt-oss"),
        ({"model_type": "qwen3"}, None),
        ({"model_type": ["gpt_oss"], "_name_or_path": 3}, None),
        ({"_name_or_path": None, "model_type": None}, None),
        ({}, None),
    ],
)
def test_a_folder_of_another_name_is_known_by_its_config(here, config, expected):
    family = presets.family_of(str(folder(here / "checkpoint", config=config)))
    assert (family and family.name) == expected


def test_a_folder_without_config_is_of_no_family(here):
    assert presets.family_of(str(folder(here / "checkpoint"))) is None


def test_auto_goes_by_the_family_before_the_models_own_file(here):
    folder(here / "Qwen3-8B", generation_config={"temperature": 0.1})
    resolved = presets.resolve("auto", "Qwen3-8B")
    assert resolved.name == "qwen3"
    assert resolved.sampling["temperature"] == 0.6
    assert resolved.source == "https://huggingface.co/Qwen/Qwen3-8B"


def test_auto_takes_the_models_own_file_where_no_family_is_known(here):
    config = {
        "temperature": 0.7,
        "top_k": 20,
        "top_p": None,
        "max_new_tokens": 9,
        "do_sample": True,
    }
    folder(here / "checkpoint", generation_config=config)
    resolved = presets.resolve("auto", "checkpoint")
    assert resolved.name == "generation-config"
    assert resolved.sampling == {"temperature": 0.7, "top_k": 20}
    assert resolved.source == "generation_config.json of the model"
    assert presets.resolve("generation-config", "checkpoint") == resolved


def test_generation_config_can_be_asked_for_where_a_family_is_known(here):
    folder(here / "Qwen3-8B", generation_config={"temperature": 0.1})
    assert presets.resolve("generation-config", "Qwen3-8B").sampling == {"temperature": 0.1}


@pytest.mark.parametrize("model_id", ["embedded:student", "checkpoint"])
def test_auto_refuses_to_guess_and_lists_the_presets(here, model_id):
    folder(here / "checkpoint", generation_config={"eos_token_id": 1})
    with pytest.raises(SpecError, match="no preset is known") as caught:
        presets.resolve("auto", model_id)
    for preset in presets.PRESETS:
        assert preset.name in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1]", "is not a JSON object"),
        (b"{", "is not a JSON object"),
        (b'{"temperature": NaN}', "is not a JSON object"),
        (b"\xff\xfe", "is not a JSON object"),
        (b'{"a":' * 100_000, "is not a JSON object"),
        (b" " * (files.MAX_BYTES + 1), "is larger than 4,000,000 bytes"),
        ({"temperature": "hot"}, "temperature = 'hot', which is not allowed"),
        ({"temperature": True}, "temperature = True, which is not allowed"),
        ({"temperature": -1}, "temperature = -1, which is not allowed"),
        ({"temperature": 10**400}, "temperature = 1000"),
        ({"top_k": 2.5}, "top_k = 2.5, which is not allowed"),
        ({"top_p": ["x" * 5_000]}, r"top_p = \['x{1,60}\.\.\., which is not allowed"),
        ({"do_sample": False, "temperature": 0.6}, "asks for greedy decoding"),
    ],
)
def test_a_hostile_generation_config_is_one_sentence(here, content, message):
    folder(here / "checkpoint", generation_config=content)
    with pytest.raises(SpecError, match=message) as caught:
        presets.resolve("auto", "checkpoint")
    assert len(caught.value.message) < 400
    assert caught.value.hint


def test_a_hostile_config_is_one_sentence_and_a_pipe_is_not_waited_for(here):
    folder(here / "broken", config=b"[")
    os.mkfifo(folder(here / "pipe") / "config.json")
    (folder(here / "loop") / "config.json").symlink_to("config.json")
    with pytest.raises(SpecError, match="is not a JSON object"):
        presets.family_of("broken")
    with pytest.raises(SpecError, match="is not a file"):
        presets.family_of("pipe")
    with pytest.raises(SpecError, match=r"loop/config\.json"):
        presets.family_of("loop")


@pytest.mark.parametrize(
    "model_id", ["a\0b", "x" * 5_000, "~nobody-here/m", "../nowhere", "m.gguf", "a b", "org/none"]
)
def test_a_model_that_is_nowhere_is_one_sentence(here, model_id):
    assert presets.family_of(model_id) is None
    with pytest.raises(SpecError, match="no preset is known for") as caught:
        presets.resolve("auto", model_id)
    assert "qwen3" in caught.value.hint


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Stand in for the Hub: files by name, an error in place of one to be raised."""
    import huggingface_hub

    held = {}

    def download(repo_id, filename, *, revision=None):
        asked.append((repo_id, filename, revision))
        content = held.get(filename, huggingface_hub.errors.EntryNotFoundError("absent"))
        if isinstance(content, Exception):
            raise content
        path = tmp_path / filename
        path.write_text(json.dumps(content))
        return str(path)

    asked = held.setdefault("asked", [])
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return held


def test_a_model_of_the_hub_is_asked_for_its_files_at_its_revision(hub):
    hub["generation_config.json"] = {"temperature": 0.3}
    assert presets.resolve("auto", "org/m", "v1").sampling == {"temperature": 0.3}
    assert hub["asked"] == [
        ("org/m", "config.json", "v1"),
        ("org/m", "generation_config.json", "v1"),
    ]
    hub["config.json"] = {"model_type": "gpt_oss"}
    assert presets.resolve("auto", "org/m").name == "gpt-oss"


def test_a_name_that_decides_needs_no_network(hub):
    assert presets.resolve("auto", "Qwen/Qwen3-8B").name == "qwen3"
    assert presets.resolve("s1", "org/m").name == "s1"
    assert hub["asked"] == []


def test_an_error_of_the_hub_is_one_sentence(hub):
    from huggingface_hub import errors

    for error, message in (
        (errors.LocalEntryNotFoundError("offline"), "could not be downloaded"),
        (errors.HFValidationError("bad"), "is neither a folder nor a valid Hub id"),
        (TimeoutError("slow"), r"could not be read from the Hub \(TimeoutError\)"),
    ):
        hub["config.json"] = error
        with pytest.raises(SpecError, match=message):
            presets.resolve("auto", "org/m")


def test_an_unknown_preset_says_what_was_meant():
    with pytest.raises(UnknownNameError, match="no preset named 'r1-distil'") as caught:
        presets.resolve("r1-distil", "m")
    assert "'r1-distill'" in caught.value.hint
    with pytest.raises(UnknownNameError):
        presets.preset_named("auto")
    assert presets.preset_named("qwq").top_k == 40


@given(
    name=st.sampled_from([p.name for p in presets.PRESETS]),
    fields=st.sets(st.sampled_from(sorted(FIELDS))),
)
def test_what_is_given_wins_over_the_preset_and_that_over_the_default(name, fields):
    explicit = {field: FIELDS[field] for field in fields}
    data = {"model": {"id": "m", "preset": name}, "tasks": ["t"], "sampling": explicit}
    before = json.dumps(data)
    said = []
    spec = msgspec.convert(presets.apply(data, say=said.append), RunSpec)
    assert json.dumps(data) == before
    preset = presets.preset_named(name)
    defaults = msgspec.to_builtins(SamplingSpec())
    assert msgspec.to_builtins(spec.sampling) == defaults | preset.sampling | explicit
    assert spec.model.preset == name
    (sentence,) = said
    for field, value in preset.sampling.items():
        assert (f"{field} {FIELDS[field]} as given, the preset says" in sentence) == (
            field in fields
        )
        taken = sentence.partition(" (http")[0]
        assert (f"{field} {value:,}" in taken) == (field not in fields)


def test_the_sentence_says_what_was_taken_and_what_was_not():
    data = {"model": {"id": "m", "preset": "r1-distill"}, "sampling": {"temperature": 1.0}}
    said = []
    presets.apply(data, say=said.append)
    assert said == [
        "preset r1-distill: top_p 0.95, max_tokens 32,768 "
        "(https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B); "
        "temperature 1.0 as given, the preset says 0.6; the card asks of the prompt: "
        + repr(presets.preset_named("r1-distill").instruction)
    ]
    data = {"model": {"id": "openai/gpt-oss-20b", "preset": "auto"}}
    presets.apply(data, say=said.append)
    assert "its reasoning effort is set by the chat template, not here" in said[1]


def test_data_without_a_preset_is_left_as_it_is():
    for data in ({}, {"model": {"id": "m"}}, {"model": {"id": "m", "preset": None}}):
        assert presets.apply(data, say=pytest.fail) == data


@pytest.mark.parametrize(
    "data",
    [
        {"model": "m"},
        {"model": {"id": "m", "preset": 3}},
        {"model": {"id": 3, "preset": "auto"}},
        {"model": {"preset": "auto"}},
        {"model": {"id": "m", "preset": "qwq"}, "sampling": [1]},
    ],
)
def test_data_of_the_wrong_types_is_left_to_the_specs_own_validation(data):
    assert presets.apply(data, say=pytest.fail) == data


def test_a_number_too_long_to_print_stops_no_sentence():
    data = {"model": {"id": "m", "preset": "qwq"}, "sampling": {"max_tokens": 1 << 90_000}}
    said = []
    presets.apply(data, say=said.append)
    assert "max_tokens far too large as given" in said[0]


@pytest.mark.parametrize(
    ("model_id", "preset", "refused"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", None, True),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwq", True),
        ("my-finetune", "r1-distill", True),
        ("my-finetune", "generation-config", False),
        ("my-finetune", "no-such-preset", False),
        ("Qwen/Qwen3-8B", None, False),
        ("embedded:student", None, False),
        ("GAIR/LIMO", "limo", False),
    ],
)
def test_a_system_prompt_is_refused_where_the_card_rules_it_out(here, model_id, preset, refused):
    presets.refuse_system_prompt(model_id, preset, None, False)
    presets.refuse_system_prompt(model_id, preset, "Think.", True)
    if not refused:
        presets.refuse_system_prompt(model_id, preset, "Think.", False)
        return
    with pytest.raises(SpecError, match=r"DeepSeek-R1-Distill .*https://huggingface") as caught:
        presets.refuse_system_prompt(model_id, preset, "Think.", False)
    assert "--force-system-prompt" in caught.value.hint


def flags(*args):
    """Return what ``gather`` makes of a command line with the run options."""
    caught = {}

    @click.command()
    @run_options
    def command(**given):
        caught.update(gather({k: v for k, v in given.items() if k not in ("out", "workers")}))

    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return caught


def test_a_flag_that_is_not_given_leaves_no_trace():
    assert flags() == {}


def test_every_new_flag_lands_in_its_field():
    given = flags(
        *["--preset", "qwq", "--system-prompt", "Think.", "--force-system-prompt"],
        *["--stop-after-successes", "2", "--ray", "auto", "--replicas", "4"],
    )
    spec = build_spec(RunSpec, "m", given | {"tasks": ("t",)})
    assert spec.model.preset == "qwq"
    assert spec.system_prompt == "Think."
    assert spec.force_system_prompt is True
    assert spec.stop_after_successes == 2
    assert (spec.engine.ray, spec.engine.replicas) == ("auto", 4)


FILE = """
public = ["t"]
force_system_prompt = true
[model]
id = "Qwen/QwQ-32B"
preset = "auto"
[sampling]
temperature = 1.0
seed = 3
"""


def test_a_flag_wins_over_the_file_and_both_over_the_preset(here, capsys):
    (here / "audit.toml").write_text(FILE)
    spec = build_spec(AuditSpec, "audit.toml", flags("--top-k", "30"))
    assert spec.model.preset == "qwq"
    assert spec.force_system_prompt is True
    assert (spec.sampling.temperature, spec.sampling.top_k) == (1.0, 30)
    assert (spec.sampling.top_p, spec.sampling.max_tokens, spec.sampling.seed) == (0.95, 32_768, 3)
    said = capsys.readouterr()
    assert said.out == ""
    assert re.match(r"preset qwq: top_p 0\.95, .*top_k 30 as given.*says 40\b", said.err)
    assert said.err.count("\n") == 1
    other = build_spec(AuditSpec, "audit.toml", flags("--preset", "r1-distill"))
    assert other.model.preset == "r1-distill"
    assert (other.sampling.temperature, other.sampling.top_k) == (1.0, 0)


def test_nothing_is_said_of_a_spec_that_is_refused(here, capsys):
    (here / "audit.toml").write_text(FILE + "nonsense = 1\n")
    with pytest.raises(SpecError, match="nonsense"):
        build_spec(AuditSpec, "audit.toml", {})
    assert capsys.readouterr().err == ""
