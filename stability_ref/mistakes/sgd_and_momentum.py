"""Known wrong versions of SGD, Momentum and Nesterov."""

import numpy as np

from stability_ref import updates
from stability_ref.mistakes.catalogue import mistake
from stability_ref.updates import MomentumState

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


# --- SGD ----------------------------------------------------------------------------------------------------


@mistake("sgd", "The step goes up the gradient: its sign is plus where the playbook has minus.")
def sgd_climbs(theta, g, state, eta):
    theta = theta + eta * g
    return theta, state


@mistake("sgd", "The rate is squared.")
def sgd_rate_squared(theta, g, state, eta):
    theta = theta - eta**2 * g
    return theta, state


@mistake("sgd", "Only the sign of the gradient is used, not its size.", "signSGD, which is another rule")
def sgd_takes_the_sign(theta, g, state, eta):
    theta = theta - eta * np.sign(g)
    return theta, state


@mistake("sgd", "θ is overwritten in place, so the parameters that came in are lost.")
def sgd_overwrites_theta(theta, g, state, eta):
    theta -= eta * g
    return theta, state


@mistake("sgd", "The gradient is divided by its norm.", "normalised gradient descent, which is another rule")
def sgd_normalises(theta, g, state, eta):
    theta = theta - eta * g / np.sqrt((g**2).sum())
    return theta, state


# --- Momentum -----------------------------------------------------------------------------------------------


@mistake(
    "momentum",
    "The rate stands inside the buffer, so old gradients keep the rate of their day.",
    "Sutskever et al. 2013 and Keras' SGD",
)
def momentum_rate_inside_the_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + eta * g
    theta = theta - v
    return theta, MomentumState(v)


@mistake(
    "momentum",
    "g has the weight 1 − γ, as in a mean: the playbook's buffer is a sum.",
    "courses that call the buffer a moving average",
)
def momentum_weighs_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + (1 - gamma) * g
    theta = theta - eta * v
    return theta, MomentumState(v)


@mistake("momentum", "The step uses v_t, the buffer from before this gradient.")
def momentum_old_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    theta = theta - eta * v
    v = gamma * v + g
    return theta, MomentumState(v)


@mistake("momentum", "γ shrinks this step's gradient too: γ (v + g) instead of γ v + g.")
def momentum_shrinks_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * (v + g)
    theta = theta - eta * v
    return theta, MomentumState(v)


@mistake("momentum", "The state that came is returned, so the buffer stays 0 and this is plain SGD.")
def momentum_forgets(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * v
    return theta, state


@mistake("momentum", "The step goes up the gradient: its sign is plus where the playbook has minus.")
def momentum_climbs(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta + eta * v
    return theta, MomentumState(v)


@mistake("momentum", "The buffer is overwritten in place, so the state that came in is lost.")
def momentum_overwrites_v(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v *= gamma
    v += g
    theta = theta - eta * v
    return theta, MomentumState(v)


@mistake(
    "momentum", "The buffer starts at 1 instead of 0.", init=lambda theta: MomentumState(np.ones_like(theta))
)
def momentum_starts_at_one(theta, g, state, eta, *, gamma=0.9):
    return updates.momentum(theta, g, state, eta, gamma=gamma)


# --- Nesterov -----------------------------------------------------------------------------------------------


@mistake(
    "nesterov", "The step is γ v_t + g, which is v_{t+1}: this is Momentum. The playbook has γ v_{t+1} + g."
)
def nesterov_old_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    theta = theta - eta * (gamma * v + g)
    v = gamma * v + g
    return theta, MomentumState(v)


@mistake("nesterov", "+ g is missing: only the buffer moves θ.")
def nesterov_without_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * v
    return theta, MomentumState(v)


@mistake(
    "nesterov",
    "The parentheses are lost: g is added to θ, with neither the rate nor the minus.",
    "the playbook itself, for its first 14 months",
)
def nesterov_lost_parenthesis(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * v + g
    return theta, MomentumState(v)


@mistake("nesterov", "γ multiplies g as well: γ (v + g) instead of γ v + g in the step.")
def nesterov_shrinks_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * (v + g)
    return theta, MomentumState(v)


@mistake(
    "nesterov",
    "The rate stands inside the buffer, so old gradients keep the rate of their day.",
    "Sutskever et al. 2013 and Keras' SGD",
)
def nesterov_rate_inside_the_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + eta * g
    theta = theta - (gamma * v + eta * g)
    return theta, MomentumState(v)


@mistake("nesterov", "The look-ahead γ v + g is kept as the buffer: it serves this step only.")
def nesterov_keeps_the_look_ahead(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    v = gamma * v + g
    theta = theta - eta * v
    return theta, MomentumState(v)
