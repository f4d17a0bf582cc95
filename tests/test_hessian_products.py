"""Products with the Hessian against automatic differentiation, for every block and loss (playbook E)."""

import itertools

import numpy as np
import pytest

from stability_ref.layers import Dense, LayerNorm, ReLU, Residual, Scale, Tanh
from stability_ref.losses import LOSSES
from stability_ref.problems import ACTIVATIONS, BLOCKS, DigitsProblem, Quadratic, Rosenbrock
from stability_ref.sharpness import sharpness

VARIANTS = list(itertools.product(BLOCKS, ACTIVATIONS, LOSSES))


def somewhere(block, activation="tanh", loss="cross_entropy", trials=3, width=3, **options):
    """A small problem and K points where ReZero's zeros and LayerNorm's ones have moved."""
    options = {"blocks": 2, "batch_size": 12, "dtype": np.float64} | options
    problem = DigitsProblem(block, width=width, activation=activation, loss=loss, **options)
    rng = np.random.default_rng(0)
    start = np.stack([problem.initial(seed) for seed in range(trials)])
    return problem, start + 0.3 * rng.normal(size=start.shape), rng.normal(size=start.shape)


def in_torch(layer, weights, h):
    """The same layer as PyTorch writes it."""
    import torch

    match layer:
        case Dense():
            return h @ weights[0] + (weights[1] if layer.bias else 0)
        case ReLU():
            return torch.relu(h)
        case Tanh():
            return torch.tanh(h)
        case LayerNorm():
            return torch.nn.functional.layer_norm(h, h.shape[-1:], *(w[0] for w in weights))
        case Scale():
            return weights[0] * h
    before, places = h, iter(weights)
    for inner in layer.layers:
        h = in_torch(inner, [next(places) for _ in inner.shapes], h)
    return before + h if isinstance(layer, Residual) else h


def loss_in_torch(problem, rows, name):
    """The loss as PyTorch's function of one flat θ."""
    import torch

    network = problem.network
    images, targets = (torch.from_numpy(each[rows]) for each in (problem._images, problem._targets))
    sizes = [int(np.prod(shape)) for shape in network.shapes]

    def loss(theta):
        weights = [w.reshape(s) for w, s in zip(theta.split(sizes), network.shapes, strict=True)]
        split = len(network.first.shapes)
        h = in_torch(network.first, weights[:split], images)
        output = in_torch(network.rest, weights[split:], h)
        if name == "cross_entropy":
            return torch.nn.functional.cross_entropy(output, targets)
        return ((output - targets) ** 2).sum() / (2 * len(output))

    return loss


def dense(product, n):
    """The whole Hessian by n products at once: as many trials as directions, all at the same θ."""
    return product(np.eye(n))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # PyTorch's own
@pytest.mark.parametrize(("block", "activation", "loss"), VARIANTS)
def test_products_and_top_eigenvalue_are_those_of_pytorch_s_hessian(
    block, activation, loss, one_torch_thread
):
    torch = pytest.importorskip("torch")
    problem, theta, directions = somewhere(block, activation, loss, blocks=1)
    rows, n = problem.batches(0, 1)[0], problem.size
    theirs = loss_in_torch(problem, rows, loss)
    product = problem.hessian_vector_product(theta, rows[None])(directions)
    for k in range(2):
        at, v = torch.from_numpy(theta[k]), torch.from_numpy(directions[k])
        exact = torch.func.jvp(torch.func.grad(theirs), (at,), (v,))[1].numpy()
        np.testing.assert_allclose(product[k], exact, rtol=0, atol=1e-12 * np.abs(exact).max())
    # not torch.func.hessian: with layer_norm its forward-over-reverse under vmap is not even symmetric (2.13)
    hessian = torch.autograd.functional.hessian(theirs, torch.from_numpy(theta[0])).numpy()
    ours = dense(problem.hessian_vector_product(np.repeat(theta[:1], n, axis=0), rows[None]), n)
    np.testing.assert_allclose(ours, hessian, rtol=0, atol=1e-12 * np.abs(hessian).max())
    top = sharpness(problem, theta[:1], rows)
    assert top.value[0] == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-6)


@pytest.mark.parametrize(("block", "activation", "loss"), VARIANTS)
def test_products_are_the_gradient_s_differences_and_symmetric(block, activation, loss):
    problem, theta, v = somewhere(block, activation, loss, width=8)
    rows = problem.batches(0, 3)
    product = problem.hessian_vector_product(theta, rows)
    step, w = 1e-6, np.random.default_rng(1).normal(size=v.shape)
    above, below = (problem.loss_and_gradient(theta + sign * step * v, rows)[1] for sign in (1, -1))
    Hv, Hw = product(v), product(w)
    np.testing.assert_allclose((above - below) / (2 * step), Hv, rtol=0, atol=1e-7 * np.abs(Hv).max())
    there, back = (w * Hv).sum(axis=-1), (v * Hw).sum(axis=-1)
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-12 * np.linalg.norm(Hv))
    np.testing.assert_allclose(product(2 * v - w), 2 * Hv - Hw, rtol=0, atol=1e-12 * np.abs(Hv).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", BLOCKS)
def test_stacked_trials_equal_single_ones_bit_for_bit(block, dtype):
    problem, theta, v = somewhere(block, width=8, dtype=dtype)
    theta, rows = theta.astype(dtype), problem.batches(0, 3)
    stacked = problem.hessian_vector_product(theta, rows)(v)
    assert stacked.dtype == dtype
    for k in range(3):
        single = problem.hessian_vector_product(theta[k : k + 1], rows[k : k + 1])(v[k : k + 1])
        np.testing.assert_array_equal(stacked[k], single[0])


def test_a_product_leaves_its_inputs_and_serves_many_directions():
    problem, theta, v = somewhere("pre")
    before, direction = theta.copy(), v.copy()
    product = problem.hessian_vector_product(theta, problem.batches(0, 1))
    first = product(v)
    product(2 * v)
    np.testing.assert_array_equal(product(v), first)
    np.testing.assert_array_equal(theta, before)
    np.testing.assert_array_equal(v, direction)


def test_the_landscapes_products_are_exact():
    bowl, valley = Quadratic([1.0, -4.0, 9.0]), Rosenbrock()
    v = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(bowl.hessian_vector_product(v, bowl.all_rows)(v), [[1, -8, 27]])
    theta = np.array([[-0.5, 2.0], [1.0, 1.0]])
    product = valley.hessian_vector_product(theta, valley.all_rows)
    columns = [product(np.tile(unit, (2, 1))) for unit in np.eye(2)]
    written = [[[2 - 400 * (2 - 0.25) + 800 * 0.25, 200], [200, 200]], [[802, -400], [-400, 200]]]
    np.testing.assert_array_equal(np.stack(columns, axis=-1), written)
