"""One training step of K trials: ours, PyTorch's eager loops and its vmap, and JAX."""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks import jax_trials, torch_trials
from benchmarks.report import interleaved, median_and_spread, median_ratio, ratios, table, verdict
from benchmarks.work import BATCH, DESCRIPTIONS, NETWORKS, Trials, losses_of_ours, ours, trials
from stability_ref.layers import Dense, Residual

ROUNDS = 11
SHORT, SECONDS = 10, 0.25  # a run's set-up and evaluation are taken out with a second, shorter run
CHECKED_STEPS, TOLERANCE = 20, 1e-3
OURS = "stability_ref"
EAGER, VMAP = "PyTorch, eager loops", "PyTorch, torch.func.vmap"
TARGETS = {
    ("feedforward", 32, EAGER): 10.0,
    ("feedforward", 32, VMAP): 1.5,
    ("feedforward", 1, EAGER): 2.0,
}
ALL_THREADS = torch.get_num_threads()


class Contender(NamedTuple):
    """Somebody's way to train the trials."""

    losses: Callable[[int], np.ndarray]  # of a number of steps, shape (S, R, T)
    prepare: Callable[[int], Callable[[], object]]  # a call that trains that number of steps


def measure() -> str:
    """The section of the results."""
    sections = [
        section(network, trials(network, *shape)) for network in NETWORKS for shape in ((1, 1), (4, 8))
    ]
    return "\n\n".join([INTRODUCTION, *sections])


INTRODUCTION = f"""Adam, batch {BATCH}, float32; batches and first weights are the same for everybody.
Before anything is timed, the losses of the first {CHECKED_STEPS} steps must agree within {TOLERANCE:g}. A
step's time is that of a long run less that of one of {SHORT} steps, over the difference in steps, so that
neither set-up nor evaluation counts. Ours is `training.run`, on one thread, which also records gradient
norms; PyTorch has one thread where nothing is said, JAX what it takes. 32 trials are 4 seeds with 8 rates.
Medians of {ROUNDS} interleaved rounds, quartiles in brackets; ratios are taken round by round."""


def contenders(work: Trials) -> dict[str, Contender]:
    """Who is measured; PyTorch's optional optimizers and all threads beside its defaults and one."""
    eager, stacked = torch_trials.eager_loops, torch_trials.stacked_trials
    torch_ways = {
        EAGER: functools.partial(eager, work),
        f"{EAGER}, foreach": functools.partial(eager, work, foreach=True),
        f"{EAGER}, fused": functools.partial(eager, work, fused=True),
        VMAP: functools.partial(stacked, work),
    }
    if ALL_THREADS > 1:
        torch_ways[f"{EAGER}, {ALL_THREADS} threads"] = functools.partial(eager, work, threads=ALL_THREADS)
        torch_ways[f"{VMAP}, {ALL_THREADS} threads"] = functools.partial(stacked, work, threads=ALL_THREADS)
    problem = work.problem()
    return {
        OURS: Contender(
            functools.partial(losses_of_ours, work),
            lambda steps: functools.partial(ours, work, steps, problem),
        ),
        **{
            name: Contender(way, functools.partial(functools.partial, way))
            for name, way in torch_ways.items()
        },
        "JAX, jit of vmap of scan, compiled before": Contender(
            lambda steps: compiled_jax(work, steps)(),
            functools.partial(compiled_jax, work),
        ),
    }


def compiled_jax(work: Trials, steps: int) -> Callable[[], np.ndarray]:
    return jax_trials.compiled(work.network, jax_trials.arguments(work, steps))


def refuse_unequal_work(contenders: dict[str, Contender]) -> None:
    """Only those who do the same work are timed."""
    expected = contenders[OURS].losses(CHECKED_STEPS)
    for name, contender in contenders.items():
        came = contender.losses(CHECKED_STEPS)
        if not np.allclose(came, expected, rtol=TOLERANCE, atol=0):
            worst = np.abs(came / expected - 1).max()
            raise AssertionError(f"{name} does other work: its losses differ by up to {worst:.1%}")


def seconds_per_step(contender: Contender) -> Callable[[], float]:
    """A measurement that takes about SECONDS, after a first run to warm up."""
    short = contender.prepare(SHORT)
    seconds(short)
    steps = max(2 * SHORT, int(SECONDS * SHORT / seconds(short)))
    long = contender.prepare(SHORT + steps)
    seconds(long)
    return lambda: (seconds(long) - seconds(short)) / steps


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def section(network: str, work: Trials) -> str:
    """Everybody's time for one network and one number of trials."""
    everybody = contenders(work)
    refuse_unequal_work(everybody)
    measured = interleaved({name: seconds_per_step(c) for name, c in everybody.items()}, ROUNDS)
    rows = []
    for name, times in measured.items():
        ratio = median_ratio(measured, name, OURS)
        target = TARGETS.get((network, work.size, name))
        microseconds = median_and_spread([1e6 * t for t in times])
        rows.append(
            [name, microseconds, median_and_spread(ratios(measured, name, OURS)), verdict(ratio, target)]
        )
    title = f"### {work.size} {'trial' if work.size == 1 else 'trials'}: {DESCRIPTIONS[network]}"
    header = ["", "µs a step of all trials", "times ours", "target"]
    share = gemm_share(work, float(np.median(measured[OURS])))
    return f"{title}\n\n{table(header, rows)}\n\n{share}"


def matmul_flops(work: Trials) -> int:
    """Of a step of all trials: each matrix is used once forward and twice backward, the first once less."""
    network = work.problem().network
    layers = [layer for outer in network.rest.layers for layer in inner_layers(outer)]
    products = [layer.inputs * layer.outputs for layer in layers if isinstance(layer, Dense)]
    first = network.first.inputs * network.first.outputs
    return 2 * BATCH * work.size * (3 * sum(products) + 2 * first)


def inner_layers(layer: object) -> tuple[object, ...]:
    return tuple(layer.layers) if isinstance(layer, Residual) else (layer,)


def gemm_share(work: Trials, step_seconds: float) -> str:
    """Our step's rate of matrix products, the rest of the step included in its time."""
    rate = matmul_flops(work) / step_seconds
    rest = []
    for name, peak in gemm_rates().items():
        rest.append(f"{rate / peak:.1%} of {name} ({peak / 1e9:.3g} GFLOP/s)")
    return (
        f"Our matrix products alone, over the time of the whole step: {rate / 1e9:.3g} GFLOP/s, "
        + ", ".join(rest)
        + "."
    )


@functools.cache
def gemm_rates() -> dict[str, float]:
    """FLOP/s of one thread in float32, the medians of interleaved rounds."""
    rng = np.random.default_rng(0)
    shapes = {
        "one product of 1024 x 1024 matrices": (1, 1024),
        "32 stacked products of 32 x 32 matrices": (32, 32),
    }
    stacks = {name: rng.normal(size=(2, k, n, n)).astype(np.float32) for name, (k, n) in shapes.items()}
    with threadpool_limits(limits=1, user_api="blas"):
        measured = interleaved({name: functools.partial(gemm_rate, *s) for name, s in stacks.items()}, ROUNDS)
    return {name: float(np.median(rates)) for name, rates in measured.items()}


def gemm_rate(a: np.ndarray, b: np.ndarray) -> float:
    flops = 2 * a.size * a.shape[-1]
    calls = max(1, 10**9 // flops)
    out = np.matmul(a, b)
    return calls * flops / seconds(lambda: [np.matmul(a, b, out=out) for _ in range(calls)])
