"""How sharp the loss is, and how sharp it may be: the edge of stability (playbook E).

Reading order: edges (the formulas, and what an adaptive rule divides by), stretch (the same edges from the
rules' own steps), lanczos (a top eigenvalue from products alone), warm_start (where the next one begins),
runs (the sharpness of a network, and along its training).
"""

from stability_ref.sharpness.edges import (
    EDGES,
    LINEAR,
    edge_adam,
    edge_momentum,
    edge_nadam,
    edge_nesterov,
    edge_rmsprop,
    edge_sgd,
    preconditioner,
)
from stability_ref.sharpness.lanczos import Top, top_eigenvalue
from stability_ref.sharpness.runs import Sharpness, along_run, sharpness
from stability_ref.sharpness.stretch import growth, measured_edge
from stability_ref.sharpness.warm_start import warm_start

__all__ = [
    "EDGES",
    "LINEAR",
    "Sharpness",
    "Top",
    "along_run",
    "edge_adam",
    "edge_momentum",
    "edge_nadam",
    "edge_nesterov",
    "edge_rmsprop",
    "edge_sgd",
    "growth",
    "measured_edge",
    "preconditioner",
    "sharpness",
    "top_eigenvalue",
    "warm_start",
]
