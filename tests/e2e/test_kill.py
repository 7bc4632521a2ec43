# SPDX-License-Identifier: Apache-2.0
"""Killed at any instant, cut at any byte: what was made is listed or gone, and never made twice."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess

import pytest
from checks import kill_when, requests
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge")
ACCEPTED = ("--wait", "accepted")


@pytest.fixture
def gc(client):
    return client()


def hold_back(sim, action, ms=60000):
    """The next such request is carried out; its answer is a long time coming."""
    sim.fault(kind="delay", action=action, delay_ms=ms, count=1)


def refuse_all(sim, action):
    """Such requests never get in: the connection breaks before anything is done."""
    sim.fault(kind="cut", action=action, count=0)


def age_journal(gc, seconds):
    """As if so much time had passed since everything in the journal."""
    with sqlite3.connect(gc.state_folder + "/journal.db") as db:
        db.execute("UPDATE step SET began = began - ?", (seconds,))
        db.execute("UPDATE launch SET began = began - ?", (seconds,))
    db.close()


# --- after the request was sent --------------------------------------------------------------


def test_killed_before_the_answer_was_kept(gc):
    hold_back(gc.sim, "RunInstances")
    process = gc.popen("launch", "--spot", "--bid", "51%", "--name", "lost", *TYPE, *ACCEPTED)
    assert kill_when(process, lambda: gc.live("lost"), "the launch") == -signal.SIGKILL
    (instance,) = gc.live("lost")

    listed = gc.ok("list")
    assert instance["id"] in listed.stdout
    assert "an interrupted launch had made 'lost'" in listed.stderr
    assert instance["id"] in listed.stderr and "gpucloud terminate lost" in listed.stderr
    # It is known from now on: said once, and with its price.
    again = gc.ok("list")
    assert instance["id"] in again.stdout and "interrupted" not in again.stderr
    assert gc.listed()["lost"]["usd_per_hour"] is not None

    repeated = gc.lines("launch", "--spot", "--bid", "51%", "--name", "lost", *TYPE)[-1]
    assert repeated["instance"]["id"] == instance["id"] and repeated["existed"] is True
    assert len(gc.made("lost")) == 1
    gc.ok("--yes", "terminate", "lost")
    gc.nothing_left()


def test_killed_and_launched_again_at_once(gc):
    """No `list` between: the repeated command itself finds it."""
    hold_back(gc.sim, "RunInstances")
    kill_when(gc.popen("launch", "--name", "again", *TYPE, *ACCEPTED), lambda: gc.live("again"),
              "the launch")
    (instance,) = gc.live("again")
    assert gc.launch("again", *TYPE)["id"] == instance["id"]
    assert len(gc.made("again")) == 1


def test_killed_and_not_visible_yet(client, make_sim, tmp_path):
    """The cloud does not describe it for a while: nothing is said to be gone, the same token is
    used, and the same instance comes."""
    scenario = tmp_path / "late.json"
    scenario.write_text('{"visible_after_ms": 8000}')
    gc = client(to=make_sim("--boot-ms", "100", "--scenario", str(scenario)))
    hold_back(gc.sim, "RunInstances")
    kill_when(gc.popen("launch", "--name", "late", *TYPE, *ACCEPTED), lambda: gc.live("late"),
              "the launch")
    (instance,) = gc.live("late")
    listed = gc.ok("list")
    if instance["id"] not in listed.stdout:
        assert "the next command looks again" in listed.stderr
    assert gc.launch("late", *TYPE, *ACCEPTED)["id"] == instance["id"]
    assert len(gc.made("late")) == 1
    wait_until(lambda: instance["id"] in gc.ok("list").stdout, "it in the list")
    gc.ok("--yes", "terminate", "late")
    gc.nothing_left()


def test_killed_before_it_got_through(gc):
    """The intent is written, the request never arrives: nothing was made, and nothing stays."""
    refuse_all(gc.sim, "RunInstances")
    kill_when(gc.popen("launch", "--name", "never", *TYPE, *ACCEPTED),
              lambda: requests(gc.sim, "RunInstances"), "the first try")
    assert gc.made("never") == [] and gc.live(kind="security-group")
    listed = gc.ok("list")
    assert "a launch of 'never' was interrupted" in listed.stderr
    assert gc.live(kind="security-group")  # it may still come true
    age_journal(gc, 700)
    listed = gc.ok("list")
    assert "'never' had made no instance: cleaned up" in listed.stderr
    gc.nothing_left()
    assert gc.ok("list").stderr == "nothing of gpucloud's is running\n"


def test_killed_before_it_got_through_and_repeated(gc):
    gc.sim.fault(kind="cut", action="RunInstances", count=2, delay_ms=1500)
    kill_when(gc.popen("launch", "--name", "retry", *TYPE, *ACCEPTED),
              lambda: requests(gc.sim, "RunInstances"), "the first try")
    done = gc.ok("launch", "--name", "retry", *TYPE, *ACCEPTED)
    assert "finishing the interrupted launch of 'retry'" in done.stderr
    assert len(gc.made("retry")) == 1
    gc.ok("--yes", "terminate", "retry")
    gc.nothing_left()


def test_repeated_otherwise_is_refused(gc):
    """What may still come true is not sent again with other parameters."""
    refuse_all(gc.sim, "RunInstances")
    kill_when(gc.popen("launch", "--name", "other", *TYPE, *ACCEPTED),
              lambda: requests(gc.sim, "RunInstances"), "the first try")
    sent = requests(gc.sim, "RunInstances")
    gc.fails(1, "launch", "--name", "other", "--type", "g5.xlarge", "--zone", "us-east-1f",
             says=["interrupted launch of 'other'", "as it was"])
    gc.fails(1, "launch", "--name", "other", *TYPE, "--disk", "99", says="as it was")
    assert requests(gc.sim, "RunInstances") == sent


@pytest.mark.parametrize("action", ["ImportKeyPair", "CreateSecurityGroup",
                                    "AuthorizeSecurityGroupIngress"])
def test_killed_while_preparing(gc, tmp_path, action):
    key = tmp_path / "id.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZGJlZWZkZWFkYmVlZmRl"
                   "YWRiZWVm x\n")
    hold_back(gc.sim, action)
    kill_when(gc.popen("launch", "--name", "half", "--ssh-key", str(key), *TYPE),
              lambda: requests(gc.sim, action), action)
    assert gc.sim.state()["resources"]
    assert "cleaned up" in gc.ok("list").stderr
    gc.nothing_left()


def test_the_owner_lives(gc):
    """What another gpucloud is making right now is not undone by ours."""
    hold_back(gc.sim, "CreateSecurityGroup", 3000)
    process = gc.popen("--json", "launch", "--name", "busy", *TYPE, *ACCEPTED)
    wait_until(lambda: gc.live(kind="security-group"), "the group")
    listed = gc.ok("list")
    assert "interrupted" not in listed.stderr and gc.live(kind="security-group")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(gc.live("busy")) == 1


# --- at every step ---------------------------------------------------------------------------


def killed_at(gc, syscall, when, *args):
    """Runs gpucloud and kills it as it enters the when-th call of a kind; False: it got through."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={syscall}", "-e",
         f"inject={syscall}:signal=KILL:when={when}", gc.bin, *args],
        env=dict(gc.env, ASAN_OPTIONS="detect_leaks=0"), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    return done.returncode != 0


def tracer_works(gc):
    if not shutil.which("strace"):
        pytest.fail("strace is not installed: scripts/install-deps build test")
    done = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True)
    if done.returncode:
        pytest.fail("strace may not trace here: nothing could be killed")


@pytest.mark.parametrize("syscall,first,step", [("fdatasync", 1, 1), ("sendto,write", 3, 5)])
def test_killed_at_every_step(gc, syscall, first, step):
    """At each sync of the journal, at every few of what it writes to the network and elsewhere:
    the next `list` shows what lives, and the repeated launch ends with one instance."""
    tracer_works(gc)
    killed = 0
    for n in range(40):
        name = f"step-{n}"
        if not killed_at(gc, syscall, first + step * n, "launch", "--name", name, *TYPE,
                         *ACCEPTED):
            break
        killed += 1
        seen = gc.live(name)
        listed = gc.listed()
        assert [listed[name]["id"]] == [i["id"] for i in seen] if seen else name not in listed
        assert gc.launch(name, *TYPE, *ACCEPTED)["name"] == name
        assert len(gc.made(name)) == 1, f"killed at {syscall} {first + step * n}"
    else:
        pytest.fail("it never got through")
    assert killed > 4
    gc.ok("--yes", "terminate", "--all", "--region", "us-east-1")
    gc.nothing_left()


def test_terminate_killed_at_every_step(gc):
    """An end that was interrupted is taken up by the next one."""
    tracer_works(gc)
    for n in range(1, 40, 7):
        name = f"end-{n}"
        gc.launch(name, *TYPE, *ACCEPTED)
        through = not killed_at(gc, "sendto,write", n, "--yes", "terminate", name)
        if gc.live(name):
            assert gc.listed()[name]["state"] in ("pending", "running", "ending")
        if through:
            break
    gc.run("--yes", "terminate", "--all", "--region", "us-east-1")
    wait_until(lambda: not gc.live(), "the end of all")
    for one in gc.listed("--all").values():
        gc.ok("--yes", "terminate", one["id"])
    gc.nothing_left()


# --- other ways to lose it -------------------------------------------------------------------


def test_lost_journal(gc):
    """The cloud is the truth: without any local state everything is found by its tags."""
    made = gc.launch("bare", "--spot", "--bid", "76%", *TYPE)
    shutil.rmtree(gc.state_folder)
    assert gc.listed()["bare"]["id"] == made["id"]
    assert gc.launch("bare", *TYPE)["id"] == made["id"]
    shutil.rmtree(gc.state_folder)
    receipt = gc.json("--yes", "terminate", "bare")["terminated"][0]
    assert receipt["confirmed"] is True and receipt["usd_total"] is not None
    gc.nothing_left()


def test_journal_lost_with_an_open_launch(gc):
    hold_back(gc.sim, "RunInstances")
    kill_when(gc.popen("launch", "--name", "gone", *TYPE, *ACCEPTED), lambda: gc.live("gone"),
              "the launch")
    shutil.rmtree(gc.state_folder)
    (instance,) = gc.live("gone")
    assert instance["id"] in gc.ok("list").stdout
    assert gc.launch("gone", *TYPE)["id"] == instance["id"]
    gc.ok("--yes", "terminate", "gone")
    gc.nothing_left()


def test_broken_journal(gc):
    """No journal, no launch: nothing is sent. Listing still works."""
    state = pathlib.Path(gc.state_folder)
    state.mkdir(mode=0o700)
    (state / "journal.db").write_bytes(b"this is no database" * 100)
    gc.fails(1, "launch", "--name", "x", *TYPE, says=["journal", "is corrupt, or no database"])
    assert gc.sim.state()["resources"] == []
    assert "journal" in gc.ok("list").stderr


def test_no_room_for_the_journal(gc):
    """The folder cannot be made: as above, before anything is sent."""
    blocked = pathlib.Path(gc.home) / "file"
    blocked.write_text("")
    gc.env["XDG_STATE_HOME"] = str(blocked)
    done = gc.run("launch", "--name", "x", *TYPE)
    assert done.returncode in (1, 4) and str(blocked) in done.stderr
    assert gc.sim.state()["resources"] == []


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_waiting(client, make_sim, signo):
    gc = client(to=make_sim("--boot-ms", "600000"))
    process = gc.popen("launch", "--name", "slow", *TYPE)
    wait_until(lambda: requests(gc.sim, "DescribeInstances") >= 20 or gc.live("slow"), "it")
    # Only once the answer is in the journal does it wait.
    wait_until(lambda: live_in_journal(gc), "the journal")
    process.send_signal(signo)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in err and "gpucloud terminate slow" in err
    (instance,) = gc.live("slow")
    assert instance["id"] in out
    assert gc.listed()["slow"]["id"] == instance["id"]


def live_in_journal(gc):
    try:
        with sqlite3.connect(f"file:{gc.state_folder}/journal.db?mode=ro", uri=True) as db:
            return db.execute("SELECT instance FROM launch WHERE instance <> ''").fetchall()
    except sqlite3.OperationalError:
        return None
    finally:
        if "db" in locals():
            db.close()


def test_interrupted_while_the_launch_is_under_way(gc):
    """A first Ctrl-C does not abandon a request that makes something."""
    hold_back(gc.sim, "RunInstances", 2000)
    process = gc.popen("launch", "--name", "polite", *TYPE)
    wait_until(lambda: gc.live("polite"), "the launch")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    (instance,) = gc.live("polite")
    assert instance["id"] in out
    assert "interrupted launch" not in gc.ok("list").stderr
    assert len(gc.made("polite")) == 1


def test_interrupted_before_anything(gc):
    """During the questions: nothing was made, and nothing is open."""
    hold_back(gc.sim, "DescribeSpotPriceHistory", 20000)
    process = gc.popen("launch", "--spot", "--name", "early", *TYPE)
    wait_until(lambda: requests(gc.sim, "DescribeSpotPriceHistory"), "the question")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert gc.sim.state()["resources"] == []


def test_lost_replies(gc):
    """The reply never comes, time and again: the same token brings the same instance."""
    gc.sim.fault(kind="lost", action="RunInstances", count=2)
    gc.sim.fault(kind="lost", action="CreateSecurityGroup", count=1)
    made = gc.launch("deaf", *TYPE, *ACCEPTED)
    assert [i["id"] for i in gc.made("deaf")] == [made["id"]]
    gc.sim.fault(kind="lost", action="TerminateInstances", count=1)
    gc.ok("--yes", "terminate", "deaf")
    gc.nothing_left()


def test_every_reply_lost(gc):
    """It was made, and no try heard of it: looked up by its token."""
    gc.sim.fault(kind="lost", action="RunInstances")
    made = gc.launch("mute", *TYPE, *ACCEPTED)
    assert [i["id"] for i in gc.made("mute")] == [made["id"]]


def test_not_known_is_said(gc):
    """Neither answer nor sight: reported as unknown, not as failure, and found later."""
    gc.sim.fault(kind="lost", action="RunInstances")
    gc.sim.fault(kind="error", action="DescribeInstances", status=500, code="InternalError",
                 count=24)
    done = gc.fails(1, "launch", *TYPE, *ACCEPTED, timeout=120)
    assert "whether an instance was made is not known" in done.stderr
    assert "gpucloud list" in done.stderr
    (instance,) = gc.live()
    wait_until(lambda: instance["id"] in gc.run("list", "--region", "us-east-1").stdout,
               "it in the list", 60)
    gc.ok("--yes", "terminate", instance["id"])
    gc.nothing_left()
