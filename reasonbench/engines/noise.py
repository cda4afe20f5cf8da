"""Gumbel noise that depends on (seed, step, token) alone.

``argmax(logits + gumbel)`` is a draw from ``softmax(logits)``.  The noise comes from a
counter-based generator: each (seed, step) is mixed into a 64-bit key that starts a
SplitMix64 stream, and a token's noise is the element of that stream at its id.  No state
is kept, so a row draws the same tokens alone as among 512 others, on any device, and can
be drawn again after an interruption.

Seeds may be neighbours (``base + i``): the key is mixed twice before the stream starts,
so that neighbouring seeds and steps share no structure.
"""

import torch

_GAMMA = -7046029254386353131  # 0x9E3779B97F4A7C15, SplitMix64's increment, as int64
_STEP = -3335678366873096957  # 0xD1B54A32D192ED03, another odd constant far from it
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB
_BITS = 56
"""Random bits kept of each 64-bit word."""
_BELOW_ONE = 1 - 2**-24
"""Largest float32 below one."""


def _mix_(x: torch.Tensor) -> torch.Tensor:
    """SplitMix64's finaliser, in place; torch shifts arithmetically, hence the masks."""
    high = x >> 30
    x.bitwise_xor_(high.bitwise_and_((1 << 34) - 1)).mul_(_MIX_1)
    torch.bitwise_right_shift(x, 27, out=high)
    x.bitwise_xor_(high.bitwise_and_((1 << 37) - 1)).mul_(_MIX_2)
    torch.bitwise_right_shift(x, 31, out=high)
    return x.bitwise_xor_(high.bitwise_and_((1 << 33) - 1))


def seed_keys(seeds: torch.Tensor) -> torch.Tensor:
    """Return one 64-bit key a seed (int64, shape R)."""
    return _mix_(seeds * _GAMMA + _GAMMA)


def gumbel(keys: torch.Tensor, step: int, vocab_size: int) -> torch.Tensor:
    """Return float32 Gumbel noise of shape (R, vocab_size).

    Args:
        keys: what ``seed_keys`` made of the rows' seeds.
        step: 0 for the first token of a completion.
        vocab_size: tokens that get noise; token ``t``'s does not depend on it.
    """
    streams = _mix_(keys + (step + 1) * _STEP % 2**63)
    tokens = torch.arange(1, vocab_size + 1, device=keys.device) * _GAMMA
    words = _mix_(streams[:, None] + tokens)
    words.bitwise_right_shift_(64 - _BITS).bitwise_and_((1 << _BITS) - 1)
    # v lies in (0, 1).  The tail that wins an argmax is v near 0, where a float is finest:
    # with log(-log1p(-v)) no probability below 2**-24 is lost, as it would be near 1.
    v = words.to(torch.float32).add_(0.5).mul_(2.0**-_BITS).clamp_(max=_BELOW_ONE)
    return v.neg_().log1p_().neg_().log_().neg_()
