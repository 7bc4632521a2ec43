# SPDX-License-Identifier: Apache-2.0
"""sweep: everything left over is found from the tags alone, and goes; nothing else ever does."""
import re
import shutil
import time

import pytest
from checks import expect, json_lines, requests, sane
from conftest import wait_until
from sim_tools import image, state_of

HOUR = 3600


def tags(kind, launch="l1", owner="tester", **more):
    pairs = {"gpucloud-launch": launch, "gpucloud-owner": owner, "gpucloud-name": "old", **more}
    return [{"ResourceType": kind,
             "Tags": [{"Key": k.replace("_", "-"), "Value": v} for k, v in pairs.items()]}]


def leave_all(sim, launch="l1", owner="tester", region="us-east-1", made="1"):
    """One of each that a launch could leave, as another tool would see them."""
    ec2 = sim.boto("ec2", region=region)
    more = {"gpucloud_made": made}
    group = ec2.create_security_group(
        GroupName=f"gpucloud-{launch}", Description="x",
        TagSpecifications=tags("security-group", launch, owner, **more))["GroupId"]
    subnet = ec2.describe_subnets()["Subnets"][0]
    left = {
        "security-group": group,
        "volume": ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=100,
                                    VolumeType="gp3", TagSpecifications=tags(
                                        "volume", launch, owner))["VolumeId"],
        "address": ec2.allocate_address(TagSpecifications=tags(
            "elastic-ip", launch, owner, **more))["AllocationId"],
        "network-interface": ec2.create_network_interface(
            SubnetId=subnet["SubnetId"], Groups=[group], TagSpecifications=tags(
                "network-interface", launch, owner, **more))[
                    "NetworkInterface"]["NetworkInterfaceId"],
        "key": f"gpucloud-{launch}",
    }
    ec2.import_key_pair(KeyName=left["key"], PublicKeyMaterial=(
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"),
        TagSpecifications=tags("key-pair", launch, owner))
    ec2.associate_address(AllocationId=left["address"],
                          NetworkInterfaceId=left["network-interface"])
    return left


def age(sim, seconds):
    """Time passes for the model and on its servers' clocks, which tell the client how old things are."""
    sim.advance(seconds)


def living(sim):
    return {r["id"] for r in sim.state()["resources"] if not r["ended"]}


def test_clean_is_silent(sim, client):
    me = client()
    done = me.ok("--yes", "sweep", "--delete")
    assert done.stdout == "" and done.stderr == ""
    # By hand there is a word, through a pipe too.
    done = me.ok("sweep")
    assert done.stdout == "" and "nothing of gpucloud's is left over" in done.stderr
    (summary,) = me.lines("sweep")
    assert summary["counted"] == 0 and summary["left"] == 0 and summary["failures"] == []


def test_all_kinds_found_and_removed(sim, client):
    me = client()
    left = leave_all(sim)
    here = leave_all(sim, "l2", region="eu-west-1")
    age(sim, HOUR)
    done = expect(me.run("sweep"), 8)
    for kind, thing in {**left, **here}.items():
        assert re.search(rf"^{kind}\t{thing}\t", done.stdout, re.M), done.stdout
    assert "left over, about $" in done.stderr
    assert len(living(sim) & set(left.values())) == 4  # the key's id is another

    # cron: no terminal, no --yes: nothing is removed
    before = living(sim)
    me.fails(2, "sweep", "--delete", says="--yes")
    assert expect(me.run("--yes", "sweep", "--delete", "--dry-run"), 8)
    assert living(sim) == before

    # by any computer: the state is deleted
    shutil.rmtree(me.state_folder, ignore_errors=True)
    lines = json_lines(me.run("--json", "--yes", "sweep", "--delete").stdout)
    found = [x for x in lines if x["message_type"] == "leftover"]
    assert {x["kind"] for x in found} == set(left) and all(x["counted"] for x in found)
    (disk,) = [x for x in found if x["id"] == left["volume"]]
    assert disk["usd_per_day"] == "0.2630" and disk["age_s"] >= HOUR
    assert lines[-1]["removed"] == 10 and lines[-1]["left"] == 0
    order = [x["kind"] for x in lines if x["message_type"] == "removed"]
    assert order.index("volume") < order.index("security-group")
    assert not living(sim)
    assert me.ok("sweep").stdout == ""


def test_never_what_is_not_ours(sim, client):
    me = client()
    ec2 = sim.boto("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    zone = subnet["AvailabilityZone"]
    ec2.create_volume(AvailabilityZone=zone, Size=1)
    ec2.create_volume(AvailabilityZone=zone, Size=1, TagSpecifications=[
        {"ResourceType": "volume", "Tags": [{"Key": "gpucloud-name", "Value": "train"}]}])
    ec2.create_security_group(GroupName="gpucloud-l1", Description="mine")
    ec2.create_security_group(GroupName="web", Description="mine",
                              TagSpecifications=tags("security-group", gpucloud_made="1"))
    leave_all(sim, "l2", owner="somebody")
    age(sim, 24 * HOUR)
    before = living(sim)
    done = me.ok("--json", "--yes", "sweep", "--delete")
    lines = json_lines(done.stdout)
    assert {x["verdict"] for x in lines[:-1]} == {"foreign"}
    assert living(sim) == before
    # who owns them, or says so, may
    expect(me.run("sweep", "--all-owners"), 8)
    me.ok("--yes", "sweep", "--delete", "--all-owners")
    assert len(living(sim)) == 4


def test_never_what_may_be_being_made(sim, client):
    me = client()
    leave_all(sim, made=str(int(time.time())))
    before = living(sim)
    lines = json_lines(me.ok("--json", "--yes", "sweep", "--delete").stdout)
    assert {x["verdict"] for x in lines[:-1]} == {"young"}
    assert living(sim) == before
    age(sim, 10 * 60)
    me.ok("--yes", "sweep", "--delete")
    assert living(sim) == before
    age(sim, 6 * 60)
    me.ok("--yes", "sweep", "--delete")
    assert not living(sim)


def test_age_not_known(sim, client):
    """A group tells no time: one that no tag dates is never removed by itself."""
    me = client()
    sim.boto("ec2").create_security_group(GroupName="gpucloud-l1", Description="x",
                                          TagSpecifications=tags("security-group"))
    age(sim, 24 * HOUR)
    lines = json_lines(me.ok("--json", "--yes", "sweep", "--delete").stdout)
    assert [x["verdict"] for x in lines[:-1]] == ["unknown"] and lines[0]["age_s"] is None
    me.ok("--yes", "sweep", "--delete", "--grace", "0")
    assert not living(sim)


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_live_launch_keeps_its_things(sim, client, state):
    me = client()
    me.launch("train", "--type", "g5.xlarge")
    if state == "stopped":
        me.ok("--yes", "stop", "train")
    age(sim, 6 * HOUR)
    before = living(sim)
    done = me.ok("--yes", "sweep", "--delete")
    assert done.stdout == "" and living(sim) == before
    for resource in sim.state()["resources"]:
        if resource["kind"] in ("instance", "volume", "security-group"):
            assert abs(int(resource["tags"]["gpucloud-made"])
                       - int(time.time())) < 300


def test_past_its_limit(sim, client):
    me = client()
    me.launch("train", "--type", "g5.xlarge", "--ttl", "1h")
    age(sim, HOUR + 14 * 60)
    assert me.ok("--yes", "sweep", "--delete").stdout == ""
    assert sim.live()
    age(sim, 2 * 60)
    done = expect(me.run("sweep"), 8)
    (row,) = done.stdout.splitlines()
    assert row.startswith("instance\ti-") and row.endswith("expired")
    assert float(row.split("\t")[6]) > 20  # a day of a g5.xlarge and its disk
    # protected by its tag: nobody's leftover
    ec2 = sim.boto("ec2")
    instance = sim.live()[0]["id"]
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "gpucloud-protect", "Value": "1"}])
    assert me.ok("--yes", "sweep", "--delete").stdout == ""
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "gpucloud-protect"}])
    me.ok("--yes", "sweep", "--delete")
    assert not living(sim)


def test_stopped_past_its_limit_is_kept(sim, client):
    me = client()
    me.launch("train", "--type", "g5.xlarge", "--ttl", "1h")
    me.ok("--yes", "stop", "train")
    age(sim, 24 * HOUR)
    assert me.ok("--yes", "sweep", "--delete").stdout == ""
    (thing, summary) = json_lines(me.ok("--json", "sweep").stdout)
    assert thing["verdict"] == "stopped" and not thing["counted"]
    assert float(thing["usd_per_day"]) > 0  # its disk
    assert summary["usd_per_day"] == "0.0000"
    me.ok("--yes", "sweep", "--delete", "--stopped")
    assert not living(sim)


def test_images_are_kept(sim, client):
    me = client()
    ec2 = sim.boto("ec2")
    instance = me.launch("train", "--type", "g5.xlarge")["id"]
    wait_until(lambda: state_of(sim, instance) == "running", "the instance to run")
    launch = sim.live()[0]["tags"]["gpucloud-launch"]
    ec2.create_image(InstanceId=instance, Name="prepared",
                     TagSpecifications=tags("image", launch) + tags("snapshot", launch))
    me.ok("--yes", "terminate", "train")
    age(sim, 24 * HOUR)
    assert me.ok("--yes", "sweep", "--delete").stdout == ""
    lines = json_lines(me.ok("--json", "sweep").stdout)
    assert {x["verdict"] for x in lines[:-1]} == {"kept"}
    done = me.ok("--yes", "sweep", "--delete", "--images")
    assert re.search(r"removed image .*\nremoved snapshot ", done.stdout)
    assert not living(sim)


def test_a_silent_region(sim, client):
    """What is known is told, and nothing in that region is touched."""
    me = client()
    leave_all(sim, "l2", region="eu-west-1")
    age(sim, HOUR)
    before = living(sim)
    # every answer about instances fails, in any region: nothing can be judged
    sim.fault(kind="error", service="ec2", action="DescribeInstances", status=403,
              code="UnauthorizedOperation", message="no")
    assert me.run("--yes", "sweep", "--delete").returncode == 4
    assert living(sim) == before


def test_one_kind_not_permitted(sim, client):
    me = client()
    leave_all(sim)
    age(sim, HOUR)
    sim.fault(kind="error", service="ec2", action="DescribeAddresses", status=403,
              code="UnauthorizedOperation", message="no")
    done = me.run("--yes", "sweep", "--delete", "--region", "us-east-1")
    assert "us-east-1 could not be asked" in done.stderr
    assert done.returncode == 1  # the rest went; whether all is clean is not known
    assert {r["kind"] for r in sim.state()["resources"] if not r["ended"]} == {"elastic-ip"}


def test_requests_do_not_grow(sim, client):
    """One instance or forty: the same questions, no more."""
    me = client()
    counts = []
    for more in (1, 40):
        sim.boto("ec2").run_instances(
            ImageId=image(sim), InstanceType="t3.micro", MinCount=more, MaxCount=more,
            TagSpecifications=tags("instance", f"l{more}") + tags("volume", f"l{more}"))
        before = sum(sim.state()["requests"].values())
        me.ok("sweep", "--region", "us-east-1")
        counts.append(sum(sim.state()["requests"].values()) - before)
    assert counts[0] == counts[1] and requests(sim, "DescribeVolumes") == 2


def test_bad_options(client):
    me = client()
    me.fails(2, "sweep", "--grace", "soon", says="--grace")
    me.fails(2, "sweep", "now")


def test_moto(moto, gpucloud):
    """Against what none of us wrote."""
    ec2 = moto.boto("ec2")
    zone = ec2.describe_subnets()["Subnets"][0]["AvailabilityZone"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=10, VolumeType="gp3",
                               TagSpecifications=tags("volume"))["VolumeId"]
    ec2.allocate_address(TagSpecifications=tags("elastic-ip"))
    ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tags("network-interface"))
    ec2.create_security_group(GroupName="gpucloud-l1", Description="x",
                              TagSpecifications=tags("security-group"))
    ec2.create_security_group(GroupName="others", Description="x")
    ec2.create_volume(AvailabilityZone=zone, Size=10)
    snapshot = ec2.create_snapshot(VolumeId=volume,
                                   TagSpecifications=tags("snapshot"))["SnapshotId"]
    ec2.import_key_pair(KeyName="gpucloud-l1", PublicKeyMaterial=(
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"),
        TagSpecifications=tags("key-pair"))
    env = dict(moto.aws_env(), GPUCLOUD_OWNER="tester")
    args = ("sweep", "--grace", "0", "--region", "us-east-1")
    done = sane(gpucloud(*args, env=env))
    assert done.returncode == 8, done.stderr
    assert sorted(row.split("\t")[0] for row in done.stdout.splitlines()) == [
        "address", "key", "network-interface", "security-group", "snapshot", "volume"]
    done = sane(gpucloud("--yes", *args, "--delete", "--images", env=env))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [v["Size"] for v in ec2.describe_volumes()["Volumes"]] == [10]
    assert ec2.describe_addresses()["Addresses"] == []
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert {"others"} == {g["GroupName"] for g in ec2.describe_security_groups()[
        "SecurityGroups"]} - {"default"}
    assert snapshot not in {s["SnapshotId"] for s in ec2.describe_snapshots(
        OwnerIds=["self"])["Snapshots"]}
