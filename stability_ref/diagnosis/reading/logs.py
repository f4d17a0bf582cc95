"""The files that loggers write, as Logs: CSV, JSON lines, TensorBoard's folders, exports of W&B."""

import functools
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from stability_ref.checks import require
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.reading.columns import FIELDS, Choice, NoLoss, choose, names_runs, words
from stability_ref.diagnosis.reading.event_files import Events, is_event_file, runs_in
from stability_ref.diagnosis.reading.json_rows import Records
from stability_ref.diagnosis.reading.merging import logs_of, merged
from stability_ref.diagnosis.reading.tables import Table, opened

Source = str | os.PathLike[str]
TAGGED = ("loss", "gradient_norm", "learning_rate", "validation_loss")  # an event file has its own steps


Makers = dict[str, Callable[[], Log]]  # by the run's name, what makes its Log or raises NoLoss


class Plan(NamedTuple):
    """Where the fields of one Log stand in a table."""

    name: str
    place: dict[str, int]
    notes: tuple[str, ...]
    step_is_epoch: bool  # guessed, as there was nothing better


def read_logs(source: Source | Iterable[Source], *, columns: Mapping[str, str] | None = None) -> list[Log]:
    r"""The runs that a logger's file holds, whatever framework wrote it.

    Read are CSV and TSV files (also .gz), with one run, or several told apart by a column `run` or `trial`;
    JSON, an object a line; the trainer_state.json of Hugging Face's Trainer; TensorBoard's event files and
    folders of them; and both CSVs of Weights & Biases: a run's history and a chart's export.

    An empty cell was not logged; nan and inf are results, a run that diverged. Rows need not hold all
    columns: `merging.merged` says what joins what. Where there is no column of steps, entries are counted;
    an epoch is taken for the step only where there is nothing better.

    Args:
        source: a path, or several.
        columns: names of columns by field ("loss", "step", "gradient_norm", "learning_rate",
            "validation_loss", "run"), or of tags; those of the other fields are guessed from usual names.

    Returns:
        One Log for each run; what was chosen or left out on the way is in its `notes`.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: naming the file, and where there is one the line, column and cell: if a cell is no
            number, two columns fit a field equally well, or none looks like a training loss.
        ImportError: for TensorBoard's files, if tensorboard is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "metrics.csv")
        ...     written = path.write_text("step,train_loss,val_loss\n0,2.5,\n10,1.5,\n10,,1.8\n20,nan,\n")
        ...     [log] = read_logs(path)
        >>> log.name, log.step, log.loss, log.validation_loss
        ('metrics', array([ 0, 10, 20]), array([2.5, 1.5, nan]), array([nan, 1.8, nan]))
    """
    named = {} if columns is None else columns
    is_names = isinstance(named, Mapping) and all(isinstance(name, str) for name in named.values())
    require(is_names, "columns", 'a mapping like {"loss": "train/nll"}', columns)
    require(isinstance(source, Iterable | str | os.PathLike), "source", "a path or several", source)
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    require(sources, "source", "a path, or at least one path", source)
    for each in sources:
        require(isinstance(each, str | os.PathLike), "source", "a path or several", each)
    paths = [Path(each) for each in sources]
    return _told_apart_by_path([(path, log) for path in paths for log in _read(path, dict(named))])


def _read(path: Path, named: dict[str, str]) -> list[Log]:
    try:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
        if path.is_dir():
            return _read_folder(path, named)
        if is_event_file(path):
            return [_read_events([(path, "")], path.parent.resolve().name, named)]
        return _read_text(path, named)
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path}: this cannot be read: {error.strerror or error}") from None


def _told_apart_by_path(read: Sequence[tuple[Path, Log]]) -> list[Log]:
    """The logs; those of the same name get their file's path before it."""
    count = Counter(log.name for _, log in read)
    return [replace(log, name=f"{path}: {log.name}") if count[log.name] > 1 else log for path, log in read]


def _those_with_a_loss(runs: Makers) -> list[Log]:
    """The logs of runs that lie side by side, without those that have no training loss."""
    logs, errors = [], {}
    for name, read in runs.items():
        try:
            logs.append(read())
        except NoLoss as error:
            errors[name] = error
        except ValueError as error:
            raise ValueError(f"run {name!r}: {error}" if len(runs) > 1 else str(error)) from None
    if not logs:
        raise next(iter(errors.values()), NoLoss("there are no rows, only a header"))
    left_out = ", ".join(errors)
    note = (f"beside it there are runs without a training loss: {left_out}"[:200],) if errors else ()
    return [replace(log, notes=(*log.notes, *note)) if note else log for log in logs]


# Tables


def _read_text(path: Path, named: dict[str, str]) -> list[Log]:
    name = Path(path.name.removesuffix(".gz")).stem
    with opened(path) as file:
        head = []
        for line in file:
            head.append(line)
            if line.strip():
                break
        read = _read_json if "".join(head).lstrip().startswith(("{", "[")) else _read_csv
        return read(itertools.chain(head, file), name, named)


def _read_csv(lines: Iterator[str], name: str, named: dict[str, str]) -> list[Log]:
    table = Table(lines)
    plans, found = _plans(table.header, name, named)
    places = {place for plan in plans for field, place in plan.place.items() if field != "run"}
    columns, runs = table.read(places, plans[0].place.get("run"))
    for plan in plans:
        its_columns = {field: columns[place] for field, place in plan.place.items() if field != "run"}
        found |= logs_of(plan.name, its_columns, runs, (*table.notes, *plan.notes), plan.step_is_epoch)
    return _those_with_a_loss(found)


def _read_json(lines: Iterator[str], name: str, named: dict[str, str]) -> list[Log]:
    records = Records(lines, lambda key: names_runs(key) or key == named.get("run"))
    choice = choose(records.names, named, rare=records.rare)
    columns = {field: records.column(key) for field, key in choice.column.items() if field != "run"}
    runs = records.runs(choice.column["run"]) if "run" in choice.column else None
    notes = (*records.notes, *choice.notes)
    return _those_with_a_loss(logs_of(name, columns, runs, notes, _is_epoch(choice, named)))


def _plans(header: Sequence[str], name: str, named: Mapping[str, str]) -> tuple[list[Plan], Makers]:
    """What to read from a CSV, and what refuses the runs in it that have no training loss."""
    exported = _exported_runs(header)
    if not exported:
        choice = choose(header, named)
        place = {field: header.index(column) for field, column in choice.column.items()}
        return [Plan(name, place, choice.notes, _is_epoch(choice, named))], {}
    plans: list[Plan] = []
    refusals: Makers = {}
    for run, places in exported.items():
        of_this_run = {field: column.removeprefix(f"{run} - ") for field, column in named.items()}
        try:
            choice = choose(list(places), of_this_run, [field for field in FIELDS if field != "run"])
        except NoLoss as error:
            refusals[run] = functools.partial(_refuse, error)
            continue
        place = {field: places[column] for field, column in choice.column.items()}
        plans.append(Plan(run, place, choice.notes, _is_epoch(choice, of_this_run)))
    if not plans:
        _those_with_a_loss(refusals)
    return plans, refusals


def _refuse(error: ValueError) -> Log:
    raise error


def _exported_runs(header: Sequence[str]) -> dict[str, dict[str, int]]:
    """The columns of each run where W&B exported a chart: "run - train/loss", and the same with __MIN."""
    charted = {name for name in header if name + "__MIN" in header and " - " in name}
    if not charted and len(header) > 1 and all(" - " in name for name in header[1:]):
        charted = set(header[1:])
    bounds = {name + bound for name in charted for bound in ("__MIN", "__MAX")}
    shared = {name: i for i, name in enumerate(header) if name not in charted | bounds}
    runs: dict[str, dict[str, int]] = {}
    for i, name in enumerate(header):
        if name in charted:
            run, metric = name.rsplit(" - ", 1)
            runs.setdefault(run, {})[metric] = i
    return {run: {**metrics, **shared} for run, metrics in runs.items()}


def _is_epoch(choice: Choice, named: Mapping[str, str]) -> bool:
    return "step" not in named and words(choice.column.get("step", ""))[-1:] == ("epoch",)


# Event files


def _read_folder(folder: Path, named: dict[str, str]) -> list[Log]:
    runs = runs_in(folder)
    if not runs:
        others = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".jsonl", ".json"))
        hint = f"; give the path of a file in it: {', '.join(others[:5])}" if others else ""
        raise ValueError(f"there are no event files of TensorBoard in this folder{hint}")
    found: Makers = {}
    for run, files in runs.items():
        name = folder.resolve().name if run == folder else run.relative_to(folder).as_posix()
        found[name] = functools.partial(_read_events, files, name, named)
    return _those_with_a_loss(found)


def _read_events(files: Sequence[tuple[Path, str]], name: str, named: dict[str, str]) -> Log:
    events = Events()
    for file, prefix in files:
        events.add(file, prefix)
    if not events.tags:
        raise NoLoss("; ".join(["there are no numbers in it", *events.notes]))
    choice = choose(events.tags, named, TAGGED, events.rare)
    series = {field: events.series(tag) for field, tag in choice.column.items()}
    return merged(series, name, (*events.notes, *choice.notes))
