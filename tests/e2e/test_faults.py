# SPDX-License-Identifier: Apache-2.0
"""What clouds and networks do to a client: no room, other prices, throttles, broken replies."""
import http.server
import os
import subprocess
import threading
import time

import pytest
from checks import exit_error, requests
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge")
REGION = ("--region", "us-east-1")
RSS_MAX_KIB = 256 << 10


@pytest.fixture
def gc(client):
    return client()


# --- capacity, price, quota ------------------------------------------------------------------


def test_no_capacity_in_the_best_zone(gc):
    best = gc.lines("--dry-run", "launch", "--spot", "--bid", "76%", *TYPE)[0]["choice"]["zone"]
    gc.sim.fault(kind="no-capacity", zone=best, type="g4dn.xlarge")
    done = gc.ok("launch", "--spot", "--bid", "76%", "--name", "next", *TYPE)
    assert f"{best}: " in done.stderr
    (instance,) = gc.live("next")
    assert instance["zone"] != best
    assert f"next is running in {instance['zone']}" in done.stdout
    gc.ok("--yes", "terminate", "next")
    gc.nothing_left()


def test_no_capacity_anywhere(gc):
    gc.sim.fault(kind="no-capacity")
    done = gc.fails(5, "--json", "launch", "--name", "none", *TYPE,
                    says=["no capacity", "gpucloud price --all-regions"])
    assert exit_error(done)["provider_code"] == "InsufficientInstanceCapacity"
    assert done.stdout.count("passed_over") == 3
    gc.nothing_left()
    assert gc.made() == [] and gc.ok("list").stderr == "nothing of gpucloud's is running\n"


def test_price_rose_above_the_bid(gc):
    """Between the decision and the request: exit 5, and the open request is cancelled."""
    gc.sim.fault(kind="delay", action="CreateSecurityGroup", delay_ms=3500)
    gc.sim.fault(kind="price", type="g4dn.xlarge", price="0.5200", from_s=2)
    done = gc.fails(5, "--json", "launch", "--spot", "--bid", "51%", "--name", "dear", *TYPE)
    assert exit_error(done)["kind"] == "price"
    requests_made = gc.made(kind="spot-request")
    assert requests_made and all(r["ended"] for r in requests_made), requests_made
    assert gc.made() == []
    gc.nothing_left()


def test_bid_below_every_price(gc):
    done = gc.fails(5, "launch", "--spot", "--bid", "5%", *TYPE,
                    says=["the bid of $0.0263/h is below", "--bid 0."])
    assert "us-east-1a" in done.stdout  # the table is shown all the same
    assert gc.sim.state()["resources"] == []


def test_quota(client, make_sim, tmp_path):
    scenario = tmp_path / "quota.json"
    scenario.write_text('{"quotas": {"g": 0, "g-spot": 0}}')
    gc = client(to=make_sim("--scenario", str(scenario)))
    done = gc.fails(7, "--json", "launch", "--name", "over", *TYPE)
    assert exit_error(done)["kind"] == "quota"
    gc.fails(7, "launch", "--spot", "--bid", "76%", *TYPE, says="quota")
    gc.nothing_left()
    assert gc.made() == []
    repair = [c for c in gc.json("doctor")["checks"] if c["name"].startswith("quota g4dn")]
    assert all(c["status"] == "warn" and "request-service-quota-increase" in c["repair"]
               for c in repair)


def test_no_default_network(client, make_sim, tmp_path):
    scenario = tmp_path / "network.json"
    scenario.write_text('{"no_default_vpc": true}')
    gc = client(to=make_sim("--scenario", str(scenario)))
    gc.fails(4, "launch", *TYPE, says=["no default", "aws ec2 create-default-"])
    assert gc.sim.state()["resources"] == []


# --- what is tried again ---------------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    dict(kind="error", status=503, code="RequestLimitExceeded"),
    dict(kind="error", status=400, code="Throttling"),
    dict(kind="error", status=500, code="InternalError"),
    dict(kind="error", status=503, code="Unavailable"),
    dict(kind="html", status=502),
    dict(kind="cut"),
    dict(kind="lost"),
    dict(kind="truncate"),
], ids=lambda f: f["kind"] + str(f.get("code", "")))
def test_tried_again(gc, fault):
    """Once for each action of a launch and its end, and still all is well."""
    for action in ("DescribeInstanceTypes", "DescribeSpotPriceHistory", "CreateSecurityGroup",
                   "AuthorizeSecurityGroupIngress", "RunInstances", "TerminateInstances",
                   "DeleteSecurityGroup"):
        gc.sim.fault(action=action, count=1, **fault)
    made = gc.launch("again", "--spot", "--bid", "51%", *TYPE, *REGION)
    assert [i["id"] for i in gc.made()] == [made["id"]]
    gc.ok("--yes", "terminate", "again", *REGION)
    gc.nothing_left()


def test_refusals_are_not_tried_again(gc):
    gc.sim.fault(kind="error", action="DescribeInstances", status=403,
                 code="UnauthorizedOperation")
    # One region did not answer: said, and the exit code tells.
    done = gc.run("list", *REGION)
    assert done.returncode in (1, 4) and "us-east-1" in done.stderr
    assert requests(gc.sim, "DescribeInstances") == 1


@pytest.mark.parametrize("action", ["GetParameter", "DescribeImages", "DescribeSubnets"])
def test_questions_that_are_never_answered(gc, action):
    """Whatever became of a question, nothing was made by it: a failure, not a riddle."""
    gc.sim.fault(kind="lost", action=action)
    done = gc.fails(1, "launch", "--name", "asked", *TYPE, *REGION)
    assert "not known" not in done.stderr
    gc.nothing_left()
    assert gc.ok("list", *REGION).stderr == "nothing of gpucloud's is running\n"


def test_one_region_of_many(gc):
    gc.launch("here", *TYPE, "--wait", "accepted")
    gc.sim.fault(kind="error", action="DescribeInstances", status=500, code="InternalError",
                 first=1, count=4)
    done = gc.run("list")
    if done.returncode:
        assert done.returncode == 1 and "could not be asked" in done.stderr
    assert "here" in gc.ok("list").stdout


# --- clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("skew_s", [3600, -7200])
def test_wrong_clock(gc, skew_s):
    """Signed with the cloud's time, learned from its Date; doctor says so."""
    gc.sim.fault(kind="skew", skew_s=skew_s)
    gc.launch("skewed", *TYPE, *REGION)
    gc.ok("--yes", "terminate", "skewed", *REGION)
    clock = next(c for c in gc.json("doctor")["checks"] if c["name"] == "clock")
    assert clock["status"] == "warn" and "timedatectl" in clock["repair"]
    gc.nothing_left()


# --- replies that are none -------------------------------------------------------------------


def peak_rss(client, *args, timeout=60):
    """Runs it; exit code, stderr, seconds, and the most memory it ever held (KiB)."""
    out = open(os.devnull, "w")
    began = time.monotonic()
    process = subprocess.Popen([client.bin, *args], env=client.env, stdin=subprocess.DEVNULL,
                               stdout=out, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    out.close()
    return process.returncode, err, time.monotonic() - began, usage.ru_maxrss


@pytest.mark.parametrize("action,args", [
    ("DescribeInstances", ("list", *REGION)),
    ("DescribeSpotPriceHistory", ("history", "g4dn.xlarge")),
])
def test_a_body_of_one_gigabyte(gc, action, args):
    gc.sim.fault(kind="giant", action=action, bytes=1 << 30)
    code, err, seconds, rss = peak_rss(gc, *args)
    assert code == 1, err
    assert "AddressSanitizer" not in err and action in err
    assert len([line for line in err.splitlines() if action in line]) == 1
    assert rss < RSS_MAX_KIB, f"{rss} KiB"
    assert seconds < 30


class Fixed:
    """An HTTP server on loopback that gives every request the same reply."""

    def __init__(self, status, body, content_type="text/xml", headers=()):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


BILLION = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))
GOOD = (b'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns='
        b'"http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>')
BROKEN = {
    "doctype": b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x>&e;</x>',
    "entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "laughs": b'<!DOCTYPE x [<!ENTITY l0 "lol">' + BILLION + b"]><x>&l9;</x>",
    "truncated": GOOD + b"<reservationSet><item><instancesSet><item><instanceId>i-0123",
    "empty": b"",
    "junk": bytes(range(256)) * 8,
    "html": b"<html><body><h1>It works!</h1></body></html>",
    "deep": GOOD + b"<a>" * 100000,
    "other": b"<ListBucketResult></ListBucketResult>",
    "bad-id": GOOD + b"<reservationSet><item><instancesSet><item><instanceId>../../x; rm"
              b"</instanceId></item></instancesSet></item></reservationSet>"
              b"</DescribeInstancesResponse>",
    "json": b'{"instances": []}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_hostile_reply(gpucloud, name):
    """Refused in one line that names the action: never followed, never expanded, never believed."""
    with Fixed(200, BROKEN[name]) as server:
        done = gpucloud("list", *REGION, env={
            "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "s" * 40})
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "DescribeInstances" in line]
    assert len(lines) == 1, done.stderr
    for secret in ("root:", "Sanitizer", "runtime error", "\x01"):
        assert secret not in done.stderr


def test_html_page_for_ever(gc):
    """A load balancer's page instead of an answer: what answered, with which status."""
    gc.sim.fault(kind="html", status=503)
    done = gc.run("list", *REGION)
    assert done.returncode == 1
    assert "503" in done.stderr and "<" not in done.stderr
    gc.fails(1, "launch", "--name", "x", *TYPE, *REGION, says="503")
    gc.nothing_left()


def test_redirects_are_not_followed(gpucloud):
    headers = [("Location", "http://169.254.169.254/latest/meta-data/")]
    with Fixed(301, b"moved", "text/plain", headers) as server:
        done = gpucloud("list", *REGION, env={
            "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "s" * 40})
    assert done.returncode == 1 and "301" in done.stderr


def test_terminal_escapes_of_the_cloud(gpucloud):
    """What a cloud says is shown, never obeyed."""
    body = (b'<?xml version="1.0"?><Response><Errors><Error><Code>Weird</Code><Message>'
            b"\xc2\x9b31mred\xe2\x80\xae evil</Message></Error></Errors></Response>")
    with Fixed(400, body) as server:
        done = gpucloud("list", *REGION, env={
            "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "s" * 40})
    assert done.returncode == 1 and "evil" in done.stderr
    assert "\x9b" not in done.stderr and "\u202e" not in done.stderr


def test_a_server_that_is_not_there(gc):
    """Connection refused: named, and soon."""
    gc.sim.run("stop")
    gc.sim.pid = None
    gc.fails(4, "list", says=["profile 'sim'", "gpucloud-sim start"])


def test_untrusted_certificate(gc):
    """The simulator's own authority is trusted by its profile alone."""
    env = dict(gc.sim.aws_env(), GPUCLOUD_PROFILE="")
    env.pop("AWS_CA_BUNDLE")
    done = gc.run("list", *REGION, env=env)
    assert done.returncode == 1 and "certificate" in done.stderr.lower(), done.stderr
    assert gc.sim.state()["requests"].get("DescribeInstances", 0) == 0
    env["AWS_CA_BUNDLE"] = gc.sim.ca
    assert gc.run("list", *REGION, env=env).returncode == 0


def test_plain_http_elsewhere_is_refused(gpucloud):
    done = gpucloud("list", *REGION, env={
        "AWS_ENDPOINT_URL": "http://192.0.2.1:1", "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "s" * 40}, timeout=20)
    assert done.returncode in (1, 2, 4) and "https" in done.stderr


def test_interruption_while_waiting(client, make_sim):
    """Spot that is taken back before it runs: exit 5, and nothing is left."""
    gc = client(to=make_sim("--boot-ms", "600000"))
    process = gc.popen("launch", "--spot", "--name", "taken", *TYPE)
    wait_until(lambda: gc.live("taken"), "the launch")
    zone = gc.live("taken")[0]["zone"]
    gc.sim.fault(kind="interrupt", zone=zone, type="g4dn.xlarge")
    gc.sim.advance(180)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 5, err
    assert "instead of running" in err
