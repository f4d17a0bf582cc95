"""Known wrong versions of clipping by norm."""

import numpy as np

from stability_ref.clipping import clip, gradient_norm
from stability_ref.mistakes.catalogue import mistake

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


@mistake(
    "clip", "Each coordinate is cut at ±λ by itself, which turns the gradient.", "PyTorch's clip_grad_value_"
)
def clip_by_value(g, threshold):
    return np.clip(g, -np.asarray(threshold)[..., None], np.asarray(threshold)[..., None]), gradient_norm(g)


@mistake("clip", "The largest coordinate is taken for the norm.")
def clip_by_the_largest(g, threshold):
    norm, largest = gradient_norm(g), np.abs(g).max(axis=-1)
    return g * np.minimum(1, threshold / np.where(largest > 0, largest, np.inf))[..., None], norm


@mistake("clip", "The sum of absolute values is taken for the norm.")
def clip_by_the_sum(g, threshold):
    norm, total = gradient_norm(g), np.abs(g).sum(axis=-1)
    return g * np.minimum(1, threshold / np.where(total > 0, total, np.inf))[..., None], norm


@mistake(
    "clip",
    "1e-6 is added to the norm, so what is clipped is a little too short.",
    "PyTorch's clip_grad_norm_",
)
def clip_torch(g, threshold):
    norm = gradient_norm(g)
    return g * np.minimum(1, threshold / (norm + 1e-6))[..., None], norm


@mistake("clip", "Every gradient gets the length λ, small ones too.")
def clip_always(g, threshold):
    norm = gradient_norm(g)
    return g * (threshold / norm)[..., None], norm


@mistake("clip", "The square of the norm is used: its root is missing.")
def clip_squared_norm(g, threshold):
    squares = np.vecdot(g, g)
    return g * np.minimum(1, threshold / np.where(squares > 0, squares, np.inf))[..., None], squares


@mistake("clip", "g / |g| is not multiplied by λ: a clipped gradient has length 1.")
def clip_to_one(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g / norm[..., None], g), norm


@mistake("clip", "Too large a gradient is dropped, not shortened.")
def clip_drops(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], 0, g).astype(g.dtype), norm


@mistake("clip", "The norm that is returned is the clipped one: log the norm before clipping.")
def clip_returns_the_clipped_norm(g, threshold):
    clipped, _ = clip(g, threshold)
    return clipped, gradient_norm(clipped)


@mistake("clip", "The root mean square is taken for the norm: the L2 norm sums the squares.")
def clip_by_the_mean_square(g, threshold):
    norm = gradient_norm(g) / np.sqrt(g.shape[-1])
    return g * np.minimum(1, threshold / np.where(norm > 0, norm, np.inf))[..., None], norm


@mistake("clip", "Nothing is clipped: the gradient goes through as it came.")
def clip_nothing(g, threshold):
    return g, gradient_norm(g)


@mistake("clip", "λ is not used: what is longer than 1 gets the length 1.")
def clip_without_threshold(g, threshold):
    norm = gradient_norm(g)
    return g / np.maximum(1, norm)[..., None], norm


@mistake("clip", "g is multiplied by λ and not divided by its norm.")
def clip_without_quotient(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g * np.asarray(threshold)[..., None], g), norm


@mistake("clip", "The quotient is upside down, |g| / λ: what is too long gets longer.")
def clip_upside_down(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g * (norm / threshold)[..., None], g), norm


@mistake("clip", "The comparison is the wrong way round: small gradients are stretched, large ones pass.")
def clip_stretches(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm < threshold)[..., None], g * (threshold / norm)[..., None], g), norm


@mistake("clip", "One norm is taken of all trials together.")
def clip_all_trials_together(g, threshold):
    clipped, _ = clip(g.reshape(-1), np.min(threshold))
    return clipped.reshape(g.shape), gradient_norm(g)


@mistake("clip", "The gradient that came in is overwritten.", "PyTorch's clip_grad_norm_, on purpose")
def clip_overwrites(g, threshold):
    g[...], norm = clip(g, threshold)
    return g, norm
