"""The same trials in JAX as a performance-minded user writes them: jit of vmap of scan."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.work import RESIDUAL_BLOCKS, Trials, images_and_labels

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
Array = jax.Array
jax.config.update("jax_enable_compilation_cache", False)  # cold means compiled anew


def feedforward(weights: list[Array], h: Array) -> Array:
    for W, b in zip(weights[0:-2:2], weights[1:-2:2], strict=True):
        h = jax.nn.relu(h @ W + b)
    return h @ weights[-2] + weights[-1]


def pre_norm(weights: list[Array], h: Array) -> Array:
    h = h @ weights[0] + weights[1]
    for first in range(2, 2 + 4 * RESIDUAL_BLOCKS, 4):
        gain, shift, W1, W2 = weights[first : first + 4]
        h = h + jax.nn.relu(layer_norm(h, gain, shift) @ W1) @ W2
    gain, shift, W, b = weights[-4:]
    return layer_norm(h, gain, shift) @ W + b


def layer_norm(h: Array, gain: Array, shift: Array) -> Array:
    mean, variance = h.mean(axis=-1, keepdims=True), h.var(axis=-1, keepdims=True)
    return gain * (h - mean) * jax.lax.rsqrt(variance + 1e-5) + shift


NETWORKS = {"feedforward": feedforward, "pre": pre_norm}


def sweep(network: str) -> Callable[..., Array]:
    """All rates of all seeds: losses (S, R, T) of rates (R,), weights (S, ...) and rows (S, T, 32)."""
    forward = NETWORKS[network]

    def loss(weights: list[Array], x: Array, y: Array) -> Array:
        log_probabilities = jax.nn.log_softmax(forward(weights, x))
        return -jnp.take_along_axis(log_probabilities, y[:, None], axis=-1).mean()

    def train(rate: Array, weights: list[Array], order: Array, images: Array, labels: Array) -> Array:
        def step(carry: Any, now: Any) -> Any:
            weights, m, v = carry
            t, rows = now
            value, g = jax.value_and_grad(loss)(weights, images[rows], labels[rows])
            return adam(weights, m, v, g, rate, t), value

        zeros = jax.tree.map(jnp.zeros_like, weights)
        times = jnp.arange(1.0, len(order) + 1)
        return jax.lax.scan(step, (weights, zeros, zeros), (times, order))[1]

    rates_of_a_seed = jax.vmap(train, in_axes=(0, None, None, None, None))
    return jax.vmap(rates_of_a_seed, in_axes=(None, 0, 0, None, None))


def adam(weights: Any, m: Any, v: Any, g: Any, rate: Array, t: Array) -> tuple[Any, Any, Any]:
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g**2, v, g)
    b = jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    move = jax.tree.map(lambda m, v: rate * b * m / (jnp.sqrt(v) + EPSILON), m, v)
    return jax.tree.map(jnp.subtract, weights, move), m, v


def arguments(work: Trials, steps: int) -> tuple[Any, ...]:
    """What a compiled sweep takes, on JAX's device."""
    images, labels = images_and_labels()
    order = work.batches(steps).astype(np.int32)
    return jax.device_put((work.rates, work.initial(), order, images, labels.astype(np.int32)))


def compiled(network: str, given: tuple[Any, ...]) -> Callable[[], np.ndarray]:
    """The sweep, compiled for these arguments: a call trains all trials from the start."""
    program = jax.jit(sweep(network)).lower(*given).compile()
    return lambda: np.asarray(program(*given))
