"""Which column of a logger's file is which field of a Log: by the names that loggers usually give."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from stability_ref.checks import known, require

FIELDS = ("loss", "step", "gradient_norm", "learning_rate", "validation_loss", "run")
NEEDED = ("loss", "step", "run")  # without the others there is still a diagnosis
FALLBACK = 9  # the rank of an epoch as a step: only where there is nothing better
Rank = tuple[int, ...]  # smaller fits better
Words = tuple[str, ...]

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # train/loss, train_loss, trainLoss, TRAIN LOSS
SYNONYMS = {
    **dict.fromkeys(("training", "trainer", "tr"), "train"),
    **dict.fromkeys(("valid", "validation"), "val"),
    **dict.fromkeys(("evaluation", "dev", "holdout", "heldout"), "eval"),
    **dict.fromkeys(("gradient", "gradients", "grads"), "grad"),
    **dict.fromkeys(("iter", "iters", "iterations", "it", "update", "updates"), "iteration"),
    **{
        "steps": "step",
        "epochs": "epoch",
        "losses": "loss",
        "cost": "loss",
        "gradnorm": "grad norm",
        "gnorm": "grad norm",
    },
    **{"ce": "crossentropy", "xent": "crossentropy", "trainloss": "train loss", "valloss": "val loss"},
    **{"learningrate": "lr", "globalstep": "global step", "optim": "optimizer"},
}
TWO_WORDS = {"cross entropy": "crossentropy", "learning rate": "lr", "pre clip": "unclipped"}
TWO_WORDS |= {"before clip": "unclipped", "before clipping": "unclipped", "num iteration": "iteration"}

LOSSES = ("loss", "nll", "crossentropy", "objective")
VALIDATION = ("val", "eval", "test")  # the best first
EACH_STEP = {"step", "batch", "minibatch", "iteration"}
OVER_STEPS = {"epoch", "mean", "avg", "average", "total", "running", "ema", "smooth", "smoothed"}
OVER_STEPS |= {"metrics", "log", "logs", "scalars"}
NO_LOSS = {"scale", "scaler", "scaling", "best", "min", "max", "std", "var", "weight", "coef", "delta"}
NO_LOSS |= {"fn", "function", "type", "name"}
OF_A_NORM = {"grad", "norm", "train", "total", "global", "full", "overall", "all", "model", "optimizer", "l"}
OF_A_NORM |= {"2", "0", "raw", "unclipped", *EACH_STEP}
NO_RATE = {"scheduler", "scale", "decay", "factor", "ratio", "min", "max", "mult", "multiplier", "warmup"}
STEPS = (("global", "step"), ("step",), ("optimizer", "step"), ("iteration",), ("global", "iteration"))
RUNS = (("run",), ("run", "name"), ("run", "id"), ("trial",), ("trial", "name"), ("trial", "id"))


class Choice(NamedTuple):
    """The column of each field that has one, and what is worth telling about the choice."""

    column: dict[str, str]
    notes: tuple[str, ...]


class NoLoss(ValueError):
    """There is no training loss; where several runs lie side by side, the others may have one."""


def choose(
    names: Sequence[str],
    named: Mapping[str, str],
    fields: Collection[str] = FIELDS,
    rare: Collection[str] = (),
) -> Choice:
    """The column of each field: the one that was named, or else the usual name that fits best.

    Args:
        names: the columns that exist.
        named: field to column, as the user has it.
        fields: the fields that are looked for.
        rare: columns that were logged once at most; another that fits goes first. Hugging Face's Trainer
            ends its log with one `train_loss`, the mean of all the `loss` before.

    Raises:
        ValueError: if a named column is missing, two columns fit equally well, or one comes twice.
        NoLoss: if no column looks like a training loss.

    Example:
        >>> choose(["epoch", "step", "train_loss", "val_loss"], {}).column
        {'loss': 'train_loss', 'step': 'step', 'validation_loss': 'val_loss'}
    """
    for field in named:
        known("columns: a field", field, fields)
    column, notes = {}, []
    free = [name for name in names if name not in named.values()]
    for field in fields:  # the loss is the first
        if field in named:
            column[field] = _existing(field, named[field], names)
        elif ranked := _candidates(field, free, rare):
            best = [name for rank, name in ranked if rank == ranked[0][0]]
            if len(set(best)) > 1 and field not in NEEDED:
                how = _how_to_name(field, best[0])
                notes.append(f"{_listed(best)} fit the {field} equally well: none was read; {how}")
                continue
            column[field] = _best(field, best)
            notes += _told(field, column[field], ranked)
        elif field == "loss":
            there = _listed(names)
            raise NoLoss(f"no column looks like a training loss; there are {there}; {_how_to_name(field)}")
    for field, name in column.items():
        twice = names.count(name)
        require(twice == 1, f"the column of the {field}", "one, so rename the others", [name] * twice)
    return Choice(column, tuple(notes))


def names_runs(name: str) -> bool:
    """Whether a column of that name tells which run a row belongs to."""
    return _run_rank(words(name)) is not None


def words(name: str) -> Words:
    """The words of a column's name, each in one spelling.

    >>> words("Training Loss"), words("Loss/train"), words("lr-AdamW"), words("|g|")
    (('train', 'loss'), ('loss', 'train'), ('lr', 'adam', 'w'), ('grad', 'norm'))
    """
    if name.strip() == "|g|":
        return ("grad", "norm")
    lower = [word.lower() for word in WORD.findall(name)]
    text = " ".join(SYNONYMS.get(word, word) for word in lower)
    for two, one in TWO_WORDS.items():
        text = re.sub(rf"\b{two}\b", one, text)
    return tuple(text.split())


def _candidates(field: str, names: Sequence[str], rare: Collection[str]) -> list[tuple[Rank, str]]:
    ranks = [(RANKS[field](words(name)), name) for name in names]
    if field == "step":  # W&B counts the calls of its log in _step, which need not be the training's steps
        ranks = [((len(STEPS),) if name.lower() == "_step" else rank, name) for rank, name in ranks]
    return sorted(((name in rare, *rank), name) for rank, name in ranks if rank is not None)


def _existing(field: str, name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    error = NoLoss if field == "loss" else ValueError
    raise error(f"there is no column {name!r} for the {field}; there are {_listed(names)}")


def _best(field: str, best: Sequence[str]) -> str:
    if len(set(best)) > 1:
        raise ValueError(f"{_listed(best)} fit the {field} equally well; {_how_to_name(field, best[0])}")
    return best[0]


def _told(field: str, chosen: str, ranked: Sequence[tuple[Rank, str]]) -> list[str]:
    others = [name for rank, name in ranked if name != chosen and FALLBACK not in rank]
    return [f"the {field} is {chosen!r}, chosen before {_listed(others)}"] if others else []


def _how_to_name(field: str, name: str = "") -> str:
    on_the_command_line = f"--{field.replace('_', '-')} {name or 'NAME'}"
    return f'name one with columns={{"{field}": "{name or "…"}"}}, on the command line {on_the_command_line}'


def _listed(names: Sequence[str], most: int = 20) -> str:
    listed = ", ".join(map(repr, names[:most])) or "none"
    return listed + (f" and {len(names) - most} more" if len(names) > most else "")


# How well a name fits a field: a rank, or None where it does not


def _loss_rank(words: Words) -> tuple[str, Rank] | None:
    """The part of the data whose loss it is, and the rank; the last such word of the name decides."""
    measures = [LOSSES.index(word) for word in words if word in LOSSES]
    if not measures or NO_LOSS & set(words):
        return None
    parts = [word for word in words if word in ("train", *VALIDATION)]
    part = parts.pop() if parts else ""
    others = set(words) - {*LOSSES, part} | set(parts)
    kinds: tuple[set[str], ...] = (set(), EACH_STEP, EACH_STEP | OVER_STEPS)
    kind = next((i for i, kind in enumerate(kinds) if others <= kind), len(kinds))
    return part, (kind, max(measures))


def _training_rank(words: Words) -> Rank | None:
    part, (kind, measure) = _loss_rank(words) or ("none", (0, 0))
    return (kind, part != "train", measure) if part in ("train", "") else None


def _validation_rank(words: Words) -> Rank | None:
    part, (kind, measure) = _loss_rank(words) or ("none", (0, 0))
    return (kind, VALIDATION.index(part), measure) if part in VALIDATION else None


def _norm_rank(words: Words) -> Rank | None:
    """Of the full gradient, and rather before clipping (playbook C2): a layer's norm does not fit."""
    if "norm" not in words or not set(words) <= OF_A_NORM or not {"grad", "total", "global"} & set(words):
        return None
    return ("unclipped" not in words, "grad" not in words, len(words))


def _rate_rank(words: Words) -> Rank | None:
    if "lr" not in words or NO_RATE & set(words):
        return None
    others = set(words) - {"lr"}
    usual = {"train", "optimizer", "current", "group", "0", *EACH_STEP}
    kinds: tuple[set[str], ...] = (set(), usual, usual | {"base", "initial", "init"})
    kind = next((i for i, kind in enumerate(kinds) if others <= kind), len(kinds))
    return (kind,) if kind < len(kinds) or "lr" in (words[0], words[-1]) else None


def _step_rank(words: Words) -> Rank | None:
    words = words[1:] if words[:1] == ("train",) else words
    if words == ("epoch",):
        return (FALLBACK,)
    return (STEPS.index(words),) if words in STEPS else None


def _run_rank(words: Words) -> Rank | None:
    return (RUNS.index(words),) if words in RUNS else None


RANKS: dict[str, Callable[[Words], Rank | None]] = {
    "loss": _training_rank,
    "step": _step_rank,
    "gradient_norm": _norm_rank,
    "learning_rate": _rate_rank,
    "validation_loss": _validation_rank,
    "run": _run_rank,
}
