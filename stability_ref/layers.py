"""The layers of the reference networks: forward and backward pass of each, written out, side by side.

Every array may carry leading axes for stacked trials: activations h are (..., batch, features), weights
(..., inputs, outputs), so one call serves one trial or K. A layer owns no numbers: its weights are views
of one flat θ, and it writes its gradient into views of one flat g.

A layer has
    shapes                                 of its weights,
    initial(rng)                           their first values,
    forward(weights, h) -> output, memory  what the backward pass needs to remember,
    backward(weights, memory, d_output, gradients) -> d_h,   where d_x stands for ∂loss/∂x.

Sums and means over a short last axis are products with a vector of ones: several times faster than
NumPy's own reductions there, and the same for one trial as for many, bit for bit.
"""

from __future__ import annotations  # naming np.random in a type would import it

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
Weights = Sequence[Array]


class Layer(Protocol):
    """What every layer offers; the equations stand in the classes below."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]: ...

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]: ...

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]: ...

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array: ...


@dataclass(frozen=True)
class Dense:
    """h W + b, with W from N(0, gain² / inputs) and b = 0 at first."""

    inputs: int
    outputs: int
    gain: float = 1.0
    bias: bool = True

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((self.inputs, self.outputs), (1, self.outputs))[: 1 + self.bias]

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]:
        W = rng.normal(0, self.gain / math.sqrt(self.inputs), (self.inputs, self.outputs))
        return (W, np.zeros((1, self.outputs)))[: 1 + self.bias]

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        output = h @ weights[0]
        if self.bias:
            output += weights[1]
        return output, h

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        self.weight_gradients(memory, d_output, gradients)
        return d_output @ weights[0].mT

    def weight_gradients(self, h: Array, d_output: Array, gradients: Weights) -> None:
        """The backward pass of the first layer: nobody asks for the gradient of the data."""
        np.matmul(h.mT, d_output, out=gradients[0])
        if self.bias:
            np.matmul(_ones(1, d_output.shape[-2], d_output.dtype), d_output, out=gradients[1])


class Parameterless:
    """A layer without weights."""

    shapes: tuple[tuple[int, ...], ...] = ()

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return ()


class ReLU(Parameterless):
    """max(h, 0)."""

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        output = np.maximum(h, 0)
        return output, output

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        return d_output * (memory > 0)


class Tanh(Parameterless):
    """tanh(h)."""

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        output = np.tanh(h)
        return output, output

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        return d_output * (1 - memory**2)


@dataclass(frozen=True)
class LayerNorm:
    """a ⊙ (h − mean h) / √(var h + 1e-5) + c over the features, with a = gain and c = 0 at first.

    Source: Ba, Kiros & Hinton 2016.
    """

    features: int
    gain: float = 1.0

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return (1, self.features), (1, self.features)

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return np.full((1, self.features), self.gain), np.zeros((1, self.features))

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        a, c = weights
        centred = h - self._mean(h)
        inverse_deviation = 1 / np.sqrt(self._mean(centred**2) + 1e-5)
        normalised = centred * inverse_deviation
        return a * normalised + c, (normalised, inverse_deviation)

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        normalised, inverse_deviation = memory
        ones = _ones(1, d_output.shape[-2], d_output.dtype)
        np.matmul(ones, d_output * normalised, out=gradients[0])
        np.matmul(ones, d_output, out=gradients[1])
        d_normalised = d_output * weights[0]
        along = self._mean(d_normalised * normalised)
        return inverse_deviation * (d_normalised - self._mean(d_normalised) - normalised * along)

    def _mean(self, h: Array) -> Array:
        return h @ _averages(self.features, h.dtype)


class Scale:
    """a h with one learnt scalar a, zero at first: ReZero (Bachlechner et al. 2020, playbook X5)."""

    shapes = ((1, 1),)

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return (np.zeros((1, 1)),)

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        return weights[0] * h, h

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        gradients[0][...] = (d_output * memory).sum(axis=(-2, -1), keepdims=True)
        return weights[0] * d_output


class Sequential:
    """One layer after the other."""

    def __init__(self, *layers: Layer):
        self.layers = layers
        self.shapes = tuple(shape for layer in layers for shape in layer.shapes)
        ends = np.cumsum([len(layer.shapes) for layer in layers]).tolist()
        self._parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def initial(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return tuple(value for layer in self.layers for value in layer.initial(rng))

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        memories = []
        for layer, part in zip(self.layers, self._parts, strict=True):
            h, memory = layer.forward(weights[part], h)
            memories.append(memory)
        return h, memories

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        steps = zip(self.layers, self._parts, memory, strict=True)
        for layer, part, remembered in reversed(list(steps)):
            d_output = layer.backward(weights[part], remembered, d_output, gradients[part])
        return d_output


class Residual(Sequential):
    """h + f(h), where f is the layers inside."""

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        branch, memory = super().forward(weights, h)
        return h + branch, memory

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        return d_output + super().backward(weights, memory, d_output, gradients)


class Network:
    """An input layer and what follows it, over one flat θ.

    Args:
        first: the layer that takes the data.
        rest: the layers after it; the last one's output is the network's.

    Example:
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


class Loss(Protocol):
    """The loss of outputs (..., batch, classes) against targets of the same shape, and its gradient."""

    def __call__(self, output: Array, targets: Array) -> tuple[Array, Array]: ...


def cross_entropy(output: Array, targets: Array) -> tuple[Array, Array]:
    """−mean over the batch of log softmax(output) at the target class, in nats, and its gradient.

    Example:
        >>> value, gradient = cross_entropy(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
        >>> value.round(6), gradient
        (np.float64(0.693147), array([[-0.5,  0.5]]))
    """
    classes_first = np.ascontiguousarray(output.mT)  # NumPy reduces over a long last axis much faster
    shifted = classes_first - classes_first.max(axis=-2, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=-2, keepdims=True)
    at_target = (shifted * targets.mT).sum(axis=-2)
    batch = output.shape[-2]
    value = (np.log(total[..., 0, :]) - at_target).sum(axis=-1) / batch
    d_output = (exponentials / total - targets.mT) / batch
    return value, d_output.mT


def squared_error(output: Array, targets: Array) -> tuple[Array, Array]:
    """Half the squared distance to the targets, mean over the batch, and its gradient.

    Example:
        >>> squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
        (np.float64(2.0), array([[0., 2.]]))
    """
    difference = output - targets
    batch = output.shape[-2]
    return (difference**2).sum(axis=(-2, -1)) / (2 * batch), difference / batch


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}


@functools.cache  # a step uses the same few of them dozens of times
def _ones(rows: int, columns: int, dtype: np.dtype) -> Array:
    ones = np.ones((rows, columns), dtype)
    ones.flags.writeable = False
    return ones


@functools.cache
def _averages(features: int, dtype: np.dtype) -> Array:
    return _ones(features, 1, dtype) / features
