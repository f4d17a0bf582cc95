"""TensorBoard's event files as series of numbers, by tag."""

import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stability_ref.diagnosis.reading.columns import VALIDATION, words
from stability_ref.diagnosis.reading.merging import Series

MARK = "tfevents"  # what TensorBoard itself looks for in a file's name
LENGTH_AND_ITS_CHECKSUM = struct.Struct("<QI")
CHECKSUM_BYTES = 4


class Events:
    """The scalars of one run, from its event files in the order in which they were begun.

    Both kinds of scalars are read: plain numbers, and the tensors of TensorFlow 2. Where a writer was told
    that it goes on from a checkpoint, what an earlier file holds from that step on is dropped, as TensorBoard
    does.

    Raises:
        ImportError: if TensorBoard is not installed.
        ValueError: if there is nothing to be read in a file.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: dict[str, array[int]] = {}
        self.values: dict[str, array[float]] = {}

    def add(self, file: Path, prefix: str = "") -> None:
        """Read one more file; its tags get the prefix."""
        read = 0
        for event in _events(file):
            read += 1
            if event.HasField("session_log") and event.session_log.status == event.session_log.START:
                self._drop_from(event.step, prefix)
            for value in event.summary.value:
                scalar = _scalar(value)
                if scalar is not None:
                    self.steps.setdefault(prefix + value.tag, array("q")).append(event.step)
                    self.values.setdefault(prefix + value.tag, array("d")).append(scalar)
        complete, all_of_it = _count(file)
        if read < complete or not all_of_it:
            if not read:
                raise ValueError(f"{file.name} is no event file of TensorBoard, or damaged at its start")
            self.notes.append(f"{file.name} is cut off or damaged after {read} events; those were read")

    def series(self, tag: str) -> Series:
        """What was logged under a tag, in the order of writing."""
        return Series(np.array(self.steps[tag]), np.array(self.values[tag]))

    @property
    def tags(self) -> list[str]:
        """The tags under which there are numbers."""
        return [tag for tag, values in self.values.items() if values]

    @property
    def rare(self) -> set[str]:
        """The tags with one number."""
        return {tag for tag, values in self.values.items() if len(values) < 2}

    def _drop_from(self, step: int, prefix: str) -> None:
        for tag in [tag for tag in self.steps if tag.startswith(prefix)]:
            kept = np.array(self.steps[tag]) < step
            self.steps[tag] = array("q", np.array(self.steps[tag])[kept].tolist())
            self.values[tag] = array("d", np.array(self.values[tag])[kept].tolist())


def is_event_file(path: Path) -> bool:
    """Whether a file is TensorBoard's, by its name, as TensorBoard decides."""
    return MARK in path.name and not path.name.endswith(".profile-empty")


def runs_in(folder: Path) -> dict[Path, list[tuple[Path, str]]]:
    """Of each run in a folder, the event files and what to put before their tags.

    A folder with event files is a run. Keras writes one run into two folders, train and validation, with the
    same tags in both; so folders whose names differ in these words alone are one run.
    """
    files: dict[Path, list[Path]] = {}
    for parent, _, names in sorted(os.walk(folder)):
        found = sorted(Path(parent, name) for name in names if is_event_file(Path(name)))
        if found:
            files[Path(parent)] = found
    parts = {run: _part(run) for run in files if run != folder}
    evaluated = {whole for whole, part in parts.values() if part in VALIDATION}
    runs: dict[Path, list[tuple[Path, str]]] = {}
    for run, its_files in files.items():
        whole, part = parts.get(run, (run, ""))
        run, prefix = (whole, f"{part}/") if part and whole in evaluated else (run, "")
        runs.setdefault(run, []).extend((file, prefix) for file in its_files)
    return runs


def _part(folder: Path) -> tuple[Path, str]:
    """The folder's path without the word that says which data it is about, and that word."""
    name = words(folder.name)
    part = next((word for word in name if word in ("train", *VALIDATION)), "")
    return folder.parent / "_".join(word for word in name if word != part), part


def _events(file: Path) -> Iterator[Any]:
    try:
        from google.protobuf.message import DecodeError
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    except ImportError as error:
        install = "pip install 'stability-ref[tensorboard]'"
        raise ImportError(f"TensorBoard's event files need tensorboard to be read: {install}") from error
    try:
        yield from LegacyEventFileLoader(str(file)).Load()
    except DecodeError:  # counted by who asks, as a file that was cut off
        return


def _scalar(value: Any) -> float | None:
    """The number of a summary's value, None where it is a picture, a text or a histogram."""
    from tensorboard.util import tensor_util

    if value.WhichOneof("value") == "simple_value":
        return float(value.simple_value)
    if value.WhichOneof("value") != "tensor" or value.tensor.string_val:
        return None
    numbers = tensor_util.make_ndarray(value.tensor)
    is_number = numbers.dtype.kind in "fiu" and numbers.size == 1
    return float(numbers.item()) if is_number else None


def _count(file: Path) -> tuple[int, bool]:
    """How many whole records a file holds, and whether nothing follows them.

    TensorBoard's loader stops silently where a file is damaged or still being written.
    """
    size, count, end = file.stat().st_size, 0, 0
    with open(file, "rb") as records:
        while len(head := records.read(LENGTH_AND_ITS_CHECKSUM.size)) == LENGTH_AND_ITS_CHECKSUM.size:
            length, _ = LENGTH_AND_ITS_CHECKSUM.unpack(head)
            if end + len(head) + length + CHECKSUM_BYTES > size:
                break
            end += len(head) + length + CHECKSUM_BYTES
            count += 1
            records.seek(end)
    return count, end == size
