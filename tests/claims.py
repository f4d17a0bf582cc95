"""What a caption may say of seeds, all of them, nearly all, or most, and what every recipe promises."""

import numpy as np
import pytest

NEARLY_ALL = 0.9  # five of five, eighteen of twenty
MOST = 0.7  # four of five, fourteen of twenty


def nearly_all(seen):
    """Whether something was seen in every seed of five, and in at most two of twenty it was not."""
    return np.mean(seen) >= NEARLY_ALL


def most(seen):
    """Whether something was seen in most seeds, as the captions use the word."""
    return np.mean(seen) >= MOST


def starts_no_further_run(make):
    """That a recipe, make(seeds, on_step), which is stopped at its first step makes none of what follows."""
    calls = []

    def stop(done, total, record):
        calls.append(done)
        return True

    with pytest.raises(KeyboardInterrupt, match="stopped before"):
        make([0], stop)
    assert len(calls) == 1
