# SPDX-License-Identifier: Apache-2.0
"""cost: money right to the cent against the simulator's own ledger, and honest where it is not known."""
import csv
import datetime
import io
import re
import shutil
import sqlite3

import pytest
from checks import expect
from conftest import wait_until
from test_sweep import age

TYPE = ("--type", "g5.xlarge")
ZONE = "us-east-1a"
HOUR = 3600
DAY = 24 * HOUR
CENT = 0.01


@pytest.fixture
def gc(client):
    return client()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Ledger:
    """What the simulator bills, read from its state whenever the rate may have changed."""

    def __init__(self, sim):
        self.sim, self.last, self.bills, self.steps = sim, {}, {}, []

    def look(self):
        """The rate read now holds from the last look on; so look just before and after a change."""
        state = self.sim.state()
        now = moment(state["now"])
        for one in state["resources"]:
            if one["kind"] != "instance":
                continue
            began, ended = moment(one["began"]), one["ended"] and moment(one["ended"])
            since, rate = self.last.get(one["id"], (began, None))
            until = ended or now
            if rate is not None and until > since:
                self.steps.append((one["id"], since, until, rate))
                self.bills[one["id"]] = self.bills.get(one["id"], 0) + rate * (until - since) / HOUR
            self.last[one["id"]] = (until, float(one["usd_per_hour"]))

    def pass_time(self, seconds):
        """Long enough a time, looked at on both ends."""
        self.look()
        age(self.sim, seconds)
        self.look()

    def between(self, since, until):
        return sum(rate * max(0, min(b, until) - max(a, since)) / HOUR
                   for _, a, b, rate in self.steps)


def set_prices(sim, *steps):
    """From so many seconds after now on, that price."""
    for from_s, price in steps:
        sim.fault(kind="price", zone=ZONE, type="g5.xlarge", price=price, from_s=from_s)


def lines(gc, *args, key="id"):
    return {line[key]: line for line in gc.json("cost", *args)["lines"]}


def journal(gc):
    return sqlite3.connect(gc.state_folder + "/journal.db")


def test_every_price_step_to_the_cent(gc, sim):
    """Steps seen by list, show and terminate, and those between: the receipt is the ledger's."""
    set_prices(sim, (1, "0.30"), (HOUR, "0.4512"), (2 * HOUR, "0.2001"), (5 * HOUR, "0.90"))
    ledger = Ledger(sim)
    age(sim, 2)
    spot = gc.launch("spot", "--spot", "--bid", "150%", "--zone", ZONE, *TYPE)["id"]
    for seconds in (HOUR - 10, 20, HOUR - 20, 20, HOUR, HOUR, HOUR - 30, 30):
        ledger.pass_time(seconds)
    running = lines(gc)[spot]
    assert abs(float(running["usd_total"]) - ledger.bills[spot]) < CENT
    assert running["every_price_known"] and not running["at_most"] and running["ended"] is None
    ledger.pass_time(HOUR)
    shown = gc.json("show", "spot")["instance"]
    assert abs(float(shown["usd_total"]) - ledger.bills[spot]) < CENT
    (receipt,) = gc.json("--yes", "terminate", "spot")["terminated"]
    ledger.look()
    assert ledger.bills[spot] > 2 and len({s[3] for s in ledger.steps}) == 4
    assert abs(float(receipt["usd_total"]) - ledger.bills[spot]) < CENT

    # Long after, when the cloud has forgotten both the instance and its prices.
    age(sim, 100 * DAY)
    for args in ((), ("--offline",), ("spot",), (spot,)):
        kept = lines(gc, *args)[spot]
        assert kept["usd_total"] == receipt["usd_total"] and kept["every_price_known"]
    out = gc.ok("journal", "spot").stdout
    assert re.search(r"^  prices    [4-9] steps", out, re.M) and receipt["usd_total"] in out


def test_days_months_and_windows(gc, sim):
    """Cut at midnight UTC, and the parts add up to the whole."""
    ledger = Ledger(sim)
    gc.launch("long", *TYPE)
    for _ in range(34):
        ledger.pass_time(DAY)
    gc.ok("--yes", "terminate", "long")
    ledger.look()
    days = lines(gc, "--by", "day", key="day")
    assert len(days) in (35, 36)
    for name, line in days.items():
        since = moment(name + "T00:00:00Z")
        assert abs(float(line["usd_total"]) - ledger.between(since, since + DAY)) < CENT, name
    whole = sorted(days)[1:-1]
    assert {line["seconds"] for name, line in days.items() if name in whole} == {DAY}
    months = lines(gc, "--by", "month", key="month")
    for name, line in months.items():
        parts = sum(round(float(d["usd_total"]) * 1e6) for k, d in days.items()
                    if k.startswith(name))
        assert parts == round(float(line["usd_total"]) * 1e6)
    total = gc.json("cost", "--by", "month")["total"]
    assert abs(float(total["usd_total"]) - sum(ledger.bills.values())) < CENT
    # A window inside one day.
    since = moment(whole[3] + "T06:00:00Z")
    stamp = [datetime.datetime.fromtimestamp(t, datetime.timezone.utc).isoformat()
             for t in (since, since + 7 * HOUR)]
    part = gc.json("cost", "--since", stamp[0], "--until", stamp[1])["total"]
    assert part["seconds"] == 7 * HOUR
    assert abs(float(part["usd_total"]) - ledger.between(since, since + 7 * HOUR)) < CENT


def test_stopped_time_is_not_billed(gc, sim):
    ledger = Ledger(sim)
    one = gc.launch("nap", *TYPE)["id"]
    ledger.pass_time(2 * HOUR)
    gc.ok("--yes", "stop", "nap")
    ledger.look()
    ledger.pass_time(30 * HOUR)
    assert abs(float(lines(gc)[one]["usd_total"]) - ledger.bills[one]) < CENT
    assert "stopped   2" in gc.ok("show", "nap").stdout
    gc.ok("start", "nap")
    ledger.look()
    ledger.pass_time(HOUR)
    (receipt,) = gc.json("--yes", "terminate", "nap")["terminated"]
    ledger.look()
    assert abs(float(receipt["usd_total"]) - ledger.bills[one]) < CENT
    assert receipt["at_most"] is False
    assert abs(receipt["seconds"] - 3 * HOUR) < 30
    assert abs(float(lines(gc)[one]["usd_total"]) - ledger.bills[one]) < CENT


def test_stopped_by_somebody_else(gc, sim):
    """Nobody here saw when: the most it can be, and said so."""
    one = gc.launch("nap", *TYPE)["id"]
    ec2 = sim.boto("ec2")
    age(sim, HOUR)
    ec2.stop_instances(InstanceIds=[one])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[one], WaiterConfig={"Delay": 1})
    age(sim, 10 * HOUR)
    ec2.start_instances(InstanceIds=[one])
    age(sim, 1)
    wait_until(lambda: gc.listed()["nap"]["state"] == "running", "the start")
    age(sim, HOUR)
    line = lines(gc)[one]
    assert line["at_most"] is True and abs(line["seconds"] - 12 * HOUR) < 60
    assert re.search(r"\t< 12\.\d+\t", gc.ok("cost").stdout)
    assert "at most $12." in gc.ok("--yes", "terminate", "nap").stdout


@pytest.mark.parametrize("seconds,free", [(HOUR - 300, True), (HOUR + 300, False)])
def test_taken_back_in_its_first_hour(gc, sim, seconds, free):
    one = gc.launch("spot", "--spot", "--bid", "101%", "--zone", ZONE, *TYPE)["id"]
    age(sim, seconds)
    sim.fault(kind="interrupt", zone=ZONE, type="g5.xlarge")
    age(sim, 300)
    wait_until(lambda: not sim.live(), "its end")
    line = lines(gc)[one]
    assert line["free"] is free and (float(line["usd_total"]) == 0) is free
    assert float(line["on_demand_total"]) > 0.8
    # For good: the reason is kept when the cloud has forgotten it.
    age(sim, 3 * DAY)
    assert lines(gc)[one] == line


def test_ended_by_itself_and_forgotten(gc, sim):
    """Nobody saw its end: its own time limit is the latest it can be."""
    one = gc.launch("lost", "--ttl", "3h", *TYPE)["id"]
    sim.boto("ec2").terminate_instances(InstanceIds=[one])
    wait_until(lambda: not sim.live(), "its end")
    age(sim, 9 * HOUR)
    line = lines(gc)[one]
    assert line["ended"] and line["at_most"] is True and abs(line["seconds"] - 3 * HOUR) < 60
    assert gc.ok("journal").stdout.split("\t")[1] == "gone"


def test_never_zero_for_unknown(gc, sim):
    """A price that nobody knows is a question mark, and null; what is known is told beside it."""
    gc.launch("dear", *TYPE)
    gc.launch("odd", "--spot", "--zone", ZONE, *TYPE)
    gc.ok("--yes", "terminate", "--all")
    with journal(gc) as db:
        db.execute("DELETE FROM receipt")
        db.execute("DELETE FROM price_step")
        db.execute("UPDATE launch SET price = -1, on_demand = -1, priced_until = 0"
                   " WHERE name = 'odd'")
    db.close()
    report = gc.json("cost", "--offline")
    odd = next(x for x in report["lines"] if x["name"] == "odd")
    assert odd["usd_total"] is None and odd["on_demand_total"] is None and odd["unknown_s"] == odd["seconds"]
    assert report["total"]["usd_total"] is None and float(report["total"]["usd_known"]) > 0
    done = gc.ok("cost", "--offline")
    assert re.search(r"^odd\t.*\t\?\t\?\t\?$", done.stdout, re.M), done.stdout
    assert " + ?" in done.stderr


def test_other_computers_and_accounts(gc, sim, client, clean_env, tmp_path):
    """What another computer launched is known while it runs; the simulator's money is no real one."""
    one = gc.launch("shared", *TYPE)["id"]
    shutil.rmtree(gc.state_folder)
    age(sim, 2 * HOUR)
    line = lines(gc)[one]
    assert abs(float(line["usd_total"]) - 2 * 1.006) < 3 * CENT and line["at_most"] is False
    assert lines(client(owner="colleague")) == {}
    gc.launch("mine", *TYPE)
    assert [x["name"] for x in gc.json("cost", "--offline")["lines"]] == ["mine"]
    real = dict(gc.env)
    del real["GPUCLOUD_PROFILE"]
    gc.env = real
    assert gc.json("cost", "--offline")["lines"] == []


def test_words_and_shapes(gc):
    done = gc.ok("cost")
    assert done.stdout == "" and "nothing was spent" in done.stderr
    gc.fails(3, "cost", "nobody", says="nobody")
    gc.fails(3, "cost", "--offline", "i-0123456789abcdef0")
    gc.fails(2, "cost", "--by", "week", says="week")
    gc.fails(2, "cost", "No Name")
    gc.fails(2, "cost", "--json", "--csv", says="not both")
    gc.fails(2, "cost", "--since", "2026-01-02", "--until", "2026-01-01")
    gc.fails(2, "cost", "--since", "soon", says="--since")
    gc.launch("one", *TYPE)
    gc.launch("two", "--spot", *TYPE)
    rows = list(csv.DictReader(io.StringIO(gc.ok("cost", "--csv").stdout)))
    assert [r["name"] for r in rows] == ["one", "two"] and rows[1]["market"] == "spot"
    assert all(re.fullmatch(r"\d+\.\d{4,6}", r["usd_total"]) for r in rows)
    by_name = list(csv.DictReader(io.StringIO(gc.ok("cost", "--csv", "--by", "name").stdout)))
    assert {r["name"]: r["launches"] for r in by_name} == {"one": "1", "two": "1"}
    assert len(gc.ok("cost", "--by", "name").stdout.splitlines()) == 2
    assert "total USD" in gc.ok("cost").stderr
    assert gc.json("cost", "one")["total"]["launches"] == 1
    assert gc.json("cost", "--since", "2020-01-01", "--until", "2020-02-01")["lines"] == []


def test_a_region_does_not_answer(gc, sim):
    gc.launch("one", *TYPE)
    sim.fault(kind="error", service="ec2", action="DescribeInstances", status=500,
              code="InternalError", count=0, probability=0.5)
    done = gc.run("cost")
    sim.fault(kind="error", service="ec2", action="DescribeInstances", status=500,
              code="InternalError", count=1, first=1)
    assert done.returncode in (0, 1)
    if done.returncode:
        assert "could not be asked" in done.stderr
    expect(gc.run("cost", "--offline"), 0)


# --- budgets ---------------------------------------------------------------------------------


def test_budget(gc, sim):
    """The machine's own timer is set by the worst price; the tag tells `reap` the rest."""
    done = gc.ok("launch", "--name", "bound", "--spot", "--bid", "0.80", "--budget", "4", "--zone",
                 ZONE, *TYPE)
    assert re.search(r"^budget: \$4\.00 lasts 4 h 58 min at \$0\.8000/h", done.stdout, re.M)
    (instance,) = gc.live("bound")
    assert instance["tags"]["gpucloud-budget"] == "400"
    lasts = int(instance["tags"]["gpucloud-expires"]) - moment(instance["began"])
    assert abs(lasts - (5 * HOUR - 120)) < 30
    budget = gc.lines("launch", "--name", "short", "--budget", "100", "--ttl", "1h", *TYPE)[1]
    assert (budget["message_type"], budget["ttl_is_first"], budget["ttl_s"]) == ("budget", True, HOUR)
    assert budget["budget"] == "100.0000"
    # It takes the place of a time limit: nothing is asked.
    gc.ok("launch", "--name", "none", "--budget", "2.50", "--ttl", "none", *TYPE)
    assert "gpucloud-expires" in gc.live("none")[0]["tags"]
    gc.ok("--yes", "terminate", "--all")
    gc.nothing_left()


@pytest.mark.parametrize("args,says", [
    (("--budget", "0"), "0.01"), (("--budget", "0.001"), "cents"), (("--budget", "-1"), "--budget"),
    (("--budget", "ten"), "--budget"), (("--budget", "0.01"), "the three minutes"),
    (("--budget", "2000000"), "1000000"),
])
def test_budgets_that_are_refused(gc, sim, args, says):
    gc.fails(2, "launch", "--name", "x", *args, *TYPE, says=says)
    assert sim.state()["resources"] == []


def test_budget_needs_our_own_user_data(gc, sim, tmp_path):
    (tmp_path / "mine").write_text("#cloud-config\n")
    gc.fails(2, "launch", "--budget", "5", "--user-data", str(tmp_path / "mine"), *TYPE,
             says="--budget")
