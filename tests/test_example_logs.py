"""The example logs are what their script makes, show what they say, and the hook logs what a hand would."""

import inspect
import math

import numpy as np
import pytest
import torch
from claims import most
from torch import nn
from torch.nn.utils import clip_grad_norm_

from experiments import example_logs as logs
from stability_ref.diagnosis import diagnose

NAMES = list(logs.RECIPES)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def smooth(loss, window=11):
    """The running median, in which a single hard batch does not show."""
    return np.median(np.lib.stride_tricks.sliding_window_view(loss, window), axis=-1)


def rise(loss):
    """How far the running median goes up from its lowest value so far."""
    level = smooth(np.asarray(loss))
    return (level - np.minimum.accumulate(level))[10:].max()


def blew_up_and_came_back(loss):
    return max(loss[:30]) >= 3 * loss[0] and np.median(loss[-20:]) < loss[0]


def rose_in_mid_training(loss):
    low = smooth(np.asarray(loss)[: len(loss) // 2]).min()
    return low < 0.15 * loss[0] and rise(loss[30:]) > 0.2 * loss[0]


def never_rose(loss):
    return max(loss) <= 1.02 * loss[0] and rise(loss) < 0.05 * loss[0]


SHOWS = dict(zip(NAMES, (blew_up_and_came_back, rose_in_mid_training, never_rose), strict=True))


def stored(name):
    lines = (logs.FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("# ")]
    header, *rows = lines[len(comments) :]
    return comments, header, [row.split(",") for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_the_log_was_made_by_the_script_as_it_stands(name):
    comments, header, rows = stored(name)
    assert comments[-1].endswith(logs.script_hash()), "run python -m experiments.example_logs"
    assert header == "step,loss,grad_norm,lr,val_loss"
    assert [int(row[0]) for row in rows] == list(range(logs.RECIPES[name].steps))
    assert (logs.FOLDER / f"{name}.csv").stat().st_size < 60_000


@pytest.mark.parametrize("name", NAMES)
def test_the_log_shows_what_it_says_and_no_other_log_does(name):
    loss = [float(row[1]) for row in stored(name)[2]]
    assert [other for other in NAMES if other != "mid_training_spike" and SHOWS[other](loss)] == [
        other for other in [name] if other != "mid_training_spike"
    ]
    assert SHOWS[name](loss)


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_shows_it_in_every_seed(name, seeds):
    recipe = logs.RECIPES[name]
    steps = {"early_blow_up": 150, "mid_training_spike": recipe.steps, "healthy": 150}[name]
    assert all(SHOWS[name](logs.run(recipe, seed, steps)["loss"]) for seed in seeds)


def test_a_loop_is_hooked_in_five_lines():
    source = inspect.getsource(logs.attach)
    body = source[source.rindex('"""') + 3 :]
    assert len(body.strip().splitlines()) <= 5


# The hook against logging by hand


def small_task(optimizer_class, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3), nn.Linear(3, 3))
    model[-1].requires_grad_(False)
    optimizer = optimizer_class(
        [{"params": model[0].parameters()}, {"params": [*model[2].parameters(), *model[3].parameters()]}],
        **options,
    )
    return model, nn.CrossEntropyLoss(), optimizer, torch.randn(6, 12, 5), torch.randint(3, (6, 12))


def norm_by_hand(model):
    squares = [float((w.grad.double() ** 2).sum()) for w in model.parameters() if w.grad is not None]
    return math.sqrt(sum(squares))


OPTIMIZERS = [
    (torch.optim.SGD, {"lr": 0.5}),
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (torch.optim.AdamW, {"lr": 0.1}),
    (torch.optim.RMSprop, {"lr": 0.1}),
    (torch.optim.NAdam, {"lr": 0.1}),
]


@pytest.mark.parametrize(("optimizer_class", "options"), OPTIMIZERS)
def test_the_hook_logs_what_a_hand_does_with_clipping_and_validation(optimizer_class, options):
    model, criterion, optimizer, images, labels = small_task(optimizer_class, **options)
    losses, norms = logs.attach(criterion, optimizer)
    by_hand = []
    for x, y in zip(images, labels, strict=True):
        with torch.no_grad():
            criterion(model(x), y)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        by_hand.append((loss.item(), norm_by_hand(model)))
        clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
    np.testing.assert_allclose(np.transpose([losses, norms]), by_hand, rtol=1e-5)


def test_a_closure_is_logged_at_each_of_its_calls():
    model, criterion, optimizer, images, labels = small_task(torch.optim.SGD)
    optimizer = torch.optim.LBFGS([w for w in model.parameters() if w.requires_grad], max_iter=4)
    losses, norms = logs.attach(criterion, optimizer)
    by_hand = []

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(images[0]), labels[0])
        loss.backward()
        by_hand.append((loss.item(), norm_by_hand(model)))
        return loss

    optimizer.step(closure)
    assert len(by_hand) > 1
    np.testing.assert_allclose(np.transpose([losses, norms]), by_hand, rtol=1e-5)


def test_accumulated_batches_are_logged_one_by_one():
    model, criterion, optimizer, images, labels = small_task(torch.optim.SGD)
    losses, norms = logs.attach(criterion, optimizer)
    for x, y in zip(images[:2], labels[:2], strict=True):
        criterion(model(x), y).backward()
    assert len(losses) == len(norms) == 2
    assert norm_by_hand(model) < sum(norms)


def test_a_scaler_scales_the_norms_and_not_the_losses():
    model, criterion, optimizer, images, labels = small_task(torch.optim.SGD)
    losses, norms = logs.attach(criterion, optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    criterion(model(images[0]), labels[0]).backward()
    scaler.scale(criterion(model(images[0]), labels[0])).backward()
    assert losses[0] == losses[1]
    assert norms[1] == pytest.approx(1024 * norms[0])


VERDICTS = dict(zip(NAMES, ("unstable early", "unstable in mid training", "stable"), strict=True))
FIRST_FIX = dict(zip(NAMES, ("warmup", "a longer warmup", None), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_diagnosis_of_the_stored_log(name):
    report = diagnose(logs.FOLDER / f"{name}.csv")
    (run,) = report.runs
    assert run.finding.verdict == VERDICTS[name]
    assert (report.first_fix.name if report.first_fix else None) == FIRST_FIX[name]


@pytest.mark.parametrize("name", ["early_blow_up", "healthy"])
def test_the_diagnosis_over_seeds(name, seeds):
    """The first 150 steps; the mid-training log needs all of its 700 to show what it shows."""
    verdicts = [diagnose(logs.run(logs.RECIPES[name], seed, 150)).runs[0].finding.verdict for seed in seeds]
    assert most(np.array(verdicts) == VERDICTS[name])
