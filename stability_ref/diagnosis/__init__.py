"""Is the workload unstable, and what should be fixed first? The playbook's procedures, on any log.

Reading order: log (what a run wrote down), instability (clauses D3–D6 on one run).
"""

from stability_ref.diagnosis.instability import (
    SIGNIFICANT_RATIO,
    Finding,
    judge,
    peak_ratio,
    significant_instability,
)
from stability_ref.diagnosis.log import Log, as_log

__all__ = [
    "SIGNIFICANT_RATIO",
    "Finding",
    "Log",
    "as_log",
    "judge",
    "peak_ratio",
    "significant_instability",
]
