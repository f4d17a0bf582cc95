"""Files as loggers write them, good and bad, and the Logs that come of them."""

import csv
import gzip
import io
import json
import random
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stability_ref.diagnosis.reading.columns import choose
from stability_ref.diagnosis.reading.logs import read_logs

NAN, INF = np.nan, np.inf
FIELDS = ("step", "loss", "gradient_norm", "learning_rate", "validation_loss")
CUT_OFF = "the last line is cut off"


@pytest.fixture
def read(tmp_path):
    """What is read from a file of this content, under this name."""

    def read(content, name="metrics.csv", **columns):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_logs(path, columns=columns or None)

    return read


def assert_log(log, **expected):
    """Each field as it is written here; those that are not must not be there."""
    for field in FIELDS:
        value = getattr(log, field)
        if field in expected:
            np.testing.assert_array_equal(value, expected[field], err_msg=field)
        elif field != "step":
            assert value is None, field


# Good files

TWO_LOSSES = {"step": [0, 10], "loss": [2.5, 1.5]}

CSV = {
    "plain": ("step,loss\n0,2.5\n10,1.5\n", TWO_LOSSES),
    "no end of the last line": ("step,loss\n0,2.5\n10,1.5", TWO_LOSSES),
    "CRLF": ("step,loss\r\n0,2.5\r\n10,1.5\r\n", TWO_LOSSES),
    "CR alone": ("step,loss\r0,2.5\r10,1.5\r", TWO_LOSSES),
    "tabs": ("step\tloss\n0\t2.5\n10\t1.5\n", TWO_LOSSES),
    "semicolons": ("step;loss\n0;2.5\n10;1.5\n", TWO_LOSSES),
    "decimal commas": ("step;loss\n0;2,5\n10;1,5e0\n", TWO_LOSSES),
    "decimal commas, one column": ("loss\n2,5\n1,5\n", {"step": [0, 1], "loss": [2.5, 1.5]}),
    "decimal commas, tabs": ("step\tloss\n0\t2,5\n10\t1,5\n", TWO_LOSSES),
    "UTF-8 with a mark": ("\ufeffstep,loss\n0,2.5\n10,1.5\n", TWO_LOSSES),
    "UTF-16": ("step,loss\n0,2.5\n10,1.5\n".encode("utf-16"), TWO_LOSSES),
    "UTF-16, big end": (
        b"\xfe\xff" + "step,loss\n0,2.5\n10,1.5\n".encode("utf-16-be"),
        TWO_LOSSES,
    ),
    "gzip": (gzip.compress(b"step,loss\n0,2.5\n10,1.5\n"), TWO_LOSSES),
    "quotes": ('"step","loss","a ""b"", c"\n0,"2.5","x,\ny"\n10,1.5,\n', TWO_LOSSES),
    "a cell of several lines at the end": ('step,loss,a\n0,2.5,\n10,1.5,"b\nc"', TWO_LOSSES),
    "comments and empty lines": (
        '# it is "so\n\nstep,loss\n0,2.5\n#5,"9\n\n10,1.5\n\n',
        TWO_LOSSES,
    ),
    "lines of blanks": ("step,loss\n0,2.5\n  \n10,1.5\n\t", TWO_LOSSES),
    "spaces": (" step , loss \n0 , 2.5\n10 , 1.5 \n", TWO_LOSSES),
    "a comma at the end of each line": ("step,loss\n0,2.5,\n10,1.5,\n", TWO_LOSSES),
    "whole steps written as floats": ("step,loss\n0.0,2.5\n1e1,1.5\n", TWO_LOSSES),
    "other columns of text": ("host,step,loss\na,0,2.5\nb,10,1.5\n", TWO_LOSSES),
    "an index of pandas": (",step,loss\n0,0,2.5\n1,10,1.5\n", TWO_LOSSES),
    "a column twice that is not needed": ("a,step,a,loss\n1,0,x,2.5\n", {"step": [0], "loss": [2.5]}),
    "a header again after a restart": ("step,loss\n0,2.5\nstep,loss\n10,1.5\n", TWO_LOSSES),
    "no steps": (
        "loss,lr\n2.5,0.1\n,0.2\n1.5,0.3\n",
        {"step": [0, 1], "loss": [2.5, 1.5], "learning_rate": [0.2, 0.3]},
    ),
    "diverged": (
        "step,loss,val_loss,grad_norm\n0,inf,NaN,nan\n1,nan,-inf,Infinity\n2,-Infinity,1,3\n3,NaN,,\n",
        {
            "step": [0, 1, 2, 3],
            "loss": [INF, NAN, -INF, NAN],
            "validation_loss": [INF, -INF, 1, NAN],
            "gradient_norm": [NAN, INF, 3, NAN],
        },
    ),
    "not logged": ("step,loss\n0,\n1,null\n2,None\n3,2.5\n4, \n", {"step": [3], "loss": [2.5]}),
    "Lightning": (
        "epoch,step,train_loss,val_loss\n0,49,2.5,\n0,99,1.5,\n0,99,,2.0\n1,149,1.0,\n1,199,,1.9\n",
        {"step": [49, 99, 149], "loss": [2.5, 1.5, 1.0], "validation_loss": [NAN, 2.0, 1.9]},
    ),
    "Lightning with its rates": (
        "epoch,lr-AdamW,step,train_loss\n,0.1,0,\n0,,49,2.5\n,0.2,50,\n0,,99,1.5\n",
        {"step": [49, 99], "loss": [2.5, 1.5], "learning_rate": [0.2, NAN]},
    ),
    "Keras": (
        "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,2.5,0.4,2.6\n1,0.7,1.5,0.6,1.8\n",
        {"step": [0, 1], "loss": [2.5, 1.5], "validation_loss": [2.6, 1.8]},
    ),
    "W&B's history": (
        "_step,_runtime,_timestamp,train/loss,grad_norm\n0,1.5,1.7e9,2.5,3.0\n1,1.6,1.7e9,,4.0\n2,2,2e9,1.5,5\n",
        {"step": [0, 2], "loss": [2.5, 1.5], "gradient_norm": [3, 5]},
    ),
}


@pytest.mark.parametrize("kind", CSV)
def test_tables(read, kind):
    content, expected = CSV[kind]
    [log] = read(content)
    assert log.name == "metrics"
    assert log.notes == ()
    assert_log(log, **expected)


def test_a_mark_of_the_encoding_is_no_part_of_a_name(read):
    [log] = read("\ufeffa,b\n2.5,0\n1.5,10\n", loss="a", step="b")
    assert_log(log, **TWO_LOSSES)


def test_a_gzip_file_gives_the_name_without_its_ending(read):
    [log] = read(gzip.compress(b"loss\n1\n"), "run.3.csv.gz")
    assert log.name == "run.3"


@pytest.mark.parametrize(
    ("content", "expected", "read_as"),
    [
        ("2.5\n1.5\n", {"step": [0, 1], "loss": [2.5, 1.5]}, "read as loss"),
        ("2.5\n", {"step": [0], "loss": [2.5]}, "read as loss"),
        ("0,2.5\n10,nan\n", {"step": [0, 10], "loss": [2.5, NAN]}, "read as step and loss"),
        ("# written by savetxt\n0;2,5\n10;1,5\n", TWO_LOSSES, "read as step and loss"),
    ],
)
def test_without_a_header(read, content, expected, read_as):
    [log] = read(content)
    assert_log(log, **expected)
    assert log.notes == (f"there is no header, so the columns were {read_as}",)


MERGED = {
    "restart": (
        "step,loss,lr\n0,3,1\n1,2,2\n2,9,3\n1,2.5,4\n2,1,5\n",
        {"step": [0, 1, 2], "loss": [3, 2.5, 1], "learning_rate": [1, 4, 5]},
    ),
    "an evaluation joins the loss before it": (
        "step,loss,val_loss\n0,3,\n5,2,\n9,,4\n10,1,\n",
        {"step": [0, 5, 10], "loss": [3, 2, 1], "validation_loss": [NAN, 4, NAN]},
    ),
    "an evaluation before the first loss": (
        "step,loss,val_loss\n0,,5\n1,3,\n2,2,\n",
        {"step": [1, 2], "loss": [3, 2], "validation_loss": [5, NAN]},
    ),
    "the loss's own step comes before an earlier evaluation": (
        "step,loss,val_loss\n0,,5\n1,3,4\n2,2,\n",
        {"step": [1, 2], "loss": [3, 2], "validation_loss": [4, NAN]},
    ),
    "of several evaluations the latest": (
        "step,loss,val_loss\n0,3,5\n1,,4\n2,,3\n3,2,\n",
        {"step": [0, 3], "loss": [3, 2], "validation_loss": [3, NAN]},
    ),
    "of several norms the nearest": (
        "step,loss,grad_norm\n0,3,5\n1,,4\n3,2,\n4,,2\n5,,1\n",
        {"step": [0, 3], "loss": [3, 2], "gradient_norm": [5, 2]},
    ),
    "an evaluation without a step of its own": (
        "step,loss,val_loss\n0,3,\n5,2,\n,,4\n",
        {"step": [0, 5], "loss": [3, 2], "validation_loss": [NAN, 4]},
    ),
    "an evaluation that is NaN after one that is not": (
        "step,loss,val_loss\n0,3,2\n1,,nan\n",
        {"loss": [3], "validation_loss": [INF]},
    ),
}


@pytest.mark.parametrize("kind", MERGED)
def test_rows_are_merged(read, kind):
    content, expected = MERGED[kind]
    [log] = read(content)
    assert_log(log, **expected)


def test_what_merging_tells(read):
    [log] = read(MERGED["restart"][0])
    assert "steps were out of order and have been sorted" in log.notes
    assert "2 entries came twice for their step; the later one was kept" in log.notes
    [log] = read(MERGED["of several evaluations the latest"][0])
    assert any("2 were left out" in note for note in log.notes)


def test_epochs_with_several_entries_are_not_steps(read):
    [log] = read("epoch,loss\n0,3\n0,2\n1,1\n")
    assert log.step.tolist() == [0, 1, 2]
    assert any("counted" in note for note in log.notes)
    [log] = read("epoch,loss\n0.5,3\n1.0,2\n")
    assert log.step.tolist() == [0, 1]
    [log] = read("epoch,loss\n0,3\n0,2\n1,1\n", step="epoch")
    assert (log.step.tolist(), log.loss.tolist()) == ([0, 1], [2, 1])


def test_runs_in_long_form(read):
    content = "run,step,loss,learning_rate\na,0,3,0.1\nb,0,4,0.2\na,1,2,0.1\nb,1,nan,0.2\nc,0,,1\n"
    a, b = read(content)
    assert (a.name, b.name) == ("a", "b")
    assert_log(a, step=[0, 1], loss=[3, 2], learning_rate=[0.1, 0.1])
    assert_log(b, step=[0, 1], loss=[4, NAN], learning_rate=[0.2, 0.2])
    assert any("without a training loss: c" in note for note in a.notes)
    by_rate = read(content, run="learning_rate", learning_rate="learning_rate")
    assert [log.name for log in by_rate] == ["0.1", "0.2"]


def test_runs_without_steps_are_counted_each_for_itself(read):
    a, b = read("trial,loss\n1,3\n2,4\n1,2\n2,5\n2,6\n")
    assert (a.name, a.step.tolist(), a.loss.tolist()) == ("1", [0, 1], [3, 2])
    assert (b.name, b.step.tolist(), b.loss.tolist()) == ("2", [0, 1, 2], [4, 5, 6])


CHART = (
    '"Step","big - a - train/loss","big - a - train/loss__MIN","big - a - train/loss__MAX",'
    '"lr=1,0 - train/loss","lr=1,0 - train/loss__MIN","lr=1,0 - train/loss__MAX"\n'
    '"0","3","2.9","3.1","4","4","4"\n"1","2","2","2","","",""\n"2","","","","NaN","NaN","NaN"\n'
)


def test_a_chart_exported_by_wandb(read):
    a, b = read(CHART)
    assert (a.name, b.name) == ("big - a", "lr=1,0")
    assert_log(a, step=[0, 1], loss=[3, 2])
    assert_log(b, step=[0, 2], loss=[4, NAN])
    assert a.notes == b.notes == ()


def test_a_chart_without_bounds_with_several_quantities(read):
    header = "trainer/global_step,a - train/loss,a - val/loss,a - _step,b - val/loss\n"
    [log] = read(header + "5,3,,1,2\n10,2,2.5,2,1\n")
    assert log.name == "a"
    assert_log(log, step=[5, 10], loss=[3, 2], validation_loss=[NAN, 2.5])
    assert any("without a training loss: b" in note for note in log.notes)


def test_a_column_of_a_chart_can_be_named(read):
    assert [log.name for log in read(CHART, loss="train/loss")] == ["big - a", "lr=1,0"]
    [log] = read(CHART, loss="big - a - train/loss")
    assert log.name == "big - a"
    with pytest.raises(ValueError, match=r"no column 'b - train/loss' for the loss; there are 'train/loss'"):
        read(CHART, loss="b - train/loss")


JSON = {
    "lines": '{"step": 0, "loss": 2.5}\n{"step": 10, "loss": 1.5}\n',
    "a list": '[{"step": 0, "loss": 2.5},\n {"step": 10, "loss": 1.5}]',
    "keys of keys": '{"step": 0, "train": {"loss": 2.5}}\n\n{"step": 10, "train": {"loss": 1.5}}\n',
    "text beside it": '{"step": 0, "loss": "2.5", "h": [1], "loss_kind": "a"}\n{"step": 10.0, "loss": 1.5}',
    "the Trainer's state": json.dumps(
        {"best": None, "log_history": [{"step": 0, "loss": 2.5}, {"step": 10, "loss": 1.5, "epoch": 1.0}]},
        indent=2,
    ),
    "the Trainer's state in a line": '{"log_history": [{"step": 0, "loss": 2.5}, {"step": 10, "loss": 1.5}]}',
}


@pytest.mark.parametrize("kind", JSON)
def test_json(read, kind):
    [log] = read(JSON[kind], "log.json")
    assert_log(log, **TWO_LOSSES)
    assert log.notes == ()


def test_json_as_wandb_scans_it(read):
    rows = [
        {"_step": 0, "train/loss": 3.0, "grad_norm": 1.0, "_timestamp": 1.7e9},
        {"_step": 1, "train/loss": "NaN", "grad_norm": "Infinity", "images": {"_type": "image-file"}},
        {"_step": 2, "val/loss": NAN, "train/loss": None},
    ]
    [log] = read("\n".join(map(json.dumps, rows)) + "\n", "history.jsonl")
    assert_log(log, step=[0, 1], loss=[3, NAN], gradient_norm=[1, INF], validation_loss=[NAN, INF])


def test_the_trainer_s_last_line_is_not_the_loss(read):
    history = [
        {"epoch": 0.5, "grad_norm": 2.0, "learning_rate": 1e-3, "loss": 3.0, "step": 10},
        {"epoch": 1.0, "grad_norm": 1.0, "learning_rate": 0.0, "loss": 2.0, "step": 20},
        {"epoch": 1.0, "eval_loss": 2.5, "eval_runtime": 1.0, "step": 20},
        {"epoch": 1.0, "step": 20, "total_flos": 1e9, "train_loss": 2.5, "train_runtime": 9.0},
    ]
    [log] = read(json.dumps({"log_history": history}), "trainer_state.json")
    rest = {"gradient_norm": [2, 1], "learning_rate": [1e-3, 0], "validation_loss": [NAN, 2.5]}
    assert_log(log, step=[10, 20], loss=[3, 2], **rest)


def test_runs_in_json(read):
    a, b = read('{"trial": 1, "loss": 3}\n{"trial": "x", "loss": 4}\n{"trial": 1, "loss": 2}\n', "log.jsonl")
    assert (a.name, a.loss.tolist(), b.name, b.loss.tolist()) == ("1", [3, 2], "x", [4])


def test_several_sources(tmp_path):
    for folder, loss in ("a", 1.0), ("b", 2.0):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "metrics.csv").write_text(f"loss\n{loss}\n")
    (tmp_path / "c.jsonl").write_text('{"loss": 3}\n')
    paths = [tmp_path / "a" / "metrics.csv", str(tmp_path / "b" / "metrics.csv"), tmp_path / "c.jsonl"]
    logs = read_logs(path for path in paths)
    assert [log.loss.tolist() for log in logs] == [[1], [2], [3]]
    assert [log.name for log in logs] == [f"{paths[0]}: metrics", f"{paths[1]}: metrics", "c"]


# Names of columns

GUESSED = {  # a header, and what is taken for loss, step, norm, rate, validation loss
    "epoch,step,train_loss,val_loss": ("train_loss", "step", None, None, "val_loss"),
    "Step,Loss/train,Loss/val": ("Loss/train", "Step", None, None, "Loss/val"),
    "iteration,Training Loss,Validation Loss": ("Training Loss", "iteration", None, None, "Validation Loss"),
    "iter,nll,|g|,LR": ("nll", "iter", "|g|", "LR", None),
    "global_step,cross_entropy,total_norm": ("cross_entropy", "global_step", "total_norm", None, None),
    "trainer/global_step,trainLoss,valLoss": ("trainLoss", "trainer/global_step", None, None, "valLoss"),
    "epoch,_step,train/loss": ("train/loss", "_step", None, None, None),
    "step,_step,loss,eval/loss": ("loss", "step", None, None, "eval/loss"),
    "num_updates,loss,nll_loss,gnorm": ("loss", "num_updates", "gnorm", None, None),
    "train/loss,train/train_loss,loss_scale": ("train/loss", None, None, None, None),
    "train_loss_step,train_loss_epoch": ("train_loss_step", None, None, None, None),
    "loss,eval/train_loss,test_loss,valid_loss": ("loss", None, None, None, "valid_loss"),
    "loss,aux_loss,best_val_loss": ("loss", None, None, None, None),
    "mlm_loss": ("mlm_loss", None, None, None, None),
    "loss,grad_norm,grad_norm_clipped": ("loss", None, "grad_norm", None, None),
    "loss,grad_norm,grad_norm_unclipped": ("loss", None, "grad_norm_unclipped", None, None),
    "loss,grad_2.0_norm_total,grad_2.0_norm/head.bias": ("loss", None, "grad_2.0_norm_total", None, None),
    "loss,l2_norm/grad/global,param_norm": ("loss", None, "l2_norm/grad/global", None, None),
    "loss,lr-AdamW,lr_scheduler": ("loss", None, None, "lr-AdamW", None),
    "loss,base_learning_rate,learning_rate": ("loss", None, None, "learning_rate", None),
    "loss,optimizer/lr,weight_decay": ("loss", None, None, "optimizer/lr", None),
    "metrics/train/loss,metrics/val/loss": ("metrics/train/loss", None, None, None, "metrics/val/loss"),
}


@pytest.mark.parametrize("header", GUESSED)
def test_guessed_columns(header):
    chosen = choose(header.split(","), {}).column
    fields = ("loss", "step", "gradient_norm", "learning_rate", "validation_loss")
    assert tuple(chosen.get(field) for field in fields) == GUESSED[header]


def test_the_order_of_the_columns_does_not_matter():
    for header, expected in GUESSED.items():
        chosen = choose(header.split(",")[::-1], {}).column
        assert chosen.get("loss") == expected[0]
        assert set(chosen.values()) == set(expected) - {None}


def test_a_choice_is_told_and_only_a_choice():
    assert choose(["epoch", "step", "loss", "val_loss"], {}).notes == ()
    [note] = choose(["loss", "train_loss"], {}).notes
    assert note == "the loss is 'train_loss', chosen before 'loss'"
    assert choose(["loss", "train_loss"], {"loss": "loss"}).notes == ()


def test_a_named_column_is_not_guessed_for_another_field():
    chosen = choose(["val_loss", "loss", "step"], {"loss": "val_loss"}).column
    assert chosen == {"loss": "val_loss", "step": "step"}
    twice = {"loss": "b", "learning_rate": "b"}
    assert choose(["a", "b"], twice).column == twice


# Bad files

BAD = {
    "an empty file": (b"", "the file is empty"),
    "empty lines": (b"\n\n", "the file is empty"),
    "a comment alone": (b"# loss\n", "the file is empty"),
    "a header only": (b"step,loss\n", "there are no rows, only a header"),
    "a header only, of runs": (b"run,step,loss\n", "there are no rows, only a header"),
    "a header that does not end": (b"step,lo", "no column looks like a training loss"),
    "a column that is empty": (b"step,loss\n1,\n2,\n", "there is no loss in any row"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00", "this is a binary file; what is read is CSV"),
    "an archive": (b"PK\x03\x04\x00\x00\x08\x08", "this is a binary file"),
    "bytes": (bytes(range(1, 256)), "this is no text in UTF-8"),
    "another encoding": ("step,loss,größe\n1,2,3\n".encode("latin-1"), "this is no text in UTF-8"),
    "half a gzip file": (gzip.compress(b"step,loss\n1,2\n" * 999)[:60], "the gzip file is cut off"),
    "no gzip file": (b"\x1f\x8bstep,loss\n", "this cannot be read"),
    "no header": (b"0,2.5,1\n1,2,3\n", "line 1 must be a header that names the columns"),
    "no loss": (b"step,top\n1,2\n", r"there are 'step', 'top'; name one with columns={\"loss\": \"…\"}"),
    "no training loss": (b"step,val_loss\n1,2\n", "no column looks like a training loss; there are 'step'"),
    "on the command line": (b"step,accuracy\n1,2\n", "on the command line --loss NAME"),
    "two losses": (
        b"step,train/loss,train_loss\n1,2,3\n",
        "'train/loss', 'train_loss' fit the loss equally well; name one with .*--loss train/loss",
    ),
    "a loss twice": (b"step,loss,loss\n1,2,3\n", "the column of the loss must be one, so rename"),
    "text": (b"step,loss\n1,2\n\n2,abc\n", "line 4, column 'loss': 'abc' is no number"),
    "text after a cell of several lines": (b'a,loss\n"x\ny",2\n"x",b\n', "line 4, column 'loss': 'b' is no"),
    "text after a comment": (b"# a\nloss\n1\n# b\nNA\n2\n", "line 5, column 'loss': 'NA' is no number"),
    "text far below": (b"loss\n" + b"1\n" * 2500 + b"x\n", "line 2502, column 'loss': 'x' is no number"),
    "text in a step": (b"step,loss\nx,2\n", "line 2, column 'step': 'x' is no number"),
    "two decimal commas": (b"step;loss\n1;1.000,5\n", "column 'loss': '1.000,5' is no number"),
    "a short line": (b"step,loss\n1,2\n2\n3,4\n", r"line 3 has 1 cells, but the header has 2: \['2'\]"),
    "a long line": (b"step,loss\n1,2\n2,3,4\n", "line 3 has 3 cells, but the header has 2"),
    "two lines in one": (b"step,loss\n1,2\n2,33,4\n4,5\n", "line 3 has 3 cells"),
    "a quote beside it that is not closed": (
        b'step,loss,a\n1,2,"b\n2,3,c\n',
        "a quote is not closed in the row that en",
    ),
    "a quote that is not closed": (b'step,loss\n1,2\n2,"3\n4,5', "a quote is not closed"),
    "a quote that is never closed": (b'step,loss\n1,"2\n' + b"1,2\n" * 50_000, "a quote is not closed"),
    "a negative norm": (b"loss,grad_norm\n1,-2\n", "gradient_norm must be at least 0"),
    "a step that is not whole": (b"step,loss\n0.5,2\n", "step must be whole numbers of at least 0"),
    "a step that is NaN": (b"step,loss\nnan,2\n", "step must be whole numbers of at least 0"),
    "a step that is infinite": (
        b"step,loss,lr\n1,2,1\ninf,2,3\ninf,,3\ninf,,4\n",
        "step must be whole numbers",
    ),
    "an epoch that is infinite": (b"epoch,loss\ninf,2\n", "step must be whole numbers"),
    "a negative step": (b"step,loss\n-1,2\n", "step must be whole numbers of at least 0"),
    "a loss without a step": (
        b"step,loss\n1,2\n,3\n",
        "step must be in every row with a loss, but 'none in row 2",
    ),
    "JSON: no object": (b'{"loss": 1}\n[1]\n', r"line 2: '\[1\]' is no object"),
    "JSON: numbers": (b"[1, 2]", "object 1 of the list: '1' is no object"),
    "JSON: broken in the middle": (b'{"loss": 1}\n{"loss": \n{"loss": 2}\n', "line 2: this is no JSON"),
    "JSON: broken at the end of a line": (b'{"loss": 1}\n{"loss":\n', "line 2: this is no JSON"),
    "JSON: broken at once": (b'{"loss": 1', "line 1: this is no JSON"),
    "JSON: deep": (b"[" * 100_000, "line 1: .*recursion"),
    "JSON: text": (b'{"loss": 1}\n{"loss": "abc"}\n', "line 2, 'loss': 'abc' is no number"),
    "JSON: a truth": (b'{"loss": 1}\n{"loss": true}\n', "line 2, 'loss': 'True' is no number"),
    "JSON: a list": (b'{"loss": [1, 2]}\n', "no column looks like a training loss"),
    "JSON: too large": (b'{"loss": 1}\n{"loss": 1' + b"0" * 400 + b"}\n", "line 2, 'loss': '1000"),
    "JSON: more digits than Python reads": (b'{"loss": 1' + b"0" * 5000 + b"}\n", "line 1: "),
    "JSON: nothing": (b"[]", "no column looks like a training loss; there are none"),
    "JSON: a history that is none": (b'{"log_history": 3}', "log_history is no list"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_by_name(read, kind):
    content, message = BAD[kind]
    with pytest.raises(ValueError, match=message) as refusal:
        read(content, "bad.csv")
    assert "bad.csv: " in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    ("source", "columns", "message"),
    [
        ([], None, "source must be a path, or at least one path"),
        ([3], None, "source must be a path or several, but 3 came"),
        (3, None, "source must be a path or several, but 3 came"),
        ("a.csv", {"loss": 3}, "columns must be a mapping like"),
        ("a.csv", "loss", "columns must be a mapping like"),
        ("a.csv", {"losses": "loss"}, "columns: a field must be one of loss, step, .*, but 'losses' came"),
        ("a.csv", {"loss": "nll"}, "no column 'nll' for the loss; there are 'step', 'loss'"),
        ("a.csv", {"learning_rate": "eta"}, "no column 'eta' for the learning_rate"),
    ],
)
def test_bad_arguments(tmp_path, monkeypatch, source, columns, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(ValueError, match=message):
        read_logs(source, columns=columns)


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv does not exist"):
        read_logs(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match=r"there are no event files of TensorBoard in this folder$"):
        read_logs(tmp_path)
    (tmp_path / "metrics.csv").write_text("loss\n1\n")
    with pytest.raises(ValueError, match=r"give the path of a file in it: metrics\.csv"):
        read_logs(tmp_path)


@pytest.mark.parametrize(
    "cut",
    ["5", "5,", "5,1.", "5,1.5,", "5,1.5,1e", "5,1.5,1e-", "5,1.5,-", "5,1.5,n", "5,1.5,-in", "5,1.5,No"],
)
def test_a_line_still_being_written_is_left_out_if_it_shows(read, cut):
    [log] = read("step,loss,grad_norm\n0,2.5,1\n" + cut)
    kept = cut in ("5,1.5,",)
    assert log.step.tolist() == ([0, 5] if kept else [0])
    assert any(note.startswith(CUT_OFF) for note in log.notes) == (not kept)


def test_json_still_being_written(read):
    line = '{"step": 5, "loss": 1.5}'
    for end in range(1, len(line)):
        [log] = read('{"step": 0, "loss": 2.5}\n' + line[:end], "log.jsonl")
        assert log.step.tolist() == [0]
        assert log.notes[0].startswith(CUT_OFF)


# TensorBoard


@pytest.fixture
def write():
    """A function that writes scalars by tag, as steps and values, into a folder, as PyTorch does."""

    def write(folder, scalars, new_style=False, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TensorBoard's and PyTorch's own imports
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(str(folder), **options) as writer:
                for tag, values in scalars.items():
                    for step, value in values.items():
                        writer.add_scalar(tag, value, step, new_style=new_style)
        return next(iter(folder.glob("*tfevents*")))

    return write


@pytest.mark.parametrize("new_style", [False, True], ids=["plain numbers", "tensors"])
def test_a_folder_of_tensorboard(tmp_path, write, new_style):
    scalars = {
        "Loss/train": {0: 2.5, 10: 1.5, 20: NAN},
        "Loss/val": {15: 2.0, 20: INF},
        "grad_norm": {0: 3.0, 10: 4.0, 20: INF},
        "lr": {0: 0.5, 10: 0.25},
        "accuracy": {0: 1.0},
    }
    file = write(tmp_path / "run", scalars, new_style)
    for source in (tmp_path / "run", file):
        [log] = read_logs(source)
        assert log.name == "run"
        assert log.notes == ()
        rest = {"gradient_norm": [3, 4, INF], "learning_rate": [0.5, 0.25, NAN]}
        assert_log(log, step=[0, 10, 20], loss=[2.5, 1.5, NAN], validation_loss=[NAN, 2, INF], **rest)


def test_more_steps_than_tensorboard_itself_keeps(tmp_path, write):
    file = write(tmp_path, {"loss": {step: float(step) for step in range(12_000)}})
    [log] = read_logs(file)
    assert log.loss.tolist() == list(range(12_000))


def test_pictures_and_texts_are_no_scalars(tmp_path, write):
    write(tmp_path / "run", {"loss": {0: 1.0, 1: 2.0}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(tmp_path / "run"), filename_suffix=".other") as writer:
            writer.add_histogram("train/loss", np.arange(5.0), 0)
            writer.add_text("train_loss", "text", 0)
            writer.add_image("training loss", np.zeros((3, 2, 2), np.uint8), 0)
            writer.add_tensor("training/loss", __import__("torch").zeros(3), 0)
    [log] = read_logs(tmp_path / "run")
    assert_log(log, step=[0, 1], loss=[1, 2])


def test_several_runs_in_a_folder(tmp_path, write):
    write(tmp_path / "sweep" / "lr=0.1", {"loss": {0: 1.0}})
    write(tmp_path / "sweep" / "b" / "c", {"loss": {0: 2.0}})
    write(tmp_path / "sweep", {"hparams/lr": {0: 2.0}})
    first, second = read_logs(tmp_path / "sweep")
    assert [first.name, second.name] == ["b/c", "lr=0.1"]
    assert [first.loss.tolist(), second.loss.tolist()] == [[2], [1]]
    assert first.notes == ("beside it there are runs without a training loss: sweep",)


def test_train_and_validation_folders_are_one_run(tmp_path, write):
    """As Keras's callback writes them, and add_scalars of PyTorch."""
    for run, (train, validation) in {"a": ("train", "validation"), "b": ("loss_train", "loss_val")}.items():
        write(tmp_path / run / train, {"epoch_loss": {0: 2.5, 1: 1.5}})
        write(tmp_path / run / validation, {"epoch_loss": {0: 3.0, 1: 2.0}})
        [log] = read_logs(tmp_path / run)
        assert_log(log, step=[0, 1], loss=[2.5, 1.5], validation_loss=[3, 2])
    assert [log.name for log in read_logs(tmp_path)] == ["a", "b/loss"]


def test_runs_whose_names_say_train_stay_as_they_are(tmp_path, write):
    for run in ("train_1", "train_2"):
        write(tmp_path / run, {"loss": {0: 1.0}})
    assert [log.name for log in read_logs(tmp_path)] == ["train_1", "train_2"]


def test_a_restart_from_a_checkpoint(tmp_path, write):
    write(tmp_path, {"loss": {0: 5.0, 1: 4.0, 2: 9.0, 3: 9.0}}, filename_suffix=".1")
    first = next(iter(tmp_path.glob("*.1")))
    first.rename(tmp_path / "events.out.tfevents.1.host.1")
    write(tmp_path, {"loss": {2: 3.0}}, filename_suffix=".2")
    [log] = read_logs(tmp_path)
    assert_log(log, step=[0, 1, 2, 3], loss=[5, 4, 3, 9])
    assert "1 entries came twice for their step; the later one was kept" in log.notes


def test_a_restart_that_tensorboard_was_told_of(tmp_path, write):
    write(tmp_path, {"loss": {0: 5.0, 1: 4.0, 2: 9.0, 3: 9.0}}, filename_suffix=".1")
    next(iter(tmp_path.glob("*.1"))).rename(tmp_path / "events.out.tfevents.1.host.1")
    write(tmp_path, {"loss": {2: 3.0}}, purge_step=2)
    [log] = read_logs(tmp_path)
    assert_log(log, step=[0, 1, 2], loss=[5, 4, 3])
    assert log.notes == ()


def test_tags_can_be_named(tmp_path, write):
    scalars = {"a": {0: 1.0}, "b": {0: 2.0}, "train/loss": {0: 3.0}, "train_loss": {0: 4.0}}
    file = write(tmp_path, scalars)
    [log] = read_logs(file, columns={"loss": "a", "learning_rate": "b"})
    assert_log(log, step=[0], loss=[1], learning_rate=[2])
    for columns, message in [
        (None, "'train/loss', 'train_loss' fit the loss equally well"),
        ({"loss": "c"}, "no column 'c' for the loss; there are 'a', 'b'"),
        (
            {"step": "a"},
            "columns: a field must be one of loss, gradient_norm, learning_rate, validation_loss",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            read_logs(tmp_path, columns=columns)


def test_an_event_file_cut_anywhere(tmp_path, write):
    whole = write(tmp_path / "whole", {"loss": {step: float(step) for step in range(5)}}).read_bytes()
    cut = tmp_path / "cut" / "events.out.tfevents.1"
    cut.parent.mkdir()
    lengths = set()
    for end in range(0, len(whole), 3):
        cut.write_bytes(whole[:end])
        try:
            [log] = read_logs(cut)
        except ValueError as error:
            assert "no numbers in it" in str(error) or "no event file of TensorBoard" in str(error)  # noqa: PT017
            continue
        assert log.loss.tolist() == list(range(len(log)))
        at_a_record = read_logs(cut)[0].notes == ()
        assert at_a_record or "is cut off or damaged after" in log.notes[0]
        lengths.add(len(log))
    assert lengths >= {1, 2, 3, 4}


def test_an_event_file_with_any_byte_changed(tmp_path, write):
    whole = write(tmp_path / "whole", {"loss": {step: float(step) for step in range(3)}}).read_bytes()
    damaged = tmp_path / "damaged" / "events.out.tfevents.1"
    damaged.parent.mkdir()
    for place in range(0, len(whole), 5):
        content = bytearray(whole)
        content[place] ^= 0xFF
        damaged.write_bytes(content)
        try:
            [log] = read_logs(damaged)
        except ValueError as error:
            assert str(damaged) in str(error)  # noqa: PT017
            continue
        assert log.loss.tolist() == list(range(len(log)))
        assert "is cut off or damaged after" in log.notes[0]


def test_event_files_that_are_none(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    for content in (b"\x89PNG\r\n\x1a\n" * 20, b"step,loss\n1,2\n" * 20, b"x"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no event file of TensorBoard, or damaged at its start"):
            read_logs(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="there are no numbers in it"):
        read_logs(path)


def test_a_record_that_is_no_event(tmp_path):
    """The checksums are right, what they guard is not."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    content = b"\xff" * 20
    length = struct.pack("<Q", len(content))
    sums = [struct.pack("<I", masked_crc32c(part)) for part in (length, content)]
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(length + sums[0] + content + sums[1])
    with pytest.raises(ValueError, match="no event file of TensorBoard"):
        read_logs(path)


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(ImportError, match=r"pip install 'stability-ref\[tensorboard\]'"):
        read_logs(tmp_path)


# Properties

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
NORMS = st.one_of(st.just(NAN), st.floats(min_value=0))


@st.composite
def tables(draw):
    steps = draw(st.lists(st.integers(0, 2**40), min_size=1, max_size=20, unique=True))
    size = {"min_size": len(steps), "max_size": len(steps)}
    return {
        "step": sorted(steps),
        "loss": draw(st.lists(NUMBERS, **size)),
        "grad_norm": draw(st.lists(NORMS, **size)),
        "lr": draw(st.lists(NORMS, **size)),
        "val_loss": draw(st.lists(st.one_of(st.just(""), NUMBERS), **size)),
    }


def text_of(table, order, delimiter):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(table)
    writer.writerows([[table[name][i] for name in table] for i in order])
    return file.getvalue()


@settings(max_examples=60, deadline=None)
@given(table=tables(), delimiter=st.sampled_from(",;\t"), seed=st.integers(0, 99))
def test_what_csv_writes_is_read_back_in_any_order(tmp_path_factory, table, delimiter, seed):
    rows = list(range(len(table["step"])))
    random.Random(seed).shuffle(rows)
    path = tmp_path_factory.mktemp("written") / "log.csv"
    path.write_text(text_of(table, rows, delimiter), newline="")
    [log] = read_logs(path)
    validation = [NAN if value == "" else INF if np.isnan(value) else value for value in table["val_loss"]]
    expected = {"step": table["step"], "loss": table["loss"], "validation_loss": validation}
    if np.isnan(validation).all():
        del expected["validation_loss"]
    assert_log(log, gradient_norm=table["grad_norm"], learning_rate=table["lr"], **expected)
    assert log.name == "log"


@settings(max_examples=60, deadline=None)
@given(table=tables())
def test_json_and_csv_are_read_alike(tmp_path_factory, table):
    rows = range(len(table["step"]))
    folder = tmp_path_factory.mktemp("written")
    (folder / "log.csv").write_text(text_of(table, rows, ","), newline="")
    records = [json.dumps({name: column[i] for name, column in table.items()}) for i in rows]
    (folder / "log.jsonl").write_text("\n".join(records))
    [from_csv], [from_json] = read_logs(folder / "log.csv"), read_logs(folder / "log.jsonl")
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(from_csv, field), getattr(from_json, field))


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(max_size=80), st.text("lossep,;\t\n\r\"'{}[]:#0.1-einf", max_size=60)))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refusal = f"{path}: "
    try:
        assert read_logs(path)
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith(f"{path}: ")


def test_reading_needs_tensorboard_only_for_its_files():
    code = "import sys; import stability_ref.diagnosis.reading; print('tensorboard' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert answer.stdout == "False\n"


# Large files

PEAK = """
import sys
from pathlib import Path
from stability_ref.diagnosis.reading.logs import read_logs

def peak():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1])

before = peak()
[log] = read_logs(sys.argv[1])
print(len(log), log.loss.sum(), 1024 * (peak() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_large_file_is_never_held_as_text(tmp_path):
    rows = 300_000
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("step,loss,grad_norm,host\n")
        file.writelines(f"{i},{1 / (i + 1)!r},2.5,{'a' * 200}\n" for i in range(rows))
    command = [sys.executable, "-c", PEAK, str(path)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    length, loss, bytes_more = map(float, answer)
    assert length == rows
    np.testing.assert_allclose(loss, sum(1 / (i + 1) for i in range(rows)))
    assert path.stat().st_size > 200 * rows
    assert bytes_more < 130 * rows  # three columns as arrays, a few times over


def test_of_two_columns_that_are_not_needed_none_is_read(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("loss,lr-Adam/pg1,lr-Adam/pg2\n1,2,3\n")
    (log,) = read_logs(path)
    assert log.learning_rate is None
    assert "fit the learning_rate equally well: none was read" in log.notes[0]
    (named,) = read_logs(path, columns={"learning_rate": "lr-Adam/pg2"})
    assert named.learning_rate == [3]
