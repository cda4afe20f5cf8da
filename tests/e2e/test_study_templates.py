"""The templates for real models, on the shipped tiny ones: the same stages, arms and options."""

import contextlib
from pathlib import Path

import killed_run
import msgspec
import pytest
import tiny_study

from reasonbench.results.study import ArmWord
from reasonbench.specfile import load_toml
from reasonbench.specs import EngineSpec, ModelSpec, SamplingSpec, StudySpec
from reasonbench.study import running
from reasonbench.study.dryrun import cost

STUDIES = Path(__file__).resolve().parents[2] / "studies"
TEMPLATES = sorted(path.name for path in STUDIES.glob("qwen*.toml"))
replace = msgspec.structs.replace
BASE = ModelSpec(id="embedded:base")
ENGINE, SAMPLING = EngineSpec(name="transformers"), SamplingSpec(max_tokens=48)


def small(name):
    """Return a template with other models and tasks, and smaller numbers; all else is its own."""
    spec = load_toml(STUDIES / name, StudySpec)
    arms = tuple(
        arm
        if arm.wise is not None
        else replace(
            arm,
            learning_rates=arm.learning_rates[:2],
            view=replace(arm.view, clean_against=("countdown_probe", "countdown_tune")),
        )
        for arm in spec.arms
    )
    return replace(
        spec,
        teacher=BASE,
        student=BASE,
        trace_tasks=("countdown_train",),
        tasks=("countdown_probe",),
        limit=12,
        seeds=spec.seeds[:1],
        n=8,
        checkpoint_n=2,
        checkpoints=(1,),
        bank=replace(spec.bank, limit=60, sampling=SAMPLING, engine=ENGINE),
        hyper=replace(
            spec.hyper, steps=2, batch_size=8, warmup_steps=1, max_length=128, dtype="float32"
        ),
        sampling=SAMPLING,
        engine=ENGINE,
        select=replace(spec.select, k=8, low=0.05, high=0.95),
        tune=replace(spec.tune, tasks=("countdown_tune",), n=2, steps=1),
        arms=arms,
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_study_that_can_be_planned(tmp_path, name):
    found = cost(small(name), tmp_path / "study", workers=1)
    assert found.jobs_done == 0
    assert [arm.name for arm in found.arms]


@pytest.fixture(scope="module")
def run():
    """Run studies whose processes are forks of one."""
    with contextlib.closing(killed_run.Forked(tiny_study.__file__)) as run:
        yield run


@pytest.mark.parametrize("name", ["qwen2.5-1.5b-r1-1gpu.toml", "qwen2.5-7b-openr1-1gpu.toml"])
def test_a_template_runs_to_its_end_on_tiny_models(tmp_path, run, name):
    spec = small(name)
    (tmp_path / "spec.json").write_bytes(msgspec.json.encode(spec))
    assert run([str(tmp_path / "spec.json"), str(tmp_path / "study"), 1]) == 0
    report = running.read_report(tmp_path / "study" / "report.json")
    arms = {model.name: model for model in report.models if model.verdict is not None}
    assert set(arms) == {arm.name for arm in spec.arms}
    for arm in arms.values():
        assert arm.verdict.word is not ArmWord.FAILED, arm.verdict.sentence
        assert arm.curves[-1].n == spec.n
        assert sum(rate.chosen for rate in arm.tuned) == (arm.name != "wise")
