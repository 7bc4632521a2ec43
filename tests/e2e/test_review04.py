# SPDX-License-Identifier: Apache-2.0
"""What ends an instance without you, where people, computers and accounts get in each other's way: who
owns it, who stopped it, who made it longer, and what may be said of its cost then."""
import fcntl
import json
import pathlib
import re

import pytest

from box_tools import Box, later
from checks import Client, expect, json_lines
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")  # $0.526 an hour on demand
HOUR = 3600


def tag(sim, instance, **tags):
    sim.boto("ec2").create_tags(Resources=[instance], Tags=[
        {"Key": "gpucloud-" + key, "Value": value} for key, value in tags.items()])


def tags_of(gc, name):
    return gc.live(name)[0]["tags"]


def test_owners(sim, client, clean_env, tmp_path):
    alice = client("alice")
    bob = Client(dict(clean_env, XDG_STATE_HOME=str(tmp_path / "bobs")), sim, "bob")
    one = alice.launch("train", *TYPE, "--ttl", "1h")["id"]

    # By its id another's is ended only on purpose.
    bob.fails(2, "--yes", "terminate", one, says=["is not yours but alice's", "--force"])
    assert alice.live("train")
    assert f"gpucloud terminate {one}" in bob.ok("show", one).stdout  # not his own 'train'
    assert "gpucloud terminate train" in alice.ok("show", one).stdout

    # reap under the wrong name: counted where one looks, and a word once a day where it matters.
    done = bob.ok("reap")
    assert done.stdout == "" and done.stderr == ""
    for args in (("--dry-run",), ("-v",)):
        assert "1 of other owners left alone (alice)" in bob.ok("reap", *args).stderr
    later(sim, 3 * HOUR)
    done = bob.ok("reap")
    assert "of alice 1 are past their time" in done.stderr and "--all-owners" in done.stderr
    assert bob.ok("reap").stderr == ""
    assert "of alice 1 are past" in bob.ok("reap", "--dry-run").stderr
    (summary,) = json_lines(bob.ok("--json", "reap").stdout)
    assert (summary["instances"], summary["of_others"], summary["of_others_overdue"]) == (0, 1, 1)
    later(sim, 25 * HOUR)
    assert "of alice 1 are past" in bob.ok("reap").stderr
    assert alice.live("train")
    bob.ok("--yes", "terminate", "--force", one)
    assert not alice.live("train")


def test_one_lock_for_each_account(sim, client, make_sim, clean_env):
    """Two accounts on one computer: what is at work for one is no reason to leave the other."""
    me = client()
    other = Client(clean_env, make_sim("--boot-ms", "100"), "tester")
    for gc in (me, other):
        gc.launch("train", *TYPE, "--ttl", "1h")
        later(gc.sim, 2 * HOUR)
    assert " terminate train " in me.ok("reap").stdout
    (lock,) = pathlib.Path(me.state_folder).glob("reap-*.lock")
    with open(lock, "r+", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "another 'gpucloud reap'" in me.ok("reap", "-v").stderr
        assert " terminate train " in other.ok("reap").stdout


def test_a_state_folder_that_cannot_be_written(sim, client, clean_env, tmp_path):
    me = client()
    me.launch("train", *TYPE, "--ttl", "1h")
    later(sim, 2 * HOUR)
    (tmp_path / "file").write_text("")
    done = me.run("reap", env={"XDG_STATE_HOME": str(tmp_path / "file")})
    assert done.returncode == 1 and " terminate train " in done.stdout, done
    assert "going on" in done.stderr
    me.nothing_left()


def test_what_you_stopped_stays(sim, client):
    me = client()
    me.launch("keepme", *TYPE, "--idle", "30m:stop")
    done = me.ok("--yes", "stop", "keepme")
    assert "stays until you end it" in done.stdout
    later(sim, 13 * HOUR)
    done = me.ok("reap")
    assert done.stdout == ""
    assert re.search(r"keepme \(i-\w+\): stopped, but not by 'reap', and left so; its disks "
                     r"\(\d+ GiB\) bill on, about \$\d+\.\d\d a day", done.stderr), done.stderr
    assert me.ok("reap").stderr == ""
    assert "keep keepme" in me.ok("reap", "--dry-run").stdout
    later(sim, 25 * HOUR)
    assert "bill on, about $" in me.ok("reap").stderr
    assert me.live("keepme")[0]["state"] == "stopped"
    # Started late: its tag is over, and there is time to say for how long.
    assert "gpucloud hold keepme TIME" in me.ok("start", "keepme").stdout
    done = me.ok("reap", "-v")  # there was a word of it today
    assert done.stdout == "" and "was over before it started" in done.stderr
    (thing, summary) = json_lines(me.ok("--json", "sweep").stdout)
    assert thing["verdict"] == "young" and summary["counted"] == 0
    later(sim, 16 * 60)
    assert " terminate keepme " in me.ok("reap").stdout


def test_tags_that_protect_or_cannot_be_read(sim, client):
    me = client()
    one = me.launch("train", *TYPE, "--ttl", "1h")["id"]
    later(sim, 2 * HOUR)
    # Whoever put it there meant something by it: what keeps reap off it keeps sweep off it.
    tag(sim, one, protect="true")
    assert me.ok("--yes", "sweep", "--delete").stdout == ""
    assert me.ok("reap").stdout == ""
    tag(sim, one, protect="0", hold="soon", idle="half an hour")
    for said in (me.ok("show", "train").stdout, me.ok("reap", "--dry-run").stderr):
        assert "gpucloud-hold 'soon'" in said and "gpucloud-idle 'half an hour'" in said
    (thing, summary) = json_lines(me.ok("--json", "--yes", "sweep", "--delete").stdout)
    assert thing["verdict"] == "unknown" and summary["counted"] == 0
    assert "its policy" in me.ok("sweep").stderr  # through a pipe, too
    # A name is anybody's to write: none is handed on to a shell.
    sim.boto("ec2").create_tags(Resources=[one], Tags=[
        {"Key": "gpucloud-name", "Value": "x; rm -rf ~ \x1b[2J"}])
    said = me.ok("show", one).stdout
    assert f"gpucloud terminate {one}\n" in said and "\x1b" not in said
    done = sim.run("state")
    assert done.returncode == 0 and "\x1b" not in done.stdout and one in done.stdout


def test_stopped_time_is_not_billed(sim, client, clean_env, tmp_path):
    """Stopped through EC2 itself, and looked at only when it is ended."""
    me = client()
    one = me.launch("train", *TYPE)["id"]
    me.launch("other", *TYPE)
    sim.boto("ec2").stop_instances(InstanceIds=[one])
    wait_until(lambda: me.live("train")[0]["state"] == "stopped", "the stop")
    later(sim, 10 * HOUR)
    receipt = me.json("--yes", "terminate", one)["terminated"][0]
    assert float(receipt["usd_total"]) < 0.05 and not receipt["at_most"], receipt
    # Another computer sees that it is gone, and that it may have been stopped before.
    other = next(r["id"] for r in me.live("other"))
    sim.boto("ec2").terminate_instances(InstanceIds=[other])
    wait_until(lambda: not me.live("other"), "the end")
    elsewhere = Client(dict(clean_env, XDG_STATE_HOME=str(tmp_path / "elsewhere")), sim)
    lines = {line["id"]: line for line in elsewhere.json("cost")["lines"]}
    assert lines and all(line["at_most"] for line in lines.values())
    assert not {line["id"]: line for line in me.json("cost")["lines"]}[one]["at_most"]


def test_budgets(sim, client):
    me = client()
    me.fails(2, "launch", *TYPE, "--budget", "0.01", "--dry-run", says="--budget 0.03 is the least")
    me.fails(2, "launch", *TYPE, "--budget", "0.02", "--dry-run", says="--budget")
    said = me.ok("launch", *TYPE, "--budget", "2", "--dry-run").stdout
    assert re.search(r"^budget: \$2\.00 lasts 3 h 46 min at \$0\.5260/h.*; it ends by itself then$",
                     said, re.M), said
    me.launch("train", *TYPE, "--budget", "2", "--ttl", "none")
    before = dict(tags_of(me, "train"))
    me.fails(1, "hold", "train", "48h", says=[
        "has a budget of $2.00", "at $0.5260/h, the most an hour can cost, the rest lasts until ",
        "gpucloud hold train 2880m --budget 25."])
    me.fails(1, "hold", "train", "48h", "--dry-run", says="has a budget of $2.00")
    assert tags_of(me, "train") == before
    # With enough of it, a dry run says what would move.
    plan = me.json("hold", "train", "48h", "--budget", "40", "--dry-run")
    assert plan["dry_run"] and plan["moved"] and not plan["renewed"] and not plan["capped"]
    assert plan["ends_at"] == plan["held_until"]
    assert me.json("hold", "--protect", "train", "--dry-run")["dry_run"] is True
    said = me.ok("hold", "train", "1h", "--dry-run").stdout
    assert "a dry run" in said and "as before" in said
    # What is not asked for in so many words goes as far as the budget does.
    later(sim, 3 * HOUR)
    plan = me.json("hold", "train", "--dry-run")
    assert plan["capped"] and not plan["moved"], plan
    assert "lasts no longer at $0.5260/h" in me.ok("hold", "train", "--dry-run").stdout
    assert tags_of(me, "train") == before
    me.fails(2, "hold", "--protect", "train", "--budget", "5", says="--budget goes with a time")


def test_a_damaged_journal(sim, client):
    me = client()
    me.launch("train", *TYPE)
    (journal,) = pathlib.Path(me.state_folder).glob("journal.db")
    me.ok("cost")
    for path in pathlib.Path(me.state_folder).glob("journal.db-*"):
        path.unlink()
    journal.write_bytes(journal.read_bytes()[:100] + b"\x5a" * 60000)
    for args in (("journal",), ("cost",), ("launch", "--name", "x", *TYPE)):
        done = me.run(*args)
        assert "gpucloud journal --repair" in done.stderr, done
        assert "out of the way" not in done.stderr


@pytest.fixture
def machines(make_sim, clean_env):
    return Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "200"))


def test_a_budget_and_a_machine(machines):
    """The machine's own timer is what keeps a budget: it moves no further than that lasts."""
    gc = machines
    one = Box(gc.sim, gc.launch("train", *TYPE, "--budget", "2", "--ttl", "1h")["id"])
    said = gc.ok("hold", "train", "2h").stdout
    assert "the machine confirmed it" in said and "budget" not in said
    assert HOUR < one.left() <= 2 * HOUR
    later(gc.sim, HOUR)
    done = gc.ok("--json", "hold", "train")
    held = json.loads(done.stdout)
    assert not held["capped"] and held["moved"]
    done = expect(gc.run("hold", "train", "3h"), 1)
    assert "the rest lasts until" in done.stderr
    before = one.left()
    assert before <= 2 * HOUR
    said = gc.ok("hold", "train", "3h", "--budget", "3").stdout
    assert "is $3.00 now" in said
    assert tags_of(gc, "train")["gpucloud-budget"] == "300"
    assert 2 * HOUR < one.left() <= 3 * HOUR
