# SPDX-License-Identifier: Apache-2.0
"""boto3 and aws-cli drive the simulator: clients that others wrote, so that it cannot share our
misunderstandings."""
import base64
import datetime
import json
import socket
import ssl
import time

import botocore.auth
import botocore.exceptions
import pytest
from sim_tools import (DLAMI, code_of, filters, image, now, raw, run_one, signed, usd)


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
    at_once = [t["InstanceType"]
               for page in ec2.get_paginator("describe_instance_types").paginate()
               for t in page["InstanceTypes"]]
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
        request.body = request.body.replace("DescribeRegions", "DescribeVolumes")

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
    assert code_of(sts.assume_role_with_web_identity, WebIdentityToken="not.a-jwt", **ask) == \
        "InvalidIdentityToken"


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
    try:
        assert raw(sim, b"x", headers={"X-Large": "y" * 100000})[0] in (400, 413, 431)
    except OSError:
        pass  # the server has answered and closed before all of it was written
    assert raw(sim, b"x", "/elsewhere")[0] == 404
    assert raw(sim, None, method="GET")[0] == 405
    with socket.create_connection(("127.0.0.1", int(sim.url.rpartition(":")[2]))) as plain:
        tls = ssl.create_default_context(cafile=sim.ca).wrap_socket(
            plain, server_hostname="localhost")
        tls.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
        assert b" 413 " in tls.recv(4096)
    assert sim.boto("ec2").describe_regions()["Regions"]


# --- prices and limits -----------------------------------------------------------------------


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


# --- moto, for the fixture's sake ------------------------------------------------------------


def test_moto_checks_signatures(moto):
    assert moto.boto("ec2").describe_regions()["Regions"]
    assert moto.boto("sts").get_caller_identity()["Arn"].endswith("user/tester")
    assert code_of(moto.boto("ec2", aws_secret_access_key="x" * 40).describe_regions) == \
        "AuthFailure"
