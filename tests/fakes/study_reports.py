"""Reports of studies for the report to be made of: six arms, one failed, and a dose-response."""

import datetime

import msgspec
from page_payloads import MARKUP, PAYLOADS

from reasonbench.records import Interval
from reasonbench.results.study import (
    STUDY_SCHEMA,
    ArmVerdict,
    ArmWord,
    DoseClass,
    DoseDetector,
    StudyBank,
    StudyCurve,
    StudyDiversity,
    StudyDose,
    StudyModel,
    StudyPoint,
    StudyReport,
    StudyRole,
    StudySelection,
    StudyTraining,
    TunedRate,
)
from reasonbench.specs import (
    BankSpec,
    Hyperparameters,
    LeakSpec,
    Loss,
    ModelSpec,
    ObjectiveSpec,
    Prefix,
    SelectSpec,
    StudyArm,
    StudySpec,
    TraceView,
    TuneSpec,
    WiseSpec,
)

KS = (1, 2, 4, 8, 16, 32, 64)
STEPS = (1, 4, 16, 40, 120)
TEMPERATURES = (1.0, 0.6, 0.3)
SEEDS = (0, 1)
DOSES = (0, 1, 4, 16)
CLASSES = ("verbatim", "renumbered", "paraphrased", "solution")
ARMS = {
    "sft-8-correct": (0.108, 0.842, ArmWord.DEGRADATION, 4.1),
    "sft-greedy-correct": (0.183, 0.551, ArmWord.COLLAPSE, 1.3),
    "forward-kl": (0.125, 0.877, ArmWord.INCONCLUSIVE, 4.3),
    "reverse-kl-on-policy": (0.128, 0.958, ArmWord.EXPANSION, 4.9),
    "wise-greedy": (0.172, 0.885, ArmWord.INCONCLUSIVE, 3.1),
    "gem": (None, None, ArmWord.FAILED, None),
}
"""pass@1 and pass@64 of the last step, what they come to, and different correct solutions."""
BASE, TEACHER = (0.112, 0.894), (0.702, 0.998)
WHY = "OutOfMemory: 2.1 GiB were asked for and 1.4 GiB were left; take a smaller device_batch_size"


def point(k, value, width=0.03, low=0.0):
    """Return a point with an interval of this half width, kept above ``low``."""
    span = Interval(low=max(low, value - width), high=min(1.0, value + width))
    return StudyPoint(k=k, value=round(value, 6), interval=span)


def curve(ends, *, temperature=1.0, step=None, n=64, seeds=True, tokens=41.5):
    """Return a curve that goes from pass@1 to pass@64, straight on log k."""
    ks = [k for k in KS if k <= n]
    values = [ends[0] + (ends[1] - ends[0]) * (k.bit_length() - 1) / 6 for k in ks]
    return StudyCurve(
        temperature=temperature,
        step=step,
        n=n,
        pass_at_k=tuple(point(k, v, 0.02 + 0.02 * v) for k, v in zip(ks, values, strict=True)),
        by_seed={str(s): tuple(round(v + 0.01 * s - 0.005, 6) for v in values) for s in SEEDS}
        if seeds
        else {},
        truncated=0.0125,
        tokens=tokens,
    )


def swept(ends, step, *, seeds=True):
    """Return the curves of three temperatures: cooler means more at 1 and less at 64."""
    return tuple(
        curve(
            (min(0.9, ends[0] + 0.11 * (1 - t)), ends[1] - 0.25 * (1 - t) ** 2),
            temperature=t,
            step=step,
            seeds=seeds,
        )
        for t in TEMPERATURES
    )


def trained(ends):
    """Return the curves of the checkpoints, and those of the last one at every temperature."""
    early = tuple(
        curve(
            [b + (e - b) * (i + 1) / len(STEPS) for b, e in zip(BASE, ends, strict=True)],
            step=step,
            n=16,
        )
        for i, step in enumerate(STEPS[:-1])
    )
    return early + swept(ends, STEPS[-1])


def diversity(distinct, temperature):
    return StudyDiversity(
        temperature=temperature,
        distinct_correct=round(distinct * (0.6 + 0.4 * temperature) / 2, 3),
        rarefied=4,
        n_problems=58,
        distinct_solved=round(distinct * (0.6 + 0.4 * temperature), 3),
        answer_entropy=1.91,
        collision=0.21,
        unsolved=0.081,
        spread=0.0173,
        distinct_2=0.442,
        self_bleu=0.513,
    )


def verdict(word, ends, distinct):
    if word is ArmWord.FAILED:
        return ArmVerdict(word=word, sentence=f"Both seeds failed: {WHY}.")
    deltas = tuple(
        StudyPoint(
            k=p.k, value=round(p.value - q.value, 6), interval=Interval(
                low=p.value - q.value - 0.03, high=p.value - q.value + 0.03)
        )
        for p, q in zip(curve(ends).pass_at_k, curve(BASE).pass_at_k, strict=True)
    )  # fmt: skip
    one, last = deltas[0].value, deltas[-1].value
    crossing = None if last > 0 else 2 ** (6 * one / (one - last)) if one > 0 else 1.0
    return ArmVerdict(
        word=word,
        sentence=f"pass@1 {100 * ends[0]:.1f}% against {100 * BASE[0]:.1f}%, pass@64 "
        f"{100 * ends[1]:.1f}% against {100 * BASE[1]:.1f}%.",
        deltas=deltas,
        crossing=crossing,
        crossing_interval=(None, None)
        if crossing is None
        else (max(1.0, crossing / 1.7), crossing * 1.7 if crossing < 5 else None),
        temperature_dominated=word in (ArmWord.COLLAPSE, ArmWord.DEGRADATION),
        dominating_temperature=0.6 if word in (ArmWord.COLLAPSE, ArmWord.DEGRADATION) else None,
        lost=int(30 * max(0, BASE[1] - ends[1])),
        gained=int(60 * max(0, ends[1] - BASE[1])),
    )


def trainings(name):
    if name == "wise-greedy":
        return ()
    failed = WHY if name == "gem" else ""
    return tuple(
        StudyTraining(
            seed=seed,
            rows=0 if failed else 374 if "greedy" in name else 1569,
            problems=0 if failed else 374,
            steps=0 if failed else 120,
            loss_tokens=0 if failed else 387_412 + 1000 * seed,
            learning_rate=0.001,
            final_loss=None if failed else 0.4312 + 0.01 * seed,
            seconds=3.2 if failed else 64.8,
            failed=failed,
        )
        for seed in SEEDS
    )


def tuned(name):
    if name == "wise-greedy":
        return ()
    failed = name == "gem"
    return (
        TunedRate(learning_rate=0.0003, pass_at_1=None if failed else point(1, 0.12), chosen=False),
        TunedRate(learning_rate=0.001, pass_at_1=None if failed else point(1, 0.15), chosen=True),
    )


def models():
    found = [
        StudyModel(
            name=name,
            role=role,
            recipe=recipe,
            curves=swept(ends, None, seeds=False),
            diversity=tuple(diversity(distinct, t) for t in TEMPERATURES),
        )
        for name, role, recipe, ends, distinct in (
            ("base", StudyRole.BASE, "embedded:base", BASE, 4.8),
            ("teacher", StudyRole.TEACHER, "embedded:teacher", TEACHER, 9.6),
        )
    ]
    recipes = (
        "SFT, 8 correct traces a problem",
        "SFT, the greedy correct trace",
        "forward KL on the teacher's traces",
        "reverse KL on the student's own",
        "half way from the base to sft-greedy-correct",
        "GEM, 8 correct traces a problem",
    )
    for (name, (one, last, word, distinct)), recipe in zip(ARMS.items(), recipes, strict=True):
        failed = word is ArmWord.FAILED
        ends = (one, last)
        found.append(
            StudyModel(
                name=name,
                role=StudyRole.ARM,
                recipe=recipe,
                curves=()
                if failed
                else swept(ends, None)
                if name == "wise-greedy"
                else trained(ends),
                diversity=() if failed else tuple(diversity(distinct, t) for t in TEMPERATURES),
                trainings=trainings(name),
                tuned=tuned(name),
                verdict=verdict(word, ends, distinct),
            )
        )
    return tuple(found)


def dose(at, i):
    if at == 4:
        return StudyDose(
            dose=at, arm="dose-4", rows=0, planted_rows=0, planted=None, others=None, failed=WHY
        )
    gain = 0.0 if not at else 0.11 + 0.12 * i
    classes = tuple(
        DoseClass(
            name=name,
            planted=6 if at else 0,
            found=max(0, 6 - 2 * j) if at else 0,
            inflation=signed(1, gain * (1 - 0.2 * j)) if at else StudyPoint(k=1, value=0.0),
        )
        for j, name in enumerate(CLASSES)
    )
    none = StudyPoint(k=1, value=0.0)
    return StudyDose(
        dose=at,
        arm=f"dose-{at}",
        rows=1569,
        planted_rows=24 * at,
        planted=signed(1, gain) if at else none,
        others=signed(1, 0.004 * i) if at else none,
        planted_at_k=tuple(signed(k, gain / k.bit_length()) for k in KS) if at else (),
        others_at_k=tuple(signed(k, 0.004 * i) for k in KS) if at else (),
        classes=classes,
        found=sum(c.found for c in classes),
        found_wrongly=1 if at == 16 else 0,
        detectors=(
            DoseDetector(
                name="completion/1",
                measure="items completed exactly",
                planted=0.02 + gain / 2,
                others=0.02,
                difference=signed(1, gain / 2),
                flagged=gain > 0.2,
                sentence="Planted items are completed more often."
                if gain > 0.2
                else "No difference beyond chance.",
            ),
            DoseDetector(
                name="regurgitation/1",
                measure="completions that copy a trace",
                planted=None,
                others=None,
                difference=None,
                flagged=False,
                sentence="It could not be asked: no trace is long enough.",
            ),
        ),
    )


def signed(k, value, width=0.05):
    span = Interval(low=value - width, high=value + width)
    return StudyPoint(k=k, value=round(value, 6), interval=span)


def spec(**fields):
    wise = WiseSpec(arm="sft-greedy-correct", alpha=0.5)
    values = {
        "name": "Does distillation narrow the student?",
        "teacher": ModelSpec(id="embedded:teacher"),
        "student": ModelSpec(id="embedded:base"),
        "trace_tasks": ("countdown_train",),
        "tasks": ("countdown_probe",),
        "hyper": Hyperparameters(steps=120, learning_rate=1e-3, batch_size=32, warmup_steps=10),
        "bank": BankSpec(temperatures=(1.0, 0.0), n=8),
        "arms": (
            StudyArm(name="sft-8-correct", view=TraceView(temperature=1.0, per_problem=8)),
            StudyArm(name="sft-greedy-correct", view=TraceView(temperature=0.0)),
            StudyArm(name="forward-kl", objective=ObjectiveSpec(loss=Loss.FORWARD_KL)),
            StudyArm(
                name="reverse-kl-on-policy",
                objective=ObjectiveSpec(prefix=Prefix.STUDENT, loss=Loss.REVERSE_KL),
            ),
            StudyArm(name="wise-greedy", wise=wise),
            StudyArm(name="gem", objective=ObjectiveSpec(loss=Loss.GEM)),
        ),
        "seeds": SEEDS,
        "temperatures": TEMPERATURES,
        "select": SelectSpec(k=64),
        "tune": TuneSpec(tasks=("countdown_tune",)),
        "leak": LeakSpec(dose=DOSES, classes=CLASSES),
    }
    return StudySpec(**(values | fields))


def study_report(**fields):
    """Return a study's report; ``fields`` replace its own."""
    values = {
        "schema_version": STUDY_SCHEMA,
        "spec": spec(),
        "command": ("reasonbench", "study", "studies/collapse-cpu.toml"),
        "versions": {"torch": "2.13.0", "trl": "1.16.0", "transformers": "5.19.0"},
        "finished": datetime.date(2026, 11, 26),
        "selection": StudySelection(
            candidates=160,
            kept=96,
            k=64,
            pilot_all=0.9375,
            pilot_kept=0.8958,
            too_easy=60,
            too_hard=4,
        ),
        "bank": StudyBank(
            rows=4608,
            problems=512,
            correct=3171,
            digest="sha256:3f9a51",
            by_temperature={"1.0": (4096, 2797), "0.0": (512, 374)},
        ),
        "models": models(),
        "doses": tuple(dose(at, i) for i, at in enumerate(DOSES)),
        "notes": ("The arm gem failed with both seeds and is left out of every comparison.",),
    }
    return StudyReport(**(values | fields))


def leak_report():
    """Return a report of a study of doses alone: its arms are the doses."""
    arms = {m.name: m for m in models()}
    shown = [
        msgspec.structs.replace(
            arms["gem" if d.failed else "forward-kl"],
            name=d.arm,
            recipe=f"SFT; traces; each planted item {d.dose} times",
            tuned=(),
        )
        for d in (dose(at, i) for i, at in enumerate(DOSES))
    ]
    return study_report(
        spec=spec(name="What does a leak add?", arms=(), tune=None, temperatures=(1.0,)),
        models=(arms["base"], arms["teacher"], *shown),
        notes=(),
    )


def hostile_report():
    """Return a report in which every text is one that would run, load or mislead."""
    texts = iter(PAYLOADS * 20)

    def odd():
        return next(texts)

    bad = [
        StudyTraining(
            seed=i, rows=0, problems=0, steps=0, loss_tokens=0, learning_rate=1e-3,
            final_loss=None, seconds=0.0, failed=text,
        )
        for i, text in enumerate(PAYLOADS)
    ]  # fmt: skip
    found = [
        StudyModel(
            name=odd(), role=m.role, recipe=odd(), curves=m.curves, diversity=m.diversity,
            trainings=tuple(bad) if m.name == "gem" else m.trainings, tuned=m.tuned,
            verdict=m.verdict and ArmVerdict(
                word=m.verdict.word, sentence=odd(), deltas=m.verdict.deltas,
                crossing=m.verdict.crossing, crossing_interval=m.verdict.crossing_interval,
                temperature_dominated=m.verdict.temperature_dominated,
                dominating_temperature=m.verdict.dominating_temperature,
            ),
        )
        for m in models()
    ]  # fmt: skip
    doses = [
        StudyDose(
            dose=at, arm=odd(), rows=1, planted_rows=1, planted=signed(1, 0.2),
            others=signed(1, 0.0), failed=odd() if i == 2 else "",
            classes=(DoseClass(name=odd(), planted=2, found=1, inflation=signed(1, 0.1)),),
            detectors=(DoseDetector(name=odd(), measure=odd(), planted=0.1, others=0.2,
                                    difference=signed(1, 0.1), flagged=True, sentence=odd()),),
        )
        for i, at in enumerate(DOSES)
    ]  # fmt: skip
    return study_report(
        spec=spec(
            name=MARKUP[5],
            teacher=ModelSpec(id=MARKUP[0]),
            student=ModelSpec(id=MARKUP[1]),
            trace_tasks=(MARKUP[2],),
            tasks=(MARKUP[3],),
        ),
        command=("reasonbench", *MARKUP[:3]),
        versions={MARKUP[4]: MARKUP[5]},
        bank=StudyBank(
            rows=1, problems=1, correct=1, digest=MARKUP[6], by_temperature={MARKUP[7]: (1, 1)}
        ),
        models=tuple(found),
        doses=tuple(doses),
        notes=tuple(PAYLOADS),
    )
