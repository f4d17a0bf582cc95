"""Text as columns of numbers: CSV and TSV files, read a few thousand lines at a time."""

import contextlib
import csv
import gzip
import io
import itertools
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

import numpy as np

from stability_ref.checks import require

Array = np.ndarray
Row = list[str]
ROWS_AT_ONCE = 1000  # so many are held as text, all others as arrays
DELIMITERS = "\t;,"
NOT_LOGGED = ("", "null", "none")
SPELLED_OUT = ("nan", "inf", "infinity", *NOT_LOGGED[1:])
CUT_OFF = "the last line is cut off and was left out (is the run still being written?)"
WHAT_IS_READ = "CSV, TSV, JSON lines, a Trainer's trainer_state.json and TensorBoard's event files"


class Column(NamedTuple):
    """The numbers of one column, row by row."""

    values: Array  # (rows,) NaN where nothing was logged
    logged: Array  # (rows,) whether there is a number, be it NaN


class Runs(NamedTuple):
    """The run of each row."""

    names: list[str]
    number: Array  # (rows,) place among the names


@contextlib.contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text: unpacked where it is gzip, in the encoding that its first bytes tell.

    Raises:
        ValueError: if it is no text, cut off in its compression, or cannot be read.
    """
    try:
        with contextlib.ExitStack() as stack:
            file: Any = stack.enter_context(open(path, "rb"))
            if file.peek(2)[:2] == b"\x1f\x8b":
                file = stack.enter_context(gzip.open(file))
            encoding = _encoding(file.peek(1024))
            yield stack.enter_context(io.TextIOWrapper(cast(BinaryIO, file), encoding=encoding, newline=""))
    except UnicodeDecodeError:
        raise ValueError(f"this is no text in UTF-8 or UTF-16; what is read is {WHAT_IS_READ}") from None
    except (EOFError, zlib.error) as error:
        raise ValueError(f"the gzip file is cut off or damaged: {error}") from None
    except csv.Error as error:
        raise ValueError(f"this is no CSV, or a quote is not closed: {error}") from None


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        raise ValueError(f"this is a binary file; what is read is {WHAT_IS_READ}")
    return "utf-8-sig"


def number(cell: str) -> float | None:
    """The number in a cell, None where nothing was logged; NaN and inf are numbers.

    >>> number("2.5"), number(" NaN"), number("-inf"), number("null")
    (2.5, nan, -inf, None)
    """
    try:
        return float(cell)
    except ValueError:
        if cell.strip().lower() in NOT_LOGGED:
            return None
        raise ValueError(f"{cell!r} is no number") from None


class Table:
    """A CSV file whose header has been read; `read` goes through the rest, once.

    Args:
        lines: the file's lines, with their ends.

    Raises:
        ValueError: if it is empty, or has no header and more than two columns.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.notes: list[str] = []
        self.last_line = "\n"
        lines = self._without_comments(lines)
        self.lines_before, first = next(((i, line) for i, line in enumerate(lines) if line.strip()), (0, ""))
        if not first:
            raise ValueError("the file is empty: there is not even a header")
        self.delimiter = max(DELIMITERS, key=lambda delimiter: _fit(first, delimiter))
        self.reader = csv.reader(itertools.chain([first], lines), delimiter=self.delimiter)
        self.header = [name.strip() for name in next(self.reader)]
        self.first_rows: list[Row] = []
        if _fit(first, self.delimiter)[0]:
            self._do_without_header()

    def _without_comments(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines; a comment or blanks leave an empty one, so that the others keep their numbers."""
        for line in lines:
            self.last_line = line
            yield "\n" if line.startswith("#") or line.isspace() else line

    def _do_without_header(self) -> None:
        names = {1: ["loss"], 2: ["step", "loss"]}.get(len(self.header))
        require(names, "line 1", "a header that names the columns", self.header)
        self.notes.append(f"there is no header, so the columns were read as {' and '.join(names or ())}")
        self.first_rows, self.header = [self.header], names or []

    def read(self, places: Collection[int], run: int | None = None) -> tuple[dict[int, Column], Runs | None]:
        """The columns of numbers at these places of the header, and the run of each row.

        Raises:
            ValueError: naming line, column and cell.
        """
        pieces: dict[int, list[Column]] = {place: [] for place in places}
        runs: dict[str, int] = {}
        numbers = array("q")
        for rows, lines in self._batches():
            self._refuse_open_quote(rows, lines)
            if not self.last_line.endswith(("\n", "\r")):  # only a file's last line has no end
                self._drop_if_cut_off(rows, places)
            self._refuse_ragged(rows, lines)
            for place, columns in pieces.items():
                columns.append(self._column([row[place] for row in rows], place, lines))
            if run is not None:
                numbers.extend(runs.setdefault(row[run].strip(), len(runs)) for row in rows)
        joined = {place: _joined(pieces.pop(place)) for place in places}
        return joined, None if run is None else Runs(list(runs), np.array(numbers))

    def _batches(self) -> Iterator[tuple[list[Row], Sequence[int]]]:
        """Some rows at a time and the line of each, without empty lines and repeated headers."""
        while True:
            before = self.lines_before + self.reader.line_num - len(self.first_rows)
            rows = [*self.first_rows, *itertools.islice(self.reader, ROWS_AT_ONCE)]
            self.first_rows = []
            if not rows:
                return
            lines: Sequence[int] = range(before + 1, before + 1 + len(rows))
            if self.lines_before + self.reader.line_num != lines[-1]:  # cells of several lines
                ends = itertools.accumulate(1 + sum(cell.count("\n") for cell in row) for row in rows)
                lines = [before + end for end in ends]
            if not all(rows) or self.header in rows:
                kept = [i for i, row in enumerate(rows) if row and row != self.header]
                rows, lines = [rows[i] for i in kept], [lines[i] for i in kept]
            yield rows, lines

    def _refuse_open_quote(self, rows: list[Row], lines: Sequence[int]) -> None:
        """Refuse a last cell that took in the rest of the file: a cell of several lines ends with a quote."""
        if rows and "\n" in rows[-1][-1] and not self.last_line.rstrip().endswith('"'):
            raise ValueError(
                f"a quote is not closed in the row that ends at line {lines[-1]}: {rows[-1]}"[:200]
            )

    def _drop_if_cut_off(self, rows: list[Row], places: Collection[int]) -> None:
        """Drop the file's last row if it looks like a line that is still being written."""
        last = rows[-1] if rows else self.header
        full = len(last) >= len(self.header)
        if full and not (len(last) - 1 in places and _is_begun(self._point(last[-1]))):
            return
        rows.pop()
        self.notes.append(CUT_OFF)

    def _refuse_ragged(self, rows: list[Row], lines: Sequence[int]) -> None:
        width = len(self.header)
        if set(map(len, rows)) <= {width}:
            return
        for row, line in zip(rows, lines, strict=False):
            if len(row) < width or any(row[width:]):
                raise ValueError(f"line {line} has {len(row)} cells, but the header has {width}: {row}"[:200])

    def _column(self, cells: Row, place: int, lines: Sequence[int]) -> Column:
        try:
            return Column(np.fromiter(map(float, cells), float, len(cells)), np.ones(len(cells), bool))
        except ValueError:
            pass
        values, logged = np.full(len(cells), np.nan), np.zeros(len(cells), bool)
        for i, cell in enumerate(cells):
            try:
                value = number(self._point(cell))
            except ValueError:
                where = f"line {lines[i]}, column {self.header[place]!r}"
                raise ValueError(f"{where}: {cell[:80]!r} is no number") from None
            if value is not None:
                values[i], logged[i] = value, True
        return Column(values, logged)

    def _point(self, cell: str) -> str:
        """The cell with a decimal point, for a decimal comma where commas do not separate the cells."""
        return cell if self.delimiter == "," else cell.replace(",", ".")


def _fit(line: str, delimiter: str) -> tuple[bool, int]:
    """Whether all cells are numbers, as in a line of data, and how many cells there are."""
    cells = next(csv.reader([line], delimiter=delimiter))
    try:
        numbers = [number(cell if delimiter == "," else cell.replace(",", ".")) for cell in cells]
    except ValueError:
        return False, len(cells)
    return any(n is not None for n in numbers), len(cells)


def _is_begun(cell: str) -> bool:
    """Whether a cell is no number yet but would be one if it went on: '1e-', '-', 'Na'."""
    with contextlib.suppress(ValueError):
        number(cell)
        return False
    with contextlib.suppress(ValueError):
        float(cell + "0")
        return True
    return any(word.startswith(cell.strip().lower().lstrip("-")) for word in SPELLED_OUT)


def _joined(pieces: list[Column]) -> Column:
    if not pieces:
        return Column(np.zeros(0), np.zeros(0, bool))
    return Column(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
