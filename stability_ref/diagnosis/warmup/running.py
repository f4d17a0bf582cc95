"""Trials one after the other, several at once, or on a cluster: through joblib, with the same answer."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from stability_ref.checks import require
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.warmup.training_functions import Train, train_log
from stability_ref.diagnosis.warmup.trials import Setting, TrialStore


def run_trials(
    train: Train,
    settings: Sequence[Setting],
    store: TrialStore,
    *,
    jobs: int = 1,
    progress: bool = True,
    enough: Callable[[Setting, Log], bool] | None = None,
) -> dict[Setting, Log]:
    """Run the settings in their order up to the first that is enough, without those that are finished.

    The answer does not depend on jobs or backend: what ran at the same time as the first that is enough, but
    stands behind it, is kept in the folder and left out of the answer.

    Args:
        train: the training function.
        settings: what to run, in order.
        store: where finished trials are and go.
        jobs: how many at once, -1 for as many as there are cores; a backend that `joblib.parallel_config`
            chose takes over.
        progress: whether to show a bar, if tqdm is installed.
        enough: of a trial, whether those behind it need not run; None runs all.

    Returns:
        The logs of the settings, up to the first that is enough.

    Raises:
        ValueError: if jobs is no such number, or a finished trial has another label.
        ImportError: if jobs is not 1 and joblib is missing.
        Exception: what train raises; what was finished before is kept.
    """
    is_count = isinstance(jobs, int | np.integer) and not isinstance(jobs, bool) and (jobs >= 1 or jobs == -1)
    require(is_count, "jobs", "a whole number of at least 1, or -1 for all cores", jobs)
    kept = {setting: store.load(setting) for setting in settings}
    logs = {setting: log for setting, log in kept.items() if log is not None}
    with _bar(len(settings), progress) as report:
        while True:
            needed = _up_to_the_first(settings, logs, enough)
            missing = [setting for setting in needed if setting not in logs]
            if not missing:
                return {setting: logs[setting] for setting in needed}
            batch = missing if enough is None else missing[: _at_once(jobs)]
            report(len(logs), batch)
            for setting, log in _run_batch(train, batch, store, jobs):
                store.save(setting, log)  # where the worker could not: it is on another machine
                logs[setting] = log
                report(len(logs), [other for other in batch if other not in logs])


def _up_to_the_first(
    settings: Sequence[Setting], logs: dict[Setting, Log], enough: Callable[[Setting, Log], bool] | None
) -> list[Setting]:
    for place, setting in enumerate(settings, start=1):
        if enough is not None and setting in logs and enough(setting, logs[setting]):
            return list(settings[:place])
    return list(settings)


def run_one(train: Train, setting: Setting, store: TrialStore) -> tuple[Setting, Log]:
    """Run a trial and keep it, in whatever process or machine this is."""
    log = train_log(train, *setting)
    store.save(setting, log)
    return setting, log


def _run_batch(
    train: Train, batch: list[Setting], store: TrialStore, jobs: int
) -> Iterator[tuple[Setting, Log]]:
    if _in_this_process(jobs):
        return (run_one(train, setting, store) for setting in batch)
    from joblib import delayed

    return iter(_pool(jobs)(delayed(run_one)(train, setting, store) for setting in batch))


def _in_this_process(jobs: int) -> bool:
    """Whether joblib is not needed: nobody can have chosen a backend before importing it."""
    return jobs == 1 and "joblib" not in sys.modules


def _at_once(jobs: int) -> int:
    if _in_this_process(jobs):
        return 1
    pool = _pool(jobs)
    from joblib import effective_n_jobs

    return max(1, effective_n_jobs(pool.n_jobs))


def _pool(jobs: int) -> Any:
    """Joblib's Parallel; jobs = 1 says nothing, so that `parallel_config` may."""
    try:
        from joblib import Parallel
    except ImportError as error:
        raise ImportError("several jobs need joblib: pip install joblib, or leave jobs at 1") from error
    options = {"batch_size": 1} if jobs == 1 else {"batch_size": 1, "n_jobs": jobs}
    try:
        return Parallel(return_as="generator_unordered", **options)
    except ValueError:  # Ray's backend and multiprocessing hand over everything at the end
        return Parallel(**options)


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:  # no bar then
        return None
    return tqdm


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int, Sequence[Setting]], None]]:
    """A function to report to: how many trials are finished and which are running."""
    tqdm = _tqdm() if wanted else None
    if tqdm is None:
        yield lambda done, running: None
        return
    with tqdm(total=total, unit="trial", leave=False) as bar:

        def report(done: int, running: Sequence[Setting]) -> None:
            warmups = ", ".join(str(setting.warmup_steps) for setting in running)
            bar.set_description(f"warmup {warmups}" if warmups else "warmup", refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield report
