"""A real PyTorch net that is sick, for the walk through the warmup procedure (playbook W1–W6).

The sickness: a small transformer reads a digit as 16 patches, and its head takes the patches' features side
by side (`flatten`) where it should take their mean. Nothing shows at the start, where the loss is that of a
guess, but it is many times as curved in the head's weights as with a mean.
"""

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_unshuffle
from torch.utils.data import TensorDataset

from experiments.example_logs import Table, digits, fit, shuffled

FEATURES = 32  # of each patch


class SickNet(nn.Module):
    """Two pre-norm transformer layers on the 16 patches of 2x2 pixels, and a head of 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, FEATURES)
        self.place = nn.Parameter(0.5 * torch.randn(16, FEATURES))
        self.layers = nn.Sequential(*(self.layer() for _ in range(2)))
        self.norm = nn.LayerNorm(FEATURES)
        self.head = nn.Linear(16 * FEATURES, 10)

    @staticmethod
    def layer() -> nn.Module:
        return nn.TransformerEncoderLayer(
            FEATURES, nhead=2, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
        )

    def forward(self, images: Tensor) -> Tensor:
        patches = pixel_unshuffle(images[:, None], 2).flatten(2).mT  # (batch, 16 patches, 4 pixels)
        features = self.norm(self.layers(self.embed(patches) + self.place))
        return self.head(features.flatten(1))  # the mistake: features.mean(1) would be as usual


def shifted(images: Tensor, labels: Tensor) -> TensorDataset:
    """Each digit nine times: as it is, and moved by a pixel in each of the eight directions."""
    padded = pad(images.view(-1, 8, 8), (1, 1, 1, 1))
    views = [padded[:, row : row + 8, column : column + 8] for row in range(3) for column in range(3)]
    return TensorDataset(torch.cat(views), labels.repeat(9))


@functools.cache
def shifted_digits() -> tuple[TensorDataset, TensorDataset]:
    """10,800 images to train on, and every fifth of 5,373 to validate on."""
    training, validation = digits()
    return shifted(*training.tensors), TensorDataset(*shifted(*validation.tensors)[::5])


def train(rate: float, warmup_steps: int, steps: int, seed: int = 0) -> Table:
    """Momentum 0.9, linear warmup, and behind it a cosine over the steps that are left (playbook S1, S3).

    Args:
        rate: the base learning rate.
        warmup_steps: of the steps.
        steps: of the whole run.
        seed: of the first weights and of the order of the batches.

    Returns:
        What a log holds, one entry for each step: loss, gradient_norm, learning_rate, and validation_loss,
        which is NaN where the net was not evaluated.
    """

    def schedule(t: int) -> float:
        if t < warmup_steps:
            return t / warmup_steps
        return 0.5 * (1 + math.cos(math.pi * (t - warmup_steps) / (steps - warmup_steps)))

    torch.manual_seed(seed)
    model = SickNet()
    training, validation = shifted_digits()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    return fit(model, optimizer, schedule, steps, shuffled(training, seed), validation)
