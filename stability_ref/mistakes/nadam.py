"""Known wrong versions of NAdam."""

import numpy as np

from stability_ref import updates
from stability_ref.mistakes.catalogue import mistake
from stability_ref.updates import AdamState, _one_minus_power, _root

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


@mistake(
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


@mistake(
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


@mistake("nadam", "g has no weight 1 − β₁ in the look-ahead.")
def nadam_adds_all_of_g(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + g) / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake(
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


@mistake("nadam", "ε is added to v, under the root: the playbook adds it to the root of v.")
def nadam_epsilon_inside_the_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ((beta1 * m + (1 - beta1) * g) / np.sqrt(v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("nadam", "ε is added after the bias correction: the playbook adds it before.", "PyTorch and optax")
def nadam_epsilon_after_the_correction(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    ahead = (beta1 * m + (1 - beta1) * g) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * ahead / (np.sqrt(v / _one_minus_power(beta2, t + 1)) + epsilon)
    return theta, AdamState(m, v, t + 1)
