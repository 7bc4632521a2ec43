# SPDX-License-Identifier: Apache-2.0
"""`price`: the price in force and its age, several types at once, and buying against renting."""
import datetime
import pathlib
import re

import pytest
from checks import Client, expect, one_object
from conftest import SHARED_DATA, Sim
from terminal import on_terminal

MARKET = SHARED_DATA / "prices" / "aws-2020"
FIELDS = {"provider", "region", "type", "gpu", "arch", "gpu_count", "gpu_fraction", "gpu_mem_mib",
          "vcpus", "mem_mib", "on_demand", "on_demand_as_of", "on_demand_builtin", "spot",
          "spot_zone", "spot_zone_id", "spot_since", "spot_age_s"}


def recorded_sim(folder, market, *args):
    one = Sim({"PATH": "/usr/bin:/bin", "HOME": str(folder)}, folder / "sim")
    return one.start("--market", str(market), *args)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """One simulator of the spring of 2020 for the whole file: nothing here makes anything."""
    if not MARKET.is_dir():
        pytest.skip(f"no recorded prices in {MARKET}")
    one = recorded_sim(tmp_path_factory.mktemp("market"), MARKET, "--as-of", "2020-03-20")
    yield one
    one.stop()


@pytest.fixture
def gc(market, clean_env):
    return Client(clean_env, market)


@pytest.fixture
def small(tmp_path, clean_env):
    """small({"TYPE_ZONE": rows}): a client of a simulator with those prices, on 2020-01-10."""
    made = []

    def make(zones):
        folder = tmp_path / f"prices{len(made)}"
        folder.mkdir()
        (folder / "ondemand.csv").write_text("instance_type,usd_per_hour\np3.2xlarge,3.06\n"
                                             "p2.xlarge,0.90\n")
        for zone, rows in zones.items():
            (folder / f"{zone}.csv").write_text(
                "unix_s,price_usd_per_h\n" + "".join(f"{t},{p}\n" for t, p in rows))
        made.append(recorded_sim(folder, folder, "--as-of", "2020-01-10"))
        return Client(clean_env, made[-1])

    yield make
    for one in made:
        one.stop()


def unix(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


# --- the price in force ------------------------------------------------------------------------


def test_spot_now_with_its_age(gc):
    (offer,) = gc.json("price", "p3.2xlarge", "--region", "us-east-1")["offers"]
    assert set(offer) == FIELDS
    assert offer["on_demand"] == "3.0600" and offer["spot_zone"].startswith("us-east-1")
    changed = datetime.datetime.fromisoformat(offer["spot_since"].replace("Z", "+00:00"))
    age = (datetime.datetime.now(datetime.timezone.utc) - changed).total_seconds()
    assert 0 <= offer["spot_age_s"] <= age + 2 and age - offer["spot_age_s"] < 60
    assert offer["spot_zone_id"] != ""


def test_the_last_change_at_or_before_now(small):
    """One change lies behind, one ahead: the one behind is in force, and its age is counted."""
    gc = small({"p3.2xlarge_us-east-1a": [(unix("2020-01-01"), "0.5"), (unix("2020-01-09"), "0.9"),
                                          (unix("2020-01-12"), "0.1")]})
    (offer,) = gc.json("price", "p3.2xlarge", "--region", "us-east-1")["offers"]
    assert (offer["spot"], offer["spot_zone"]) == ("0.9000", "us-east-1a")
    assert 86400 <= offer["spot_age_s"] < 86400 + 120
    (row,) = gc.ok("price", "p3.2xlarge", "--region", "us-east-1").stdout.splitlines()
    cells = row.split("\t")
    assert cells[8:12] == ["0.9000", "1 d", "us-east-1a", "71%"]


def test_only_future_prices_are_no_price(small):
    """What will be is not what is: unknown, in every form, never a guess."""
    gc = small({"p3.2xlarge_us-east-1a": [(unix("2020-01-12"), "0.1")],
                "p2.xlarge_us-east-1a": [(unix("2020-01-01"), "0.3")]})
    (offer,) = gc.json("price", "p3.2xlarge", "--region", "us-east-1")["offers"]
    assert offer["spot"] is None and offer["spot_since"] is None and offer["spot_age_s"] is None
    assert offer["spot_zone"] == "" and offer["on_demand"] == "3.0600"
    (row,) = gc.ok("price", "p3.2xlarge", "--region", "us-east-1").stdout.splitlines()
    assert row.split("\t")[8:12] == ["", "", "", ""]
    (own,) = gc.json("price", "p3.2xlarge", "--region", "us-east-1", "--own", "1000")["offers"]
    paid = own["own"]["spot_paid"]
    assert paid["usd_per_hour"] is None and paid["hours"] is None and paid["never"] is None
    assert own["own"]["on_demand"]["hours"] == pytest.approx(1000 / 3.06)


def test_several_types_and_regions(gc):
    offers = gc.json("price", "p2.xlarge", "p3.16xlarge", "p2.xlarge", "--region",
                     "us-east-1,eu-west-1")["offers"]
    assert sorted((o["type"], o["region"]) for o in offers) == [
        ("p2.xlarge", "eu-west-1"), ("p2.xlarge", "us-east-1"),
        ("p3.16xlarge", "eu-west-1"), ("p3.16xlarge", "us-east-1")]
    prices = [float(o["spot"]) for o in offers]
    assert prices == sorted(prices)
    everywhere = gc.json("price", "p2.xlarge", "--all-regions")["offers"]
    assert {"us-east-1", "us-east-2", "us-west-2", "eu-west-1"} <= {o["region"] for o in everywhere}


def test_a_type_that_is_not_there(gc):
    gc.fails(3, "price", "p2.xlarge", "p9.huge", "--region", "us-east-1",
             says=["'p9.huge' is not offered in us-east-1", "--all-regions"])
    gc.fails(3, "price", "p9.huge", "--region", "us-east-1,eu-west-1", says="any of the regions")
    gc.fails(2, "price", "p2.xlarge", "--gpu", "V100", says="not both")
    gc.fails(2, "price", "p2.xlarge", "--type", "p3.2xlarge", says="once")


def test_regions_that_fail(client):
    """The others are shown, the failed one is named, and the exit code says that it is not all."""
    gc = client()
    where = ("--region", "us-east-1,us-west-2")
    gc.sim.fault(kind="error", action="DescribeSpotPriceHistory", status=403, count=1,
                 code="UnauthorizedOperation")
    done = gc.run("--json", "price", "g4dn.xlarge", *where)
    assert done.returncode == 1, done.stderr
    out = one_object(done.stdout)
    (failure,) = out["failures"]
    spot = {o["region"]: o["spot"] for o in out["offers"]}
    assert len(spot) == 2 and spot.pop(failure["region"]) is None and None not in spot.values()
    assert f"warning: {failure['region']}" in done.stderr
    done = gc.run("--json", "price", "g4dn.xlarge", "--region", "us-east-1,mars-1")
    assert done.returncode == 1 and "mars-1" in done.stderr
    assert [o["region"] for o in one_object(done.stdout)["offers"]] == ["us-east-1"]


# --- what it looks like --------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_terminals(gc, columns):
    for args in (("price", "p3.16xlarge"), ("price", "p3.16xlarge", "--own", "149000")):
        done = on_terminal([gc.bin, *args, "--region", "us-east-1"], dict(gc.env, TERM="xterm"),
                           columns)
        expect(done, 0)
        lines = done.stdout.splitlines()
        assert lines[0].split()[0] in ("REGION", "TYPE") and "24.4800" in done.stdout
        if columns >= 80:
            assert max(map(len, lines)) <= columns, done.stdout
            assert ("AGE" in lines[0]) == ("--own" not in args)
    done = on_terminal([gc.bin, "price", "p3.16xlarge", "--region", "us-east-1"],
                       dict(gc.env, TERM="xterm", NO_COLOR="1"), columns)
    assert "\033" not in done.stdout


# --- buying ----------------------------------------------------------------------------------------


def own(gc, *args):
    return gc.json("price", *args, "--region", "us-east-1")


def test_the_books_figures(gc):
    """A $1,000 card against $0.90 an hour: 46 days. A DGX-1 against p3.16xlarge at $24.48."""
    out = own(gc, "p2.xlarge", "--own", "1000")
    assert out["own"] == {"price": "1000.0000", "running_per_hour": "0.0000"}
    (offer,) = out["offers"]
    assert set(offer) == FIELDS | {"own"} and set(offer["own"]) == {"on_demand", "spot_paid"}
    rent = offer["own"]["on_demand"]
    assert rent["usd_per_hour"] == "0.9000" and round(rent["hours"]) == 1111
    assert int(rent["days"]) == 46 and rent["never"] is False
    assert rent["years_8h"] == pytest.approx(1000 / 0.9 / 2920)
    (dgx,) = own(gc, "p3.16xlarge", "--own", "149000")["offers"]
    rent = dgx["own"]["on_demand"]
    assert (rent["usd_per_hour"], round(rent["hours"])) == ("24.4800", 6087)
    assert (int(rent["days"]), round(rent["years_8h"], 2)) == (253, 2.08)


def test_spot_paid_is_the_cheapest_zones_mean(gc):
    """The same figure that `history` gives for that window, and break-even by it."""
    (offer,) = own(gc, "p2.xlarge", "--own", "1000")["offers"]
    paid = offer["own"]["spot_paid"]
    zones = gc.json("history", "p2.xlarge", "--region", "us-east-1")
    zones = zones["zones"] if "zones" in zones else zones["markets"][0]["zones"]
    best = min(zones, key=lambda z: float(z["mean"]))
    assert paid["zone"] == best["zone"] and paid["zone_id"] == best["zone_id"]
    assert float(paid["usd_per_hour"]) == pytest.approx(float(best["mean"]), abs=2e-5)
    assert paid["hours"] == pytest.approx(1000 / float(paid["usd_per_hour"]))
    assert 0 < paid["covered_s"] <= 90 * 86400


def test_running_cost_and_never(gc):
    """What is left of the rent pays the machine; where nothing is left, it never pays."""
    (offer,) = own(gc, "p2.xlarge", "--own", "1000", "--own-running", "0.40")["offers"]
    assert offer["own"]["on_demand"]["hours"] == pytest.approx(1000 / 0.5)
    paid = offer["own"]["spot_paid"]
    assert float(paid["usd_per_hour"]) < 0.40
    assert paid["never"] is True and paid["hours"] is None and paid["days"] is None
    rows = [line.split("\t") for line in gc.ok(
        "price", "p2.xlarge", "--own", "1000", "--own-running", "0.40", "--region",
        "us-east-1").stdout.splitlines()]
    assert [row[:3] for row in rows] == [["us-east-1", "p2.xlarge", "1x K80"]] * 2
    assert rows[0][3:] == ["on demand", "0.9000", "2000", "83.3", "0.7"]
    assert rows[1][3].startswith("spot us-east-1") and rows[1][5:] == ["never", "", ""]


def test_every_field_is_documented(gc):
    def names(value):
        if isinstance(value, dict):
            return set(value).union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, list) else set()

    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    assert names(own(gc, "p2.xlarge", "--own", "1")) <= set(re.findall(r"[a-z0-9_]+", text))


def test_every_offer_has_its_answer(gc):
    offers = own(gc, "--own", "5000")["offers"]
    assert len(offers) > 3
    for offer in offers:
        rent = offer["own"]["on_demand"]
        assert rent["hours"] == pytest.approx(5000 / float(offer["on_demand"]))


@pytest.mark.parametrize("args,says", [
    (("--own", "0"), "--own"), (("--own", "-1"), "--own"), (("--own", "cheap"), "--own"),
    (("--own", "1e5"), "--own"), (("--own="), "empty"), (("--own", "1000000001"), "--own"),
    (("--own", "9" * 400), "--own"), (("--own-running", "1"), "--own"),
    (("--own", "100", "--own-running", "0"), "--own-running"),
    (("--own", "100", "--own-running", "nan"), "--own-running"),
])
def test_nonsense(gpucloud, args, says):
    """Refused before anything is asked, naming the option."""
    args = (args,) if isinstance(args, str) else args
    assert expect(gpucloud("price", "p2.xlarge", *args), 2, says).stdout == ""


def test_moto(moto, gpucloud):
    """A cloud that others wrote: one price since 2006, far below what is charged anywhere."""
    done = expect(gpucloud("--json", "price", "g4dn.xlarge", "--own", "3000",
                           env=moto.aws_env()), 0)
    (offer,) = one_object(done.stdout)["offers"]
    assert offer["spot"] is not None and offer["spot_since"].startswith("2006-")
    assert offer["spot_age_s"] > 10 * 365 * 86400
    paid = offer["own"]["spot_paid"]
    assert float(paid["usd_per_hour"]) == float(offer["spot"]) and paid["covered_s"] == 90 * 86400
