"""The six update rules, exactly as the playbook prints them (clauses R1–R6).

A rule is a pure function: parameters, gradient, state and rate in; new parameters and new state out;
its inputs stay as they were. The body is the printed equations, one a line, in the playbook's letters.
A body knows neither shape nor dtype: the same lines run on one flat vector (n,), on K stacked trials
(K, n) with rates and constants of shape (K, 1), and on arrays of mpmath numbers, which is how they are
proved. Checks stand at the doors (`training.run`), not here.

The playbook gives no default constants: the defaults here are the common ones, and they are ours.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref.equations import printed

Array = Any  # a NumPy array of any float dtype or of mpmath numbers; rates and constants may be plain floats


class SGDState(NamedTuple):
    """SGD remembers nothing."""


class MomentumState(NamedTuple):
    """What Momentum and Nesterov carry from step to step."""

    v: Array  # (..., n) the buffer: a decaying sum of past gradients


class RMSPropState(NamedTuple):
    """What RMSProp carries from step to step."""

    v: Array  # (..., n) running mean of squared gradients, starting at one
    m: Array  # (..., n) the buffer: a decaying sum of past steps, the rate inside


class AdamState(NamedTuple):
    """What Adam and NAdam carry from step to step."""

    m: Array  # (..., n) running mean of gradients
    v: Array  # (..., n) running mean of squared gradients
    t: int  # steps taken so far


def sgd_init(theta: Array) -> SGDState:
    """The state before the first SGD step: nothing."""
    return SGDState()


@printed
def sgd(theta: Array, g: Array, state: SGDState, eta: Array) -> tuple[Array, SGDState]:
    r"""One step of gradient descent (playbook R1).

    Equation, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `sgd_init`; SGD remembers nothing.
        eta: learning rate η_t, a float or shape (..., 1).

    Returns:
        θ_{t+1} and the state.

    Example:
        >>> theta = np.array([1.0, 2.0])
        >>> sgd(theta, g=np.array([0.5, -1.0]), state=sgd_init(theta), eta=0.1)[0]
        array([0.95, 2.1 ])

    Source: Robbins & Monro 1951; playbook R1.
    """
    theta = theta - eta * g
    return theta, state


def momentum_init(theta: Array) -> MomentumState:
    """The state before the first step of Momentum: v_0 = 0."""
    return MomentumState(v=np.zeros_like(theta))


@printed
def momentum(
    theta: Array, g: Array, state: MomentumState, eta: Array, *, gamma: Array = 0.9
) -> tuple[Array, MomentumState]:
    r"""One step of heavy-ball momentum (playbook R2). The rate stands outside the buffer.

    Equations, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `momentum_init` or the step before.
        eta: learning rate η_t, a float or shape (..., 1).
        gamma: momentum γ in [0, 1), a float or shape (..., 1).

    Returns:
        θ_{t+1} and the state with v_{t+1}.

    Example:
        >>> theta = np.array([1.0])
        >>> theta, state = momentum(theta, np.array([1.0]), momentum_init(theta), eta=0.1)
        >>> theta, state = momentum(theta, np.array([1.0]), state, eta=0.1)
        >>> theta.round(12), state.v
        (array([0.71]), array([1.9]))

    Note:
        With a changing rate this differs from forms that keep the rate inside the buffer.

    Source: Polyak 1964, Sutskever et al. 2013; playbook R2.
    """
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * v
    return theta, MomentumState(v)


def nesterov_init(theta: Array) -> MomentumState:
    """The state before the first step of Nesterov: v_0 = 0."""
    return MomentumState(v=np.zeros_like(theta))


@printed
def nesterov(
    theta: Array, g: Array, state: MomentumState, eta: Array, *, gamma: Array = 0.9
) -> tuple[Array, MomentumState]:
    r"""One step of Nesterov momentum (playbook R3).

    Equations, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `nesterov_init` or the step before.
        eta: learning rate η_t, a float or shape (..., 1).
        gamma: momentum γ in [0, 1), a float or shape (..., 1).

    Returns:
        θ_{t+1} and the state with v_{t+1}.

    Example:
        >>> theta = np.array([1.0])
        >>> nesterov(theta, np.array([1.0]), nesterov_init(theta), eta=0.1)[0]
        array([0.81])

    Source: Nesterov 1983, Sutskever et al. 2013; playbook R3.
    """
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * (gamma * v + g)
    return theta, MomentumState(v)


def rmsprop_init(theta: Array) -> RMSPropState:
    """The state before the first step of RMSProp: v_0 = 1 (one, not zero) and m_0 = 0."""
    return RMSPropState(v=np.ones_like(theta), m=np.zeros_like(theta))


@printed
def rmsprop(
    theta: Array,
    g: Array,
    state: RMSPropState,
    eta: Array,
    *,
    rho: Array = 0.9,
    gamma: Array = 0.9,
    epsilon: Array = 1e-8,
) -> tuple[Array, RMSPropState]:
    r"""One step of RMSProp with momentum (playbook R4). ε stands inside the root, η inside the buffer.

    Equations, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `rmsprop_init` or the step before.
        eta: learning rate η_t, a float or shape (..., 1).
        rho: decay ρ of the running mean of squares, in [0, 1), a float or shape (..., 1).
        gamma: momentum γ in [0, 1), a float or shape (..., 1).
        epsilon: ε ≥ 0, a float or shape (..., 1), in units of squared gradients.

    Returns:
        θ_{t+1} and the state with v_{t+1}, m_{t+1}.

    Example:
        >>> theta = np.array([1.0])
        >>> rmsprop(theta, np.array([1.0]), rmsprop_init(theta), eta=0.1, epsilon=0.0)[0]
        array([0.9])

    Note:
        PyTorch starts v at zero, adds ε outside the root and keeps η outside the buffer.

    Source: Tieleman & Hinton 2012; playbook R4.
    """
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


def adam_init(theta: Array) -> AdamState:
    """The state before the first step of Adam: m_0 = v_0 = 0, no step taken."""
    return AdamState(m=np.zeros_like(theta), v=np.zeros_like(theta), t=0)


@printed
def adam(
    theta: Array,
    g: Array,
    state: AdamState,
    alpha: Array,
    *,
    beta1: Array = 0.9,
    beta2: Array = 0.999,
    epsilon: Array = 1e-8,
) -> tuple[Array, AdamState]:
    r"""One step of Adam (playbook R5). ε is added to √v before the bias correction b.

    Equations, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `adam_init` or the step before.
        alpha: learning rate α_t, a float or shape (..., 1).
        beta1: decay β₁ of the running mean of gradients, in [0, 1), a float or shape (..., 1).
        beta2: decay β₂ of the running mean of squares, in [0, 1), a float or shape (..., 1).
        epsilon: ε ≥ 0, a float or shape (..., 1), in units of gradients.

    Returns:
        θ_{t+1} and the state with m_{t+1}, v_{t+1}.

    Example:
        The first step has length α whatever the gradient, where ε is negligible:

        >>> theta = np.array([1.0, 1.0])
        >>> adam(theta, np.array([0.001, 1000.0]), adam_init(theta), alpha=0.1, epsilon=0.0)[0]
        array([0.9, 0.9])

    Note:
        This is the ε-hat form of Kingma & Ba, section 2; their Algorithm 1 adds ε after the correction.

    Source: Kingma & Ba 2015; playbook R5.
    """
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


def nadam_init(theta: Array) -> AdamState:
    """The state before the first step of NAdam: m_0 = v_0 = 0, no step taken."""
    return AdamState(m=np.zeros_like(theta), v=np.zeros_like(theta), t=0)


@printed
def nadam(
    theta: Array,
    g: Array,
    state: AdamState,
    alpha: Array,
    *,
    beta1: Array = 0.9,
    beta2: Array = 0.999,
    epsilon: Array = 1e-8,
) -> tuple[Array, AdamState]:
    r"""One step of NAdam (playbook R6): one b for both terms, and no momentum-decay schedule.

    Equations, as printed::

        {equations}

    Args:
        theta: parameters θ_t, shape (..., n).
        g: gradient ∇l(θ_t), same shape.
        state: from `nadam_init` or the step before.
        alpha: learning rate α_t, a float or shape (..., 1).
        beta1: decay β₁ of the running mean of gradients, in [0, 1), a float or shape (..., 1).
        beta2: decay β₂ of the running mean of squares, in [0, 1), a float or shape (..., 1).
        epsilon: ε ≥ 0, a float or shape (..., 1), in units of gradients.

    Returns:
        θ_{t+1} and the state with m_{t+1}, v_{t+1}.

    Example:
        The first step has length (1 + β₁) α whatever the gradient, where ε is negligible:

        >>> theta = np.array([1.0, 1.0])
        >>> nadam(theta, np.array([0.001, 1000.0]), nadam_init(theta), alpha=0.1, epsilon=0.0)[0]
        array([0.81, 0.81])

    Note:
        Dozat's paper and PyTorch schedule the momentum and correct the two terms differently.

    Source: Dozat 2016; playbook R6.
    """
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + (1 - beta1) * g) / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


def _root(x: Array) -> Array:
    """√x that leaves a plain float plain: NumPy's root of one is a float64, which would promote float32."""
    return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)


def _one_minus_power(beta: Array, n: int) -> Array:
    """1 − βⁿ without cancellation: for β near 1 the plain form loses up to 56,000 units in the last place."""
    if isinstance(beta, float) and beta > 0:
        return -math.expm1(n * math.log1p(beta - 1))
    if isinstance(beta, np.ndarray | np.floating) and beta.dtype != object:
        with np.errstate(divide="ignore"):  # β = 0: log1p(−1) = −inf, and the result is exactly 1
            return -np.expm1(n * np.log1p(beta - 1))
    return 1 - beta**n


class Domain(NamedTuple):
    """The half-open interval [low, high) in which a constant may lie."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return bool(np.all((np.asarray(value) >= self.low) & (np.asarray(value) < self.high)))

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g})"


_DOMAINS = {
    "gamma": Domain(0, 1),
    "rho": Domain(0, 1),
    "beta1": Domain(0, 1),
    "beta2": Domain(0, 1),
    "epsilon": Domain(0, math.inf),
}


class Rule(NamedTuple):
    """One row of RULES: what a loop, a test or a notebook needs to know of a rule."""

    update: Callable[..., tuple[Array, Any]]  # update(theta, g, state, rate, **constants) -> theta, state
    init: Callable[[Array], Any]  # init(theta) -> state
    rate: str  # the playbook's name of the learning rate: eta or alpha
    defaults: dict[str, float]  # the constants and our defaults
    domains: dict[str, Domain]  # where each constant may lie


def _row(update: Callable[..., Any], init: Callable[..., Any]) -> Rule:
    """Read a rule's row off its signature, so that no default stands twice."""
    parameters = inspect.signature(update).parameters
    constants = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    return Rule(update, init, list(parameters)[3], constants, {name: _DOMAINS[name] for name in constants})


RULES: dict[str, Rule] = {
    "sgd": _row(sgd, sgd_init),
    "momentum": _row(momentum, momentum_init),
    "nesterov": _row(nesterov, nesterov_init),
    "rmsprop": _row(rmsprop, rmsprop_init),
    "adam": _row(adam, adam_init),
    "nadam": _row(nadam, nadam_init),
}
