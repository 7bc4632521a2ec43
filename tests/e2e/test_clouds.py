# SPDX-License-Identifier: Apache-2.0
"""The clouds beside EC2, from a price to a receipt, and nothing left; and what goes wrong there."""
import json
import re
import shutil

import pytest

from checks import Client


class Cloud:
    def __init__(self, name, type, region, user, extra=(), full_label=None):
        self.name, self.type, self.region, self.user = name, type, region, user
        self.extra, self.full_label = extra, full_label


PAPERSPACE = Cloud("paperspace", "P4000", "ny2", "paperspace", extra=("--static-address",),
                   full_label="East Coast (NY2)")
DROPLETS = Cloud("digitalocean", "gpu-h100x1-80gb", "nyc2", "root")
CLOUDS = [pytest.param(cloud, id=cloud.name) for cloud in (PAPERSPACE, DROPLETS)]


class There(Client):
    """A client that works on one of them."""

    def __init__(self, env, sim, cloud):
        super().__init__(env, sim)
        self.cloud = cloud
        self.env["GPUCLOUD_PROVIDER"] = cloud.name
        self.env["GPUCLOUD_REGION"] = cloud.region

    def up(self, name, *args, wait="ssh"):
        return self.lines("--yes", "launch", "--name", name, "--type", self.cloud.type,
                          "--wait", wait, *args)[-1]

    def nothing_left(self):
        left = [(r["kind"], r["id"], r["tags"]) for r in self.sim.state()["resources"]
                if not r["ended"]]
        assert left == []

    def live_rate(self):
        """What everything there bills an hour."""
        return sum(float(r["usd_per_hour"]) for r in self.sim.state()["resources"]
                   if not r["ended"])

    def lose_journal(self):
        shutil.rmtree(self.state_folder)

    def asked(self, action):
        return self.sim.state()["requests"].get(action, 0)


@pytest.fixture(params=CLOUDS)
def cloud(request):
    return request.param


@pytest.fixture
def there(sim, clean_env, cloud):
    return There(clean_env, sim, cloud)


@pytest.fixture
def paperspace(sim, clean_env):
    return There(clean_env, sim, PAPERSPACE)


@pytest.fixture
def droplets(sim, clean_env):
    return There(clean_env, sim, DROPLETS)


def test_from_a_price_to_a_receipt(make_sim, clean_env, cloud):
    gc = There(clean_env, make_sim("--machines", "sshd", "--boot-ms", "300"), cloud)
    offer = next(o for o in gc.json("price", "--type", cloud.type)["offers"]
                 if o["region"] == cloud.region)
    done = gc.up("train", *cloud.extra)
    assert done["verified"] is True and done["selftest"]["verdict"] == "pass"
    assert done["selftest"]["simulated"] is True
    assert done["instance"]["usd_per_hour"] == offer["on_demand"]
    assert gc.ok("exec", "train", "--", "id -un; sudo id -un").stdout.split() == \
        [cloud.user, "root"]
    assert gc.ok("exec", "train", "--", "nvidia-smi -L").stdout.count("GPU 0") == 1
    listed = gc.json("list")["instances"]
    assert [(i["name"], i["state"], i["type"]) for i in listed] == \
        [("train", "running", cloud.type)]
    held = gc.json("hold", "train", "20h")
    assert held["moved"] is True and held["renewed"] is True
    assert gc.asked("UpdateMachine") == (1 if cloud is PAPERSPACE else 0)  # its own timer
    told = gc.ok("--yes", "terminate", "train")
    assert "train" in told.stdout and "$" in told.stdout
    gc.nothing_left()
    assert gc.asked("EmailPassword") == 0
    receipts = gc.json("cost")
    assert json.dumps(receipts).count('"train"') >= 1
    assert gc.json("list")["instances"] == []


def test_a_job_and_its_results(make_sim, clean_env, cloud, tmp_path):
    gc = There(clean_env, make_sim("--machines", "sshd", "--boot-ms", "300"), cloud)
    (tmp_path / "train.sh").write_text("id -un; mkdir -p out; echo 42 > out/loss; exit 3\n")
    done = gc.run("--yes", "run", "--type", cloud.type, "--name", "job", "--out", "out", "--",
                  "sh", "./train.sh", cwd=tmp_path)
    assert done.returncode == 3 and cloud.user in done.stdout.split(), done.stderr
    assert (tmp_path / "out" / "loss").read_text() == "42\n"
    gc.nothing_left()


def test_from_elsewhere_the_first_look_gets_in(make_sim, clean_env):
    """A firewall takes a change up after a while: who is let in knocks again until it has."""
    gc = There(clean_env, make_sim("--machines", "sshd", "--boot-ms", "300"), DROPLETS)
    gc.up("far", "--from", "203.0.113.9/32", wait="running")
    assert gc.json("idle", "far")["instances"][0]["reached"] is True
    assert gc.ok("exec", "far", "--", "echo in").stdout == "in\n"
    gc.ok("--yes", "terminate", "far")
    gc.nothing_left()


def test_spot_is_refused_with_the_reason(there):
    before = there.sim.state()["requests"]
    there.fails(2, "launch", "--type", there.cloud.type, "--spot", "--bid", "51%",
                says=("spot", "on demand"))
    assert there.sim.state()["requests"] == before
    there.nothing_left()


def test_stop_tells_what_bills_on(there):
    there.up("box", wait="running")
    running = there.live_rate()
    done = there.ok("--yes", "stop", "box")
    there_is = there.live_rate()
    if there.cloud is DROPLETS:
        assert there_is == running
        assert re.search(r"bills? as before|full price|as if it ran", done.stdout + done.stderr)
    else:
        assert 0 < there_is < running
        assert "disk" in done.stdout + done.stderr
    there.ok("start", "box")
    assert there.live_rate() == running
    there.ok("--yes", "terminate", "box")
    there.nothing_left()


def test_one_thing_at_a_time(droplets):
    """A droplet that restarts, or is going off, is asked again once that is over."""
    droplets.up("box", wait="running")
    droplets.ok("restart", "box")
    droplets.ok("--yes", "stop", "box")
    droplets.fails(1, "restart", "box", says=("currently off",))
    droplets.ok("start", "box")
    assert droplets.run("--yes", "stop", "box", "--timeout", "1").returncode == 8
    assert droplets.json("list")["instances"][0]["state"] == "stopping"
    droplets.ok("start", "box")
    assert droplets.json("list")["instances"][0]["state"] == "running"
    droplets.ok("--yes", "terminate", "box")
    droplets.nothing_left()


def test_without_a_region(there):
    """A price list needs none; a launch on the simulator has one, and elsewhere says how to find it."""
    del there.env["GPUCLOUD_REGION"]
    assert there.json("price", "--type", there.cloud.type)["offers"]
    there.ok("--yes", "launch", "--name", "here", "--type", there.cloud.type, "--wait", "running")
    there.ok("--yes", "terminate", "here")
    there.nothing_left()


def test_prices_of_every_region(droplets):
    """Outside the simulator's profile DigitalOcean has no default region."""
    told = json.loads((droplets.sim.folder / "sim.json").read_text())
    del droplets.env["GPUCLOUD_REGION"]
    env = {"GPUCLOUD_PROFILE": "", "DIGITALOCEAN_TOKEN": told["digitalocean_token"],
           "DIGITALOCEAN_API_URL": droplets.sim.url + "/digitalocean/v2",
           "GPUCLOUD_CA_BUNDLE": droplets.sim.ca}
    offers = json.loads(droplets.ok("--json", "price", env=env).stdout)["offers"]
    assert len({o["region"] for o in offers}) > 1
    droplets.fails(4, "launch", "--type", DROPLETS.type, env=env,
                   says=("no region is set", "gpucloud --provider digitalocean price"))


def test_the_journal_is_lost(there):
    there.up("lost", "--idle", "30m", "--ttl", "2h", wait="running")
    there.lose_journal()
    one = there.json("list")["instances"][0]
    assert one["name"] == "lost"
    tagless = there.cloud is PAPERSPACE
    assert bool(one.get("policy_unknown")) == tagless
    if tagless:
        told = there.ok("list")
        assert "unknown" in told.stdout and "gpucloud hold lost" in told.stderr
        there.sim.advance(3 * 3600)
        done = there.run("reap")
        assert done.returncode == 8 and "policy" in done.stdout + done.stderr
        assert len(there.json("list")["instances"]) == 1
    there.ok("--yes", "terminate", "lost")
    there.nothing_left()


def test_after_its_limit_reap_ends_it(there):
    """Paperspace turns it off by itself; at DigitalOcean nothing but `reap` ends it."""
    there.up("limited", "--ttl", "1h", wait="running")
    there.sim.advance(3 * 3600)
    state = there.sim.live()[0]["state"]
    assert state == ("off" if there.cloud is PAPERSPACE else "active")
    for _ in range(2):  # a warning first, where one is due
        there.run("reap")
        there.sim.advance(300)
    there.run("reap")
    there.nothing_left()


def test_somebody_elses_are_left_alone(there, clean_env):
    there.up("mine", wait="running")
    other = There(clean_env, there.sim, there.cloud)
    other.env["GPUCLOUD_OWNER"] = "somebody"
    assert other.json("list", "--mine")["instances"] == []
    other.run("--yes", "terminate", "--all")
    other.run("--yes", "sweep", "--delete", "--grace", "0")
    assert len(there.sim.live()) == 1
    there.ok("--yes", "terminate", "mine")
    there.nothing_left()


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["ny2", "NY2", "East Coast (NY2)", "east coast (ny2)"])
def test_a_region_in_every_spelling(paperspace, spelling):
    done = paperspace.lines("--yes", "launch", "--name", "here", "--type", "P4000", "--region",
                            spelling, "--wait", "accepted")[-1]
    assert done["instance"]["region"] == "ny2"
    assert len(paperspace.json("list", "--region", spelling)["instances"]) == 1
    paperspace.ok("--yes", "terminate", "here")
    paperspace.nothing_left()


def test_no_such_region(there):
    done = there.run("price", "--region", "moon1")
    assert done.returncode in (2, 3) and "moon1" in done.stderr


def test_a_200_that_is_an_error(paperspace):
    paperspace.sim.fault(kind="error", service="paperspace", action="CreateMachine", status=200,
                         code="BAD_REQUEST", message="We are currently out of capacity")
    done = paperspace.run("--yes", "launch", "--name", "no", "--type", "P4000")
    assert done.returncode == 5 and "out of capacity" in done.stderr
    paperspace.nothing_left()


def test_a_template_that_is_gone(paperspace):
    paperspace.fails(3, "--yes", "launch", "--type", "P4000", "--image", "Ubuntu 8.04",
                     says=("Ubuntu 8.04",))
    paperspace.nothing_left()


def test_a_key_without_rights(there):
    """It may look, and not make: nothing is left, and the error says what to do."""
    there.sim.fault(kind="error", service=there.cloud.name, action="Create*", status=403,
                    code="FORBIDDEN" if there.cloud is PAPERSPACE else "forbidden")
    done = there.run("--yes", "launch", "--name", "no", "--type", there.cloud.type)
    assert done.returncode == 4 and "403" not in done.stderr.splitlines()[0][:20]
    there.nothing_left()


def test_a_wrong_key(there):
    name = {"paperspace": "PAPERSPACE_API_KEY", "digitalocean": "DIGITALOCEAN_TOKEN"}
    url = {"paperspace": ("PAPERSPACE_API_URL", "/paperspace/v1"),
           "digitalocean": ("DIGITALOCEAN_API_URL", "/digitalocean/v2")}[there.cloud.name]
    env = {"GPUCLOUD_PROFILE": "", name[there.cloud.name]: "wrong-and-secret",
           url[0]: there.sim.url + url[1], "GPUCLOUD_CA_BUNDLE": there.sim.ca}
    done = there.fails(4, "list", env=env)
    assert "wrong-and-secret" not in done.stderr
    done = there.fails(4, "list", env={"GPUCLOUD_PROFILE": ""})
    assert name[there.cloud.name] in done.stderr


def test_sold_out(droplets):
    """Told before anything is made, with the region that has it."""
    droplets.sim.fault(kind="no-capacity", service="digitalocean", zone="nyc2",
                       type="gpu-l40sx1-48gb")
    for wanted in (("--type", "gpu-l40sx1-48gb"), ("--gpu", "L40S")):
        droplets.fails(5, "--yes", "launch", "--wait", "running", *wanted,
                       says=("sold out in nyc2", "tor1"))
    assert droplets.asked("CreateFirewall") == 0


def test_a_droplet_that_could_not_be_made(droplets):
    """Accepted, and then gone again: that is said, instead of waited for."""
    droplets.sim.fault(kind="event-error", service="digitalocean", action="CreateDroplet", count=1)
    done = droplets.fails(1, "--yes", "launch", "--name", "no", "--type", DROPLETS.type, "--wait",
                          "running", says=("is gone", "gpucloud terminate no"))
    assert "billing" not in done.stderr
    droplets.ok("--yes", "terminate", "no")
    droplets.nothing_left()


def test_a_machine_that_could_not_be_made(paperspace):
    """It is there, and off; why, its events say a moment later: that is waited for."""
    paperspace.sim.fault(kind="event-error", service="paperspace", action="CreateMachine", count=1,
                         message="No host had room for it")
    paperspace.fails(1, "--yes", "launch", "--name", "no", "--type", PAPERSPACE.type, "--wait",
                     "running", says=("stopped instead of running: No host had room for it",
                                      "gpucloud terminate no"))
    paperspace.ok("--yes", "terminate", "no")
    paperspace.nothing_left()


def test_a_storm_of_429(there):
    """Asked too much for a while: it waits, and goes on."""
    there.sim.fault(kind="error", service=there.cloud.name, status=429, count=1,
                    code="TOO_MANY_REQUESTS" if there.cloud is PAPERSPACE else "too_many_requests")
    there.ok("list")
