"""The playbook's procedures that train anew: the search for a warmup (W), the early and double checks (D6, D8)."""
