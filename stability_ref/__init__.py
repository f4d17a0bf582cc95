"""The executable edition of the Deep Learning Tuning Playbook's chapter on optimization failures.

Reading order: equations, updates, schedules, clipping, layers, problems, training, diagnosis, recipes; these
need NumPy alone and come with `import stability_ref`. mistakes (known wrong versions, for tests and
exercises), figures (matplotlib), widgets (ipywidgets) and lessons (IPython) are imported by name. Ids such as
R5 or S1 are clauses of the playbook.
"""

from stability_ref import (
    clipping,
    diagnosis,
    equations,
    layers,
    problems,
    recipes,
    schedules,
    training,
    updates,
)

__all__ = [
    "clipping",
    "diagnosis",
    "equations",
    "layers",
    "problems",
    "recipes",
    "schedules",
    "training",
    "updates",
]
__version__ = "0.1.0"
