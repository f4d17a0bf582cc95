"""A network over one flat θ: its loss, the gradient, and products with the Hessian."""

from __future__ import annotations  # naming np.random in a type would import it

import math
from collections.abc import Callable

import numpy as np

from stability_ref.layers import Array, Dense, Layer, Sequential
from stability_ref.losses import Loss


class Network:
    """An input layer and what follows it, over one flat θ.

    Args:
        first: the layer that takes the data.
        rest: the layers after it; the last one's output is the network's.

    Example:
        >>> from stability_ref.layers import ReLU
        >>> network = Network(Dense(64, 32), ReLU(), Dense(32, 10))
        >>> network.size
        2410
        >>> theta = network.initial(np.random.default_rng(0))
        >>> network.forward(np.stack([theta, theta]), np.ones((5, 64))).shape
        (2, 5, 10)
    """

    def __init__(self, first: Dense, *rest: Layer):
        self.first = first
        self.rest = Sequential(*rest)
        self.shapes = first.shapes + self.rest.shapes
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        self._places = list(zip([0, *ends], ends, self.shapes, strict=False))
        self.size: int = ends[-1]

    def initial(self, rng: np.random.Generator) -> Array:
        """The flat θ_0, shape (n,), float64."""
        return np.concatenate(
            [value.ravel() for layer in (self.first, self.rest) for value in layer.initial(rng)]
        )

    def weights(self, flat: Array) -> list[Array]:
        """The layers' weights as views of a flat θ (or gradient) of shape (..., n)."""
        leading = flat.shape[:-1]
        return [flat[..., start:end].reshape(*leading, *shape) for start, end, shape in self._places]

    def forward(self, theta: Array, images: Array) -> Array:
        """The output for images (..., batch, inputs): shape (..., batch, outputs)."""
        weights = self.weights(theta)
        split = len(self.first.shapes)
        h, _ = self.first.forward(weights[:split], images)
        return self.rest.forward(weights[split:], h)[0]

    def loss_and_gradient(
        self, theta: Array, images: Array, targets: Array, loss: Loss
    ) -> tuple[Array, Array]:
        """The loss, shape (...), and its gradient with respect to θ, shape (..., n)."""
        gradient = np.empty_like(theta)
        weights, gradients = self.weights(theta), self.weights(gradient)
        split = len(self.first.shapes)
        h, first_memory = self.first.forward(weights[:split], images)
        output, memory = self.rest.forward(weights[split:], h)
        value, d_output = loss(output, targets)
        d_h = self.rest.backward(weights[split:], memory, d_output, gradients[split:])
        self.first.weight_gradients(first_memory, d_h, gradients[:split])
        return value, gradient

    def hessian_vector_product(
        self, theta: Array, images: Array, targets: Array, loss: Loss
    ) -> Callable[[Array], Array]:
        """The product of the loss's Hessian at θ with any direction v, exactly, without the Hessian.

        Equation: H v = R{g} = d/dr ∇l(θ + r v) at r = 0, one derivative carried through both passes. What is
        the same for every v is computed once, here: about one gradient. A product costs about two more.

        Args:
            theta: where, shape (..., n).
            images: as in `forward`.
            targets: one-hot, shape (..., batch, outputs).
            loss: one of `losses.LOSSES`.

        Returns:
            A function of a direction v of shape (..., n) that returns H v of the same shape.

        Example:
            Of the loss ½ Σ (W − 1)² of one layer and one image of ones, H holds nothing but ones:

            >>> from stability_ref.losses import squared_error
            >>> layer, ones = Network(Dense(2, 1, bias=False)), np.ones((1, 2))
            >>> product = layer.hessian_vector_product(np.zeros(2), ones, np.ones((1, 1)), squared_error)
            >>> product(np.array([1.0, 0.0]))
            array([1., 1.])

        Source: Pearlmutter 1994 (playbook E).
        """
        weights, split = self.weights(theta), len(self.first.shapes)
        h, data = self.first.forward(weights[:split], images)
        output, memory = self.rest.forward(weights[split:], h)
        d_output, loss_point = loss.linearise(output, targets)
        _, point = self.rest.linearise(weights[split:], memory, d_output)

        def product(direction: Array) -> Array:
            r_gradient = np.empty_like(theta)
            r_weights = self.weights(direction.astype(theta.dtype, copy=False))
            r_gradients = self.weights(r_gradient)
            r_h = self.first.r_forward_of_data(r_weights[:split], data)
            r_output, r_memory = self.rest.r_forward(weights[split:], r_weights[split:], point, r_h)
            r_d_output = loss.r_gradient(loss_point, r_output)
            r_d_h = self.rest.r_backward(
                weights[split:], r_weights[split:], point, r_memory, r_d_output, r_gradients[split:]
            )
            self.first.weight_gradients(data, r_d_h, r_gradients[:split])
            return r_gradient

        return product
