"""A labelled set of training runs, to measure how often a diagnosis is right.

Run it as `python -m experiments.labelled_runs`: three minutes on one core; it writes labelled_runs.npz beside
it.

A label follows from how a run was made, never from the criterion that is measured on it. A family is a
network with a rule. Its best rate comes from a sweep on other seeds. A quarter of it is the safe rate, and
a run at the safe rate is stable. A run is made unstable by a rate of 10, 30 or 100 times the best one
(clause D8), at the start or in the middle, for a few steps or for good, or reached by a ramp; or by a few
spoilt batches, with images 40 times as bright and labels drawn at random.

Whether the label could be seen at all is told by the same run left alone: same start, same batches, safe
rate. Where the two hardly differ the case is weak and counted apart; so is a run that should be stable and
rises above the run at a tenth of its rate.

The runs are split by whole nets and rules: the criterion was made on some, its first version was judged on
the families in SEEN_ONCE and then mended for what it had missed there, and the final one was judged on
HELD_OUT.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.provenance import code_hash
from stability_ref.problems import DigitsProblem
from stability_ref.training import Record, run

Array = np.ndarray
HERE = Path(__file__).resolve().parent
STORED = HERE / "labelled_runs.npz"
MADE_BY = (
    "checks",
    "clipping",
    "layers",
    "losses",
    "network",
    "problems",
    "training",
    "updates",
)  # the modules a run depends on

NETS: dict[str, dict[str, Any]] = {
    "pre-norm": {"block": "pre", "blocks": 4},
    "feedforward": {"block": "feedforward", "blocks": 2},
    "no norm": {"block": "plain", "blocks": 4, "gain": 0.5},
    "rezero": {"block": "rezero", "blocks": 4},
    "sick twin": {"block": "pre", "blocks": 4, "final_norm_gain": 4, "head_gain": 1 / 4},
    "post-norm": {"block": "post", "blocks": 6, "head_gain": 2},
    "tanh": {"block": "feedforward", "blocks": 2, "activation": "tanh", "loss": "squared_error"},
    "norm last": {"block": "resn", "blocks": 4},
    "deep and narrow": {"block": "feedforward", "blocks": 5, "width": 16, "activation": "tanh"},
}
RULES = ("sgd", "momentum", "nesterov", "adam", "rmsprop", "nadam")
HELD_OUT = ("norm last", "deep and narrow")  # looked at once, when the criterion was final
SEEN_ONCE = ("post-norm", "tanh", "rmsprop", "nadam")  # held out from its first version, which they improved

STRONG_RISE = 0.5  # of the starting loss, above the run left alone
STRONG_STABLE = 1.25  # of the highest loss at a tenth of the rate, on the same batches
FACTORS = (10, 30, 100)  # times the best rate


@dataclass(frozen=True)
class Label:
    """What is known of a run from how it was made."""

    kind: str  # how it was made, in words
    verdict: str  # stable, unstable early, unstable in mid training
    harmed: bool | None  # against the same run left alone; None where that is not clear, or it is stable
    net: str
    rule: str
    split: str  # chosen on, seen once, held out
    weak: bool
    since: int | None = None  # the step at which the instability was made to begin, where that is known


@dataclass(frozen=True)
class Made:
    """A run and its label."""

    label: Label
    loss: Array  # (T,)


class Changed(DigitsProblem):
    """The digits with some labels drawn at random, or a few spoilt batches: bright images, random labels."""

    def __init__(self, *, random_labels: float = 0, spoilt: range = range(0), **options: Any):
        super().__init__(**options)
        rng = np.random.default_rng(17)
        chosen = rng.random((self.examples, 1)) < random_labels
        drawn = np.eye(10)[rng.integers(10, size=self.examples)]
        self._targets = np.where(chosen, drawn, self._targets)
        self._spoilt = list(spoilt)
        self._drawn_images = np.concatenate([self._images, 40 * self._images])
        self._drawn_targets = np.concatenate([self._targets, drawn])

    def batches(self, seed: int, steps: int) -> Array:
        """The usual rows; in the spoilt steps their spoilt twins."""
        rows = super().batches(seed, steps).copy()
        rows[[t for t in self._spoilt if t < steps]] += self.examples
        return rows

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """As usual, on the good rows and the spoilt ones; evaluations see the good ones alone."""
        return self.network.loss_and_gradient(
            theta, self._drawn_images[rows], self._drawn_targets[rows], self._loss
        )


def best_rate(net: str, rule: str) -> float:
    """D1, on two seeds of its own: the rate with the lowest training loss after 300 steps."""
    rates = np.geomspace(2e-5, 2, 18) if rule in ("adam", "rmsprop", "nadam") else np.geomspace(2e-4, 4, 16)
    record = run(problem(net), rule, lambda t: rates, 300, seeds=(1000, 1001))
    final = np.nan_to_num(record.train_loss[..., -1], nan=np.inf).max(axis=0)
    return float(rates[final.argmin()])


def problem(net: str, **options: Any) -> Changed:
    """The family's network, in float64, with batches of 32 unless told."""
    return Changed(**{"batch_size": 32, "dtype": np.float64, **NETS[net], **options})


def family(net: str, rule: str, seed: int) -> Iterator[Made]:
    """All runs of a network with a rule: one of each kind."""
    rng = np.random.default_rng(seed)
    best = best_rate(net, rule)
    yield from _by_rate(net, rule, best, seed, rng)
    yield from _by_data(net, rule, best, seed, rng)


def _by_rate(net: str, rule: str, best: float, seed: int, rng: Any) -> Iterator[Made]:
    """Runs on the same batches that differ in their rates alone."""
    steps = int(rng.choice([200, 400, 600]))
    t = np.arange(steps)
    safe = np.full(steps, best / 4)
    middle, few = int(rng.uniform(0.35, 0.65) * steps), int(rng.integers(1, 6))
    early, late, forever, start = best * rng.choice(FACTORS, size=4)
    ramp = safe + best * rng.choice(FACTORS) * np.maximum(t - middle, 0) / (steps - middle)
    rates = {
        "safe": safe,
        "a tenth": safe / 10,
        "healthy": safe * rng.uniform(0.3, 1),
        "healthy, cosine": safe * (1 + np.cos(np.pi * t / steps)) / 2,
        "healthy, warmup": safe * np.minimum(t / (steps // 5), 1),
        "rate decay": safe * 0.1 ** ((t >= steps // 2) * 1.0 + (t >= 3 * steps // 4)),
        "plateau": safe * 1e-4,
        "early, for a few steps": np.where(t < few, early, safe),
        "early, for good": np.full(steps, start),
        "mid, for a few steps": np.where((t >= middle) & (t < middle + few), late, safe),
        "mid, for good": np.where(t < middle, safe, forever),
        "mid, by a ramp": ramp,
    }
    table = np.array(list(rates.values()))
    record = run(problem(net), rule, lambda t: table[:, t], steps, seeds=(seed,))
    since = {"early, for a few steps": 0, "early, for good": 0}
    since |= {"mid, for a few steps": middle, "mid, for good": middle}
    for place, kind in enumerate(rates):
        if place >= 2:
            yield _made(
                kind, net, rule, _one(record, place), _one(record, 0), _one(record, 1), since.get(kind)
            )


def _by_data(net: str, rule: str, best: float, seed: int, rng: Any) -> Iterator[Made]:
    """Runs that differ in their data: noise, small batches, spoilt ones."""
    steps = int(rng.choice([250, 500]))
    middle = int(rng.uniform(0.35, 0.65) * steps)
    batch = int(rng.choice([1, 2, 4]))
    smaller = batch / 32 if rule in ("sgd", "momentum", "nesterov") else (batch / 32) ** 0.5
    changes: dict[str, tuple[dict[str, Any], float]] = {
        "noisy but fine": ({"random_labels": 0.4, "batch_size": 16}, best / 4),
        "plateau, random labels": ({"random_labels": 1.0}, best / 16),
        "small batch": ({"batch_size": batch}, best / 4 * smaller),
        "mid, spoilt batches": ({"spoilt": range(middle, middle + 4)}, best / 4),
    }
    for kind, (options, rate) in changes.items():
        table = np.array([rate, rate / 10])
        record = run(problem(net, **options), rule, lambda t, table=table: table, steps, seeds=(seed,))
        alone = record
        if kind.startswith("mid"):
            alone = run(problem(net), rule, lambda t, table=table: table, steps, seeds=(seed,))
        since = middle if kind.startswith("mid") else None
        yield _made(kind, net, rule, _one(record, 0), _one(alone, 0), _one(alone, 1), since)


@dataclass(frozen=True)
class _One:
    loss: Array
    final: float  # over all training images


def _one(record: Record, place: int) -> _One:
    final = float(record.train_loss[0, place, -1])
    return _One(record.loss[0, place], final)


def _made(kind: str, net: str, rule: str, made: _One, alone: _One, slow: _One, since: int | None) -> Made:
    """The run with its label; against itself left alone, and against a tenth of the rate, it may be weak."""
    start = slow.loss[:20].mean()
    verdict = {"early": "unstable early", "mid": "unstable in mid training"}.get(kind.split(",")[0], "stable")
    harmed = None
    if verdict == "stable":
        weak = not _windows(made.loss, 20).max() <= STRONG_STABLE * _windows(slow.loss, 20).max()
    else:
        with np.errstate(all="ignore"):
            rise = _windows(np.nan_to_num(made.loss - alone.loss, nan=np.inf, posinf=np.inf), 3).max() / start
            lost = (made.final - alone.final) / start
        weak = not rise >= STRONG_RISE
        harmed = True if not lost <= 0.3 else False if lost <= 0.1 else None
    seen_once = net in SEEN_ONCE or rule in SEEN_ONCE
    split = "held out" if net in HELD_OUT else "seen once" if seen_once else "chosen on"
    return Made(Label(kind, verdict, harmed, net, rule, split, bool(weak), since), made.loss)


def _windows(loss: Array, width: int) -> Array:
    """The lowest loss of each window for narrow ones, the mean for wide ones: one batch alone is no rise."""
    windows = np.lib.stride_tricks.sliding_window_view(loss, width)
    return windows.min(axis=-1) if width < 10 else windows.mean(axis=-1)


def rounded(values: Array) -> Array:
    """Float32 with 8 bits of mantissa: a loss to a quarter of a percent, in a small file."""
    with np.errstate(over="ignore"):
        bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    finite = np.isfinite(bits.view(np.float32))
    return np.where(finite, (bits + 0x4000) & 0xFFFF8000, bits).astype(np.uint32).view(np.float32)


def make(on_family: Callable[[], Any] = lambda: None) -> list[Made]:
    """The whole set, in a fixed order."""
    made = []
    for number, (net, rule) in enumerate((net, rule) for net in NETS for rule in RULES):
        made.extend(family(net, rule, seed=number))
        on_family()
    return made


def save(made: list[Made]) -> None:
    """One compressed file: all losses one after the other, and the labels as JSON."""
    labels = json.dumps([asdict(one.label) for one in made])
    np.savez_compressed(
        STORED,
        loss=rounded(np.concatenate([one.loss for one in made])),
        lengths=[len(one.loss) for one in made],
        labels=labels,
        code=code_hash(__file__),
    )


def load() -> list[Made]:
    """The stored set; ValueError if the code that made it has changed since."""
    with np.load(STORED) as stored:
        if str(stored["code"]) != code_hash(__file__):
            raise ValueError(f"{STORED.name} is stale: run python -m experiments.labelled_runs")
        ends = np.cumsum(stored["lengths"])[:-1]
        losses = np.split(stored["loss"], ends)
        labels = [Label(**label) for label in json.loads(str(stored["labels"]))]
    return [Made(*one) for one in zip(labels, losses, strict=True)]


def main() -> None:
    """Make the set and store it."""
    with tqdm(total=len(NETS) * len(RULES), unit="family") as bar:
        save(make(bar.update))


if __name__ == "__main__":
    main()
