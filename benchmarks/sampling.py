"""Sampling with every sample committed and graded, against raw vLLM, lm-eval, and memory.

    python benchmarks/sampling.py [raw] [lm-eval] [memory] [--model FOLDER] [--dtype bfloat16]
                                  [--batch 256] [--max-tokens 64] [--rounds 3]

``raw``: reasonbench over a loaded vLLM engine (plan, sampling, commits, grades, estimates)
against `LLM.generate` with `n` on the same prompts, by turns, in one process; the limit is
1.10 times.  ``lm-eval``: `reasonbench run` against `lm_eval run` with `repeats`, each a whole
process that loads the model; the aim is 1.2 times faster.  ``memory``: peak memory of a run of
10,000 completions of 4 KB against one of 100; the limit is 100 MB.  ``--model`` and what follows
it are for ``raw``, which runs on a GPU too: there vLLM has its own defaults.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reasonbench.resources import data_dir, embedded_model

MODEL, TASK = "student", "countdown_public"
PROBLEMS, N, MAX_TOKENS = 50, 64, 64
BATCH = 256
MEMORY = 4096
KV_CACHE = {"VLLM_CPU_KVCACHE_SPACE": "2"}


def spec(seed=0, **changes):
    from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec

    return RunSpec(
        tasks=(TASK,),
        **{
            "model": ModelSpec(id=f"embedded:{MODEL}"),
            "n": N,
            "limit": PROBLEMS,
            "engine": EngineSpec(name="vllm", batch_size=BATCH),
            "sampling": SamplingSpec(max_tokens=MAX_TOKENS, seed=seed),
        }
        | changes,
    )


def against_raw(folder, given):
    """Print the time of both on the same draws, and their ratio."""
    from vllm import LLM, SamplingParams
    from vllm.platforms import current_platform

    from reasonbench import run
    from reasonbench.engines import vllm as ours
    from reasonbench.planning import plan_run
    from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec
    from reasonbench.store import Store

    on_cpu = {
        "enforce_eager": True, "enable_chunked_prefill": False, "max_num_batched_tokens": 4096,
        "kv_cache_memory_bytes": 2 * 1024**3,
    }  # fmt: skip
    raw = LLM(
        given.model, dtype=given.dtype, max_num_seqs=given.batch, generation_config="vllm",
        disable_log_stats=True, **(on_cpu if current_platform.is_cpu() else {}),
    )  # fmt: skip
    # Two vLLM engines do not start on one machine: both sides draw with the same one.
    ours._start = lambda *_: raw.llm_engine

    def asked_for(seed):
        return spec(
            model=ModelSpec(id=given.model),
            engine=EngineSpec(name="vllm", batch_size=given.batch, dtype=given.dtype),
            sampling=SamplingSpec(max_tokens=given.max_tokens, seed=seed),
        )

    engine = ours.VllmEngine(asked_for(0).model, asked_for(0).engine)
    run.open_engine = lambda _: contextlib.nullcontext(engine)
    times = {"reasonbench": [], "raw": []}
    for seed in range(given.rounds + 1):  # the first warms both up
        asked = plan_run(asked_for(seed), [run.load_task(TASK)], engine).asked
        prompts = [{"prompt_token_ids": list(engine._renderer.encode(a.prompt).ids)} for a in asked]
        ends = list(engine._renderer.end_ids)
        params = [
            SamplingParams(
                n=N, seed=a.seed, temperature=1.0, max_tokens=given.max_tokens, stop_token_ids=ends
            )
            for a in asked
        ]
        start = time.perf_counter()
        outputs = raw.generate(prompts, params, use_tqdm=False)
        times["raw"].append(time.perf_counter() - start)
        out = folder / f"seed{seed}"
        start = time.perf_counter()
        result = run.execute(asked_for(seed), out)
        times["reasonbench"].append(time.perf_counter() - start)
        with Store.read(out) as store:
            counts = [c.n_tokens for _, c in store.completions(result.plan)]
        theirs = [len(c.token_ids) for output in outputs for c in output.outputs]
        seconds = f"{times['reasonbench'][-1]:.1f} s and {times['raw'][-1]:.1f} s"
        tokens = f"{sum(counts)} and {sum(theirs)} tokens"
        print(f"  seed {seed}: {len(counts)} samples, {tokens}, {seconds}", flush=True)
        assert len(counts) == len(theirs) == PROBLEMS * N
    engine.close()
    mine, theirs = (statistics.median(t[1:]) for t in times.values())
    print(f"raw: {mine:.1f} s with commits and grades, {theirs:.1f} s raw LLM.generate: "
          f"{mine / theirs:.2f} times (limit 1.10)")  # fmt: skip


def timed(command, **more):
    start = time.perf_counter()
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False,
        env={**os.environ, **KV_CACHE, **more},
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-4000:])
    return time.perf_counter() - start, done


def against_lm_eval(folder, _given):
    """Print the time of two whole processes, and their ratio."""
    shim = folder / "site" / "vllm-0.32.0.dist-info"  # lm-eval looks for the name of the GPU build
    shim.mkdir(parents=True)
    (shim / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n")
    tasks = folder / "tasks"
    shutil.copytree(data_dir("tasks") / TASK, tasks / TASK)
    yaml = tasks / TASK / f"{TASK}.yaml"
    text = yaml.read_text().replace("max_gen_toks: 1024", f"max_gen_toks: {MAX_TOKENS}")
    yaml.write_text(text.replace("do_sample: false", "do_sample: true\n  temperature: 1.0")
                    + f"repeats: {N}\n")  # fmt: skip
    theirs, _ = timed([
        sys.executable, "-m", "lm_eval", "run", "--model", "vllm", "--model_args",
        f"pretrained={embedded_model(MODEL)},dtype=float32,enforce_eager=True,"
        f"gpu_memory_utilization=0.3,max_model_len=2048,max_num_seqs={BATCH},seed=0",
        "--tasks", TASK, "--include_path", tasks, "--limit", PROBLEMS, "--batch_size", "auto",
        "--apply_chat_template", "--output_path", folder / "lm", "--log_samples",
    ], PYTHONPATH=str(shim.parent))  # fmt: skip
    (log,) = (folder / "lm").rglob("samples_*.jsonl")
    counts = {len(json.loads(line)["resps"][0]) for line in log.open()}
    ours, done = timed([
        sys.executable, "-m", "reasonbench", "run", f"embedded:{MODEL}", "--task", TASK,
        "--limit", PROBLEMS, "-n", N, "--engine", "vllm", "--batch-size", BATCH,
        "--max-tokens", MAX_TOKENS, "--out", folder / "whole", "--format", "json",
    ])  # fmt: skip
    (task,) = json.loads(done.stdout)["tasks"]
    assert counts == {p["n"] for p in task["problems"]} == {N}
    print(f"lm-eval: {theirs:.0f} s, reasonbench {ours:.0f} s as whole processes: "
          f"{theirs / ours:.2f} times faster (aim 1.2)")  # fmt: skip


class Talker:
    """An engine that answers with 4 KB at once."""

    context_length = 8192

    def __init__(self):
        from reasonbench.records import EngineIdentity

        self.identity = EngineIdentity(
            engine="talker", model="m", revision=None, weights_digest="w", dtype="d", versions={}
        )

    def check(self, prompts, sampling):
        """Take anything."""

    def sample(self, requests, sampling):
        """Yield one completion a request, at once."""
        from reasonbench.records import Completion, FinishReason

        for request in requests:
            words = random.Random(request.seed).randbytes(MEMORY // 2).hex()
            yield Completion(
                key=request.key, task=request.prompt.task, problem_id=request.prompt.problem_id,
                sample_index=request.sample_index, text=f"{words}\n\\boxed{{1 + 2}}",
                finish_reason=FinishReason.STOP, n_prompt_tokens=1, n_tokens=1,
                seed=request.seed, engine=self.identity.digest(),
            )  # fmt: skip


def peak(count, folder):
    """Run ``count`` completions in this process; return its peak memory in MB."""
    from reasonbench import run
    from reasonbench.specs import EngineSpec, SamplingSpec

    run.open_engine = lambda _: contextlib.nullcontext(Talker())
    run.execute(
        spec(engine=EngineSpec(), sampling=SamplingSpec(max_tokens=10), n=count // 50, limit=50),
        folder,
    )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(folder, _given):
    """Print the peaks of a small and a large run, each in a process of its own."""
    peaks = []
    for count in (100, 10_000):
        command = [sys.executable, __file__, "peak", count, folder / str(count)]
        peaks.append(float(timed(command)[1].stdout))
    print(f"memory: {peaks[1]:.0f} MB for 10,000 completions, {peaks[0]:.0f} MB for 100: "
          f"{peaks[1] - peaks[0]:+.0f} MB (limit 100)")  # fmt: skip


def main():
    if sys.argv[1:2] == ["peak"]:
        print(peak(int(sys.argv[2]), Path(sys.argv[3])))
        return
    os.environ.update(KV_CACHE)
    parts = {"memory": memory, "raw": against_raw, "lm-eval": against_lm_eval}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    parser.add_argument("--model", default=str(embedded_model(MODEL)), help="folder")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--batch", type=int, default=BATCH, help="completions in flight")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for name in given.parts or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder), given)


if __name__ == "__main__":
    main()
