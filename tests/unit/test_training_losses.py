"""The laws of the losses: what holds for any two models."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.training import losses

N, V = 3, 7
logits = st.lists(st.floats(-30, 30, allow_nan=False), min_size=N * V, max_size=N * V).map(
    lambda values: torch.tensor(values, dtype=torch.float64).reshape(N, V)
)
betas = st.floats(0.01, 0.99)
targets = st.lists(st.integers(0, V - 1), min_size=N, max_size=N).map(torch.tensor)
ks = st.integers(1, V + 2)
DIVERGENCES = {
    "forward": losses.forward_kl,
    "reverse": losses.reverse_kl,
    "jsd": lambda s, t, k=0: losses.generalised_jsd(s, t, 0.3, k),
}
divergences = pytest.mark.parametrize("divergence", DIVERGENCES.values(), ids=DIVERGENCES)
quick = settings(max_examples=60, deadline=None)


@divergences
@quick
@given(student=logits, teacher=logits, k=ks)
def test_a_divergence_is_never_negative_and_zero_at_equality(divergence, student, teacher, k):
    for top_k in (0, k):
        assert (divergence(student, teacher, top_k) >= -1e-12).all()
        assert divergence(student, student, top_k).abs().max() < 1e-12


@divergences
@quick
@given(student=logits, teacher=logits)
def test_top_k_of_all_tokens_is_the_divergence_itself(divergence, student, teacher):
    full = divergence(student, teacher)
    assert torch.equal(divergence(student, teacher, V), full)
    # One token left out is the rest by itself.
    torch.testing.assert_close(divergence(student, teacher, V - 1), full, rtol=1e-9, atol=1e-12)


@divergences
@quick
@given(student=logits, teacher=logits)
def test_more_tokens_never_see_less(divergence, student, teacher):
    found = [divergence(student, teacher, k) for k in range(1, V + 1)]
    for fewer, more in itertools.pairwise(found):
        assert (fewer <= more + 1e-9).all()


@divergences
def test_top_k_sees_a_student_whose_mass_lies_elsewhere(divergence):
    # Over the teacher's two tokens alone, renormalised, these two models are equal.
    teacher = torch.tensor([[5.0, 4.0, -20.0, -20.0]], dtype=torch.float64)
    student = torch.tensor([[5.0, 4.0, 30.0, -20.0]], dtype=torch.float64)
    assert divergence(student, teacher, 2).item() > 0.2


@quick
@given(student=logits, teacher=logits)
def test_forward_and_reverse_are_each_other_with_the_models_swapped(student, teacher):
    torch.testing.assert_close(
        losses.forward_kl(student, teacher), losses.reverse_kl(teacher, student)
    )


@quick
@given(student=logits, teacher=logits)
def test_the_jsd_tends_to_both_kls(student, teacher):
    student, teacher = student / 10, teacher / 10
    low = losses.generalised_jsd(student, teacher, 1e-7) / 1e-7
    high = losses.generalised_jsd(student, teacher, 1 - 1e-7) / 1e-7
    torch.testing.assert_close(low, losses.forward_kl(student, teacher), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(high, losses.reverse_kl(student, teacher), rtol=1e-4, atol=1e-6)


@quick
@given(student=logits, teacher=logits, beta=betas)
def test_the_jsd_is_bounded_by_the_entropy_of_its_coin(student, teacher, beta):
    coin = -(beta * np.log(beta) + (1 - beta) * np.log(1 - beta))
    assert (losses.generalised_jsd(student, teacher, beta) <= coin + 1e-9).all()


@quick
@given(student=logits, teacher=logits, beta=betas)
def test_the_jsd_is_the_same_with_models_and_weights_swapped(student, teacher, beta):
    torch.testing.assert_close(
        losses.generalised_jsd(student, teacher, beta),
        losses.generalised_jsd(teacher, student, 1 - beta),
        rtol=1e-7,
        atol=1e-10,
    )


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1])
def test_a_jsd_without_two_sides_is_refused(beta):
    with pytest.raises(ValueError, match="between 0 and 1"):
        losses.generalised_jsd(torch.zeros(1, 2), torch.zeros(1, 2), beta)


@quick
@given(student=logits, teacher=logits, wanted=targets, shift=st.floats(-20, 20))
def test_no_loss_sees_a_constant_added_to_all_logits(student, teacher, wanted, shift):
    for loss in (
        lambda s: losses.nll(s, wanted),
        lambda s: losses.gem(s, wanted, 0.4),
        lambda s: losses.entropy_bonus(s, wanted, 0.4),
        lambda s: losses.forward_kl(s, teacher, 3),
        lambda s: losses.reverse_kl(s, teacher),
    ):
        torch.testing.assert_close(loss(student + shift), loss(student), rtol=1e-7, atol=1e-9)


@quick
@given(student=logits)
def test_entropy_lies_between_nothing_and_that_of_a_fair_die(student):
    found = losses.entropy(student)
    assert (found >= -1e-12).all()
    assert (found <= np.log(V) + 1e-9).all()
    fair = losses.entropy(torch.zeros(N, V, dtype=torch.float64))
    assert fair.tolist() == [pytest.approx(np.log(V))] * N


@quick
@given(student=logits, wanted=targets)
def test_gem_at_beta_one_has_the_likelihood_s_gradient(student, wanted):
    gradients = []
    for loss in (lambda s: losses.gem(s, wanted, 1.0), lambda s: losses.nll(s, wanted)):
        leaf = student.clone().requires_grad_()
        loss(leaf).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-9)


@quick
@given(student=logits, wanted=targets)
def test_gem_at_beta_zero_rests_where_the_target_is_the_likeliest(student, wanted):
    leaf = student.clone()
    leaf[torch.arange(N), wanted] = student.max() + 1
    leaf.requires_grad_()
    found = losses.gem(leaf, wanted, 0.0)
    found.sum().backward()
    assert found.abs().max() == 0
    assert leaf.grad.abs().max() < 1e-12


@quick
@given(student=logits, wanted=targets)
def test_an_entropy_bonus_of_nothing_is_the_likelihood(student, wanted):
    assert torch.equal(losses.entropy_bonus(student, wanted, 0.0), losses.nll(student, wanted))


@quick
@given(student=logits, teacher=logits, k=ks)
def test_gradients_are_finite_and_none_goes_to_the_teacher(student, teacher, k):
    for loss in DIVERGENCES.values():
        s, t = (x.clone().requires_grad_() for x in (student * 30, teacher * 30))
        loss(s, t, k).sum().backward()
        assert s.grad.isfinite().all()
        assert t.grad is None


@divergences
def test_tokens_that_a_model_rules_out_leave_the_loss_defined(divergence):
    student = torch.tensor([[1.0, 2.0, float("-inf")]])
    teacher = torch.tensor([[0.5, float("-inf"), float("-inf")]])
    found = divergence(student, teacher)
    assert not found.isnan().any()
    assert (found > 0).all()


def test_half_precision_is_computed_in_single():
    student, teacher = torch.randn(5, 50).bfloat16(), torch.randn(5, 50).bfloat16()
    found = losses.forward_kl(student, teacher)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, losses.forward_kl(student.float(), teacher.float()))


def test_the_mean_is_over_the_tokens_that_are_told_and_nothing_over_none():
    assert losses.mean_over_tokens(torch.tensor([1.0, 2.0]), 6).item() == 0.5
    assert losses.mean_over_tokens(torch.zeros(0), 0).item() == 0.0
