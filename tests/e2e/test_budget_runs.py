# SPDX-License-Identifier: Apache-2.0
"""A budget over all runs of an instance, from whatever computer; and prices asked once for many."""
import math
import shutil

import pytest

from box_tools import later
from checks import Client, requests

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")
HOUR = 3600


@pytest.fixture
def gc(sim, clean_env):
    return Client(clean_env, sim)


def launch(gc, name, *args):
    """Its time limit, which the budget had shortened, is out of the way. Id and dollars an hour."""
    one = gc.launch(name, *TYPE, *args)
    tag(gc, one["id"], "gpucloud-expires", "9999999999")
    return one["id"], float(gc.json("show", name)["instance"]["on_demand_per_hour"])


def tag(gc, instance, key, value):
    gc.sim.boto("ec2").create_tags(Resources=[instance], Tags=[{"Key": key, "Value": value}])


def tags(gc, name):
    (one,) = gc.live(name)
    return one["tags"]


def forget(gc):
    """As on another computer: no journal, no looks."""
    shutil.rmtree(gc.state_folder)


def console(gc, instance, verb):
    """Somebody else, at EC2's own console."""
    ec2 = gc.sim.boto("ec2")
    getattr(ec2, f"{verb}_instances")(InstanceIds=[instance])
    ec2.get_waiter("instance_stopped" if verb == "stop" else "instance_running").wait(
        InstanceIds=[instance], WaiterConfig={"Delay": 1})


def left(gc, name):
    policy = gc.json("show", name)["instance"]["policy"]
    return float(policy["budget_left"]), float(policy["budget_left_most"])


def test_a_stop_is_remembered_everywhere(gc):
    _, usd = launch(gc, "train", "--budget", "3")
    hours = 3 / usd
    assert left(gc, "train")[0] > 2.9
    later(gc.sim, int(hours * 0.4 * HOUR))
    gc.ok("--yes", "stop", "train")
    cents, at = tags(gc, "train")["gpucloud-spent"].split("-")
    assert int(cents) == pytest.approx(math.ceil(300 * 0.4), abs=1)
    later(gc.sim, 100 * HOUR)
    assert gc.ok("reap").stdout == ""  # it does not run
    gc.ok("start", "train")
    again = tags(gc, "train")["gpucloud-spent"].split("-")
    assert again[0] == cents and int(again[1]) - int(at) == pytest.approx(100 * HOUR, abs=60)
    forget(gc)
    later(gc.sim, int(hours * 0.4 * HOUR))
    low, high = left(gc, "train")
    assert low == high == pytest.approx(3 * 0.2, abs=0.03)
    assert "of which $0." in gc.ok("show", "train").stdout
    done = gc.ok("reap")
    assert (done.stdout, done.stderr) == ("", "")
    later(gc.sim, int(hours * 0.19 * HOUR))
    done = gc.ok("reap")
    assert " terminate train " in done.stdout and "of its budget of $3.00 is spent" in done.stdout
    gc.nothing_left()


def test_started_by_somebody_else(gc):
    """Stopped by us, started at the console: what lies between may have run, or not."""
    one, usd = launch(gc, "train", "--budget", "3")
    hours = 3 / usd
    later(gc.sim, int(hours * 0.3 * HOUR))
    gc.ok("--yes", "stop", "train")
    later(gc.sim, int(hours * 2 * HOUR))
    console(gc, one, "start")
    forget(gc)
    later(gc.sim, int(hours * 0.1 * HOUR))
    low, high = left(gc, "train")
    assert low == 0 and high == pytest.approx(3 * 0.6, abs=0.05)
    done = gc.ok("reap")
    assert done.stdout == "" and "nobody here saw when it ran" in done.stderr
    done = gc.ok("reap")
    assert (done.stdout, done.stderr) == ("", "")  # said once a day
    assert "nobody here saw when it ran" in gc.ok("show", "train").stdout
    later(gc.sim, int(hours * 0.61 * HOUR))
    assert " terminate train " in gc.ok("reap").stdout  # that much is sure


def test_runs_nobody_saw(gc):
    """Stopped and started at the console, and no journal: the last run is sure, no more."""
    one, usd = launch(gc, "train", "--budget", "3")
    hours = 3 / usd
    later(gc.sim, int(hours * 0.5 * HOUR))
    console(gc, one, "stop")
    console(gc, one, "start")
    forget(gc)
    later(gc.sim, int(hours * 0.3 * HOUR))
    low, high = left(gc, "train")
    assert low == pytest.approx(3 * 0.2, abs=0.05) and high == pytest.approx(3 * 0.7, abs=0.05)
    done = gc.ok("reap")
    assert (done.stdout, done.stderr) == ("", "")  # even the most it can be is within
    later(gc.sim, int(hours * 0.3 * HOUR))
    done = gc.ok("reap")
    assert done.stdout == "" and "perhaps" in done.stderr
    later(gc.sim, int(hours * 0.4 * HOUR))
    assert " terminate train " in gc.ok("reap").stdout


@pytest.mark.parametrize("value", ["", "5", "5-", "-5", "x-1700000000", "5-0", "5-1700000000 ",
                                   "999999999999-1700000000", "5-17000000000000"])
def test_a_tag_that_is_none(gc, value):
    one, _ = launch(gc, "train", "--budget", "3")
    tag(gc, one, "gpucloud-spent", value)
    assert left(gc, "train") == pytest.approx((3, 3), abs=0.05)
    assert gc.ok("reap").stdout == ""


def test_start_clears_what_stopped_it(gc):
    """Idle, stopped by the reaper, started by its owner: it is not ended a day after the stop."""
    one, _ = launch(gc, "train")
    gc.ok("--yes", "stop", "train")
    tag(gc, one, "gpucloud-stopped", "1700000000")
    gc.ok("start", "train")
    assert tags(gc, "train")["gpucloud-stopped"] == "0"
    gc.ok("--yes", "stop", "train")
    later(gc.sim, 25 * HOUR)
    assert gc.ok("reap").stdout == "" and gc.live("train")


def history_requests(gc, *args):
    before = requests(gc.sim, "DescribeSpotPriceHistory")
    done = gc.ok(*args)
    return requests(gc.sim, "DescribeSpotPriceHistory") - before, done


def test_prices_are_asked_for_once_a_type(gc):
    spot = ("--spot", "--budget", "50")
    gc.launch("n0", *TYPE, *spot)
    later(gc.sim, HOUR)
    alone, _ = history_requests(gc, "cost")
    assert alone >= 1
    for i in range(1, 5):
        gc.launch(f"n{i}", *TYPE, *spot, "--zone", f"us-east-1{'ab'[i % 2]}")
    later(gc.sim, HOUR)
    many, _ = history_requests(gc, "reap")
    assert many == alone
    later(gc.sim, HOUR)
    many, _ = history_requests(gc, "cost")
    assert many == alone
    assert history_requests(gc, "cost", "--offline")[0] == 0
    shutil.rmtree(gc.state_folder)  # another computer's, which can keep nothing of it
    many, _ = history_requests(gc, "cost")
    assert many == alone
    lines = gc.json("cost")["lines"]
    assert len(lines) == 5 and all(line["usd_total"] and line["every_price_known"]
                                   for line in lines), lines
