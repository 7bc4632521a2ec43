# SPDX-License-Identifier: Apache-2.0
"""The real binary against moto, which none of us wrote, with IAM authentication switched on."""
import re

import pytest
from checks import expect, one_object, sane

TYPE = ("--type", "g4dn.xlarge")


@pytest.fixture
def gc(moto, gpucloud):
    def run(*args, **env):
        return sane(gpucloud(*args, env=dict(moto.aws_env(), **env), timeout=180))

    return run


@pytest.fixture
def image(moto):
    images = moto.boto("ec2").describe_images(Owners=["amazon"])["Images"]
    return next(i["ImageId"] for i in images if i["Architecture"] == "x86_64")


def states(moto):
    pages = moto.boto("ec2").describe_instances()["Reservations"]
    return {i["InstanceId"]: i["State"]["Name"] for r in pages for i in r["Instances"]}


def test_launch_list_terminate(gc, moto, image, tmp_path):
    key = tmp_path / "id.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZGJlZWZkZWFkYmVlZmRl"
                   "YWRiZWVm someone@some where\n")
    ec2 = moto.boto("ec2")
    groups = {g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]}

    launched = expect(gc("launch", "--wait", "running", "--image", image, "--name", "moto",
                         "--ssh-key", str(key), "--port", "8888", *TYPE), 0)
    ((instance, state),) = states(moto).items()
    assert state == "running" and instance in launched.stdout
    described = ec2.describe_instances()["Reservations"][0]["Instances"][0]
    assert described["ImageId"] == image and described["InstanceType"] == "g4dn.xlarge"
    tags = {t["Key"]: t["Value"] for t in described["Tags"]}
    assert tags["gpucloud-name"] == "moto" and tags["gpucloud-launch"]
    (group,) = [g for g in ec2.describe_security_groups()["SecurityGroups"]
                if g["GroupId"] not in groups]
    assert sorted(p["FromPort"] for p in group["IpPermissions"]) == [22, 8888]
    assert len(ec2.describe_key_pairs()["KeyPairs"]) == 1

    assert instance in expect(gc("list"), 0).stdout
    (listed,) = one_object(gc("--json", "list").stdout)["instances"]
    assert listed["id"] == instance and listed["state"] == "running"
    assert expect(gc("launch", "--wait", "running", "--image", image, "--name", "moto", *TYPE), 0)
    assert len(states(moto)) == 1

    receipt = expect(gc("--yes", "terminate", "moto"), 0).stdout
    assert re.search(rf"\({instance}\) is terminated, confirmed by the cloud", receipt)
    assert set(states(moto).values()) == {"terminated"}
    assert {g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]} == groups
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert one_object(gc("--json", "list").stdout)["instances"] == []


def test_spot(gc, moto, image):
    expect(gc("launch", "--spot", "--bid", "51%", "--wait", "running", "--image", image, "--name",
              "spot", *TYPE), 0)
    described = moto.boto("ec2").describe_instances()["Reservations"][0]["Instances"][0]
    assert described["InstanceLifecycle"] == "spot"
    (shown,) = [one_object(gc("--json", "show", "spot").stdout)["instance"]]
    assert shown["spot"] is True
    expect(gc("--yes", "terminate", "spot"), 0)
    assert set(states(moto).values()) == {"terminated"}


def test_history(gc):
    """moto has one price, in every zone, since 2006."""
    (market,) = one_object(expect(gc("--json", "history", "g4dn.xlarge"), 0).stdout)["markets"]
    assert market["type"] == "g4dn.xlarge" and market["region"] == "us-east-1"
    assert market["zones"]
    for zone in market["zones"]:
        assert zone["zone"].startswith("us-east-1") and zone["min"] == zone["max"] == zone["last"]


def test_bid(gc):
    """Whatever is bid above that price, it is paid for every hour."""
    out = one_object(expect(gc("--json", "bid", "g4dn.xlarge"), 0).stdout)
    assert out["choices"] and all(c["zone"].startswith("us-east-1") for c in out["choices"])


def test_sync(gc):
    """Kept once, read back without the cloud, and added to no more."""
    first = one_object(expect(gc("--json", "history", "--sync", "g4dn.xlarge"), 0).stdout)
    assert first["markets"] == 1 and first["zones"] > 1
    assert first["rows_added"] == first["rows_read"] == first["zones"]
    again = one_object(expect(gc("--json", "history", "--sync", "g4dn.xlarge"), 0).stdout)
    assert again["rows_added"] == 0 and again["gaps"] == 0
    (market,) = one_object(expect(gc("--json", "history", "--archive", "g4dn.xlarge"),
                                  0).stdout)["markets"]
    assert len(market["zones"]) == first["zones"]


def test_wrong_secret(gc, moto, image):
    """Exit 4 and one clear line, whatever was asked."""
    wrong = {"AWS_SECRET_ACCESS_KEY": "w" * 40}
    for args in (("list",), ("launch", "--image", image, *TYPE), ("price",),
                 ("--yes", "terminate", "--all")):
        done = expect(gc(*args, **wrong), 4, "credentials", "gpucloud doctor")
        assert done.stdout == "" and "w" * 40 not in done.stderr
    unknown = {"AWS_ACCESS_KEY_ID": "AKIANOSUCHKEY0000000"}
    expect(gc("list", **unknown), 4)
    assert states(moto) == {}


def test_unknown_image(gc):
    expect(gc("launch", "--image", "ami-00000000000000000", *TYPE), 3, "ami-00000000000000000")
