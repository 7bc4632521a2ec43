# SPDX-License-Identifier: Apache-2.0
"""What the tests of the simulator share: one launch, one signed request, one price."""
import datetime
import json
import ssl
import urllib.error
import urllib.request

import botocore.auth
import botocore.exceptions
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

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
    request = AWSRequest("POST", sim.url + "/", headers=headers or {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, data=body)
    botocore.auth.SigV4Auth(Credentials(sim.access_key, sim.secret_key), service,
                            "us-east-1").add_auth(request)
    return raw(sim, body, headers=dict(request.headers))


def filters(**fields):
    return [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]


def usd(product):
    term = next(iter(json.loads(product)["terms"]["OnDemand"].values()))
    return next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"]
