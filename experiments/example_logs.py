"""Three real training logs for the lesson on your own run: `python -m experiments.example_logs` writes them.

Each is an ordinary PyTorch run on scikit-learn's digits. The loop knows nothing of logging the loss and the
gradient norm: `attach` does that from outside, and would on any loop.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, is_tensor, nn
from torch.autograd.graph import register_multi_grad_hook
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

from stability_ref.problems import load_digits

FOLDER = Path(__file__).parent / "logs"
BATCH_SIZE, WIDTH, EVALUATE_EVERY = 64, 32, 50
Table = dict[str, list[float]]
COLUMNS = ("loss", "gradient_norm", "learning_rate", "validation_loss")


def attach(criterion: nn.Module, optimizer: Optimizer) -> tuple[list[float], list[float]]:
    """Log loss and unclipped gradient norm (playbook C2, D5) from outside the loop, once a backward pass.

    A loss of validation needs no gradient (`torch.no_grad()`), and so is left out. The norm is taken in the
    backward pass, before anything can clip it. Where batches are accumulated, or a closure is called several
    times a step, there are as many entries. A scaler for half precision scales the norms too.
    """
    losses, norms = [], []
    weights = [w for group in optimizer.param_groups for w in group["params"] if w.requires_grad]
    criterion.register_forward_hook(lambda _, __, l: losses.append(l.item()) if l.requires_grad else None)
    register_multi_grad_hook(weights, lambda g: norms.append(get_total_norm(filter(is_tensor, g)).item()))
    return losses, norms


# The nets


class Residual(nn.Sequential):
    """h + f(h), where f is the layers inside."""

    def forward(self, h: Tensor) -> Tensor:
        return h + super().forward(h)


def branch() -> list[nn.Module]:
    return [nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)]


def pre_norm(blocks: int = 8) -> nn.Sequential:
    """h + f(LN(h)) in each block, and a last normalisation: the healthy net."""
    hidden = [Residual(nn.LayerNorm(WIDTH), *branch()) for _ in range(blocks)]
    return nn.Sequential(nn.Linear(64, WIDTH), *hidden, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10))


def steep_pre_norm() -> nn.Sequential:
    """The same function at the start, with 64 times the curvature in the head's weights.

    The last normalisation's gain is 8, and the head's weights are divided by 8.
    """
    net = pre_norm()
    with torch.no_grad():
        net[-2].weight *= 8
        net[-1].weight /= 8
    return net


def post_norm(blocks: int) -> nn.Sequential:
    """LN(h + f(h)) in each block (known to cause issues, playbook X4), from He's initial weights."""
    hidden = [layer for _ in range(blocks) for layer in (Residual(*branch()), nn.LayerNorm(WIDTH))]
    net = nn.Sequential(nn.Linear(64, WIDTH), *hidden, nn.Linear(WIDTH, 10))
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
        if isinstance(layer, Residual):
            nn.init.kaiming_normal_(layer[0].weight)
    return net


# The loop, as anybody's


def digits() -> tuple[TensorDataset, TensorDataset]:
    """1200 images to train on and 597 to validate on."""
    real = load_digits()
    images = [torch.tensor(part, dtype=torch.float32) for part in (real.train_images, real.test_images)]
    labels = [torch.tensor(part) for part in (real.train_labels, real.test_labels)]
    return TensorDataset(images[0], labels[0]), TensorDataset(images[1], labels[1])


def shuffled(data: TensorDataset, seed: int) -> DataLoader:
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(data, BATCH_SIZE, shuffle=True, drop_last=True, generator=generator)


def forever(loader: DataLoader) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


def fit(
    model: nn.Module,
    optimizer: Optimizer,
    schedule: Callable[[int], float],
    steps: int,
    loader: DataLoader,
    validation: TensorDataset,
) -> Table:
    """Train, and return the log: one entry for each step in each of its columns.

    The rate of step t is that of the optimizer times schedule(t). The validation loss of step t is measured
    before the step's update, as the training loss is, and NaN where it was not measured.
    """
    criterion = nn.CrossEntropyLoss()
    losses, norms = attach(criterion, optimizer)
    scheduler = LambdaLR(optimizer, schedule)
    rates, validation_losses = [], [math.nan] * steps
    for step, (images, labels) in zip(range(steps), forever(loader), strict=False):
        if step % EVALUATE_EVERY == 0 or step == steps - 1:
            validation_losses[step] = evaluate(model, criterion, *validation.tensors)
        rates.append(scheduler.get_last_lr()[0])
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()
        scheduler.step()
    return dict(zip(COLUMNS, (losses, norms, rates, validation_losses), strict=True))


def evaluate(model: nn.Module, criterion: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        loss = criterion(model(images), labels).item()
    model.train()
    return loss


# The recipes


class Recipe(NamedTuple):
    """One run: what is trained, how, and what its log shows."""

    shows: str
    set_up: str
    net: Callable[[], nn.Module]
    optimizer: Callable[..., Optimizer]
    schedule: Callable[[int], float]
    steps: int


def momentum(rate: float) -> Callable[..., Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=0.9)


RECIPES = {
    "early_blow_up": Recipe(
        "The loss blows up within the first steps, since the rate is too large for the initial curvature, "
        "and comes back.",
        "8 pre-norm residual blocks of width 32, the last norm's gain 8 and the head's weights an eighth, "
        "so that the function is the same and the curvature 64 times as large; momentum 0.9 at the constant "
        "rate 0.1",
        steep_pre_norm,
        momentum(0.1),
        lambda t: 1.0,
        steps=500,
    ),
    "mid_training_spike": Recipe(
        "The loss declines, lies low, and jumps up in mid training, while the rate climbs evenly in a long "
        "warmup. Nothing is planted: the data are as ever.",
        "12 post-norm residual blocks of width 32, He's initial weights; momentum 0.9, 600 steps of warmup "
        "to the constant rate 0.15",
        lambda: post_norm(blocks=12),
        momentum(0.15),
        lambda t: min(t / 600, 1.0),
        steps=700,
    ),
    "healthy": Recipe(
        "A healthy run.",
        "8 pre-norm residual blocks of width 32; momentum 0.9, a cosine from 0.05 to 0",
        pre_norm,
        momentum(0.05),
        lambda t: 0.5 * (1 + math.cos(math.pi * t / 500)),
        steps=500,
    ),
}
SEED = 0


def run(recipe: Recipe, seed: int, steps: int | None = None) -> Table:
    """One run of the recipe, or its first steps: the seed gives the first weights and the batches' order."""
    torch.manual_seed(seed)
    model = recipe.net()
    training, validation = digits()
    optimizer = recipe.optimizer(model.parameters())
    return fit(model, optimizer, recipe.schedule, steps or recipe.steps, shuffled(training, seed), validation)


# The files


def script_hash() -> str:
    """Changes with this script, whatever the line ends of a checkout."""
    return hashlib.sha256(Path(__file__).read_text(encoding="utf-8").encode()).hexdigest()[:16]


def as_csv(recipe: Recipe, table: Table) -> str:
    """Comment lines that say where the log is from, a header, and a row for each step."""
    comments = [
        recipe.shows,
        f"{recipe.set_up}.",
        f"Scikit-learn's digits, 1200 to train on, batches of {BATCH_SIZE}, cross-entropy.",
        f"seed {SEED}, torch {torch.__version__}, numbers of 6 significant digits",
        f"made by python -m experiments.example_logs, sha256 {script_hash()}",
    ]
    rows = zip(*(table[name] for name in COLUMNS), strict=True)
    cells = [[str(t), *("" if math.isnan(x) else f"{x:.6g}" for x in row)] for t, row in enumerate(rows)]
    lines = [f"# {comment}" for comment in comments] + ["step,loss,grad_norm,lr,val_loss"]
    return "\n".join(lines + [",".join(row) for row in cells]) + "\n"


def main() -> None:
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        (FOLDER / f"{name}.csv").write_text(as_csv(recipe, run(recipe, SEED)), encoding="utf-8", newline="\n")
        print(f"{name}.csv: {recipe.shows}")


if __name__ == "__main__":
    main()
