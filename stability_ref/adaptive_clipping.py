"""Clipping whose threshold follows the run: a running percentile, and unit by unit (clause C7).

The playbook leaves an adaptive threshold as an open question. Here stand two answers that others have given,
as pure functions: parameters, gradient and state in; clipped gradient and new state out. A `Clipping` is what
`training.run` takes as its argument `clipping`. What the two are worth, `clipping_trials` measures.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import finite_numbers, require, whole_number
from stability_ref.clipping import clip, gradient_norm
from stability_ref.equations import printed
from stability_ref.network import Network

Array = np.ndarray


class Clipping(NamedTuple):
    """A way of clipping that may look at θ and remember: what a loop needs to know of it."""

    clip: Callable[[Array, Array, Any], tuple[Array, Any]]  # clip(theta, g, state) -> g', state
    init: Callable[[Array], Any]  # init(theta) -> state


class PercentileState(NamedTuple):
    """What the running percentile carries from step to step."""

    norms: Array  # (..., N) the last N unclipped norms, the newest last; NaN where there is none yet


class UnitsState(NamedTuple):
    """Unit-wise clipping remembers nothing."""


def percentile_init(theta: Array, window: int = 100) -> PercentileState:
    """The state before the first step: no norm is known."""
    return PercentileState(np.full((*theta.shape[:-1], window), math.nan, theta.dtype))


@printed
def clip_at_percentile(
    theta: Array, g: Array, state: PercentileState, *, percentile: float = 90.0
) -> tuple[Array, PercentileState]:
    r"""Clip to a percentile of the last N unclipped norms, those before this step.

    Equations, ours, where s_0 ≤ … ≤ s_{n−1} are the n ≤ N norms that are known, sorted; then `clip`::

        {equations}

    Ours: it clips as soon as one norm is known, since to wait for ten helped nowhere. The first step has none
    and is not clipped; nor is one whose threshold is 0. Norms that are not finite are not counted. Unlike
    AutoClip, which takes the percentile of all norms from the first to this step's own, it forgets, and a
    gradient has no say in its own threshold.

    Args:
        theta: parameters θ_t, shape (..., n); not looked at.
        g: gradient ∇l(θ_t), same shape.
        state: from `percentile_init` or the step before.
        percentile: p, between 0 and 100.

    Returns:
        The clipped gradient, and the state with this step's unclipped norm.

    Example:
        >>> theta = np.zeros(2)
        >>> _, state = clip_at_percentile(theta, np.array([0.0, 1.0]), percentile_init(theta))
        >>> clip_at_percentile(theta, np.array([3.0, 4.0]), state)[0]
        array([0.6, 0.8])

    Source: after Seetharaman et al. 2020 (AutoClip); playbook C3, C7.
    """
    (norms,) = state
    threshold = _percentile_of_known(norms, percentile)
    clipped, norm = clip(g, np.where(threshold > 0, threshold, math.inf))
    norms = np.concatenate([norms[..., 1:], norm[..., None]], axis=-1)
    return clipped, PercentileState(norms)


def running_percentile(percentile: float = 90.0, window: int = 100) -> Clipping:
    """`clip_at_percentile` for `training.run`.

    Args:
        percentile: p, between 0 and 100.
        window: N ≥ 1, how many of the last norms count.

    Returns:
        The row.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> from stability_ref import problems, schedules, training
        >>> bowl = problems.Quadratic([1.0, 10.0])
        >>> record = training.run(bowl, "sgd", schedules.constant(0.21), 5, clipping=running_percentile(50))
        >>> record.clipped[0, 0]
        array([False,  True, False,  True, False])
    """
    number = finite_numbers("percentile", percentile, "a number between 0 and 100")
    inside = number.ndim == 0 and 0 <= number <= 100
    require(inside, "percentile", "a number between 0 and 100", percentile)
    window = whole_number("window", window, minimum=1)
    return Clipping(
        functools.partial(clip_at_percentile, percentile=float(number)),
        functools.partial(percentile_init, window=window),
    )


def units_init(theta: Array) -> UnitsState:
    """The state before the first step of unit-wise clipping: nothing."""
    return UnitsState()


@printed
def clip_units(
    theta: Array,
    g: Array,
    state: UnitsState,
    *,
    network: Network,
    ratio: float = 0.01,
    smallest: float = 1e-3,
    clip_head: bool = False,
) -> tuple[Array, UnitsState]:
    r"""Clip each unit's gradient to a share of the norm of the unit's weights: AGC.

    Equations, Brock et al.'s in our letters; any other unit keeps its gradient, bit for bit::

        {equations}

    A unit i is a column of a weight matrix: all that one output sums up. A bias, a gain and a learnt scalar
    are one unit each, as in the authors' code. The head, the last layer's weights and bias, is left alone,
    as in the paper. A unit whose gradient or weights are not finite is passed on as it came.

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `units_init`; it remembers nothing.
        network: what θ's numbers are the weights of.
        ratio: λ > 0, without a unit; the paper's 0.01 is for large batches, smaller ones may need more.
        smallest: ε > 0, in units of weights: lets biases leave 0.
        clip_head: whether the last layer is clipped too.

    Returns:
        The clipped gradient and the state.

    Example:
        >>> from stability_ref.layers import Dense, ReLU
        >>> from stability_ref.network import Network
        >>> network = Network(Dense(2, 2, bias=False), ReLU(), Dense(2, 1))
        >>> theta, g = np.array([3.0, 0, 4, 1, 1, 1, 0]), np.array([1.0, 0, 0, 0.01, 1, 1, 1])
        >>> clip_units(theta, g, units_init(theta), network=network)[0]
        array([0.05, 0.  , 0.  , 0.01, 1.  , 1.  , 1.  ])

    Source: Brock, De, Smith & Simonyan 2021, section 4.1; playbook C7.
    """
    clipped = g.copy()
    weights = zip(network.weights(theta), network.weights(g), network.weights(clipped), strict=True)
    left_alone = 0 if clip_head else len(network.rest.layers[-1].shapes)
    for W, G, into in list(weights)[: len(network.shapes) - left_alone]:
        limit, norm = ratio * np.maximum(_unit_norms(W), smallest), _unit_norms(G)
        exceeds = (norm > limit) & (norm < math.inf)
        if exceeds.any():
            into[...] = np.where(exceeds, limit * (G / np.where(exceeds, norm, 1)), G)
    return clipped, state


def unit_wise(
    network: Network, ratio: float = 0.01, smallest: float = 1e-3, *, clip_head: bool = False
) -> Clipping:
    """`clip_units` for `training.run`: adaptive gradient clipping.

    Args:
        network: the problem's, as in `problems.DigitsProblem.network`.
        ratio: λ > 0.
        smallest: ε > 0.
        clip_head: whether the last layer is clipped too.

    Returns:
        The row.

    Raises:
        ValueError: naming the argument that is wrong; at the start of a run if θ is not the network's.

    Example:
        >>> from stability_ref import recipes, schedules, training
        >>> net = recipes.standard_net()
        >>> clipping = unit_wise(net.network)
        >>> record = training.run(net, "momentum", schedules.constant(0.1), 3, clipping=clipping)
        >>> record.clipped[0, 0]
        array([ True,  True,  True])
    """
    require(isinstance(network, Network), "network", "a network.Network", network)
    for name, value in {"ratio": ratio, "smallest": smallest}.items():
        require(finite_numbers(name, value).ndim == 0 and value > 0, name, "a number above 0", value)
    ratio, smallest = float(ratio), float(smallest)

    def init(theta: Array) -> UnitsState:
        n = theta.shape[-1]
        require(n == network.size, "network", f"the problem's, of {n} parameters", network.size)
        return units_init(theta)

    return Clipping(
        functools.partial(clip_units, network=network, ratio=ratio, smallest=smallest, clip_head=clip_head),
        init,
    )


def _percentile_of_known(norms: Array, percentile: float) -> Array:
    """The percentile of the finite norms along the last axis, NaN where there are none.

    As np.nanpercentile has it, which goes through the trials one by one and warns of those without norms.
    """
    s = np.sort(norms, axis=-1)  # what is not finite comes last
    last = np.isfinite(s).sum(axis=-1, keepdims=True) - 1
    x = percentile / 100 * last
    k = np.maximum(np.floor(x).astype(int), 0)
    below = np.take_along_axis(s, k, axis=-1)
    above = np.take_along_axis(s, np.minimum(k + 1, np.maximum(last, 0)), axis=-1)
    return (below + (x - k).astype(s.dtype) * (above - below))[..., 0]


def _unit_norms(weights: Array) -> Array:
    """|W_i| of weights (..., inputs, outputs), shape (..., 1, outputs), or (..., 1, 1) for a vector."""
    is_vector = min(weights.shape[-2:]) == 1
    units = weights.reshape(*weights.shape[:-2], 1, -1) if is_vector else weights.mT
    return gradient_norm(units)[..., None, :]
