"""The two questions on clipping that the playbook leaves open, answered by experiment (clause C7).

One: does clipping help during warmup? Two: does an adaptive threshold help, where a fixed one would do? The
networks are small, the runs short: 225 steps, 75 of them warmup, far more than the playbook's 10 % (W4). A
trial counts as trained if it ends with less than a fifth of the test set wrong. What comes out is plain data;
`clipping_tables` makes tables of it.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.adaptive_clipping import running_percentile, unit_wise
from stability_ref.checks import known, whole_number
from stability_ref.clipping import threshold_at_percentile
from stability_ref.problems import DigitsProblem
from stability_ref.schedules import Schedule, cosine, prepend_warmup
from stability_ref.training import OnStep, Record, train_all

Array = np.ndarray

STEPS, WARMUP = 225, 75
RATES = 10.0 ** np.arange(-3, 0.25, 0.5)  # seven, from 0.001 to 1
TRAINED = 0.2  # the largest final test error of a trial that counts as trained
MOST = 0.8  # the share of the seeds that must have trained for a setting to be usable
SPIKES = (90, 120, 150, 180)  # the steps in which two images are far too bright


class SpikedDigits(DigitsProblem):
    """The digits with sudden spikes (C6): in a few steps two images of the batch are 40 times as bright.

    Args:
        spikes: the steps, counted from 0.
        options: further arguments of `DigitsProblem`.

    Raises:
        ValueError: naming the argument that is wrong.
    """

    def __init__(self, spikes: Sequence[int], **options: Any):
        super().__init__(**options)
        self._spikes = np.array([whole_number("spikes", step, minimum=0) for step in spikes], dtype=int)
        self._shown = np.concatenate([self._images, 40 * self._images])
        self._labelled = np.concatenate([self._targets, self._targets])

    def batches(self, seed: int, steps: int) -> Array:
        """The usual rows; in the spiked steps two of them point to the bright images."""
        rows = super().batches(seed, steps).copy()
        rows[self._spikes[self._spikes < steps], :2] += self.examples
        return rows

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """As usual; evaluations see no bright image."""
        return self.network.loss_and_gradient(theta, self._shown[rows], self._labelled[rows], self._loss)


class Case(NamedTuple):
    """A network, and how it is trained where nothing else is said."""

    net: Callable[[], DigitsProblem]
    threshold: float  # λ by clause C3, from `surviving_threshold` over ten seeds
    warmup: int = 0


def _digits(block: str, blocks: int, **options: Any) -> Callable[[], DigitsProblem]:
    return lambda: DigitsProblem(block, blocks, batch_size=32, **options)


def _spiked() -> DigitsProblem:
    return SpikedDigits(SPIKES, block="plain", blocks=4, gain=0.5, batch_size=32)


CASES: dict[str, Case] = {
    "no norm": Case(_digits("plain", 12), threshold=64),
    "post-norm": Case(_digits("post", 8, head_gain=8), threshold=8.5),
    "sick twin": Case(_digits("pre", 4, final_norm_gain=4, head_gain=1 / 4), threshold=4.8),
    "post-norm, warmup": Case(_digits("post", 6, head_gain=8), threshold=9.2, warmup=WARMUP),
    "spikes": Case(_spiked, threshold=1.9),
    "pre-norm": Case(_digits("pre", 4), threshold=1.1),
}


class Outcome(NamedTuple):
    """What became of one setting, over S seeds."""

    net: str  # a name in CASES
    way: str  # how it was clipped and warmed up
    rate: float
    test_error: Array  # (S,) the final one; 1 where the run ended in NaN
    peak: Array  # (S,) highest loss of a batch over the first one; inf where it was not finite
    clipped: Array  # (S,) share of the updates that were clipped

    @property
    def trained(self) -> Array:
        """(S,) whether each seed trained."""
        return self.test_error < TRAINED

    @property
    def usable(self) -> bool:
        """Whether most seeds trained."""
        return bool(self.trained.mean() >= MOST)

    @property
    def median_error(self) -> float:
        """The median over the seeds of the final test error."""
        return float(np.median(self.test_error))


def surviving_threshold(name: str, seeds: Sequence[int]) -> float:
    """Clause C3 on a case: the 90th percentile of the unclipped norms at the highest rate that survives.

    Ours: a rate survives if every seed trains.

    Args:
        name: one of CASES.
        seeds: S whole numbers.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    record = _train(name, [_schedule(rate, _case(name).warmup) for rate in RATES], seeds)
    survives = (record.final_test_error < TRAINED).all(axis=0)
    return threshold_at_percentile(record.gradient_norm[:, np.flatnonzero(survives)[-1]])


# --- One: clipping during warmup ----------------------------------------------------------------------------


class Way(NamedTuple):
    """Whether a run is warmed up, and in which steps it is clipped to which share of λ."""

    warmup: bool
    when: tuple[int, int] = (0, 0)  # the first step that is clipped and the first one after
    share: float = 1


ALWAYS, DURING, AFTER = (0, STEPS), (0, WARMUP), (WARMUP, STEPS)
WAYS: dict[str, Way] = {
    "nothing": Way(False),
    "warmup": Way(True),
    "clipping": Way(False, ALWAYS),
    "warmup, clipping throughout": Way(True, ALWAYS),
    "warmup, clipping during it": Way(True, DURING),
    "warmup, clipping after it": Way(True, AFTER),
    "clipping at λ/4": Way(False, ALWAYS, 1 / 4),
    "warmup, clipping throughout at λ/4": Way(True, ALWAYS, 1 / 4),
    "warmup, clipping during it at λ/4": Way(True, DURING, 1 / 4),
    "warmup, clipping after it at λ/4": Way(True, AFTER, 1 / 4),
}
CLEAR_RATES: dict[str, tuple[float, ...]] = {  # few enough to be run in a lesson
    "no norm": (0.013,),
    "sick twin": (0.5,),
}
WARMUP_RATES: dict[str, tuple[float, ...]] = {  # where warmup is enough, and where it is not
    "no norm": (0.005, 0.013, 0.02),
    "post-norm": (0.03, 0.06, 0.1),
    "sick twin": (0.5, 0.8, 1.0),
}


def in_warmup(
    seeds: Sequence[int],
    rates: Mapping[str, Sequence[float]] = WARMUP_RATES,
    ways: Mapping[str, Way] = WAYS,
    on_step: OnStep | None = None,
) -> list[Outcome]:
    """Train every net at its rates in every way: with warmup, with clipping, with both, with half of both.

    All runs are equally long: warmup takes its steps from the decay that follows.

    Args:
        seeds: S whole numbers.
        rates: for each net its base learning rates.
        ways: by name, see `WAYS`.
        on_step: as in `training.run`, once for each net.

    Returns:
        An outcome for each net, rate and way, in that order.

    Raises:
        ValueError: naming the argument that is wrong.
        KeyboardInterrupt: if it is stopped: a table of half a run would mislead.
    """
    outcomes = []
    for name, some in rates.items():
        settings = [(way, rate) for rate in some for way in ways]
        schedules = [_schedule(rate, WARMUP * ways[way].warmup) for way, rate in settings]
        limits = [_while(_case(name).threshold, ways[way]) for way, _ in settings]
        record = _train(name, schedules, seeds, on_step, clip_threshold=_together(limits))
        outcomes += _outcomes(name, settings, record)
    return outcomes


def _while(threshold: float, way: Way) -> Schedule:
    """λ or a share of it while the way clips, inf where it does not."""
    start, end = way.when
    return lambda t: threshold * way.share if start <= t < end else math.inf


# --- Two: an adaptive threshold -----------------------------------------------------------------------------

SHARES = {"4 λ": 4, "λ": 1, "λ/4": 1 / 4, "λ/16": 1 / 16}
PERCENTILES = (50, 90)
RATIOS = (0.01, 0.04, 0.16, 0.64)


def clippings(name: str) -> dict[str, dict[str, Any]]:
    """The ways of clipping that are compared on a case: the arguments of `training.run` by name.

    Example:
        >>> list(clippings("pre-norm"))[:5]
        ['unclipped', '4 λ', 'λ', 'λ/4', 'λ/16']
    """
    net, threshold, _ = _case(name)
    network = net().network
    return {
        "unclipped": {},
        **{share: {"clip_threshold": factor * threshold} for share, factor in SHARES.items()},
        **{f"percentile {p}": {"clipping": running_percentile(p)} for p in PERCENTILES},
        **{f"AGC {ratio:g}": {"clipping": unit_wise(network, ratio)} for ratio in RATIOS},
    }


def adaptive(
    seeds: Sequence[int],
    names: Iterable[str] = tuple(CASES),
    ways: Collection[str] | None = None,
    on_step: OnStep | None = None,
) -> list[Outcome]:
    """Sweep RATES on every case with every way of clipping.

    Args:
        seeds: S whole numbers.
        names: which of CASES.
        ways: which of `clippings`; all of them if left out.
        on_step: as in `training.run`, once for each case and way.

    Returns:
        An outcome for each case, way and rate, in that order.

    Raises:
        ValueError: naming the argument that is wrong.
        KeyboardInterrupt: if it is stopped.
    """
    outcomes = []
    for name in names:
        schedules = [_schedule(rate, _case(name).warmup) for rate in RATES]
        for way, options in clippings(name).items():
            if ways is None or way in ways:
                record = _train(name, schedules, seeds, on_step, **options)
                outcomes += _outcomes(name, [(way, float(rate)) for rate in RATES], record)
    return outcomes


# --- What both share ----------------------------------------------------------------------------------------


def _case(name: str) -> Case:
    known("a case", name, CASES)
    return CASES[name]


def _train(
    name: str,
    schedules: Sequence[Schedule],
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    **options: Any,
) -> Record:
    return train_all(_case(name).net(), _together(schedules), STEPS, seeds, on_step, **options)


def _schedule(rate: float, warmup: int) -> Schedule:
    return prepend_warmup(cosine(rate, STEPS - warmup), warmup)


def _together(schedules: Sequence[Schedule]) -> Schedule:
    """One schedule of many settings."""
    return lambda t: np.array([schedule(t) for schedule in schedules])


def _outcomes(name: str, settings: Sequence[tuple[str, float]], record: Record) -> list[Outcome]:
    with np.errstate(all="ignore"):
        peak = record.loss.max(axis=-1) / record.loss[..., 0]
    peak = np.nan_to_num(peak, nan=math.inf)
    return [
        Outcome(
            name, way, rate, record.final_test_error[:, r], peak[:, r], record.clipped[:, r].mean(axis=-1)
        )
        for r, (way, rate) in enumerate(settings)
    ]
