"""The edge of stability: the largest curvature that a rule bears at a given rate.

On a quadratic ½ h θ² a step is a linear map of (θ, state). Training is stable while no eigenvalue of that map
is longer than 1, that is, while the curvature h stays below an edge that depends on rate and momentum.
"""

from typing import Any

import numpy as np

from stability_ref.checks import known, require
from stability_ref.equations import printed
from stability_ref.updates import RULES

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


EDGES = {"sgd": edge_sgd, "momentum": edge_momentum, "nesterov": edge_nesterov}


def growth(name: str, rate: float, curvature: float, **constants: float) -> float:
    """By how much a step stretches the error at worst: the spectral radius of the rule's own step.

    The step's matrix is not written down here: the rule is applied to each unit vector of (θ, v).

    Args:
        name: sgd, momentum or nesterov, the rules that are linear in the gradient.
        rate: the learning rate.
        curvature: h of the quadratic ½ h θ².
        constants: the rule's constants.

    Returns:
        The radius: below 1 the error shrinks, above 1 it grows.

    Raises:
        ValueError: if the name is another one.

    Example:
        >>> growth("sgd", rate=0.1, curvature=25.0)
        1.5
    """
    known("name", name, EDGES)
    rule = RULES[name]
    fields = type(rule.init(0.0))._fields
    columns = []
    for unit in np.eye(1 + len(fields)):
        theta, state = rule.update(
            unit[0],
            curvature * unit[0],
            rule.init(0.0)._replace(**dict(zip(fields, unit[1:], strict=True))),
            rate,
            **constants,
        )
        columns.append([theta, *state])
    return float(np.abs(np.linalg.eigvals(np.array(columns).T)).max())


def measured_edge(name: str, rate: float, *, tolerance: float = 1e-12, **constants: float) -> float:
    """The edge found by bisection on `growth`: the curvature at which the rule's own step begins to stretch.

    Args:
        name: sgd, momentum or nesterov.
        rate: the learning rate, above 0.
        tolerance: relative width of the last interval.
        constants: the rule's constants.

    Returns:
        The curvature, to the tolerance.

    Raises:
        ValueError: if the name is another one or the rate is not above 0.

    Example:
        >>> round(measured_edge("momentum", rate=0.5, gamma=0.5), 9)
        6.0
    """
    require(rate > 0, "rate", "above 0", rate)
    stable, unstable = 0.1 / rate, 8 / rate
    while unstable - stable > tolerance * stable:
        middle = (stable + unstable) / 2
        if growth(name, rate, middle, **constants) > 1:
            unstable = middle
        else:
            stable = middle
    return (stable + unstable) / 2
