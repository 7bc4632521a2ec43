# SPDX-License-Identifier: Apache-2.0
"""The simulator's faults, as boto3 and aws-cli meet them."""
import ssl
import subprocess
import urllib.request

import botocore.auth
import botocore.exceptions
import botocore.parsers
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import PYTHON_BIN, wait_until
from sim_tools import code_of, image, run_one


def test_errors_on_their_turn(sim):
    sim.fault(kind="error", service="ec2", action="DescribeRegions", first=2, count=2, status=503,
              code="RequestLimitExceeded")
    sim.fault(kind="html", service="sts", count=1, status=502)
    ec2 = sim.boto("ec2")
    assert ec2.describe_regions()["Regions"]
    assert code_of(ec2.describe_regions) == "RequestLimitExceeded"
    assert code_of(ec2.describe_regions) == "RequestLimitExceeded"
    assert ec2.describe_regions()["Regions"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sim.boto("sts").get_caller_identity()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    # and botocore's own retries get past a short one
    sim.fault(kind="error", service="ec2", action="DescribeRegions", count=1, status=503,
              code="RequestLimitExceeded")
    assert sim.boto("ec2", attempts=3).describe_regions()["Regions"]


def test_lost_reply(sim):
    ami = image(sim)
    sim.fault(kind="lost", service="ec2", action="RunInstances", count=1)
    with pytest.raises(botocore.exceptions.BotoCoreError):
        run_one(sim, ImageId=ami, ClientToken="t")
    assert len(sim.live()) == 1
    assert run_one(sim, ImageId=ami, ClientToken="t")["InstanceId"] == sim.live()[0]["id"]


def test_cut_and_truncated(sim):
    ami = image(sim)
    sim.fault(kind="cut", service="ec2", action="RunInstances", count=1)
    with pytest.raises(botocore.exceptions.BotoCoreError):
        run_one(sim, ImageId=ami)
    assert sim.live() == []
    sim.fault(kind="truncate", service="ec2", action="DescribeRegions", count=1)
    with pytest.raises(botocore.parsers.ResponseParserError):
        sim.boto("ec2").describe_regions()
    assert sim.boto("ec2").describe_regions()["Regions"]


def test_doubled_request(sim):
    ami = image(sim)
    sim.fault(kind="double", service="ec2", action="RunInstances", count=2)
    run_one(sim, ImageId=ami, ClientToken="t")
    assert len(sim.live()) == 1
    run_one(sim, ImageId=ami)
    # without a token of its own... botocore adds one, so still one more and not two
    assert len(sim.live()) == 2


def test_giant_body(sim):
    sim.fault(kind="giant", service="ec2", action="DescribeRegions", count=1)
    body = b"Action=DescribeRegions&Version=2016-11-15"
    request = AWSRequest("POST", sim.url + "/", data=body, headers={
        "Content-Type": "application/x-www-form-urlencoded"})
    botocore.auth.SigV4Auth(Credentials(sim.access_key, sim.secret_key), "ec2",
                            "us-east-1").add_auth(request)
    reply = urllib.request.urlopen(
        urllib.request.Request(sim.url + "/", data=body, headers=dict(request.headers)),
        context=ssl.create_default_context(cafile=sim.ca), timeout=30)
    with reply:
        assert int(reply.headers["Content-Length"]) == 1 << 30
        assert reply.read(1 << 20).startswith(b"<?xml")
    assert sim.boto("ec2").describe_regions()["Regions"]


def test_slow_replies_run_side_by_side(sim):
    """A reply that waits holds up nobody else."""
    sim.fault(kind="delay", service="ec2", action="DescribeRegions", delay_ms=20000)
    env = dict(sim.aws_env())
    waiting = subprocess.Popen(
        [str(PYTHON_BIN / "aws"), "ec2", "describe-regions"], env=env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: sim.state()["requests"].get("DescribeRegions"), "the slow request")
        assert sim.boto("ec2").describe_availability_zones()["AvailabilityZones"]
        assert waiting.poll() is None
        sim.stop()  # and does not keep the simulator from ending
    finally:
        waiting.kill()
        waiting.wait()


def test_slow_body_is_whole(sim):
    sim.fault(kind="slow", service="ec2", action="DescribeRegions", count=1, delay_ms=400)
    assert len(sim.boto("ec2").describe_regions()["Regions"]) > 3


def test_market_faults(sim):
    sim.fault(kind="no-capacity", zone="us-east-1a")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run_one(sim)
    assert caught.value.response["Error"]["Code"] == "InsufficientInstanceCapacity"
    one = run_one(sim, Placement={"AvailabilityZone": "us-east-1b"})
    assert one["Placement"]["AvailabilityZone"] == "us-east-1b"
    sim.fault(kind="price", type="g5.xlarge", zone="us-east-1b", price="9.0")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run_one(sim, Placement={"AvailabilityZone": "us-east-1b"})
    assert caught.value.response["Error"]["Code"] == "SpotMaxPriceTooLow"


def test_bad_faults_are_refused(sim):
    for text, says in (('{"kind":"earthquake"}', "earthquake"), ("{", "request"),
                       ('{"kind":"error"}', "status"), ('{"kind":"delay"}', "delay_ms"),
                       ('{"kind":"cut","colour":"red"}', "colour"),
                       ('{"kind":"error","status":200,"code":"X"}', "status"),
                       ('{"kind":"price","zone":"us-east-1a"}', "price"), ("[]", "object")):
        done = sim.run("fault", text)
        assert done.returncode == 2, text
        assert says in done.stderr, (text, done.stderr)
