"""The edge of stability: the largest curvature that a rule bears at a given rate.

On a quadratic ½ h θ² a step is a linear map of (θ, state). Training is stable while no eigenvalue of that map
is longer than 1, that is, while the curvature h stays below an edge that depends on rate and momentum.
An adaptive rule divides each gradient by a number P of its own. While P is held still, its step is one of
Momentum's kind with the curvature h / P: its edge is one of P⁻¹H.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.checks import known
from stability_ref.equations import printed
from stability_ref.updates import RULES, _one_minus_power, _root

Array = np.ndarray


@printed
def edge_sgd(eta: Any) -> Any:
    r"""The curvature above which SGD diverges (playbook E).

    Equation, derived in lesson 01::

        {equations}

    Example:
        >>> edge_sgd(eta=0.5)
        4.0
    """
    return 2 / eta


@printed
def edge_momentum(eta: Any, gamma: Any = 0.9) -> Any:
    r"""The curvature above which Momentum diverges (playbook E).

    Equation, derived in lesson 01::

        {equations}

    Example:
        >>> edge_momentum(eta=0.5, gamma=0.5)
        6.0
    """
    return (2 + 2 * gamma) / eta


@printed
def edge_nesterov(eta: Any, gamma: Any = 0.9) -> Any:
    r"""The curvature above which Nesterov diverges (playbook E).

    Equation, derived in lesson 01::

        {equations}

    Example:
        >>> edge_nesterov(eta=0.5, gamma=0.5)
        3.0
    """
    return (2 + 2 * gamma) / ((1 + 2 * gamma) * eta)


@printed
def edge_rmsprop(eta: Any, gamma: Any = 0.9) -> Any:
    r"""The curvature of P⁻¹H, P = √(v + ε), above which RMSProp diverges (playbook E).

    Equation::

        {equations}

    Example:
        >>> edge_rmsprop(eta=0.5, gamma=0.5)
        6.0
    """
    return (2 + 2 * gamma) / eta


@printed
def edge_adam(alpha: Any, beta1: Any = 0.9) -> Any:
    r"""The curvature of P⁻¹H, P = (√v + ε) / b, above which Adam diverges (playbook E).

    Equation::

        {equations}

    Example:
        >>> edge_adam(alpha=0.5, beta1=0.5)
        12.0
    """
    return (2 + 2 * beta1) / ((1 - beta1) * alpha)


@printed
def edge_nadam(alpha: Any, beta1: Any = 0.9) -> Any:
    r"""The curvature of P⁻¹H, P = (√v + ε) / b, above which NAdam diverges (playbook E).

    Equation::

        {equations}

    Example:
        >>> edge_nadam(alpha=0.5, beta1=0.5)
        6.0
    """
    return (2 + 2 * beta1) / ((1 + 2 * beta1) * (1 - beta1) * alpha)


EDGES: dict[str, Callable[..., Any]] = {
    "sgd": edge_sgd,
    "momentum": edge_momentum,
    "nesterov": edge_nesterov,
    "rmsprop": edge_rmsprop,
    "adam": edge_adam,
    "nadam": edge_nadam,
}
LINEAR = ("sgd", "momentum", "nesterov")  # the rules whose step is linear in the gradient: they need no P


def preconditioner(name: str, state: Any, **constants: Any) -> Array | None:
    """The diagonal P by which a rule divides, from the state that an update left behind (playbook E).

    P = √(v + ε) for RMSProp and (√v + ε) / b for Adam and NAdam, with the b of the step that was made.

    Args:
        name: a name in `updates.RULES`.
        state: the second of what the rule's update returned.
        constants: the rule's constants where they are not the defaults, numbers or shape (K, 1).

    Returns:
        P, the shape of θ; None for SGD, Momentum and Nesterov, which divide by nothing.

    Raises:
        ValueError: if the name is another one.

    Example:
        After Adam's first step P is (1 − β₁) |g|:

        >>> adam, theta, g = RULES["adam"], np.zeros(2), np.array([0.5, -2.0])
        >>> _, state = adam.update(theta, g, adam.init(theta), 0.1)
        >>> preconditioner("adam", state, epsilon=0.0).round(12)
        array([0.05, 0.2 ])
    """
    known("name", name, RULES)
    if name in LINEAR:
        return None
    constants = RULES[name].defaults | constants
    v, epsilon = state.v, constants["epsilon"]
    if name == "rmsprop":
        return np.sqrt(v + epsilon)
    beta1, beta2 = constants["beta1"], constants["beta2"]
    b = _root(_one_minus_power(beta2, state.t)) / _one_minus_power(beta1, state.t)
    return (np.sqrt(v) + epsilon) / b
