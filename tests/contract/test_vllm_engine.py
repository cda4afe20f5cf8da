"""What only the vLLM engine must do: its groups, its refusals, its processes."""

import os
import subprocess
import sys
import textwrap

import psutil
import pytest
import tiny_llama
from real_vllm import vllm_engine

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.records import Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

pytestmark = pytest.mark.vllm

OWNER = textwrap.dedent(
    """
    import sys

    if __name__ == "__main__":
        from reasonbench.engines.vllm import VllmEngine
        from reasonbench.records import Prompt, SampleRequest
        from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec

        engine = VllmEngine(ModelSpec(id=sys.argv[1]), EngineSpec(batch_size=8))
        asked = SampleRequest(
            key="k", prompt=Prompt(problem_id="p", task="t", text="Hi"), sample_index=0, seed=1
        )
        (completion,) = engine.sample([asked], SamplingSpec(max_tokens=4))
        print("drawn", flush=True)
        sys.stdin.readline()
        raise RuntimeError("on purpose")
    """
)


@pytest.fixture(scope="module")
def engine_module():
    return vllm_engine()


def request(seed, problem="p"):
    asked = Prompt(problem_id=problem, task="t", text=problem)
    return SampleRequest(key=f"{problem}{seed}", prompt=asked, sample_index=0, seed=seed)


def test_consecutive_seeds_of_one_prompt_are_one_group(engine_module):
    asked = [request(s) for s in (5, 6, 7, 9)] + [request(s, "q") for s in (10, 11)]
    groups = [[r.seed for r in g] for g in engine_module.grouped(iter(asked), 64)]
    assert groups == [[5, 6, 7], [9], [10, 11]]
    groups = [[r.seed for r in g] for g in engine_module.grouped(iter(asked), 2)]
    assert groups == [[5, 6], [7], [9], [10, 11]]


def test_every_sampling_field_is_sent(engine_module):
    sampling = SamplingSpec(
        temperature=0.7,
        top_p=0.9,
        top_k=20,
        min_p=0.1,
        max_tokens=9,
        stop=("x",),
        presence_penalty=0.5,
        repetition_penalty=1.2,
    )
    sent = engine_module.parameters(sampling, [request(5), request(6)], (1, 2))
    for name in set(SamplingSpec.__struct_fields__) - {"stop", "seed"}:
        assert getattr(sent, name) == getattr(sampling, name)
    assert (sent.n, sent.seed, sent.stop, sent.stop_token_ids) == (2, 5, ["x"], [1, 2])


def test_what_vllm_would_change_or_refuse_is_refused_first(engine_module):
    for temperature in (0.001, 2.5):
        with pytest.raises(SpecError, match="vLLM samples at temperature"):
            engine_module.refuse_temperature(SamplingSpec(temperature=temperature))
    for temperature in (0, 0.01, 1, 2):
        engine_module.refuse_temperature(SamplingSpec(temperature=temperature))


def test_unknown_and_reserved_arguments_are_refused(engine_module):
    with pytest.raises(UnknownNameError, match="max_model_length") as caught:
        engine_module.parse_arguments(EngineSpec(args={"max_model_length": 5}))
    assert "max_model_len" in caught.value.hint
    with pytest.raises(SpecError, match=r"engine\.args\.dtype cannot be set"):
        engine_module.parse_arguments(EngineSpec(args={"dtype": "float16"}))
    with pytest.raises(UnknownNameError, match="float64"):
        engine_module.VllmEngine(ModelSpec(id="x"), EngineSpec(dtype="float64"))


def test_arguments_are_read_by_vllms_own_parser(engine_module):
    given = {"tensor_parallel_size": 2, "enforce_eager": False, "max_model_len": "1k"}
    read = engine_module.parse_arguments(EngineSpec(args={**given, "hf_overrides": {"a": 1}}))
    assert read == {**given, "max_model_len": 1000, "hf_overrides": {"a": 1}}
    for wrong in ({"tensor_parallel_size": "two"}, {"enforce_eager": "yes"}, {"max_model_len": []}):
        (name,) = wrong
        with pytest.raises(SpecError, match=name.replace("_", "-")):
            engine_module.VllmEngine(ModelSpec(id="x"), EngineSpec(args=wrong))


@pytest.mark.slow
def test_no_process_outlives_an_owner_that_failed_and_nothing_is_printed(engine_module, tmp_path):
    """A killed owner's are looked for in tests/e2e/test_kill.py."""
    folder = tiny_llama.build(tmp_path / "tiny")
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
    ) as owner:
        assert owner.stdout.readline() == "drawn\n"
        below = psutil.Process(owner.pid).children(recursive=True)
        assert len(below) >= 2
        stdout, stderr = owner.communicate("go on\n", timeout=60)
        assert stdout == ""
        assert stderr.rstrip().endswith("RuntimeError: on purpose")
    _, alive = psutil.wait_procs(below, timeout=30)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
