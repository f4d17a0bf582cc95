"""The layers of the reference networks: the passes of each, written out, side by side.

Every array may carry leading axes for stacked trials: activations h are (..., batch, features), weights
(..., inputs, outputs), so one call serves one trial or K. A layer owns no numbers: its weights are views
of one flat θ, and it writes its gradient into views of one flat g.

A layer has
    shapes                                 of its weights,
    initial(rng)                           their first values,
    forward(weights, h) -> output, memory  what the backward pass needs to remember,
    backward(weights, memory, d_output, gradients) -> d_h,   where d_x stands for ∂loss/∂x,

and for products with the Hessian the R-operator's two passes (Pearlmutter 1994), where r_x stands for R{x},
the derivative of x as θ moves along a direction v, so that r_weights are v's own:

    linearise(weights, memory, d_output) -> d_h, point    the backward pass, and what these need of both:
    r_forward(weights, r_weights, point, r_h) -> r_output, r_memory
    r_backward(weights, r_weights, point, r_memory, r_d_output, r_gradients) -> r_d_h

Each line of theirs is a line of the pass of the same name, differentiated. A point serves any number of
directions: forward and backward pass at θ are made once.

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

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]: ...

    def r_forward(
        self, weights: Weights, r_weights: Weights, point: Any, r_h: Array
    ) -> tuple[Array, Any]: ...

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array: ...


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

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        return d_output @ weights[0].mT, (memory, d_output)

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        h, _ = point
        r_output = self.r_forward_of_data(r_weights, h)
        r_output += r_h @ weights[0]
        return r_output, r_h

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        h, d_output = point
        self.weight_gradients(h, r_d_output, r_gradients)
        r_gradients[0][...] += r_memory.mT @ d_output
        return r_d_output @ weights[0].mT + d_output @ r_weights[0].mT

    def r_forward_of_data(self, r_weights: Weights, h: Array) -> Array:
        """The forward pass of the first layer: R{data} is 0."""
        return self.forward(r_weights, h)[0]


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

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        slope = (memory > 0).astype(d_output.dtype)
        return d_output * slope, slope

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        return point * r_h, None

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        return point * r_d_output


class Tanh(Parameterless):
    """tanh(h)."""

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        output = np.tanh(h)
        return output, output

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        return d_output * (1 - memory**2)

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        slope = 1 - memory**2
        bend = -2 * memory * slope * d_output
        return d_output * slope, (slope, bend)

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        slope, _ = point
        return slope * r_h, r_h

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        slope, bend = point
        return slope * r_d_output + bend * r_memory


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
        normalised, _ = memory
        ones = _ones(1, d_output.shape[-2], d_output.dtype)
        np.matmul(ones, d_output * normalised, out=gradients[0])
        np.matmul(ones, d_output, out=gradients[1])
        d_normalised = d_output * weights[0]
        along = self._mean(d_normalised * normalised)
        return self._d_h(memory, d_normalised, along)

    def _d_h(self, memory: Any, d_normalised: Array, along: Array) -> Array:
        normalised, inverse_deviation = memory
        return inverse_deviation * (d_normalised - self._mean(d_normalised) - normalised * along)

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        normalised, inverse_deviation = memory
        d_normalised = d_output * weights[0]
        along = self._mean(d_normalised * normalised)
        d_h = self._d_h(memory, d_normalised, along)
        return d_h, (normalised, inverse_deviation, d_output, d_normalised, along, d_h)

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        a, _ = weights
        r_a, r_c = r_weights
        normalised, inverse_deviation, *_ = point
        growth = self._mean(normalised * r_h)  # of the deviation, in units of √(var h + 1e-5)
        r_normalised = inverse_deviation * (r_h - self._mean(r_h) - normalised * growth)
        r_growth = inverse_deviation * growth  # minus R{log inverse_deviation}
        return r_a * normalised + a * r_normalised + r_c, (r_normalised, r_growth)

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        normalised, inverse_deviation, d_output, d_normalised, along, d_h = point
        r_normalised, r_growth = r_memory
        ones = _ones(1, d_output.shape[-2], d_output.dtype)
        np.matmul(ones, r_d_output * normalised + d_output * r_normalised, out=r_gradients[0])
        np.matmul(ones, r_d_output, out=r_gradients[1])
        r_d_normalised = r_d_output * weights[0] + d_output * r_weights[0]
        r_along = self._mean(r_d_normalised * normalised + d_normalised * r_normalised)
        r_bracket = r_d_normalised - self._mean(r_d_normalised) - r_normalised * along - normalised * r_along
        return inverse_deviation * r_bracket - r_growth * d_h

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

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        return weights[0] * d_output, (memory, d_output)

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        h, _ = point
        return r_weights[0] * h + weights[0] * r_h, r_h

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        h, d_output = point
        r_terms = r_d_output * h + d_output * r_memory
        r_gradients[0][...] = r_terms.sum(axis=(-2, -1), keepdims=True)
        return r_weights[0] * d_output + weights[0] * r_d_output


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

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        points = []
        steps = zip(self.layers, self._parts, memory, strict=True)
        for layer, part, remembered in reversed(list(steps)):
            d_output, point = layer.linearise(weights[part], remembered, d_output)
            points.append(point)
        return d_output, points[::-1]

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        r_memories = []
        for layer, part, here in zip(self.layers, self._parts, point, strict=True):
            r_h, r_memory = layer.r_forward(weights[part], r_weights[part], here, r_h)
            r_memories.append(r_memory)
        return r_h, r_memories

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        steps = zip(self.layers, self._parts, point, r_memory, strict=True)
        for layer, part, here, remembered in reversed(list(steps)):
            r_d_output = layer.r_backward(
                weights[part], r_weights[part], here, remembered, r_d_output, r_gradients[part]
            )
        return r_d_output


class Residual(Sequential):
    """h + f(h), where f is the layers inside."""

    def forward(self, weights: Weights, h: Array) -> tuple[Array, Any]:
        branch, memory = super().forward(weights, h)
        return h + branch, memory

    def backward(self, weights: Weights, memory: Any, d_output: Array, gradients: Weights) -> Array:
        return d_output + super().backward(weights, memory, d_output, gradients)

    def linearise(self, weights: Weights, memory: Any, d_output: Array) -> tuple[Array, Any]:
        d_branch, points = super().linearise(weights, memory, d_output)
        return d_output + d_branch, points

    def r_forward(self, weights: Weights, r_weights: Weights, point: Any, r_h: Array) -> tuple[Array, Any]:
        r_branch, r_memory = super().r_forward(weights, r_weights, point, r_h)
        return r_h + r_branch, r_memory

    def r_backward(
        self,
        weights: Weights,
        r_weights: Weights,
        point: Any,
        r_memory: Any,
        r_d_output: Array,
        r_gradients: Weights,
    ) -> Array:
        return r_d_output + super().r_backward(weights, r_weights, point, r_memory, r_d_output, r_gradients)


@functools.cache  # a step uses the same few of them dozens of times
def _ones(rows: int, columns: int, dtype: np.dtype) -> Array:
    ones = np.ones((rows, columns), dtype)
    ones.flags.writeable = False
    return ones


@functools.cache
def _averages(features: int, dtype: np.dtype) -> Array:
    return _ones(features, 1, dtype) / features
