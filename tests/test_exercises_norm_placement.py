"""The self-checks of lesson 03b: right answers are right, and what is wrong is told for what it is.

The clauses X4 and X5, and Figure 8.
"""

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.exercises import norm_placement, sweeps
from stability_ref.layers import LayerNorm

RIGHT_BLOCKS = {
    "pre": lambda h, f, norm: h + f(norm(h)),
    "post": lambda h, f, norm: norm(h + f(h)),
    "resn": lambda h, f, norm: h + norm(f(h)),
    "rezero": lambda h, f, a: h + a * f(h),
}


@pytest.mark.parametrize("name", RIGHT_BLOCKS)
def test_a_right_block_is_right(name, capsys):
    verdict = exercises.check_block(name, RIGHT_BLOCKS[name])
    assert verdict.right
    assert capsys.readouterr().out == f"Right: it is the block that the reference calls {name}.\n"


@pytest.mark.parametrize("name", RIGHT_BLOCKS)
def test_a_right_block_in_lists_or_in_float32_is_right_too(name):
    right = RIGHT_BLOCKS[name]
    assert exercises.check_block(name, lambda *given: right(*given).tolist()).right
    assert exercises.check_block(name, lambda *given: right(*given).astype(np.float32)).right


def mistakes_with(name):
    if name == "rezero":
        return norm_placement.REZERO
    others = [usual for other, usual in norm_placement.PLACED.items() if other != name]
    return others + norm_placement.BLOCKS


@pytest.mark.parametrize(
    ("name", "usual"),
    [(name, usual) for name in RIGHT_BLOCKS for usual in mistakes_with(name)],
    ids=lambda value: getattr(value, "says", value),
)
def test_a_usual_mistake_with_a_block_is_named(name, usual):
    verdict = exercises.check_block(name, usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def adds_in_place(h, f, norm):
    branch = f(norm(h))
    h += branch
    return h


BLOCKS = {
    "Almost: the answers agree, but h is overwritten in place.": adds_in_place,
    "it stops with TypeError": lambda h, f, norm: h + f * norm(h),
    "its answer has the shape (4,), not (3, 4)": lambda h, f, norm: (h + f(norm(h))).sum(axis=0),
    "it returns a function, not numbers": lambda h, f, norm: f,
    "The sum is normalised: this is post-norm, known to cause issues.": RIGHT_BLOCKS["post"],
    "Here f comes first and its output is normalised.": RIGHT_BLOCKS["resn"],
}


@pytest.mark.parametrize("says", BLOCKS)
def test_what_is_wrong_with_a_block_is_told(says):
    verdict = exercises.check_block("pre", BLOCKS[says])
    assert not verdict.right
    assert says in verdict.sentence


def test_an_unknown_block_is_refused():
    with pytest.raises(ValueError, match="name must be one of pre, post, resn, rezero"):
        exercises.check_block("plain", RIGHT_BLOCKS["pre"])


def of_the_reference(h, gain, offset):
    return LayerNorm(h.shape[-1]).forward((gain, offset), h)[0]


def by_hand(h, gain, offset):
    mean = np.mean(h, axis=-1)[..., None]
    variance = np.mean(np.square(h), axis=-1)[..., None] - mean**2
    return gain / np.sqrt(variance + 1e-5) * (h - mean) + offset


def in_float32(h, gain, offset):
    return of_the_reference(*(array.astype(np.float32) for array in (h, gain, offset)))


@pytest.mark.parametrize("right", [of_the_reference, by_hand, in_float32])
def test_a_right_layer_norm_is_right(right):
    assert exercises.check_layer_norm(right).right


@pytest.mark.parametrize("usual", norm_placement.NORMS, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_layer_norm_is_named(usual):
    verdict = exercises.check_layer_norm(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


LAYER_NORMS = {
    "The means have lost the axis": lambda h, gain, offset: (
        gain * (h - h.mean(-1)) / np.sqrt(h.var(-1) + 1e-5) + offset
    ),
    "ε is added to the root": lambda h, gain, offset: (
        (h - h.mean(-1, keepdims=True)) / (h.std(-1, keepdims=True) + 1e-5) * gain + offset
    ),
    "this is RMSNorm": lambda h, gain, offset: (
        h / np.sqrt((h**2).mean(-1, keepdims=True) + 1e-5) * gain + offset
    ),
    "its answer has the shape (3, 1), not (3, 4)": lambda h, gain, offset: h.mean(-1, keepdims=True),
}


@pytest.mark.parametrize("says", LAYER_NORMS)
def test_what_is_wrong_with_a_layer_norm_is_told(says):
    verdict = exercises.check_layer_norm(LAYER_NORMS[says])
    assert not verdict.right
    assert says in verdict.sentence


def with_a_loop(rates, usable):
    largest = None
    for rate, is_usable in sorted(zip(rates, usable, strict=True)):
        if not is_usable:
            break
        largest = rate
    return largest


def with_accumulate(rates, usable):
    order = np.argsort(rates)
    kept = rates[order][np.logical_and.accumulate(usable[order])]
    return float(kept[-1]) if len(kept) else None


@pytest.mark.parametrize("right", [with_a_loop, with_accumulate])
def test_a_right_largest_rate_is_right(right):
    assert exercises.check_largest_usable_rate(right).right


@pytest.mark.parametrize("usual", sweeps.LARGEST, ids=lambda usual: usual.says)
def test_a_usual_mistake_with_the_largest_rate_is_named(usual):
    verdict = exercises.check_largest_usable_rate(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


LARGEST = {
    "A rate beyond the first failure counts": lambda rates, usable: max(rates[usable], default=None),
    "it returns an array of shape (5,), not one number": lambda rates, usable: np.ones(5),
    "it stops with IndexError": lambda rates, usable: rates[len(rates)],
    "where no rate is usable, it stops with": lambda rates, usable: np.sort(rates)[
        np.logical_and.accumulate(usable[np.argsort(rates)])
    ][-1],
}


@pytest.mark.parametrize("says", LARGEST)
def test_what_is_wrong_with_a_largest_rate_is_told(says):
    verdict = exercises.check_largest_usable_rate(LARGEST[says])
    assert not verdict.right
    assert says in verdict.sentence
