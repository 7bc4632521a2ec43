# SPDX-License-Identifier: Apache-2.0
"""The journal in bad times: damaged, full, read-only, gone, of another age. What runs is found anyway."""
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess

import pytest
from checks import expect, kill_when, requests, sane
from conftest import wait_until

TYPE = ("--type", "g5.xlarge", "--wait", "accepted")
SECRETS = ("PRIVATE KEY", "ssh-ed25519", "AKIA", "cloud-config")


@pytest.fixture
def gc(client):
    return client()


def file_of(gc):
    return pathlib.Path(gc.state_folder) / "journal.db"


def damage(gc):
    """Its head is overwritten, as a disk or another program would."""
    with file_of(gc).open("r+b") as f:
        f.write(b"\x5a" * 4096)
    for tail in ("-wal", "-shm"):
        pathlib.Path(str(file_of(gc)) + tail).unlink(missing_ok=True)


def traced(gc, rule, *args):
    """Runs gpucloud while the kernel treats the journal's files as told."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True,
                      check=False).returncode:
        pytest.skip("strace may not trace here")
    only = [x for tail in ("", "-wal", "-shm") for x in ("-P", f"{file_of(gc)}{tail}")]
    return subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, *only, "-e",
                           f"inject={rule}", gc.bin, *args],
                          env=dict(gc.env, ASAN_OPTIONS="detect_leaks=0"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)


def made(gc):
    return [r for r in gc.sim.state()["resources"] if r["kind"] != "key-pair"]


# --- looking at it ---------------------------------------------------------------------------


def test_what_it_shows(gc):
    done = gc.ok("journal")
    assert done.stdout == "" and "there is no journal" in done.stderr
    assert gc.json("journal")["launches"] == []
    assert not file_of(gc).exists()  # to look at it makes none
    one = gc.launch("train", "--spot", *TYPE)["id"]
    gc.launch("other", *TYPE)
    gc.ok("--yes", "terminate", "other")
    rows = [line.split("\t") for line in gc.ok("journal").stdout.splitlines()]
    assert [r[:3] for r in rows] == [["train", "live", one], ["other", "ended", rows[1][2]]]
    full = gc.json("journal", "train")["launches"][0]
    assert (full["id"], full["state"]) == (one, "live")
    assert {s["kind"] for s in full["steps"]} >= {"security-group", "instance"}
    assert all(s["outcome"] == "done" for s in full["steps"]) and len(full["runs"]) == 1
    text = gc.ok("journal", one).stdout
    assert one in text and "ran       2" in text
    assert gc.json("journal", "--open")["launches"] == []
    gc.fails(3, "journal", "nobody", says="nobody")
    gc.fails(2, "journal", "--check", "train", says="alone")
    gc.fails(2, "journal", "--check", "--repair", says="alone")
    everything = gc.ok("--json", "journal").stdout + gc.ok("journal", "train").stdout
    assert not any(secret in everything for secret in SECRETS)


def test_what_is_open(gc):
    gc.sim.fault(kind="cut", action="RunInstances", count=0)
    kill_when(gc.popen("launch", "--name", "half", *TYPE),
              lambda: requests(gc.sim, "RunInstances"), "the first try")
    (one,) = gc.json("journal", "--open")["launches"]
    assert (one["name"], one["state"], one["id"]) == ("half", "open", "")
    assert any(s["outcome"] == "open" and s["kind"] == "instance" for s in one["steps"])
    assert "half\topen\t" in gc.ok("journal", "--open").stdout


@pytest.mark.parametrize("args", [("list",), ("show", "half"), ("price", "--gpu", "A10G"),
                                  ("sweep",), ("cost",), ("stop", "half"), ("reap",),
                                  ("terminate", "--all"), ("history", "g5.xlarge"), ("idle",)])
def test_any_command_sees_to_it(gc, args):
    """What a killed launch left open is told, in one line, by whatever comes next."""
    gc.sim.fault(kind="delay", action="RunInstances", delay_ms=60000, count=1)
    kill_when(gc.popen("launch", "--name", "half", *TYPE), lambda: gc.live("half"), "the launch")
    done = sane(gc.run("--yes", *args))
    told = [line for line in done.stderr.splitlines() if "an interrupted launch had made 'half'"
            in line]
    assert len(told) == 1, done.stderr
    assert gc.json("journal", "--open")["launches"] == []


# --- damage ----------------------------------------------------------------------------------


def test_check_and_repair(gc):
    gc.launch("train", *TYPE)
    assert "is sound" in gc.ok("journal", "--check").stdout
    assert gc.json("journal", "--check")["sound"] is True
    assert "is sound" in gc.ok("--yes", "journal", "--repair").stdout  # and stays where it is
    assert file_of(gc).exists()
    damage(gc)
    done = expect(gc.run("journal", "--check"), 8)
    assert str(file_of(gc)) in done.stderr and "corrupt" in done.stderr
    gc.fails(2, "journal", "--repair", says="--yes")
    assert "would move" in gc.run("--dry-run", "journal", "--repair").stderr
    assert file_of(gc).exists()
    moved = gc.json("--yes", "journal", "--repair")["moved_to"]
    assert moved.startswith(f"{file_of(gc)}.corrupt-2") and pathlib.Path(moved).exists()
    assert not file_of(gc).exists()
    assert gc.listed()["train"]["state"] in ("pending", "running")
    gc.launch("again", *TYPE)  # a new one is begun
    assert [x["name"] for x in gc.json("journal")["launches"]] == ["again"]
    gc.ok("--yes", "terminate", "--all", "--region", "us-east-1")
    gc.nothing_left()


def test_with_a_damaged_one(gc):
    """Nothing is launched; everything else goes by the tags, and says so; the file stays."""
    one = gc.launch("train", *TYPE)["id"]
    damage(gc)
    before = file_of(gc).read_bytes()
    sent = requests(gc.sim, "RunInstances")
    gc.fails(1, "launch", "--name", "more", *TYPE, says=["corrupt", "gpucloud journal --repair"])
    assert requests(gc.sim, "RunInstances") == sent and len(gc.live()) == 1
    for args in (("list",), ("show", "train"), ("price", "--gpu", "A10G"), ("sweep",), ("cost",)):
        done = expect(gc.run(*args), 0)
        assert done.stderr.count("warning: journal: '") == 1, done.stderr
        assert "gpucloud journal --repair" in done.stderr
    assert gc.listed()["train"]["id"] == one
    gc.fails(1, "cost", "--offline", says="corrupt")
    done = gc.ok("--yes", "--quiet", "terminate", "train")
    assert "is terminated, confirmed by the cloud" in done.stdout
    assert "warning: journal" in done.stderr  # --quiet does not hide it
    gc.nothing_left()
    assert file_of(gc).read_bytes() == before


def test_from_version_1_and_from_a_newer_one(gc):
    """An older gpucloud's is taken over with what is open in it; a newer one's is not touched."""
    gc.sim.fault(kind="delay", action="RunInstances", delay_ms=60000, count=1)
    kill_when(gc.popen("launch", "--name", "half", *TYPE), lambda: gc.live("half"), "the launch")
    with sqlite3.connect(file_of(gc)) as db:
        for table in ("run", "price_step", "receipt", "label"):
            db.execute(f"DROP TABLE {table}")
        for column in ("expires", "reason", "priced_until", "price_gap", "listed"):
            db.execute(f"ALTER TABLE launch DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    assert "an interrupted launch had made 'half'" in gc.ok("list").stderr
    assert gc.json("cost")["lines"][0]["name"] == "half"
    with sqlite3.connect(file_of(gc)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        db.execute("PRAGMA user_version = 99")
    db.close()
    gc.fails(4, "launch", "--name", "new", *TYPE, says=["newer gpucloud", str(file_of(gc))])
    assert "half" in gc.listed() and "newer gpucloud" in gc.ok("list").stderr
    gc.fails(4, "--yes", "journal", "--repair", says="newer gpucloud")
    assert file_of(gc).exists()
    gc.ok("--yes", "terminate", "half")
    gc.nothing_left()


# --- no room, no right -----------------------------------------------------------------------


def test_full_disk(gc):
    """Refused before anything is sent; what looks, and what ends, still works."""
    gc.launch("train", *TYPE)
    before = made(gc)
    full = "pwrite64:error=ENOSPC"
    done = traced(gc, full, "launch", "--name", "more", *TYPE)
    assert done.returncode == 1 and "the disk is full" in done.stderr
    assert "free some space" in done.stderr
    assert [r["id"] for r in made(gc)] == [r["id"] for r in before]
    assert requests(gc.sim, "CreateSecurityGroup") == 1
    assert [p.name for p in (pathlib.Path(gc.state_folder) / "hostkeys").iterdir()] != []
    assert "train" in traced(gc, full, "list").stdout
    done = traced(gc, full, "--yes", "terminate", "train")
    assert "is terminated, confirmed by the cloud" in done.stdout
    gc.ok("list")
    gc.nothing_left()


def test_file_size_limit(gc):
    """As a quota would: a write fails in the middle. No signal ends the program."""
    gc.launch("train", *TYPE)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    done = subprocess.run([gc.bin, "launch", "--name", "more", *TYPE], env=gc.env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          preexec_fn=limit, restore_signals=False, check=False)
    assert done.returncode == 1 and "gpucloud: " in done.stderr, done.stderr
    assert requests(gc.sim, "RunInstances") == 1
    gc.ok("--yes", "terminate", "train")


def test_read_only(gc):
    gc.launch("train", *TYPE)
    for rule in ("openat:error=EROFS", "openat:error=EACCES"):
        done = traced(gc, rule, "launch", "--name", "more", *TYPE)
        assert done.returncode == 1 and "cannot open the database" in done.stderr
        for args in (("list",), ("price", "--gpu", "A10G"), ("cost",)):
            done = traced(gc, rule, *args)
            assert done.returncode == 0 and "warning: journal: " in done.stderr
    assert requests(gc.sim, "RunInstances") == 1
    gc.env["XDG_STATE_HOME"] = "/proc"  # nobody can make a folder there
    gc.fails(1, "launch", "--name", "more", *TYPE, says=["/proc/gpucloud", "without a journal"])
    assert "train" in gc.ok("list").stdout and gc.ok("price", "--gpu", "A10G").stdout
    gc.ok("--yes", "terminate", "train")
    gc.nothing_left()


# --- clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-86400, 86400])
def test_a_clock_that_is_a_day_off(gc, off):
    """Against the cloud's: what was sent moments ago is not thought old, and the time limit and the
    cost are counted by the clock that bills. (A clock that jumps: tests/contract/test_clock.c.)"""
    gc.sim.fault(kind="skew", skew_s=off)
    gc.sim.fault(kind="cut", action="RunInstances", first=2, count=0)
    gc.launch("train", "--ttl", "2h", *TYPE)
    kill_when(gc.popen("launch", "--name", "half", *TYPE),
              lambda: requests(gc.sim, "RunInstances") > 1, "the second try")
    before = gc.sim.state()["resources"]
    done = gc.ok("list")
    assert "cleaned up" not in done.stderr, done.stderr
    assert "the next command looks again" in done.stderr
    assert len(gc.sim.state()["resources"]) == len(before)


def test_two_at_once(gc):
    """Launches and looks side by side: each is written down, none is lost, none is made twice."""
    names = [f"n{i}" for i in range(4)]
    running = [gc.popen("--json", "launch", "--name", name, *TYPE) for name in names]
    running += [gc.popen("--json", "journal") for _ in range(2)]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert {x["name"] for x in gc.json("journal")["launches"]} == set(names)
    assert len(gc.live()) == 4
    ended = json.loads(gc.ok("--json", "--yes", "terminate", *names).stdout)["terminated"]
    assert all(x["confirmed"] for x in ended)
    wait_until(lambda: not gc.live(), "their end")
    gc.nothing_left()
