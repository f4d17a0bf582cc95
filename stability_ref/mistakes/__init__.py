"""Known wrong versions of the rules, the schedules and clipping; each says what is wrong.

The tests must kill every one of them (`tests/test_mutants.py`), and the exercises of the course compare a
reader's version with them, to say which known mistake it looks like. Never train with one.

>>> MISTAKES["adam_epsilon_added_to_theta"].seen
'the TensorFlow version of Adam in d2l.ai'
"""

from stability_ref.mistakes import (
    adam,
    adaptive_clipping,
    clipping,
    nadam,
    rmsprop,
    schedules,
    sgd_and_momentum,
)
from stability_ref.mistakes.catalogue import MISTAKES as MISTAKES
from stability_ref.mistakes.catalogue import Mistake as Mistake
from stability_ref.mistakes.catalogue import mistakes_with as mistakes_with

__all__ = [
    "MISTAKES",
    "Mistake",
    "adam",
    "adaptive_clipping",
    "clipping",
    "mistakes_with",
    "nadam",
    "rmsprop",
    "schedules",
    "sgd_and_momentum",
]
