# SPDX-License-Identifier: Apache-2.0
"""terminate tells the truth: who is gone, who is not, and what of them bills on."""
import json
import os
import pty
import re
import select
import subprocess

import pytest
from checks import expect, requests, sane
from conftest import wait_until
from sim_tools import image
from test_sweep import tags

TYPE = ("--type", "g5.xlarge")


def run_tagged(sim, count=1, name="old", owner="tester", volume=None, **kw):
    """Instances as a launch would tag them, one launch each; volume: kept when it ends."""
    ec2 = sim.boto("ec2")
    ids = []
    for n in range(count):
        launch = f"{name}{n}"
        spec = tags("instance", launch, owner, **{"gpucloud-name": f"{name}-{n}"})
        if volume:
            spec += tags("volume", launch, owner)
            kw["BlockDeviceMappings"] = [{"DeviceName": "/dev/sdb", "Ebs": {
                "VolumeSize": volume, "VolumeType": "gp3", "DeleteOnTermination": False}}]
        ids.append(ec2.run_instances(ImageId=image(sim), InstanceType="t3.micro", MinCount=1,
                                     MaxCount=1, TagSpecifications=spec,
                                     **kw)["Instances"][0]["InstanceId"])
    return ids


@pytest.fixture
def gc(client):
    return client()


def on_pty(gc, answer, *args):
    """Runs it with a terminal, types the answer to its question; what was shown, and its exit code."""
    parent, child = pty.openpty()
    process = subprocess.Popen([gc.bin, *args], env=dict(gc.env, TERM="dumb"), stdin=child,
                               stdout=child, stderr=child, close_fds=True)
    os.close(child)
    seen, asked = b"", False
    while True:
        if not select.select([parent], [], [], 60)[0]:
            process.kill()
            pytest.fail(f"nothing more came: {seen!r}")
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if not asked and re.search(rb"(to go on:|\[y/N\]) ", seen):
            asked = True
            os.write(parent, answer.encode() + b"\n")
    os.close(parent)
    code = process.wait(30)
    text = seen.decode().replace("\r\n", "\n")
    sane(subprocess.CompletedProcess(args, code, text, text))
    return text, code


def test_all_wants_more_than_a_y(gc):
    """The number of them is to be typed, with the list and its cost in sight."""
    run_tagged(gc.sim, 3)
    for answer in ("y", "yes", "all", "2", ""):
        text, code = on_pty(gc, answer, "terminate", "--all", "--region", "us-east-1")
        assert code == 130 and "cancelled, nothing was done" in text
    assert "Type '3' to go on" in text and len(re.findall(r"^old-\d ", text, re.M)) == 3
    assert "USD SO FAR" in text
    assert len(gc.live()) == 3 and requests(gc.sim, "TerminateInstances") == 0
    text, code = on_pty(gc, "3", "terminate", "--all", "--region", "us-east-1")
    assert code == 0, text
    assert len(re.findall("is terminated, confirmed by the cloud", text)) == 3
    gc.nothing_left()


def test_all_is_yours_alone_everywhere(gc, client):
    """Every region, and no instance of another owner, nor one without our tags."""
    run_tagged(gc.sim, 1)
    theirs = run_tagged(gc.sim, 1, name="theirs", owner="colleague")
    ec2 = gc.sim.boto("ec2", region="eu-west-1")
    ami = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1,
                      TagSpecifications=tags("instance", "far"))
    bare = ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    done = gc.json("--yes", "terminate", "--all")["terminated"]
    assert {x["region"] for x in done} == {"us-east-1", "eu-west-1"} and len(done) == 2
    assert {r["id"] for r in gc.sim.live()} == {theirs[0], bare["Instances"][0]["InstanceId"]}


def test_twenty_at_once_and_one_is_refused(gc):
    ids = run_tagged(gc.sim, 20)
    gc.sim.fault(kind="error", action="TerminateInstances", first=7, count=1, status=400,
                 code="OperationNotPermitted", message="termination protection")
    done = gc.run("--json", "--yes", "terminate", "--all", "--region", "us-east-1")
    assert done.returncode == 1
    ends = {x["id"]: x for x in json.loads(done.stdout)["terminated"]}
    assert set(ends) == set(ids)
    refused = [x for x in ends.values() if not x["asked"]]
    assert len(refused) == 1 and not refused[0]["confirmed"] and refused[0]["error"]
    assert f"{refused[0]['id']} was not terminated" in done.stderr
    assert all(x["confirmed"] and x["state"] == "gone" for x in ends.values() if x["asked"])
    assert [r["id"] for r in gc.live()] == [refused[0]["id"]]
    # By name, many at once, each once.
    gc.ok("--yes", "terminate", refused[0]["id"], refused[0]["name"])
    gc.nothing_left()


def test_not_confirmed_in_time(gc):
    """The end was accepted, and then the cloud says nothing more: that is no end."""
    (one,) = run_tagged(gc.sim)
    gc.sim.fault(kind="error", action="DescribeInstances", first=2, count=0, status=400,
                 code="UnauthorizedOperation", message="not any more")
    done = expect(gc.run("--yes", "terminate", one, "--timeout", "3", "--region", "us-east-1"), 8)
    assert requests(gc.sim, "TerminateInstances") == 1
    assert "the cloud accepted the end but still says" in done.stderr
    assert done.stdout == "" and f"gpucloud show {one}" in done.stderr


# --- what bills on ---------------------------------------------------------------------------


def test_a_disk_that_was_kept(gc):
    (one,) = run_tagged(gc.sim, volume=100)
    wait_until(lambda: gc.listed()["old-0"]["state"] == "running", "it")
    done = expect(gc.run("--yes", "terminate", "old-0"), 8)
    (disk,) = gc.sim.live("volume")
    per_day = float(disk["usd_per_hour"]) * 24
    told = re.search(rf"^  bills on  volume {disk['id']} \(100 GiB\): about \$([\d.]+) a day$",
                     done.stdout, re.M)
    assert told and abs(float(told[1]) - per_day) < 0.001, done.stdout
    assert "gpucloud sweep --delete" in done.stdout
    again = gc.run("--json", "--yes", "terminate", one)
    assert again.returncode == 8
    (bills,) = json.loads(again.stdout)["terminated"][0]["still_bills"]
    assert (bills["kind"], bills["id"], bills["size_gib"]) == ("volume", disk["id"], 100)
    gc.ok("--yes", "sweep", "--delete", "--grace", "0")
    gc.nothing_left()
    assert "bills on  nothing" in gc.ok("--yes", "terminate", one).stdout


def test_addresses_and_snapshots(gc):
    """An address is left over; a snapshot may be there on purpose: told, and no alarm."""
    run_tagged(gc.sim, 2)
    ec2 = gc.sim.boto("ec2")
    disk = ec2.create_volume(AvailabilityZone="us-east-1a", Size=10,
                             VolumeType="gp3")["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[disk], WaiterConfig={"Delay": 1})
    snapshot = ec2.create_snapshot(VolumeId=disk,
                                   TagSpecifications=tags("snapshot", "old0"))["SnapshotId"]
    address = ec2.allocate_address(TagSpecifications=tags("elastic-ip", "old1"))["AllocationId"]
    ec2.allocate_address()  # of somebody else: none of ours
    done = gc.ok("--yes", "terminate", "old-0")
    assert f"bills on  snapshot {snapshot}" in done.stdout
    assert "gpucloud sweep --delete --images" in done.stdout and "address" not in done.stdout
    done = expect(gc.run("--yes", "terminate", "old-1"), 8)
    assert f"bills on  address {address}: about $0.1200 a day" in done.stdout
    assert "snapshot" not in done.stdout


def test_where_it_is_not_known(gc):
    """Never "nothing" where nobody looked, or nobody answered."""
    (one,) = run_tagged(gc.sim)
    gc.sim.fault(kind="error", action="DescribeAddresses", status=403, count=0,
                 code="UnauthorizedOperation", message="not allowed")
    done = gc.run("--yes", "terminate", one)
    assert done.returncode == 8 and "is terminated, confirmed by the cloud" in done.stdout
    assert "bills on  not known: " in done.stdout and "nothing" not in done.stdout
    ec2 = gc.sim.boto("ec2")
    stranger = ec2.run_instances(ImageId=image(gc.sim), InstanceType="t3.micro", MinCount=1,
                                 MaxCount=1)["Instances"][0]["InstanceId"]
    done = gc.ok("--yes", "terminate", "--force", stranger)
    assert "not known: gpucloud did not make it" in done.stdout


def test_foreign_ones_by_id_and_confirmed(gc):
    ec2 = gc.sim.boto("ec2")
    stranger = ec2.run_instances(ImageId=image(gc.sim), InstanceType="t3.micro", MinCount=1,
                                 MaxCount=1)["Instances"][0]["InstanceId"]
    gc.fails(2, "--yes", "terminate", stranger, says="--force")
    text, code = on_pty(gc, "y", "terminate", stranger)
    assert code == 130 and f"Type '{stranger}' to go on" in text
    assert gc.sim.live()
