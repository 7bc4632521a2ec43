# SPDX-License-Identifier: Apache-2.0
"""The page that `history --plot` writes, driven in Debian's Chromium.

What it shows is compared with prices that this file computes by itself. Each page is watched: a
request to anywhere, a line in the console or an error in the script fails its test.
"""
import bisect
import csv
import io
import re
import shutil
import subprocess
from datetime import datetime, timezone

import pytest
from checks import expect
from conftest import SHARED_DATA, program, wait_until
from playwright.sync_api import sync_playwright

START = 1583020800  # 2020-03-01
DAY = 86400
UNTIL = START + 20 * DAY
WINDOW = ("--since", "2020-03-01", "--until", "2020-03-21")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


def a_market():
    """Two zones: one with a short spike on the tenth day, one that changes every five hours."""
    spiky = [(START - 4000, 0.30), (START + 10 * DAY + 100, 0.85), (START + 10 * DAY + 4000, 0.31)]
    busy = [(START + i * 5 * 3600, round(0.35 + (i * 37 % 11) / 100, 4)) for i in range(90)]
    return {"us-east-1a": spiky, "us-east-1b": busy}


MARKET = a_market()


def price_at(rows, t):
    i = bisect.bisect_right([time for time, _ in rows], t)
    return rows[i - 1][1] if i else None


@pytest.fixture(scope="session")
def browser():
    binary = shutil.which("chromium-headless-shell")
    if not binary:
        pytest.fail("chromium-headless-shell is not installed (scripts/install-deps test)",
                    pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def look(browser):
    """look(path, **context): the page in a window of its own; nothing may go wrong in it."""
    contexts, complaints = [], []

    def open_page(path, **context):
        context = {"viewport": DESK, "timezone_id": "Europe/Berlin", "locale": "en-GB", **context}
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        url = path.as_uri()
        page.on("request", lambda r: r.url == url or r.url.startswith("blob:") or
                complaints.append(f"asked for {r.url}"))
        page.on("console", lambda m: complaints.append(f"console: {m.text}"))
        page.on("pageerror", lambda e: complaints.append(f"error: {e}"))
        page.on("dialog", lambda d: complaints.append(f"dialog: {d.message}") or d.dismiss())
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def plot(gpucloud, tmp_path):
    """plot(market, *options): the path of the page of such prices."""
    def make(market, *options, name="page.html"):
        args = []
        for zone, rows in market.items():
            path = tmp_path / f"p2.xlarge_{zone}.csv"
            path.write_text("unix_s,price_usd_per_h\n" + "".join(f"{t},{p}\n" for t, p in rows))
            args += ["--file", str(path)]
        out = tmp_path / name
        expect(gpucloud("history", *args, "--on-demand", "0.90", *options, "--plot", str(out)), 0)
        return out

    return make


@pytest.fixture
def dump(tmp_path):
    """dump(title, since, until, lines): a page of what no saved file can hold."""
    def make(title, since, until, lines):
        args = []
        for zone, rows in lines.items():
            args += [zone, ",".join(f"{t}:{p}" for t, p in rows)]
        done = subprocess.run([program("GPUCLOUD_PLOT_DUMP"), "html", title, str(since), str(until),
                               *args], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        path = tmp_path / "dump.html"
        path.write_bytes(done.stdout)
        return path

    return make


@pytest.fixture
def page(look, plot):
    return look(plot(MARKET, *WINDOW, "--bid", "51%"))


def hover(page, across, down=0.5):
    box = page.locator(".chart > svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def tip(page):
    """The time under the crosshair, and what the box says of each zone."""
    text = page.locator(".tip .utc").inner_text()
    form = "%Y-%m-%d %H:%M:%S UTC" if text.count(":") == 2 else "%Y-%m-%d %H:%M UTC"
    time = int(datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp())
    rows = page.locator(".tip tr").all()
    return time, {row.locator("th").inner_text(): row.locator(".price").inner_text()
                  for row in rows}


def window(page):
    chart = page.locator(".chart")
    return float(chart.get_attribute("data-from")), float(chart.get_attribute("data-to"))


def top(page):
    return int(page.locator(".chart").get_attribute("data-top"))


def labels(page, kind):
    return page.locator(f".chart text.{kind}").all_text_contents()


def drag(page, start, end):
    hover(page, start)
    page.mouse.down()
    hover(page, (start + end) / 2)
    hover(page, end)
    page.mouse.up()


def test_hover_shows_the_price_in_force(page):
    seen = set()
    for i in range(12, 86, 3):
        hover(page, i / 100, 0.3 + i % 5 / 10)
        time, prices = tip(page)
        assert START <= time < UNTIL
        for zone, rows in MARKET.items():
            assert float(prices[zone]) == price_at(rows, time)
        seen.add(time)
    assert len(seen) == 25
    hover(page, 0.4)
    time, _ = tip(page)
    here = datetime.fromtimestamp(time, timezone.utc)
    assert f"{here.day} Mar 2020, {here.hour + 1:02}:{here.minute:02}" in \
        page.locator(".tip .local").first.inner_text()  # Berlin, in winter
    page.mouse.move(5, 5)
    assert not page.locator(".tip").is_visible()


def test_drag_zooms_and_double_click_resets(page):
    before = window(page), labels(page, "time"), labels(page, "price")
    assert before[0] == (START, UNTIL)
    drag(page, 0.15, 0.30)
    since, until = window(page)
    assert START < since < until < START + 8 * DAY
    assert labels(page, "time") != before[1]
    hover(page, 0.5)
    time, prices = tip(page)
    assert since <= time < until
    assert float(prices["us-east-1b"]) == price_at(MARKET["us-east-1b"], time)
    page.locator(".chart").dblclick()
    assert (window(page), labels(page, "time"), labels(page, "price")) == before


def test_the_price_axis_follows_what_is_seen(page):
    page.get_by_role("button", name="Fit to prices").click()
    assert top(page) == 850000
    drag(page, 0.15, 0.30)  # before the spike
    assert top(page) == 450000
    page.get_by_role("button", name="Reset").click()
    assert top(page) == 850000
    page.get_by_role("button", name="Fit to prices").click()
    assert top(page) == 909000  # 101 % of on demand


def test_wheel_zooms_where_the_pointer_is(page):
    hover(page, 0.6)
    time, _ = tip(page)
    page.mouse.wheel(0, -400)
    wait_until(lambda: window(page)[0] > START, "a zoom")
    since, until = window(page)
    assert until - since < 20 * DAY * 0.6
    assert abs(tip(page)[0] - time) < 3600
    page.mouse.wheel(0, 2000)
    page.mouse.wheel(0, 2000)
    wait_until(lambda: window(page) == (START, UNTIL), "the whole again")
    page.mouse.wheel(0, 300)  # nothing to zoom out of: the page scrolls
    wait_until(lambda: page.evaluate("scrollY") > 0, "the page to scroll")
    assert window(page) == (START, UNTIL)


def test_keys(page):
    chart = page.locator(".chart")
    chart.focus()
    page.keyboard.press("ArrowRight")
    time, _ = tip(page)
    page.keyboard.press("ArrowRight")
    assert tip(page)[0] > time
    page.keyboard.press("ArrowLeft")
    assert abs(tip(page)[0] - time) <= 60
    page.keyboard.press("Home")
    assert tip(page)[0] == START
    page.keyboard.press("Shift+ArrowRight")  # to the next change of the zone that is chosen
    assert tip(page)[0] == START + 10 * DAY + 100
    assert "us-east-1a: 0.8500" in page.locator(".unseen").inner_text()
    page.keyboard.press("+")
    assert window(page) != (START, UNTIL)
    page.keyboard.press("Escape")
    assert window(page) == (START, UNTIL)


def test_zones_and_rules_switch(page):
    assert page.locator("path[data-zone]").count() == 2
    zone = page.get_by_role("button", name="us-east-1b")
    zone.click()
    assert zone.get_attribute("aria-pressed") == "false"
    assert page.locator("path[data-zone]").count() == 1
    hover(page, 0.5)
    assert set(tip(page)[1]) == {"us-east-1a"}
    zone.click()
    assert zone.get_attribute("aria-pressed") == "true"
    assert page.locator("path[data-zone]").count() == 2
    for name in ("101%", "on demand"):
        page.locator(".legend .level", has_text=name).click()
    assert top(page) == 850000
    assert not any("on demand" in text for text in page.locator(".chart text").all_text_contents())
    log = page.get_by_role("button", name="Log scale")
    assert log.get_attribute("aria-pressed") == "false"
    log.click()
    assert log.get_attribute("aria-pressed") == "true"
    assert "$/h, logarithmic" in page.locator(".chart text").all_text_contents()


def test_a_spike_reaches_its_price_at_any_width(look, dump):
    path = dump("t", START, START + 90 * DAY,
                {"us-east-1a": [(START, 300000), (START + 40 * DAY, 2000000),
                                (START + 40 * DAY + 1, 300000)]})
    for width in (360, 800, 1280):
        page = look(path, viewport={"width": width, "height": 740})
        assert top(page) == 2000000
        drawn = page.locator("path[data-zone]").get_attribute("d")
        assert re.fullmatch(r"[MHV0-9. ]+", drawn)
        assert "V22V" in drawn  # the top of the drawing


def test_gaps_are_not_joined(look, dump):
    page = look(dump("t", START, START + 30, {"a": [(START, 400000), (START + 10, -1),
                                                    (START + 20, 500000)]}))
    drawn = page.locator("path[data-zone]").get_attribute("d")
    assert drawn.count("M") == 2
    page.locator(".chart").focus()
    for key, price in (("Home", "0.4000"), ("End", "0.5000")):
        page.keyboard.press(key)
        assert tip(page)[1] == {"a": price}
    hover(page, 0.47)
    time, prices = tip(page)
    assert START + 10 <= time < START + 20
    assert prices == {"a": "not known"}


def test_dark(look, plot):
    path = plot(MARKET, *WINDOW)
    colours = {}
    for scheme in ("light", "dark"):
        page = look(path, color_scheme=scheme)
        colours[scheme] = page.evaluate("""() => {
            const sum = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
            const style = (s) => getComputedStyle(document.querySelector(s));
            return [sum(style(".market").backgroundColor), sum(style("h2").color),
                    sum(style(".chart text.price").fill), sum(style("path[data-zone]").stroke)];
        }""")
    paper, title, text, line = colours["dark"]
    assert paper < 150 and title > 500 and text > 350 and line > 250
    paper, title, text, _ = colours["light"]
    assert paper == 765 and title < 200 and text < 400


def test_phone(look, plot):
    page = look(plot(MARKET, *WINDOW), viewport=PHONE, has_touch=True, is_mobile=True)
    assert page.evaluate("document.scrollingElement.scrollWidth") == 360
    assert page.locator(".chart").bounding_box()["width"] <= 344
    assert page.locator(".chart text").first.evaluate("e => getComputedStyle(e).fontSize") == "12px"
    box = page.locator(".chart > svg").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.6, box["y"] + 100)
    time, prices = tip(page)
    assert float(prices["us-east-1b"]) == price_at(MARKET["us-east-1b"], time)
    assert page.evaluate("document.scrollingElement.scrollWidth") == 360
    touch = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2
    for kind, apart in (("touchStart", 30), ("touchMove", 60), ("touchMove", 90)):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [
            {"x": middle - apart, "y": box["y"] + 120, "id": 0},
            {"x": middle + apart, "y": box["y"] + 120, "id": 1}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    since, until = window(page)
    assert 20 * DAY / 3 * 0.8 < until - since < 20 * DAY / 3 * 1.3


def test_without_script(look, plot):
    page = look(plot(MARKET, *WINDOW), java_script_enabled=False, viewport=PHONE)
    assert page.locator(".still svg").is_visible()
    assert page.locator(".still svg path.line").count() == 4  # two lines, twice with the legend
    assert page.locator(".figures table").is_visible()
    assert not page.locator(".live").is_visible()
    assert not page.locator(".save").is_visible()
    assert page.locator(".csv").text_content().startswith("zone,time,price_usd_per_h\n")


def test_table(page):
    header = page.locator(".figures thead th").all_inner_texts()
    for zone, rows in MARKET.items():
        cells = page.locator(".figures tbody tr", has_text=zone).locator("td").all_inner_texts()
        seen = dict(zip(header[1:], cells))
        runs = sorted((price_at(rows, begin), end - begin) for begin, end in steps(rows))
        total = sum(held for _, held in runs)
        mean = sum(price * held for price, held in runs) / total
        std = (sum((price - mean) ** 2 * held for price, held in runs) / total) ** 0.5
        assert float(seen["Last"]) == price_at(rows, UNTIL - 1)
        assert float(seen["Min"]) == runs[0][0]
        assert float(seen["Max"]) == runs[-1][0]
        assert float(seen["Median"]) == quantile(runs, 0.5)
        assert float(seen["P95"]) == quantile(runs, 0.95)
        assert float(seen["Mean"]) == pytest.approx(mean, abs=6e-5)
        assert float(seen["Std"]) == pytest.approx(std, abs=6e-5)
        assert float(seen["Volatility"]) == pytest.approx(std / 0.9, abs=6e-5)
        under = sum(held for price, held in runs if price <= 0.459) / total
        assert seen["≤ 51%"] in (f"{under:.1%}", ">99.9%")


def steps(rows):
    edges = sorted({START, UNTIL, *(t for t, _ in rows if START < t < UNTIL)})
    return list(zip(edges, edges[1:]))


def quantile(runs, q):
    total, held = sum(h for _, h in runs), 0
    for price, seconds in runs:
        held += seconds
        if held >= q * total:
            return price
    return None


def test_csv_is_the_data(page, tmp_path):
    page.locator(".changes summary").click()
    shown = page.locator(".csv").text_content()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    saved = tmp_path / "saved.csv"
    download.value.save_as(saved)
    assert saved.read_text() == shown
    assert download.value.suggested_filename == "p2.xlarge.csv"
    rows = {}
    for row in csv.DictReader(io.StringIO(shown)):
        time = datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
        rows.setdefault(row["zone"], []).append((int(time.timestamp()),
                                                 float(row["price_usd_per_h"])))
    assert rows == {zone: [(t, p) for t, p in points if t < UNTIL]
                    for zone, points in MARKET.items()}


def test_hostile_names_are_inert(look, dump):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    path = dump(evil, START, START + 1000, {
        evil: [(START, 400000)], "\"'`<svg onload=alert(3)>": [(START, 500000)],
        "=1+1": [(START, 600000)], "\u202ebackwards": [(START, 700000)]})
    page = look(path)
    assert page.locator("h2").inner_text().startswith("</script><script>alert(1)")
    hover(page, 0.5)
    assert len(tip(page)[1]) == 4
    assert page.locator(".market img, .market [onload], .market [onerror]").count() == 0
    assert page.locator("script").count() == 2
    assert "'=1+1," in page.locator(".csv").text_content()


def test_the_policy_blocks_what_is_not_ours(browser, plot):
    page = browser.new_page()
    blocked = []
    page.on("console", lambda m: blocked.append(m.text))
    page.goto(plot(MARKET, *WINDOW).as_uri())
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.body.append(script);
        document.body.append(Object.assign(new Image(), { src: "data:image/gif;base64,R0lGODlh" }));
    }""")
    wait_until(lambda: len(blocked) >= 2, "both to be refused")
    assert page.evaluate("window.ran") is None
    assert any("script-src" in text for text in blocked)
    assert any("data:image" in text for text in blocked)
    page.close()


def test_print_shows_the_figures(page):
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".chart > svg").is_visible()
    assert not page.locator(".tools").is_visible()
    assert page.locator(".figures").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.chart .title, h2')).color") == \
        "rgb(28, 35, 48)"


def test_a_thinned_line_claims_no_price_it_does_not_know(look, plot):
    rows = [(START + i * 60, round(0.30 + (i * 7919 % 9973) / 1e5, 5)) for i in range(61000)]
    page = look(plot({"us-east-1a": rows}, "--since", "2020-03-01", "--until", "2020-04-12"))
    assert "of 60480 changes" in page.locator(".thinned").inner_text()
    drag(page, 0.50, 0.52)  # so far in that a span is wider than a pixel
    ranges = 0
    for i in range(10, 88, 2):
        hover(page, i / 100)
        time, seen = tip(page)
        held = price_at(rows, time)
        low, *high = map(float, seen["us-east-1a"].split(" to "))
        assert low <= held <= (high or [low])[0]
        if high:
            ranges += 1
            assert page.locator(".tip .thin").inner_text().startswith("thinned: lowest to highest")
    assert ranges > 5
    page.locator(".changes summary").click()
    assert "thinned: " in page.locator(".changes strong").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "p2.xlarge-thinned.csv"


def test_on_a_phone_the_box_is_beneath_the_chart(look, plot):
    for width, beneath in ((360, True), (560, True), (561, False)):
        page = look(plot(MARKET, *WINDOW), viewport={"width": width, "height": 740})
        hover(page, 0.5)
        chart = page.locator(".chart > svg").bounding_box()
        box = page.locator(".tip").bounding_box()
        assert (box["y"] >= chart["y"] + chart["height"]) == beneath
        assert box["x"] + box["width"] <= width


def test_no_rule_strikes_its_label(page):
    def box(selector):
        return page.locator(selector).evaluate_all("""es => es.map(e => e.getBBox())
            .map(b => [b.x, b.y, b.x + b.width, b.y + b.height])""")
    labels, backs = box(".chart text.halo"), box(".chart rect.paper")
    assert len(labels) == len(backs) >= 4
    for label, back in zip(labels, backs):
        assert back[0] <= label[0] and label[2] <= back[2]
        assert back[1] < sum(label[1::2]) / 2 - 4 and sum(label[1::2]) / 2 + 4 < back[3]
    order = page.locator(".chart > svg > *").evaluate_all("es => es.map(e => e.classList[0])")
    assert re.search("(rule )+(paper )+(line )+", " ".join(order))


def test_zones_at_one_price_are_both_seen(look, dump):
    pinned = [(START, 270000)]
    page = look(dump("t", START, START + DAY, {"a": pinned, "b": pinned,
                                               "c": [(START, 500000)]}))
    widths = dict(page.locator(".chart path[data-zone]").evaluate_all(
        "es => es.map(e => [e.dataset.zone, parseFloat(getComputedStyle(e).strokeWidth)])"))
    assert widths["a"] >= widths["b"] + 3
    assert widths["b"] == widths["c"]
    page.get_by_role("button", name="b", exact=True).click()  # nothing covers it any more
    assert page.locator(".chart path.under").count() == 0


def test_recorded_spikes(look, gpucloud, tmp_path):
    prices = SHARED_DATA / "prices" / "aws-2015"
    if not prices.is_dir():
        pytest.skip(f"no recorded prices in {prices}")
    out = tmp_path / "g2.html"
    files = [prices / f"g2.2xlarge_us-east-1{c}.csv" for c in "abe"]
    expect(gpucloud("history", *(a for f in files for a in ("--file", str(f))), "--on-demand", "0.65",
                    "--since", "2015-03-12", "--until", "2015-08-31", "--plot", str(out)), 0)
    page = look(out)
    rows = [line.split(",") for f in files for line in f.read_text().splitlines()[1:]]
    assert page.locator(".thinned, .chart path.under").count() == 0
    assert top(page) == round(1e6 * max(float(price) for _, price in rows))
    assert page.get_by_role("button", name="Log scale").get_attribute("aria-pressed") == "true"
    rows = [(int(t), float(p)) for t, p in
            (line.split(",") for line in files[1].read_text().splitlines()[1:])]
    drag(page, 0.5, 0.52)
    for i in range(20, 80, 5):
        hover(page, i / 100)
        time, seen = tip(page)
        assert float(seen["us-east-1b"]) == price_at(rows, time)
