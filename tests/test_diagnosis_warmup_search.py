"""The warmup search: what it finds, that it says so, and that neither a kill nor a cluster changes it.

The clauses W1–W7, S2 and S3.
"""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from claims import most
from warmup_workloads import STABLE_FROM, WARMUPS, needs_warmup

from benchmarks.report import ROOT
from stability_ref import recipes, schedules
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.warmup.running import run_one
from stability_ref.diagnosis.warmup.search import default_warmup_steps, find_warmup
from stability_ref.diagnosis.warmup.training_functions import reference_train
from stability_ref.diagnosis.warmup.trials import Setting, open_store
from stability_ref.problems import Quadratic, load_digits
from stability_ref.training import run


def refuse_to_train(rate, warmup_steps, steps):
    raise AssertionError("this trial was finished")


def search(train=None, **options):
    arguments = {"warmup_steps": WARMUPS, "progress": False, **options}
    return find_warmup(train or needs_warmup(), 0.2, 0.1, 400, **arguments)


def tried(found):
    return [trial.warmup_steps for trial in found.trials]


def calls_in(path):
    return path.read_text().splitlines() if path.exists() else []


# --- What it finds


@pytest.mark.parametrize("spike", [60.0, np.nan, np.inf])
@pytest.mark.parametrize("shortest", WARMUPS)
def test_the_shortest_stable_warmup_is_found(shortest, spike):
    found = search(needs_warmup(shortest, spike=spike))
    assert found.warmup_steps == shortest
    assert tried(found) == WARMUPS[: WARMUPS.index(shortest) + 1]
    assert [trial.trains_stably for trial in found.trials] == [w >= shortest for w in tried(found)]


def test_every_run_is_called_for_its_whole_length(tmp_path):
    calls = tmp_path / "calls"
    found = search(needs_warmup(calls=calls))
    assert calls_in(calls) == ["0.1 0 400", *(f"2.0 {w} {400 + w}" for w in (10, 20, 40))]
    assert found.warmed_up.steps == 440
    assert len(found.warmed_up.log) == 440


def test_trials_may_be_run_in_any_order_of_the_list():
    assert search(warmup_steps=[80, 10, 40, 10]).warmup_steps == STABLE_FROM


def test_a_spike_that_ends_without_a_finite_loss_is_not_stable():
    def train(rate, warmup_steps, steps):
        loss = 2 * 0.98 ** np.arange(steps)
        loss[-1] = np.nan if rate > 0.1 and warmup_steps < 40 else loss[-1]
        return loss

    assert search(train).warmup_steps == 40


def test_all_trials_go_on_behind_the_shortest():
    found = search(all_trials=True)
    assert (tried(found), found.warmup_steps) == (WARMUPS, STABLE_FROM)


def test_a_longer_warmup_that_is_not_stable_is_told():
    def train(rate, warmup_steps, steps):
        return needs_warmup(80 if warmup_steps == 40 else 20)(rate, warmup_steps, steps)

    found = search(train, all_trials=True)
    assert found.warmup_steps == 20
    assert "longer warmups were not stable" in found.text()


def test_a_short_test_is_followed_by_the_winner_s_whole_run(tmp_path):
    calls = tmp_path / "calls"
    found = search(needs_warmup(calls=calls), post_warmup_steps=4)
    assert calls_in(calls) == ["0.1 0 400", "2.0 10 50", "2.0 20 100", "2.0 40 200", "2.0 40 440"]
    assert (found.warmed_up.steps, found.trials[-1].steps) == (440, 200)
    as_function = search(post_warmup_steps=lambda w: 4 * w)
    assert as_function.as_dict() == found.as_dict()


def test_instability_behind_the_short_test_is_told():
    def train(rate, warmup_steps, steps):
        loss = 2 * 0.98 ** np.arange(steps)
        loss[300:] = 60 if rate > 0.1 else loss[300:]
        return loss

    assert "not over the whole run" in search(train, post_warmup_steps=4, warmup_steps=[40]).text()
    assert search(train, warmup_steps=[40]).warmup_steps is None


@pytest.mark.parametrize(
    ("max_train_steps", "expected"),
    [
        (10, [1]),
        (99, [9]),
        (100, [10]),
        (400, [10, 40]),
        (10_000, [10, 100, 1000]),
        (25_000, [10, 100, 1000, 2500]),
    ],
)
def test_the_default_is_orders_of_magnitude_up_to_a_tenth(max_train_steps, expected):
    assert default_warmup_steps(max_train_steps) == expected


# --- Checkpoints (W5)


def runs(baseline, warmed_up):
    """train: these logs, whatever the steps."""
    return lambda rate, warmup_steps, steps: baseline if rate == 0.1 else warmed_up


def falling_to(floor, **columns):
    return {"loss": floor + 2 * 0.97 ** np.arange(400), **columns}


def test_each_run_stands_with_its_best_validation_loss():
    before, after = np.full(400, np.nan), np.full(400, np.nan)
    before[[100, 200, 399]], after[[100, 200, 399]] = [0.5, 0.4, 0.9], [0.6, 0.7, 0.3]
    found = search(runs(falling_to(0.1, validation_loss=before), falling_to(0.2, validation_loss=after)))
    assert (found.baseline.best.loss, found.baseline.best.step) == (0.4, 200)
    assert (found.warmed_up.best.loss, found.warmed_up.best.step) == (0.3, 399)
    assert "better by 0.1 (25.0% of the baseline's)" in found.comparison


def test_without_validation_it_is_the_smoothed_training_loss():
    lucky = 0.2 + 2 * 0.97 ** np.arange(400)
    lucky[390] = 0.01  # a single easy batch
    found = search(runs(falling_to(0.1), lucky))
    assert found.baseline.best.measure == "smoothed training loss"
    assert found.baseline.best.loss == pytest.approx(0.1, abs=1e-3)
    assert found.warmed_up.best.loss > 0.18
    assert "worse by" in found.comparison
    assert "Warmup did not pay" in found.text()


def test_a_validation_loss_that_is_never_finite_is_none():
    found = search(runs(*[falling_to(0.1, validation_loss=np.full(400, np.nan))] * 2))
    assert found.baseline.best.measure == "smoothed training loss"
    assert found.baseline.best.step == 399


def test_a_log_that_is_too_short_to_judge_is_not_taken_for_stable():
    assert search(lambda *_: [2.0, 1.0]).warmup_steps is None


def test_if_one_run_has_no_validation_all_are_measured_by_training_loss():
    validated = falling_to(0.1, validation_loss=np.full(400, 0.5))
    found = search(runs(validated, falling_to(0.2)))
    assert {found.baseline.best.measure, found.warmed_up.best.measure} == {"smoothed training loss"}


def test_a_trial_that_diverged_before_its_first_validation_spoils_no_comparison():
    found = search(needs_warmup(spike=np.nan))
    never = np.full(420, np.nan)

    def train(rate, warmup_steps, steps):
        log = needs_warmup()(rate, warmup_steps, steps)
        return log | {"validation_loss": never[:steps]} if warmup_steps in (10, 20) else log

    found = search(train)
    assert found.trials[0].best.loss == np.inf
    assert found.comparison.count("validation loss") == 2


def test_a_baseline_that_never_is_finite_is_told():
    found = search(runs(np.full(400, np.nan), falling_to(0.1)))
    assert "The baseline has no finite checkpoint" in found.comparison
    assert "The baseline itself is not sound" in found.text()


# --- What it says

SAYINGS = {
    "none": (
        {"train": needs_warmup(1000)},
        ["No warmup of up to 80 steps", "W7", "X2, C6", "Or a base rate"],
    ),
    "too long": ({"warmup_steps": [80]}, ["20% of max_train_steps, more than the 10 % of W4"]),
    "W6": ({"warmup_steps": [40]}, [r"may have to grow \(W6\): by 40 steps.*by 400, to bring"]),
    "between": ({}, ["above 20 and at most 40"]),
    "first": ({"warmup_steps": [40]}, ["shortest that was tried"]),
    "100": ({}, ["Run again with factor=100"]),
    "small factor": ({"factor": 2}, ["W2 asks for 10 times or more"]),
    "short log": ({"train": lambda *_: [2.0, 1.0]}, ["too short to judge"]),
}


@pytest.mark.parametrize("name", SAYINGS)
def test_what_follows_is_said(name):
    options, sayings = SAYINGS[name]
    text = search(**options).text()
    for saying in sayings:
        assert re.search(saying, text), text


@pytest.mark.parametrize(
    ("options", "unsaid"),
    [
        ({"warmup_steps": [10], "train": needs_warmup(10)}, "W6"),
        ({"warmup_steps": [40]}, "of W4"),
        ({"factor": 100}, "factor=100"),
        ({"factor": 2}, "factor=100"),
        ({}, "W2 asks"),
        ({}, "too short"),
        ({}, "not sound"),
        ({}, "D9"),
    ],
)
def test_nothing_is_said_without_a_reason(options, unsaid):
    assert unsaid not in search(**options).text()


def test_an_unstable_rate_below_the_baseline_s_is_told():
    found = find_warmup(needs_warmup(), 0.05, 0.1, 400, warmup_steps=[40], progress=False)
    assert "not above the baseline's" in found.text()


def test_the_report_is_printed_and_goes_into_json():
    found = search(needs_warmup(spike=np.nan))
    assert str(found) == found.text()
    assert "Shortest warmup that trains stably: 40 steps" in str(found)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["trials"][-1]["warmup_steps"] == 40


# --- The folder


def test_a_second_search_trains_nothing(tmp_path):
    calls = tmp_path / "calls"
    first = search(needs_warmup(calls=calls), folder=tmp_path / "trials")
    made = calls_in(calls)
    second = search(needs_warmup(calls=calls), folder=str(tmp_path / "trials"))
    assert calls_in(calls) == made
    assert second.as_dict() == first.as_dict()
    for one, other in zip(first.trials, second.trials, strict=True):
        for column in ("step", "loss", "validation_loss"):
            np.testing.assert_array_equal(getattr(one.log, column), getattr(other.log, column))
        assert (one.log.name, one.log.notes) == (other.log.name, other.log.notes)


def test_a_whole_log_comes_back(tmp_path):
    log = Log(
        [3.0, np.inf, np.nan],
        step=[5, 0, 2],
        gradient_norm=[1, np.inf, np.nan],
        learning_rate=[0, 1e-300, np.nan],
        validation_loss=[np.nan, np.inf, 1],
        name="ein Lauf, Wärme",
    )
    options = {"warmup_steps": [400], "folder": tmp_path}
    search(lambda *_: log, **options)
    (back,) = [trial.log for trial in search(refuse_to_train, **options).trials]
    for column in ("step", "loss", "gradient_norm", "learning_rate", "validation_loss"):
        np.testing.assert_array_equal(getattr(back, column), getattr(log, column))
    assert (back.name, back.notes) == (log.name, log.notes)


def test_the_second_round_keeps_the_baseline(tmp_path):
    calls = tmp_path / "calls"
    search(needs_warmup(calls=calls), folder=tmp_path / "trials")
    made = calls_in(calls)
    search(needs_warmup(calls=calls), folder=tmp_path / "trials", factor=100)
    assert calls_in(calls)[len(made) :] == [f"20.0 {w} {400 + w}" for w in (10, 20, 40)]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_was_finished_before_an_error_is_kept(error, tmp_path):
    calls = tmp_path / "calls"

    def fails_at_20(rate, warmup_steps, steps):
        if warmup_steps == 20:
            raise error("the user's own")
        return needs_warmup(calls=calls)(rate, warmup_steps, steps)

    with pytest.raises(error, match=r"^the user's own$"):
        search(fails_at_20, folder=tmp_path / "trials")
    made = calls_in(calls)
    assert len(made) == 2
    found = search(needs_warmup(calls=calls), folder=tmp_path / "trials")
    assert found.as_dict() == search().as_dict()
    assert len(set(calls_in(calls))) == len(calls_in(calls)) == 4


def test_trials_behind_the_shortest_that_are_in_the_folder_change_no_answer(tmp_path):
    search(folder=tmp_path, all_trials=True)
    assert len(list(tmp_path.glob("*.npz"))) == 5
    assert search(refuse_to_train, folder=tmp_path).as_dict() == search().as_dict()


@pytest.mark.parametrize(("first", "second"), [("digits", "text"), ("", "text"), ("digits", "")])
def test_a_folder_takes_one_label(first, second, tmp_path):
    search(folder=tmp_path, label=first)
    refusal = f"label must be '{first}', whose trials .*, but '{second}' came"
    with pytest.raises(ValueError, match=refusal):  # although no trial is the same
        find_warmup(needs_warmup(), 3.0, 0.01, 400, folder=tmp_path, label=second)
    (tmp_path / "about.json").unlink()  # each trial knows its label too
    with pytest.raises(ValueError, match=refusal):
        search(folder=tmp_path, label=second)


def test_a_training_function_may_change_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    def wanders(*setting):
        os.chdir(tmp_path / "elsewhere")
        return needs_warmup()(*setting)

    search(wanders, folder="trials")
    assert len(list((tmp_path / "trials").glob("*.npz"))) == 4


def damaged(content, how):
    place = len(content) // 2
    return {
        "empty": b"",
        "half": content[:place],
        "another file": b"no archive at all",
        "a bit": content[:200] + bytes([content[200] ^ 1]) + content[201:],
    }[how]


@pytest.mark.parametrize("how", ["empty", "half", "another file", "a bit", "another trial", "an edited loss"])
def test_a_damaged_trial_is_set_aside_and_run_again(how, tmp_path):
    calls, folder = tmp_path / "calls", tmp_path / "trials"
    first = search(needs_warmup(calls=calls), folder=folder)
    victim = folder / "rate=2.0_warmup=20_steps=420.npz"
    if how == "another trial":
        content = (folder / "rate=2.0_warmup=40_steps=440.npz").read_bytes()
    elif how == "an edited loss":
        with np.load(victim) as entries:
            np.savez(tmp_path / "edited.npz", **{**entries, "loss": entries["loss"] + 1})
        content = (tmp_path / "edited.npz").read_bytes()
    else:
        content = damaged(victim.read_bytes(), how)
    victim.write_bytes(content)
    made = calls_in(calls)
    again = search(needs_warmup(calls=calls), folder=folder)
    assert calls_in(calls)[len(made) :] == ["2.0 20 420"]
    assert again.as_dict() | {"notes": []} == first.as_dict()
    assert "warmup=20_steps=420.npz was damaged" in again.text()
    assert victim.with_name(victim.name + ".damaged").read_bytes() == content
    assert search(refuse_to_train, folder=folder).notes == ()


def test_any_flipped_byte_of_a_trial_is_noticed_or_harmless(tmp_path):
    """Bytes that no reader looks at may change; a number of the log may not."""
    options = {"warmup_steps": [40], "folder": tmp_path}
    before = search(**options)
    path = tmp_path / "rate=2.0_warmup=40_steps=440.npz"
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(len(content), size=60):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        after = search(**options)
        assert after.as_dict() | {"notes": []} == before.as_dict()


def test_an_about_file_that_is_damaged_is_named(tmp_path):
    search(folder=tmp_path)
    (tmp_path / "about.json").write_text("{")
    with pytest.raises(ValueError, match=r"about\.json is damaged: delete it"):
        search(folder=tmp_path)
    (tmp_path / "about.json").unlink()
    assert search(refuse_to_train, folder=tmp_path).warmup_steps == STABLE_FROM


# --- Killed


def start(tmp_path, jobs, moment, number):
    arguments = [tmp_path / "trials", tmp_path / "calls", jobs, moment, number]
    return subprocess.Popen(
        [sys.executable, "tests/warmup_workloads.py", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_at(tmp_path, jobs, moment, number):
    """Run the search until it waits at that moment, kill -9, and return what was finished."""
    process = start(tmp_path, jobs, moment, number)
    reached = tmp_path / "calls.reached"
    try:
        while not reached.exists():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        if moment == "second worker":  # the first worker's trial must have had the time to be finished
            while len(finished(tmp_path)) < 1:
                time.sleep(0.01)
        process.kill()
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its workers
        process.communicate()
    reached.unlink()
    return finished(tmp_path)


def finished(tmp_path):
    return {path.name for path in (tmp_path / "trials").glob("*.npz")}


@pytest.mark.parametrize(
    ("jobs", "moment", "number", "kept"),
    [
        (1, "training", 1, 0),
        (1, "training", 3, 2),
        (1, "half written", 1, 0),  # about.json
        (1, "half written", 2, 0),  # the first trial
        (1, "half written", 4, 2),
        (1, "written", 4, 2),
        (2, "second worker", 1, 1),
    ],
)
def test_a_killed_search_goes_on_where_it_was(jobs, moment, number, kept, tmp_path):
    before = kill_at(tmp_path, jobs, moment, number)
    assert len(before) == kept
    made = calls_in(tmp_path / "calls")
    process = start(tmp_path, jobs, "never", 0)
    answer, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert json.loads(answer) == json.loads(json.dumps(search().as_dict()))
    again = {
        "rate={}_warmup={}_steps={}.npz".format(*call.split())
        for call in calls_in(tmp_path / "calls")[len(made) :]
    }
    assert before.isdisjoint(again)
    assert list((tmp_path / "trials").glob(".*.part")) == []


def test_killed_again_and_again_it_arrives(tmp_path):
    for number in range(4):
        kill_at(tmp_path, 1, "written", 2)  # one trial further each time; the first time, about.json
        assert len(finished(tmp_path)) == number
    answer, _ = start(tmp_path, 1, "never", 0).communicate(timeout=60)
    assert json.loads(answer) == json.loads(json.dumps(search().as_dict()))


# --- Several at once


@pytest.mark.parametrize("jobs", [2, 3, -1])
def test_several_jobs_give_the_same_answer(jobs, tmp_path):
    assert search(jobs=jobs, folder=tmp_path).as_dict() == search().as_dict()
    assert search(jobs=jobs).as_dict() == search().as_dict()


def noting_processes(folder):
    """train, which leaves a file named after each process that it runs in."""

    def train(*setting):
        (folder / f"{os.getpid()}.process").touch()
        return needs_warmup()(*setting)

    return train


def processes(folder):
    return {int(path.stem) for path in folder.glob("*.process")}


@pytest.mark.parametrize(("backend", "jobs"), [("threading", 2), ("sequential", 1), ("loky", 2)])
def test_a_backend_that_joblib_was_given_takes_over(backend, jobs, tmp_path):
    with joblib.parallel_config(backend=backend, n_jobs=jobs):
        found = search(noting_processes(tmp_path), folder=tmp_path)
    assert found.as_dict() == search().as_dict()
    assert (os.getpid() in processes(tmp_path)) == (backend != "loky")


def test_a_backend_that_hands_over_everything_at_the_end(tmp_path):
    """multiprocessing is one, and Ray's backend is built on it."""
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        assert search(folder=tmp_path).as_dict() == search().as_dict()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as local, distributed.Client(local):
        yield local


def test_a_dask_cluster_gives_the_same_answer_and_resumes(cluster, tmp_path):
    calls = tmp_path / "calls"
    with joblib.parallel_config(backend="dask"):
        found = search(needs_warmup(calls=calls), folder=tmp_path / "trials")
        made = calls_in(calls)
        again = search(needs_warmup(calls=calls), folder=tmp_path / "trials")
        with_a_closure = search(noting_processes(tmp_path))
    assert found.as_dict() == again.as_dict() == with_a_closure.as_dict() == search().as_dict()
    assert calls_in(calls) == made
    assert len(set(made)) == len(made) == 4
    assert os.getpid() not in processes(tmp_path)


def test_an_error_in_a_worker_is_the_user_s_own(tmp_path):
    def fails(rate, warmup_steps, steps):
        if warmup_steps == 20:
            raise ZeroDivisionError("the user's own")
        return needs_warmup()(rate, warmup_steps, steps)

    with pytest.raises(ZeroDivisionError, match=r"^the user's own$"):
        search(fails, folder=tmp_path, jobs=2)
    assert {"rate=0.1_warmup=0_steps=400.npz", "rate=2.0_warmup=10_steps=410.npz"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_our_engine_goes_to_other_processes():
    train = reference_train(recipes.sick_twin(), "momentum", schedules.cosine(1.0, 20))
    alone, several = (find_warmup(train, 0.2, 0.1, 20, jobs=jobs, progress=False) for jobs in (1, 2))
    assert several.as_dict() == alone.as_dict()


def test_a_worker_that_sees_another_folder_leaves_the_saving_to_the_search(tmp_path):
    here, there = open_store(tmp_path / "here"), open_store(tmp_path / "there")
    elsewhere = dataclasses.replace(here, folder=there.folder)  # the same path on another machine
    nowhere = dataclasses.replace(here, folder=tmp_path / "nowhere")
    for worker in (elsewhere, nowhere):
        setting, log = run_one(needs_warmup(), Setting(0.1, 0, 400), worker)
        assert worker.load(setting) is None
    run_one(needs_warmup(), Setting(0.1, 0, 300), here)  # this one keeps its trial itself
    assert here.load(Setting(0.1, 0, 300)) is not None
    assert not (tmp_path / "nowhere").exists()
    here.save(setting, log)
    np.testing.assert_array_equal(here.load(setting).loss, log.loss)


def test_one_job_needs_no_joblib(tmp_path):
    code = (
        "import sys, warmup_workloads as w\n"
        "from stability_ref.diagnosis.warmup.search import find_warmup\n"
        "find_warmup(w.needs_warmup(), 0.2, 0.1, 400, warmup_steps=w.WARMUPS, progress=False)\n"
        "print('joblib' in sys.modules, 'tqdm' in sys.modules)\n"
        "sys.modules['joblib'] = None\n"
        "find_warmup(w.needs_warmup(), 0.2, 0.1, 400, jobs=2)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]
    assert "ImportError: several jobs need joblib: pip install joblib" in answer.stderr


def test_the_bar_counts_the_trials_and_names_what_runs(capsys):
    search(progress=True)
    shown = capsys.readouterr().err
    assert "warmup 40:" in shown
    assert "3/5" in shown


def test_without_tqdm_there_is_no_bar(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert search(progress=True).warmup_steps == STABLE_FROM
    assert capsys.readouterr().err == ""


# --- Real training


@pytest.fixture(scope="module")
def twins(seeds):
    """The sick twin, seed by seed, at the unstable rate itself: ten times that is too much for 150 steps."""
    schedule = schedules.cosine(1.0, recipes.STEPS)
    options = {"factor": 1, "warmup_steps": [5, 30, recipes.WARMUP_STEPS], "progress": False}
    rate, best = recipes.RATES[recipes.LARGE], recipes.RATES[recipes.LARGE - 2]
    return [
        find_warmup(
            reference_train(recipes.sick_twin(), "momentum", schedule, seed),
            rate,
            best,
            recipes.STEPS,
            **options,
        )
        for seed in seeds
    ]


def test_the_sick_twin_needs_more_than_a_few_steps(twins):
    assert most([found.warmup_steps is not None and found.warmup_steps > 5 for found in twins])


def test_our_engine_s_runs_are_those_of_the_lesson(twins):
    found = twins[0]
    for trial in (found.baseline, found.trials[-1]):
        schedule = recipes.baseline(trial.rate, trial.warmup_steps)
        record = run(recipes.sick_twin(), "momentum", schedule, trial.steps)
        np.testing.assert_allclose(trial.log.loss, record.loss[0, 0], rtol=1e-9)
        assert trial.log.validation_loss[-1] == pytest.approx(record.test_loss[0, 0, -1], rel=1e-9)


def test_a_run_of_our_engine_that_is_stopped_is_no_trial(tmp_path):
    def stop(done, total, record):
        return done > 10

    train = reference_train(Quadratic([1.0]), "sgd", schedules.constant(1.0), on_step=stop)
    with pytest.raises(KeyboardInterrupt, match="stopped before the trial was complete"):
        search(train, folder=tmp_path)
    assert list(tmp_path.glob("*.npz")) == []


def test_diverged_evaluations_of_our_engine_are_inf():
    log = reference_train(Quadratic([1.0]), "sgd", schedules.constant(1.0), evaluate_every=300)(9.0, 0, 600)
    assert np.flatnonzero(~np.isnan(log.validation_loss)).tolist() == [0, 300, 599]
    assert log.validation_loss[-1] == np.inf


def test_a_user_s_pytorch_loop(tmp_path):
    """Digits, one hidden layer; the rate of each step is set as a user would set it."""
    torch = pytest.importorskip("torch")
    digits = load_digits()
    images, labels = torch.tensor(digits.train_images), torch.tensor(digits.train_labels)

    def train(rate, warmup_steps, steps):
        torch.manual_seed(0)
        sizes = [torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)]
        model = torch.nn.Sequential(*sizes).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
        log = {"loss": [], "gradient_norm": [], "learning_rate": []}
        for t in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, t / warmup_steps if warmup_steps else 1)
            rows = torch.randint(len(images), (64,))
            loss = torch.nn.functional.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), torch.inf)
            optimizer.step()
            log["loss"].append(loss.item())
            log["gradient_norm"].append(norm.item())
            log["learning_rate"].append(optimizer.param_groups[0]["lr"])
        return log

    options = {"factor": 1, "folder": tmp_path, "progress": False}
    found = find_warmup(train, 0.1, 0.05, 200, **options)
    assert found.trials[0].log.learning_rate[[0, 5, 10]] == pytest.approx([0, 0.05, 0.1])
    assert found.warmup_steps == 10
    again = find_warmup(refuse_to_train, 0.1, 0.05, 200, **options)
    assert again.as_dict() == found.as_dict()


# --- Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unstable_base_learning_rate": 0}, "unstable_base_learning_rate must be a finite number above 0"),
        ({"unstable_base_learning_rate": "fast"}, "unstable_base_learning_rate must be a finite number"),
        ({"unstable_base_learning_rate": [0.1, 0.2]}, "unstable_base_learning_rate must be a finite number"),
        ({"baseline_rate": np.nan}, "baseline_rate must be a finite number above 0, but nan came"),
        ({"baseline_rate": -1}, "baseline_rate must be a finite number above 0, but -1 came"),
        ({"max_train_steps": 0}, "max_train_steps must be a whole number of at least 1"),
        ({"max_train_steps": 9}, "max_train_steps must be a whole number of at least 10"),
        ({"max_train_steps": 100.0}, "max_train_steps must be a whole number"),
        ({"factor": 0.5}, "factor must be at least 1, but 0.5 came"),
        ({"factor": np.inf}, "factor must be a finite number above 0"),
        ({"warmup_steps": []}, "warmup_steps must be a list of at least one whole number"),
        ({"warmup_steps": 10}, "warmup_steps must be a list of at least one whole number"),
        ({"warmup_steps": [10, 0]}, "warmup_steps must be a whole number of at least 1, but 0 came"),
        ({"warmup_steps": "10"}, "warmup_steps must be a whole number of at least 1, but '1' came"),
        ({"post_warmup_steps": 0}, "post_warmup_steps must be a finite number above 0"),
        (
            {"post_warmup_steps": lambda w: -w},
            r"post_warmup_steps\(10\) must be a whole number of at least 1",
        ),
        ({"jobs": 0}, "jobs must be a whole number of at least 1, or -1"),
        ({"jobs": -2}, "jobs must be a whole number of at least 1, or -1"),
        ({"jobs": True}, "jobs must be a whole number of at least 1, or -1"),
        ({"folder": 3}, "folder must be a path of a folder, or None, but 3 came"),
        ({"folder": __file__}, "folder must be a path of a folder, or None"),
        ({"label": None}, "label must be a string, but None came"),
        ({"train": "mine"}, r"train must be a function train\(rate, warmup_steps, steps\), but 'mine' came"),
        ({"train": lambda *_: None}, "loss must be a list of numbers, but None came"),
        (
            {"train": lambda *_: np.ones(102)},
            "the log of train must be of at most 100 steps, warmup included",
        ),
    ],
)
def test_refusals_name_the_argument(options, message):
    arguments = {"unstable_base_learning_rate": 0.2, "baseline_rate": 0.1, "max_train_steps": 100}
    arguments |= {"train": needs_warmup(), "progress": False} | options
    with pytest.raises(ValueError, match=f"^{message}"):
        find_warmup(**arguments)


@pytest.mark.parametrize("evaluate_every", [0, 1.5, None])
def test_our_engine_s_train_is_checked_when_it_is_made(evaluate_every):
    with pytest.raises(ValueError, match="evaluate_every must be a whole number of at least 1"):
        reference_train(Quadratic([1.0]), "sgd", schedules.constant(1.0), evaluate_every=evaluate_every)
    with pytest.raises(ValueError, match="schedule must be"):
        reference_train(Quadratic([1.0]), "sgd", 0.1)
