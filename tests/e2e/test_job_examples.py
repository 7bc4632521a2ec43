# SPDX-License-Identifier: Apache-2.0
"""The trainings in examples/, run as they stand against the simulator: what they learn comes home,
and what they cost is told to the cent."""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from checks import Client, json_lines, sane
from conftest import wait_until
from test_run import ended, moment, owed

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
ON_DEMAND = ("--type", "g4dn.xlarge", "--region", "us-east-1")
# What the same training leaves on any processor and GPU: tests/selftest holds it to this, too.
LENET = "0f2e60c11ad671569f4b87d0b5d0a3707a248a8c39fe9ef9c3d2db69e9c68b5f"


@pytest.fixture
def gc(make_sim, clean_env, tmp_path):
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "100"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpucloud").symlink_to(gc.bin)
    gc.env["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    return gc


@pytest.fixture
def here(tmp_path):
    """Where the user stands, and results arrive."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def script(gc, here, name, *args):
    return sane(subprocess.run([EXAMPLES / name, *args], env=gc.env, cwd=here, text=True,
                               capture_output=True, stdin=subprocess.DEVNULL, timeout=120))


def curve(path):
    with open(path, encoding="ascii") as file:
        return list(csv.DictReader(file))


def test_lenet_and_its_receipt(gc, here):
    """Spot, and two hours pass before it trains, so that there is something to be billed."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [EXAMPLES / "train-lenet.sh", "--json", "--spot", "--bid", "101%", *ON_DEMAND,
             "--name", "digits", "--setup", "echo up; while [ ! -e go ]; do sleep 0.1; done", "--",
             "--samples", "512", "--epochs", "2"],
            env=gc.env, cwd=here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            text=True)
        process.errors = errors
        told = ""
        while '"up"' not in told:
            line = process.stdout.readline()
            assert line, "it ended before its set-up"
            told += line
        gc.sim.advance(7200)
        gc.ok("exec", "digits", "--", "touch lenet/go")
        done = ended(process, 90)
    assert done.returncode == 0, done.stderr
    lines = json_lines(told + done.stdout)
    text = [line["text"] for line in lines if line["message_type"] == "log"]
    assert text[1] == "lenet on GPU 0, Tesla T4 (simulated)"
    assert [line.split("  ")[0] for line in text[3:5]] == ["epoch 1/2", "epoch 2/2"]
    # The loss curve came home, and fell.
    losses = [float(row["loss"]) for row in curve(here / "lenet-results" / "loss.csv")]
    assert len(losses) == 16 and sum(losses[8:]) < 0.7 * sum(losses[:8])
    summary = json.loads((here / "lenet-results" / "summary.json").read_text())
    assert summary["state"] == "done" and summary["weights"]["sha256"] == LENET
    # The receipt: the published price steps times the time, and nothing else.
    [receipt] = [line for line in lines if line["message_type"] == "receipt"]
    [one] = receipt["terminated"]
    begin, end = moment(one["launched"]), moment(one["ended"])
    want = owed(gc.sim, one["zone"], begin, end)
    assert want > 0.1 and abs(float(one["usd_total"]) - want) < 0.005
    hours = one["seconds"] / 3600
    assert 2 <= hours < 2.2 and abs((end - begin).total_seconds() - one["seconds"]) <= 1
    assert abs(float(one["on_demand_total"]) - float(one["on_demand_per_hour"]) * hours) < 0.005
    gc.nothing_left()


def test_predictor_predicts_at_home(gc, here):
    done = script(gc, here, "train-predictor.sh", *ON_DEMAND, "--selftest", "none", "--",
                  "--samples", "2048", "--epochs", "4")
    assert done.returncode == 0, done.stderr
    summary = json.loads((here / "predictor-results" / "summary.json").read_text())
    assert summary["last_loss"] < 0.6 * summary["first_loss"] and summary["simulated"]
    there, at_home = done.stdout.split("\npredictor on the CPU")
    assert f"accuracy {summary['accuracy']:.4f}  AUC {summary['auc']:.4f}" in there
    assert f"accuracy {summary['accuracy']:.4f}: " in at_home
    assert f"AUC {summary['auc']:.4f}\n" in at_home
    assert summary["weights"]["sha256"] in there and summary["weights"]["sha256"] in at_home
    gc.nothing_left()


def test_a_training_that_fails_is_our_exit_code(gc, here):
    gc.launch("box", *ON_DEMAND, "--selftest", "none", "--wait", "ssh")
    done = script(gc, here, "train-predictor.sh", "--on", "box", "--", "--rate", "1e20",
                  "--samples", "64", "--epochs", "3")
    assert done.returncode == 1 and "try a smaller --rate" in done.stderr
    assert "predictor on the CPU" not in done.stdout
    summary = json.loads((here / "predictor-results" / "summary.json").read_text())
    assert summary["state"] == "diverged"
    done = script(gc, here, "train-lenet.sh", "--on", "box", "--", "--epochs", "none")
    assert done.returncode == 125 and "--epochs wants 1 to 1000, not 'none'" in done.stderr
    gc.ok("--yes", "terminate", "box")


def test_a_cancelled_training_keeps_what_it_learned(gc, here):
    gc.launch("box", *ON_DEMAND, "--selftest", "none", "--wait", "ssh")
    done = script(gc, here, "train-lenet.sh", "--on", "box", "--detach", "--", "--samples", "256",
                  "--epochs", "1000")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: "epoch " in gc.ok("logs", "box").stdout, "the first epoch")
    gc.ok("cancel", "box")
    done = gc.run("attach", "box", cwd=here)
    assert done.returncode == 130, done.stderr  # cancelled by us; the job itself saw SIGTERM
    assert "gpu-selftest: interrupted" in gc.ok("logs", "box").stderr
    [summary] = here.glob("**/summary.json")
    summary, folder = json.loads(summary.read_text()), summary.parent
    assert summary["state"] == "interrupted" and 4 <= summary["steps_done"] < 4000
    assert len(curve(folder / "loss.csv")) == summary["steps_done"]
    gc.ok("--yes", "terminate", "box")


def job_file(gc, here, name, *args):
    shutil.copytree(EXAMPLES / name, here / name)
    return gc.run("run", "-f", "job.yml", "--region", "us-east-1", *args, cwd=here / name)


def test_python(gc, here):
    """With the set-up left out, which needs the internet: PyTorch where this machine has it."""
    done = job_file(gc, here, "python", "--selftest", "none", "--setup", "true", "--", "python3",
                    "train.py", "--epochs", "6", "--samples", "600")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("training with ") and "\nepoch 6/6  loss " in done.stdout
    rows = curve(here / "python" / "results" / "loss.csv")
    assert [row["epoch"] for row in rows] == list("123456")
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    assert float(rows[-1]["accuracy"]) > 0.9
    assert json.loads((here / "python" / "results" / "weights.json").read_text())
    gc.nothing_left()


def test_python_refuses_nonsense(here):
    done = subprocess.run([sys.executable, EXAMPLES / "python" / "train.py", "--epochs", "0"],
                          capture_output=True, text=True, cwd=here)
    assert done.returncode == 2 and "--epochs wants 1 or more" in done.stderr
    assert not list(here.iterdir())


def test_job_files_as_they_stand(gc, here):
    for name, command in (("python", "python3 train.py --epochs 30"),
                          ("r-keras", "Rscript train.R 20")):
        done = job_file(gc, here, name, "--spot", "--bid", "101%", "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "nothing was made" in done.stderr and "g4dn.xlarge" in done.stderr
        lines = gc.run("--json", "run", "-f", "job.yml", "--region", "us-east-1", "--dry-run",
                       cwd=here / name).stdout.splitlines()
        [plan] = [line for line in map(json.loads, lines) if line["message_type"] == "job_plan"]
        assert plan["command"] == command and plan["push_files"] == 2
    gc.nothing_left()


# R is large, and not among what the tests install: where it is, the script must parse.
if shutil.which("Rscript"):
    def test_r_parses():
        done = subprocess.run(["Rscript", "-e", "invisible(parse('train.R'))"], text=True,
                              capture_output=True, cwd=EXAMPLES / "r-keras", timeout=60)
        assert done.returncode == 0, done.stderr
