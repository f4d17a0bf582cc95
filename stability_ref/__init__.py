"""The executable edition of the Deep Learning Tuning Playbook's chapter on optimization failures.

Reading order: equations, updates, schedules, clipping, layers, problems, training, sharpness, diagnosis,
recipes; these need NumPy alone and come with `import stability_ref`. mistakes, exercises, figures,
rule_figures, edge_figures and diagnosis_figures (matplotlib), widgets (ipywidgets) and lessons (IPython) are
imported by name. Ids such as R5 or S1 are clauses of the playbook.
"""

from stability_ref import (
    clipping,
    diagnosis,
    equations,
    layers,
    problems,
    recipes,
    schedules,
    sharpness,
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
    "sharpness",
    "training",
    "updates",
]
__version__ = "0.1.0"
