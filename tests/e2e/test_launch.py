# SPDX-License-Identifier: Apache-2.0
"""The first line: compare zones, launch at 51 %, look, restart, terminate, and nothing is left."""
import base64
import re
import time

import pytest
from checks import MONEY, TIME, one_object, requests
from conftest import wait_until

KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZGJlZWZkZWFkYmVlZmRlYWRiZWVm "
       "tester@example")


@pytest.fixture
def gc(client):
    return client()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "id.pub"
    path.write_text(KEY + "\n")
    return str(path)


# --- the emblem ------------------------------------------------------------------------------


def test_the_first_line(gc, key_file):
    out = gc.ok("launch", "--spot", "--bid", "51%", "--name", "train", "--ssh-key", key_file).stdout
    chosen = re.search(r"^choice: (us-east-1[a-f]) has the least volatility", out, re.M)
    assert chosen, out
    zone = chosen[1]
    assert re.search(rf"^{zone}\t[\d.]+\t[\d.]+\t[\d.]+%\t[\d.]+\t1 <-$", out, re.M), out
    assert re.search(r"^bid: .*price cap: you pay the spot price and never more", out, re.M)
    assert re.search(r"^cost: +\$[\d.]+/h now, \d+% less than the \$[\d.]+/h on demand", out, re.M)
    assert re.search(rf"^train is running in {zone}: g4dn.xlarge, spot, \$[\d.]+/h$", out, re.M)
    assert re.search(r"^  log in +gpucloud ssh train$", out, re.M)
    assert re.search(r"^It ends by itself at about 2\d{3}-[\dT:-]+Z, even if this computer is off",
                     out, re.M)
    # What is shown before the launch comes before what was launched.
    assert out.index("choice:") < out.index("train is running")

    (instance,) = gc.live("train")
    assert (instance["zone"], instance["state"]) == (zone, "running")
    assert float(instance["usd_per_hour"]) > 0
    assert instance["id"] in out

    row = gc.ok("list").stdout.splitlines()
    assert [line.split("\t")[:5] for line in row if line.startswith("train\t")] == [
        ["train", instance["id"], "running", "g4dn.xlarge", zone]]
    shown = gc.ok("show", "train").stdout
    assert instance["id"] in shown and zone in shown
    assert gc.ok("show", instance["id"]).stdout.splitlines()[1:3] == shown.splitlines()[1:3]

    assert "g4dn.xlarge" in gc.ok("price", "--gpu", "T4").stdout
    assert zone in gc.ok("history", "g4dn.xlarge").stdout
    assert instance["id"] in gc.ok("restart", "train").stdout
    assert requests(gc.sim, "RebootInstances") == 1

    receipt = gc.ok("--yes", "terminate", "train").stdout
    assert re.search(rf"^train \({instance['id']}\) is terminated, confirmed by the cloud$",
                     receipt, re.M)
    for line in ("was", "from", "to", "time", "price", "cost", "saved", "bills on"):
        assert re.search(rf"^  {line} +\S", receipt, re.M), receipt
    assert re.search(r"^  bills on +nothing", receipt, re.M), receipt
    gc.nothing_left()
    assert gc.ok("list").stdout == ""
    gc.fails(3, "show", "train", says=["'train'", "gpucloud list"])


def test_json_of_every_command(gc):
    lines = gc.lines("launch", "--spot", "--bid", "51%", "--name", "json")
    plan = lines[0]
    assert plan["message_type"] == "plan" and plan["spot"] is True
    best = next(z for z in plan["zones"] if z["rank"] == 1)
    assert plan["choice"]["zone"] == best["zone"] and plan["choice"]["reason"]
    assert best["under_bid"] > 0.95 and MONEY.fullmatch(plan["max_price"])
    assert {"status", "summary"} <= {line["message_type"] for line in lines[1:]}
    instance = lines[-1]["instance"]
    assert instance["state"] == "running" and instance["spot"] is True
    assert instance["zone"] == best["zone"] and TIME.fullmatch(instance["launched"])
    assert instance["spot_request"].startswith("sir-")

    mine = gc.listed()["json"]
    assert mine["id"] == instance["id"] and mine["owner"] == gc.owner
    assert MONEY.fullmatch(mine["usd_total"])
    show = gc.json("show", "json")
    assert show["instance"]["id"] == instance["id"]
    offers = gc.json("price", "--spot")["offers"]
    assert offers and all(o["spot_zone"] for o in offers)
    least = [min(float(o["spot"]), float(o["on_demand"])) for o in offers]
    assert least == sorted(least)
    (zones,) = gc.json("history", "g4dn.xlarge", "--bid", "51%")["markets"]
    assert zones["choice"]["zone"] == best["zone"]
    assert set(zones["zones"][0]["under"]) == {"51%", "76%", "101%"}
    assert gc.json("restart", "json")["instance"]["id"] == instance["id"]
    assert gc.json("doctor")["healthy"] is True
    assert gc.json("version")["version"]
    (ended,) = gc.json("--yes", "terminate", "json")["terminated"]
    assert ended["confirmed"] is True and ended["error"] == "" and ended["state"] == "gone"
    assert TIME.fullmatch(ended["ended"])
    gc.nothing_left()


def test_streams(gc):
    """Results alone on stdout; through a pipe tabs, no header, no colour."""
    gc.launch("streams", "--type", "g4dn.xlarge", "--wait", "accepted")
    for args in (("list",), ("price",), ("history", "g4dn.xlarge", "--bid", "51%")):
        done = gc.ok(*args)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert rows and len({len(row) for row in rows}) == 1, done.stdout
        assert len(rows[0]) > 5
        assert rows[0][0] != rows[0][0].upper()  # no header
        assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stderr
        one_object(gc.run("--json", *args).stdout)
    assert gc.ok("--quiet", "list", "--owner", "nobody").stderr == ""


# --- what is asked of the cloud --------------------------------------------------------------


def test_what_is_made(gc, key_file):
    made = gc.launch("made", "--spot", "--bid", "76%", "--type", "g5.xlarge", "--port", "8888",
                     "--port", "8787", "--disk", "77", "--ssh-key", key_file, "--from",
                     "203.0.113.7/32")
    ec2 = gc.sim.boto("ec2")
    described = ec2.describe_instances(InstanceIds=[made["id"]])["Reservations"][0]["Instances"][0]
    assert described["InstanceLifecycle"] == "spot"
    assert described["MetadataOptions"]["HttpTokens"] == "required"
    assert described["KeyName"].endswith(made["launch"])
    tags = {t["Key"]: t["Value"] for t in described["Tags"]}
    assert re.fullmatch("[a-z2-7]{52}", tags.pop("gpucloud-hostkey"))
    assert 43000 < int(tags.pop("gpucloud-expires")) - time.time() <= 43200
    assert abs(int(tags.pop("gpucloud-made")) - time.time()) < 600
    assert tags == {"gpucloud-owner": "tester", "gpucloud-name": "made",
                    "gpucloud-launch": made["launch"]}
    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["Type"] == "one-time" and float(request["SpotPrice"]) == 0.7646
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert volume["Size"] == 77
    (group,) = ec2.describe_security_groups(
        GroupIds=[described["SecurityGroups"][0]["GroupId"]])["SecurityGroups"]
    opened = {(p["FromPort"], p["ToPort"], p["IpProtocol"],
               tuple(r["CidrIp"] for r in p["IpRanges"])) for p in group["IpPermissions"]}
    assert opened == {(port, port, "tcp", ("203.0.113.7/32",)) for port in (22, 8787, 8888)}
    # Everything carries the tags: what the bill or another computer sees, it can find.
    for resource in gc.sim.state()["resources"]:
        assert resource["tags"].get("gpucloud-launch") == made["launch"], resource
    gc.ok("--yes", "terminate", made["id"])
    gc.nothing_left()


def test_default_takes_the_cheapest_single_gpu(gc):
    plan = gc.lines("--dry-run", "launch")[0]
    offers = [o for o in gc.json("price", "--gpus", "1")["offers"]
              if o["gpu_fraction"] == 1 and o["arch"] == "x86_64"]
    assert plan["type"] == min(offers, key=lambda o: float(o["on_demand"]))["type"]
    assert plan["gpu_count"] == 1


def test_named_zone_and_rule(gc):
    zones = gc.json("history", "g4dn.xlarge", "--bid", "76%")["markets"][0]["zones"]
    good = [z for z in zones if z["verdict"] == "ok" or z["under_bid"] > 0.95]
    assert len(good) > 1, zones
    plans = {rule: gc.lines("--dry-run", "launch", "--spot", "--bid", "76%", "--type",
                            "g4dn.xlarge", "--zone-by", rule)[0] for rule in
             ("stability", "price")}
    means = {z["zone"]: float(z["mean"]) for z in good if float(z["p95"]) < 0.526}
    std = {z["zone"]: z["volatility"] for z in good if float(z["p95"]) < 0.526}
    assert plans["price"]["choice"]["zone"] == min(means, key=means.get)
    assert plans["stability"]["choice"]["zone"] == min(std, key=std.get)
    # A zone asked for is taken, by its name or by the id that is the same for everybody.
    other = max(std, key=std.get)
    zone_id = next(z["zone_id"] for z in zones if z["zone"] == other)
    for name in (other, zone_id):
        plan = gc.lines("--dry-run", "launch", "--spot", "--type", "g4dn.xlarge", "--zone",
                        name)[0]
        assert plan["choice"]["zone"] == other


def test_bid_in_dollars_and_high_bids(gc):
    plan = gc.lines("--dry-run", "launch", "--spot", "--bid", "0.3", "--type", "g4dn.xlarge")[0]
    assert plan["max_price"] == "0.3000"
    # 51 % of 0.526 is 0.26826: rounded up to the ten-thousandth.
    plan = gc.lines("--dry-run", "launch", "--spot", "--bid", "51%", "--type", "g4dn.xlarge")[0]
    assert plan["max_price"] == "0.2683"
    done = gc.ok("--dry-run", "launch", "--spot", "--bid", "101%", "--type", "g4dn.xlarge")
    assert "does not prevent interruption" in done.stderr
    # Above 200 % it asks, and without a terminal says how to answer.
    gc.fails(2, "launch", "--spot", "--bid", "300%", "--type", "g4dn.xlarge",
             says=["more than 2 times", "--yes"])
    assert gc.made() == []


# --- dry run ---------------------------------------------------------------------------------


def test_dry_run_makes_nothing(gc, key_file, tmp_path):
    user_data = tmp_path / "boot.sh"
    user_data.write_text("#!/bin/sh\n# canary-in-user-data\n")
    before = gc.sim.state()["requests"]
    args = ("--dry-run", "launch", "--spot", "--bid", "51%", "--name", "dry", "--user-data",
            str(user_data), "--ssh-key", key_file)
    done = gc.ok(*args, "-vv")
    for action in ("ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress",
                   "RunInstances"):
        assert f"would send: {action}" in done.stdout
    assert "InstanceMarketOptions.SpotOptions.MaxPrice=0.2683" in done.stdout
    assert "InstanceInitiatedShutdownBehavior=terminate" in done.stdout
    assert "UserData=***" in done.stdout
    for canary in ("canary-in-user-data",
                   base64.b64encode(user_data.read_bytes()).decode().rstrip("="), "Signature=",
                   gc.sim.secret_key):
        assert canary not in done.stdout + done.stderr
    assert "nothing was made" in done.stdout
    summary = gc.lines(*args)[-1]
    assert summary["dry_run"] is True and summary["allowed"] is True
    after = gc.sim.state()
    assert after["resources"] == []
    # EC2's own dry run was asked; nothing that creates was sent besides.
    assert after["requests"]["RunInstances"] - before.get("RunInstances", 0) == 2
    assert not {"ImportKeyPair", "CreateSecurityGroup"} & set(after["requests"])
    assert gc.json("list")["instances"] == []


def test_dry_run_of_the_other_commands(gc):
    made = gc.launch("kept", "--type", "g4dn.xlarge")
    assert "would terminate" in gc.ok("--dry-run", "terminate", "kept").stdout
    assert gc.json("--dry-run", "terminate", "--all")["would_terminate"][0]["id"] == made["id"]
    assert "would restart" in gc.ok("--dry-run", "restart", "kept").stdout
    assert not {"TerminateInstances", "RebootInstances"} & set(gc.sim.state()["requests"])
    assert len(gc.live("kept")) == 1


# --- names, questions, many at once ----------------------------------------------------------


def test_a_name_is_launched_once(gc):
    first = gc.launch("once", "--type", "g4dn.xlarge", "--wait", "accepted")
    gc.fails(1, "launch", "--name", "once", "--type", "g5.xlarge", says="g4dn.xlarge")
    again = gc.lines("launch", "--name", "once", "--spot", "--type", "g4dn.xlarge")[-1]
    assert again["existed"] is True and again["instance"]["id"] == first["id"]
    assert "lives already: nothing was launched" in gc.ok("launch", "--name", "once").stderr
    assert len(gc.made()) == 1
    gc.ok("--yes", "terminate", "once")
    # An ended one does not stand in the way.
    assert gc.launch("once", "--type", "g4dn.xlarge", "--wait", "accepted")["id"] != first["id"]


def test_two_at_once_with_one_name(gc):
    both = [gc.popen("--json", "launch", "--name", "twin", "--type", "g4dn.xlarge", "--wait",
                     "accepted") for _ in range(2)]
    ends = [(p.communicate(timeout=60), p.returncode)[1] for p in both]
    assert len(gc.made("twin")) == 1, ends
    assert 0 in ends and set(ends) <= {0, 1}, ends
    assert gc.launch("twin", "--type", "g4dn.xlarge")["id"] == gc.live("twin")[0]["id"]


def test_terminate_asks(gc):
    ids = [gc.launch(name, "--type", "g4dn.xlarge", "--wait", "accepted")["id"]
           for name in ("one", "two")]
    for args in (("one",), ("--all",), (ids[0], ids[1])):
        gc.fails(2, "terminate", *args, says=["no terminal to ask on", "--yes"])
    assert len(gc.live()) == 2
    gc.fails(2, "terminate", says="names or ids, or --all")
    gc.fails(3, "--yes", "terminate", "one", "nobody", says="'nobody'")
    assert len(gc.live()) == 2
    done = gc.json("--yes", "terminate", "--all")
    assert {e["id"] for e in done["terminated"]} == set(ids)
    gc.nothing_left()
    # Twice is harmless, by id too.
    assert gc.json("--yes", "terminate", "--all")["terminated"] == []
    assert gc.json("--yes", "terminate", ids[0])["terminated"][0]["confirmed"] is True


def test_what_others_made_is_left_alone(gc):
    """Not ours by tag: not listed, not among --all, ended by id alone."""
    ec2 = gc.sim.boto("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    stranger = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1,
                                 MaxCount=1)["Instances"][0]["InstanceId"]
    gc.launch("ours", "--type", "g4dn.xlarge", "--wait", "accepted")
    assert stranger not in gc.ok("list").stdout
    gc.ok("--yes", "terminate", "--all")
    assert [r["id"] for r in gc.sim.live()] == [stranger]
    gc.fails(2, "terminate", stranger, says="was not made by gpucloud")
    gc.fails(2, "--yes", "terminate", stranger, says="--force")
    gc.ok("--yes", "terminate", "--force", stranger)
    wait_until(lambda: not gc.sim.live(), "its end")


def test_other_owners_and_regions(gc, client):
    other = client(owner="colleague")
    gc.launch("same", "--type", "g4dn.xlarge", "--wait", "accepted")
    other.launch("same", "--type", "g4dn.xlarge", "--wait", "accepted", "--region", "eu-west-1")
    names = [(i["owner"], i["region"]) for i in gc.json("list")["instances"]]
    assert sorted(names) == [("colleague", "eu-west-1"), ("tester", "us-east-1")]
    assert [i["owner"] for i in gc.json("list", "--mine")["instances"]] == ["tester"]
    assert gc.json("list", "--region", "eu-west-1,eu-central-1")["instances"][0]["owner"] == \
        "colleague"
    # A name means one's own.
    gc.ok("--yes", "terminate", "same")
    assert [r["tags"]["gpucloud-owner"] for r in gc.sim.live()] == ["colleague"]
    other.ok("--yes", "terminate", "same")
    gc.nothing_left()
    other.nothing_left()


def test_a_new_instance_that_is_not_described_yet(client, make_sim, tmp_path):
    """EC2 may not show an instance for some seconds: it is launched once all the same."""
    scenario = tmp_path / "late.json"
    scenario.write_text('{"visible_after_ms": 60000}')
    gc = client(to=make_sim("--boot-ms", "100", "--scenario", str(scenario)))
    first = gc.launch("late", "--type", "g4dn.xlarge", "--wait", "accepted")
    again = gc.lines("launch", "--name", "late", "--type", "g4dn.xlarge", "--wait",
                     "accepted")[-1]
    assert again["existed"] is True and again["instance"]["id"] == first["id"]
    assert len(gc.made("late")) == 1


def test_spot_that_is_taken_back(gc):
    """Ended by the cloud: no longer listed, but with --all and the cloud's reason."""
    gc.launch("taken", "--spot", "--type", "g4dn.xlarge", "--zone", "us-east-1a")
    gc.sim.fault(kind="interrupt", zone="us-east-1a", type="g4dn.xlarge")
    gc.sim.advance(180)  # its notice is two minutes
    wait_until(lambda: not gc.live("taken"), "the interruption")
    assert gc.listed() == {}
    (gone,) = gc.listed("--all").values()
    assert gone["state"] == "gone" and "spot" in gone["reason"].lower()
    # What was made for it still lies around until it is terminated, or launched again.
    gc.ok("--yes", "terminate", gone["id"])
    gc.nothing_left()


def test_policy_is_shown(gc):
    """What `reap` will go by stands in the tags, and show tells it."""
    gc.launch("kept", "--type", "g5.xlarge", "--idle", "30m", "--budget", "5", "--protect")
    shown = gc.ok("show", "kept").stdout
    assert re.search(r"idle +after 30 min 'reap' ends it", shown)
    assert re.search(r"budget +\$5\.0000", shown) and "protected" in shown
    policy = gc.json("show", "kept")["instance"]["policy"]
    assert (policy["idle_s"], policy["budget"], policy["protected"]) == (1800, "5.0000", True)
    assert policy["error"] == "" and policy["hold"] is None
    gc.sim.boto("ec2").create_tags(Resources=[gc.json("show", "kept")["instance"]["id"]],
                                   Tags=[{"Key": "gpucloud-budget", "Value": "lots"}])
    assert "'lots' cannot be read" in gc.ok("show", "kept").stdout
