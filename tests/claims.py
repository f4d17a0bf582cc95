"""What a caption may say of seeds: all of them, nearly all, or most."""

import numpy as np

NEARLY_ALL = 0.9  # five of five, eighteen of twenty
MOST = 0.7  # four of five, fourteen of twenty


def nearly_all(seen):
    """Whether something was seen in every seed of five, and in at most two of twenty it was not."""
    return np.mean(seen) >= NEARLY_ALL


def most(seen):
    """Whether something was seen in most seeds, as the captions use the word."""
    return np.mean(seen) >= MOST
