"""Logs that lm-eval and inspect_ai themselves write, made here with models that are mocks."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reasonbench import stats
from reasonbench.importing import import_logs
from reasonbench.interchange.recognise import read_log
from reasonbench.records import FinishReason

ROOT = Path(__file__).resolve().parents[2]
OWN = sys.executable if importlib.util.find_spec("inspect_ai") else None
INSPECT = os.environ.get(
    "REASONBENCH_INSPECT_PYTHON", OWN or str(ROOT / ".venv-inspect" / "bin" / "python")
)

pytestmark = pytest.mark.slow

TASK = """
task: toy_sums
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: generate_until
doc_to_text: "Q: {{question}}\\nA:"
doc_to_target: "{{answer}}"
repeats: 5
generation_kwargs: {until: ["\\n\\n"], do_sample: true, temperature: 0.7, max_gen_toks: 64}
metric_list: [{metric: exact_match}]
filter_list:
  - name: strict
    filter: [{function: regex, regex_pattern: "boxed.(-?[0-9]+)"}, {function: take_first}]
  - name: voted
    filter:
      - {function: regex, regex_pattern: "boxed.(-?[0-9]+)"}
      - {function: majority_vote}
      - {function: take_first}
"""
LM_EVAL = """
import sys
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.__main__ import cli_evaluate
@register_model("mock")
class Mock(LM):
    def __init__(self, **_):
        super().__init__()
    @classmethod
    def create_from_arg_string(cls, *_, **__):
        return cls()
    def generate_until(self, requests, disable_tqdm=False):
        return ["so \\\\boxed{%d}" % (i * i % 7) for i, _ in enumerate(requests)]
    def loglikelihood(self, *_):
        raise NotImplementedError
    loglikelihood_rolling = loglikelihood
folder = sys.argv[1]
sys.argv = ["lm_eval", "run", "--model", "mock", "--include_path", folder, "--tasks", "toy_sums",
            "--output_path", folder + "/out", "--log_samples"]
cli_evaluate()
"""


def test_a_real_log_of_lm_eval_gives_pass_at_k_of_all_its_repeats(tmp_path):
    data = tmp_path / "sums.jsonl"
    rows = [{"question": f"{i} + 1?", "answer": str(i + 1)} for i in range(6)]
    data.write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "sums.yaml").write_text(TASK.replace("FILE", str(data)))
    ran = subprocess.run(
        [sys.executable, "-c", LM_EVAL, str(tmp_path)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache"),
             "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    (log,) = tmp_path.glob("out/*/samples_toy_sums_*.jsonl")
    report, result = import_logs([log], tmp_path / "run", workers=1)
    raw = {row["doc_id"]: row for row in map(json.loads, log.read_text().splitlines())}
    texts = {d: [t for group in row["resps"] for t in group] for d, row in raw.items()}
    c = [sum(f"{{{raw[d]['target']}}}" in t for t in texts[d]) for d in range(6)]
    assert [len(t) for t in texts.values()] == [5] * 6 and 0 < sum(c) < 30
    (task,) = result.tasks
    assert task.spec.name == "toy_sums" and [p.c for p in task.problems] == c
    direct = stats.benchmark_pass_at_k([5] * 6, c, [1, 2, 4]).estimate
    assert [e.value for e in task.estimates] == pytest.approx(direct, abs=1e-12)
    assert result.engine.versions["lm-eval"].startswith("0.4.")
    assert result.sampling.temperature == 0.7 and result.sampling.max_tokens == 64
    # lm-eval scored the first repeat alone; we agree with it there.
    assert (report.tasks[0].n_compared, report.tasks[0].n_agree) == (6, 6)
    assert "filters" in " ".join(report.sources[0].missing)


INSPECT_AI = """
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ContentReasoning, ContentText, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
def outputs():
    for i in range(10**6):
        said = "so \\\\boxed{%d}" % (i * i % 5)
        ended = "max_tokens" if i % 6 == 5 else "stop"
        made = ModelOutput.from_content("mockllm/model", said, ended)
        if i % 2:
            thought = ContentReasoning(reasoning="thought %d" % i)
            made.choices[0].message.content = [thought, ContentText(text=said)]
        made.usage = ModelUsage(input_tokens=5, output_tokens=i + 1, total_tokens=i + 6)
        yield made
data = [Sample(id=i or "first", input="%d + 1?" % i, target="{%d}" % (i + 1)) for i in range(4)]
task = Task(name="sums", dataset=data, solver=generate(), scorer=includes(), epochs=3)
for form in ("eval", "json"):
    eval(task, model=get_model("mockllm/model", custom_outputs=outputs()), temperature=0.7,
         max_tokens=99, log_dir=sys.argv[1], log_format=form, display="none", max_connections=1)
"""


@pytest.mark.skipif(
    not Path(INSPECT).is_file(),
    reason="NOT RUN: inspect-ai is in no environment here; make test builds .venv-inspect",
)
def test_real_logs_of_inspect_give_what_inspect_itself_says(tmp_path):
    ran = subprocess.run(
        [INSPECT, "-c", INSPECT_AI, str(tmp_path / "logs")],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    plain, packed = sorted((tmp_path / "logs").iterdir(), key=lambda p: p.suffix, reverse=True)
    said = json.loads(plain.read_text())
    by_problem = {}
    for sample in said["samples"]:
        score = sample["scores"]["includes"]["value"] == "C"
        by_problem.setdefault(str(sample["id"]), {})[sample["epoch"]] = score
    for path, name in ((plain, "a"), (packed, "b")):
        _, result = import_logs([path], tmp_path / name, workers=1)
        (task,) = result.tasks
        assert (task.spec.name, task.n, result.engine.model) == ("sums", 3, "mockllm/model")
        assert {p.problem_id for p in task.problems} == set(by_problem)
        assert result.sampling.temperature == 0.7 and result.sampling.max_tokens == 99
        log = read_log(path)
        assert log.finish_reason_available
        (missing,) = log.missing
        assert missing.startswith("sampling not told by the log")
        assert " temperature" not in missing and "max_tokens" not in missing
    packed_log = read_log(packed)
    for item in packed_log.items:
        mine = {s.repeat: s.score == 1 for s in item.samples}
        assert mine == by_problem[item.id]
    samples = packed_log.samples
    assert {s.finish_reason for s in samples} == {FinishReason.STOP, FinishReason.LENGTH}
    assert sum(s.text.startswith("<think>\nthought ") for s in samples) == 6
    assert sorted(s.n_tokens for s in samples) == list(range(1, 13))


@pytest.mark.skipif(not Path(INSPECT).is_file(), reason="NOT RUN: as above")
def test_the_logs_that_the_other_tests_write_are_logs_to_inspect(tmp_path):
    import foreign_logs as logs

    code = (
        "import sys; from inspect_ai.log import read_eval_log\n"
        "log = read_eval_log(sys.argv[1])\n"
        "print(len(log.samples), log.samples[0].scores['match'].value, log.version)"
    )
    for make in (logs.inspect_zstd, logs.inspect_deflated):
        ran = subprocess.run(
            [INSPECT, "-c", code, str(make(tmp_path))],
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.stdout.split() == ["12", "C", "2"], ran.stderr[-2000:]
