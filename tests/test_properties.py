"""The laws that the rules, the schedules and clipping keep, for whatever Hypothesis thinks of.

The clauses R1–R6, S1, S3, S4 and C1.
"""

import pytest
from properties import PROPERTIES, RIGHT, holds

CASES = [(law, target) for law, (targets, _) in PROPERTIES.items() for target in targets]


@pytest.mark.parametrize(("law", "target"), CASES)
def test_the_law_holds(law, target):
    holds(PROPERTIES[law][1], RIGHT[target])
