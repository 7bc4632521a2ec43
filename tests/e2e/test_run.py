# SPDX-License-Identifier: Apache-2.0
"""gpucloud run: from this folder to a machine and back, whatever happens on the way."""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from checks import Client, json_lines, sane
from conftest import wait_until
from tmux_tools import tmux  # noqa: F401  a fixture

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1", "--selftest", "none")


@pytest.fixture
def machines(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "100")


@pytest.fixture
def gc(machines, clean_env):
    return Client(clean_env, machines)


@pytest.fixture
def work(tmp_path):
    """A folder to be sent."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "in.txt").write_text("7\n")
    script = folder / "train.sh"
    script.write_text("#!/bin/sh\necho to out\necho to err >&2\nmkdir -p results\n"
                      "cat data/in.txt > results/copy.txt\nexit ${1:-0}\n")
    script.chmod(0o755)
    return folder


def run(gc, work, *args, **kw):
    return gc.run("run", *args, cwd=work, **kw)


def machine_home(gc):
    base = pathlib.Path(os.readlink(gc.sim.folder / "machines"))
    [one] = [p for p in base.iterdir() if (p / "root").is_dir()]
    return one


def start_in_background(gc, folder, *args):
    """Standard error goes to a file, so that reading line after line of the output cannot block it."""
    err = tempfile.TemporaryFile("w+")
    process = subprocess.Popen([gc.bin, *args], env=gc.env, cwd=folder, stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, stderr=err, text=True)
    process.errors = err
    return process


def ended(process, timeout=60):
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    out = process.stdout.read()  # and what earlier readline()s left in their buffer
    process.wait()
    timer.cancel()
    process.errors.seek(0)
    with process.errors as errors:
        return sane(subprocess.CompletedProcess(process.args, process.returncode, out,
                                                errors.read()))


def test_the_whole_line(gc, work):
    done = run(gc, work, "--name", "first", *TYPE, "--out", "results", "--", "./train.sh")
    assert done.returncode == 0, done.stderr
    # The job's output is ours, and nothing else is.
    assert done.stdout == "to out\n"
    assert "to err\n" in done.stderr
    assert (work / "results" / "copy.txt").read_text() == "7\n"
    assert "first (i-" in done.stderr and "is terminated, confirmed" in done.stderr
    assert "saved" not in done.stderr  # on demand: there is nothing to save against
    gc.nothing_left()


def test_every_exit_code_is_the_jobs(gc, work):
    gc.launch("box", *TYPE, "--wait", "ssh")
    for command, code in ((("exit 0",), 0), (("./train.sh", "3"), 3), (("kill -KILL $$",), 137),
                          (("kill -TERM $$",), 143), (("no-such-program",), 127)):
        done = run(gc, work, "--on", "box", "--", *command)
        assert done.returncode == code, (command, done.stderr)
    assert "box stays, and bills" in done.stderr
    # Set-up that fails is the job's failure; the job is then not started.
    done = run(gc, work, "--on", "box", "--setup", "echo half; exit 9", "--", "touch never")
    assert done.returncode == 9 and "set-up failed with 9" in done.stderr
    assert "half" in done.stdout
    listed = gc.json("logs", "--list", "box")["jobs"]
    assert [job["exit_code"] for job in listed] == [0, 3, 137, 143, 127, 9]
    assert not list(machine_home(gc).rglob("never"))
    gc.ok("--yes", "terminate", "box")


def test_environment_and_secrets(gc, work):
    gc.launch("box", *TYPE, "--wait", "ssh")
    secret = "hunter2-4f1c9a"
    done = run(gc, work, "--on", "box", "--env", "MODE=fast and loose", "--env", "HERE",
               "--secret", "TOKEN", "--", 'echo "$MODE|$HERE|${#TOKEN}"; sleep 3',
               env={"TOKEN": secret, "HERE": "x\ny"})
    assert done.stdout == "fast and loose|x\ny|14\n", done.stderr
    for root in (pathlib.Path(gc.env["HOME"]).parent, machine_home(gc)):
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert secret.encode() not in path.read_bytes(), path
    # Asked for by value, it would stand in every process list.
    gc.fails(2, "run", "--on", "box", "--secret", "TOKEN=x", "--", "true", says="takes a name alone")
    gc.fails(2, "run", "--on", "box", "--secret", "NOWHERE", "--", "true", says="no such variable")
    gc.ok("--yes", "terminate", "box")


def test_detach_and_come_back(gc, work, tmp_path, machines):
    done = run(gc, work, "--name", "far", *TYPE, "--out", "results", "--detach", "--",
               "./train.sh; while [ ! -e go ]; do sleep 0.1; done; echo late; exit 5")
    assert done.returncode == 0, done.stderr
    assert "gpucloud attach far" in done.stderr
    assert gc.json("logs", "--list", "far")["jobs"][0]["state"] == "running"
    assert gc.json("idle", "far")["instances"][0]["verdict"] == "busy"
    assert gc.ok("logs", "far").stdout == "to out\n"
    assert gc.ok("logs", "--tail", "1", "--only-err", "far").stderr == "to err\n"
    # Another shell, another home: the login key alone is carried over.
    other = dict(gc.env, HOME=str(tmp_path / "other"))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        other[f"XDG_{name}_HOME"] = str(tmp_path / "other" / name)
    keys = pathlib.Path(other["XDG_DATA_HOME"]) / "gpucloud"
    keys.mkdir(parents=True, mode=0o700)
    for name in ("id_ed25519", "id_ed25519.pub"):
        data = (pathlib.Path(gc.env["XDG_DATA_HOME"]) / "gpucloud" / name).read_bytes()
        (keys / name).write_bytes(data)
        (keys / name).chmod(0o600)
    there = Client(other, machines)
    follower = start_in_background(there, tmp_path, "logs", "-f", "far")
    attached = start_in_background(there, tmp_path, "attach", "far")
    assert follower.stdout.readline() == "to out\n"
    assert attached.stdout.readline() == "to out\n"
    gc.ok("exec", "far", "--", "touch project/go")
    followed, done = ended(follower), ended(attached)
    assert followed.stdout == "late\n" and followed.returncode == 0
    assert done.stdout == "late\n" and done.returncode == 5, done.stderr
    [results] = tmp_path.glob("far-*/results")
    assert (results / "copy.txt").read_text() == "7\n"
    assert "is terminated, confirmed" in done.stderr
    there.nothing_left()


def test_a_vanished_machine(gc, work, machines):
    process = start_in_background(gc, work, "run", "--name", "gone", *TYPE, "--", "echo up; sleep 600")
    assert process.stdout.readline() == "up\n"
    [instance] = machines.live()
    machines.boto("ec2").terminate_instances(InstanceIds=[instance["id"]])
    done = ended(process, 90)
    assert done.returncode == 125, done.stderr
    assert "the job did not end before its instance" in done.stderr
    gc.nothing_left()


def test_cut_off_and_connected_again(gc, work, machines):
    process = start_in_background(gc, work, "run", "--name", "cut", *TYPE, "--",
                                  "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; "
                                  "sleep 0.02; done")
    assert process.stdout.readline() == "1\n"
    for _ in range(3):
        machines.fault(kind="disconnect")
        time.sleep(0.5)  # the cuts are to hit different moments
    machines.fault(kind="heal")
    done = ended(process, 90)
    assert done.returncode == 0, done.stderr
    # Nothing is told twice, nothing is lost.
    assert done.stdout.split() == [str(i) for i in range(2, 301)], done.stderr


def test_without_a_terminal_an_interrupt_detaches(gc, work):
    process = start_in_background(gc, work, "run", "--name", "bg", *TYPE, "--", "echo up; sleep 600")
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGHUP)  # its terminal was closed
    done = ended(process)
    assert done.returncode == 130 and "the job goes on without us" in done.stderr
    assert gc.json("logs", "--list", "bg")["jobs"][0]["state"] == "running"
    assert gc.json("cancel", "--grace", "1", "bg")["was_running"] is True
    assert gc.json("logs", "--list", "bg")["jobs"][0]["state"] == "done"
    gc.ok("--yes", "terminate", "bg")


def test_ctrl_c_asks(gc, work, tmux, tmp_path):  # noqa: F811
    gc.launch("box", *TYPE, "--wait", "ssh")
    term = tmux({**gc.env, "PWD": str(work)})
    term.type(f"cd {work}")
    term.start(gc.bin, "run", "--on", "box", "--", "echo up; sleep 600")
    term.wait_for("up\n")
    term.key("C-c")
    term.wait_for("Detach, cancel or go on?")
    assert "bills $" in term.history() and "Enter  go on watching" in term.history()
    term.key("Enter")
    term.wait_for("connected again")
    term.key("C-c")
    wait_until(lambda: term.history().count("Detach, cancel or go on?") == 2, "the question")
    term.type("c")
    term.wait_for("the job was ended")
    term.wait_for("code=130")
    term.start(gc.bin, "run", "--on", "box", "--", "echo second; sleep 600")
    term.wait_for("second\n")
    term.key("C-c")
    wait_until(lambda: term.history().count("Detach, cancel or go on?") == 3, "the question")
    term.type("d")
    term.wait_for("the job goes on without us")
    wait_until(lambda: term.history().count("code=130") == 2, "the end")
    jobs = gc.json("logs", "--list", "box")["jobs"]
    assert [job["state"] for job in jobs] == ["done", "running"]
    gc.ok("--yes", "terminate", "box")


def test_job_file_and_json(gc, work):
    (work / "job.yml").write_text(
        "# what one repeats\ncommand: [./train.sh, 4]\ntype: g4dn.xlarge\nname: filed\n"
        "selftest: none\nout: [results]\nenv: {A: 1}\nexclude: ['*.tmp']\n")
    (work / "big.tmp").write_text("x" * 1000)
    done = gc.run("--json", "--region", "us-east-1", "run", "-f", "job.yml", cwd=work)
    assert done.returncode == 4, done.stderr
    lines = json_lines(done.stdout)
    kinds = [line["message_type"] for line in lines]
    assert kinds[-1] == "summary" and lines[-1]["exit_code"] == 4
    for kind in ("job_plan", "plan", "log", "job", "fetched", "receipt"):
        assert kind in kinds, kind
    logs = [(line["stream"], line["text"]) for line in lines if line["message_type"] == "log"]
    assert sorted(logs) == [("err", "to err"), ("out", "to out")]
    [plan] = [line for line in lines if line["message_type"] == "job_plan"]
    assert plan["push_files"] == 3  # job.yml, train.sh, data/in.txt
    assert (work / "results" / "copy.txt").exists()
    (work / "job.yml").write_text("command: x\nspott: true\n")
    gc.fails(2, "run", "-f", "job.yml", cwd=work, says="job.yml:2: there is no option 'spott'")
    gc.nothing_left()


def test_refused_before_anything_is_made(gc, work, machines):
    for args, says in ((("run",), "needs a command"),
                       (("run", "--on", "x", "--spot", "--", "true"), "takes an instance as it is"),
                       (("run", "--user-data", "f", "--", "true"), "no --user-data"),
                       (("run", "--push", "nowhere", "--", "true"), "--push"),
                       (("run", "--env", "1A=2", "--", "true"), "no NAME=VALUE"),
                       (("run", "--out", "../x", "--", "true"), "leads elsewhere")):
        gc.fails(2, *args, says=says, cwd=work)
    gc.fails(2, "run", "--", "true", says="all of it would be sent", cwd=gc.env["HOME"])
    assert machines.live() == []


def test_what_cannot_be_fetched_keeps_the_machine(gc, work):
    done = run(gc, work, "--name", "kept", *TYPE, "--out", "nothing-there", "--", "./train.sh")
    assert done.returncode == 125
    assert "nothing-there was not fetched" in done.stderr and "was not ended" in done.stderr
    [instance] = gc.json("list")["instances"]
    assert instance["state"] == "running"
    left = int((machine_home(gc) / "root/var/lib/gpucloud/ttl-left").read_text())
    assert left <= 7200, "it ends itself"
    gc.ok("--yes", "terminate", "kept")


def test_one_output_that_is_missing_costs_no_other(gc, work):
    done = run(gc, work, "--name", "half", *TYPE, "--out", "nothing-there", "--out",
               "results:shared/results", "--", "./train.sh")
    assert done.returncode == 125, done.stderr
    assert (work / "shared" / "results" / "copy.txt").read_text() == "7\n"
    gc.ok("--yes", "terminate", "half")
    # A folder of a group's, or /tmp, is where results may go.
    (work / "shared").chmod(0o777)
    done = run(gc, work, "--name", "next", *TYPE, "--out", "results:shared/again", "--", "./train.sh")
    assert done.returncode == 0 and (work / "shared" / "again" / "copy.txt").exists(), done.stderr
    # One over the other, or where nothing can be: refused before anything is made.
    for out, says in ((("a/r:x", "b/r:x"), "to the same place"), (("r:train.sh/x",), "is no folder")):
        options = [word for one in out for word in ("--out", one)]
        done = run(gc, work, *TYPE, *options, "--", "true")
        assert done.returncode == 2 and says in done.stderr, done.stderr
    gc.nothing_left()


def test_two_outputs_of_one_name_both_come_home(gc, work):
    done = run(gc, work, "--name", "two", *TYPE, "--detach", "--out", "a/r", "--out", "b/r", "--",
               "mkdir -p a/r b/r; echo 1 > a/r/f; echo 22 > b/r/f")
    assert done.returncode == 0, done.stderr
    done = gc.run("attach", "two", "--out-dir", str(work / "home"))
    assert done.returncode == 0, done.stderr
    assert sorted(p.read_text() for p in (work / "home").rglob("f")) == ["1\n", "22\n"]
    gc.nothing_left()


def test_a_job_at_work_is_left_alone(gc, work):
    gc.launch("box", *TYPE, "--wait", "ssh")
    done = run(gc, work, "--on", "box", "--detach", "--", "echo 1 > checkpoint; sleep 600")
    assert done.returncode == 0 and ", ends the instance" not in done.stderr, done.stderr
    [checkpoint] = wait_until(lambda: list(machine_home(gc).rglob("project/checkpoint")), "checkpoint")
    # Not one file of the folder it runs in is touched before that is known.
    done = run(gc, work, "--on", "box", "--delete", "--yes", "--", "true")
    assert done.returncode == 125 and "runs there" in done.stderr and "--beside" in done.stderr
    assert checkpoint.exists()
    # What is sent beside it may go where nothing is yet.
    done = run(gc, work, "--on", "box", "--beside", "--dir", "~/new/it's/here", "--", "cat data/in.txt")
    assert done.returncode == 0 and done.stdout == "7\n", done.stderr
    # One that came later and has ended is not what is meant by no name.
    assert run(gc, work, "--on", "box", "--beside", "--push", "none", "--", "true").returncode == 0
    assert gc.json("cancel", "--grace", "1", "box")["was_running"] is True
    gc.ok("--yes", "terminate", "box")


def test_no_machine_is_ended_under_another_job(gc, work):
    first = start_in_background(gc, work, "run", "--name", "shared", *TYPE, "--push", "none", "--",
                                "echo up; while [ ! -e ~/go ]; do sleep 0.1; done")
    assert first.stdout.readline() == "up\n"
    done = run(gc, work, "--on", "shared", "--beside", "--detach", "--push", "none", "--",
               "touch ~/go; sleep 600")
    assert done.returncode == 0, done.stderr
    done = ended(first)
    assert done.returncode == 0, done.stderr
    assert "so shared was not ended: its time limit is" in done.stderr
    assert len(gc.json("list")["instances"]) == 1
    gc.ok("--yes", "terminate", "shared")


def test_a_watcher_that_gives_up_says_what_goes_on(gc, work):
    with open("/dev/full", "w") as full:
        done = subprocess.run([gc.bin, "run", "--name", "full", *TYPE, "--push", "none", "--",
                               "echo up; sleep 600"], env=gc.env, cwd=work, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 125 and "the job goes on without us" in done.stderr, done.stderr
    gc.ok("--yes", "terminate", "full")


def test_a_machine_that_lets_nobody_in_is_ended(make_sim, clean_env, work):
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "100", "--machine-fault",
                                    "swap-host-key"))
    done = run(gc, work, "--name", "shut", *TYPE, "--push", "none", "--", "true")
    assert done.returncode == 125, done.stderr
    assert "the job was not started" in done.stderr and "is terminated, confirmed" in done.stderr
    gc.nothing_left()


def test_a_job_that_cannot_start_leaves_nothing(gc, work):
    (work / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(work / "pipe")
    done = run(gc, work, "--name", "bad", *TYPE, "--", "./train.sh")
    assert done.returncode == 125 and "pipe" in done.stderr, done.stderr
    assert "is terminated, confirmed" in done.stderr
    gc.nothing_left()


def owed(cloud, zone, begin, end):
    """What the published price steps come to, in dollars: their word against ours."""
    pages = cloud.boto("ec2").describe_spot_price_history(
        InstanceTypes=["g4dn.xlarge"], AvailabilityZone=zone,
        ProductDescriptions=["Linux/UNIX"], StartTime=begin - datetime.timedelta(days=2),
        EndTime=end)["SpotPriceHistory"]
    steps = sorted((row["Timestamp"], float(row["SpotPrice"])) for row in pages)
    total = 0
    for index, (since, price) in enumerate(steps):
        until = steps[index + 1][0] if index + 1 < len(steps) else end
        seconds = (min(until, end) - max(since, begin)).total_seconds()
        total += price * max(0, seconds) / 3600
    return total


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_receipt_to_the_cent(gc, work, machines):
    """Spot, two hours of simulated time: what is told is what the price steps come to."""
    process = start_in_background(
        gc, work, "--json", "run", "--spot", "--bid", "101%", "--name", "paid", *TYPE, "--",
        "echo up; while [ ! -e go ]; do sleep 0.1; done")
    before = ""
    while '"up"' not in before:
        before = process.stdout.readline()
    machines.advance(7200)
    gc.ok("exec", "paid", "--", "touch project/go")
    done = ended(process, 90)
    assert done.returncode == 0, done.stderr
    [receipt] = [json.loads(line) for line in done.stdout.splitlines() if '"receipt"' in line]
    [one] = receipt["terminated"]
    want = owed(machines, one["zone"], moment(one["launched"]), moment(one["ended"]))
    assert want > 0.1 and abs(float(one["usd_total"]) - want) < 0.005
    hours = one["seconds"] / 3600
    assert 2 <= hours < 2.2
    assert abs(float(one["on_demand_total"]) - float(one["on_demand_per_hour"]) * hours) < 0.005
    gc.nothing_left()


def test_the_disk_has_room_for_the_push(gc, work):
    def sizes(*args):
        done = run(gc, work, *TYPE, "--dry-run", *args, "--", "./train.sh")
        assert done.returncode == 0, done.stderr
        return re.findall(r"Ebs\.VolumeSize[= ]+(\d+)", done.stderr)

    assert sizes() == [], "small enough for the image's own"
    with open(work / "weights.bin", "wb") as file:
        file.truncate(3 << 30)
    image = gc.sim.boto("ec2").describe_images(Owners=["amazon"])["Images"]
    own = {m["Ebs"]["VolumeSize"] for one in image for m in one["BlockDeviceMappings"]}
    [wanted] = {int(size) for size in sizes()}
    assert wanted - 12 in own, "the image's and four times what is pushed"
    assert sizes("--disk", "500") == ["500"]
