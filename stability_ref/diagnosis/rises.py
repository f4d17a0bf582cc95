"""A rise of the loss (clause D3): several entries in a row are higher than before, by more than noise.

It may rise above where it began, before anything is learnt, or above what it had reached.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import require

Array = np.ndarray

# Ours: chosen on the labelled runs of experiments/labelled_runs.py that are not held out, and two of them,
# BLATANT and SMALL, for the real blow-up in experiments/logs.
IN_A_ROW = (4, 16)  # entries that are all raised: one hard batch is no period of training
ABOVE_START = 0.5  # a rise above the start is at least this share of the start
BLATANT, BY = 3.0, 50  # so many times the start within so many entries is a rise if the run comes back below
ABOVE_BEFORE = 0.25  # a later rise undoes at least this share of what had been gained
LEAST_STAKE = 0.4  # of the start, where less had been gained
NOISES = 3.0  # a rise above the start is more than so many times the noise
CHANCE = 1 / 1000  # how often noise alone may pass for a later rise, at one width of blocks
PARTS = 8  # of a run, which are compared with one another for a slow rise
SMALL = 0.1  # losses below this share of the start tell nothing about the noise there


class Rise(NamedTuple):
    """A period in which the loss goes up."""

    since: int  # place of the first raised entry
    before: float  # the level that it rises from: the start, or the median just before


def first_rise(loss: Any) -> Rise | None:
    """The first rise of the loss that is neither small nor noise (playbook D3); None if there is none.

    Criterion (ours), on single entries and on medians y of blocks of 4, 16, 64, … entries:

    - above the start l_0: four in a row are above 1.25 l_0, and the mean of log(y / l_0) is above log 1.5
      and above 3 ρ (1 + 1/√w) for the w entries in all, where ρ is the noise relative to the level: in the
      quietest tenth of the run for single entries, in its typical part for blocks, without losses below
      a tenth of the start;
    - or, however noisy: among the first 50 entries four in a row are above 3 l_0, and the run ends below l_0;
    - above what it was before: r = 4 or 16 in a row are higher than every one of the k before them, and
      higher than their median by a quarter of what had been gained. k is such that independent noise of any
      distribution would do this in one of 1000 runs: the highest r of k + r entries come last once in
      (k + r over r) times;
    - slowly: of the eighths of a run, one has its lower quartile above the upper quartile of an earlier one,
      and its median higher by a quarter of what had been gained.

    An entry that is not finite counts as infinitely high, and is a rise.

    Args:
        loss: training loss, shape (N,).

    Raises:
        ValueError: if loss is not a list of at least one number.

    Example:
        >>> first_rise([3.0, 2.0, 1.0, 1.0, np.inf]).since
        4
    """
    loss = np.asarray(loss, dtype=float)
    require(loss.ndim == 1 and loss.size, "loss", "a list of at least one number", loss.shape)
    broken = np.flatnonzero(~np.isfinite(loss))[:1]
    found = [Rise(int(place), _level_before(loss, int(place))) for place in broken]
    if np.isfinite(loss[0]):
        bounded, power = _bounded(loss)
        scale = abs(bounded[0]) or 1.0
        rises = [*_tripled(bounded, scale), *_slowly_above(bounded, scale)]
        (quiet, typical), width = _noise(bounded), 1
        while len(loss) > IN_A_ROW[0] * width:
            blocks = bounded[: len(loss) // width * width].reshape(-1, width)
            medians = np.median(blocks, axis=1) if width > 1 else bounded
            rises += _above_start(bounded, medians, width, scale, quiet if width == 1 else typical)
            rises += [rise for row in IN_A_ROW for rise in _above_before(bounded, medians, width, scale, row)]
            width *= 4
        found += [Rise(rise.since, math.ldexp(rise.before, power)) for rise in rises]
    return min(found, default=None)


def final_level(loss: Array) -> float:
    """The mean of the last twentieth of the entries, at least ten; infinite if one of them is not finite."""
    tail = loss[-max(10, len(loss) // 20) :]
    return central(np.mean, tail) if np.isfinite(tail).all() else np.inf


def _above_start(loss: Array, medians: Array, width: int, scale: float, noise: float) -> list[Rise]:
    """The first four blocks in a row that lie far above the start, if there are such."""
    row, start = IN_A_ROW[0], loss[0]
    excess = np.log1p(np.maximum(medians - start, -0.99 * scale) / scale)
    sums = np.cumsum(np.insert(excess, 0, 0.0))
    far = max(np.log1p(ABOVE_START), NOISES * noise * (1 + (row * width) ** -0.5))
    all_above = -highest(-medians, row) > start + ABOVE_START / 2 * scale
    places = np.flatnonzero(all_above & ((sums[row:] - sums[:-row]) / row > far))[:1] * width
    bound = start + ABOVE_START / 2 * scale
    return [Rise(_since(loss, int(place), row * width, bound), float(start)) for place in places]


def _tripled(loss: Array, scale: float) -> list[Rise]:
    """The first four entries in a row above three times the start, early in a run that ends below it."""
    row, start = IN_A_ROW[0], loss[0]
    lowest = -highest(-loss[: BY + row], row)
    places = np.flatnonzero(lowest > start + (BLATANT - 1) * scale)[:1]
    bound = start + ABOVE_START / 2 * scale
    ends_below = final_level(loss) < start
    return [Rise(_since(loss, 0, int(place) + row, bound), float(start)) for place in places if ends_below]


def _above_before(loss: Array, medians: Array, width: int, scale: float, row: int) -> list[Rise]:
    """The first blocks in a row that lie far above all those just before, if there are such."""
    past = 1
    while math.comb(past + row, row) < len(medians) / CHANCE:
        past += 1
    if len(medians) < past + row:
        return []
    lowest_now = -highest(-medians, row)[past:]
    above_all = lowest_now > highest(medians, past)[: len(lowest_now)]
    lowest_before = -highest(-medians, past)[: len(lowest_now)]
    # A median that is far below has an entry far below.
    above_all &= lowest_now - lowest_before > ABOVE_BEFORE * LEAST_STAKE * scale
    for place in np.flatnonzero(above_all):
        before, now = np.median(medians[place : place + past]), lowest_now[place]
        if now - before > ABOVE_BEFORE * stake(loss, before, scale):
            first = (int(place) + past) * width
            return [Rise(_since(loss, first, row * width, (before + now) / 2), float(before))]
    return []


def _slowly_above(loss: Array, scale: float) -> list[Rise]:
    """The first eighth of the run that lies far above an earlier one, if there is such."""
    width = len(loss) // PARTS
    if width < IN_A_ROW[1]:
        return []
    parts = loss[: PARTS * width].reshape(PARTS, width)
    lower, median, upper = np.quantile(parts, [0.25, 0.5, 0.75], axis=1)
    for now in range(1, PARTS):
        best = int(np.argmin(median[:now]))
        before, rise = float(median[best]), median[now] - median[best]
        if lower[now] > upper[best] and rise > ABOVE_BEFORE * stake(loss, before, scale):
            return [Rise(_since(loss, now * width, width, before + rise / 2), before)]
    return []


def _since(loss: Array, first: int, entries: int, bound: float) -> int:
    """The first of these entries that is above the bound."""
    return first + int(np.argmax(loss[first : first + entries] > bound))


def stake(loss: Array, before: float, scale: float) -> float:
    """What had been gained before a rise, but not too little of the start: a small gain is soon undone."""
    return max(float(loss[0]) - before, LEAST_STAKE * scale)


def highest(values: Array, width: int) -> Array:
    """The highest of each `width` consecutive values, shape (N − width + 1,)."""
    span = 1
    while 2 * span <= width:
        values = np.maximum(values[:-span], values[span:])
        span *= 2
    rest = width - span
    return np.maximum(values[: len(values) - rest], values[rest:])


def _noise(loss: Array, block: int = 8) -> Array:
    """Noise relative to the level in the quietest tenth of the blocks, where no blow-up is, and typically.

    Blocks below a tenth of the start do not count: near 0 the noise of a loss is as large as the loss itself.
    """
    blocks = (len(loss) - 1) // block
    level = np.abs(loss[: blocks * block]).reshape(blocks, block).mean(axis=1)
    near = level > SMALL * abs(loss[0])
    if not near.any():
        return np.zeros(2)
    differences = np.diff(loss)[: blocks * block].reshape(blocks, block)[near]
    return np.quantile(np.sqrt((differences**2).mean(axis=1) / 2) / level[near], [0.1, 0.5])


def _level_before(loss: Array, place: int) -> float:
    """The median of the last twenty entries before a place; infinite if there is none."""
    return central(np.median, loss[max(0, place - 20) : place]) if place else np.inf


def _bounded(loss: Array) -> tuple[Array, int]:
    """The loss times a power of two that brings the start near 1, within bounds, and the power to undo it.

    So no sum or square of losses overflows, and none is changed by rounding.
    """
    power = int(np.frexp(loss[0])[1])
    with np.errstate(over="ignore"):
        near_one = np.ldexp(loss, -power)
    highest = near_one[0] + 1e6 * (abs(near_one[0]) or 1.0)
    return np.clip(np.where(np.isfinite(loss), near_one, np.inf), -1e100, highest), power


def central(statistic: Callable[[Array], Any], values: Array) -> float:
    """Mean or median, also of numbers whose sum is too large for a float; NaN stays NaN."""
    power = int(np.frexp(np.abs(values).max())[1])
    return math.ldexp(float(statistic(np.ldexp(values, -power))), power)
