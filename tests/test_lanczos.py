"""The top eigenvalue from products alone, against eigenvalues of the whole matrix (playbook E)."""

import numpy as np
import pytest

from stability_ref.sharpness import top_eigenvalue

KINDS = {  # eigenvalues of 60 x 60 matrices: what stands at the top is what differs
    "far apart": np.linspace(-1, 1, 60) ** 3 * 10,
    "near one another": np.concatenate([np.linspace(-1, 1, 58), [9.9, 10.0]]),
    "all below zero": -np.geomspace(1e-3, 10, 60),
    "a larger one below zero": np.concatenate([np.linspace(-20, 0, 59), [3.0]]),
    "twice the same": np.concatenate([np.zeros(58), [5.0, 5.0]]),
    "nothing else": np.zeros(60),
    "one for all": np.full(60, -2.5),
}


def symmetric(eigenvalues, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))
    return (q * eigenvalues) @ q.T


def product_with(matrices):
    return lambda v: (matrices @ v[..., None])[..., 0]


def start(trials, n=60):
    return np.random.default_rng(1).normal(size=(trials, n))


MATRICES = np.stack([symmetric(eigenvalues) for eigenvalues in KINDS.values()])
TOPS = np.array([eigenvalues.max() for eigenvalues in KINDS.values()])


def test_all_kinds_at_once_each_with_its_own_end():
    top = top_eigenvalue(product_with(MATRICES), start(len(KINDS)), tolerance=1e-9)
    np.testing.assert_allclose(top.value, TOPS, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(top.vector, axis=-1), 1)
    error = product_with(MATRICES)(top.vector) - top.value[:, None] * top.vector
    np.testing.assert_allclose(np.linalg.norm(error, axis=-1), top.residual, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone(kind):
    top = top_eigenvalue(product_with(symmetric(KINDS[kind])), start(1))
    assert top.value[0] == pytest.approx(KINDS[kind].max(), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_preconditioner_s_eigenvalue_is_that_of_its_quotient(seed):
    rng = np.random.default_rng(seed)
    H, P = symmetric(rng.normal(size=30) ** 3, seed), 10.0 ** rng.uniform(-8, 2, size=(1, 30))
    top = top_eigenvalue(product_with(H), start(1, 30), preconditioner=P)
    assert top.value[0] == pytest.approx(np.linalg.eigvals(H / P.T).real.max(), rel=1e-6)
    w = top.vector[0] / np.sqrt(P[0])  # back from the symmetric coordinates: an eigenvector of P⁻¹H
    np.testing.assert_allclose(H @ w / P[0], top.value[0] * w, atol=1e-2 * top.value[0] * np.abs(w).max())


def test_a_good_start_is_cheap_and_an_exact_one_costs_one_product():
    matrices = MATRICES[:2]
    cold = top_eigenvalue(product_with(matrices), start(2), tolerance=1e-12)
    shifted = matrices + 1e-4 * symmetric(np.linspace(-1, 1, 60), seed=5)
    warm = top_eigenvalue(product_with(shifted), cold.vector)
    np.testing.assert_allclose(warm.value, np.linalg.eigvalsh(shifted)[:, -1], rtol=1e-6)
    assert warm.products <= 4 < cold.products
    diagonal = np.diag([1.0, 2.0, 3.0])
    assert top_eigenvalue(product_with(diagonal), np.eye(3)[2:]).products == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e308])
def test_a_broken_trial_is_nan_and_disturbs_no_other(wrong):
    matrices = MATRICES.copy()
    matrices[2] = wrong
    top = top_eigenvalue(product_with(matrices), start(len(KINDS)))
    assert np.isnan(top.value).tolist() == [k == 2 for k in range(len(KINDS))]
    others = np.arange(len(KINDS)) != 2
    np.testing.assert_allclose(top.value[others], TOPS[others], rtol=1e-6, atol=1e-12)
    assert np.isfinite(top.vector[others]).all()


def test_it_ends_where_it_is_told_and_says_how_far_it_was():
    top = top_eigenvalue(product_with(MATRICES[:1]), start(1), most_products=3)
    assert top.products == 3
    assert np.abs(KINDS["far apart"] - top.value[0]).min() <= top.residual[0]
    assert top.residual[0] > 1e-3


def test_a_single_number_is_its_own_top():
    assert top_eigenvalue(lambda v: -3 * v, np.ones((2, 1))).value.tolist() == [-3, -3]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (r"start must be of shape \(K, n\), but \(3,\) came", {"start": np.ones(3)}),
        ("tolerance must be above 0", {"tolerance": 0}),
        ("most_products must be a whole number of at least 1", {"most_products": 0}),
    ],
)
def test_refusals_name_the_argument(message, arguments):
    with pytest.raises(ValueError, match=f"^{message}"):
        top_eigenvalue(lambda v: v, **{"start": np.ones((1, 3))} | arguments)
