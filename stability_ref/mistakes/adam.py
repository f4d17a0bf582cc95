"""Known wrong versions of Adam."""

import numpy as np

from stability_ref import updates
from stability_ref.mistakes.catalogue import mistake
from stability_ref.updates import AdamState, _one_minus_power, _root

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


@mistake("adam", "ε is added to v, under the root: the playbook adds it to the root of v.")
def adam_epsilon_inside_the_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / np.sqrt(v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake(
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


@mistake(
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


@mistake("adam", "ε is missing.")
def adam_without_epsilon(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    return updates.adam(theta, g, state, alpha, beta1=beta1, beta2=beta2, epsilon=0.0)


@mistake("adam", "The correction has the power t + 2: t is counted up twice.")
def adam_t_plus_two(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 2)) / _one_minus_power(beta1, t + 2)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "The correction has the power t, one too few; the first step then divides 0 by 0.")
def adam_t_from_zero(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = np.sqrt(1 - beta2**t) / np.float64(1 - beta1**t)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "t is never counted up, so every step is corrected like the first.")
def adam_t_stands_still(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    *_, t = state
    theta, (m, v, _) = updates.adam(theta, g, state, alpha, beta1=beta1, beta2=beta2, epsilon=epsilon)
    return theta, AdamState(m, v, t)


@mistake("adam", "t is counted up once a parameter, not once a step: the count stands inside the loop.")
def adam_t_counts_parameters(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    count = t * g.shape[-1] + 1 + np.arange(g.shape[-1])
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = (1 - beta2**count) ** 0.5 / (1 - beta1**count)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "There is no bias correction: b is missing.", "BERT's original AdamWeightDecayOptimizer")
def adam_without_correction(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon))
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "Only m is corrected: the root of 1 − β₂^{t+1} is missing in b.")
def adam_corrects_m_alone(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = 1 / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "Only v is corrected: 1 − β₁^{t+1} is missing in b.")
def adam_corrects_v_alone(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "b has no root: 1 − β₂^{t+1} stands there as it is.")
def adam_correction_without_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _one_minus_power(beta2, t + 1) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "b is upside down.")
def adam_correction_upside_down(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _one_minus_power(beta1, t + 1) / _root(_one_minus_power(beta2, t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "The corrected m and v are kept as the state, so they are corrected again at every step.")
def adam_keeps_the_corrected(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = (beta1 * m + (1 - beta1) * g) / _one_minus_power(beta1, t + 1)
    v = (beta2 * v + (1 - beta2) * g**2) / _one_minus_power(beta2, t + 1)
    theta = theta - alpha * m / (np.sqrt(v) + epsilon)
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "The weights of v are swapped: β₂ belongs to the old v, 1 − β₂ to the new square.")
def adam_beta2_weights_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = (1 - beta2) * v + beta2 * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "The weights of m are swapped: β₁ belongs to the old m, 1 − β₁ to the new gradient.")
def adam_beta1_weights_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = (1 - beta1) * m + beta1 * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "β₁ and β₂ have changed places.")
def adam_betas_swapped(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    return updates.adam(theta, g, state, alpha, beta1=beta2, beta2=beta1, epsilon=epsilon)


@mistake("adam", "v takes the size of g instead of its square.")
def adam_g_not_squared(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * np.abs(g)
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "g has no weight 1 − β₁, so m is a sum and not a mean.")
def adam_sums_gradients(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "m is divided by v + ε: the root is missing.", "a formula in the text of labml.ai")
def adam_without_root(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (v + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "The step uses m_t, from before this gradient.")
def adam_old_m(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    v = beta2 * v + (1 - beta2) * g**2
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    m = beta1 * m + (1 - beta1) * g
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "v never falls: it is the largest that it has been.", "AMSGrad, which is another rule")
def adam_v_never_falls(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = np.maximum(v, beta2 * v + (1 - beta2) * g**2)
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "One v for all coordinates: squares and roots are elementwise in the playbook.")
def adam_one_v_for_all(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g**2).mean()
    b = _root(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "NumPy's root of a Python float is a float64, and turns float32 parameters into float64.")
def adam_promotes(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = np.sqrt(_one_minus_power(beta2, t + 1)) / _one_minus_power(beta1, t + 1)
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)


@mistake("adam", "1 − β^{t+1} is computed as it stands, which loses up to 56,000 units in the last place.")
def adam_cancels(theta, g, state, alpha, *, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = state
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    b = (1 - beta2 ** (t + 1)) ** 0.5 / (1 - beta1 ** (t + 1))
    theta = theta - alpha * (m / (np.sqrt(v) + epsilon)) * b
    return theta, AdamState(m, v, t + 1)
