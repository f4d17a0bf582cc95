"""Is the workload unstable, and what should be fixed first? The playbook's procedures, on any log.

Reading order: log (what a run wrote down) and reading (of any logger's file); instability (relative to a
safe run), rises and one_run (relative to its own past), norms (of the gradient), sweep (of learning rates);
fixes, report and html; then what trains anew: warmup.checks (D6, D8) and warmup.search (W1–W7).
"""

from stability_ref.diagnosis.instability import SIGNIFICANT_RATIO, peak_ratio, significant_instability
from stability_ref.diagnosis.log import Log, as_log
from stability_ref.diagnosis.norms import judge_norms, norm_outliers
from stability_ref.diagnosis.one_run import Finding, judge
from stability_ref.diagnosis.reading.logs import read_logs
from stability_ref.diagnosis.report import Report, diagnose
from stability_ref.diagnosis.sweep import at_the_edge, best_rate, feasible, held_back, rates_above
from stability_ref.diagnosis.warmup.checks import confirm, early_check
from stability_ref.diagnosis.warmup.report import WarmupSearch
from stability_ref.diagnosis.warmup.search import find_warmup
from stability_ref.diagnosis.warmup.training_functions import reference_train

__all__ = [
    "SIGNIFICANT_RATIO",
    "Finding",
    "Log",
    "Report",
    "WarmupSearch",
    "as_log",
    "at_the_edge",
    "best_rate",
    "confirm",
    "diagnose",
    "early_check",
    "feasible",
    "find_warmup",
    "held_back",
    "judge",
    "judge_norms",
    "norm_outliers",
    "peak_ratio",
    "rates_above",
    "read_logs",
    "reference_train",
    "significant_instability",
]
