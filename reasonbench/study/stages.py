r"""The stages of a study as jobs that need each other.

bank -----------+-----------> trials -> trainings -> interpolations
pilot -> choice +-> doses ->               \------------> samples
                +-> references

A job whose marker carries the digest of its inputs is done.  The digest of a training covers the
bank's content and everything that is trained with; that of a sampling covers the model, how it is
drawn from, and the problems.
"""

from dataclasses import dataclass, field

from reasonbench.identity import digest
from reasonbench.results.study import StudyRole
from reasonbench.specs import StudyArm
from reasonbench.study import plan, requests, selection
from reasonbench.study.jobs import Job
from reasonbench.study.layout import MARKER, read_marker, write_marker
from reasonbench.study.measure import measure
from reasonbench.study.outcomes import Trained
from reasonbench.study.plan import Sampling
from reasonbench.study.sampled import reference_job, sampling_job, student_jobs
from reasonbench.study.state import State, Student, content, marked_job
from reasonbench.study.trials import rate_job, trials
from reasonbench.training.traces import BankSummary


@dataclass(slots=True)
class Stages:
    """All jobs of a study."""

    first: list[Job]
    """Without one of them there is no study: the bank, the problems, the base."""
    teacher: list[Job]
    """The sampling of the teacher; none where it is the base."""
    tuning: list[Job] = field(default_factory=list)
    """Trials, and what is chosen by them."""
    students: dict[Student, Job] = field(default_factory=dict)
    """The training, or the interpolation, of every student."""
    samples: dict[Student, list[Job]] = field(default_factory=dict)
    """Its samplings."""
    doses: list[Job] = field(default_factory=list)
    """The planting."""

    def jobs(self) -> list[Job]:
        """Return them in the order in which they are begun where they are ready."""
        samples = [job for jobs in self.samples.values() for job in jobs]
        students = list(self.students.values())
        return [*self.first, *self.doses, *self.tuning, *students, *samples, *self.teacher]

    def failure(self, student: Student) -> str:
        """Return why a student came to nothing; empty if it did not."""
        jobs = (self.students[student], *self.samples[student])
        return next((job.why for job in jobs if job.why), "")


def stages(state: State) -> Stages:
    """Return the jobs of a study."""
    spec = state.spec
    bank, choice = _bank_job(state), _choice_jobs(state)
    found = Stages(
        first=[bank, *choice, reference_job(state, StudyRole.BASE, choice[-1])],
        teacher=[
            reference_job(state, role, choice[-1])
            for role in plan.references(spec)
            if role is not StudyRole.BASE
        ],
        doses=_dose_jobs(state, bank, choice[-1]),
    )
    for arm in plan.trained_arms(spec):
        needs = (bank, *found.doses)
        if tried := trials(state, arm, (bank,)):
            choose = rate_job(state, arm, tried)
            found.tuning += [*(t.train for t in tried), *(t.sample for t in tried), choose]
            needs += (choose,)
        for seed in spec.seeds:
            found.students[arm.name, seed] = _training_job(state, arm, seed, needs)
    for arm in plan.wise_arms(spec):
        for seed in spec.seeds:
            source = found.students[plan.wise_source(spec, arm).name, seed]
            found.students[arm.name, seed] = _wise_job(state, arm, seed, source)
    for arm in (*plan.trained_arms(spec), *plan.wise_arms(spec)):
        for seed in spec.seeds:
            needs = (found.students[arm.name, seed], choice[-1])
            found.samples[arm.name, seed] = student_jobs(state, arm, seed, needs)
    return found


def _bank_job(state: State) -> Job:
    spec, path = state.spec, state.layout.bank

    def take(summary: BankSummary) -> None:
        state.bank = summary
        state.say(
            f"bank: {summary.rows:,} traces of {summary.problems:,} problems, "
            f"{summary.correct:,} of them correct"
        )

    return marked_job(
        state,
        "bank",
        "the bank",
        marker=path.with_name(MARKER),
        kind=BankSummary,
        inputs=lambda: (spec.teacher, spec.trace_tasks, content(spec.trace_tasks), spec.bank),
        request=lambda: requests.MakeBank(
            teacher=spec.teacher,
            tasks=spec.trace_tasks,
            policy=spec.bank,
            path=requests.text(path),
        ),
        take=take,
    )


def _choice_jobs(state: State) -> list[Job]:
    """Return the pilot, where there is one, and the choice of problems that follows."""
    spec, select = state.spec, state.spec.select
    if select is None:

        def keep() -> None:
            state.selected = selection.keep_all(state.candidates)

        return [Job("choice", "the choice of problems", keep)]
    sampling = Sampling("pilot", StudyRole.BASE, None, None, spec.temperatures[0], select.k)
    pilot = sampling_job(
        state,
        "pilot",
        "the pilot",
        [(sampling, state.layout.pilot)],
        model=lambda: spec.student,
        identity=lambda: digest(spec.student),
        problems=lambda: state.candidates,
        keep=False,
    )

    def choose() -> None:
        rows = measure(state.layout.pilot)
        identity = digest(select, [(row.task, row.problem_id, row.c) for row in rows])
        found = read_marker(state.layout.selection, identity, selection.Selected)
        if found is None:
            found = selection.choose(rows, select)
            write_marker(state.layout.selection, identity, found)
        state.selected = found
        said = found.selection
        state.say(
            f"problems: {said.kept} of {said.candidates} are compared; the pilot's "
            f"pass@{said.k} is {said.pilot_kept:.3f} on them, {said.pilot_all:.3f} on all"
        )

    return [pilot, Job("choice", "the choice of problems", choose, (pilot,))]


def _dose_jobs(state: State, bank: Job, choice: Job) -> list[Job]:
    spec = state.spec
    if spec.leak is None:
        return []
    job = marked_job(
        state,
        "doses",
        "planting the doses",
        marker=state.layout.root / "leak" / MARKER,
        kind=dict[str, str],
        inputs=lambda: (
            spec.leak,
            spec.arms[:1],
            spec.teacher,
            spec.engine,
            spec.sampling,
            state.bank_digest(),
            state.chosen_digest(),
        ),
        request=lambda: requests.PlanDoses(
            spec=spec,
            directory=requests.text(state.layout.root),
            bank=requests.text(state.layout.bank),
            problems=state.chosen(),
        ),
        take=lambda names: state.doses.update(
            {arm: requests.text(state.layout.root / "leak" / name) for arm, name in names.items()}
        ),
        needs=(bank, choice),
    )
    return [job]


def _training_job(state: State, arm: StudyArm, seed: int, needs: tuple[Job, ...]) -> Job:
    directory = state.layout.train(arm.name, seed)

    def take(found: Trained) -> None:
        state.trained[arm.name, seed] = found

    return marked_job(
        state,
        f"arms/{arm.name}/{seed}/train",
        f"training {arm.name}, seed {seed}",
        marker=directory / MARKER,
        kind=Trained,
        inputs=lambda: state.training_inputs(arm, seed),
        request=lambda: requests.Train(
            spec=state.training(arm, seed),
            traces=state.traces(arm),
            directory=requests.text(directory),
        ),
        take=take,
        needs=needs,
    )


def _wise_job(state: State, arm: StudyArm, seed: int, source: Job) -> Job:
    trained, mix = plan.wise_source(state.spec, arm), arm.wise
    assert mix is not None
    last = plan.steps_of(state.spec, trained)[-1]
    alpha, out = mix.alpha, requests.text(state.layout.wise(arm.name, seed))
    return marked_job(
        state,
        f"arms/{arm.name}/{seed}/wise",
        f"interpolating {arm.name}, seed {seed}",
        marker=state.layout.arm(arm.name, seed) / MARKER,
        kind=str,
        inputs=lambda: (alpha, *state.training_inputs(trained, seed)),
        request=lambda: requests.Interpolate(
            beginning=state.spec.student,
            end=state.checkpoint(trained, seed, last).id,
            alpha=alpha,
            out=out,
        ),
        take=lambda _: None,
        needs=(source,),
    )
