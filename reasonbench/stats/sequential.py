"""Gates that may decide before all completions are drawn.

A round is one completion of each problem from each model; d is B's result minus A's,
-1, 0 or 1. The question is this list of problems: the mean over them of the chances.
PASS rejects delta <= -margin, FAIL rejects delta >= -margin.

Invariants: rounds that come after a decision change nothing; a gate that has not
decided when its rounds are over is UNDECIDED, which is not a pass. Not covered: rounds
with missing results, and the superpopulation question, which is `gate_paired`'s.

Array names carry their axes as a suffix: R rounds, P problems, L values of lambda, Q
quadrature nodes.
"""

from __future__ import annotations

import functools
import math
from typing import Final, Literal, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from reasonbench.stats.checks import FloatArray, check_alpha, check_count, check_number

PASS: Final = "PASS"
FAIL: Final = "FAIL"
CONTINUE: Final = "CONTINUE"
UNDECIDED: Final = "UNDECIDED"

OBRIEN_FLEMING: Final = "obrien_fleming"
E_PROCESS: Final = "e_process"

_BETS = 24
_LEAST_BET, _LARGEST_BET = 2.0**-10, 0.75
"""Bets, log-spaced, as shares of the largest that cannot lose everything."""

_NODES = 300


class SequentialGate(NamedTuple):
    """What a gate says after the rounds so far."""

    decision: str
    """`PASS`, `FAIL`, `CONTINUE`, or `UNDECIDED` at the last round."""
    rounds_used: int
    """Rounds that were needed for it; all that were given if there is no decision."""
    wealth: FloatArray
    """Evidence for PASS after each round: e-value, or z over its boundary; shape (R,)."""
    wealth_fail: FloatArray
    """The same for FAIL."""
    threshold: float
    """What either must reach: 1/alpha for the e-process, 1 for O'Brien-Fleming."""
    delta: float
    """Mean of d over the rounds used; biased by stopping, so descriptive."""


def gate_sequential(
    rounds: npt.ArrayLike,
    margin: float,
    alpha: float,
    method: Literal["obrien_fleming", "e_process"] = OBRIEN_FLEMING,
    *,
    n_max: SupportsIndex | None = None,
) -> SequentialGate:
    """Decide after each round whether B is worse than A by less than a margin.

    Parameters:
        rounds (array_like of float, shape (R, m)): d of each problem in each round so far, in
            [-1, 1]. Results are independent between rounds and between problems.
        margin (float): Loss that would still be accepted, in [0, 1).
        alpha (float): Chance at most of a false PASS, and of a false FAIL, in (0, 1/2).
        method (str): ``obrien_fleming`` needs n_max to be fixed beforehand; ``e_process`` may be
            extended for as long as one likes.
        n_max (int, optional): Rounds after which the gate ends; required by ``obrien_fleming``,
            whose boundary depends on it. Without it an ``e_process`` never ends undecided.

    Returns:
        SequentialGate: Without a decision, `CONTINUE` while more rounds may come and
            `UNDECIDED` when n_max of them are there.

    Raises:
        ValueError: If an entry is NaN or outside [-1, 1], an argument out of range, or more
            rounds are given than n_max.

    Notes:
        E-process: W = the mean, over 24 bets lambda, of prod [1 + lambda (d + margin)] over all
        problems and rounds, looked at after whole rounds only; PASS at W >= 1/alpha. Problems
        differ, so a single factor may have a mean above 1 under the hypothesis; but within a
        round the product of their means is at most (the mean of the means)^m <= 1, so that W
        is an e-process and Ville's inequality holds at any stopping time. FAIL is the mirror.

        O'Brien-Fleming: z = mean (d + margin) over its standard error against c sqrt(n_max / r)
        after round r = 2, 3, ...; c is computed for n_max looks. The standard error is from the
        variance of each problem's d over the rounds, at least that of one discordant result
        among all. That z is normal needs some 20 problems that vary.

        Simulated with n_max 16 and 64, m 30 to 500, alpha = .05, 600 runs: false decisions at the
        margin .03 to .05 (O'Brien-Fleming) and .01 at most (e-process). With B equal to A, m 200
        and 500, O'Brien-Fleming passed in .93 and .97 of the runs, on .60 and .56 of the
        rounds; the e-process in .63 and .71, on .75 and .66: the price of having no end.

    References:
        O'Brien and Fleming (1979), Biometrics 35, 549-556. Waudby-Smith and Ramdas (2024), JRSS
        B 86, 1-27. Ville (1939).
    """
    caller = "gate_sequential"
    d_RP = _check_rounds(rounds, caller)
    check_number(margin, name="margin", caller=caller, least=0.0, most=0.999)
    check_alpha(alpha, caller=caller)
    last = None if n_max is None else check_count(n_max, name="n_max", caller=caller)
    _check_method(method, last, caller)
    if last is not None and len(d_RP) > last:
        raise ValueError(
            f"The 'rounds' parameter of {caller} must have at most n_max={last} rounds. "
            f"Got {len(d_RP)} instead."
        )
    if last is not None and method == OBRIEN_FLEMING:
        for_R, against_R = _obrien_fleming(d_RP + margin, last, alpha)
        threshold = 1.0
    else:
        for_R, against_R = _e_process(d_RP + margin, margin)
        threshold = 1 / alpha
    decision, used = _decide(for_R, against_R, threshold, last)
    delta = float(d_RP[:used].mean()) if used else math.nan
    return SequentialGate(decision, used, for_R, against_R, threshold, delta)


def e_values(excess_RP: FloatArray, largest: float) -> FloatArray:
    """Return W after each round, for tests of mean excess <= 0.

    Parameters:
        excess_RP (ndarray of float64, shape (R, P)): Bounded below by -1 / largest.
        largest (float): The bet at which one result could lose everything.

    Returns:
        ndarray of float64, shape (R,): E-values.

    Notes:
        Bets are 24 log-spaced shares of `largest`, from 2^-10 to 3/4.

    References:
        Waudby-Smith and Ramdas (2024), JRSS B 86, 1-27.
    """
    bet_L = largest * np.geomspace(_LEAST_BET, _LARGEST_BET, _BETS)
    log_RL = np.column_stack([np.log1p(bet * excess_RP).sum(axis=1) for bet in bet_L])
    log_wealth_RL = np.cumsum(log_RL, axis=0)
    return np.asarray(
        np.exp(special.logsumexp(log_wealth_RL, axis=1) - math.log(_BETS)), dtype=np.float64
    )


@functools.lru_cache(maxsize=64)
def obrien_fleming_boundary(looks: int, alpha: float) -> float:
    """Return c: z is compared with c sqrt(looks / r) at look r, one-sided at level alpha.

    Parameters:
        looks (int): Equally spaced looks.
        alpha (float): Chance, under the hypothesis, of crossing at any look, in (0, 1/2).

    Returns:
        float: The normal quantile for one look, and more for several.

    Notes:
        The chance that a random walk with standard normal steps ever passes c sqrt(looks), by
        Gauss-Legendre quadrature of the density of the walks that have not. Two-sided 5 % and 5
        looks give 2.040, as tabulated.

    References:
        Armitage, McPherson and Rowe (1969), JRSS A 132, 235-244. Jennison and Turnbull (2000).
        Group Sequential Methods, table 2.3.
    """
    low = float(special.ndtri(1 - alpha))
    return float(
        optimize.brentq(lambda c: _crossing_chance(c, looks) - alpha, low - 1e-9, low + 1.5)
    )


def _crossing_chance(c: float, looks: int) -> float:
    """Chance that a random walk passes c sqrt(looks) within `looks` steps."""
    bound = c * math.sqrt(looks)
    floor = -8.0 * math.sqrt(looks)
    node_Q, weight_Q = np.polynomial.legendre.leggauss(max(_NODES, 6 * looks))
    place_Q = floor + (bound - floor) * (node_Q + 1) / 2
    weight_Q = weight_Q * (bound - floor) / 2
    density_Q = _normal_density(place_Q)
    crossed = float(special.ndtr(-bound))
    step_QQ = _normal_density(place_Q[:, None] - place_Q[None, :])
    beyond_Q = special.ndtr(place_Q - bound)
    for _ in range(looks - 1):
        crossed += float(weight_Q @ (density_Q * beyond_Q))
        density_Q = step_QQ @ (weight_Q * density_Q)
    return crossed


def _normal_density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return density


def _e_process(excess_RP: FloatArray, margin: float) -> tuple[FloatArray, FloatArray]:
    return e_values(excess_RP, 1 / (1 - margin)), e_values(-excess_RP, 1 / (1 + margin))


def _obrien_fleming(
    excess_RP: FloatArray, last: int, alpha: float
) -> tuple[FloatArray, FloatArray]:
    rounds, problems = excess_RP.shape
    r_R = np.arange(1, rounds + 1)
    mean_RP = np.cumsum(excess_RP, axis=0) / r_R[:, None]
    square_RP = np.cumsum(excess_RP**2, axis=0) / r_R[:, None]
    spread_R = np.maximum(square_RP - mean_RP**2, 0.0).mean(axis=1) * r_R / np.maximum(r_R - 1, 1)
    floor_R = 1 / (r_R * problems)
    z_R = mean_RP.mean(axis=1) / np.sqrt(np.maximum(spread_R, floor_R) / (r_R * problems))
    reached_R = z_R / (obrien_fleming_boundary(last, alpha) * np.sqrt(last / r_R))
    reached_R[:1] = 0.0  # one round tells nothing of the noise between rounds
    return reached_R, -reached_R


def _decide(
    for_R: FloatArray, against_R: FloatArray, threshold: float, last: int | None
) -> tuple[str, int]:
    first = np.flatnonzero((for_R >= threshold) | (against_R >= threshold))
    if first.size:
        r = int(first[0])
        return (PASS if for_R[r] >= against_R[r] else FAIL), r + 1
    return (UNDECIDED if last == for_R.size else CONTINUE), for_R.size


def _check_method(method: str, last: int | None, caller: str) -> None:
    if method not in (OBRIEN_FLEMING, E_PROCESS):
        raise ValueError(
            f"The 'method' parameter of {caller} must be 'obrien_fleming' or 'e_process'. "
            f"Got {method!r} instead."
        )
    if method == OBRIEN_FLEMING and last is None:
        raise ValueError(
            f"The 'n_max' parameter of {caller} must be given for method 'obrien_fleming', whose "
            "boundary depends on the number of rounds planned; 'e_process' needs none. "
            "Got None instead."
        )


def _check_rounds(rounds: npt.ArrayLike, caller: str) -> FloatArray:
    rule = (
        f"The 'rounds' parameter of {caller} must be an array of shape (R, m) with m >= 1 and "
        "numbers in [-1, 1]."
    )
    d_RP = np.asarray(rounds)
    if d_RP.ndim != 2 or d_RP.shape[1] == 0:
        raise ValueError(f"{rule} Got an array of shape {d_RP.shape} instead.")
    if d_RP.dtype.kind not in "iuf":
        raise ValueError(f"{rule} Got an array of dtype {d_RP.dtype} instead.")
    bad = np.argwhere(~(np.abs(d_RP) <= 1))
    if bad.size:
        r, i = bad[0]
        raise ValueError(f"{rule} Got {d_RP[r, i]} in round {r}, problem {i} instead.")
    return d_RP.astype(np.float64)
