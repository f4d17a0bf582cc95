"""Known wrong versions of RMSProp."""

import numpy as np

from stability_ref import updates
from stability_ref.mistakes.catalogue import mistake
from stability_ref.updates import RMSPropState

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


def _rmsprop_from_zero(theta):
    return RMSPropState(v=np.zeros_like(theta), m=np.zeros_like(theta))


@mistake(
    "rmsprop",
    "v starts at 0: the playbook starts it at 1, which keeps the first steps small.",
    "PyTorch, Keras and optax by default",
    init=_rmsprop_from_zero,
)
def rmsprop_starts_at_zero(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    return updates.rmsprop(theta, g, state, eta, rho=rho, gamma=gamma, epsilon=epsilon)


@mistake(
    "rmsprop", "The rate stands outside the buffer: in the playbook old steps keep the rate of their day."
)
def rmsprop_rate_outside_the_buffer(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + g / np.sqrt(v + epsilon)
    theta = theta - eta * m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "ε is added to the root: the playbook adds it to v, under the root.", "PyTorch")
def rmsprop_epsilon_outside_the_root(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + eta / (np.sqrt(v) + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake(
    "rmsprop",
    "This is PyTorch's RMSProp: v starts at 0, ε is outside the root and the rate outside the buffer.",
    "torch.optim.RMSprop",
    init=_rmsprop_from_zero,
)
def rmsprop_torch(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + g / (np.sqrt(v) + epsilon)
    theta = theta - eta * m
    return theta, RMSPropState(v, m)


@mistake(
    "rmsprop",
    "The weights of v are swapped: ρ belongs to the old v, 1 − ρ to the new square.",
    "a docstring in the code of the paper on central flows",
)
def rmsprop_weights_swapped(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = (1 - rho) * v + rho * g**2
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "g² has no weight 1 − ρ, so v is a sum and not a mean.")
def rmsprop_sums_squares(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + g**2
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "g is divided by v + ε: the root is missing.")
def rmsprop_without_root(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + eta / (v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "v takes the size of g instead of its square.")
def rmsprop_g_not_squared(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * np.abs(g)
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "g is divided by the root of v_t, from before this gradient.")
def rmsprop_old_v(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    v = rho * v + (1 - rho) * g**2
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "There is no momentum: γ m is missing.")
def rmsprop_without_momentum(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@mistake("rmsprop", "ρ and γ have changed places.")
def rmsprop_decays_swapped(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    return updates.rmsprop(theta, g, state, eta, rho=gamma, gamma=rho, epsilon=epsilon)
