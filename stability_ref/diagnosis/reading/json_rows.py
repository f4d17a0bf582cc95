"""JSON as columns of numbers: an object a line, a list of objects, or a Trainer's state."""

import json
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stability_ref.diagnosis.reading.tables import CUT_OFF, Column, Runs, number

Array = np.ndarray
SHAPES = 'an object a line, a list of objects, or an object with a "log_history"'


class Records:
    """Rows that need not have the same keys; a key of an object in an object is written train/loss.

    Args:
        lines: the file's lines, with their ends.
        names_runs: tells of a key whether its values may name runs, so that their text is kept.

    Raises:
        ValueError: naming the line, if it is no JSON or no object.
    """

    def __init__(self, lines: Iterator[str], names_runs: Callable[[str], bool] = lambda key: False) -> None:
        self.notes: list[str] = []
        self.length = 0
        self.rows: dict[str, array[int]] = {}  # of each key, where it has a number
        self.values: dict[str, array[float]] = {}  # and which
        self.refused: dict[str, str] = {}  # of each key, its first value that is no number
        self.names_runs = names_runs
        self.texts: dict[str, dict[int, str]] = {}  # of each key that may name runs, by row
        for where, record in self._records(lines):
            for key, value in _leaves(record):
                self._add(key, value, where)
            self.length += 1

    @property
    def names(self) -> list[str]:
        """The keys that came, in that order, without those that never had a number."""
        return [
            key for key, rows in self.rows.items() if rows or key in self.texts or key not in self.refused
        ]

    @property
    def rare(self) -> set[str]:
        """The keys that came with one number at most."""
        return {key for key, rows in self.rows.items() if len(rows) < 2}

    def column(self, name: str) -> Column:
        """The numbers of one key.

        Raises:
            ValueError: if one of its values is no number.
        """
        if name in self.refused:
            raise ValueError(self.refused[name])
        rows = np.array(self.rows[name], dtype=np.int64)
        column = Column(np.full(self.length, np.nan), np.zeros(self.length, bool))
        column.values[rows], column.logged[rows] = self.values[name], True
        return column

    def runs(self, name: str) -> Runs:
        """The run of each row, by the texts of one key."""
        texts = self.texts[name]
        names: dict[str, int] = {}
        numbers = [names.setdefault(texts.get(row, ""), len(names)) for row in range(self.length)]
        return Runs(list(names), np.array(numbers))

    def _add(self, key: str, value: Any, where: str) -> None:
        if key not in self.rows:
            self.rows[key], self.values[key] = array("q"), array("d")
            if self.names_runs(key):
                self.texts[key] = {}
        if key in self.texts:
            self.texts[key][self.length] = str(value).strip()
        try:
            value = number(value) if isinstance(value, str) else value
            if value is None:
                return
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError
            self.values[key].append(value)
            self.rows[key].append(self.length)
        except (ValueError, OverflowError):
            self.refused.setdefault(key, f"{where}, {key!r}: {str(value)[:80]!r} is no number")

    def _records(self, lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where each record stands, and the record."""
        numbered = ((i, line) for i, line in enumerate(lines, start=1) if line.strip())
        place, line = next(numbered)
        try:
            first = json.loads(line)
        except (ValueError, RecursionError):  # one value over many lines
            first = _parsed("".join([line, *lines]), place)
        if isinstance(first, list) or "log_history" in _an_object(first, f"line {place}"):
            yield from _listed(first if isinstance(first, list) else first["log_history"])
            return
        yield f"line {place}", first
        for place, line in numbered:
            try:
                yield f"line {place}", _an_object(_parsed(line.strip(), place), f"line {place}")
            except NoJSON:
                if line.endswith(("\n", "\r")):
                    raise
                self.notes.append(CUT_OFF)


class NoJSON(ValueError):
    """A text that is no JSON."""


def _parsed(text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        raise NoJSON(f"line {line}: this is no JSON ({error.msg}); what is read is {SHAPES}") from None
    except (ValueError, RecursionError) as error:
        raise NoJSON(f"line {line}: {error}") from None


def _an_object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {str(value)[:80]!r} is no object; what is read is {SHAPES}")
    return value


def _listed(rows: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(rows, list):
        raise ValueError(f"log_history is no list; what is read is {SHAPES}")
    for i, row in enumerate(rows):
        where = f"object {i + 1} of the list"
        yield where, _an_object(row, where)


def _leaves(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value
