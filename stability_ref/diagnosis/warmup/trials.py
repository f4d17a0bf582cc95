"""Finished trials, kept in a folder, one file each, so that a search that was killed goes on where it was.

A trial is finished when its file is there. The file is written by the process that trained, beside its
place, and moved there as a whole: at no moment is there half a trial under a trial's name.
"""

import hashlib
import io
import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import require
from stability_ref.diagnosis.log import COLUMNS, Log

ABOUT = "about.json"  # whose trials a folder holds


class Setting(NamedTuple):
    """What determines a trial: the arguments of the training function."""

    rate: float
    warmup_steps: int
    steps: int

    @property
    def file_name(self) -> str:
        """For example rate=0.1_warmup=10_steps=410.npz; the rate to the last bit."""
        return f"rate={self.rate!r}_warmup={self.warmup_steps}_steps={self.steps}.npz"


@dataclass
class TrialStore:
    """A folder of finished trials, or none; made by `open_store`.

    A copy of it travels to every worker. The identity tells a worker whether the folder that it sees under
    this path is the same one (one machine, a shared file system) or another machine's.
    """

    folder: Path | None
    label: str = ""
    identity: str = ""
    notes: list[str] = field(default_factory=list)

    def load(self, setting: Setting) -> Log | None:
        """The log of a finished trial; None if there is none or its file is damaged, which `notes` says.

        Raises:
            ValueError: if the trial was made under another label.
        """
        path = self._path(setting)
        if path is None or not path.exists():
            return None
        try:
            label, log = _unpack(path.read_bytes(), setting)
        except Exception:  # a damaged archive makes NumPy and zipfile raise almost anything
            aside = path.with_name(path.name + ".damaged")
            os.replace(path, aside)
            self.notes.append(f"{path.name} was damaged: kept as {aside.name}, and the trial run again")
            return None
        _same_label(path, label, self.label)
        return log

    def save(self, setting: Setting, log: Log) -> None:
        """Keep a finished trial, unless there is no folder or this machine sees another one."""
        path = self._path(setting)
        if path is not None and self._is_here() and not path.exists():
            _write(path, _pack(setting, self.label, log))

    def _path(self, setting: Setting) -> Path | None:
        return None if self.folder is None else self.folder / setting.file_name

    def _is_here(self) -> bool:
        try:
            return self.folder is not None and _about(self.folder)["identity"] == self.identity
        except OSError:
            return False


def open_store(folder: str | Path | None, label: str = "") -> TrialStore:
    """The store in a folder, which is made if need be; None keeps nothing.

    Raises:
        ValueError: if the folder is a file, or holds the trials of another label.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     open_store(folder, label="digits").save(Setting(0.1, 0, 2), Log([2.0, 1.0]))
        ...     open_store(folder, label="digits").load(Setting(0.1, 0, 2)).loss
        array([2., 1.])
    """
    require(isinstance(label, str), "label", "a string", label)
    if folder is None:
        return TrialStore(None, label)
    allowed = "a path of a folder, or None"
    require(isinstance(folder, str | Path), "folder", allowed, folder)
    path = Path(folder).resolve()  # a worker may have another working directory
    require(not path.is_file(), "folder", allowed, str(folder))
    path.mkdir(parents=True, exist_ok=True)
    if not (path / ABOUT).exists():
        about = {"label": label, "identity": uuid.uuid4().hex}
        _write(path / ABOUT, json.dumps(about).encode())
    about = _about(path)
    _same_label(path, about["label"], label)
    return TrialStore(path, label, about["identity"])


def _pack(setting: Setting, label: str, log: Log) -> bytes:
    about = json.dumps({"label": label, "name": log.name, "notes": log.notes, **setting._asdict()})
    columns = {name: value for name in COLUMNS if (value := getattr(log, name)) is not None}
    content = io.BytesIO()
    entries: dict[str, Any] = {**columns, "about": about, "fingerprint": _fingerprint(about, columns)}
    np.savez(content, **entries)
    return content.getvalue()


def _unpack(content: bytes, setting: Setting) -> tuple[str, Log]:
    with np.load(io.BytesIO(content), allow_pickle=False) as entries:
        columns = {name: entries[name] for name in COLUMNS if name in entries.files}
        text, fingerprint = str(entries["about"]), str(entries["fingerprint"])
    about = json.loads(text)
    is_whole = fingerprint == _fingerprint(text, columns)
    require(is_whole and setting == Setting(*(about[name] for name in Setting._fields)), "file", "whole", "")
    return about["label"], Log(**columns, name=about["name"], notes=tuple(about["notes"]))


def _fingerprint(about: str, columns: dict[str, Any]) -> str:
    digest = hashlib.sha256(about.encode())
    for name, values in columns.items():
        digest.update(name.encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _about(folder: Path) -> dict[str, str]:
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return {name: about[name] for name in ("label", "identity")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: delete it, and the search goes on with its trials") from error


def _same_label(path: Path, kept: str, label: str) -> None:
    allowed = f"{kept!r}, whose trials {path} holds, or the folder another one"
    require(kept == label, "label", allowed, label)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that under its name there is nothing or all of it, whenever the process is killed."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.replace(part, path)
    except FileNotFoundError:  # another search finished the same trial first and tidied up
        if not path.exists():
            raise
    for left_by_a_killed_process in path.parent.glob(f".{path.name}.*.part"):
        left_by_a_killed_process.unlink(missing_ok=True)
