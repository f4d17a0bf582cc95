"""Is the workload unstable, and what should be fixed first? The playbook's procedures, on any log.

Reading order: log (what a run wrote down), instability (relative to a safe run), one_run (relative to its own
past).
"""

from stability_ref.diagnosis.instability import SIGNIFICANT_RATIO, peak_ratio, significant_instability
from stability_ref.diagnosis.log import Log, as_log
from stability_ref.diagnosis.one_run import Finding, judge

__all__ = [
    "SIGNIFICANT_RATIO",
    "Finding",
    "Log",
    "as_log",
    "judge",
    "peak_ratio",
    "significant_instability",
]
