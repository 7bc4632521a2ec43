# SPDX-License-Identifier: Apache-2.0
"""`bid`: what bids would have cost and risked, walk-forward, and the one that is advised."""
import datetime
import json
import pathlib
import re

import pytest
from checks import Client, exit_error, expect, one_object
from conftest import SHARED_DATA, Sim
from terminal import on_terminal

PRICES = SHARED_DATA / "prices"
T0 = int(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
DAY = 86400
RESULT = {"starts", "none", "unknown", "finished", "in_time", "uninterrupted", "share_in_time",
          "share_uninterrupted", "predicted_survival", "mean_cost", "p95_cost", "saving",
          "dearer_than_on_demand", "mean_makespan_s", "p95_makespan_s", "interruptions"}
COLUMNS = 15  # of a row through a pipe


def recorded(*parts):
    """Options that name recorded prices; the test is skipped where there are none."""
    if not PRICES.is_dir():
        pytest.skip(f"no recorded prices in {PRICES}")
    return [arg for part in parts for arg in ("--file", str(PRICES / part))]


@pytest.fixture
def saved(tmp_path):
    """saved(zone, rows): a file of saved prices at days since T0; options that name it."""
    def make(zone, rows, kind="p3.2xlarge"):
        path = tmp_path / f"{kind}_{zone}.csv"
        path.write_text("unix_s,price_usd_per_h\n" +
                        "".join(f"{T0 + int(day * DAY)},{price}\n" for day, price in rows))
        return ["--file", str(path)]

    return make


@pytest.fixture
def bid(gpucloud):
    """bid(*args, code=0): the object printed; with another code, also the completed process."""
    def run(*args, code=0):
        done = expect(gpucloud("--json", "bid", *args, "--on-demand", "1"), code)
        out = one_object(done.stdout) if done.stdout else None
        return out if code == 0 else (out, done)

    return run


def flat(price="0.3", days=90):
    return [(0, price), (days, price)]


def spikes(low, high, hours=1, days=90):
    """Every day at midnight the high price for so many hours."""
    rows = []
    for day in range(days):
        rows += [(day, high), (day + hours / 24, low)]
    return rows + [(days, low)]


def lines(out, strategy="zone", market=0):
    """(zone, label) -> line."""
    return {(one.get("zone"), one.get("label")): one
            for one in out["markets"][market]["strategies"] if one["strategy"] == strategy}


def codes(out, warnings=None, market=0):
    return {note["code"] for note in out["markets"][market]["notes"]
            if warnings is None or note["warning"] is warnings}


# --- figures ---------------------------------------------------------------------------------------


def test_a_price_that_never_moves(bid, saved):
    """Every figure can be told by hand, and which bid was made makes no difference."""
    out = bid(*saved("us-east-1a", flat()), "--hours", "24")
    assert set(out) == {"schema_version", "job", "since", "until", "markets", "choices",
                        "failures"}
    assert out["job"] == {"work_s": 86400, "checkpoint_every_s": 1800, "checkpoint_s": 60,
                          "restart_s": 300, "deadline_s": 172800}
    (market,) = out["markets"]
    assert set(market) == {"provider", "region", "type", "on_demand", "known_until",
                           "walk_forward", "strategies", "notes"}
    assert (market["type"], market["on_demand"]) == ("p3.2xlarge", "1.0000")
    tried = lines(out)
    assert list(tried) == [("us-east-1a", label) for label in ("51%", "76%", "101%")]
    wall = 300 + 86400 + 47 * 60  # it boots, works, and saves its work 47 times
    for line in tried.values():
        assert set(line) == RESULT | {"strategy", "zone", "zone_id", "price_now", "label", "bid",
                                      "billing", "verdict"}
        assert line["starts"] == line["finished"] == line["in_time"] == line["uninterrupted"]
        assert line["starts"] == market["walk_forward"]["starts"] > 100
        assert line["share_in_time"] == line["share_uninterrupted"] == 1
        assert line["interruptions"] == line["unknown"] == line["dearer_than_on_demand"] == 0
        assert line["mean_makespan_s"] == line["p95_makespan_s"] == wall
        cost = wall * 0.3 / 3600
        assert float(line["mean_cost"]) == pytest.approx(cost, abs=1e-6)
        assert float(line["p95_cost"]) == pytest.approx(cost, abs=1e-6)
        assert line["saving"] == pytest.approx(1 - cost / 24)
        assert line["predicted_survival"] == 1 and line["price_now"] == "0.3000"
    (on_demand,) = lines(out, "on-demand").values()
    assert on_demand["mean_cost"] == "24.000000" and on_demand["saving"] == 0
    # The lowest of equals is advised.
    (choice,) = out["choices"]
    assert (choice["strategy"], choice["zone"], choice["label"], choice["bid"]) == (
        "zone", "us-east-1a", "51%", "0.5100")
    assert choice["text"] and choice["reasons"] and choice["type"] == "p3.2xlarge"
    # Chosen anew at every start it is the same zone each time, and comes to the same.
    (advised,) = lines(out, "advice").values()
    assert set(advised) == RESULT | {"strategy", "billing", "chosen", "chosen_on_demand"}
    assert [one["times"] for one in advised["chosen"]] == [advised["starts"]]
    assert advised["chosen_on_demand"] == 0
    assert choice["followed_mean_cost"] == choice["mean_cost"] == advised["mean_cost"]
    assert choice["followed_share_in_time"] == 1
    verdicts = [line["verdict"] for line in tried.values()]
    assert verdicts == ["best", "dearer", "dearer"]


def test_spikes_under_three_bids(bid, saved):
    """An hour a day at 0.9: it interrupts what bids less, and costs what bids more."""
    tried = lines(bid(*saved("us-east-1a", spikes("0.2", "0.9")), "--hours", "6", "--checkpoint",
                      "none", "--restart", "none"))
    low, mid, high = (tried["us-east-1a", label] for label in ("51%", "76%", "101%"))
    same = RESULT - {"dearer_than_on_demand"}
    assert {k: low[k] for k in same} == {k: mid[k] for k in same}
    assert low["interruptions"] > 0 == high["interruptions"]
    # A start must fall into the 17 hours from which six are left before the next spike.
    assert low["share_uninterrupted"] == pytest.approx(17 / 24, abs=0.03)
    assert low["predicted_survival"] == pytest.approx(17 / 24, abs=0.03)
    assert high["share_uninterrupted"] == 1 == high["predicted_survival"]
    assert high["mean_makespan_s"] == 6 * 3600 < low["mean_makespan_s"]
    assert float(high["mean_cost"]) == pytest.approx(6 * (0.2 * 23 + 0.9) / 24, abs=0.03)
    for line in tried.values():
        hours = line["mean_makespan_s"] / 3600
        assert float(line["mean_cost"]) <= float(line["bid"]) * hours


def test_nothing_is_judged_in_sample(bid, saved):
    """The rule takes the zone that was calm until then, though it was to be the wild one."""
    out = bid(*saved("us-east-1a", [(0, "0.30"), (60, "0.95"), (61, "0.30"), (62, "0.95"),
                                    (90, "0.30")]),
              *saved("us-east-1b", [(day, ("0.20", "0.35")[day % 2]) for day in range(91)]),
              "--hours", "4")
    forward = out["markets"][0]["walk_forward"]
    assert forward["first_start"] >= "2020-02-14" and forward["last_start"] < "2020-03-31"
    assert forward["look_back_s"] >= 44 * DAY
    rule = lines(out, "rule")[None, "51%"]
    assert set(rule) == RESULT | {"strategy", "label", "bid", "billing", "chosen"}
    chosen = {one["zone"]: one["times"] for one in rule["chosen"]}
    assert chosen["us-east-1a"] > 0 and chosen["us-east-1b"] > 0
    assert sum(chosen.values()) + rule["none"] == rule["starts"]


def test_the_advice_is_followed_forward(bid, gpucloud, saved):
    """Zone b was dear until half of the starts were over: to take it before is hindsight."""
    args = (*saved("us-east-1a", flat("0.50")),
            *saved("us-east-1b", [(0, "0.85"), (68, "0.10"), (90, "0.10")]), "--hours", "6",
            "--bid", "95%")
    out = bid(*args)
    (choice,) = out["choices"]
    (advised,) = lines(out, "advice").values()
    assert choice["zone"] == "us-east-1b" and choice["label"] == "95%"
    cheap = lines(out)["us-east-1a", "51%"]
    chosen = {one["zone"]: one["times"] for one in advised["chosen"]}
    assert chosen["us-east-1a"] > advised["starts"] / 2 and not advised["chosen_on_demand"]
    assert sum(chosen.values()) == advised["starts"]
    assert float(advised["mean_cost"]) <= float(cheap["mean_cost"])
    assert choice["followed_mean_cost"] == advised["mean_cost"]
    assert choice["followed_share_in_time"] == advised["share_in_time"]
    done = texts(gpucloud, *args)
    assert "(best of 9 in hindsight)" in done.stderr
    assert re.search(r"chosen anew at every start, .* would have cost \$\d", done.stderr)


def test_shares_near_the_limit(gpucloud, saved):
    """A row that shows the share it needs has reached it: nothing is rounded up to it."""
    for hours in range(2, 12):
        done = gpucloud("bid", *saved("us-east-1a", spikes("0.2", "0.9", hours=hours)), "--hours",
                        "8", "--deadline", "12h", "--on-demand", "1")
        for row in (line.split("\t") for line in done.stdout.splitlines()):
            if row[2].startswith("us-") and row[6]:
                assert (float(row[9].rstrip("%")) < 90) == (row[-1] == "seldom in time"), row


def test_bids_of_ones_own(bid, saved):
    """Each once, ascending; judged and warned of only where it was named."""
    out = bid(*saved("us-east-1a", flat()), "--hours", "2", "--bid", "60%", "--bid", "0.25",
              "--bid", "0.51", "--bid", "2.5", "--bid=60%")
    tried = lines(out)
    assert [label for _, label in tried] == ["$0.2500", "51%", "60%", "76%", "101%", "$2.5000"]
    low = tried["us-east-1a", "$0.2500"]
    assert low["verdict"] == "wont-start" and low["finished"] == 0
    assert low["mean_cost"] is None and low["saving"] is None and low["share_in_time"] == 0
    assert {"bid-below-price", "bid-at-on-demand", "bid-far-above"} <= codes(out, True)
    plain = bid(*saved("us-east-1a", flat()), "--hours", "2")
    assert not codes(plain) & {"bid-below-price", "bid-at-on-demand", "bid-far-above"}
    assert "capacity" in codes(plain, False)


def test_billing_modes(bid, saved):
    args = (*saved("us-east-1a", flat()), "--hours", "0.5", "--checkpoint", "none", "--restart",
            "0")
    for mode, cost in (("sec", "0.150000"), ("sec_hourlock", "0.150000"),
                       ("hour2017", "0.300000")):
        out = bid(*args, "--billing", mode)
        assert {line["billing"] for line in lines(out).values()} == {mode}
        assert {line["mean_cost"] for line in lines(out).values()} == {cost}
    every = bid(*args, "--billing", "all")["markets"][0]["strategies"]
    assert len(every) == 3 * 8
    by_mode = {(one["strategy"], one["label"], one["billing"]): one["mean_cost"]
               for one in every if one["strategy"] == "zone"}
    assert by_mode["zone", "51%", "hour2017"] == "0.300000"
    assert by_mode["zone", "51%", "sec"] == "0.150000"
    on_demand = {one["billing"]: one["mean_cost"] for one in every
                 if one["strategy"] == "on-demand"}
    assert on_demand == {"sec": "0.500000", "sec_hourlock": "0.500000", "hour2017": "1.000000"}
    # One is judged: today's.
    assert {one["billing"] for one in every if "verdict" in one} == {"sec"}


def test_the_job_as_it_is_told(bid, saved):
    out = bid(*saved("us-east-1a", spikes("0.2", "0.9")), "--hours", "1.5", "--checkpoint", "10m",
              "--checkpoint-cost", "5s", "--restart", "0", "--deadline", "4h")
    assert out["job"] == {"work_s": 5400, "checkpoint_every_s": 600, "checkpoint_s": 5,
                          "restart_s": 0, "deadline_s": 14400}
    none = bid(*saved("us-east-1a", flat()), "--checkpoint", "none")
    assert none["job"]["checkpoint_every_s"] == none["job"]["checkpoint_s"] == 0


def test_a_tight_deadline_asks_for_a_higher_bid(bid, saved):
    """Half of every day is dear: the low bid waits it out, and only the high one is in time."""
    prices = saved("us-east-1a", spikes("0.2", "0.9", hours=12))
    args = (*prices, "--hours", "10", "--checkpoint", "30m")
    loose = bid(*args, "--deadline", "3d")["choices"][0]
    tight = bid(*args, "--deadline", "12h")
    assert loose["label"] == "51%"
    assert tight["choices"][0]["label"] == "101%"
    assert lines(tight)["us-east-1a", "51%"]["verdict"] == "too-late"


def names(value):
    """Every field in it."""
    if isinstance(value, dict):
        return set(value).union(*map(names, value.values()))
    return set().union(*map(names, value)) if isinstance(value, list) else set()


def test_every_field_is_documented(bid, saved):
    """docs/json.md names what is printed, and what it names for `bid` is printed."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    out = bid(*saved("us-east-1a", spikes("0.2", "0.9")), "--hours", "6")
    general = set(re.findall(r"[a-z0-9_]+", text))
    assert names(out) <= general, names(out) - general
    section = text[text.index("## `bid`"):].split("\n## ")[0]
    prose = " ".join(re.findall(r"`([^`]*)`", section)).replace("notes[]`: `code", "")
    words = set(re.findall(r"[a-z0-9_]*_[a-z0-9_]+", prose))
    assert words <= names(out), words - names(out)


# --- when no bid is advised ------------------------------------------------------------------------


def test_pinned_at_on_demand(bid, saved):
    """Exit 5: the whole answer is there, and the advice is on demand."""
    out, done = bid(*saved("us-east-1f", flat("1.0000")), code=5)
    assert out["choices"][0]["strategy"] == "on-demand"
    assert "pinned" in codes(out, True)
    assert exit_error(done)["kind"] == "price"
    assert "on demand" in exit_error(done)["message"]
    assert "gpucloud launch --type p3.2xlarge" in exit_error(done)["hint"]
    # Beside a zone that is a bargain it is passed over, and named.
    both = bid(*saved("us-east-1a", spikes("0.2", "0.4")), *saved("us-east-1f", flat("1.0000")))
    assert both["choices"][0]["zone"] == "us-east-1a"
    assert [note["zone"] for note in both["markets"][0]["notes"]
            if note["code"] == "pinned"] == ["us-east-1f"]


def test_the_price_has_risen_above_every_bid(bid, saved):
    out, _ = bid(*saved("us-east-1a", [(0, "0.2"), (90, "5.0")]), code=5)
    assert {line["verdict"] for line in lines(out).values()} == {"wont-start"}
    assert {line["price_now"] for line in lines(out).values()} == {"5.0000"}
    assert out["choices"][0]["strategy"] == "on-demand"
    assert "spot-above-on-demand" in codes(out, True)


@pytest.mark.parametrize("rows,args", [
    ([(0, "0.2")], ()), (flat(days=2), ()), (flat(days=90), ("--hours", "1500")),
    (flat(), ("--since", "2020-03-29")),
])
def test_too_little_is_known(bid, saved, rows, args):
    out, done = bid(*saved("us-east-1a", rows), *args, code=3)
    assert out is None and exit_error(done)["kind"] == "not_found"
    assert "known" in exit_error(done)["message"]


# --- what it looks like ------------------------------------------------------------------------------


def texts(gpucloud, *args, code=0):
    return expect(gpucloud("bid", *args, "--on-demand", "1"), code)


def test_through_a_pipe(gpucloud, saved):
    """A row for each bid, the same number of columns in all, nothing but rows on stdout."""
    args = (*saved("us-east-1a", spikes("0.2", "0.9")), *saved("us-east-1b", flat("0.40")),
            "--hours", "6")
    done = texts(gpucloud, *args)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows} == {COLUMNS} and len(rows) == 2 * 3 + 3 + 2
    assert {row[0] for row in rows} == {"p3.2xlarge"}
    # The cheapest zone first; then the rule, and as advised; on demand last.
    assert [row[2] for row in rows] == (["us-east-1a"] * 3 + ["us-east-1b"] * 3 +
                                        ["book rule"] * 3 + ["as advised", "on demand"])
    assert rows[-2][3:6] == ["", "", "sec"]
    assert [row[3] for row in rows[:3]] == ["51%", "76%", "101%"]
    assert rows[0][4] == "0.5100" and rows[0][5] == "sec" and rows[-1][6] == "6.0000"
    (best,) = [row for row in rows if row[-1] == "<-"]
    assert best[2] == "us-east-1a" and float(best[6]) == min(float(row[6]) for row in rows)
    assert "walk-forward: " in done.stderr and "\nrecommended: " in done.stderr
    assert re.search(r"^note: .*capacity", done.stderr, re.M), done.stderr
    quiet = texts(gpucloud, "-q", *args)
    assert quiet.stdout == done.stdout and quiet.stderr == ""


def test_warnings_are_told(gpucloud, saved):
    done = texts(gpucloud, *saved("us-east-1a", spikes("0.2", "1.7")), "--hours", "6", "--bid",
                 "1.2")
    assert len(re.findall(r"^warning: ", done.stderr, re.M)) >= 2
    assert done.stderr.index("recommended: ") < done.stderr.index("warning: ")
    # What is true of several zones is said once, and each is named once.
    done = texts(gpucloud, *(arg for c in "abc" for arg in saved(f"us-east-1{c}", flat("1.0000"))),
                 *saved("us-east-1d", flat("0.2")), "--bid", "0.3", "--bid", "0.4")
    (line,) = [line for line in done.stderr.splitlines()
               if line.startswith("warning: ") and "exactly the on-demand price" in line]
    assert all(line.count(f"us-east-1{c}") == 1 for c in "abc")
    (line,) = [line for line in done.stderr.splitlines()
               if line.startswith("warning: ") and "would not start" in line]
    assert all(line.count(f"us-east-1{c}") == 1 for c in "abc")


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_terminals(gpucloud, clean_env, saved, columns):
    """Bids that fared alike share a row, and the table fits."""
    from conftest import program
    args = [program("GPUCLOUD_BIN"), "bid", *saved("eu-central-1a", flat()),
            *saved("eu-central-1b", spikes("0.2", "0.9")), "--on-demand", "1", "--hours", "6",
            "--bid", "55%"]
    done = expect(on_terminal(args, dict(clean_env, TERM="xterm"), columns), 0)
    plain = re.sub(r"\033\[[0-9;]*m", "", done.stdout).splitlines()
    assert plain[0].split()[:2] == ["ZONE", "BID"] and "COST" in plain[0]
    # COST says little without IN TIME, which is the last to go.
    assert "IN TIME" in plain[0] or ("SAVES" not in plain[0] and columns < 60)
    (calm,) = [line for line in plain if line.startswith("eu-central-1a")]
    assert "51% .. 101%" in calm
    nervous = [line for line in plain if line.startswith("eu-central-1b")]
    assert len(nervous) == 2 and "51% 55% 76%" in nervous[0] and "101%" in nervous[1]
    assert max(map(len, plain)) <= columns, done.stdout
    assert "\033[1m" in done.stdout
    bare = on_terminal(args, dict(clean_env, TERM="xterm", NO_COLOR="1"), columns)
    assert "\033" not in bare.stdout + bare.stderr


def test_notes_are_broken_between_words(gpucloud, clean_env, saved):
    """On a terminal; through a pipe each is one line, for programs."""
    from conftest import program
    args = ["bid", *saved("us-east-1a", flat("0.00001")), "--on-demand", "1", "--hours", "6"]
    whole = expect(gpucloud(*args), 0)
    shown = expect(on_terminal(["sh", "-c", 'exec "$@" 2>&1', "sh", program("GPUCLOUD_BIN"),
                                *args], dict(clean_env, TERM="xterm"), 60), 0)
    plain = re.sub(r"\033\[[0-9;]*m", "", shown.stdout)
    assert max(map(len, plain.splitlines())) <= 60, plain
    words = " ".join(plain.split())
    for line in whole.stderr.splitlines():
        assert " ".join(line.split()) in words, line
    # A price of next to nothing is not shown as nothing.
    assert all(0 < float(line.split("\t")[6]) < 0.0001 for line in whole.stdout.splitlines()
               if line.split("\t")[2] == "us-east-1a")


# --- refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("args,says", [
    (("--hours", "0"), "--hours '0'"), (("--hours", "-1"), "--hours '-1'"),
    (("--hours", "day"), "--hours 'day'"), (("--hours", "1e3"), "--hours '1e3'"),
    (("--hours", "8761"), "--hours '8761'"), (("--hours", "0.01"), "--hours '0.01'"),
    (("--hours", "9" * 99), "--hours"), (("--hours="), "empty"), (("--hours", "24h"), "--hours"),
    (("--bid", "0%"), "0%"), (("--bid", "1001%"), "1001%"), (("--bid", "abc"), "abc"),
    (("--bid", "-3"), "-3"), (("--bid", "nan"), "nan"),
    (("--billing", "yearly"), "--billing 'yearly'"),
    (("--checkpoint", "often"), "--checkpoint 'often'"),
    (("--checkpoint", "-5m"), "--checkpoint '-5m'"),
    (("--checkpoint", "none", "--checkpoint-cost", "60s"), "--checkpoint-cost"),
    (("--checkpoint-cost", "2y"), "--checkpoint-cost '2y'"),
    (("--restart", "5"), "--restart '5'"), (("--restart", "99999y"), "--restart"),
    (("--deadline", "23h"), "--deadline '23h'"), (("--deadline", "0"), "--deadline"),
    (("--deadline", "\033[2J"), "--deadline"),
    (("--since", "tomorrow"), "--since"), (("--until", "never"), "--until"),
    (("--since", "2020-03-02", "--until", "2020-03-01"), "--since"),
    (("--on-demand", "0"), "--on-demand"), (("--zone", "us-east-1a"), "--zone"),
    (("--all-regions",), "--all-regions"), (("--archive",), "--archive"),
    (("p3.2xlarge",), "--file"),
])
def test_nonsense(gpucloud, saved, args, says):
    args = (args,) if isinstance(args, str) else args
    done = gpucloud("bid", *saved("us-east-1a", flat()), "--on-demand", "1", *args)
    expect(done, 2, says)
    assert done.stdout == "" and "\033" not in done.stderr


def test_bad_use(gpucloud, saved, tmp_path):
    path = saved("us-east-1a", flat())
    expect(gpucloud("bid"), 2, "bid takes a TYPE")
    expect(gpucloud("bid", *path), 2, "--on-demand USD")
    expect(gpucloud("bid", "p3.2xlarge", "g5.xlarge", "--on-demand", "1"), 2, "one type")
    expect(gpucloud("bid", *path, *saved("us-east-1a", flat(), kind="g5.xlarge"), "--on-demand",
                    "1"), 2, "one type at a time")
    expect(gpucloud("bid", *path, *path, "--on-demand", "1"), 2, "twice")
    expect(gpucloud("bid", "--file", str(tmp_path / "x.csv"), "--on-demand", "1"), 3, "x.csv")


# --- real prices, real shapes of clouds ------------------------------------------------------------------


def test_the_market_of_2015(gpucloud):
    """The days of the auction: zone e held, and the record is called what it is."""
    files = recorded(*(f"aws-2015/g2.2xlarge_us-east-1{c}.csv" for c in "abe"))
    done = expect(gpucloud("--json", "bid", *files, "--on-demand", "0.65", "--hours", "24",
                           "--since", "2015-03-11"), 0)
    out = one_object(done.stdout)
    (choice,) = out["choices"]
    assert choice["zone"] == "us-east-1e"
    assert 1.5 < float(choice["mean_cost"]) < 15.60
    tried = lines(out)
    assert tried["us-east-1a", "101%"]["verdict"] == "too-late"
    assert tried["us-east-1b", "51%"]["verdict"] == "wont-start"
    assert tried["us-east-1b", "51%"]["share_uninterrupted"] < 0.5
    assert tried["us-east-1b", "51%"]["finished"] < tried["us-east-1b", "51%"]["starts"]
    assert {"auction", "ten-times", "spot-above-on-demand"} <= codes(out)
    assert float(lines(out, "on-demand")[None, None]["mean_cost"]) == 15.6


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """One simulator of the spring of 2020 for the whole file: nothing here makes anything."""
    if not PRICES.is_dir():
        pytest.skip(f"no recorded prices in {PRICES}")
    folder = tmp_path_factory.mktemp("market")
    one = Sim({"PATH": "/usr/bin:/bin", "HOME": str(folder)}, folder / "sim")
    one.start("--market", str(PRICES / "aws-2020"), "--as-of", "2020-03-20")
    yield one
    one.stop()


@pytest.fixture
def gc(market, clean_env):
    return Client(clean_env, market)


def test_recorded_market(gc):
    """p2.xlarge in the spring of 2020: never zone f, which rested at on demand."""
    out = gc.json("bid", "p2.xlarge", "--region", "us-east-1", "--hours", "24")
    (choice,) = out["choices"]
    assert choice["strategy"] == "zone" and choice["zone"] != "us-east-1f"
    assert choice["zone_id"].startswith("use1-az") and choice["region"] == "us-east-1"
    (market,) = out["markets"]
    assert (market["provider"], market["on_demand"]) == ("aws", "0.9000")
    assert {zone for zone, _ in lines(out)} == {f"us-east-1{c}" for c in "abcdef"}
    assert "pinned" in codes(out, True) and "capacity" in codes(out, False)
    cheap = lines(out)[choice["zone"], choice["label"]]
    assert cheap["verdict"] == "best" and cheap["mean_cost"] == choice["mean_cost"]
    assert cheap["saving"] > 0.5


def test_zone_f_alone_is_no_bargain(gc):
    done = gc.fails(5, "bid", "p2.xlarge", "--region", "us-east-1", "--zone", "us-east-1f",
                    says="on demand")
    assert "us-east-1f" in done.stdout and "recommended: " in done.stderr


def test_several_types_and_regions(gc):
    """One advised for each type, the cheapest of its regions."""
    out = gc.json("bid", "p2.xlarge", "p3.2xlarge", "--region", "us-east-1,us-west-2", "--hours",
                  "12")
    assert [(m["type"], m["region"]) for m in out["markets"]] == [
        (t, r) for t in ("p2.xlarge", "p3.2xlarge") for r in ("us-east-1", "us-west-2")]
    assert [c["type"] for c in out["choices"]] == ["p2.xlarge", "p3.2xlarge"]
    for choice in out["choices"]:
        costs = [float(line["mean_cost"]) for market in out["markets"]
                 if market["type"] == choice["type"] for line in market["strategies"]
                 if line.get("verdict") in ("best", "dearer")]
        assert float(choice["mean_cost"]) == min(costs)
    rows = gc.ok("bid", "p2.xlarge", "p3.2xlarge", "--region", "us-east-1,us-west-2").stdout
    assert {len(row.split("\t")) for row in rows.splitlines()} == {COLUMNS}


def test_archive(gc):
    """What was synced is enough: nothing is asked, and the end of the record is the end of it."""
    gc.fails(3, "bid", "p2.xlarge", "--archive", says="gpucloud history --sync")
    gc.ok("history", "--sync", "p2.xlarge", "--region", "us-east-1")
    live = gc.json("bid", "p2.xlarge", "--region", "us-east-1", "--hours", "12")
    before = gc.sim.state()["requests"]
    kept = gc.json("bid", "p2.xlarge", "--archive", "--hours", "12")
    assert gc.sim.state()["requests"] == before
    assert kept["markets"][0]["known_until"] <= kept["until"]
    (a,), (b,) = kept["choices"], live["choices"]
    assert (a["zone"], a["label"]) == (b["zone"], b["label"])
    assert float(a["mean_cost"]) == pytest.approx(float(b["mean_cost"]), rel=0.01)
    gc.fails(3, "bid", "g5.xlarge", "--archive", says="g5.xlarge")


def test_regions_that_fail(gc):
    """What is known is judged; the exit code says that it is not all."""
    done = gc.run("--json", "bid", "p2.xlarge", "--region", "us-east-1,mars-1")
    assert done.returncode == 1, done.stderr
    out = one_object(done.stdout)
    assert [m["region"] for m in out["markets"]] == ["us-east-1"]
    assert [f["region"] for f in out["failures"]] == ["mars-1"]
    assert "warning: mars-1" in done.stderr and out["choices"][0]["zone"]


def test_no_such_thing(gc):
    gc.fails(3, "bid", "p9.huge", "--region", "us-east-1", says="p9.huge")
    gc.fails(3, "bid", "p2.xlarge", "--region", "mars-1", says="mars-1")
    gc.fails(3, "bid", "p2.xlarge", "--region", "us-east-1", "--zone", "mars-1a")


def test_moto(moto, gpucloud):
    """A cloud that others wrote: one price since 2006, whatever is bid."""
    done = expect(gpucloud("--json", "bid", "g4dn.xlarge", env=moto.aws_env()), 0)
    out = one_object(done.stdout)
    assert {line["saving"] > 0.99 for line in lines(out).values()} == {True}
    assert out["choices"][0]["label"] == "51%"
    assert json.loads(done.stdout)["markets"][0]["region"] == "us-east-1"
