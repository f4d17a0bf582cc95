"""The executable edition of the Deep Learning Tuning Playbook's chapter on optimization failures.

Reading order: equations, updates, schedules, clipping, adaptive_clipping, layers, losses, network,
problems, training, sharpness, diagnosis, recipes; these need NumPy alone and come with the package itself.
What else there is is imported by name: the set-ups behind the lessons (modules that end in _recipes or
_trials, and the _tables made of them), mistakes, exercises; figures, figure_style, figure_facts and the
modules that end in _figures (matplotlib), widgets (ipywidgets), lessons (IPython); clauses, clause_map,
course and glossary, which say where everything stands. Ids such as R5 or S1 are clauses of the playbook.
"""

from stability_ref import (
    adaptive_clipping,
    clipping,
    diagnosis,
    equations,
    layers,
    losses,
    network,
    problems,
    recipes,
    schedules,
    sharpness,
    training,
    updates,
)

__all__ = [
    "adaptive_clipping",
    "clipping",
    "diagnosis",
    "equations",
    "layers",
    "losses",
    "network",
    "problems",
    "recipes",
    "schedules",
    "sharpness",
    "training",
    "updates",
]
__version__ = "0.1.0"
