"""Known wrong versions of the rules, the schedules and clipping; each says what is wrong.

The tests must kill every one of them (`tests/test_mutants.py`), and the exercises of the course compare a
reader's version with them, to say which known mistake it looks like. Never train with one.

>>> MISTAKES["adam_epsilon_added_to_theta"].seen
'the TensorFlow version of Adam in d2l.ai'
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref import updates
from stability_ref.adaptive_clipping import (
    PercentileState,
    clip_at_percentile,
    clip_units,
    percentile_init,
)
from stability_ref.clipping import clip, gradient_norm
from stability_ref.schedules import linear
from stability_ref.updates import AdamState, MomentumState, RMSPropState, _one_minus_power, _root

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


class Mistake(NamedTuple):
    """A wrong version of a function of the reference."""

    target: str  # what it is a wrong version of: "adam", "prepend_warmup", "clip", ...
    says: str  # one sentence to a student: what is wrong
    seen: str  # where it is found in the wild, or ""
    function: Callable[..., Any]  # the signature of the right one
    init: Callable[[Any], Any] | None = None  # for rules: where the state starts wrong


MISTAKES: dict[str, Mistake] = {}


def _mistake(
    target: str, says: str, seen: str = "", init: Callable[[Any], Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        MISTAKES[function.__name__] = Mistake(target, says, seen, function, init)
        return function

    return add


# --- SGD ----------------------------------------------------------------------------------------------------


@_mistake("sgd", "The step goes up the gradient: its sign is plus where the playbook has minus.")
def sgd_climbs(theta, g, state, eta):
    theta = theta + eta * g
    return theta, state


@_mistake("sgd", "The rate is squared.")
def sgd_rate_squared(theta, g, state, eta):
    theta = theta - eta**2 * g
    return theta, state


@_mistake("sgd", "Only the sign of the gradient is used, not its size.", "signSGD, which is another rule")
def sgd_takes_the_sign(theta, g, state, eta):
    theta = theta - eta * np.sign(g)
    return theta, state


@_mistake("sgd", "θ is overwritten in place, so the parameters that came in are lost.")
def sgd_overwrites_theta(theta, g, state, eta):
    theta -= eta * g
    return theta, state


@_mistake("sgd", "The gradient is divided by its norm.", "normalised gradient descent, which is another rule")
def sgd_normalises(theta, g, state, eta):
    theta = theta - eta * g / np.sqrt((g**2).sum())
    return theta, state


# --- Momentum -----------------------------------------------------------------------------------------------


@_mistake(
    "momentum",
    "The rate stands inside the buffer, so old gradients keep the rate of their day.",
    "Sutskever et al. 2013 and Keras' SGD",
)
def momentum_rate_inside_the_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + eta * g
    theta = theta - v
    return theta, MomentumState(v)


@_mistake(
    "momentum",
    "g has the weight 1 − γ, as in a mean: the playbook's buffer is a sum.",
    "courses that call the buffer a moving average",
)
def momentum_weighs_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + (1 - gamma) * g
    theta = theta - eta * v
    return theta, MomentumState(v)


@_mistake("momentum", "The step uses v_t, the buffer from before this gradient.")
def momentum_old_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    theta = theta - eta * v
    v = gamma * v + g
    return theta, MomentumState(v)


@_mistake("momentum", "γ shrinks this step's gradient too: γ (v + g) instead of γ v + g.")
def momentum_shrinks_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * (v + g)
    theta = theta - eta * v
    return theta, MomentumState(v)


@_mistake("momentum", "The state that came is returned, so the buffer stays 0 and this is plain SGD.")
def momentum_forgets(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * v
    return theta, state


@_mistake("momentum", "The step goes up the gradient: its sign is plus where the playbook has minus.")
def momentum_climbs(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta + eta * v
    return theta, MomentumState(v)


@_mistake("momentum", "The buffer is overwritten in place, so the state that came in is lost.")
def momentum_overwrites_v(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v *= gamma
    v += g
    theta = theta - eta * v
    return theta, MomentumState(v)


@_mistake(
    "momentum", "The buffer starts at 1 instead of 0.", init=lambda theta: MomentumState(np.ones_like(theta))
)
def momentum_starts_at_one(theta, g, state, eta, *, gamma=0.9):
    return updates.momentum(theta, g, state, eta, gamma=gamma)


# --- Nesterov -----------------------------------------------------------------------------------------------


@_mistake(
    "nesterov", "The step is γ v_t + g, which is v_{t+1}: this is Momentum. The playbook has γ v_{t+1} + g."
)
def nesterov_old_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    theta = theta - eta * (gamma * v + g)
    v = gamma * v + g
    return theta, MomentumState(v)


@_mistake("nesterov", "+ g is missing: only the buffer moves θ.")
def nesterov_without_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * v
    return theta, MomentumState(v)


@_mistake(
    "nesterov",
    "The parentheses are lost: g is added to θ, with neither the rate nor the minus.",
    "the playbook itself, for its first 14 months",
)
def nesterov_lost_parenthesis(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * v + g
    return theta, MomentumState(v)


@_mistake("nesterov", "γ multiplies g as well: γ (v + g) instead of γ v + g in the step.")
def nesterov_shrinks_g(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    theta = theta - eta * gamma * (v + g)
    return theta, MomentumState(v)


@_mistake(
    "nesterov",
    "The rate stands inside the buffer, so old gradients keep the rate of their day.",
    "Sutskever et al. 2013 and Keras' SGD",
)
def nesterov_rate_inside_the_buffer(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + eta * g
    theta = theta - (gamma * v + eta * g)
    return theta, MomentumState(v)


@_mistake("nesterov", "The look-ahead γ v + g is kept as the buffer: it serves this step only.")
def nesterov_keeps_the_look_ahead(theta, g, state, eta, *, gamma=0.9):
    (v,) = state
    v = gamma * v + g
    v = gamma * v + g
    theta = theta - eta * v
    return theta, MomentumState(v)


# --- RMSProp ------------------------------------------------------------------------------------------------


def _rmsprop_from_zero(theta):
    return RMSPropState(v=np.zeros_like(theta), m=np.zeros_like(theta))


@_mistake(
    "rmsprop",
    "v starts at 0: the playbook starts it at 1, which keeps the first steps small.",
    "PyTorch, Keras and optax by default",
    init=_rmsprop_from_zero,
)
def rmsprop_starts_at_zero(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    return updates.rmsprop(theta, g, state, eta, rho=rho, gamma=gamma, epsilon=epsilon)


@_mistake(
    "rmsprop", "The rate stands outside the buffer: in the playbook old steps keep the rate of their day."
)
def rmsprop_rate_outside_the_buffer(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + g / np.sqrt(v + epsilon)
    theta = theta - eta * m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "ε is added to the root: the playbook adds it to v, under the root.", "PyTorch")
def rmsprop_epsilon_outside_the_root(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + eta / (np.sqrt(v) + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake(
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


@_mistake(
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


@_mistake("rmsprop", "g² has no weight 1 − ρ, so v is a sum and not a mean.")
def rmsprop_sums_squares(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + g**2
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "g is divided by v + ε: the root is missing.")
def rmsprop_without_root(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = gamma * m + eta / (v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "v takes the size of g instead of its square.")
def rmsprop_g_not_squared(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * np.abs(g)
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "g is divided by the root of v_t, from before this gradient.")
def rmsprop_old_v(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    m = gamma * m + eta / np.sqrt(v + epsilon) * g
    v = rho * v + (1 - rho) * g**2
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "There is no momentum: γ m is missing.")
def rmsprop_without_momentum(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    v, m = state
    v = rho * v + (1 - rho) * g**2
    m = eta / np.sqrt(v + epsilon) * g
    theta = theta - m
    return theta, RMSPropState(v, m)


@_mistake("rmsprop", "ρ and γ have changed places.")
def rmsprop_decays_swapped(theta, g, state, eta, *, rho=0.9, gamma=0.9, epsilon=1e-8):
    return updates.rmsprop(theta, g, state, eta, rho=gamma, gamma=rho, epsilon=epsilon)


# --- Adam ---------------------------------------------------------------------------------------------------


@_mistake("adam", "ε is added to v, under the root: the playbook adds it to the root of v.")
def adam_epsilon_inside_the_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / np.sqrt(v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake(
    "adam",
    "ε is added after the bias correction: the playbook adds it before, to the root of the uncorrected v.",
    "Kingma & Ba's Algorithm 1, PyTorch and optax",
)
def adam_epsilon_after_the_correction(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    corrected_m, corrected_v = m / _one_minus_power(beta1, t + 1), v / _one_minus_power(beta2, t + 1)
    theta = theta - alpha * corrected_m / (np.sqrt(corrected_v) + epsilon)
    return theta, AdamState(m, v, t + 1)


@_mistake(
    "adam",
    "A parenthesis is lost: ε is added to θ and not to the root of v.",
    "the TensorFlow version of Adam in d2l.ai",
)
def adam_epsilon_added_to_theta(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * m * b / np.sqrt(v) + epsilon
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "ε is missing.")
def adam_without_epsilon(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    return updates.adam(theta, g, state, alpha, beta1=beta1, beta2=beta2, epsilon=0.0)


@_mistake("adam", "The correction has the power t + 2: t is counted up twice.")
def adam_t_plus_two(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 2)) / _one_minus_power(beta1, t + 2)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "The correction has the power t, one too few; the first step then divides 0 by 0.")
def adam_t_from_zero(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = np.sqrt(1 - beta2**t) / np.float64(1 - beta1**t)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "t is never counted up, so every step is corrected like the first.")
def adam_t_stands_still(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    *_, t = state
    theta, (m, v, _) = updates.adam(theta, g, state, alpha, beta1=beta1, beta2=beta2, epsilon=epsilon)
    return theta, AdamState(m, v, t)


@_mistake("adam", "t is counted up once a parameter, not once a step: the count stands inside the loop.")
def adam_t_counts_parameters(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    count = t * g.shape[-1] + 1 + np.arange(g.shape[-1])
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = (1 - beta2**count) ** 0.5 / (1 - beta1**count)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "There is no bias correction: b is missing.", "BERT's original AdamWeightDecayOptimizer")
def adam_without_correction(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon))
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "Only m is corrected: the root of 1 − β₂^{t+1} is missing in b.")
def adam_corrects_m_alone(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = 1 / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "Only v is corrected: 1 − β₁^{t+1} is missing in b.")
def adam_corrects_v_alone(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "b has no root: 1 − β₂^{t+1} stands there as it is.")
def adam_correction_without_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _one_minus_power(beta2, t + 1) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "b is upside down.")
def adam_correction_upside_down(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _one_minus_power(beta1, t + 1) / _root(_one_minus_power(beta2, t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "The corrected m and v are kept as the state, so they are corrected again at every step.")
def adam_keeps_the_corrected(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = (beta1 * m + (1 - beta1) * g) / _one_minus_power(beta1, t + 1)
    v = (beta2 * v + (1 - beta2) * g**2) / _one_minus_power(beta2, t + 1)
    theta = theta - alpha * m / (np.sqrt(v) + epsilon)
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "The weights of v are swapped: β₂ belongs to the old v, 1 − β₂ to the new square.")
def adam_beta2_weights_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = (1 - beta2) * v + beta2 * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "The weights of m are swapped: β₁ belongs to the old m, 1 − β₁ to the new gradient.")
def adam_beta1_weights_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = (1 - beta1) * m + beta1 * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "β₁ and β₂ have changed places.")
def adam_betas_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    return updates.adam(theta, g, state, alpha, beta1=beta2, beta2=beta1, epsilon=epsilon)


@_mistake("adam", "v takes the size of g instead of its square.")
def adam_g_not_squared(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * np.abs(g)
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "g has no weight 1 − β₁, so m is a sum and not a mean.")
def adam_sums_gradients(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "m is divided by v + ε: the root is missing.", "a formula in the text of labml.ai")
def adam_without_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "The step uses m_t, from before this gradient.")
def adam_old_m(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    m = beta1 * m + (1 - beta1) * g
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "v never falls: it is the largest that it has been.", "AMSGrad, which is another rule")
def adam_v_never_falls(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = np.maximum(v, beta2 * v + (1 - beta2) * g**2)
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "One v for all coordinates: squares and roots are elementwise in the playbook.")
def adam_one_v_for_all(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g**2).mean()
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "NumPy's root of a Python float is a float64, and turns float32 parameters into float64.")
def adam_promotes(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = np.sqrt(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("adam", "1 − β^{t+1} is computed as it stands, which loses up to 56,000 units in the last place.")
def adam_cancels(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = (1 - beta2 ** (t + 1)) ** 0.5 / (1 - beta1 ** (t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


# --- NAdam --------------------------------------------------------------------------------------------------


@_mistake(
    "nadam",
    "Momentum is scheduled, and the two terms are corrected apart: the playbook has one b and no schedule.",
    "Dozat 2016 and torch.optim.NAdam",
    init=lambda theta: (*updates.nadam_init(theta), 1.0),
)
def nadam_torch(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t, product = state
    mu, next_mu = (beta1 * (1 - 0.5 * 0.96 ** (0.004 * n)) for n in (t + 1, t + 2))
    product = product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    root = np.sqrt(v / _one_minus_power(beta2, t + 1)) + epsilon
    theta = theta - alpha * (1 - mu) / (1 - product) * g / root
    theta = theta - alpha * next_mu / (1 - product * next_mu) * m / root
    return theta, (m, v, t + 1, product)


@_mistake(
    "nadam",
    "The two terms are corrected apart, m with the power t + 2: the playbook has one b for both.",
    "optax, which also adds ε after the correction",
)
def nadam_corrects_apart(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    ahead = beta1 * m / _one_minus_power(beta1, t + 2) + (1 - beta1) * g / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ahead / (np.sqrt(v) + epsilon) * _root(_one_minus_power(beta2, t + 1))
    return theta, AdamState(m, v, t + 1)


@_mistake("nadam", "g has no weight 1 − β₁ in the look-ahead.")
def nadam_adds_all_of_g(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + g) / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake(
    "nadam",
    "The look-ahead uses m_t, which makes it m_{t+1}: this is Adam. The playbook uses m_{t+1}.",
)
def nadam_old_m(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + (1 - beta1) * g) / (np.sqrt(v) + epsilon)) * b
    m = beta1 * m + (1 - beta1) * g
    return theta, AdamState(m, v, t + 1)


@_mistake("nadam", "ε is added to v, under the root: the playbook adds it to the root of v.")
def nadam_epsilon_inside_the_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + (1 - beta1) * g) / np.sqrt(v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@_mistake("nadam", "ε is added after the bias correction: the playbook adds it before.", "PyTorch and optax")
def nadam_epsilon_after_the_correction(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    ahead = (beta1 * m + (1 - beta1) * g) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ahead / (np.sqrt(v / _one_minus_power(beta2, t + 1)) + epsilon)
    return theta, AdamState(m, v, t + 1)


# --- Schedules ----------------------------------------------------------------------------------------------


@_mistake(
    "prepend_warmup",
    "The ramp is one step early, (t + 1) / W: the first rate is not 0.",
    "Karpathy's build-nanogpt",
)
def warmup_one_step_early(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t + 1) / np.maximum(W, 1), schedule(np.maximum(t - W, 0)))


@_mistake("prepend_warmup", "The ramp is (t + 1) / (W + 1): the first rate is not 0.", "Karpathy's nanoGPT")
def warmup_from_the_first_fraction(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t + 1) / (W + 1), schedule(np.maximum(t - W, 0)))


@_mistake("prepend_warmup", "The ramp is too long: t / (W + 1).")
def warmup_one_step_longer(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t <= W, schedule(0) * (t / (W + 1)), schedule(np.maximum(t - W - 1, 0)))


@_mistake("prepend_warmup", "There is no ramp: the rate is base from the first step on.")
def warmup_at_base(schedule, warmup_steps):
    return lambda t: schedule(np.maximum(t - warmup_steps, 0))


@_mistake("prepend_warmup", "The ramp falls from base to 0: it is upside down.")
def warmup_falls(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (1 - t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0)))


@_mistake(
    "prepend_warmup",
    "Warmup eats the schedule's first W steps instead of standing in front of it: 10,000 steps stay 10,000.",
    "timm, unless warmup_prefix is set",
)
def warmup_shortens_the_decay(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / np.maximum(W, 1)), schedule(t))


@_mistake(
    "prepend_warmup", "The ramp rises to the rate that the schedule has after W steps, not to its first."
)
def warmup_to_the_decayed_rate(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(W) * (t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0)))


@_mistake("prepend_warmup", "The ramp multiplies the schedule, which decays below it meanwhile.")
def warmup_multiplies_the_decay(schedule, warmup_steps):
    return lambda t: schedule(t) * np.minimum(t / np.maximum(warmup_steps, 1), 1)


@_mistake("prepend_warmup", "The schedule's own first rate is left out: at t = W stands its second.")
def warmup_skips_the_base(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / np.maximum(W, 1)), schedule(np.maximum(t - W + 1, 0)))


@_mistake(
    "prepend_warmup",
    "The ramp starts at a third of the base rate, not at 0.",
    "PyTorch's LinearLR by default",
)
def warmup_from_a_third(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(
        t < W, schedule(0) * (1 / 3 + 2 / 3 * t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0))
    )


@_mistake("prepend_warmup", "It divides by W, also where W = 0 means that there is no warmup.")
def warmup_divides_by_zero(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / W), schedule(np.maximum(t - W, 0)))


@_mistake("prepend_warmup", "Where W = 0 means that there is no warmup, the first rate is 0 all the same.")
def warmup_always_starts_at_zero(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.minimum(t / np.maximum(W, 1), 1) * schedule(np.maximum(t - W, 0))


@_mistake("linear", "The line does not stop at the final rate: it goes on, below 0.")
def linear_goes_on(base, steps, final=0.0):
    return lambda t: base + (final - base) * (t / steps)


@_mistake("linear", "The line is one step ahead: s_0 is not the base rate.")
def linear_one_step_ahead(base, steps, final=0.0):
    return lambda t: linear(base, steps, final)(t + 1)


@_mistake("cosine", "The cosine has its full period in T steps, so that it ends where it began.")
def cosine_whole_period(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(2 * math.pi * np.minimum(t, steps) / steps)
        return base * (1 + c) / 2 + final * (1 - c) / 2

    return schedule


@_mistake("cosine", "The half is missing: the rate starts at twice the base rate.")
def cosine_without_half(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(math.pi * np.minimum(t, steps) / steps)
        return base * (1 + c) + final * (1 - c)

    return schedule


@_mistake(
    "cosine", "Only a quarter of the period is used: the rate falls slowly at first and fast at the end."
)
def cosine_quarter_period(base, steps, final=0.0):
    return lambda t: final + (base - final) * np.cos(math.pi / 2 * np.minimum(t, steps) / steps)


@_mistake("cosine", "Nothing stops the cosine at T: the rate rises again.", "PyTorch's CosineAnnealingLR")
def cosine_rises_again(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(math.pi * t / steps)
        return base * (1 + c) / 2 + final * (1 - c) / 2

    return schedule


@_mistake(
    "inverse_square_root",
    "The rate stands still up to τ and falls from there: 1 / √max(t, τ).",
    "T5",
)
def inverse_square_root_waits(base, timescale):
    return lambda t: base * np.sqrt(timescale / np.maximum(t, timescale))


@_mistake("inverse_square_root", "The root is missing: the rate falls as 1 / t.", "Keras' InverseTimeDecay")
def inverse_without_root(base, timescale):
    return lambda t: base / (1 + t / timescale)


@_mistake("piecewise_constant", "The factor comes one step late, at t > T_i instead of t ≥ T_i.")
def piecewise_one_step_late(base, boundaries, factors):
    return lambda t: base * np.cumprod([1.0, *factors])[np.searchsorted(boundaries, t, side="left")]


@_mistake("piecewise_constant", "The factors do not multiply up: each replaces the one before.")
def piecewise_replaces(base, boundaries, factors):
    return lambda t: base * np.array([1.0, *factors])[np.searchsorted(boundaries, t, side="right")]


@_mistake(
    "exponential",
    "t / T is rounded down, so that the rate falls in stairs.",
    "a staircase, which is an option in Keras",
)
def exponential_in_stairs(base, decay_factor, decay_steps):
    return lambda t: base * decay_factor ** (t // decay_steps)


@_mistake("exponential", "The rate is multiplied by d at every step, not once in T steps.")
def exponential_every_step(base, decay_factor, decay_steps):
    return lambda t: base * decay_factor ** (t * 1.0)


@_mistake("rescale", "The curve is moved up, not scaled.")
def rescale_moves(schedule, base):
    return lambda t: schedule(t) + (base - schedule(0))


@_mistake("rescale", "The curve is multiplied by the new base rate and not divided by its own.")
def rescale_without_quotient(schedule, base):
    return lambda t: schedule(t) * base


@_mistake("constant", "The rate falls to 0 after the first step.")
def constant_once(base):
    return lambda t: np.where(t == 0, base, 0 * base)


# --- Clipping -----------------------------------------------------------------------------------------------


@_mistake(
    "clip", "Each coordinate is cut at ±λ by itself, which turns the gradient.", "PyTorch's clip_grad_value_"
)
def clip_by_value(g, threshold):
    return np.clip(g, -np.asarray(threshold)[..., None], np.asarray(threshold)[..., None]), gradient_norm(g)


@_mistake("clip", "The largest coordinate is taken for the norm.")
def clip_by_the_largest(g, threshold):
    norm, largest = gradient_norm(g), np.abs(g).max(axis=-1)
    return g * np.minimum(1, threshold / np.where(largest > 0, largest, np.inf))[..., None], norm


@_mistake("clip", "The sum of absolute values is taken for the norm.")
def clip_by_the_sum(g, threshold):
    norm, total = gradient_norm(g), np.abs(g).sum(axis=-1)
    return g * np.minimum(1, threshold / np.where(total > 0, total, np.inf))[..., None], norm


@_mistake(
    "clip",
    "1e-6 is added to the norm, so what is clipped is a little too short.",
    "PyTorch's clip_grad_norm_",
)
def clip_torch(g, threshold):
    norm = gradient_norm(g)
    return g * np.minimum(1, threshold / (norm + 1e-6))[..., None], norm


@_mistake("clip", "Every gradient gets the length λ, small ones too.")
def clip_always(g, threshold):
    norm = gradient_norm(g)
    return g * (threshold / norm)[..., None], norm


@_mistake("clip", "The square of the norm is used: its root is missing.")
def clip_squared_norm(g, threshold):
    squares = np.vecdot(g, g)
    return g * np.minimum(1, threshold / np.where(squares > 0, squares, np.inf))[..., None], squares


@_mistake("clip", "g / |g| is not multiplied by λ: a clipped gradient has length 1.")
def clip_to_one(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g / norm[..., None], g), norm


@_mistake("clip", "Too large a gradient is dropped, not shortened.")
def clip_drops(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], 0, g).astype(g.dtype), norm


@_mistake("clip", "The norm that is returned is the clipped one: log the norm before clipping.")
def clip_returns_the_clipped_norm(g, threshold):
    clipped, _ = clip(g, threshold)
    return clipped, gradient_norm(clipped)


@_mistake("clip", "The root mean square is taken for the norm: the L2 norm sums the squares.")
def clip_by_the_mean_square(g, threshold):
    norm = gradient_norm(g) / np.sqrt(g.shape[-1])
    return g * np.minimum(1, threshold / np.where(norm > 0, norm, np.inf))[..., None], norm


@_mistake("clip", "Nothing is clipped: the gradient goes through as it came.")
def clip_nothing(g, threshold):
    return g, gradient_norm(g)


@_mistake("clip", "λ is not used: what is longer than 1 gets the length 1.")
def clip_without_threshold(g, threshold):
    norm = gradient_norm(g)
    return g / np.maximum(1, norm)[..., None], norm


@_mistake("clip", "g is multiplied by λ and not divided by its norm.")
def clip_without_quotient(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g * np.asarray(threshold)[..., None], g), norm


@_mistake("clip", "The quotient is upside down, |g| / λ: what is too long gets longer.")
def clip_upside_down(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm > threshold)[..., None], g * (norm / threshold)[..., None], g), norm


@_mistake("clip", "The comparison is the wrong way round: small gradients are stretched, large ones pass.")
def clip_stretches(g, threshold):
    norm = gradient_norm(g)
    return np.where((norm < threshold)[..., None], g * (threshold / norm)[..., None], g), norm


@_mistake("clip", "One norm is taken of all trials together.")
def clip_all_trials_together(g, threshold):
    clipped, _ = clip(g.reshape(-1), np.min(threshold))
    return clipped.reshape(g.shape), gradient_norm(g)


@_mistake("clip", "The gradient that came in is overwritten.", "PyTorch's clip_grad_norm_, on purpose")
def clip_overwrites(g, threshold):
    g[...], norm = clip(g, threshold)
    return g, norm


# --- Adaptive clipping --------------------------------------------------------------------------------------


@_mistake(
    "clip_at_percentile",
    "This step's own norm is counted too, so a gradient has a say in its own threshold.",
    "AutoClip (Seetharaman et al. 2020), by design",
)
def percentile_counts_itself(theta, g, state, *, percentile=90.0):
    _, known = clip_at_percentile(theta, g, state, percentile=percentile)
    return clip_at_percentile(theta, g, known, percentile=percentile)[0], known


@_mistake(
    "clip_at_percentile", "The clipped norm is remembered, so the threshold cannot follow norms that rise."
)
def percentile_remembers_what_it_clipped(theta, g, state, *, percentile=90.0):
    clipped, _ = clip_at_percentile(theta, g, state, percentile=percentile)
    norms = np.concatenate([state.norms[..., 1:], gradient_norm(clipped)[..., None]], axis=-1)
    return clipped, PercentileState(norms)


@_mistake("clip_at_percentile", "All but the newest norm are forgotten.")
def percentile_of_one_norm(theta, g, state, *, percentile=90.0):
    last = percentile_init(theta, state.norms.shape[-1]).norms
    last[..., -1] = state.norms[..., -1]
    clipped, _ = clip_at_percentile(theta, g, PercentileState(last), percentile=percentile)
    return clipped, clip_at_percentile(theta, g, state, percentile=percentile)[1]


@_mistake("clip_units", "A whole weight matrix is one unit: its columns are not told apart.")
def units_are_whole_matrices(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    clipped = g.copy()
    for W, G, into in list(
        zip(network.weights(theta), network.weights(g), network.weights(clipped), strict=True)
    )[:-2]:
        limit = ratio * np.maximum(gradient_norm(W.reshape(-1)), smallest)
        into[...] = clip(G.reshape(-1), limit)[0].reshape(G.shape)
    return clipped, state


@_mistake("clip_units", "ε is missing: a bias that starts at 0 never moves.")
def units_without_a_smallest_norm(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    return clip_units(theta, g, state, network=network, ratio=ratio, smallest=1e-30, clip_head=clip_head)


@_mistake("clip_units", "The head is clipped like every other layer.", "optax.adaptive_grad_clip on all of θ")
def units_of_the_head_too(theta, g, state, *, network, ratio=0.01, smallest=1e-3, clip_head=False):
    return clip_units(theta, g, state, network=network, ratio=ratio, smallest=smallest, clip_head=True)
