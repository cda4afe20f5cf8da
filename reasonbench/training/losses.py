"""The losses, each from its paper's formula, on the logits of the tokens that count.

All of them take logits ``(N, V)`` of the N loss tokens and return ``(N,)`` in nats; the mean
over the loss tokens of an optimizer step is the caller's (`mean_over_tokens`). Gradients flow
to the student only. Logits in half precision are taken up to float32 first.

``top_k`` takes a divergence over the k likeliest tokens of the *teacher* and one more event,
"any other token". That is a divergence between two coarser distributions, so it is never
negative, zero at equality, grows with k up to the full one, and sees a student that puts its
mass elsewhere, which renormalising both over the k tokens would not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

IGNORED = -100
"""Label of a token that no loss is taken on."""


def nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of the targets."""
    return cross_entropy(_wide(logits), targets, reduction="none")


def gem(logits: Tensor, targets: Tensor, beta: float) -> Tensor:
    """GEM (arXiv 2408.16673) with its linear h: -(log f(y) - E_q[log f]).

    q is the best answer of the inner player, proportional to f^(1/beta), and constant for the
    gradient: the target takes mass from the tokens that the student itself likes, not from
    all. At ``beta`` 1 the gradient is that of the likelihood; at 0 q is the likeliest token.
    """
    scores = _log_softmax(logits)
    with torch.no_grad():
        if beta == 0:
            inner = torch.zeros_like(scores).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)
        else:
            inner = torch.softmax(scores / beta, dim=-1)
    expected = (inner * _finite(scores)).sum(-1)
    return expected - scores.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def entropy(logits: Tensor) -> Tensor:
    """Entropy of the next token."""
    scores = _log_softmax(logits)
    return -(scores.exp() * _finite(scores)).sum(-1)


def entropy_bonus(logits: Tensor, targets: Tensor, coefficient: float) -> Tensor:
    """Negative log-likelihood less ``coefficient`` times the student's entropy."""
    return nll(logits, targets) - coefficient * entropy(logits)


def forward_kl(student: Tensor, teacher: Tensor, top_k: int = 0) -> Tensor:
    """KL(teacher || student): mass that the teacher has and the student lacks is dear."""
    s, t = _both(student, teacher, top_k)
    return _kl(t, s)


def reverse_kl(student: Tensor, teacher: Tensor, top_k: int = 0) -> Tensor:
    """KL(student || teacher): mass that the student has and the teacher lacks is dear."""
    s, t = _both(student, teacher, top_k)
    return _kl(s, t)


def generalised_jsd(student: Tensor, teacher: Tensor, beta: float, top_k: int = 0) -> Tensor:
    """Generalised Jensen-Shannon divergence with weight ``beta``, as in GKD (arXiv 2306.13649).

    beta KL(teacher || m) + (1 - beta) KL(student || m), where m = beta teacher + (1 - beta)
    student. It falls to zero at both ends: divided by ``beta`` it tends to the forward KL as
    ``beta`` goes to 0, and divided by ``1 - beta`` to the reverse KL as ``beta`` goes to 1.

    Raises:
        ValueError: ``beta`` is not between 0 and 1, both left out.
    """
    if not 0 < beta < 1:
        raise ValueError(f"beta of a JSD must lie between 0 and 1, got {beta}")
    s, t = _both(student, teacher, top_k)
    weight = torch.tensor(beta, dtype=s.dtype, device=s.device)
    mixture = torch.logaddexp(s + torch.log1p(-weight), t + torch.log(weight))
    return beta * _kl(t, mixture) + (1 - beta) * _kl(s, mixture)


def mean_over_tokens(losses: Tensor, n_tokens: Tensor | int) -> Tensor:
    """The sum over ``n_tokens``, those of the whole optimizer step; 0 where there are none."""
    return losses.sum() / torch.as_tensor(n_tokens, device=losses.device).clamp(min=1)


def _wide(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _log_softmax(logits: Tensor) -> Tensor:
    return log_softmax(_wide(logits), dim=-1)


def _finite(scores: Tensor) -> Tensor:
    # A token of chance zero adds nothing, where 0 times -inf would add nan.
    return scores.clamp(min=torch.finfo(scores.dtype).min)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) of log-probabilities, summed over the last axis."""
    return (p.exp() * (_finite(p) - _finite(q))).sum(-1)


def _both(student: Tensor, teacher: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    s, t = _log_softmax(student), _log_softmax(teacher.detach())
    if not 0 < top_k < t.shape[-1]:
        return s, t
    kept = t.topk(top_k, dim=-1).indices
    return _with_rest(s, kept), _with_rest(t, kept)


def _with_rest(scores: Tensor, kept: Tensor) -> Tensor:
    """The kept log-probabilities, and that of all the others together as one more."""
    # A sum over the others themselves: 1 less the kept ones' sum would lose a small rest.
    others = scores.scatter(-1, kept, float("-inf"))
    rest = torch.logsumexp(others, dim=-1, keepdim=True)
    return torch.cat((scores.gather(-1, kept), rest), dim=-1)
