"""What every arm was trained on, which problems were compared, how it was counted, and limits."""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from reasonbench.protocols import Block
from reasonbench.report.blocks import Bullets, Details, Heading, Paragraph, Table, Verbatim
from reasonbench.report.study_charts import number
from reasonbench.report.study_view import arms_of, largest_k, value_of
from reasonbench.report.text import interval, level_name, percent
from reasonbench.results.study import ArmWord, StudyModel, StudyReport, StudyTraining

FORMULAE = (
    "pass@k of a problem with c correct of n completions: 1 - C(n-c, k) / C(n, k), the unbiased "
    "estimate of Chen et al. (2021); a model's is the mean over problems and seeds.",
    "Differences are paired: an arm's pass@k less the base's on the same problem, then the mean. "
    "Intervals take in the choice of problems and, for arms, that of seeds; what seeds do is "
    "pooled over the arms, each of which has few.",
    "Collapse: pass@1 up and pass@K down. Expansion: pass@K up and pass@1 not down. Degradation: "
    "one of them down and the other not up. Each means beyond chance, by the interval. "
    "Inconclusive: none of these. Failed: no seed was trained to its end.",
    "k*: the first k at which the arm is no better than the base; 1 where it is no better at the "
    "first try, none where it is better at every k up to K.",
    "Temperature-dominated: at one temperature that it was sampled at, the base does at least as "
    "well as the arm at k = 1 and at k = K. Such an arm's gain is had without training.",
    "Different correct solutions are told apart by what the task's grader keeps of a solution, and "
    "are rarefied: counted among as many correct completions for every model.",
    "WiSE-FT: weights between the student's beginning and an arm's end, (1 - alpha) of the one and "
    "alpha of the other.",
)
SOURCES = (
    "pass@k: Chen et al., Evaluating Large Language Models Trained on Code, arXiv 2107.03374",
    "WiSE-FT: Wortsman et al., arXiv 2109.01903; for the diversity of reasoners Dang et al., "
    "arXiv 2504.10478",
    "GEM: arXiv 2408.16673",
    "Prefix source by direction of the divergence: arXiv 2605.16826",
    "Where output diversity collapses: arXiv 2604.16027",
)
RATES = ("arm", "learning rate", "pass@1 on the tuning problems", "interval", "chosen")


def trainings(report: StudyReport) -> list[Block]:
    """Return every training, those that failed as well, and how learning rates were chosen."""
    rows = tuple(_training(arm, t) for arm in arms_of(report) for t in arm.trainings)
    if not rows:
        return []
    header = ("arm", "seed", "state", "rows", "problems", "steps", "loss tokens", "learning rate",
              "last loss", "seconds")  # fmt: skip
    blocks: list[Block] = [Paragraph(_matched(report)), Table(header, rows, "Every training")]
    told = [
        f"{arm.name}, seed {t.seed}, failed: {t.failed}"
        for arm in arms_of(report)
        for t in arm.trainings
        if t.failed
    ]
    told += [f"{arm.name} was not trained: {arm.recipe}."
             for arm in arms_of(report) if not arm.trainings]  # fmt: skip
    blocks += [Bullets(tuple(told))] if told else []
    tried = tuple(
        (
            arm.name,
            f"{rate.learning_rate:g}",
            "failed" if rate.pass_at_1 is None else value_of(rate.pass_at_1),
            interval(rate.pass_at_1.interval if rate.pass_at_1 else None),
            "yes" if rate.chosen else "no",
        )
        for arm in arms_of(report)
        for rate in arm.tuned
    )
    if tried:
        on = "" if report.spec.tune is None else f" on {', '.join(report.spec.tune.tasks)}"
        caption = f"Learning rates tried{on}, problems that no other part of the study sees"
        blocks.append(Table(RATES, tried, caption))
    return blocks


def _training(arm: StudyModel, training: StudyTraining) -> tuple[str, ...]:
    return (
        arm.name,
        str(training.seed),
        "failed" if training.failed else "trained",
        f"{training.rows:,}",
        f"{training.problems:,}",
        f"{training.steps:,}",
        f"{training.loss_tokens:,}",
        f"{training.learning_rate:g}",
        number(training.final_loss, 4),
        f"{training.seconds:,.1f}",
    )


def _matched(report: StudyReport) -> str:
    ended = [t for arm in arms_of(report) for t in arm.trainings if not t.failed]
    if not ended:
        return "No training ran to its end."
    steps, tokens = ({getattr(t, name) for t in ended} for name in ("steps", "loss_tokens"))
    told = (
        f"Every training took {min(steps):,} optimizer steps of {report.spec.hyper.batch_size:,} "
        "sequences."
        if len(steps) == 1
        else f"Optimizer steps are NOT matched: {min(steps):,} to {max(steps):,}."
    )
    least, most = min(tokens), max(tokens)
    many = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{told} The loss was taken on {many} tokens."


def problems(report: StudyReport) -> list[Block]:
    """Return how the problems were chosen, and the traces behind all arms."""
    chosen, bank = report.selection, report.bank
    if chosen.k is None:
        said = f"All {chosen.kept:,} problems were compared; none was chosen or dropped."
    else:
        said = (
            f"{chosen.kept:,} of {chosen.candidates:,} problems were compared, chosen by a pilot "
            f"of the base with draws of its own: its pass@{chosen.k} is "
            f"{percent(chosen.pilot_all)} on all and {percent(chosen.pilot_kept)} on those kept. "
            f"{chosen.too_easy:,} were dropped from the easy end and {chosen.too_hard:,} from the "
            "hard end. Where the base solves everything, its pass@K could only fall."
        )
    traces = (
        f"All arms learn from one bank of {bank.rows:,} traces of {bank.problems:,} problems, "
        f"{bank.correct:,} of them correct (digest {bank.digest})."
    )
    rows = tuple(
        (t, f"{n:,}", f"{c:,}", percent(c / n if n else None))
        for t, (n, c) in bank.by_temperature.items()
    )
    table = Table(("T", "traces", "correct", "share"), rows, "The teacher's traces by temperature")
    return [Paragraph(said), Paragraph(traces), *([table] if rows else [])]


def method(report: StudyReport) -> list[Block]:
    """Return the settings, the formulae, the limits and the command."""
    command = shlex.join(["reasonbench", *report.command[1:]]) if report.command else "not recorded"
    return [
        Table(("", ""), _settings(report)),
        Details("Formulae", (Bullets(FORMULAE),)),
        Details("Sources", (Bullets(SOURCES),)),
        Heading("What this study cannot know"),
        Bullets(tuple(_limits(report))),
        Verbatim("To repeat it:", command),
    ]


def _settings(report: StudyReport) -> tuple[tuple[str, str], ...]:
    spec = report.spec
    return (
        ("teacher", _model(spec.teacher)),
        ("student's beginning (base)", _model(spec.student)),
        ("traces from", ", ".join(spec.trace_tasks)),
        ("compared on", ", ".join(spec.tasks)),
        ("training seeds", ", ".join(map(str, spec.seeds))),
        ("completions", f"n = {spec.n} of references and last checkpoints, {spec.checkpoint_n} of "
         f"earlier ones; K = {largest_k(report)}"),
        ("temperatures", ", ".join(f"{t:g}" for t in spec.temperatures)
         + f"; verdicts are at {spec.temperatures[0]:g}"),
        ("sampling", _pairs(_without(msgspec.to_builtins(spec.sampling), "temperature"))),
        ("engine", _pairs(msgspec.to_builtins(spec.engine))),
        ("training", _pairs(msgspec.to_builtins(spec.hyper))),
        ("teacher's sampling", f"{spec.bank.n} traces a problem at T = "
         + ", ".join(f"{t:g}" for t in spec.bank.temperatures) + " (one where T = 0)"),
        ("level of the intervals", level_name(spec.level)),
        ("versions", _pairs(report.versions)),
        ("finished", report.finished.isoformat()),
    )  # fmt: skip


def _model(model: Any) -> str:
    return f"{model.id} at {model.revision}" if model.revision else str(model.id)


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _pairs(values: Mapping[str, Any]) -> str:
    told = (f"{k} {v}" for k, v in values.items() if v or (v == 0 and v is not False))
    return ", ".join(told) or "none"


def _limits(report: StudyReport) -> list[str]:
    spec, k = report.spec, largest_k(report)
    told = [
        f"It holds for these students, {', '.join(spec.tasks)} and this recipe; other sizes, "
        "languages and longer trainings may turn out otherwise.",
        f"Nothing is said beyond {k} tries: a problem that was not solved in them may be solved "
        "in more.",
        f"{len(spec.seeds)} training seeds show roughly how far trainings of one recipe lie "
        "apart, no more."
        if len(spec.seeds) > 1
        else "One training seed: how far trainings of one recipe lie apart is not known.",
        "All arms learn from one draw of one teacher's traces; another draw may move all of them.",
        "Each interval holds by itself: of many arms and many k, one may miss by chance.",
        "Two solutions that the grader cannot tell apart count as one, however they are written.",
    ]
    if report.selection.k is not None:
        told.append(
            "The problems were chosen to be neither too easy nor too hard for the base: on others "
            "the differences may be smaller or larger."
        )
    told.append(
        "The base was compared at the temperatures named above alone; one between them could do "
        "better."
        if len(spec.temperatures) > 1
        else "The base was sampled at one temperature: an arm's gain may be had by another one."
    )
    if any(a.verdict is not None and a.verdict.word is ArmWord.FAILED for a in arms_of(report)):
        told.append("Arms that failed say nothing about their recipe.")
    if report.doses:
        told.append(
            "Planted items are copies of known kinds in known numbers; leaks that come about by "
            "themselves may be rarer, and look otherwise."
        )
    return told
