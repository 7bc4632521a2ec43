# SPDX-License-Identifier: Apache-2.0
"""stop and start: what bills on is told, and only what the cloud confirms is called done."""
import re

from checks import expect
from conftest import wait_until
from sim_tools import state_of

TYPE = ("--type", "g5.xlarge")


def test_stop_and_start(sim, client):
    me = client()
    instance = me.launch("train", *TYPE)["id"]
    running = float(sim.live()[0]["usd_per_hour"])
    me.fails(2, "stop", "train", says="--yes")  # nobody to ask
    assert state_of(sim, instance) == "running"
    done = me.ok("--yes", "stop", "train")
    assert "is stopped, confirmed by the cloud" in done.stdout
    disk = sum(float(v["usd_per_hour"]) for v in sim.live("volume"))
    told = re.search(r"bills on  its disks: \d+ GiB, about \$([\d.]+) a day", done.stdout)
    assert abs(float(told[1]) - disk * 24) < 0.001
    assert state_of(sim, instance) == "stopped" and float(sim.live()[0]["usd_per_hour"]) == 0
    me.ok("--yes", "stop", "train")  # it is already

    rehearsed = me.ok("start", "train", "--dry-run")
    assert f"would start {instance}" in rehearsed.stdout
    assert state_of(sim, instance) == "stopped"
    done = me.ok("start", "train")
    assert "is running at " in done.stdout and "gpucloud ssh train" in done.stdout
    assert state_of(sim, instance) == "running"
    assert float(sim.live()[0]["usd_per_hour"]) == running
    me.ok("--yes", "terminate", "train")
    me.nothing_left()


def test_spot_is_refused_before_anything(sim, client):
    me = client()
    spot = me.launch("cheap", "--spot", "--bid", "101%", *TYPE)["id"]
    other = me.launch("train", *TYPE)["id"]
    done = me.run("stop", "train", "cheap")  # without --yes: it is not even asked
    assert done.returncode == 1
    assert "spot instance" in done.stderr and "gpucloud terminate cheap" in done.stderr
    assert {state_of(sim, spot), state_of(sim, other)} == {"running"}
    assert "StopInstances" not in sim.state()["requests"]


def test_unknown_and_gone(sim, client):
    me = client()
    me.fails(3, "--yes", "stop", "nobody")
    me.fails(3, "--yes", "start", "i-0123456789abcdef0")
    me.fails(2, "stop")
    me.fails(2, "stop", "Not A Name")


def test_not_confirmed(client, make_sim):
    """A machine that takes ten minutes to boot."""
    slow = make_sim("--boot-ms", "600000", "--seed", "7")
    me = client(to=slow)
    instance = me.launch("train", *TYPE, "--wait", "accepted")["id"]
    me.ok("--yes", "stop", "train")
    done = expect(me.run("start", "train", "--timeout", "1"), 8)
    assert "still says 'pending'" in done.stderr and done.stdout == ""
    slow.advance(1000)
    wait_until(lambda: state_of(slow, instance) == "running", "the boot")
    me.ok("start", "train")


def test_json_and_many(sim, client):
    me = client()
    ids = {me.launch(name, *TYPE)["id"] for name in ("a", "b")}
    stopped = me.json("--yes", "stop", "a", "b", "a")["stopped"]
    assert {x["id"] for x in stopped} == ids and len(stopped) == 2
    for one in stopped:
        assert one["confirmed"] and one["state"] == "stopped" and one["error"] == ""
        assert float(one["disk_usd_per_day"]) > 0
    started = me.json("start", "a", "b")["started"]
    assert all(x["confirmed"] and x["public_ip"] for x in started)


def test_no_capacity_to_start(sim, client):
    me = client()
    me.launch("train", *TYPE)
    me.ok("--yes", "stop", "train")
    sim.fault(kind="no-capacity", type="g5.xlarge")
    done = me.run("start", "train")
    assert done.returncode == 5 and "apacity" in done.stderr


def test_limit_passed_meanwhile(sim, client):
    me = client()
    me.launch("train", *TYPE, "--ttl", "1h")
    me.ok("--yes", "stop", "train")
    assert "limit" not in me.ok("start", "train").stdout
    me.ok("--yes", "stop", "train")
    sim.advance(7200)
    assert "passed at " in me.ok("start", "train").stdout
