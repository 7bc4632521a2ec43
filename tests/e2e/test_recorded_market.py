# SPDX-License-Identifier: Apache-2.0
"""Decisions on real prices: the simulator replays the spring of 2020."""
import pytest
from checks import Client
from conftest import SHARED_DATA, Sim

MARKET = SHARED_DATA / "prices" / "aws-2020"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """One simulator of that market for the whole file: nothing here waits for another's things."""
    if not MARKET.is_dir():
        pytest.skip(f"no recorded prices in {MARKET}")
    folder = tmp_path_factory.mktemp("market")
    one = Sim({"PATH": "/usr/bin:/bin", "HOME": str(folder)}, folder / "sim")
    one.start("--market", str(MARKET), "--as-of", "2020-03-20", "--boot-ms", "100")
    yield one
    one.stop()


@pytest.fixture
def gc(market, clean_env, request):
    return Client(clean_env, market, request.node.name.split("[")[0].replace("_", "-")[:60])


def test_p2_16xlarge_goes_to_zone_e_at_7_344(gc, market):
    args = ("--spot", "--bid", "51%", "--type", "p2.16xlarge", "--region", "us-east-1")
    out = gc.ok("launch", *args, "--name", "big").stdout
    assert "choice: us-east-1e has the least volatility" in out
    assert "bid:    $7.344" in out
    (instance,) = gc.live("big")
    assert (instance["zone"], instance["type"]) == ("us-east-1e", "p2.16xlarge")
    # What the cloud received, told by a client that others wrote.
    ec2 = market.boto("ec2")
    described = ec2.describe_instances(InstanceIds=[instance["id"]])
    request_id = described["Reservations"][0]["Instances"][0]["SpotInstanceRequestId"]
    (request,) = ec2.describe_spot_instance_requests(
        SpotInstanceRequestIds=[request_id])["SpotInstanceRequests"]
    assert float(request["SpotPrice"]) == 7.344
    assert request["Type"] == "one-time" and request["LaunchedAvailabilityZone"] == "us-east-1e"
    (ended,) = gc.json("--yes", "terminate", "big")["terminated"]
    # Billed at the recorded price of that zone and time.
    assert ended["usd_per_hour"] == "4.3200" and ended["on_demand_per_hour"] == "14.4000"
    gc.nothing_left()


@pytest.mark.parametrize("bid", ["51%", "76%", "101%"])
def test_p2_xlarge_never_goes_to_zone_f(gc, bid):
    """Zone f rested at the on-demand price: the calmest of all, and no bargain."""
    plan = gc.lines("--dry-run", "launch", "--spot", "--bid", bid, "--type", "p2.xlarge",
                    "--region", "us-east-1")[0]
    assert plan["choice"]["zone"] == "us-east-1c"
    assert plan["choice"]["raw_min_std_zone"] == "us-east-1f"
    zones = {z["zone"]: z for z in plan["zones"]}
    assert zones["us-east-1f"]["rank"] == 0 and zones["us-east-1f"]["volatility"] == 0
    assert zones["us-east-1f"]["price_now"] == "0.9000" == plan["on_demand"]


def test_zone_f_is_not_tried_when_all_others_are_full(gc, market):
    """The next best, and the next; never the one that was passed over."""
    for letter in "abcde":
        market.fault(kind="no-capacity", zone=f"us-east-1{letter}", type="p2.xlarge")
    done = gc.fails(5, "--json", "launch", "--spot", "--bid", "101%", "--type", "p2.xlarge",
                    "--region", "us-east-1", "--name", "full")
    assert "us-east-1c" in done.stdout and '"zone":"us-east-1f","kind"' not in done.stdout
    assert gc.made() == []
    gc.nothing_left()


def test_history_of_the_recorded_market(gc):
    (history,) = gc.json("history", "p2.16xlarge", "--region", "us-east-1", "--bid",
                         "51%")["markets"]
    assert history["choice"]["zone"] == "us-east-1e" and history["choice"]["bid"] == "7.3440"
    assert [z["zone"] for z in history["zones"]] == [f"us-east-1{c}" for c in "abcde"]
    assert history["on_demand"] == "14.4000"
