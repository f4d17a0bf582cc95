"""Known wrong versions of the running percentile and of AGC."""

import numpy as np

from stability_ref.adaptive_clipping import PercentileState, clip_at_percentile, clip_units, percentile_init
from stability_ref.clipping import clip, gradient_norm
from stability_ref.mistakes.catalogue import mistake

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


@mistake(
    "clip_at_percentile",
    "This step's own norm is counted too, so a gradient has a say in its own threshold.",
    "AutoClip (Seetharaman et al. 2020), by design",
)
def percentile_counts_itself(theta, g, state, *, percentile=90.0):
    _, known = clip_at_percentile(theta, g, state, percentile=percentile)
    return clip_at_percentile(theta, g, known, percentile=percentile)[0], known


@mistake(
    "clip_at_percentile", "The clipped norm is remembered, so the threshold cannot follow norms that rise."
)
def percentile_remembers_what_it_clipped(theta, g, state, *, percentile=90.0):
    clipped, _ = clip_at_percentile(theta, g, state, percentile=percentile)
    norms = np.concatenate([state.norms[..., 1:], gradient_norm(clipped)[..., None]], axis=-1)
    return clipped, PercentileState(norms)


@mistake("clip_at_percentile", "All but the newest norm are forgotten.")
def percentile_of_one_norm(theta, g, state, *, percentile=90.0):
    last = percentile_init(theta, state.norms.shape[-1]).norms
    last[..., -1] = state.norms[..., -1]
    clipped, _ = clip_at_percentile(theta, g, PercentileState(last), percentile=percentile)
    return clipped, clip_at_percentile(theta, g, state, percentile=percentile)[1]


@mistake("clip_units", "A whole weight matrix is one unit: its columns are not told apart.")
def units_are_whole_matrices(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    clipped = g.copy()
    for W, G, into in list(
        zip(network.weights(theta), network.weights(g), network.weights(clipped), strict=True)
    )[:-2]:
        limit = ratio * np.maximum(gradient_norm(W.reshape(-1)), smallest)
        into[...] = clip(G.reshape(-1), limit)[0].reshape(G.shape)
    return clipped, state


@mistake("clip_units", "ε is missing: a bias that starts at 0 never moves.")
def units_without_a_smallest_norm(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    return clip_units(theta, g, state, network=network, ratio=ratio, smallest=1e-30, clip_head=clip_head)


@mistake("clip_units", "The head is clipped like every other layer.", "optax.adaptive_grad_clip on all of θ")
def units_of_the_head_too(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    return clip_units(theta, g, state, network=network, ratio=ratio, smallest=smallest, clip_head=True)
