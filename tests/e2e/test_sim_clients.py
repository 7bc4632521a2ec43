# SPDX-License-Identifier: Apache-2.0
"""boto3 and aws-cli drive the simulator: clients that others wrote, so that it cannot share our
misunderstandings."""
import base64
import datetime
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.exceptions
import pytest
from conftest import SHARED_DATA, pid_is_gone, wait_until

DLAMI = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def code_of(call, *args, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **kw)
    return caught.value.response["Error"]["Code"]


def image(sim):
    return sim.boto("ssm").get_parameter(Name=DLAMI)["Parameter"]["Value"]


def run_one(sim, spot=True, **kw):
    args = dict(ImageId=image(sim), InstanceType="g5.xlarge", MinCount=1, MaxCount=1,
                Placement={"AvailabilityZone": "us-east-1a"})
    if spot:
        args["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "MaxPrice": "1.0060",
                            "InstanceInterruptionBehavior": "terminate"}}
    args.update(kw)
    return sim.boto("ec2").run_instances(**args)["Instances"][0]


def state_of(sim, instance_id):
    pages = sim.boto("ec2").describe_instances(InstanceIds=[instance_id])
    return pages["Reservations"][0]["Instances"][0]["State"]["Name"]


# --- discovery -------------------------------------------------------------------------------


def test_describe_regions(sim):
    mine = {r["RegionName"] for r in sim.boto("ec2").describe_regions()["Regions"]}
    every = {r["RegionName"]: r["OptInStatus"]
             for r in sim.boto("ec2").describe_regions(AllRegions=True)["Regions"]}
    assert {"us-east-1", "us-west-2", "eu-west-1"} <= mine < set(every)
    assert all(every[name] == "not-opted-in" for name in set(every) - mine)
    said = sim.aws("ec2", "describe-regions")
    assert {r["RegionName"] for r in said["Regions"]} == mine


def test_region_not_opted_in(sim):
    assert code_of(sim.boto("ec2", region="af-south-1").describe_regions) == "AuthFailure"


def test_describe_instance_types(sim):
    ec2 = sim.boto("ec2")
    found = ec2.describe_instance_types(InstanceTypes=["p3.2xlarge"])["InstanceTypes"][0]
    assert found["GpuInfo"]["Gpus"][0]["Name"] == "V100"
    assert found["VCpuInfo"]["DefaultVCpus"] == 8
    assert code_of(ec2.describe_instance_types,
                   InstanceTypes=["p99.xlarge"]) == "InvalidInstanceType"
    paged = [t["InstanceType"]
             for page in ec2.get_paginator("describe_instance_types").paginate(
                 PaginationConfig={"PageSize": 5})
             for t in page["InstanceTypes"]]
    at_once = [t["InstanceType"] for t in ec2.describe_instance_types()["InstanceTypes"]]
    assert len(paged) == len(set(paged)) > 10
    assert sorted(paged) == sorted(at_once)


def history(sim, page_size=None, days=20, types=("g5.xlarge", "g6.xlarge")):
    pages = sim.boto("ec2").get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=list(types), ProductDescriptions=["Linux/UNIX"],
        StartTime=now() - datetime.timedelta(days=days), EndTime=now(),
        PaginationConfig={"PageSize": page_size} if page_size else {})
    return [(r["Timestamp"], r["InstanceType"], r["AvailabilityZone"], r["SpotPrice"])
            for page in pages for r in page["SpotPriceHistory"]]


def test_spot_price_history_pages(sim):
    whole = history(sim)
    assert len(whole) > 300
    assert len(set(whole)) == len(whole)
    assert history(sim, page_size=17) == whole
    assert [r[0] for r in whole] == sorted((r[0] for r in whole), reverse=True)
    # the price in force at the start of the window is part of it
    oldest = {}
    for when, kind, zone, _ in whole:
        oldest[kind, zone] = when
    start = now() - datetime.timedelta(days=20)
    assert all(when <= start for when in oldest.values())
    assert all(0 < float(r[3]) < 1.1 for r in whole)


def test_spot_price_history_by_cli(sim):
    rows = sim.aws("ec2", "describe-spot-price-history", "--instance-types", "g5.xlarge",
                   "--product-descriptions", "Linux/UNIX", "--start-time",
                   now().strftime("%Y-%m-%dT%H:%M:%SZ"), "--page-size", "2")["SpotPriceHistory"]
    zones = [r["AvailabilityZone"] for r in rows]
    assert len(zones) == len(set(zones)) >= 3


def test_images_of_ssm_exist(sim):
    ssm, ec2 = sim.boto("ssm"), sim.boto("ec2")
    parameters = [p for page in ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/aws/service/", Recursive=True, PaginationConfig={"PageSize": 3})
        for p in page["Parameters"]]
    assert DLAMI in [p["Name"] for p in parameters]
    ids = [p["Value"] for p in parameters]
    assert len(set(ids)) == len(ids) >= 8
    images = ec2.describe_images(ImageIds=ids)["Images"]
    assert {i["ImageId"] for i in images} == set(ids)
    # another region has ids of its own
    there = sim.boto("ssm", region="eu-west-1").get_parameter(Name=DLAMI)["Parameter"]["Value"]
    assert there not in ids


def test_ssm_paths_and_names(sim):
    ssm = sim.boto("ssm")
    assert code_of(ssm.get_parameter, Name="/aws/service/nothing") == "ParameterNotFound"
    assert ssm.get_parameter(Name=DLAMI + ":1")["Parameter"]["Value"] == image(sim)
    assert ssm.get_parameters_by_path(Path="/aws/service")["Parameters"] == []
    folder = DLAMI.rpartition("/")[0]
    assert [p["Name"] for p in ssm.get_parameters_by_path(Path=folder)["Parameters"]] == [DLAMI]
    both = ssm.get_parameters(Names=[DLAMI, "/aws/service/nothing"])
    assert [p["Value"] for p in both["Parameters"]] == [image(sim)]
    assert both["InvalidParameters"] == ["/aws/service/nothing"]


# --- instances -------------------------------------------------------------------------------


@pytest.mark.parametrize("spot", [True, False])
def test_life_of_an_instance(sim, spot):
    ec2 = sim.boto("ec2")
    made = run_one(sim, spot, TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": "gpucloud-name", "Value": "one"}]}])
    assert made["State"]["Name"] == "pending"
    assert made.get("InstanceLifecycle") == ("spot" if spot else None)
    one = made["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], WaiterConfig={"Delay": 1})
    found = ec2.describe_instances(Filters=[
        {"Name": "tag:gpucloud-name", "Values": ["one"]}])["Reservations"][0]["Instances"][0]
    assert found["InstanceId"] == one
    assert found["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert found["PublicIpAddress"]
    ec2.create_tags(Resources=[one], Tags=[{"Key": "more", "Value": "<&\">é"}])
    tags = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["Tags"]
    assert {"Key": "more", "Value": "<&\">é"} in tags
    live = sim.live()
    assert [r["id"] for r in live] == [one]
    assert live[0]["tags"]["gpucloud-name"] == "one"
    assert (float(live[0]["usd_per_hour"]) < 1.0) == spot
    sim.aws("ec2", "terminate-instances", "--instance-ids", one)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[one], WaiterConfig={"Delay": 1})
    assert sim.live() == []
    ended = [r for r in sim.state()["resources"] if r["id"] == one][0]
    assert ended["ended"] >= ended["began"]
    assert ended["usd_per_hour"] == "0.0000"


def test_run_instances_by_cli(sim):
    said = sim.aws("ec2", "run-instances", "--image-id", image(sim), "--instance-type",
                   "g4dn.xlarge", "--count", "1", "--instance-market-options",
                   json.dumps({"MarketType": "spot"}), "--metadata-options",
                   "HttpTokens=required,HttpPutResponseHopLimit=2",
                   "--instance-initiated-shutdown-behavior", "terminate")
    one = said["Instances"][0]["InstanceId"]
    assert said["Instances"][0]["InstanceLifecycle"] == "spot"
    described = sim.aws("ec2", "describe-instances", "--instance-ids", one)
    assert described["Reservations"][0]["Instances"][0]["InstanceId"] == one
    sim.aws("ec2", "create-tags", "--resources", one, "--tags", "Key=a,Value=b")
    ended = sim.aws("ec2", "terminate-instances", "--instance-ids", one)
    assert ended["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"


def test_client_token_makes_one_instance(sim):
    first = run_one(sim, ClientToken="token-1")
    again = run_one(sim, ClientToken="token-1")
    other = run_one(sim, ClientToken="token-2")
    assert first["InstanceId"] == again["InstanceId"] != other["InstanceId"]
    assert len(sim.live()) == 2
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run_one(sim, ClientToken="token-1", InstanceType="g6.xlarge")
    assert caught.value.response["Error"]["Code"] == "IdempotentParameterMismatch"
    assert sim.state()["requests"]["RunInstances"] == 4


def test_same_seed_same_ids(make_sim):
    one, two = make_sim("--seed", "5"), make_sim("--seed", "5")
    other = make_sim("--seed", "6")
    ids = [run_one(s)["InstanceId"] for s in (one, two, other)]
    assert ids[0] == ids[1] != ids[2]


# --- who may ---------------------------------------------------------------------------------


def test_wrong_secret(sim):
    wrong = {"aws_secret_access_key": "x" * 40}
    assert code_of(sim.boto("ec2", **wrong).describe_regions) == "AuthFailure"
    assert code_of(sim.boto("sts", **wrong).get_caller_identity) == "SignatureDoesNotMatch"
    assert code_of(sim.boto("ssm", **wrong).get_parameter, Name=DLAMI) == \
        "InvalidSignatureException"
    unknown = {"aws_access_key_id": "AKIAUNKNOWN000000000"}
    assert code_of(sim.boto("ec2", **unknown).describe_regions) == "AuthFailure"
    assert code_of(sim.boto("sts", **unknown).get_caller_identity) == "InvalidClientTokenId"
    assert code_of(sim.boto("ssm", **unknown).get_parameter, Name=DLAMI) == \
        "UnrecognizedClientException"
    assert sim.state()["requests"] == {}


def test_wrong_secret_by_cli(sim):
    done = sim.aws("ec2", "describe-regions", check=False,
                   env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode != 0
    assert "AuthFailure" in done.stderr


@pytest.mark.parametrize("minutes,code", [(-4, None), (4, None), (-6, "RequestExpired"),
                                          (6, "AuthFailure")])
def test_clock_of_the_client(sim, monkeypatch, minutes, code):
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime",
                        lambda *a, **kw: real(*a, **kw) + datetime.timedelta(minutes=minutes))
    ec2 = sim.boto("ec2")
    if code:
        assert code_of(ec2.describe_regions) == code
    else:
        assert ec2.describe_regions()["Regions"]


def test_clock_of_the_server(sim):
    sim.fault(kind="skew", skew_s=3600)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sim.boto("ec2").describe_regions()
    reply = caught.value.response
    assert reply["Error"]["Code"] == "RequestExpired"
    date = datetime.datetime.strptime(reply["ResponseMetadata"]["HTTPHeaders"]["date"],
                                      "%a, %d %b %Y %H:%M:%S GMT")
    ahead = date.replace(tzinfo=datetime.timezone.utc) - now()
    assert abs(ahead.total_seconds() - 3600) < 60
    sim.fault(kind="skew", skew_s=0)
    assert sim.boto("ec2").describe_regions()["Regions"]


def test_unsigned_and_tampered(sim):
    body = b"Action=DescribeRegions&Version=2016-11-15"
    assert b"MissingAuthenticationToken" in raw(sim, body)[1]
    ec2 = sim.boto("ec2")

    def tamper(request, **_):
        request.body = request.body.replace(b"DescribeRegions", b"DescribeVolumes")

    # after signing: what arrives is not what was signed
    ec2.meta.events.register("before-send.ec2.DescribeRegions", tamper)
    assert code_of(ec2.describe_regions) == "AuthFailure"


def test_caller_and_roles(sim):
    sts = sim.boto("sts")
    me = sts.get_caller_identity()
    assert sim.aws("sts", "get-caller-identity")["Arn"] == me["Arn"]
    assert me["Account"] in me["Arn"]
    role = f"arn:aws:iam::{me['Account']}:role/trainer"
    taken = sts.assume_role(RoleArn=role, RoleSessionName="night", DurationSeconds=900)
    keys = taken["Credentials"]
    assert keys["AccessKeyId"].startswith("ASIA")
    assert abs((keys["Expiration"] - now()).total_seconds() - 900) < 60
    session = dict(aws_access_key_id=keys["AccessKeyId"],
                   aws_secret_access_key=keys["SecretAccessKey"])
    as_role = sim.boto("sts", aws_session_token=keys["SessionToken"], **session)
    assert as_role.get_caller_identity()["Arn"] == \
        f"arn:aws:sts::{me['Account']}:assumed-role/trainer/night"
    ec2 = sim.boto("ec2", aws_session_token=keys["SessionToken"], **session)
    assert ec2.describe_regions()["Regions"]
    # without its token, or with another, a temporary key is worth nothing
    assert code_of(sim.boto("ec2", **session).describe_regions) == "AuthFailure"
    wrong = sim.boto("ec2", aws_session_token="x" + keys["SessionToken"], **session)
    assert code_of(wrong.describe_regions) == "AuthFailure"
    assert code_of(sts.assume_role, RoleArn="arn:aws:iam::999999999999:role/x",
                   RoleSessionName="night") == "AccessDenied"
    # a role's credentials cannot take a role for longer than an hour
    assert code_of(as_role.assume_role, RoleArn=role, RoleSessionName="night",
                   DurationSeconds=7200) == "ValidationError"


def test_temporary_credentials_end(sim):
    account = sim.boto("sts").get_caller_identity()["Account"]
    keys = sim.boto("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/r",
                                       RoleSessionName="short",
                                       DurationSeconds=900)["Credentials"]
    session = dict(aws_access_key_id=keys["AccessKeyId"],
                   aws_secret_access_key=keys["SecretAccessKey"],
                   aws_session_token=keys["SessionToken"])
    sim.fault(kind="skew", skew_s=901)
    real = botocore.auth.get_current_datetime
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime",
                      lambda *a, **kw: real(*a, **kw) + datetime.timedelta(seconds=901))
        assert code_of(sim.boto("ec2", **session).describe_regions) == "RequestExpired"
        assert code_of(sim.boto("sts", **session).get_caller_identity) == "ExpiredToken"


def jwt(**claims):
    part = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode()
            for p in ({"alg": "none"}, claims)]
    return ".".join(part + ["c2lnbmF0dXJl"])


def test_web_identity(sim):
    sts = sim.boto("sts")
    account = sts.get_caller_identity()["Account"]
    ask = dict(RoleArn=f"arn:aws:iam::{account}:role/pod", RoleSessionName="web")
    good = jwt(sub="system:serviceaccount:a:b", exp=int(time.time()) + 600)
    taken = sts.assume_role_with_web_identity(WebIdentityToken=good, **ask)
    assert taken["SubjectFromWebIdentityToken"] == "system:serviceaccount:a:b"
    keys = taken["Credentials"]
    assert sim.boto("ec2", aws_access_key_id=keys["AccessKeyId"],
                    aws_secret_access_key=keys["SecretAccessKey"],
                    aws_session_token=keys["SessionToken"]).describe_regions()["Regions"]
    late = jwt(sub="x", exp=int(time.time()) - 1)
    assert code_of(sts.assume_role_with_web_identity, WebIdentityToken=late, **ask) == \
        "ExpiredTokenException"
    assert code_of(sts.assume_role_with_web_identity, WebIdentityToken="a.b", **ask) == \
        "InvalidIdentityToken"


def raw(sim, body, path="/", headers=None, method="POST"):
    request = urllib.request.Request(sim.url + path, data=body, method=method,
                                     headers=headers or {})
    context = ssl.create_default_context(cafile=sim.ca)
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def signed(sim, service, body, headers=None):
    """A request that boto3 would never build, properly signed."""
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", sim.url + "/", headers=headers or {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, data=body)
    botocore.auth.SigV4Auth(Credentials(sim.access_key, sim.secret_key), service,
                            "us-east-1").add_auth(request)
    return raw(sim, body, headers=dict(request.headers))


def test_unknown_words_are_refused(sim):
    status, text = signed(sim, "ec2", b"Action=DescribeRegions&Version=2016-11-15&Colour=red")
    assert status == 400 and b"UnknownParameter" in text
    status, text = signed(sim, "ec2", b"Action=PaintRegions&Version=2016-11-15")
    assert status == 400 and b"InvalidAction" in text
    status, text = signed(sim, "sts", b"Action=GetCallerIdentity&Version=2011-06-15&X=1")
    assert status == 400 and b"UnknownParameter" in text
    target = {"Content-Type": "application/x-amz-json-1.1",
              "X-Amz-Target": "AmazonSSM.GetParameter"}
    status, text = signed(sim, "ssm", b'{"Name":"/x","Colour":"red"}', target)
    assert status == 400 and b"ValidationException" in text
    status, text = signed(sim, "ssm", b'{"Name":', target)
    assert status == 400 and b"SerializationException" in text
    status, text = signed(sim, "s3", b"")
    assert status == 400 and b"s3" in text
    status, text = signed(sim, "ssm", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert status == 400 and b"UnknownOperationException" in text
    # an SSM request under a signature for EC2
    status, text = signed(sim, "ec2", b'{"Name":"/x"}', target)
    assert status == 400 and b"InvalidSignatureException" in text


def test_bounds_of_a_request(sim):
    assert signed(sim, "ec2", b"Action=DescribeRegions&Version=2016-11-15&X=" + b"x" * 70000)[
        0] == 413
    assert raw(sim, b"x", headers={"X-Large": "y" * 100000})[0] in (400, 413, 431)
    assert raw(sim, b"x", "/elsewhere")[0] == 404
    assert raw(sim, None, method="GET")[0] == 405
    with socket.create_connection(("127.0.0.1", int(sim.url.rpartition(":")[2]))) as plain:
        tls = ssl.create_default_context(cafile=sim.ca).wrap_socket(
            plain, server_hostname="localhost")
        tls.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
        assert b" 413 " in tls.recv(4096)
    assert sim.boto("ec2").describe_regions()["Regions"]


# --- prices and limits -----------------------------------------------------------------------


def filters(**fields):
    return [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]


def usd(product):
    term = next(iter(json.loads(product)["terms"]["OnDemand"].values()))
    return next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"]


def test_pricing(sim):
    pricing = sim.boto("pricing")
    used = dict(regionCode="us-west-2", operatingSystem="Linux", tenancy="Shared",
                preInstalledSw="NA", capacitystatus="Used")
    found = pricing.get_products(ServiceCode="AmazonEC2",
                                 Filters=filters(instanceType="g5.xlarge", **used))["PriceList"]
    assert [usd(p) for p in found] == ["1.0060000000"]
    attributes = json.loads(found[0])["product"]["attributes"]
    assert attributes["regionCode"] == "us-west-2" and attributes["vcpu"] == "4"
    # the filter that everybody forgets
    del used["capacitystatus"]
    more = pricing.get_products(ServiceCode="AmazonEC2",
                                Filters=filters(instanceType="g5.xlarge", **used))["PriceList"]
    assert sorted(usd(p) for p in more) == ["0.0000000000", "1.0060000000", "1.0060000000"]
    assert pricing.get_products(ServiceCode="AmazonEC2", Filters=filters(
        instanceType="g5.xlarge", regionCode="mars-1"))["PriceList"] == []
    paged = [p for page in pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2", Filters=filters(regionCode="us-east-1", capacitystatus="Used"),
        PaginationConfig={"PageSize": 4}) for p in page["PriceList"]]
    skus = [json.loads(p)["product"]["sku"] for p in paged]
    assert len(skus) == len(set(skus)) > 10
    assert code_of(sim.boto("pricing", region="us-west-2").get_products,
                   ServiceCode="AmazonEC2") == "InvalidSignatureException"


def test_pricing_by_cli(sim):
    said = sim.aws("pricing", "get-products", "--service-code", "AmazonEC2", "--filters",
                   *[f"Type=TERM_MATCH,Field={k},Value={v}" for k, v in (
                       ("instanceType", "p3.2xlarge"), ("regionCode", "us-east-1"),
                       ("capacitystatus", "Used"))])
    assert usd(said["PriceList"][0]) == "3.0600000000"


def test_service_quotas(sim, make_sim, tmp_path):
    def quota(where, code):
        return where.boto("service-quotas").get_service_quota(
            ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]

    for code in ("L-1216C47A", "L-DB2E81BA", "L-417A185B", "L-34B43A08", "L-3819A6DF",
                 "L-7212CCBC"):
        assert quota(sim, code) >= 64
    quotas = sim.boto("service-quotas")
    assert quotas.get_aws_default_service_quota(
        ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]["Value"] == 0
    assert code_of(quotas.get_service_quota, ServiceCode="ec2",
                   QuotaCode="L-00000000") == "NoSuchResourceException"
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"quotas": {"g": 4, "g-spot": 0}}))
    poor = make_sim("--scenario", str(scenario))
    assert quota(poor, "L-DB2E81BA") == 4 and quota(poor, "L-3819A6DF") == 0
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run_one(poor)
    assert caught.value.response["Error"]["Code"] == "MaxSpotInstanceCountExceeded"


# --- faults ----------------------------------------------------------------------------------


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
    with pytest.raises(botocore.exceptions.BotoCoreError):
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
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
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
        [str(aws_cli()), "ec2", "describe-regions"], env=env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: sim.state()["requests"].get("DescribeRegions"), "the slow request")
        assert sim.boto("ec2").describe_availability_zones()["AvailabilityZones"]
        assert waiting.poll() is None
        sim.stop()  # and does not keep the simulator from ending
    finally:
        waiting.kill()
        waiting.wait()


def aws_cli():
    from conftest import PYTHON_BIN
    return PYTHON_BIN / "aws"


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


# --- the program -----------------------------------------------------------------------------


def test_advance(sim):
    one = run_one(sim)["InstanceId"]
    before = sim.state()["now"]
    sim.advance(86400)
    after = sim.state()["now"]
    parsed = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (before, after)]
    assert (parsed[1] - parsed[0]).total_seconds() >= 86400
    assert state_of(sim, one) == "running"


def test_two_side_by_side(make_sim):
    one, two = make_sim(), make_sim()
    assert one.url != two.url and one.access_key != two.access_key
    run_one(one)
    assert len(one.live()) == 1 and two.live() == []
    # the key of one is nothing to the other, nor is its authority
    assert code_of(one.boto("ec2", aws_access_key_id=two.access_key,
                            aws_secret_access_key=two.secret_key).describe_regions) == \
        "AuthFailure"
    one.ca, kept = two.ca, one.ca
    with pytest.raises(botocore.exceptions.SSLError):
        one.boto("ec2").describe_regions()
    one.ca = kept
    one.stop()
    assert two.boto("ec2").describe_regions()["Regions"]


def test_start_twice_is_refused(sim):
    done = sim.run("start", "--detach")
    assert done.returncode == 1
    assert sim.url in done.stderr and "stop" in done.stderr
    assert sim.boto("ec2").describe_regions()["Regions"]


def test_stop_leaves_nothing(make_sim, tmp_path):
    one = make_sim()
    assert oct(one.folder.stat().st_mode)[-3:] == "700"
    assert oct((one.folder / "sim.json").stat().st_mode)[-3:] == "600"
    pid, folder = one.pid, one.folder
    one.stop()
    assert pid_is_gone(pid) and not folder.exists()
    done = one.run("status")
    assert done.returncode == 3 and "gpucloud-sim start" in done.stderr
    assert one.run("stop").returncode == 3


def test_killed_one_is_replaced(make_sim):
    one = make_sim()
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: pid_is_gone(one.pid), "the kill")
    assert one.run("status").returncode == 3
    one.start()
    assert one.boto("ec2").describe_regions()["Regions"]


def test_hanging_one_is_ended(make_sim):
    one = make_sim()
    os.kill(one.pid, signal.SIGSTOP)
    one.stop()


def test_foreground(clean_env, tmp_path):
    from conftest import Sim
    one = Sim(clean_env, tmp_path / "front")
    process = subprocess.Popen([one.bin, "start", "--plain-http"], env=one.env,
                               stdout=subprocess.PIPE, text=True)
    try:
        assert "simulated" in process.stdout.readline()
        url = process.stdout.readline().split()[1]
        assert url.startswith("http://127.0.0.1:")
        assert "gpucloud --profile sim" in process.stdout.readline()
        facts = json.loads((one.folder / "sim.json").read_text())
        one.url, one.access_key = url, facts["access_key_id"]
        one.secret_key = facts["secret_access_key"]
        assert one.boto("ec2").describe_regions()["Regions"]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not one.folder.exists()


def test_env_is_for_a_shell(sim):
    done = sim.run("env")
    assert done.returncode == 0
    shell = subprocess.run(
        ["sh", "-c", done.stdout + "\nenv"], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "AWS_PROFILE": "x", "AWS_SESSION_TOKEN": "y"})
    got = dict(line.split("=", 1) for line in shell.stdout.splitlines() if "=" in line)
    assert got["AWS_ENDPOINT_URL"] == sim.url and got["AWS_CA_BUNDLE"] == sim.ca
    assert got["AWS_ACCESS_KEY_ID"] == sim.access_key
    assert got["AWS_SECRET_ACCESS_KEY"] == sim.secret_key
    assert got["AWS_REGION"] == got["AWS_DEFAULT_REGION"] == "us-east-1"
    assert "AWS_PROFILE" not in got and "AWS_SESSION_TOKEN" not in got


def test_admin_needs_its_token(sim):
    assert raw(sim, None, "/_sim/state", method="GET")[0] == 401
    wrong = {"Authorization": "Bearer " + "a" * len(sim.admin_token)}
    assert raw(sim, None, "/_sim/state", wrong, "GET")[0] == 401
    right = {"Authorization": "Bearer " + sim.admin_token}
    status, text = raw(sim, None, "/_sim/state", right, "GET")
    assert status == 200
    state = json.loads(text)
    assert state["schema_version"] == 1 and state["resources"] == []
    assert raw(sim, None, "/_sim/nothing", right, "GET")[0] == 404
    assert raw(sim, b"{}", "/_sim/stop", wrong)[0] == 401


@pytest.mark.parametrize("args,code,says", [
    (["start", "--port", "70000"], 2, "--port"),
    (["start", "--market", "/nowhere"], 4, "/nowhere"),
    (["start", "--as-of", "2020-03-20"], 2, "--market"),
    (["start", "--scenario", "/nowhere.json"], 3, "/nowhere.json"),
    (["start", "--colour"], 2, "--colour"),
    (["start", "--seed"], 2, "--seed"),
    (["stat"], 2, "status"),
    (["fault"], 2, "JSON"),
    (["advance", "-5"], 2, "-5"),
    ([], 2, "--help"),
])
def test_mistakes_are_named(clean_env, tmp_path, args, code, says):
    from conftest import Sim
    done = Sim(clean_env, tmp_path / "none").run(*args, *(["--detach"] if args[:1] == ["start"]
                                                         else []))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert not (tmp_path / "none").exists()


def test_help_and_version(clean_env, tmp_path):
    from conftest import Sim
    one = Sim(clean_env, tmp_path / "none")
    for args in (["--help"], ["start", "--help"], ["help"]):
        done = one.run(*args)
        assert done.returncode == 0 and "gpucloud-sim start --detach" in done.stdout
    assert one.run("--version").stdout.startswith("gpucloud-sim ")


def test_folder_that_is_a_link_is_refused(clean_env, tmp_path):
    from conftest import Sim
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    done = Sim(clean_env, tmp_path / "link").run("start", "--detach")
    assert done.returncode == 1 and "symbolic link" in done.stderr


def test_port_in_use(make_sim, clean_env, tmp_path):
    from conftest import Sim
    one = make_sim()
    port = one.url.rpartition(":")[2]
    done = Sim(clean_env, tmp_path / "other").run("start", "--detach", "--port", port)
    assert done.returncode == 1 and port in done.stderr
    assert not (tmp_path / "other").exists()


# --- the recorded market ---------------------------------------------------------------------


@pytest.fixture
def winter_2020(make_sim):
    folder = SHARED_DATA / "prices" / "aws-2020"
    if not folder.is_dir():
        pytest.skip(f"no recorded prices in {folder}")
    return make_sim("--market", str(folder), "--as-of", "2020-03-20")


def test_recorded_market(winter_2020):
    sim = winter_2020
    rows = sim.boto("ec2").describe_spot_price_history(
        InstanceTypes=["p2.16xlarge"], ProductDescriptions=["Linux/UNIX"],
        StartTime=now(), EndTime=now())["SpotPriceHistory"]
    price = {r["AvailabilityZone"]: float(r["SpotPrice"]) for r in rows}
    assert price["us-east-1e"] == 4.32
    assert set(price) == {"us-east-1" + z for z in "abcde"}
    # the whole recorded series, moved in time, restated prices and all
    mine = sim.boto("ec2").get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=["p2.16xlarge"], AvailabilityZone="us-east-1e",
        ProductDescriptions=["Linux/UNIX"], StartTime=now() - datetime.timedelta(days=60),
        EndTime=now() - datetime.timedelta(days=1), PaginationConfig={"PageSize": 10})
    got = sorted((r["Timestamp"].timestamp(), float(r["SpotPrice"]))
                 for page in mine for r in page["SpotPriceHistory"])
    path = SHARED_DATA / "prices" / "aws-2020" / "p2.16xlarge_us-east-1e.csv"
    recorded = [tuple(map(float, line.split(","))) for line in path.read_text().split()[1:]]
    shift = got[0][0] - min((t for t, _ in recorded), key=lambda t: abs(
        t - (got[0][0] - (now().timestamp() - 1584662400))))
    assert abs(shift - (now().timestamp() - 1584662400)) < 300
    assert set(got) <= {(t + shift, p) for t, p in recorded}
    assert len(got) > 50


def test_recorded_on_demand(winter_2020):
    pricing = winter_2020.boto("pricing")
    for region, expected in (("us-east-1", ["14.4000000000"]), ("us-west-2", ["14.4000000000"]),
                             ("eu-west-1", [])):
        found = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters(
            instanceType="p2.16xlarge", regionCode=region, capacitystatus="Used"))["PriceList"]
        assert [usd(p) for p in found] == expected


def test_spot_below_its_price_is_refused(winter_2020):
    sim = winter_2020
    options = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "4.3199"}}
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run_one(sim, InstanceType="p2.16xlarge", Placement={"AvailabilityZone": "us-east-1e"},
                InstanceMarketOptions=options)
    assert caught.value.response["Error"]["Code"] == "SpotMaxPriceTooLow"
    options["SpotOptions"]["MaxPrice"] = "4.32"
    made = run_one(sim, InstanceType="p2.16xlarge", Placement={"AvailabilityZone": "us-east-1e"},
                   InstanceMarketOptions=options)
    assert made["InstanceLifecycle"] == "spot"
    assert sim.live()[0]["usd_per_hour"] == "4.3200"


# --- moto, for the fixture's sake ------------------------------------------------------------


def test_moto_checks_signatures(moto):
    assert moto.boto("ec2").describe_regions()["Regions"]
    assert moto.boto("sts").get_caller_identity()["Arn"].endswith("user/tester")
    assert code_of(moto.boto("ec2", aws_secret_access_key="x" * 40).describe_regions) == \
        "AuthFailure"
