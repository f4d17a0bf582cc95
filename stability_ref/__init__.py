"""The executable edition of the Deep Learning Tuning Playbook's chapter on optimization failures.

Reading order: equations, updates, schedules, clipping, adaptive_clipping, layers, problems, training,
sharpness, diagnosis, recipes; these need NumPy alone and come with `import stability_ref`. What else there is
is imported by name: norm_recipes, clipping_recipes, clipping_trials and clipping_tables, mistakes, exercises;
figures, figure_facts and the modules that end in _figures (matplotlib), widgets (ipywidgets) and lessons
(IPython). Ids such as R5 or S1 are clauses of the playbook.
"""

from stability_ref import (
    adaptive_clipping,
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
    "adaptive_clipping",
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
