"""What is trained: scikit-learn's digits with a residual network, and a quadratic.

A problem is what `training.run` needs: `size`, `dtype`, `initial(seed)`, `batches(seed, steps)`,
`loss_and_gradient(theta, rows)` and `evaluate(theta)`; `sharpness` also needs `all_rows` and
`hessian_vector_product(theta, rows)`.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from stability_ref.checks import finite_numbers, known, require, whole_number
from stability_ref.layers import Dense, Layer, LayerNorm, ReLU, Residual, Scale, Tanh
from stability_ref.losses import LOSSES
from stability_ref.network import Network

Array = np.ndarray
NOTHING_TO_DRAW = np.zeros(0, dtype=np.intp)  # the rows of a problem that has no data


class Evaluation(NamedTuple):
    """What is measured beside the training loss of the batch, each of shape (K,)."""

    train_loss: Array  # mean loss over the whole training set
    test_loss: Array  # mean loss over the test set
    test_error: Array  # share of the test set that is classified wrongly


class Problem(Protocol):
    """What `training.run` trains."""

    size: int  # n, the number of parameters
    dtype: np.dtype
    floats_per_trial: int  # size of one trial's largest activation: sets how many trials share a chunk

    def initial(self, seed: int) -> Array:
        """θ_0 of shape (n,)."""

    def batches(self, seed: int, steps: int) -> Array:
        """The rows of the data that each step sees, shape (steps, batch)."""

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Loss (K,) and gradient (K, n) at θ (K, n) on the rows (K, batch) or (1, batch)."""

    def evaluate(self, theta: Array) -> Evaluation:
        """Losses and errors of θ (K, n)."""

    @property
    def all_rows(self) -> Array:
        """Every row of the training data, shape (rows,)."""

    def hessian_vector_product(self, theta: Array, rows: Array) -> Callable[[Array], Array]:
        """The function v → H v of directions v (K, n), H the loss's Hessian at θ (K, n) on the rows."""


class Digits(NamedTuple):
    """Images centred per pixel and divided by the global standard deviation, and their labels."""

    train_images: Array  # (1200, 64) float64
    train_labels: Array  # (1200,) 0 … 9
    test_images: Array  # (597, 64) float64
    test_labels: Array  # (597,)


@functools.cache
def load_digits() -> Digits:
    """Scikit-learn's 1797 real 8x8 digits, shuffled with a fixed seed and split into 1200 and 597.

    Mean and deviation are those of the training images. The arrays are read-only.

    Source: Alpaydin & Kaynak 1998, as bundled with scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits as bundled_digits
    except ImportError as error:
        raise ImportError("the digits need scikit-learn: pip install 'stability-ref[notebooks]'") from error
    images, labels = bundled_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    images = images - images[:1200].mean(axis=0)
    images /= images[:1200].std()
    for array in (images, labels):
        array.flags.writeable = False
    return Digits(images[:1200], labels[:1200], images[1200:], labels[1200:])


BLOCKS = ("pre", "post", "resn", "rezero", "plain", "feedforward")
ACTIVATIONS: dict[str, type[ReLU] | type[Tanh]] = {"relu": ReLU, "tanh": Tanh}


def residual_block(block: str, width: int, activation: str = "relu", gain: float = 1.0) -> tuple[Layer, ...]:
    """One block, where f(h) = W₂ relu(W₁ h) and LN is layer normalisation (playbook X4, X5).

    ============ ======================= =================================================
    pre          h + f(LN(h))            normalise inside the branch, first
    post         LN(h + f(h))            normalise after the sum: known to cause issues
    resn         h + LN(f(h))            normalise inside the branch, last
    rezero       h + a f(h)              a learnt, 0 at first (Bachlechner et al. 2020)
    plain        h + f(h)                no normalisation
    feedforward  relu(W h + b)           no residual connection
    ============ ======================= =================================================

    The blocks start as He et al. 2015 have it for ReLU: W₁ and W from N(0, 2/width), W₂ from N(0, 1/width);
    for tanh all from N(0, 1/width). All are multiplied by `gain`.
    """
    act = ACTIVATIONS[activation]()
    first_gain = gain * (math.sqrt(2) if activation == "relu" else 1.0)
    if block == "feedforward":
        return Dense(width, width, first_gain), act
    f = (Dense(width, width, first_gain, bias=False), act, Dense(width, width, gain, bias=False))
    norm = LayerNorm(width)
    return {
        "pre": (Residual(norm, *f),),
        "post": (Residual(*f), norm),
        "resn": (Residual(*f, norm),),
        "rezero": (Residual(*f, Scale()),),
        "plain": (Residual(*f),),
    }[block]


class DigitsProblem:
    """The digits with a small network: an input layer, L blocks, a head of 10 classes.

    pre and resn blocks are followed by a final layer normalisation, as is usual.

    Args:
        block: how a block is built, see `residual_block`: pre, post, resn, rezero, plain or feedforward.
        blocks: their number L ≥ 0.
        width: features of the hidden layers.
        activation: relu or tanh; with feedforward blocks it also follows the input layer.
        loss: cross_entropy or squared_error.
        gain: multiplies the initial weights of input layer and blocks.
        head_gain: multiplies the initial weights of the head.
        final_norm_gain: initial gain of the final layer normalisation (pre and resn only).
        l2: λ ≥ 0 of a term λ/2 |W|² in the loss of a batch; biases and gains are not in W (playbook B3).
        batch_size: images in a batch, at most `examples`; None trains on all of them at every step.
        examples: how many of the 1200 training images are used.
        dtype: float32 or float64.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> problem = DigitsProblem("pre", blocks=4)
        >>> theta = np.stack([problem.initial(seed=0), problem.initial(seed=1)])
        >>> loss, gradient = problem.loss_and_gradient(theta, problem.batches(seed=0, steps=1)[:1])
        >>> loss.shape, gradient.shape == theta.shape
        ((2,), True)
    """

    def __init__(
        self,
        block: str = "pre",
        blocks: int = 4,
        *,
        width: int = 32,
        activation: str = "relu",
        loss: str = "cross_entropy",
        gain: float = 1.0,
        head_gain: float = 1.0,
        final_norm_gain: float = 1.0,
        l2: float = 0.0,
        batch_size: int | None = 32,
        examples: int = 1200,
        dtype: Any = np.float32,
    ):
        known("block", block, BLOCKS)
        known("activation", activation, ACTIVATIONS)
        known("loss", loss, LOSSES)
        for name, value in {
            "gain": gain,
            "head_gain": head_gain,
            "final_norm_gain": final_norm_gain,
        }.items():
            require(finite_numbers(name, value).ndim == 0 and value > 0, name, "a number above 0", value)
        require(finite_numbers("l2", l2).ndim == 0 and l2 >= 0, "l2", "a number of at least 0", l2)
        blocks, width = whole_number("blocks", blocks, 0), whole_number("width", width, 1)
        examples = whole_number("examples", examples, 1)
        require(examples <= 1200, "examples", "at most 1200", examples)
        if batch_size is not None:
            require(
                whole_number("batch_size", batch_size, 1) <= examples,
                "batch_size",
                "at most examples",
                batch_size,
            )
        self.dtype = _float_dtype(dtype)
        has_final_norm = block in ("pre", "resn")
        require(
            has_final_norm or final_norm_gain == 1,
            "final_norm_gain",
            "1 without a final norm",
            final_norm_gain,
        )

        act = ACTIVATIONS[activation]
        self.network = Network(
            Dense(64, width, gain),
            *([act()] if block == "feedforward" else []),
            *(layer for _ in range(blocks) for layer in residual_block(block, width, activation, gain)),
            *([LayerNorm(width, final_norm_gain)] if has_final_norm else []),
            Dense(width, 10, head_gain),
        )
        self.size = self.network.size
        self.batch_size = batch_size
        self.examples = examples
        self.floats_per_trial = (batch_size or examples) * width
        self._loss = LOSSES[loss]
        self._l2 = l2 * _are_weights(self.network).astype(self.dtype) if l2 else None
        digits = load_digits()
        self._images = digits.train_images[:examples].astype(self.dtype)
        self._targets = _one_hot(digits.train_labels[:examples], self.dtype)
        self._test_images = digits.test_images.astype(self.dtype)
        self._test_targets = _one_hot(digits.test_labels, self.dtype)

    def initial(self, seed: int) -> Array:
        """θ_0 for that seed, shape (n,)."""
        return self.network.initial(np.random.default_rng([seed, 0])).astype(self.dtype)

    def batches(self, seed: int, steps: int) -> Array:
        """The rows of each step, shape (steps, batch): every epoch in a new order, its remainder dropped."""
        if self.batch_size is None:
            return np.broadcast_to(np.arange(self.examples), (steps, self.examples))
        rng = np.random.default_rng([seed, 1])
        per_epoch = self.examples // self.batch_size
        epochs = [rng.permutation(self.examples) for _ in range(-(-steps // per_epoch))]
        whole = [order[: per_epoch * self.batch_size].reshape(per_epoch, -1) for order in epochs]
        return np.concatenate(whole)[:steps]

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Mean loss over the rows, shape (K,), and gradient, shape (K, n), at θ of shape (K, n)."""
        loss, gradient = self.network.loss_and_gradient(
            theta, self._images[rows], self._targets[rows], self._loss
        )
        if self._l2 is not None:
            pull = self._l2 * theta
            loss, gradient = loss + (pull * theta).sum(axis=-1) / 2, gradient + pull
        return loss, gradient

    @property
    def all_rows(self) -> Array:
        """Every training image that is used."""
        return np.arange(self.examples)

    def hessian_vector_product(self, theta: Array, rows: Array) -> Callable[[Array], Array]:
        """The function v → H v of directions v (K, n), H the Hessian at θ (K, n): `Network` says how."""
        data = self._images[rows], self._targets[rows]
        product, l2 = self.network.hessian_vector_product(theta, *data, self._loss), self._l2
        return product if l2 is None else lambda direction: product(direction) + l2 * direction

    def evaluate(self, theta: Array) -> Evaluation:
        """Losses over all training and test images, without l2, and the share of the latter that is wrong."""
        measured = [self._evaluate_one(trial) for trial in theta]  # one at a time: it fits the cache
        return Evaluation(*np.array(measured).T)

    def _evaluate_one(self, theta: Array) -> tuple[Array, Array, Array]:
        train = self.network.forward(theta, self._images)
        test = self.network.forward(theta, self._test_images)
        right = test.argmax(axis=-1) == self._test_targets.argmax(axis=-1)
        right &= np.isfinite(test).all(axis=-1)  # NaN classifies nothing
        return (
            self._loss(train, self._targets)[0],
            self._loss(test, self._test_targets)[0],
            1 - right.mean(),
        )


class Landscape:
    """A loss that is a formula of θ, from a given start: no data to draw batches from or to test on."""

    def __init__(self, start: Array, dtype: Any):
        self.dtype = _float_dtype(dtype)
        self.size = self.floats_per_trial = start.size
        self._start = start.astype(self.dtype)

    def initial(self, seed: int) -> Array:
        """θ_0, the same for every seed, shape (n,)."""
        return self._start.copy()

    def batches(self, seed: int, steps: int) -> Array:
        """No data: no rows."""
        return np.zeros((steps, 0), dtype=np.intp)

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Loss, shape (K,), and gradient, shape (K, n), at θ of shape (K, n)."""
        raise NotImplementedError

    @property
    def all_rows(self) -> Array:
        """No data: no rows."""
        return NOTHING_TO_DRAW

    def hessian_vector_product(self, theta: Array, rows: Array) -> Callable[[Array], Array]:
        """The function v → H v of directions v (K, n), H the Hessian at θ (K, n)."""
        raise NotImplementedError

    def evaluate(self, theta: Array) -> Evaluation:
        """The loss twice; there is no test set to make errors on."""
        loss, _ = self.loss_and_gradient(theta, NOTHING_TO_DRAW)
        return Evaluation(loss, loss, np.full(loss.shape, np.nan))


class Quadratic(Landscape):
    """½ Σ h_i θ_i²: a bowl with given curvatures, the smallest problem that shows an edge of stability.

    Args:
        curvatures: the eigenvalues h_i of the Hessian, n finite numbers.
        start: θ_0, n finite numbers; ones by default.
        dtype: float32 or float64.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> bowl = Quadratic([1.0, 10.0])
        >>> bowl.loss_and_gradient(np.array([[1.0, 1.0]]), NOTHING_TO_DRAW)
        (array([5.5]), array([[ 1., 10.]]))
    """

    def __init__(self, curvatures: Any, start: Any = None, *, dtype: Any = np.float64):
        self.curvatures = finite_numbers("curvatures", curvatures)
        require(self.curvatures.ndim == 1, "curvatures", "a list of numbers", curvatures)
        n = self.curvatures.size
        chosen = finite_numbers("start", np.ones(n) if start is None else start)
        require(chosen.shape == (n,), "start", f"{n} numbers, one a curvature", start)
        super().__init__(chosen, dtype)
        self.curvatures = self.curvatures.astype(self.dtype)

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Loss, shape (K,), and gradient h θ, shape (K, n), at θ of shape (K, n)."""
        gradient = self.curvatures * theta
        return (gradient * theta).sum(axis=-1) / 2, gradient

    def hessian_vector_product(self, theta: Array, rows: Array) -> Callable[[Array], Array]:
        """The function v → h v of directions v (K, n): the Hessian is the same everywhere."""
        return lambda direction: self.curvatures * direction


class Rosenbrock(Landscape):
    """(1 − x)² + 100 (y − x²)²: a narrow, curved valley in two dimensions that ends at (1, 1).

    Args:
        start: θ_0 = (x, y), two finite numbers.
        dtype: float32 or float64.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> Rosenbrock().loss_and_gradient(np.array([[0.0, 1.0]]), NOTHING_TO_DRAW)
        (array([101.]), array([[ -2., 200.]]))

    Source: Rosenbrock 1960.
    """

    def __init__(self, start: Any = (-1.2, 1.0), *, dtype: Any = np.float64):
        chosen = finite_numbers("start", start)
        require(chosen.shape == (2,), "start", "two numbers", start)
        super().__init__(chosen, dtype)

    def loss_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Loss, shape (K,), and gradient, shape (K, 2), at θ of shape (K, 2)."""
        x, y = theta[..., 0], theta[..., 1]
        above_floor = y - x**2
        loss = (1 - x) ** 2 + 100 * above_floor**2
        return loss, np.stack([-2 * (1 - x) - 400 * x * above_floor, 200 * above_floor], axis=-1)

    def hessian_vector_product(self, theta: Array, rows: Array) -> Callable[[Array], Array]:
        """The function v → H v of directions v (K, 2), H the Hessian at θ (K, 2)."""
        x, y = theta[..., 0], theta[..., 1]

        def product(direction: Array) -> Array:
            a, b = direction[..., 0], direction[..., 1]
            return np.stack([(2 + 1200 * x**2 - 400 * y) * a - 400 * x * b, 200 * b - 400 * x * a], axis=-1)

        return product


def _float_dtype(dtype: Any) -> np.dtype:
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        resolved = np.dtype(object)
    require(resolved in (np.float32, np.float64), "dtype", "float32 or float64", dtype)
    return resolved


def _are_weights(network: Network) -> Array:
    """(n,) whether a parameter is one of a matrix; biases, gains and scales have a single row."""
    return np.concatenate([np.full(math.prod(shape), shape[0] > 1) for shape in network.shapes])


def _one_hot(labels: Array, dtype: np.dtype) -> Array:
    return np.eye(10, dtype=dtype)[labels]
