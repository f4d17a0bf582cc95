"""The report of one or several runs: from any source, in words, as JSON and as HTML.

The clauses D1–D3, D7, D9 and X1–X6.
"""

import base64
import builtins
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from claims import nearly_all
from PIL import Image

from stability_ref import recipes
from stability_ref.diagnosis import Log, diagnose
from stability_ref.diagnosis.report import MOST_OUTLIERS
from stability_ref.training import run

NAN, INF = np.nan, np.inf
STEPS = np.arange(400)
SAFE = 2.3 * np.exp(-STEPS / 80) + 0.2
BLOW_UP = SAFE + 30 * (abs(STEPS - 9) < 6)
SPIKE = np.where((STEPS >= 200) & (STEPS < 210), 5.0, SAFE)
CSV = "step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in enumerate(BLOW_UP))
HOSTILE = (
    '"><img onerror=x>',
    "</p><script>alert(1)</script>",
    "' onload='x",
    "&amp;",
    "$\\frac$",
    "_hidden",
    "",
)


def verdicts(report):
    return [(run.log.name, run.finding.verdict) for run in report.runs]


EARLY, MID = "unstable early", "unstable in mid training"

# The doors


@pytest.fixture
def sources(tmp_path):
    """The same run with an early blow-up, in each form that one run may have."""
    path = tmp_path / "metrics.csv"
    path.write_text(CSV)
    return {
        "an array": BLOW_UP,
        "a list": BLOW_UP.tolist(),
        "a tuple": tuple(BLOW_UP.tolist()),
        "a list of NumPy's numbers": list(BLOW_UP),
        "float32": BLOW_UP.astype(np.float32),
        "a Log": Log(BLOW_UP),
        "a mapping": {"loss": BLOW_UP, "step": STEPS},
        "a path": path,
        "a path as text": str(path),
        "a list of one path": [path],
        "a mapping of one run": {"run": BLOW_UP},
        "a table of one row": BLOW_UP[None],
    }


def test_one_run_in_any_form(sources):
    for name, source in sources.items():
        report = diagnose(source)
        (one,) = report.runs
        found = (one.finding.verdict, one.finding.since, one.finding.back_at)
        assert found == (EARLY, 4, 15), name
        assert report.first_fix.clause == "X1", name
        assert report.unstable
        assert report.sweep is None


def test_tensors():
    torch = pytest.importorskip("torch")
    expected = diagnose(BLOW_UP).text()
    assert diagnose(torch.tensor(BLOW_UP)).text() == expected
    assert diagnose([torch.tensor(loss) for loss in BLOW_UP]).text() == expected
    table = torch.tensor(np.array([SAFE, SPIKE]))
    assert verdicts(diagnose(table)) == [("run 1", "stable"), ("run 2", MID)]
    assert verdicts(diagnose([table[0], table[1]])) == [("run 1", "stable"), ("run 2", MID)]
    with pytest.raises(ValueError, match="loss must be a list of numbers"):
        diagnose(torch.tensor(BLOW_UP, requires_grad=True))


def test_several_runs_in_any_form(tmp_path):
    path = tmp_path / "early.csv"
    path.write_text(CSV)
    expected = [("run 1", "stable"), ("run 2", MID)]
    assert verdicts(diagnose(np.array([SAFE, SPIKE]))) == expected
    assert verdicts(diagnose([SAFE, SPIKE])) == expected
    assert verdicts(diagnose((SAFE.tolist(), {"loss": SPIKE}))) == expected
    assert verdicts(diagnose({"a": SAFE, 2: SPIKE})) == [("a", "stable"), ("2", MID)]
    mixed = diagnose({"logs": [Log(SPIKE, name="mine"), SAFE], "a file": path, "bare": SAFE})
    assert verdicts(mixed) == [("mine", MID), ("logs 2", "stable"), ("a file", EARLY), ("bare", "stable")]


def test_runs_are_called_what_the_caller_calls_them():
    assert verdicts(diagnose({"a": Log(SAFE), "b": Log(SPIKE, name="x")})) == [("a", "stable"), ("b", MID)]
    assert verdicts(diagnose([Log(SAFE), Log(SPIKE)])) == [("run 1", "stable"), ("run 2", MID)]
    assert verdicts(diagnose([Log(SAFE, name="x"), Log(SPIKE)])) == [("x", "stable"), ("run", MID)]
    twins = [Log(SAFE, name="x"), Log(SAFE, name="y"), Log(SPIKE, name="x")]
    assert [name for name, _ in verdicts(diagnose(twins))] == ["x 1", "y", "x 3"]
    assert verdicts(diagnose(Log(SAFE))) == [("run", "stable")]


def test_numbers_beside_the_loss():
    order = np.random.default_rng(0).permutation(400)
    beside = {"gradient_norm": BLOW_UP + 1, "learning_rate": np.full(400, 0.1), "validation_loss": SAFE}
    report = diagnose(BLOW_UP[order], step=order, **{name: each[order] for name, each in beside.items()})
    (one,) = report.runs
    assert one.finding.since == 4
    for name, values in beside.items():
        np.testing.assert_array_equal(getattr(one.log, name), values)
    assert "  - steps were out of order and have been sorted" in report.text().splitlines()


REFUSED = {
    "nothing": ([], {}, "loss must be at least one number"),
    "no runs": ({}, {}, "source must be at least one run"),
    "a table without rows": (np.zeros((0, 9)), {}, "source must be at least one run"),
    "a table without columns": (np.zeros((2, 0)), {}, "loss must be at least one number"),
    "three dimensions": (np.zeros((2, 3, 4)), {}, "loss must be a list of numbers"),
    "None": (None, {}, "loss must be a list of numbers, but None came"),
    "a generator": ((x for x in "ab"), {}, "loss must be a list of numbers"),
    "a run and a number": ([Log(SAFE), 3.0], {}, "loss must be a list of numbers"),
    "an unknown column": ({"loss": SAFE, "lr": SAFE}, {}, "a column of a log must be one of"),
    "no such file": ("missing.csv", {}, None),
    "norms of another length": (SAFE, {"gradient_norm": [1.0]}, "gradient_norm must be 400 numbers"),
    "norms of several runs": ([SAFE, SAFE], {"gradient_norm": SAFE}, "loss must be a list of numbers"),
    "norms of a Log": (Log(SAFE), {"gradient_norm": SAFE}, "loss must be a list of numbers"),
    "a threshold without norms": (
        SAFE,
        {"clip_threshold": 1.0},
        "clip_threshold must be given with gradient",
    ),
    **{
        f"a threshold {value}": (
            Log(SAFE, gradient_norm=SAFE),
            {"clip_threshold": value},
            "clip_threshold must",
        )
        for value in (0, -1.0, NAN, INF, "1", True, [1.0])
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    source, options, message = REFUSED[name]
    with pytest.raises((ValueError, FileNotFoundError), match=message or "missing.csv does not exist"):
        diagnose(source, **options)


def test_a_data_frame_is_not_taken_for_runs():
    class Frame:
        """As pandas's: two dimensions, and iteration goes over the columns' names."""

        ndim = 2
        keys = staticmethod(lambda: ["loss"])
        __iter__ = staticmethod(lambda: iter(["loss"]))

    with pytest.raises(ValueError, match="loss must be a list of numbers"):
        diagnose(Frame())


# What it says


def test_what_to_try_first():
    assert diagnose(BLOW_UP).first_fix.clause == "X1"
    assert diagnose(SPIKE).first_fix.clause == "X2"
    ramp = np.minimum(STEPS / 100, 1)
    assert diagnose(SPIKE, learning_rate=ramp).first_fix.name == "a longer warmup"
    assert diagnose(SAFE).first_fix is None


@pytest.mark.parametrize("runs", [[BLOW_UP, BLOW_UP], [SPIKE, BLOW_UP, SPIKE], [SAFE, SPIKE, SPIKE, SAFE]])
def test_several_unstable_runs_have_one_first_fix(runs):
    lines = diagnose(runs).text().splitlines()
    (first,) = [line for line in lines if line.startswith("Try first: ")]
    (then,) = [line for line in lines if line.startswith("Then, in the playbook's order: ")]
    clauses = re.findall(r"\((X\d)\)", first + then)
    assert sorted(clauses) == ["X1", "X2", "X3", "X4", "X5", "X6"]


def test_the_lowest_unstable_rate_decides():
    runs = [Log(loss, learning_rate=np.full(400, rate)) for loss, rate in ((BLOW_UP, 0.4), (SPIKE, 0.2))]
    report = diagnose(runs)
    assert [run.finding.verdict for run in report.runs] == [MID, EARLY]
    assert report.first_fix.clause == "X2"


def test_what_to_do_next_is_said_once():
    assert diagnose([SAFE, SAFE]).text().count("Next: ") == 1
    assert diagnose([SAFE, SAFE[:9]]).text().count("Next: ") == 2


SAID = {
    "stable": SAFE,
    "early": BLOW_UP,
    "mid": SPIKE,
    "harmed": np.where(STEPS < 200, SAFE, 9),
    "short": SAFE[:9],
    "one": SAFE[:1],
    "all NaN": np.full(400, NAN),
    "NaN first": np.where(STEPS < 2, NAN, SAFE),
    "NaN later": np.where(STEPS < 200, SAFE, NAN),
    "inf": np.full(400, INF),
    "zeros": np.zeros(400),
    "huge": np.full(400, 1e308),
}


@pytest.mark.parametrize("norm", [None, 0.0, 1.0, NAN, INF, 1e308])
@pytest.mark.parametrize("name", SAID)
def test_texts_are_for_people_and_json_for_programs(name, norm):
    loss = SAID[name]
    norms = None if norm is None else np.full(len(loss), norm)
    options = {} if norm is None else {"clip_threshold": 1.0}
    report = diagnose(loss, gradient_norm=norms, learning_rate=np.full(len(loss), 0.1), **options)
    text = report.text()
    assert not re.search(r"nan|None|np\.|array|float64|\binf\b|\(\)", text)
    assert str(report) == text
    parsed = json.loads(report.json(), parse_constant=pytest.fail)
    assert parsed == report.as_dict()
    assert not re.search(r"NaN|Infinity|np\.", report.json())


KEYS = {"name", "entries", "verdict", "unstable", "since", "back_at", "harmed", "evidence", "notes"}
KEYS |= {"gradient_norm", "fixes"}
NORM_KEYS = {"typical", "outlier_count", "outliers", "threshold", "clipped", "advice"}
FIX_KEYS = {"clause", "name", "what", "lesson"}


def test_the_keys_of_the_json_are_a_promise():
    assert set(diagnose(SAFE).as_dict()) == {"runs", "sweep", "first_fix"}
    (stable,) = diagnose(SAFE).as_dict()["runs"]
    assert set(stable) == KEYS
    assert stable["gradient_norm"] is stable["since"] is stable["back_at"] is stable["harmed"] is None
    assert stable["fixes"] == []
    report = diagnose(BLOW_UP, gradient_norm=BLOW_UP).as_dict()
    (early,) = report["runs"]
    assert set(early) == KEYS
    assert set(early["gradient_norm"]) == NORM_KEYS
    assert all(set(fix) == FIX_KEYS for fix in early["fixes"])
    assert report["first_fix"] == early["fixes"][0]


@pytest.mark.parametrize("outliers", [0, 3, MOST_OUTLIERS, MOST_OUTLIERS + 1])
def test_of_many_outliers_the_first_are_listed_and_all_counted(outliers):
    norms = np.where(np.arange(3000) < outliers, NAN, 1.0)
    (one,) = diagnose(np.ones(3000), gradient_norm=norms).as_dict()["runs"]
    said = one["gradient_norm"]
    assert said["outlier_count"] == outliers
    assert said["outliers"] == list(range(min(outliers, MOST_OUTLIERS)))


# A sweep of our own


@pytest.fixture(scope="module")
def sweeps(seeds):
    """Figure 4's ten rates, for both nets and every seed."""
    records = {
        name: run(net(np.float32), "momentum", recipes.baseline(recipes.RATES), recipes.STEPS, seeds=seeds)
        for name, net in recipes.NETS.items()
    }
    return {
        name: [
            diagnose([Log(loss, learning_rate=rate) for loss, rate in zip(losses, record.rate, strict=True)])
            for losses in record.loss
        ]
        for name, record in records.items()
    }


def test_the_sick_twin_breaks_at_lower_rates(sweeps):
    pairs = list(zip(sweeps["standard net"], sweeps["sick twin"], strict=True))
    for standard, sick in pairs:
        assert sick.sweep.unstable.sum() > standard.sweep.unstable.sum()
        assert sick.sweep.feasible.sum() <= standard.sweep.feasible.sum()
        assert (sick.first_fix is not None) == sick.sweep.held_back
    assert nearly_all([sick.sweep.best < standard.sweep.best for standard, sick in pairs])
    fixes = [sick.first_fix.name if sick.first_fix else "none" for _, sick in pairs]
    assert nearly_all([fix == "warmup" for fix in fixes])


@pytest.mark.parametrize("net", recipes.NETS)
def test_the_sentences_of_a_sweep_are_true(sweeps, net):
    for report in sweeps[net]:
        sweep, sentences = report.sweep, report.sweep.sentences
        rates = sweep.rates
        best = rates[np.where(sweep.feasible, sweep.results, INF).argmin()]
        assert sweep.best == best
        assert sweep.measure == "final training loss"
        assert sentences[0] == f"{best:.3g} has the lowest final training loss (D1)"
        above = (rates > best) & (rates <= np.sort(rates[rates > best])[:3].max())
        seen = f"{sweep.unstable[above].sum()} of {above.sum()} show loss instability (D2, D3)"
        assert sentences[1].endswith(seen)
        if sweep.feasible.all():
            assert sentences[2] == "every rate is feasible: the edge was not reached (D7)"
        else:
            assert sentences[2].startswith(
                f"{(~sweep.feasible).sum()} of 10 rates are infeasible; the best is "
            )
            assert (" not at the edge" not in sentences[2]) == sweep.at_the_edge
        assert (len(sentences) == 4) == sweep.unstable.any()
        if sweep.unstable.any():
            assert sentences[3].endswith("(D3, D9)" if sweep.held_back else "(D9)")
        assert (report.first_fix is not None) == sweep.held_back
        assert [run.log.learning_rate.max() for run in report.runs] == sorted(rates)


def test_runs_are_sorted_by_rate_however_they_come(sweeps):
    runs = [run.log for run in sweeps["sick twin"][0].runs]
    assert diagnose(runs[::-1]).as_dict()["sweep"] == sweeps["sick twin"][0].as_dict()["sweep"]


def by_hand(unstable_from, best=4):
    """Ten rates of factor 2; the losses blow up from one on, in the beginning, and stay up."""
    logs = []
    for number in range(10):
        final = 0.2 + 0.1 * abs(number - best)
        loss = np.where(STEPS < 4, 2.3, final + (2.3 - final) * np.exp(-STEPS / 30))
        loss = np.where(STEPS >= 4, 50.0, loss) if number >= unstable_from else loss
        logs.append(Log(loss, learning_rate=np.full(400, 0.01 * 2**number), name=f"rate {number}"))
    return diagnose(logs)


def test_held_back_where_instability_begins_next_to_the_best_rate():
    report = by_hand(unstable_from=5)
    assert report.sweep.held_back
    assert report.sweep.at_the_edge
    assert report.first_fix.clause == "X1"
    assert "3 of 3 show loss instability (D2, D3)" in report.text()
    assert "instability forces too small a learning rate" in report.text()


def test_instability_far_above_the_best_rate_asks_for_no_fix():
    report = by_hand(unstable_from=8)
    assert not report.sweep.held_back
    assert report.unstable
    assert report.first_fix is None
    assert "instability begins at 16 times the best rate" in report.text()
    assert "Try first" not in report.text()


def test_a_sweep_that_ends_at_its_best():
    report = by_hand(unstable_from=99, best=9)
    assert (
        "it is the highest rate of the sweep: the sweep should reach further (D2)" in report.sweep.sentences
    )
    assert "every rate is feasible: the edge was not reached (D7)" in report.sweep.sentences


@pytest.mark.parametrize("rates", [(0.1, 0.2), (0.1, 0.1, 0.2), (0.0, 0.1, 0.2), (NAN, 0.1, 0.2)])
def test_what_is_no_sweep(rates):
    logs = [Log(SAFE, learning_rate=np.full(400, rate)) for rate in rates]
    assert diagnose(logs).sweep is None


def test_a_sweep_in_which_nothing_trained_is_none():
    logs = [
        Log(np.full(60, loss), learning_rate=np.full(60, rate))
        for rate, loss in ((1, NAN), (2, INF), (3, NAN))
    ]
    assert diagnose(logs).sweep is None


def test_validation_decides_where_every_run_has_it():
    losses = {0.1: 0.9, 0.2: 0.5, 0.4: 0.7}
    logs = [
        Log(SAFE, learning_rate=np.full(400, rate), validation_loss=np.where(STEPS == 300, loss, NAN))
        for rate, loss in losses.items()
    ]
    assert (diagnose(logs).sweep.best, diagnose(logs).sweep.measure) == (0.2, "final validation loss")
    without = [*logs[:2], Log(SAFE, learning_rate=np.full(400, 0.4))]
    assert diagnose(without).sweep.measure == "final training loss"


def test_the_json_of_a_sweep_with_results_that_are_not_finite():
    report = by_hand(unstable_from=8)
    logs = [run.log for run in report.runs]
    logs[9] = Log(np.where(STEPS < 9, 2.3, NAN), learning_rate=logs[9].learning_rate)
    sweep = json.loads(diagnose(logs).json(), parse_constant=pytest.fail)["sweep"]
    assert sweep["results"][9] is None
    assert sweep["feasible"] == [True] * 8 + [False] * 2


# HTML


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.seen, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text_in_html(name):
    report = diagnose(
        [Log(loss, gradient_norm=loss, name=name + end) for end, loss in (("", BLOW_UP), ("2", SAFE))]
    )
    html = Tags(report._repr_html_())
    assert {tag for tag, _ in html.seen} == {"div", "p", "b", "li", "img"}
    (image,) = [attributes for tag, attributes in html.seen if tag == "img"]
    assert set(image) == {"alt", "src"}
    assert image["alt"] == "; ".join(f"{run.log.name}: {run.headline}" for run in report.runs)
    assert f"{name}2: stable" in "".join(html.text)


def test_hostile_notes_stay_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("step,train_loss,<script>loss\n0,1,2\n1,1,2\n")
    html = Tags(diagnose(path)._repr_html_())
    assert "script" not in {tag for tag, _ in html.seen}


def test_the_picture_is_a_png():
    (image,) = [attributes for tag, attributes in Tags(diagnose(SPIKE)._repr_html_()).seen if tag == "img"]
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as png:
        png.load()
        assert png.format == "PNG"
        assert min(png.size) > 100


def test_without_matplotlib_the_html_is_the_text(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith(("matplotlib", "stability_ref.diagnosis_figures")):
            raise ImportError(name)
        return real(name, *arguments, **options)

    report = diagnose(SPIKE)
    expected = [line.removeprefix("  - ") for line in report.text().splitlines()]
    monkeypatch.setattr(builtins, "__import__", without)
    html = Tags(report._repr_html_())
    assert "img" not in {tag for tag, _ in html.seen}
    assert [text for text in html.text if text.strip()] == expected
