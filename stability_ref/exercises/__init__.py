"""Self-checks of the lessons' exercises: your function against the reference, on small cases.

A self-check prints one verdict and returns it. It never raises on a wrong answer: it says where yours departs
from the reference, and which known mistake it looks like.
"""

from stability_ref.exercises.batch_scaling import check_perfect_scaling
from stability_ref.exercises.batch_size import check_steps_of_epochs, check_steps_to_target
from stability_ref.exercises.clipping import check_clip, check_same_run
from stability_ref.exercises.edge_of_stability import check_largest_stable_rate, check_safe_warmup
from stability_ref.exercises.hessian import check_hessian_vector_product, check_top_eigenvalue
from stability_ref.exercises.norm_placement import check_block, check_layer_norm
from stability_ref.exercises.other_fixes import check_first_fix, check_pair_gain
from stability_ref.exercises.rules import check_rule
from stability_ref.exercises.sweeps import check_best_rate, check_largest_usable_rate
from stability_ref.exercises.thresholds import check_clipped_share, check_threshold
from stability_ref.exercises.tuned import check_fair_comparison, check_tuned_error
from stability_ref.exercises.usable_rates import check_usable_span
from stability_ref.exercises.verdicts import Verdict
from stability_ref.exercises.warmup import check_raised_schedule, check_warmup
from stability_ref.exercises.warmup_search import check_better_run, check_shortest_warmup

__all__ = [
    "Verdict",
    "check_best_rate",
    "check_better_run",
    "check_block",
    "check_clip",
    "check_clipped_share",
    "check_fair_comparison",
    "check_first_fix",
    "check_hessian_vector_product",
    "check_largest_stable_rate",
    "check_largest_usable_rate",
    "check_layer_norm",
    "check_pair_gain",
    "check_perfect_scaling",
    "check_raised_schedule",
    "check_rule",
    "check_safe_warmup",
    "check_same_run",
    "check_shortest_warmup",
    "check_steps_of_epochs",
    "check_steps_to_target",
    "check_threshold",
    "check_top_eigenvalue",
    "check_tuned_error",
    "check_usable_span",
    "check_warmup",
]
