# SPDX-License-Identifier: Apache-2.0
"""`history --file`: saved prices, no network, the shape that other programs rely on."""
import json
import re
import shutil
import subprocess

import pytest
from checks import expect, one_object, sane
from conftest import SHARED_DATA, program

PRICES = SHARED_DATA / "prices" / "aws-2020"
WINDOW = ("--since", "2019-12-25", "--until", "2020-03-20")


def recorded(kind, letters):
    if not PRICES.is_dir():
        pytest.skip(f"no recorded prices in {PRICES}")
    return [arg for c in letters for arg in ("--file", str(PRICES / f"{kind}_us-east-1{c}.csv"))]


@pytest.fixture
def history(gpucloud):
    def run(*args, code=0):
        """The answer's one market, and the window it is of."""
        done = expect(gpucloud("--json", "history", *args), code)
        if code:
            return done
        out = one_object(done.stdout)
        (market,) = out.pop("markets")
        return out | market

    return run


@pytest.fixture
def saved(tmp_path):
    """saved(zone, rows): a file of saved prices; its path."""
    def make(zone, rows, header=True, kind="p2.xlarge"):
        path = tmp_path / f"{kind}_{zone}.csv"
        path.write_text(("unix_s,price_usd_per_h\n" if header else "") +
                        "".join(f"{t},{p}\n" for t, p in rows))
        return str(path)

    return make


def test_shape(history):
    out = history(*recorded("p2.16xlarge", "abcde"), "--on-demand", "14.4", *WINDOW, "--bid",
                  "51%")
    assert set(out) == {"schema_version", "provider", "type", "region", "since", "until", "on_demand",
                        "zones", "choice", "archive_until", "failures"}
    for zone in out["zones"]:
        assert {"zone", "last", "last_since", "last_age_s", "min", "median", "mean", "p95", "max", "std", "volatility",
                "under"} <= set(zone)
        assert set(zone["under"]) == {"51%", "76%", "101%"}
        assert all(0 <= share <= 1 for share in zone["under"].values())
        assert zone["volatility"] == pytest.approx(float(zone["std"]) / 14.4, abs=1e-6)
    assert set(out["choice"]) == {"zone", "bid", "reason", "raw_min_std_zone"}
    assert (out["since"], out["until"]) == ("2019-12-25T00:00:00Z", "2020-03-20T00:00:00Z")
    without = history(*recorded("p2.16xlarge", "e"), "--on-demand", "14.4", *WINDOW)
    assert "choice" not in without


def test_recorded_rows(history):
    """The acceptance rows T-A2 of the book's rule, from the command line."""
    out = history(*recorded("p2.16xlarge", "abcde"), "--on-demand", "14.4", *WINDOW, "--bid",
                  "51%")
    assert out["choice"]["zone"] == "us-east-1e" and out["choice"]["bid"] == "7.3440"
    best = out["zones"][4]
    assert (best["zone"], best["mean"], best["std"]) == ("us-east-1e", "4.320227", "0.003813")
    for bid in ("51%", "76%", "101%", "0.90", "1000%"):
        out = history(*recorded("p2.xlarge", "abcdef"), "--on-demand", "0.90", *WINDOW, "--bid",
                      bid)
        assert out["choice"]["zone"] == "us-east-1c"
        assert out["choice"]["raw_min_std_zone"] == "us-east-1f"
    best = out["zones"][2]
    assert (best["mean"], best["std"], best["p95"]) == ("0.371647", "0.009805", "0.3886")


def test_steps_by_hand(history, saved):
    """1 for an hour, 3 for three: mean 2.5, variance 0.75; half-open window, first row in force."""
    path = saved("us-east-1a", [(1577836800, "1"), (1577840400, "3.0"), (1577851200, "99")])
    args = ("--file", path, "--on-demand", "10", "--since", "2020-01-01T00:00:00Z", "--until",
            "2020-01-01T04:00:00Z")
    (zone,) = history(*args, "--bid", "20%")["zones"]
    assert (zone["zone"], zone["mean"], zone["std"]) == ("us-east-1a", "2.500000", "0.866025")
    assert (zone["min"], zone["max"], zone["last"]) == ("1.0000", "3.0000", "3.0000")
    assert (zone["last_since"], zone["last_age_s"]) == ("2020-01-01T01:00:00Z", 3 * 3600)
    assert (zone["median"], zone["p95"]) == ("3.0000", "3.0000")
    assert zone["under"] == {"51%": 1, "76%": 1, "101%": 1}
    assert zone["under_bid"] == 0.25 and zone["volatility"] == pytest.approx(0.0866025)
    # A later start looks back for the price in force.
    (late,) = history("--file", path, "--on-demand", "10", "--since", "2020-01-01T02:00:00Z",
                      "--until", "2020-01-01T04:00:00Z")["zones"]
    assert late["mean"] == "3.000000" and late["std"] == "0.000000"


def test_no_zone_will_do(history, saved):
    path = saved("us-east-1a", [(1577836800, "1.0")])
    out = history("--file", path, "--on-demand", "1.0", "--since", "2020-01-01", "--until",
                  "2020-01-02", "--bid", "101%")
    assert out["choice"]["zone"] is None and out["choice"]["reason"]
    assert out["choice"]["raw_min_std_zone"] == "us-east-1a"


def test_never_beyond_now(history, saved):
    """A window that reaches into the future ends now: what is not known is not drawn out."""
    path = saved("us-east-1a", [(1577836800, "0.2"), (1577840400, "0.4")])
    for until in ("2040-01-01", "9999-12-31"):
        out = history("--file", path, "--on-demand", "1", "--since", "2020-01-01", "--until", until)
        assert out["until"] < "2040"
    # Spans count back from the last row of the files.
    (zone,) = history("--file", path, "--on-demand", "1", "--since", "1h")["zones"]
    assert zone["covered_s"] == 3600 and zone["mean"] == "0.200056"


def test_zone_by_price(history, saved):
    files = ("--file", saved("us-east-1a", [(1577836800, "0.50")]), "--file",
             saved("us-east-1b", [(1577836800, "0.20"), (1577880000, "0.30")]))
    args = (*files, "--on-demand", "1", "--since", "2020-01-01", "--until", "2020-01-02", "--bid",
            "0.6")
    assert history(*args)["choice"]["zone"] == "us-east-1a"
    assert history(*args, "--zone-by", "price")["choice"]["zone"] == "us-east-1b"


def test_table(gpucloud, saved):
    """Without --json and through a pipe: tabs, one row a zone."""
    path = saved("us-east-1a", [(1577836800, "0.2")])
    done = expect(gpucloud("history", "--file", path, "--on-demand", "1", "--since", "2020-01-01",
                           "--until", "2020-01-02"), 0)
    (row,) = done.stdout.splitlines()
    cells = row.split("\t")
    assert cells[:6] == ["p2.xlarge", "", "us-east-1a", "", "0.2000", "2020-01-01T00:00:00Z"]


@pytest.mark.parametrize("rows,says", [
    ("", "empty"), ("unix_s,price_usd_per_h\n", ""), ("unix_s,price_usd_per_h\n1,-2\n", "2"),
    ("unix_s,price_usd_per_h\nyesterday,1\n", "2"), ("unix_s,price_usd_per_h\n5,1,9\n", "2"),
    ("unix_s,price_usd_per_h\n5,1e3\n", "2"),
    ("unix_s,price_usd_per_h\n5,nan\n", "2"), ("a,b\n5,1\n", "1"),
    ("unix_s,price_usd_per_h\n5,\0\n", ""), ("x" * 100000, ""),
])
def test_bad_files(gpucloud, tmp_path, rows, says):
    path = tmp_path / "p2.xlarge_us-east-1a.csv"
    path.write_text(rows)
    done = gpucloud("--json", "history", "--file", str(path), "--on-demand", "1")
    expect(done, done.returncode, str(path), says)
    assert done.returncode in (1, 2, 3), done.stderr
    assert done.stdout == ""


def test_bad_use(gpucloud, saved):
    path = saved("us-east-1a", [(1577836800, "0.2")])
    other = saved("us-east-1b", [(1577836800, "0.2")], kind="g4dn.xlarge")
    expect(gpucloud("history", "--file", path), 2, "on-demand")
    expect(gpucloud("history", "--file", path, "--file", path, "--on-demand", "1"), 2, "twice")
    expect(gpucloud("history", "--file", path, "--file", other, "--on-demand", "1"), 2,
           "one type at a time")
    expect(gpucloud("history", "p2.xlarge", "--file", path, "--on-demand", "1"), 2)
    expect(gpucloud("history", "--file", "/nonexistent/p2.xlarge_us-east-1a.csv", "--on-demand",
                    "1"), 3, "/nonexistent")
    expect(gpucloud("history", "--file", path, "--on-demand", "1", "--since", "2010-01-01",
                    "--until", "2010-02-01"), 3, "no spot price")
    for bid in ("0%", "-5%", "1e9", "abc"):
        expect(gpucloud("history", "--file", path, "--on-demand", "1", f"--bid={bid}"), 2, bid)


def test_no_network(clean_env, saved, tmp_path):
    """Not one socket towards any network, with credentials and endpoints lying around."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    env = dict(clean_env, ASAN_OPTIONS="detect_leaks=0", AWS_ACCESS_KEY_ID="AKIA", AWS_REGION="x",
               AWS_ENDPOINT_URL="https://127.0.0.1:9")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=socket,connect",
         program("GPUCLOUD_BIN"), "--json", "history", "--file",
         saved("us-east-1a", [(1577836800, "0.2")]), "--on-demand", "1", "--since", "2020-01-01",
         "--until", "2020-01-02", "--bid", "51%"], env=env, capture_output=True, text=True)
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    sane(done)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"AF_INET|AF_NETLINK", trace.read_text()), trace.read_text()
    (market,) = json.loads(done.stdout)["markets"]
    assert market["choice"]["zone"] == "us-east-1a"
    assert not (tmp_path / "state" / "gpucloud").exists()
