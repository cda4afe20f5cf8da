"""A study: what every arm was trained on, how its students score, and what that means."""

import datetime
import enum

import msgspec

from reasonbench.records import Interval, Record
from reasonbench.specs import StudySpec

STUDY_SCHEMA = 1
"""Version of the JSON that a study leaves."""


class StudyRole(enum.StrEnum):
    """What a model of a study stands for."""

    BASE = "base"
    """The student's beginning."""
    TEACHER = "teacher"
    """Where the traces come from."""
    ARM = "arm"
    """A student."""


class StudyPoint(Record, frozen=True, kw_only=True):
    """A value at one k."""

    k: int
    """k of the metric."""
    value: float
    """The estimate."""
    interval: Interval | None = None
    """Over problems and seeds, at the study's level; None where one of them is too few."""


class StudyCurve(Record, frozen=True, kw_only=True):
    """pass@k of a model at one step and temperature."""

    temperature: float
    """Temperature that it was sampled at."""
    step: int | None
    """Optimizer step of the checkpoint; None for what is not trained."""
    n: int
    """Completions a problem and seed."""
    pass_at_k: tuple[StudyPoint, ...]
    """Mean over seeds and problems."""
    by_seed: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    """The same for each seed alone, in the order of ``pass_at_k``."""
    truncated: float = 0.0
    """Share of completions that the token limit cut off."""
    tokens: float = 0.0
    """Mean tokens of a completion."""


class StudyDiversity(Record, frozen=True, kw_only=True):
    """How different a model's correct completions are, at one temperature."""

    temperature: float
    """Temperature that they were drawn at."""
    distinct_correct: float | None
    """Mean number of different correct solutions a problem among ``rarefied`` correct
    completions, over the problems where every model has as many."""
    rarefied: int
    """Correct completions that each problem is rarefied to."""
    n_problems: int
    """Problems behind it."""
    distinct_solved: float | None
    """Mean number of different correct solutions a problem among all n completions; None where
    the grader tells none apart."""
    answer_entropy: float | None
    """Mean entropy in nats of the answers of a problem, right and wrong."""
    collision: float | None
    """Mean chance that two completions of a problem give the same answer."""
    unsolved: float
    """Share of problems without any correct completion."""
    spread: float | None
    """Variance over problems of the chance of a correct completion."""
    distinct_2: float | None = None
    """Secondary: different pairs of words as a share of all, in correct completions cut to
    one length."""
    self_bleu: float | None = None
    """Secondary: likeness of correct completions of a problem to each other."""


class StudyTraining(Record, frozen=True, kw_only=True):
    """One training: an arm with a seed."""

    seed: int
    """Its seed."""
    rows: int
    """Traces that it was trained on."""
    problems: int
    """Problems that these are of."""
    steps: int
    """Optimizer steps."""
    loss_tokens: int
    """Tokens that the loss was taken on, over all steps."""
    learning_rate: float
    """Its peak."""
    final_loss: float | None
    """Mean loss of the last logged steps."""
    seconds: float
    """Time that training took."""
    failed: str = ""
    """Why it came to nothing; empty where it did not."""


class TunedRate(Record, frozen=True, kw_only=True):
    """A trial of one learning rate."""

    learning_rate: float
    """The rate."""
    pass_at_1: StudyPoint | None
    """pass@1 on the tuning problems; None where the trial failed."""
    chosen: bool
    """Whether the arm was trained with it."""


class ArmWord(enum.StrEnum):
    """What an arm did to the student, against its beginning."""

    COLLAPSE = "collapse"
    """pass@1 up and pass@K down, both beyond chance."""
    EXPANSION = "expansion"
    """pass@K up beyond chance, and pass@1 not down."""
    DEGRADATION = "degradation"
    """pass@1 or pass@K down beyond chance, and the other not up."""
    INCONCLUSIVE = "inconclusive"
    """Neither: the intervals leave it open."""
    FAILED = "failed"
    """No seed was trained to its end."""


class ArmVerdict(Record, frozen=True, kw_only=True):
    """An arm against the student's beginning, at the first temperature."""

    word: ArmWord
    """The verdict."""
    sentence: str
    """It with the numbers that decided."""
    deltas: tuple[StudyPoint, ...] = ()
    """pass@k of the arm minus that of the beginning, paired by problem."""
    crossing: float | None = None
    """k*: first k at which the arm is no better; None: none within K."""
    crossing_interval: tuple[float | None, float | None] = (None, None)
    """Its bounds; None: above K."""
    temperature_dominated: bool = False
    """Whether the beginning at one temperature does as well at 1 and at K."""
    dominating_temperature: float | None = None
    """That temperature."""
    lost: int = 0
    """Problems that the beginning solved at least once and no seed ever."""
    gained: int = 0
    """Problems that some seed solved and the beginning never."""
    source: str = ""
    """Arm that this one is interpolated from; empty: it is trained."""
    regained: tuple[StudyPoint, ...] = ()
    """pass@1 and pass@K of an interpolation minus those of its source, paired by problem and
    seed."""


class StudyModel(Record, frozen=True, kw_only=True):
    """A reference or an arm."""

    name: str
    """``base``, ``teacher`` or the arm's name."""
    role: StudyRole
    """What it stands for."""
    recipe: str
    """One line: objective and traces, or the model's name."""
    curves: tuple[StudyCurve, ...] = ()
    """Every step and temperature that was sampled; the last step's first temperature is the
    one that counts."""
    diversity: tuple[StudyDiversity, ...] = ()
    """Of the last step, a temperature each."""
    trainings: tuple[StudyTraining, ...] = ()
    """One a seed; none for references and interpolations."""
    tuned: tuple[TunedRate, ...] = ()
    """Trials of learning rates."""
    verdict: ArmVerdict | None = None
    """None for references."""


class StudySelection(Record, frozen=True, kw_only=True):
    """Which problems were compared."""

    candidates: int
    """Problems of the tasks."""
    kept: int
    """Problems that were compared."""
    k: int | None = None
    """K of the pilot; None where all were kept."""
    pilot_all: float | None = None
    """Pilot's pass@K of all candidates."""
    pilot_kept: float | None = None
    """Pilot's pass@K of those kept."""
    too_easy: int = 0
    """Dropped from the easy end."""
    too_hard: int = 0
    """Dropped from the hard end."""


class StudyBank(Record, frozen=True, kw_only=True):
    """The traces behind all arms."""

    rows: int
    """Traces."""
    problems: int
    """Problems."""
    correct: int
    """Traces that the grader called correct."""
    digest: str
    """Of the bank's content."""
    by_temperature: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """Temperature -> traces and correct ones."""


class DoseClass(Record, frozen=True, kw_only=True):
    """One class of plants at one dose."""

    name: str
    """Class of the plants."""
    planted: int
    """Items planted in this way."""
    found: int
    """Those of them that the scan found in the training file."""
    inflation: StudyPoint | None
    """pass@1 on these items minus that of dose 0, paired by item."""


class DoseDetector(Record, frozen=True, kw_only=True):
    """What a detector on the model's side says of a dose."""

    name: str
    """The detector."""
    measure: str
    """What its value is."""
    planted: float | None
    """On planted items."""
    others: float | None
    """On the others."""
    difference: StudyPoint | None
    """Planted minus others."""
    flagged: bool
    """Whether the interval excludes none."""
    sentence: str = ""
    """What it says, or why it could not be asked."""


class StudyDose(Record, frozen=True, kw_only=True):
    """One dose of planted items."""

    dose: int
    """Copies of each planted item."""
    arm: str
    """Arm that was trained with it."""
    rows: int
    """Rows of the training file."""
    planted_rows: int
    """Rows of them that were planted."""
    planted: StudyPoint | None
    """Inflation on planted items: pass@1 minus that of dose 0, paired."""
    others: StudyPoint | None
    """The same on items that were not planted."""
    planted_at_k: tuple[StudyPoint, ...] = ()
    """The same at every k."""
    others_at_k: tuple[StudyPoint, ...] = ()
    """The same at every k."""
    classes: tuple[DoseClass, ...] = ()
    """By class of plants."""
    found: int = 0
    """Planted items that the scan found."""
    found_wrongly: int = 0
    """Items that were not planted and that it found all the same."""
    detectors: tuple[DoseDetector, ...] = ()
    """What detectors on the model's side see."""
    failed: str = ""
    """Why there is nothing; empty where there is."""


class StudyReport(Record, frozen=True, kw_only=True):
    """Everything that a study found."""

    schema_version: int
    """Version of this JSON."""
    spec: StudySpec
    """What was asked for."""
    command: tuple[str, ...]
    """Command line to repeat it."""
    versions: dict[str, str]
    """Libraries and their versions."""
    finished: datetime.date
    """Day on which its last stage ended."""
    selection: StudySelection
    """The problems."""
    bank: StudyBank
    """The traces."""
    models: tuple[StudyModel, ...]
    """Base, teacher, then the arms in the spec's order."""
    doses: tuple[StudyDose, ...] = ()
    """The dose-response, the smallest dose first."""
    notes: tuple[str, ...] = ()
    """What a reader must know: what failed, what was left out, limits."""
