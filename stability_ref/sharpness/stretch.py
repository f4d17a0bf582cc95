"""The edges found without a formula: by how much the rule's own step stretches the error."""

from typing import Any

import numpy as np

from stability_ref.checks import known, require
from stability_ref.sharpness.edges import preconditioner
from stability_ref.updates import RULES

Array = np.ndarray
BUFFERS = {  # the parts of the state in which the step is linear
    "sgd": (),
    "momentum": ("v",),
    "nesterov": ("v",),
    "rmsprop": ("m",),
    "adam": ("m",),
    "nadam": ("m",),
}
TINY = 2.0**-30  # squares of gradients this small are nothing beside v
ALMOST_ONE = 1 - 2.0**-53  # a decay of the running mean of squares that holds it still: one ulp below 1
HELD_STILL: dict[str, dict[str, float]] = {
    "rmsprop": {"rho": ALMOST_ONE},
    "adam": {"beta2": ALMOST_ONE},
    "nadam": {"beta2": ALMOST_ONE},
}
HELD_AT: dict[str, dict[str, Any]] = {  # after 2⁵³ steps with that decay b is √(1 − 1/e)
    "rmsprop": {"v": np.array(4.0)},
    "adam": {"v": np.array(4.0), "t": 2**53},
    "nadam": {"v": np.array(4.0), "t": 2**53},
}


def growth(name: str, rate: float, curvature: float, **constants: float) -> float:
    """By how much a step stretches the error at worst: the spectral radius of the rule's own step.

    The step's matrix is not written down here: the rule is applied to each unit vector of θ and buffer. An
    adaptive rule's second moment v is held still meanwhile, by a decay of one ulp below 1.

    Args:
        name: a name in `updates.RULES`.
        rate: the learning rate.
        curvature: h of the quadratic ½ h θ², for an adaptive rule in units of P: the loss is ½ P h θ².
        constants: the rule's constants, but for ρ and β₂.

    Returns:
        The radius: below 1 the error shrinks, above 1 it grows.

    Raises:
        ValueError: if the name is another one, or ρ or β₂ is given.

    Example:
        >>> growth("sgd", rate=0.1, curvature=25.0)
        1.5
    """
    known("name", name, RULES)
    rule, held = RULES[name], HELD_STILL.get(name, {})
    for constant in held:
        require(constant not in constants, constant, "left out: it is held still", constants.get(constant))
    start = rule.init(np.array(0.0))._replace(**HELD_AT.get(name, {}))
    P = preconditioner(name, start, **constants, **held)
    h = curvature if P is None else curvature * P
    columns = []
    for unit in TINY * np.eye(1 + len(BUFFERS[name])):
        state = start._replace(**dict(zip(BUFFERS[name], unit[1:], strict=True)))
        theta, state = rule.update(unit[0], h * unit[0], state, rate, **constants, **held)
        columns.append([theta, *(getattr(state, buffer) for buffer in BUFFERS[name])])
    return float(np.abs(np.linalg.eigvals(np.array(columns, dtype=float).T / TINY)).max())


def measured_edge(name: str, rate: float, *, tolerance: float = 1e-12, **constants: float) -> float:
    """The edge found by bisection on `growth`: the curvature at which the rule's own step begins to stretch.

    Args:
        name: a name in `updates.RULES`.
        rate: the learning rate, above 0.
        tolerance: relative width of the last interval.
        constants: the rule's constants, but for ρ and β₂.

    Returns:
        The curvature, for an adaptive rule that of P⁻¹H, to the tolerance.

    Raises:
        ValueError: if the name is another one or the rate is not above 0.

    Example:
        >>> round(measured_edge("momentum", rate=0.5, gamma=0.5), 9)
        6.0
    """
    require(rate > 0, "rate", "above 0", rate)
    stable, unstable = 0.1 / rate, 8 / rate
    while growth(name, rate, unstable, **constants) <= 1:
        unstable *= 2
    while unstable - stable > tolerance * stable:
        middle = (stable + unstable) / 2
        if growth(name, rate, middle, **constants) > 1:
            unstable = middle
        else:
            stable = middle
    return (stable + unstable) / 2
