"""The losses of the reference networks, with their gradients and what products with the Hessian need of them.

Outputs and targets are (..., batch, classes), the targets one-hot. As in `layers`, d_x stands for ∂loss/∂x
and r_x for R{x}.
"""

from typing import Any, Protocol

import numpy as np

Array = np.ndarray


class Loss(Protocol):
    """What every loss offers; the equations stand in the classes below."""

    def __call__(self, output: Array, targets: Array) -> tuple[Array, Array]:
        """The loss, shape (...), and d_output."""

    def linearise(self, output: Array, targets: Array) -> tuple[Array, Any]:
        """d_output, and the point that `r_gradient` needs."""

    def r_gradient(self, point: Any, r_output: Array) -> Array:
        """R{d_output}, the loss's own Hessian times r_output."""


class CrossEntropy:
    """−mean over the batch of log softmax(output) at the target class, in nats, and its gradient.

    Example:
        >>> value, gradient = cross_entropy(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
        >>> value.round(6), gradient
        (np.float64(0.693147), array([[-0.5,  0.5]]))
    """

    def __call__(self, output: Array, targets: Array) -> tuple[Array, Array]:
        """The loss and its gradient (softmax − target) / batch."""
        classes_first = np.ascontiguousarray(output.mT)  # NumPy reduces over a long last axis much faster
        shifted = classes_first - classes_first.max(axis=-2, keepdims=True)
        exponentials = np.exp(shifted)
        total = exponentials.sum(axis=-2, keepdims=True)
        at_target = (shifted * targets.mT).sum(axis=-2)
        batch = output.shape[-2]
        value = (np.log(total[..., 0, :]) - at_target).sum(axis=-1) / batch
        d_output = (exponentials / total - targets.mT) / batch
        return value, d_output.mT

    def linearise(self, output: Array, targets: Array) -> tuple[Array, Array]:
        """The gradient, and softmax / batch."""
        _, d_output = self(output, targets)
        exponentials = np.exp(output - output.max(axis=-1, keepdims=True))
        return d_output, exponentials / (output.shape[-2] * exponentials.sum(axis=-1, keepdims=True))

    def r_gradient(self, point: Array, r_output: Array) -> Array:
        """(p ⊙ r − p (p · r)) / batch, where p is the softmax."""
        weighted = point * r_output
        return weighted - point * (point.shape[-2] * weighted.sum(axis=-1, keepdims=True))


class SquaredError:
    """Half the squared distance to the targets, mean over the batch, and its gradient.

    Example:
        >>> squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
        (np.float64(2.0), array([[0., 2.]]))
    """

    def __call__(self, output: Array, targets: Array) -> tuple[Array, Array]:
        """The loss and its gradient (output − target) / batch."""
        difference = output - targets
        batch = output.shape[-2]
        return (difference**2).sum(axis=(-2, -1)) / (2 * batch), difference / batch

    def linearise(self, output: Array, targets: Array) -> tuple[Array, int]:
        """The gradient, and the batch."""
        return self(output, targets)[1], output.shape[-2]

    def r_gradient(self, point: int, r_output: Array) -> Array:
        """The Hessian is 1 / batch."""
        return r_output / point


cross_entropy, squared_error = CrossEntropy(), SquaredError()
LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}
