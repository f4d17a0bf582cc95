"""The playbook's procedures that train anew: the warmup search (W), the early and double checks (D6, D8)."""
