"""Hand-made records and logs, for the tests of figures: every number is known and no processor changes it."""

import dataclasses

import numpy as np

from stability_ref import (
    batch_recipes,
    clipping_recipes,
    fixes_recipes,
    norm_recipes,
    recipes,
    sharpness_recipes,
)
from stability_ref.batch_recipes import BATCH_SIZES, NOISY_BATCH_SIZES, PENALTIES
from stability_ref.diagnosis import Log, diagnose, find_warmup
from stability_ref.fixes_recipes import applies
from stability_ref.fixes_trials import RATES, Outcome
from stability_ref.norm_recipes import LOW_RATES, WITH_WARMUP, WITHOUT_NORM
from stability_ref.problems import Quadratic
from stability_ref.schedules import constant, prepend_warmup
from stability_ref.sharpness import EDGES, Sharpness
from stability_ref.training import run

STAR = 1 / 16  # the best rate of `figure_7a`
STEPS = np.arange(400)
SAFE = 2.3 * np.exp(-STEPS / 80) + 0.2
BLOW_UP = SAFE + 300 * (abs(STEPS - 9) < 6)
NORMS = np.random.default_rng(0).lognormal(size=400)


def made(rates, steps, seeds=1, evaluate_every=None, **values):
    """The record of such a run, with these values in place of its own."""
    bowl = run(
        Quadratic([1.0]), "sgd", constant(rates), steps, seeds=range(seeds), evaluate_every=evaluate_every
    )
    return dataclasses.replace(bowl, **values)


def figure_4():
    """Figure 4's records in small: no two curves, seeds or rates alike."""
    rng = np.random.default_rng(0)
    return {
        "standard net": _ten_rates(rng, unstable_from=9, error=0.00),
        "sick twin": _ten_rates(rng, unstable_from=7, error=0.04),
        "sick twin + warmup": _ten_rates(rng, unstable_from=9, error=0.02),
    }


def _ten_rates(rng, unstable_from, error):
    seed, rate, step = np.ogrid[:3, :10, :40]
    loss = 2.6 * np.exp(-step * (1 + seed / 5 + rate / 9 + 10 * error) / 40)
    loss[:, unstable_from:, 5] = 50
    errors = error + np.linspace(0.25, 0.02, 10) + 0.02 * rng.normal(size=(3, 10))
    errors[:, unstable_from:] = 0.3
    errors[:, 9] = 0.6  # above the picture
    errors[0, 3] = 0.01  # the first seed's best rate is not the median's
    return made(recipes.RATES, 40, seeds=3, loss=loss, test_error=errors[..., None])


def figure_5():
    """Figure 5's records: the twin's loss rises at step 5."""
    return {"standard net": _seen_twice(spike=0), "sick twin": _seen_twice(spike=25)}


def _seen_twice(spike):
    records = []
    for steps, every in ((500, recipes.SPARSE), (recipes.FREQUENT, 1)):
        record = made(recipes.RATES[recipes.LARGE], steps, seeds=2, evaluate_every=every)
        seed, at = np.arange(2)[:, None], record.evaluated_at
        loss = (2.6 + spike / 20) * np.exp(-at * (1 + seed) / 100) + spike * np.exp(-(((at - 5) / 4) ** 2))
        records.append(dataclasses.replace(record, train_loss=loss[:, None]))
    return tuple(records)


def figure_6():
    """Figure 6's record: four losses fall and rise again, the fifth falls for good."""
    warmups, steps = np.array(recipes.WARMUPS), np.arange(recipes.FULL_STEPS)
    schedule = prepend_warmup(constant(np.full(warmups.shape, recipes.FULL_RATE)), warmups)
    bowl = run(Quadratic([1.0]), "sgd", schedule, recipes.FULL_STEPS, seeds=[0, 1])
    loss = 3 * np.exp(-steps / (20 + np.arange(5)[:, None]))
    loss[:-1] += 2 * (steps > 2 * warmups[:-1, None]) * (steps > 200)
    return dataclasses.replace(bowl, loss=np.stack([loss, loss + 1]))


def figure_7a():
    """A sweep of two seeds: six feasible rates, the fifth the best, and four beyond."""
    steps = recipes.EDGE_STEPS
    loss = 2.3 * np.exp(-np.outer(np.sqrt(recipes.EDGE_RATES), np.arange(steps)) / 5)
    final = np.array([0.18, 0.12, 0.08, 0.07, 0.06, 0.065, 2.3, 40.0, np.inf, np.nan])
    loss[6, 20:], loss[7:, 10:] = 40.0, np.nan
    both = np.array([1.0, 1.2])[:, None]
    values = {"loss": both[..., None] * loss, "test_loss": (both * final)[..., None]}
    return made(recipes.EDGE_RATES, steps, seeds=2, **values)


def single(sweep, place, **changes):
    """The record of one trial of the sweep, as a run at that rate alone would give it."""
    values = {
        "rate": sweep.rate[place : place + 1],
        "loss": sweep.loss[:1, place : place + 1],
        "test_loss": sweep.test_loss[:1, place : place + 1],
        "steps_done": sweep.steps_done[:1, place : place + 1],
    }
    return dataclasses.replace(sweep, **values | changes)


def figure_7b():
    """Two rates: one trains well, at the other the loss rises at step 300 and stays up."""
    steps = recipes.BEYOND_STEPS + recipes.BEYOND_WARMUP
    seed, step = np.arange(2)[:, None, None], np.arange(steps)
    loss = 9 * np.exp(-step / (30 + 10 * seed)) * np.array([[1.0], [0.8]])
    loss[:, 1, 300:] = 4 + np.sin(np.arange(steps - 300) / 20)
    return made([0.01, 0.05], steps, 2, loss=loss, gradient_norm=loss * np.array([[5.0], [6.0]]))


def checks():
    """One run at each of two constant rates, as `seen_and_unseen` shows them: the second has a spike."""
    seed, step = np.arange(2)[:, None, None], np.arange(200)
    loss = 2.5 * np.exp(-step / 60 * np.array([[1.0], [0.5]])) * (1 + seed)
    loss[:, 1] += 20 * np.exp(-(((step - 20) / 8) ** 2))
    return made([0.1, 0.4], 200, 2, loss=loss)


def one_run(rate):
    """A single trial on a steep bowl; above a rate of 0.1 it diverges."""
    return run(Quadratic([20.0]), "sgd", constant(rate), 400)


def report():
    """Of a sweep of three rates, one of which blows up, with norms and an outlier."""
    norms = NORMS.copy()
    norms[[50, 300]] = 90, np.inf
    lost = np.where(STEPS < 200, SAFE, np.nan)
    return diagnose(
        [
            Log(loss, gradient_norm=norm, learning_rate=np.full(400, rate), name=name)
            for name, rate, loss, norm in (
                ("safe", 0.1, SAFE, norms),
                ("early", 0.2, BLOW_UP, 2 * NORMS),
                ("lost", 0.4, lost, NORMS[::-1]),
            )
        ]
    )


def search():
    """A baseline, a warmup that is too short and one that is long enough."""

    def train(rate, warmup_steps, steps):
        loss = 2.3 * np.exp(-np.arange(steps) / (80 - warmup_steps))
        loss[5:] += 1e9 * (rate > 0.1 and warmup_steps < 20)
        return loss

    return find_warmup(train, 0.1, 0.05, 400, warmup_steps=[10, 30], progress=False)


def seen_log():
    """A log whose loss rises within ten steps: every step, and the diagnosis of every third."""
    loss = 2.3 * np.exp(-np.arange(200) / 80) + 20 * (abs(np.arange(200) - 9) < 6)
    every = Log(loss)
    return every, diagnose(Log(loss[::3], step=np.arange(0, 200, 3))).runs[0]


def placements():
    """Ten curves of three seeds for lesson 03b's figures: each is good at so many of its lowest rates."""
    good = {
        "post-norm": 2,
        "post-norm + warmup": 4,
        "pre-norm": 6,
        "pre-norm + warmup": 8,
        "x + Norm(f(x))": 6,
        "x + Norm(f(x)) + warmup": 8,
        "ReZero": 3,
        "ReZero + warmup": 3,
        "no norm": 0,
        "no norm + warmup": 1,
    }
    return {label: _placement(label.removesuffix(WITH_WARMUP), count) for label, count in good.items()}


def _placement(name, good):
    """Three seeds whose losses fall at so many rates and are beyond the pale at the rest."""
    rates = LOW_RATES if name in WITHOUT_NORM else norm_recipes.RATES
    poor = [2.4, 2.5, 40.0, np.inf, *[np.nan] * 6]
    losses = np.array([*np.geomspace(0.4, 0.2, good), *poor])[: len(rates)]
    return made(rates, 1, seeds=3, test_loss=np.outer([0.9, 1, 1.1], losses)[..., None])


def one_trial(norms, loss, train_loss=0.06):
    """A record of one trial with these norms and losses."""
    values = {
        name: np.asarray(value, dtype=float)[None, None]
        for name, value in {"gradient_norm": norms, "loss": loss}.items()
    }
    return made(clipping_recipes.RATE, len(norms), train_loss=np.full((1, 1, 1), train_loss), **values)


def figure_9():
    """Figure 9's records: norms that fall to 2 or to 5, losses that fall to a tenth or to 1."""
    steps = np.arange(clipping_recipes.STEPS)
    fast, slow = np.exp(-steps / 10), np.exp(-steps / 30)
    return {
        "no clipping": one_trial(np.full(len(steps), np.nan), np.full(len(steps), np.nan)),
        "better threshold": one_trial(2 + 1e5 * fast, 0.1 + 1e4 * fast),
        "threshold too aggressive": one_trial(5 + 1e5 * slow, 1 + 1e4 * slow),
        "smaller rate instead": one_trial(5.1 + 1e5 * slow, 1.1 + 1e4 * slow),
    }


def spikes():
    """A loss that rises in mid training, and two that do not."""
    steps = np.arange(recipes.BEYOND_STEPS + recipes.BEYOND_WARMUP)
    rising = 9 * np.exp(-steps / 30) + 4.0 * (steps >= 300)
    falling = 9 * np.exp(-steps / 30) + 0.1
    norms = 2 + 40 * np.exp(-steps / 10)
    return {
        "no clipping": one_trial(norms, rising),
        "clipped": one_trial(norms * 1.1, falling),
        "clipped harder": one_trial(norms * 1.2, falling / 2),
    }


def batch_sweep():
    """Three seeds; the best rate is a 64th of the batch size and at most 1, higher ones never arrive."""
    seed, size, rate = np.arange(3)[:, None, None], np.array(BATCH_SIZES)[:, None], batch_recipes.RATES
    best = np.minimum(size / 64, 1)
    too_high = rate > best
    steps = np.where(too_high, np.inf, np.round((1 + seed) * 10 / rate))
    error = np.where(too_high, 0.5, 0.02) + 0.01 * seed + 0.01 * abs(np.log2(rate / best))
    return batch_recipes.Sweep(error * (1 + size / 512), error, steps)


def penalised():
    """Three seeds: the error of large batches is higher at small penalties, and the best of all is 2^-6."""
    seed, size = np.arange(3)[:, None, None], np.array(NOISY_BATCH_SIZES)[:, None]
    too_small = np.maximum(0, 2.0**-6 - np.array(PENALTIES)) * np.log2(size)
    too_large = np.maximum(0, np.array(PENALTIES) - 2.0**-6)
    return 0.04 + 0.01 * seed + too_small + too_large


def one_batch_run(batch_size, rate, falls_to):
    """A single trial whose validation error falls to so much, as fast as the rate."""
    steps = batch_recipes.steps_of(batch_size)
    record = made([rate], steps, evaluate_every=batch_recipes.resolution(batch_size))
    error = falls_to + (0.9 - falls_to) * np.exp(-record.evaluated_at * rate / 8)
    return dataclasses.replace(record, test_error=error[None, None])


def fixes():
    """Every fix on every network of lesson 06: three seeds, each fix's errors and usable rates its own."""
    sick = [(net, fix) for net in fixes_recipes.SICK for fix in fixes_recipes.FIXES]
    compared = [(net, fix) for net in fixes_recipes.COMPARED for fix in fixes_recipes.FOR_X3]
    pairs = [(net, fix) for net, fix in sick + compared if applies(net, fixes_recipes.FIXES[fix])]
    return [_fixed(*pair, place) for place, pair in enumerate(pairs)]


def _fixed(net, fix, place):
    """A valley of errors, whose lowest rate and depth depend on the place; beyond it all is lost."""
    low, end = 4 + place % 7, 7 + place % 10
    valley = 0.02 + 0.005 * (place % 5) + 0.03 * abs(np.arange(len(RATES)) - low)
    errors = np.outer([0.9, 1.0, 1.2], np.where(np.arange(len(RATES)) < end, valley, 0.9))
    errors[2, end - 1] = 0.9  # the third seed is lost earlier
    return Outcome(net, fix, RATES, errors, np.minimum(1.1 * errors, 1))


def fixed_run(rate, final, spike=0.0):
    """A run of lesson 06's slider with that final error; its loss rises to the spike."""
    steps = np.arange(fixes_recipes.STEPS)
    loss = 2.3 * np.exp(-steps / 60) + spike * (abs(steps - 9) < 4)
    values = {"loss": loss[None, None], "test_error": np.full((1, 1, 1), final)}
    return made([rate], fixes_recipes.STEPS, **values)


def hovering():
    """Figure E's measurements of three seeds: a rise to the edge, an overshoot, and the edge itself."""
    at = np.arange(10, sharpness_recipes.STEPS + 1, 10)
    found = {}
    for rule, (rates, constants) in sharpness_recipes.SETTINGS.items():
        names = {"gamma"} if rule != "sgd" else set()
        edges = EDGES[rule](np.array(rates), **{k: v for k, v in constants.items() if k in names})
        shape = (3, len(rates), len(at))
        seed, place = np.arange(3)[:, None, None], np.arange(len(rates))[:, None]
        share = np.minimum(0.3 + at / (300 - 50 * place), 1.2) * (1 + seed / 50)
        share[..., 30:] = 1 + 0.02 * seed + 0.01 * place
        edge = np.broadcast_to(edges[:, None], shape)
        bowl = made(list(rates), sharpness_recipes.STEPS, seeds=3)
        found[rule] = Sharpness(at, share * edge, edge, bowl, 5.0)
    return found


def warming_up():
    """Two warmups: with the short one sharpness and loss leave the picture, with the long one they fall."""
    found = {}
    for steps in (sharpness_recipes.SHORT, sharpness_recipes.LONG):
        every = steps // sharpness_recipes.SHORT
        schedule = prepend_warmup(constant(sharpness_recipes.FULL_RATE), steps)
        bowl = run(Quadratic([0.1]), "sgd", schedule, 2 * steps, seeds=[0, 1])
        at, all_steps = np.arange(every, 2 * steps + 1, every), np.arange(2 * steps)
        edge = np.broadcast_to(2 / bowl.rate[0, np.minimum(at, 2 * steps - 1)], (2, 1, len(at)))
        if steps == sharpness_recipes.SHORT:
            value, loss = 25 + 1e4 * (at > 12), 10 * np.exp(-all_steps / 5) + 1e6 * (all_steps > 10)
        else:
            value, loss = 1.1 * np.minimum(edge, 28)[0, 0], 10 * np.exp(-all_steps / 40)
        both = np.array([1.0, 1.1])[:, None, None]
        record = dataclasses.replace(bowl, loss=both * loss)
        found[steps] = Sharpness(at, both * value, edge, record, 5.0)
    return found


def below():
    """Batches and rates of momentum whose late sharpness is such and such a share of the edge."""
    batches = {
        size: _share_of_the_edge([0.3], [share])
        for size, share in zip(sharpness_recipes.BATCH_SIZES, (0.4, 0.7, 0.95, 1.0, 1.02), strict=True)
    }
    return batches, _share_of_the_edge(sharpness_recipes.MOMENTUM_RATES, [0.3, 0.5, 0.8, 0.85])


def _share_of_the_edge(rates, shares):
    at = np.arange(30, 601, 30)
    edge = np.broadcast_to(2 / np.array(rates)[:, None], (3, len(rates), len(at)))
    spread = np.array([0.98, 1.0, 1.03])[:, None, None]
    return Sharpness(at, spread * edge * np.array(shares)[:, None], edge, made(list(rates), 600, 3), 5.0)


def raised(factor, rate=0.3):
    """One seed whose rate is raised at step 150: a jump and a fall, or above a factor of 2.4 no end."""
    steps = np.arange(sharpness_recipes.RAISED_STEPS)
    late = steps >= sharpness_recipes.RAISED_AT
    rates = np.where(late, factor * rate, rate)
    loss = 0.5 * np.exp(-steps / 100) + factor * (abs(steps - 165) < 5)
    at = np.arange(3, sharpness_recipes.RAISED_STEPS + 1, 3)
    edge = 2 / rates[np.minimum(at, sharpness_recipes.RAISED_STEPS - 1)]
    value = np.where(at <= 160, 3.7 + at / 30, 0.95 * 2 / (factor * rate))
    if factor > 2.4:
        loss, value = np.where(steps > 160, 1e9, loss), np.where(at > 160, np.nan, value)
    record = made(rate, len(steps), rate=rates[None], loss=loss[None, None])
    return Sharpness(at, value[None, None], edge[None, None], record, 5.0)
