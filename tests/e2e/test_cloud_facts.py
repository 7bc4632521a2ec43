# SPDX-License-Identifier: Apache-2.0
"""What clouds differ in is told before it costs anything, and what means nothing there is refused."""
import json
import pathlib

import pytest

from checks import Client

PLACES = {"paperspace": ("ny2", "P4000"), "digitalocean": ("nyc2", "gpu-h100x1-80gb")}


class There(Client):
    def __init__(self, env, sim, name):
        super().__init__(env, sim)
        region, self.type = PLACES[name]
        self.env.update(GPUCLOUD_PROVIDER=name, GPUCLOUD_REGION=region)

    def requests(self):
        return sum(self.sim.state()["requests"].values())

    def instance(self, name):
        return next(i for i in self.json("list")["instances"] if i["name"] == name)


@pytest.fixture
def bare(make_sim, clean_env):
    return There(clean_env, make_sim("--machines", "none"), "paperspace")


@pytest.fixture
def bills(make_sim, clean_env):
    return There(clean_env, make_sim("--machines", "none"), "digitalocean")


@pytest.mark.parametrize("command", [("launch",), ("run", "--push", "none")])
@pytest.mark.parametrize("options, says", [
    (("--spot",), "rents on demand alone; it has no spot market"),
    (("--spot", "--bid", "51%"), "rents on demand alone; it has no spot market"),
    (("--from", "192.0.2.1/32"), "nobody can be kept from connecting"),
    (("--port", "8888"), "every port is open already"),
    (("--name", "psabcdefgh"), "may be the id of an instance"),
])
def test_refused_before_any_request(bare, command, options, says):
    done = bare.fails(2, *command, "--type", bare.type, *options,
                      *(["--", "true"] if command[0] == "run" else []), says=says)
    assert "Paperspace" in done.stderr and bare.requests() == 0


def test_refused_elsewhere(bills):
    bills.fails(2, "launch", "--static-address", says="can get none from DigitalOcean")
    bills.fails(2, "launch", "--idle", "30m:stop", "--wait", "running",
                says="a stopped instance bills as before")
    assert bills.requests() == 0
    bills.env["GPUCLOUD_PROVIDER"] = "aws"
    bills.fails(2, "launch", "--static-address", says="can get none from Amazon EC2")


def test_no_zones(bare):
    place = ("--type", bare.type, "--wait", "running")
    bare.fails(2, "launch", "--zone", "us-east-1a", *place, says="Paperspace has no zones")
    named = bare.ok("--dry-run", "launch", "--subnet", "n1234567", *place)
    assert "networkId=n1234567" in named.stdout
    done = bare.ok("--dry-run", "launch", *place)
    assert "Paperspace has no zones" in done.stdout
    assert "zones:" not in done.stdout and "would allow it in ny2, it does not say" in done.stdout
    assert bare.lines("--dry-run", "launch", *place)[-1]["allowed"] is None


def test_an_end_that_somebody_must_see_to_is_asked_about(bills):
    launch = ("launch", "--type", bills.type, "--name", "d", "--wait", "running")
    done = bills.fails(2, *launch, says="only 'gpucloud reap'")
    assert "--yes" in done.stderr and bills.sim.live() == []
    assert "bills as before" in bills.ok("--dry-run", *launch).stdout  # and does not ask
    assert bills.sim.live() == []
    told = bills.ok("--yes", *launch).stdout
    assert "turns itself off, and bills as before until 'gpucloud reap'" in told
    bills.ok("--yes", "terminate", "d")


def test_its_limit_leaves_a_disk(bare):
    done = bare.ok("launch", "--type", bare.type, "--name", "p", "--wait", "running")
    assert "every port of the machine is open to everybody" in done.stderr
    assert "it is turned off, even if this computer is off. Its disk ($" in done.stdout
    assert "it is turned off then, and its disk bills" in bare.ok("show", "p").stdout
    bare.ok("--yes", "terminate", "p")


def test_the_true_price_counts(bare):
    """Quoted was another one than the cloud says: told once, and counted by what it says."""
    launch = ("launch", "--type", bare.type, "--name", "p", "--wait", "running")
    done = bare.ok("--json", *launch, "--on-demand", "0.4")
    summary = json.loads(done.stdout.splitlines()[-1])["instance"]
    assert summary["quoted_usd_per_hour"] == "0.4000"
    true = summary["usd_per_hour"]
    assert float(true) > 0.4
    assert f"costs ${true}/h; quoted was $0.4000/h, by --on-demand" in done.stderr
    assert bare.instance("p")["usd_per_hour"] == true
    assert bare.json("journal", "p")["launches"][0]["on_demand_per_hour"] == true
    assert "quoted" not in bare.ok(*launch).stderr  # it lives already
    gone = bare.json("--yes", "terminate", "p")["terminated"][0]
    assert gone["usd_per_hour"] == true and gone["removed"]["scripts"] == 1


def test_a_hold_gives_a_policy(bare):
    bare.ok("launch", "--type", bare.type, "--name", "p", "--wait", "running", "--ttl", "90m")
    for file in pathlib.Path(bare.state_folder).glob("journal.db*"):
        file.unlink()
    assert "policy    unknown" in bare.ok("show", "p").stdout
    assert bare.json("show", "p")["instance"]["policy_unknown"] is True
    bare.fails(8, "reap", says="gpucloud hold")
    assert bare.fails(8, "reap").stderr == ""  # told once a day
    *_, summary = [json.loads(line) for line in bare.fails(8, "--json", "reap").stdout.splitlines()]
    assert summary["policies_unknown"] == 1
    assert " unknown" in bare.ok("sweep").stdout.replace("\t", " ")
    bare.fails(1, "hold", "p", "off", says="there is nothing to take back")
    bare.ok("hold", "p", "1h")
    assert bare.instance("p")["policy_unknown"] is False
    bare.ok("reap")
    bare.sim.advance(3700)
    assert "terminate p" in bare.ok("reap").stdout
    assert bare.sim.live() == []


def test_stopped_by_hand_stays(bare):
    bare.ok("launch", "--type", bare.type, "--name", "p", "--wait", "running", "--ttl", "1h")
    assert "its disk: about $" in bare.ok("--yes", "stop", "p").stdout
    bare.sim.advance(2 * 3600)
    assert "its disks bill on" in bare.ok("reap").stderr
    assert bare.instance("p")["state"] == "stopped"
    bare.ok("--yes", "terminate", "p")


def test_stopping_saves_nothing(bills):
    bills.ok("--yes", "launch", "--type", bills.type, "--name", "d", "--wait", "running")
    bills.fails(2, "stop", "d", says="only 'gpucloud terminate' ends that")
    done = bills.ok("--yes", "stop", "d")
    assert "bills a machine that is off" in done.stderr and "all of it, $" in done.stdout
    bills.sim.advance(3600)
    assert 0.95 < bills.instance("d")["seconds"] / 3600 < 1.2
    assert "saves nothing with DigitalOcean" in bills.ok("reap").stderr
    bills.ok("--yes", "terminate", "d")
