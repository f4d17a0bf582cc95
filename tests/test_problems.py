"""The networks: gradients against finite differences, the data, the batches, the twin, refusals.

The clauses X4 and X5.
"""

import itertools

import numpy as np
import pytest

from stability_ref import recipes
from stability_ref.layers import LayerNorm, Sequential
from stability_ref.losses import LOSSES
from stability_ref.problems import (
    ACTIVATIONS,
    BLOCKS,
    DigitsProblem,
    Quadratic,
    Rosenbrock,
    load_digits,
    residual_block,
)

VARIANTS = list(itertools.product(BLOCKS, ACTIVATIONS, LOSSES))
STEP = 1e-5


def relative_error(problem, theta, rows, directions):
    """Directional derivatives from the gradient against central differences of the loss."""
    _, gradient = problem.loss_and_gradient(theta, rows)
    errors = []
    for direction in directions:
        above, _ = problem.loss_and_gradient(theta + STEP * direction, rows)
        below, _ = problem.loss_and_gradient(theta - STEP * direction, rows)
        errors.append((above - below) / (2 * STEP) - gradient @ direction)
    return np.abs(errors).max() / np.linalg.norm(gradient)


@pytest.mark.parametrize(("block", "activation", "loss"), VARIANTS)
def test_gradients_agree_with_finite_differences(block, activation, loss):
    problem = DigitsProblem(
        block, blocks=2, width=8, activation=activation, loss=loss, batch_size=16, dtype=np.float64
    )
    rng = np.random.default_rng(0)
    theta = problem.initial(seed=0) + 0.1 * rng.normal(size=problem.size)  # moves ReZero's zeros
    rows = problem.batches(seed=0, steps=1)
    directions = rng.normal(size=(20, problem.size))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert relative_error(problem, theta[None], rows, directions) < 1e-7


@pytest.mark.parametrize("block", BLOCKS)
def test_every_single_parameter_s_gradient(block):
    problem = DigitsProblem(block, 1, width=3, activation="tanh", batch_size=4, dtype=np.float64)
    theta = problem.initial(seed=1) + 0.1
    assert relative_error(problem, theta[None], problem.batches(1, 1), np.eye(problem.size)) < 1e-7


@pytest.mark.parametrize("block", BLOCKS)
def test_l2_adds_half_the_squared_weights_to_loss_and_gradient(block):
    """B3: of matrices alone, not of biases, gains or scales; nothing to what is evaluated."""
    arguments = {"block": block, "blocks": 1, "width": 3, "batch_size": 4, "dtype": np.float64}
    plain, problem = DigitsProblem(**arguments), DigitsProblem(**arguments, l2=0.3)
    theta, rows = problem.initial(seed=1)[None] + 0.1, problem.batches(1, 1)
    weights = [np.ravel(W) for W in problem.network.weights(theta[0]) if min(W.shape) > 1]
    added = problem.loss_and_gradient(theta, rows)[0] - plain.loss_and_gradient(theta, rows)[0]
    np.testing.assert_allclose(added, 0.15 * sum(W @ W for W in weights), rtol=1e-12)
    assert relative_error(problem, theta, rows, np.eye(problem.size)) < 1e-7
    np.testing.assert_array_equal(problem.evaluate(theta), plain.evaluate(theta))
    v = np.random.default_rng(0).normal(size=theta.shape)
    with_l2, without = (each.hessian_vector_product(theta, rows)(v) for each in (problem, plain))
    gradients = [problem.loss_and_gradient(theta + r * v, rows)[1] for r in (1e-6, -1e-6)]
    np.testing.assert_allclose(with_l2, (gradients[0] - gradients[1]) / 2e-6, rtol=1e-4, atol=1e-7)
    assert not np.allclose(with_l2, without)


def test_l2_keeps_the_dtype_and_stacked_trials_equal_to_single_ones():
    problem = DigitsProblem(l2=0.1)
    theta, rows = np.stack([problem.initial(seed) for seed in range(5)]), problem.batches(0, 1)
    losses, gradients = problem.loss_and_gradient(theta, rows)
    assert losses.dtype == gradients.dtype == np.float32
    for k in range(5):
        loss, gradient = problem.loss_and_gradient(theta[k : k + 1], rows)
        np.testing.assert_array_equal(losses[k], loss[0])
        np.testing.assert_array_equal(gradients[k], gradient[0])


def test_a_gradient_with_a_fault_would_be_noticed():
    problem = DigitsProblem("pre", 1, width=3, batch_size=4, dtype=np.float64)
    exact = problem.loss_and_gradient

    def faulty(theta, rows):
        loss, gradient = exact(theta, rows)
        gradient[..., 5] *= 1.001
        return loss, gradient

    problem.loss_and_gradient = faulty
    assert (
        relative_error(problem, problem.initial(0)[None], problem.batches(0, 1), np.eye(problem.size)) > 1e-7
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", BLOCKS)
def test_stacked_trials_equal_single_ones_bit_for_bit(block, dtype):
    problem = DigitsProblem(block, blocks=2, batch_size=30, dtype=dtype)
    theta = np.stack([problem.initial(seed) for seed in range(5)])
    rows = np.stack([problem.batches(seed, 1)[0] for seed in range(5)])
    losses, gradients = problem.loss_and_gradient(theta, rows)
    assert losses.dtype == gradients.dtype == dtype
    for k in range(5):
        loss, gradient = problem.loss_and_gradient(theta[k : k + 1], rows[k : k + 1])
        np.testing.assert_array_equal(losses[k], loss[0])
        np.testing.assert_array_equal(gradients[k], gradient[0])


def test_the_losses_are_what_their_names_say():
    output, targets = np.array([[2.0, 0.0], [0.0, 1.0]]), np.eye(2)
    expected = -np.mean(np.log([np.exp(2) / (np.exp(2) + 1), np.exp(1) / (np.exp(1) + 1)]))
    assert LOSSES["cross_entropy"](output, targets)[0] == pytest.approx(expected)
    assert LOSSES["squared_error"](output, targets)[0] == pytest.approx(0.5 * (1 + 0) / 2)


def test_cross_entropy_survives_outputs_that_exp_does_not():
    value, gradient = LOSSES["cross_entropy"](np.array([[1e4, 0.0]]), np.array([[0.0, 1.0]]))
    assert value == 1e4
    np.testing.assert_array_equal(gradient, [[1, -1]])


def test_the_digits_are_split_and_scaled_as_stated():
    digits = load_digits()
    assert digits.train_images.shape == (1200, 64)
    assert digits.test_images.shape == (597, 64)
    assert digits.train_images.std() == pytest.approx(1)
    np.testing.assert_allclose(digits.train_images.mean(axis=0), 0, atol=1e-12)
    assert set(digits.train_labels) == set(digits.test_labels) == set(range(10))
    with pytest.raises(ValueError, match="read-only"):
        digits.train_images[0] = 0


def test_batches_are_epochs_in_a_new_order_and_reproducible():
    problem = DigitsProblem(batch_size=32)
    rows = problem.batches(seed=3, steps=80)
    assert rows.shape == (80, 32)
    np.testing.assert_array_equal(rows, problem.batches(seed=3, steps=80))
    np.testing.assert_array_equal(rows[:10], problem.batches(seed=3, steps=10))
    for epoch in (rows[:37], rows[37:74]):
        assert len(np.unique(epoch)) == 37 * 32
    assert (rows[:37] != rows[37:74]).any()
    assert (rows != problem.batches(seed=4, steps=80)).any()


def test_full_batches_hold_every_example():
    problem = DigitsProblem(batch_size=None, examples=200)
    assert (problem.batches(seed=0, steps=3) == np.arange(200)).all()


def test_the_start_depends_on_the_seed_alone():
    problem = DigitsProblem()
    np.testing.assert_array_equal(problem.initial(1), problem.initial(1))
    assert (problem.initial(1) != problem.initial(2)).any()


def test_rezero_starts_as_if_it_had_no_blocks():
    deep, shallow = DigitsProblem("rezero", blocks=6), DigitsProblem("rezero", blocks=0)
    theta = deep.initial(0)
    head = shallow.network.rest.layers[-1]
    split = sum(np.prod(shape) for shape in shallow.network.first.shapes)
    ends = sum(np.prod(shape) for shape in head.shapes)
    joined = np.concatenate([theta[:split], theta[-ends:]])
    rows = deep.batches(0, 1)
    np.testing.assert_allclose(
        deep.loss_and_gradient(theta[None], rows)[0],
        shallow.loss_and_gradient(joined[None], rows)[0],
        rtol=1e-5,
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_sick_twin_is_the_same_function_with_a_steeper_head(seed):
    standard, twin = recipes.standard_net(), recipes.sick_twin()
    images = load_digits().test_images
    np.testing.assert_allclose(
        standard.network.forward(standard.initial(seed), images),
        twin.network.forward(twin.initial(seed), images),
        rtol=1e-12,
    )
    rows = standard.batches(seed, 1)
    gradients = [net.loss_and_gradient(net.initial(seed)[None], rows)[1] for net in (standard, twin)]
    head = [net.network.weights(g)[-2] for net, g in zip((standard, twin), gradients, strict=True)]
    np.testing.assert_allclose(head[1], 4 * head[0], rtol=1e-9)


def test_evaluation_says_what_is_wrong_and_nan_is_wrong():
    problem = DigitsProblem(blocks=1)
    broken = np.full((1, problem.size), np.nan, np.float32)
    with np.errstate(all="ignore"):
        evaluation = problem.evaluate(np.concatenate([broken, problem.initial(0)[None]]))
    assert evaluation.test_error[0] == 1
    assert 0.5 < evaluation.test_error[1] < 1
    assert np.isnan(evaluation.train_loss[0])
    assert np.isfinite([evaluation.train_loss[1], evaluation.test_loss[1]]).all()


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0, 100.0])
def test_layer_norm_is_that_of_the_frameworks(size):
    """With features as small as the root of ε, where another ε would show."""
    torch = pytest.importorskip("torch")
    h = size * np.random.default_rng(0).normal(size=(5, 8))
    a, c = np.random.default_rng(1).normal(size=(2, 1, 8))
    ours, _ = LayerNorm(8).forward((a, c), h)
    h, a, c = map(torch.from_numpy, (h, a[0], c[0]))
    np.testing.assert_allclose(ours, torch.nn.functional.layer_norm(h, (8,), a, c), rtol=1e-12, atol=1e-12)


def test_the_test_error_is_of_the_test_set():
    problem, digits = DigitsProblem(blocks=1, dtype=np.float64), load_digits()
    theta = problem.initial(0)
    guesses = problem.network.forward(theta, digits.test_images).argmax(axis=-1)
    wrong = np.mean(guesses != digits.test_labels)
    assert problem.evaluate(theta[None]).test_error[0] == pytest.approx(wrong)
    guesses = problem.network.forward(theta, digits.train_images).argmax(axis=-1)
    assert wrong != pytest.approx(np.mean(guesses != digits.train_labels))  # here the two can be told apart


def test_a_quadratic_is_a_bowl():
    bowl = Quadratic([1.0, 4.0], start=[3.0, 1.0])
    loss, gradient = bowl.loss_and_gradient(bowl.initial(0)[None], bowl.batches(0, 1))
    assert loss[0] == (9 + 4) / 2
    np.testing.assert_array_equal(gradient[0], [3, 4])
    assert np.isnan(bowl.evaluate(bowl.initial(0)[None]).test_error[0])


REFUSED = {
    "block must be one of pre, post": {"block": "prenorm"},
    "activation must be one of relu, tanh": {"activation": "gelu"},
    "loss must be one of": {"loss": "mse"},
    "blocks must be a whole number of at least 0": {"blocks": -1},
    "width must be": {"width": 0},
    "gain must be": {"gain": 0},
    "head_gain must be": {"head_gain": np.nan},
    "final_norm_gain must be 1 without a final norm": {"block": "post", "final_norm_gain": 8},
    "l2 must be a number of at least 0": {"l2": -0.1},
    "l2 must be": {"l2": np.nan},
    "batch_size must be a whole number": {"batch_size": 0},
    "batch_size must be at most examples": {"batch_size": 201, "examples": 200},
    "examples must be at most 1200": {"examples": 1201},
    "dtype must be float32 or float64": {"dtype": np.int32},
    "dtype must be": {"dtype": "floaty"},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals_name_the_argument(message):
    with pytest.raises(ValueError, match=f"^{message}"):
        DigitsProblem(**REFUSED[message])


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("curvatures must be", {"curvatures": [1, np.nan]}),
        ("curvatures must be a list", {"curvatures": 1.0}),
        ("start must be 2 numbers", {"curvatures": [1, 2], "start": [1]}),
        ("start must be", {"curvatures": [1, 2], "start": [1, np.inf]}),
        ("dtype must be", {"curvatures": [1, 2], "dtype": "int"}),
    ],
)
def test_a_quadratic_refuses_too(message, arguments):
    with pytest.raises(ValueError, match=f"^{message}"):
        Quadratic(**arguments)


def test_the_valley_s_gradient_and_its_end():
    valley = Rosenbrock()
    assert relative_error(valley, np.array([[-0.7, 0.4]]), None, np.eye(2)) < 1e-7
    assert valley.loss_and_gradient(np.array([[1.0, 1.0]]), None)[0] == 0
    with pytest.raises(ValueError, match=r"^start must be two numbers"):
        Rosenbrock(start=[1.0])


def layer_norm(h, gain, offset):
    centred = h - h.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) + offset


BLOCKS_AS_WRITTEN = {  # h and the weights in the order in which the block holds them
    "pre": lambda h, f, gain, offset, W1, W2: h + f(layer_norm(h, gain, offset), W1, W2),
    "post": lambda h, f, W1, W2, gain, offset: layer_norm(h + f(h, W1, W2), gain, offset),
    "resn": lambda h, f, W1, W2, gain, offset: h + layer_norm(f(h, W1, W2), gain, offset),
    "rezero": lambda h, f, W1, W2, a: h + a * f(h, W1, W2),
    "plain": lambda h, f, W1, W2: h + f(h, W1, W2),
}


@pytest.mark.parametrize("block", BLOCKS_AS_WRITTEN)
def test_a_block_places_its_norm_as_its_table_says(block):
    rng = np.random.default_rng(0)
    layers = Sequential(*residual_block(block, width=6))
    weights = [rng.normal(size=shape) for shape in layers.shapes]
    h = rng.normal(size=(5, 6))
    written = BLOCKS_AS_WRITTEN[block](h, lambda h, W1, W2: np.maximum(h @ W1, 0) @ W2, *weights)
    np.testing.assert_allclose(layers.forward(weights, h)[0], written, rtol=1e-12)
