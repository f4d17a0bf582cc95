"""The verdict on one run by itself, relative to its own past (clauses D3, D4, D6)."""

import math
from dataclasses import dataclass

import numpy as np

from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.rises import (
    ABOVE_BEFORE,
    IN_A_ROW,
    Rise,
    central,
    final_level,
    first_rise,
    highest,
    stake,
)

Array = np.ndarray

EARLY, MID = "unstable early", "unstable in mid training"
TOO_SHORT, TOO_RARE = "too short to tell", "evaluated too rarely to tell"
VERDICTS = ("stable", EARLY, MID, TOO_SHORT, TOO_RARE)

# Ours, as the constants of `rises`.
LEARNT = 0.7  # the loss has come down once it is below this share of the start
ENOUGH_ENTRIES = 50  # with fewer a run is too short to be called stable
FIRST_STEPS, OFTEN = 100, 4  # an early blow-up shows only if the first steps have an entry every few steps


@dataclass(frozen=True)
class Finding:
    """What one run's log shows by itself (playbook D3, D4)."""

    verdict: str  # one of VERDICTS
    since: int | None = None  # the step at which the loss begins to go up
    back_at: int | None = None  # the step from which on it is down again where it was
    harmed: bool | None = None  # at the end it has not come back; None: no rise was seen
    evidence: tuple[str, ...] = ()  # sentences

    @property
    def unstable(self) -> bool:
        """Whether a spike was seen: the loss went up, not down, during a period of training."""
        return self.verdict in (EARLY, MID)


def judge(log: Log) -> Finding:
    """Whether a run is stable, unstable early or in mid training, since when, and whether that harmed it.

    Two things are told apart: a spike was seen (the verdict), and training was harmed (at its end the loss
    has not come back to where it was before, or has not come down from where it began). The start is a single
    entry: one that is low by chance, as in batches of one or two, can pass for an early rise.

    Args:
        log: training loss at every step, or every few.

    Returns:
        The finding. A run without a rise is called stable only if there is enough to see: at least 50
        entries, and in the first 100 steps one at least every 4 (ours; playbook D6 evaluates every step).

    Example:
        >>> steps = np.arange(200)
        >>> finding = judge(Log(2.3 * np.exp(-steps / 50) + 40 * (abs(steps - 8) < 5)))
        >>> finding.verdict, finding.since, finding.back_at, finding.harmed
        ('unstable early', 4, 13, False)

    Source: playbook D3, D4 and D6; how well it does is measured in lesson 08.
    """
    rise = first_rise(log.loss)
    if rise is None:
        return _without_a_rise(log)
    verdict = MID if came_down(log.loss, rise.since) else EARLY
    unharmed = _down_again(log.loss, rise) if verdict == MID else _learnt(log.loss)
    back = _back(log.loss, rise) if final_level(log.loss) <= unharmed else None
    return Finding(
        verdict,
        int(log.step[rise.since]),
        None if back is None else int(log.step[back]),
        back is None,
        tuple(_evidence(log, rise, verdict, back)),
    )


def came_down(loss: Array, since: int) -> bool:
    """Whether the loss had come down before a rise: then it is one of mid training, otherwise early (D4).

    Ours: there are at least 20 entries before it, and the median of the last 20 is below 0.7 of the start.

    Example:
        >>> came_down(np.geomspace(3, 0.3, 100), since=10), came_down(np.geomspace(3, 0.3, 100), since=80)
        (False, True)
    """
    return since >= 20 and central(np.median, loss[since - 20 : since]) < _learnt(loss)


def sees_the_start(log: Log) -> bool:
    """Whether an early blow-up would show: the first 100 steps have an entry at least every 4 (playbook D6).

    Example:
        >>> sees_the_start(Log([2.0, 1.0], step=[0, 4])), sees_the_start(Log([2.0, 1.0], step=[0, 50]))
        (True, False)
    """
    first = log.step[: np.searchsorted(log.step, FIRST_STEPS) + 1]
    return bool(first[0] <= OFTEN and (np.diff(first) <= OFTEN).all())


def _learnt(loss: Array) -> float:
    """The level below which the loss has come down from where it began."""
    start = float(loss[0])
    return start - (1 - LEARNT) * abs(start) if math.isfinite(start) else -math.inf


def _down_again(loss: Array, rise: Rise) -> float:
    """The level at which the loss is back where it was before a rise."""
    if not np.isfinite(rise.before):
        return -np.inf
    return rise.before + ABOVE_BEFORE * (
        stake(loss, rise.before, abs(float(loss[0]))) if rise.before < loss[0] else 0
    )


def _back(loss: Array, rise: Rise) -> int | None:
    """The first place after the rise that is down again and has no four in a row above it from there on."""
    after = np.where(np.isfinite(loss[rise.since :]), loss[rise.since :], np.inf)
    level = _down_again(loss, rise)
    lowest = -highest(-after, min(IN_A_ROW[0], len(after)))
    above = np.flatnonzero(lowest > level)[-1:]
    first = int(above[0]) + IN_A_ROW[0] if above.size else 1
    down = np.flatnonzero(after[first:] <= level)[:1]
    return rise.since + first + int(down[0]) if down.size else None


def _without_a_rise(log: Log) -> Finding:
    if len(log) < ENOUGH_ENTRIES:
        need = f"no rise is seen, but {ENOUGH_ENTRIES} entries are needed to tell, and the log has {len(log)}"
        return Finding(TOO_SHORT, evidence=(f"{need} (D6)",))
    if not sees_the_start(log):
        gap = f"no rise is seen, but the first {FIRST_STEPS} steps have gaps of more than {OFTEN} steps"
        return Finding(TOO_RARE, evidence=(f"{gap}: a blow-up within the first steps would not show (D6)",))
    first, last = log.loss[0], final_level(log.loss)
    return Finding("stable", evidence=(f"the loss goes from {first:.3g} to {last:.3g} without a rise (D3)",))


def _evidence(log: Log, rise: Rise, verdict: str, back: int | None) -> list[str]:
    """What speaks for the verdict, each sentence with its clause."""
    after, at, start, final = log.loss[rise.since :], log.step[rise.since], log.loss[0], final_level(log.loss)
    if np.isfinite(after).all():
        rises = f"from step {at} on the loss goes up, from {rise.before:.3g} to {after.max():.3g} (D3)"
    else:
        broken = log.step[rise.since + int(np.argmax(~np.isfinite(after)))]
        rises = f"from step {at} on the loss goes up; at step {broken} it is not finite (D3)"
    learnt = f"come down by {1 - LEARNT:.0%} from its start"
    if verdict == MID:
        came = f"before that it had come down from {start:.3g}: mid training (D4)"
    elif rise.since < 20:
        came = "that is within its first 20 entries: early (D4)"
    else:
        came = f"before that it had not {learnt}, {start:.3g}: early (D4)"
    if back is not None:
        ends = f"from step {log.step[back]} on it is down again where it was"
    elif not np.isfinite(final):
        ends = "at the end it is not finite"
    elif not np.isfinite(start):
        ends = (
            f"at the end it is at {final:.3g}, but there is no finite start that it could have come back to"
        )
    else:
        ends = f"at the end it is at {final:.3g} and has not {'come back' if verdict == MID else learnt}"
    return [rises, came, ends]
