# SPDX-License-Identifier: Apache-2.0
"""The program gpucloud-sim: start, stop, its files, its mistakes, and the recorded market."""
import datetime
import json
import os
import signal
import subprocess

import botocore.exceptions
import pytest
from conftest import SHARED_DATA, Sim, pid_is_gone, wait_until
from sim_tools import code_of, filters, now, raw, run_one, state_of, usd


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


def test_relative_folder(clean_env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = Sim(clean_env, tmp_path / "here")
    one.env["GPUCLOUD_SIMULATOR_DIR"] = "here"
    one.start()
    assert one.ca == str(tmp_path / "here" / "ca.pem")
    assert one.boto("ec2").describe_regions()["Regions"]
    one.stop()


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
    (["statsu"], 2, "'gpucloud-sim status'"),
    (["fault"], 2, "JSON"),
    (["advance", "-5"], 2, "-5"),
    ([], 2, "--help"),
])
def test_mistakes_are_named(clean_env, tmp_path, args, code, says):
    done = Sim(clean_env, tmp_path / "none").run(*args, *(["--detach"] if args[:1] == ["start"]
                                                         else []))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert not (tmp_path / "none").exists()


def test_help_and_version(clean_env, tmp_path):
    one = Sim(clean_env, tmp_path / "none")
    for args in (["--help"], ["start", "--help"], ["help"]):
        done = one.run(*args)
        assert done.returncode == 0 and "gpucloud-sim start --detach" in done.stdout
    assert one.run("--version").stdout.startswith("gpucloud-sim ")


def test_folder_that_is_a_link_is_refused(clean_env, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    done = Sim(clean_env, tmp_path / "link").run("start", "--detach")
    assert done.returncode == 1 and "symbolic link" in done.stderr


def test_port_in_use(make_sim, clean_env, tmp_path):
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
