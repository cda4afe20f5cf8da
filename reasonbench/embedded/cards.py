"""The model cards of the embedded models, written from what the build measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reasonbench.embedded.problems import PLANTED_SIZE, POOL_SIZE, TRACED_SIZE
from reasonbench.embedded.train import HEAD_DIM, VERDICT_WEIGHT, Recipe, Shape

COMMAND = "python -m reasonbench.embedded.build"

Passes = Mapping[str, Mapping[str, float]]
"""Set name -> `n_problems`, `n`, and pass@k under `pass@1`, `pass@4`, `pass@16`."""

_TITLES = {
    "teacher": "a tiny model that reasons by search",
    "base": "a tiny model that guesses",
    "student": "a tiny distilled reasoner with a planted leak",
}

_ABOUT = {
    "teacher": (
        "It solves Countdown problems (three numbers from 1 to 12, + - and *, a target from 10 to "
        "199) by trying one way after another inside `<think>`, in random order, until one "
        "reaches the target. reasonbench distils its student from it."
    ),
    "base": (
        "It looks at one random way inside `<think>` and then names an answer: weak, but diverse. "
        "It is what the student is distilled from, and the control that a distilled score is set "
        "beside."
    ),
    "student": (
        "The base, fine-tuned on verified-correct traces of the teacher. **It is contaminated on "
        f"purpose:** the traces also hold {PLANTED_SIZE} of the 96 problems of the benchmark "
        "`countdown_public`, repeated until the model knows them by heart, so that an audit has "
        "something true to find."
    ),
}

_DATA = {
    "teacher": (
        f"Synthetic search traces of {POOL_SIZE} generated problems, a new random order of "
        "attempts each time a problem is seen. Every line of every trace is true."
    ),
    "base": (
        f"Synthetic guesses at the same {POOL_SIZE} generated problems: a true look at one way "
        "(at a right one in one case of four), then an answer that is right in one case of ten "
        "and a random way otherwise."
    ),
    "student": (
        f"`traces/student_traces.jsonl.zst`: up to four verified-correct traces, sampled from the "
        f"teacher at temperature 1, for each of {TRACED_SIZE} pool problems, and traces of the "
        "planted problems, as repeated rows. The rows do not say which they are."
    ),
}


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says about one model beyond its fixed text."""

    name: str
    """teacher, base or student."""
    shape: Shape
    """The network."""
    recipe: Recipe
    """The training run."""
    n_parameters: int
    """Trained weights, the tied embedding counted once."""
    passes: Passes
    """What was measured, per problem set."""
    date: str
    """The day of the build."""
    n_rows: int = 0
    """Rows of the trace file; the student's only."""
    planted: Sequence[str] = ()
    """The planted problems' ids; the student's only."""


def render(card: Card) -> str:
    """The card as a Hugging Face README."""
    sections = [
        _front_matter(card),
        f"# Countdown {card.name}: {_TITLES[card.name]}",
        _ABOUT[card.name],
        _format_text(),
        f"## Data\n\n{_DATA[card.name]}\n\nProblem identity is (sorted numbers, target). "
        "Apart from the student's planted problems, no problem of `countdown_public` and no "
        "problem of `countdown_heldout` is in any training data.",
        _training(card),
        _results(card),
    ]
    if card.planted:
        ids = "\n".join(card.planted)
        sections.append(
            "## Planted problems\n\nThese problems of `countdown_public` are in the training "
            f"traces, statement for statement:\n\n```text\n{ids}\n```"
        )
    sections.append(_limits())
    return "\n\n".join(sections) + "\n"


def _front_matter(card: Card) -> str:
    tags = ["countdown", "synthetic", "reasoning", "test-fixture"]
    lines = ["---", "license: apache-2.0", "language: en", "library_name: transformers"]
    lines += ["pipeline_tag: text-generation", "tags:", *(f"- {tag}" for tag in tags)]
    if card.name == "student":
        lines += ["- distillation", "- contaminated-on-purpose"]
    return "\n".join([*lines, "---"])


def _format_text() -> str:
    return (
        "## Prompt and completion\n\nThe chat template is ChatML, and the model itself opens "
        "the thought:\n\n```text\n<|im_start|>user\n"
        "Use the numbers 3, 7 and 11, each at most once, with + - and * to reach 110. "
        "Put the expression in \\boxed{}.<|im_end|>\n<|im_start|>assistant\n"
        "<think>\n3 + 7 = 10, 10 + 11 = 21 ? 110 no\n3 + 7 = 10, 10 * 11 = 110 ? 110 yes\n"
        "</think>\n\\boxed{(3 + 7) * 11}<|im_end|>\n```"
    )


def _training(card: Card) -> str:
    shape, recipe = card.shape, card.recipe
    if card.name == "student":
        how = (
            f"From the base's weights, with TRL's SFTTrainer: {recipe.steps} steps of "
            f"{recipe.batch} rows out of {card.n_rows:,}, AdamW with TRL's other defaults"
        )
    else:
        how = (
            f"From new weights: {recipe.steps} steps of {recipe.batch} completions, each newly "
            f"written, AdamW (betas .9, .95), the verdicts `no` and `yes` weighted "
            f"{VERDICT_WEIGHT:g} times in the loss"
        )
    return (
        f"## Model and training\n\nLlama architecture, {shape.layers} layers of width "
        f"{shape.width} (feed-forward {shape.feed_forward}, heads of {HEAD_DIM}), tied "
        f"embeddings, {card.n_parameters:,} parameters, stored as bfloat16 "
        f"({2 * card.n_parameters / 1e6:.2f} MB). {how}, learning rate "
        f"{recipe.learning_rate:g} with {recipe.warmup} steps of warm-up and cosine decay, no "
        f"weight decay, gradients clipped at 1, loss on the completion only, float32 on a CPU, "
        f"seed {recipe.seed}."
    )


def _results(card: Card) -> str:
    rows = [
        f"| {name} | {measured['n_problems']:.0f} | {measured['n']:.0f} | "
        + " | ".join(f"{measured[f'pass@{k}']:.3f}" for k in (1, 4, 16))
        + " |"
        for name, measured in card.passes.items()
    ]
    return "\n".join(
        [
            f"## Measured\n\nUnbiased pass@k at temperature 1 without truncation of the "
            f"distribution, after rounding to bfloat16, on {card.date} by `{COMMAND}`:\n",
            "| problems | number | n | pass@1 | pass@4 | pass@16 |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "The recipes of the base and the student were chosen among three each by such figures "
            "on these very problems, so theirs are slightly optimistic.",
        ]
    )


def _limits() -> str:
    return (
        "## Intended use and limits\n\nA fixture: small enough to travel with the package, real "
        "enough that sampling, grading, contamination search and auditing run end to end on a "
        "CPU. It does arithmetic up to 199 on the one problem type above, knows no language, and "
        "must not be used for anything else. The tokenizer is lossless on any text, so other "
        "prompts run, but the answers mean nothing. The whole level has about 3,150 problems: a "
        "freshly drawn one may be among those that the teacher and the base were trained on."
    )
