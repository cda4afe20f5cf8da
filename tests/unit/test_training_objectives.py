"""Each objective's loss, through its real trainer, against the formula of its paper by hand.

The formulas below are numpy in float64, written without `reasonbench.training.losses`.
"""

import copy

import numpy as np
import pytest
import tiny_training as tiny
import torch

from reasonbench.errors import SpecError
from reasonbench.specs import LaunchSpec, Loss, ObjectiveSpec, Prefix
from reasonbench.training import objectives
from reasonbench.training.adapter import order
from reasonbench.training.encoding import encode

BETA, K, COEFFICIENT = 0.3, 5, 0.2
FLOAT32 = 2e-5
"""TRL's chunked kernels sum in float32."""


def forward_kl(s, t):
    return (np.exp(t) * (t - s)).sum(-1)


def reverse_kl(s, t):
    return (np.exp(s) * (s - t)).sum(-1)


def jsd(s, t):
    m = np.log(BETA * np.exp(t) + (1 - BETA) * np.exp(s))
    to_teacher, to_student = (np.exp(t) * (t - m)).sum(-1), (np.exp(s) * (s - m)).sum(-1)
    return BETA * to_teacher + (1 - BETA) * to_student


def coarse(scores, kept):
    """Chances of the kept tokens and of all others together."""
    p = np.exp(scores)
    rows = np.arange(len(p))[:, None]
    inside = p[rows, kept]
    return np.log(np.concatenate([inside, 1 - inside.sum(-1, keepdims=True)], axis=-1))


def top(formula):
    def of(s, t):
        kept = np.argsort(-t, axis=-1)[:, :K]
        return formula(coarse(s, kept), coarse(t, kept))

    return of


def nll(s, t, targets):
    return -s[np.arange(len(s)), targets]


def gem(s, t, targets):
    q = np.exp(s) ** (1 / BETA)
    q /= q.sum(-1, keepdims=True)
    return -(s[np.arange(len(s)), targets] - (q * s).sum(-1))


def entropy_bonus(s, t, targets):
    return nll(s, t, targets) + COEFFICIENT * (np.exp(s) * s).sum(-1)


def untargeted(formula):
    return lambda s, t, targets: formula(s, t)


TRACE, TEACHER, STUDENT, MIXED = Prefix.TRACE, Prefix.TEACHER, Prefix.STUDENT, Prefix.MIXED
CASES = {
    (TRACE, Loss.NLL, 0): nll,
    (TRACE, Loss.GEM, 0): gem,
    (TRACE, Loss.ENTROPY, 0): entropy_bonus,
    **{
        (prefix, loss, k): untargeted(formula)
        for prefix in (TRACE, TEACHER, MIXED)
        for loss, k, formula in (
            (Loss.FORWARD_KL, 0, forward_kl),
            (Loss.REVERSE_KL, 0, reverse_kl),
            (Loss.JSD, 0, jsd),
            (Loss.FORWARD_KL, K, top(forward_kl)),
            (Loss.REVERSE_KL, K, top(reverse_kl)),
            (Loss.JSD, K, top(jsd)),
        )
    },
    (TEACHER, Loss.NLL, 0): nll,
    (STUDENT, Loss.FORWARD_KL, 0): untargeted(forward_kl),
    (STUDENT, Loss.REVERSE_KL, 0): untargeted(reverse_kl),
    (STUDENT, Loss.JSD, 0): untargeted(jsd),
}


def objective(prefix, loss, k=0, **more):
    numbers = {"beta": BETA, "coefficient": COEFFICIENT, "max_new_tokens": 12, "mix": 1.0}
    return ObjectiveSpec(prefix=prefix, loss=loss, top_k=k, **{**numbers, **more})


def by_hand(formula, student, teacher, sequences):
    """The mean of a formula over the loss tokens of sequences, each run alone."""
    total, n_tokens = 0.0, 0
    scores = [tiny.log_probabilities(m, [ids for ids, _ in sequences]) for m in (student, teacher)]
    for s, t, (ids, counts) in zip(*scores, sequences, strict=True):
        chosen = np.array(counts[1:])
        total += formula(s[chosen], t[chosen], np.array(ids[1:])[chosen]).sum()
        n_tokens += chosen.sum()
    return total / n_tokens, n_tokens


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_the_step_s_loss_is_the_formula_s_mean_over_the_loss_tokens(case):
    student, teacher, seen = tiny.tiny(0), tiny.tiny(1, width=24), tiny.Seen()
    before = copy.deepcopy(student)
    asked = tiny.spec(objective(*case), device_batch_size=2)  # Two accumulated batches.
    trainer = tiny.trainer_of(asked, model=student, teacher=teacher, seen=seen)
    captured = tiny.Captured(trainer)
    trainer.train()
    assert len(captured.sequences) == 4
    expected, n_tokens = by_hand(CASES[case], before, teacher, captured.sequences)
    tolerance = FLOAT32 if case[0] is STUDENT else 1e-10
    assert captured.loss == pytest.approx(expected, rel=tolerance)
    assert seen.losses == [pytest.approx(expected, rel=FLOAT32)]
    assert seen.logs[0]["loss_tokens"] == n_tokens


def test_every_objective_of_the_table_has_a_case():
    rewarded = {(STUDENT, Loss.REWARD)}
    assert {case[:2] for case in CASES} | rewarded == set(objectives.TABLE)


@pytest.mark.parametrize("prefix", [TRACE, TEACHER, STUDENT, MIXED])
def test_a_sharp_student_is_dearer_by_forward_kl_than_by_reverse_kl(prefix):
    # The flat teacher has mass where the student has none; the reverse is not so.
    losses = {}
    for loss in (Loss.FORWARD_KL, Loss.REVERSE_KL):
        seen = tiny.Seen()
        trainer = tiny.trainer_of(
            tiny.spec(objective(prefix, loss)),
            model=tiny.tiny(0, scale=4.0),
            teacher=tiny.tiny(1, width=24, scale=0.1),
            seen=seen,
        )
        trainer.train()
        losses[loss] = seen.losses[0]
    assert losses[Loss.FORWARD_KL] > 1.5 * losses[Loss.REVERSE_KL]


def test_teacher_prefixes_are_the_teacher_s_and_student_prefixes_the_student_s():
    # Models that always write one token of their own.
    def stuck(token):
        model = tiny.tiny(0)
        with torch.no_grad():
            model.lm_head.weight.zero_()
            model.model.norm.weight.fill_(1.0)
            model.lm_head.bias = torch.nn.Parameter(torch.zeros(488, dtype=torch.float64))
            model.lm_head.bias[token] = 50.0
        return model

    for prefix, written in ((TEACHER, 20), (STUDENT, 10), (MIXED, 10)):
        asked = tiny.spec(objective(prefix, Loss.REVERSE_KL))
        trainer = tiny.trainer_of(asked, model=stuck(10), teacher=stuck(20))
        captured = tiny.Captured(trainer)
        trainer.train()
        for ids, counts in captured.sequences:
            assert {token for token, counted in zip(ids, counts, strict=True) if counted} == {
                written
            }


def test_mixed_prefixes_are_the_student_s_as_often_as_asked():
    asked = tiny.spec(objective(MIXED, Loss.REVERSE_KL, mix=0.5), steps=24, batch_size=1)
    trainer = tiny.trainer_of(asked)
    captured = tiny.Captured(trainer)
    trainer.train()
    given = {encode(tiny.tokenizer(), row) for row in tiny.rows()}
    kept = [
        tuple(ids) in {(*g.prompt, *g.completion) for g in given} for ids, _ in captured.sequences
    ]
    assert 5 <= sum(kept) <= 19


def test_drawn_completions_have_the_temperature_and_the_divergence_has_none():
    # At a temperature near 0 draws are greedy; the divergence is still that at 1.
    student, teacher = tiny.tiny(0), tiny.tiny(1, width=24)
    before, seen = copy.deepcopy(student), tiny.Seen()
    asked = tiny.spec(objective(STUDENT, Loss.REVERSE_KL, temperature=1e-3))
    trainer = tiny.trainer_of(asked, model=student, teacher=teacher, seen=seen)
    captured = tiny.Captured(trainer)
    trainer.train()
    ids, counts = captured.sequences[0]
    greedy = tiny.log_probabilities(before, [ids])[0].argmax(-1)
    assert [a for a, c in zip(ids[1:], counts[1:], strict=True) if c] == list(
        greedy[np.array(counts[1:])]
    )
    expected, _ = by_hand(untargeted(reverse_kl), before, teacher, captured.sequences)
    assert seen.losses[0] == pytest.approx(expected, rel=FLOAT32)


@pytest.mark.parametrize("prefix", [TEACHER, STUDENT])
def test_a_model_s_own_sampling_defaults_do_not_bend_what_is_drawn(prefix):
    def drawn(**defaults):
        models = {"model": tiny.tiny(0), "teacher": tiny.tiny(1, width=24)}
        for model in models.values():
            for name, value in defaults.items():
                setattr(model.generation_config, name, value)
        trainer = tiny.trainer_of(tiny.spec(objective(prefix, Loss.REVERSE_KL)), **models)
        captured = tiny.Captured(trainer)
        trainer.train()
        assert all(
            getattr(m.generation_config, n) == v
            for m in models.values()
            for n, v in defaults.items()
        )
        return captured.sequences

    assert drawn() == drawn(top_k=1, repetition_penalty=50.0, no_repeat_ngram_size=1)


def test_gem_s_inner_distribution_is_constant_for_the_gradient():
    student, reference = tiny.tiny(0), tiny.tiny(0)
    trainer = tiny.trainer_of(tiny.spec(objective(TRACE, Loss.GEM)), model=student)
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.compute_loss(student, dict(batch)).backward()
    chosen = batch["labels"][:, 1:] != -100
    logits = reference(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    scores = logits[:, :-1][chosen].log_softmax(-1)
    q = (scores.detach() / BETA).softmax(-1)
    real = scores[torch.arange(len(scores)), batch["labels"][:, 1:][chosen]]
    (-(real - (q * scores).sum(-1))).mean().backward()
    for ours, theirs in zip(student.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)


def test_trl_s_own_sft_loss_is_ours():
    # On an accelerator the trainer leaves the likelihood to TRL's fused head.
    from trl import SFTTrainer

    trainer = tiny.trainer_of(tiny.spec(), model=tiny.tiny(0))
    batch = next(iter(trainer.get_train_dataloader()))
    ours = trainer.compute_loss(trainer.model, dict(batch))
    theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(batch))
    assert ours.item() == pytest.approx(theirs.item(), rel=FLOAT32)


def test_grpo_s_loss_is_that_of_its_paper():
    student, seen = tiny.tiny(0, scale=0.2), tiny.Seen()
    # Likely to end, so that lengths differ and the two ways to take a mean do too.
    student.lm_head.bias = torch.nn.Parameter(torch.zeros(488, dtype=torch.float64))
    with torch.no_grad():
        student.lm_head.bias[484] = 5.0
    before = copy.deepcopy(student)
    traces = [
        tiny.TraceRow(id="a", messages=tiny.rows()[0].messages, completion="", problem=problem)
        for problem in [tiny.countdown()]
    ]
    asked = tiny.spec(
        ObjectiveSpec(prefix=STUDENT, loss=Loss.REWARD, group_size=4, max_new_tokens=8),
        teacher=False,
    )
    trainer = tiny.trainer_of(asked, model=student, traces=traces, seen=seen)
    rewards = [1.0, 0.0, 0.0, 1.0]
    trainer.reward_funcs[0] = lambda **_: rewards
    captured, advantages = tiny.Captured(trainer), []
    compute = trainer.compute_loss
    trainer.compute_loss = lambda model, inputs, **k: (
        advantages.extend(inputs["advantages"].tolist()),
        compute(model, inputs, **k),
    )[1]
    trainer.train()
    assert len({sum(counts) for _, counts in captured.sequences}) > 1
    # Shuffled within the batch, so told apart by their advantages.
    expected = (np.array(rewards) - 0.5) / (np.std(rewards, ddof=1) + 1e-4)
    assert sorted(advantages) == pytest.approx(sorted(expected), rel=1e-5)
    # At the old policy every ratio is 1, so a completion's mean over tokens is its advantage.
    assert seen.losses[0] == pytest.approx(-np.mean(advantages), abs=1e-6)
    # The gradient is that of the ratio: the mean over completions of the mean over tokens.
    total = 0.0
    for (ids, counts), advantage in zip(captured.sequences, advantages, strict=True):
        chosen = torch.tensor(counts[1:])
        scores = before(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        taken = scores[torch.arange(len(ids) - 1), torch.tensor(ids[1:])][chosen]
        total = total - advantage * taken.mean()
    (total / 4).backward()
    norm = torch.stack([p.grad.norm() for p in before.parameters()]).norm().item()
    assert seen.logs[0]["grad_norm"] == pytest.approx(norm, rel=1e-4)


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "loss"),
    [
        (STUDENT, Loss.NLL),
        (STUDENT, Loss.GEM),
        (TRACE, Loss.REWARD),
        (TEACHER, Loss.ENTROPY),
        (MIXED, Loss.NLL),
    ],
)
def test_a_combination_that_means_nothing_is_refused_with_what_goes_with_it(prefix, loss):
    with pytest.raises(SpecError, match="means nothing") as caught:
        objectives.refuse(tiny.spec(ObjectiveSpec(prefix=prefix, loss=loss)))
    assert loss.value in caught.value.hint
    assert prefix.value in caught.value.hint


@pytest.mark.parametrize(
    ("objective_", "hyper", "said"),
    [
        ({"loss": Loss.JSD, "beta": 0.0}, {}, "JSD is zero"),
        ({"loss": Loss.JSD, "beta": 1.0}, {}, "JSD is zero"),
        ({"top_k": 5}, {}, "top_k = 5 is for divergences"),
        ({"loss": Loss.REVERSE_KL, "prefix": STUDENT, "top_k": 5}, {}, "over all tokens"),
        ({"loss": Loss.REVERSE_KL}, {"packing": True}, "packing is for SFT"),
        ({"loss": Loss.GEM}, {"packing": True}, "packing is for SFT"),
        ({}, {"warmup_steps": 2}, "warmup_steps = 2"),
        ({}, {"min_rate": 0.1}, "min_rate"),
        ({}, {"device_batch_size": 3}, "no multiple of 3"),
        ({"loss": Loss.REWARD, "prefix": STUDENT, "group_size": 3}, {}, "group_size = 3"),
        ({"loss": Loss.REVERSE_KL, "prefix": STUDENT}, {}, "no room"),
    ],
)
def test_numbers_that_have_no_place_are_refused(objective_, hyper, said):
    with pytest.raises(SpecError, match=said) as caught:
        objectives.refuse(tiny.spec(ObjectiveSpec(**objective_), **hyper))
    assert caught.value.hint


def test_a_batch_that_the_devices_cannot_share_is_refused():
    asked = tiny.spec()
    launched = type(asked)(
        **{f: getattr(asked, f) for f in asked.__struct_fields__}
        | {"launch": LaunchSpec(processes=3)}
    )
    with pytest.raises(SpecError, match="batch_size = 4"):
        objectives.refuse(launched)


@pytest.mark.parametrize(("prefix", "loss"), objectives.TABLE)
def test_a_teacher_is_asked_for_where_one_is_needed_only(prefix, loss):
    asked = ObjectiveSpec(prefix=prefix, loss=loss, group_size=4, max_new_tokens=12)
    if objectives.needs_teacher(asked):
        with pytest.raises(SpecError, match="needs a teacher"):
            objectives.refuse(tiny.spec(asked, teacher=False))
    else:
        objectives.refuse(tiny.spec(asked, teacher=False))
    objectives.refuse(tiny.spec(asked))


def test_every_objective_has_a_line_of_its_own():
    lines = [objectives.describe(ObjectiveSpec(prefix=p, loss=x)) for p, x in objectives.TABLE]
    assert len(set(lines)) == len(objectives.TABLE)
    assert objectives.describe(ObjectiveSpec()) == "SFT"
    assert (
        objectives.describe(ObjectiveSpec(prefix=STUDENT, loss=Loss.JSD, beta=0.1, temperature=0.7))
        == "JSD(0.1), on-policy, drawn at T = 0.7"
    )
    assert objectives.describe(objective(TRACE, Loss.FORWARD_KL, 5)).endswith(", top 5")


@pytest.mark.parametrize(("prefix", "loss"), objectives.TABLE)
def test_the_table_names_the_trainer_that_the_adapter_makes(prefix, loss):
    asked = tiny.spec(ObjectiveSpec(prefix=prefix, loss=loss, group_size=4, max_new_tokens=12))
    traces = [
        tiny.TraceRow(
            id=r.id, messages=r.messages, completion=r.completion, problem=tiny.countdown()
        )
        for r in tiny.rows()
    ]
    trainer = tiny.trainer_of(asked, traces=traces)
    ours, _, base = objectives.trainer_name(asked.objective).partition(" (")
    assert type(trainer).__name__ == ours
    theirs = [f"{c.__module__.split('.')[0]}:{c.__name__}" for c in type(trainer).__mro__]
    name, config = base.rstrip(")").split(", ")
    assert f"trl:{name.rpartition('.')[2]}" in theirs
    assert type(trainer.args).__name__ == config


def test_objectives_are_known_without_torch():
    import subprocess
    import sys

    code = (
        "import sys; import reasonbench.training.objectives as o; "
        "assert 'torch' not in sys.modules and 'trl' not in sys.modules, sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_order_is_permutations_of_all_rows_one_after_the_other():
    taken = order(5, 12, seed=3)
    assert sorted(taken[:5]) == sorted(taken[5:10]) == [0, 1, 2, 3, 4]
    assert len(taken) == 12
    assert taken[:5] != taken[5:10]
    assert order(5, 12, seed=3) == taken != order(5, 12, seed=4)
