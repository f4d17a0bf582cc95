"""What a caption may say of seeds: all of them, or most."""

import numpy as np

MOST = 0.8  # four of five, sixteen of twenty


def most(seen):
    """Whether something was seen in most seeds, as the captions use the word."""
    return np.mean(seen) >= MOST
