"""lm-eval's own command line runs our tasks, sends our prompts and reaches our verdicts.

Also for one of lm-eval's own tasks, gsm8k with its five examples, whose data set is put
where the Hugging Face cache keeps downloads: nothing is patched and nothing downloaded.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reasonbench import plugins, resources
from reasonbench.records import Completion, FinishReason, Verdict
from reasonbench.tasks import resolve

datasets = pytest.importorskip("datasets")
transformers = pytest.importorskip("transformers")

LIMIT = 3
NAMES = ["countdown_public", "countdown_heldout", "math_jsonl", "gsm8k"]
TASKS = Path(__file__).parents[2] / "tasks"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The shipped teacher, or where it is not there a random model with its tokenizer."""
    teacher = resources.embedded_model("teacher")
    if (teacher / "config.json").is_file():
        return teacher
    from reasonbench.embedded.world import build_tokenizer

    folder = tmp_path_factory.mktemp("model")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A Hugging Face data set cache that holds a small openai/gsm8k."""
    root = tmp_path_factory.mktemp("hf_datasets")
    folder = root / "openai___gsm8k" / "main" / "0.0.0" / ("0" * 40)
    folder.mkdir(parents=True)
    splits, features = {}, None
    for split, start in (("train", 10), ("test", 0)):
        rows = [
            {
                "question": f"{split}: {i} eggs and {i} more?",
                "answer": f"{i}+{i}={2 * i}\n#### {2 * i}",
            }
            for i in range(start, start + 8)
        ]
        table = datasets.Dataset.from_list(rows)
        features = table.features
        path = folder / f"gsm8k-{split}.arrow"
        with datasets.arrow_writer.ArrowWriter(path=str(path), features=features) as writer:
            writer.write_table(table.data.table)
            writer.finalize()
        splits[split] = datasets.SplitInfo(split, num_examples=8, dataset_name="gsm8k")
    info = datasets.DatasetInfo(
        features=features,
        splits=datasets.splits.SplitDict(splits, dataset_name="gsm8k"),
        config_name="main",
        dataset_name="gsm8k",
        builder_name="parquet",
        version="0.0.0",
    )
    info.write_to_directory(str(folder))
    return root


@pytest.fixture(scope="module")
def sums(tmp_path_factory):
    """A file of math problems."""
    path = tmp_path_factory.mktemp("sums") / "sums.jsonl"
    rows = [{"question": f"{i} + {{1}}?", "answer": f"so\n#### {i + 1}"} for i in range(5)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def included(tmp_path_factory):
    """Our tasks of these names but for gsm8k: of that lm-eval's own is meant."""
    folder = tmp_path_factory.mktemp("tasks")
    for name in NAMES[:3]:
        shutil.copytree(TASKS / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def logged(model, cache, sums, included, tmp_path_factory):
    """The samples that ``lm_eval run`` logged, by task."""
    out = tmp_path_factory.mktemp("lm_eval")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "hf"),
            *("--model_args", f"pretrained={model},dtype=float32", "--device", "cpu"),
            *("--include_path", str(included), "--tasks", ",".join(NAMES)),
            *("--metadata", json.dumps({"path": str(sums)})),
            *("--apply_chat_template", "--limit", str(LIMIT), "--log_samples"),
            *("--output_path", str(out), "--gen_kwargs", "max_gen_toks=200"),
        ],
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_CACHE": str(cache),
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    samples = {}
    for name in NAMES:
        (file,) = out.glob(f"*/samples_{name}_*.jsonl")
        with file.open(encoding="utf-8") as lines:
            samples[name] = [json.loads(line) for line in lines]
    return samples


@pytest.fixture
def load(cache, sums, monkeypatch):
    """Return a function that loads a task as reasonbench does."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(cache))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    references = {"gsm8k": "lm_eval:gsm8k", "math_jsonl": str(sums)}
    return lambda name: resolve(references.get(name, name))


@pytest.mark.parametrize("name", NAMES)
def test_lm_eval_sends_the_prompts_that_we_send(name, logged, load, model):
    task = load(name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    sent = {s["doc_id"]: s["arguments"]["gen_args_0"]["arg_0"] for s in logged[name]}
    assert sorted(sent) == list(range(LIMIT))
    for doc_id, problem in enumerate(itertools.islice(task.problems(), LIMIT)):
        messages = [{"role": m.role, "content": m.content} for m in task.prompt(problem).messages]
        ours = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert ours == sent[doc_id]
    assert len(messages) == (11 if name == "gsm8k" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_lm_evals_score_of_its_own_samples_is_our_verdict(name, logged, load):
    task = load(name)
    grader = plugins.GRADERS.load(task.spec.grader)
    problems = list(task.problems())
    scored = [s for s in logged[name] if s["filter"] in ("none", "flexible-extract")]
    assert len(scored) == LIMIT
    for sample in scored:
        problem = problems[sample["doc_id"]]
        right = f"<think>so</think>\\boxed{{{problem.target}}}"
        for text in (sample["resps"][0][0], right):
            grade = grader.grade(problem, _completion(problem, text))
            score = sample["acc"] if "acc" in sample else sample["exact_match"]
            expected = score if text != right else 1
            assert (grade.verdict is Verdict.CORRECT) == (expected == 1), (text, grade)


def _completion(problem, text):
    return Completion(
        key="k",
        task=problem.task,
        problem_id=problem.id,
        sample_index=0,
        text=text,
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="e",
    )
