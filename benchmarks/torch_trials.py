"""The same trials in PyTorch: eager loops over nn.Modules, and torch.func.vmap over stacked ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.functional import cross_entropy

from benchmarks.work import HIDDEN_LAYERS, RESIDUAL_BLOCKS, Trials, images_and_labels

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Residual(nn.Sequential):
    """h + f(h), where f is the layers inside."""

    def forward(self, h: Tensor) -> Tensor:
        return h + super().forward(h)


def feedforward() -> nn.Sequential:
    hidden = [layer for _ in range(HIDDEN_LAYERS) for layer in (nn.Linear(32, 32), nn.ReLU())]
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), *hidden, nn.Linear(32, 10))


def pre_norm() -> nn.Sequential:
    def block() -> Residual:
        first, second = (nn.Linear(32, 32, bias=False) for _ in range(2))
        return Residual(nn.LayerNorm(32), first, nn.ReLU(), second)

    blocks = [block() for _ in range(RESIDUAL_BLOCKS)]
    return nn.Sequential(nn.Linear(64, 32), *blocks, nn.LayerNorm(32), nn.Linear(32, 10))


NETWORKS = {"feedforward": feedforward, "pre": pre_norm}


def module(work: Trials, seed: int) -> nn.Sequential:
    """The network with that seed's first weights; a Linear keeps its matrix transposed."""
    network = NETWORKS[work.network]()
    with torch.no_grad():
        for parameter, stacked in zip(network.parameters(), work.initial(), strict=True):
            parameter.copy_(torch.from_numpy(stacked[seed].T).reshape(parameter.shape))
    return network


def data(work: Trials, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels, and the rows of each step of each seed."""
    images, labels = images_and_labels()
    return torch.from_numpy(images), torch.tensor(labels), torch.from_numpy(work.batches(steps))


def eager_loops(work: Trials, steps: int, threads: int = 1, **options: Any) -> np.ndarray:
    """One loop after the other, each with its own nn.Module and torch.optim.Adam(**options)."""
    torch.set_num_threads(threads)
    images, labels, order = data(work, steps)
    losses = torch.empty(work.seeds, len(work.rates), steps)
    for seed, start in enumerate(module(work, seed) for seed in range(work.seeds)):
        initial = start.state_dict()
        for place, rate in enumerate(work.rates):
            network = NETWORKS[work.network]()
            network.load_state_dict(initial)
            optimizer = torch.optim.Adam(network.parameters(), lr=float(rate), **options)
            for t, rows in enumerate(order[seed]):
                # PyTorch adds epsilon after the bias correction, the playbook before it.
                optimizer.param_groups[0]["eps"] = EPSILON / (1 - BETA2 ** (t + 1)) ** 0.5
                optimizer.zero_grad()
                loss = cross_entropy(network(images[rows]), labels[rows])
                loss.backward()
                optimizer.step()
                losses[seed, place, t] = loss.detach()
    return losses.numpy()


def stacked_trials(work: Trials, steps: int, threads: int = 1) -> np.ndarray:
    """All trials at once: vmap of grad, and Adam written out in place over one flat (K, n)."""
    torch.set_num_threads(threads)
    images, labels, order = data(work, steps)
    template = module(work, 0)
    theta, parameters = stacked_parameters(work)
    rates = torch.from_numpy(np.tile(work.rates, work.seeds))[:, None]
    seed_of_trial = torch.arange(work.seeds).repeat_interleave(len(work.rates))

    def loss_of_one(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(template, parameters, (x,)), y)

    gradient_of_all = vmap(grad_and_value(loss_of_one))
    losses = torch.empty(work.size, steps)
    with torch.no_grad():
        update = adam(theta, rates)
        for t in range(steps):
            rows = order[seed_of_trial, t]
            gradients, losses[:, t] = gradient_of_all(parameters, images[rows], labels[rows])
            update(torch.cat([gradients[name].flatten(1) for name in parameters], dim=1))
    return losses.reshape(work.seeds, len(work.rates), steps).numpy()


def stacked_parameters(work: Trials) -> tuple[Tensor, dict[str, Tensor]]:
    """One flat θ of shape (K, n), and each parameter of all trials as a view of it."""
    modules = [module(work, seed) for seed in range(work.seeds)]
    flat = torch.stack([nn.utils.parameters_to_vector(one.parameters()) for one in modules])
    theta = flat.detach().repeat_interleave(len(work.rates), dim=0)
    return theta, dict(views(theta, modules[0]))


def views(theta: Tensor, template: nn.Module) -> Iterator[tuple[str, Tensor]]:
    start = 0
    for name, parameter in template.named_parameters():
        end = start + parameter.numel()
        yield name, theta[:, start:end].unflatten(1, parameter.shape)
        start = end


def adam(theta: Tensor, rates: Tensor) -> Any:
    """A step of Adam in place, with as few passes over memory as PyTorch's operations allow."""
    m, v = torch.zeros_like(theta), torch.zeros_like(theta)
    steps_taken = 0

    def update(g: Tensor) -> None:
        nonlocal steps_taken
        steps_taken += 1
        m.lerp_(g, 1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        correction = (1 - BETA2**steps_taken) ** 0.5 / (1 - BETA1**steps_taken)
        theta.sub_(m.div(v.sqrt().add_(EPSILON)).mul_(rates * correction))

    return update
