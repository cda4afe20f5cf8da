"""Jobs that sample one model, at all temperatures that it owes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from reasonbench.identity import digest
from reasonbench.results.study import StudyRole
from reasonbench.specs import ModelSpec, RunSpec, StudyArm
from reasonbench.study import plan, requests
from reasonbench.study.jobs import Job
from reasonbench.study.layout import MARKER, read_marker
from reasonbench.study.outcomes import SampledRun
from reasonbench.study.plan import Sampling
from reasonbench.study.state import Chosen, State, content


def sampling_job(
    state: State,
    name: str,
    label: str,
    runs: Sequence[tuple[Sampling, Path]],
    *,
    model: Callable[[], ModelSpec],
    identity: Callable[[], str],
    problems: Callable[[], Chosen],
    tasks: tuple[str, ...] | None = None,
    needs: tuple[Job, ...] = (),
    keep: bool = True,
) -> Job:
    """Return the job of one model's runs; it asks for those that are not done.

    Args:
        state: the study's.
        name: unique among its jobs.
        label: what a person calls it.
        runs: samplings and their run directories.
        model: what is sampled.
        identity: digest of what the model is made from.
        problems: which problems; a task that is missing is sampled whole.
        tasks: the study's own by default.
        needs: jobs that must be done before.
        keep: whether it counts among the study's samples.
    """
    asked = tasks or state.spec.tasks

    def take() -> None:
        state.runs.update(runs if keep else ())

    def prepare() -> requests.Request | None:
        owed: list[tuple[RunSpec, Path, str]] = []
        weights = model()
        for sampling, directory in runs:
            spec = state.run_spec(sampling, weights, asked)
            drawn = msgspec.structs.replace(spec, model=ModelSpec(id="."))
            key = digest("sample", identity(), drawn, problems(), content(asked))
            if read_marker(directory / MARKER, key, SampledRun) is None:
                owed.append((spec, directory, key))
        if not owed:
            take()
            return None
        return requests.Sample(
            runs=tuple(spec for spec, _, _ in owed),
            directories=tuple(requests.text(directory) for _, directory, _ in owed),
            problems=problems(),
            markers=tuple((requests.text(place / MARKER), key) for _, place, key in owed),
            command=state.command,
        )

    return Job(name, label, prepare, needs, lambda _: take())


def reference_job(state: State, role: StudyRole, choice: Job) -> Job:
    """Return the sampling of the base or the teacher."""
    model = plan.references(state.spec)[role]
    runs = [
        (sampling, state.layout.reference(role.value, sampling.temperature))
        for sampling in plan.reference_samplings(state.spec)
        if sampling.role is role
    ]
    return sampling_job(
        state,
        f"references/{role.value}",
        f"sampling the {role.value}",
        runs,
        model=lambda: model,
        identity=lambda: digest(model),
        problems=state.chosen,
        needs=(choice,),
    )


def student_jobs(state: State, arm: StudyArm, seed: int, needs: tuple[Job, ...]) -> list[Job]:
    """Return the samplings of one student, the last checkpoint first."""
    samplings = plan.arm_samplings(state.spec, arm, seed)
    jobs = [_student_job(state, arm, seed, step, samplings[step], needs) for step in samplings]
    return jobs[-1:] + jobs[:-1]


def _student_job(  # noqa: PLR0917
    state: State,
    arm: StudyArm,
    seed: int,
    step: int,
    samplings: Sequence[Sampling],
    needs: tuple[Job, ...],
) -> Job:
    source = arm if arm.wise is None else plan.wise_source(state.spec, arm)
    alpha = None if arm.wise is None else arm.wise.alpha

    def model() -> ModelSpec:
        if arm.wise is not None:
            return ModelSpec(id=requests.text(state.layout.wise(arm.name, seed)))
        return state.checkpoint(arm, seed, step)

    places = [
        (one, state.layout.samples(arm.name, seed, step, one.temperature)) for one in samplings
    ]
    return sampling_job(
        state,
        f"arms/{arm.name}/{seed}/samples/{step}",
        f"sampling {arm.name}, seed {seed}, step {step}",
        places,
        model=model,
        identity=lambda: digest(step, alpha, *state.training_inputs(source, seed)),
        problems=state.chosen,
        needs=needs,
    )
