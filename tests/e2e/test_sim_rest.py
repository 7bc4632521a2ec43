# SPDX-License-Identifier: Apache-2.0
"""The simulator's clouds beside EC2 over the wire: keys, faults, scenarios, machines. What their
replies must look like is held by test_api_by_hand.py."""
import http.client
import json
import shlex
import socket
import ssl
import urllib.parse

import pytest
from conftest import wait_until


class Paperspace:
    def __init__(self, sim, key="paperspace_api_key"):
        self.sim = sim
        self.facts = json.loads((sim.folder / "sim.json").read_text())
        self.key = self.facts[key]

    def send(self, method, path, body=None, headers=None):
        where = urllib.parse.urlsplit(self.sim.url)
        link = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=60,
            context=ssl.create_default_context(cafile=self.sim.ca))
        head = {"Authorization": f"Bearer {self.key}"}
        if body is not None:
            head["Content-Type"] = "application/json"
        link.request(method, "/paperspace/v1" + path,
                     None if body is None else json.dumps(body), {**head, **(headers or {})})
        return link, link.getresponse()

    def ask(self, method, path, body=None, status=200, **kw):
        link, reply = self.send(method, path, body, **kw)
        text = reply.read()
        link.close()
        assert reply.status == status, (method, path, reply.status, text)
        assert reply.headers["x-request-id"]
        assert reply.headers["Content-Type"] == "application/json"
        return json.loads(text)

    def template(self, name="ML-in-a-Box"):
        items = self.ask("GET", "/os-templates?" + urllib.parse.urlencode({"name": name}))["items"]
        return items[0]["id"]

    def create(self, status=200, **more):
        body = {"name": "one", "machineType": "P4000", "templateId": self.template(),
                "diskSize": 100, "region": "East Coast (NY2)", "emailPassword": False, **more}
        return self.ask("POST", "/machines", body, status)

    def until(self, one, state):
        wait_until(lambda: self.ask("GET", f"/machines/{one}")["state"] == state, state)


@pytest.fixture
def paperspace(sim):
    return Paperspace(sim)


def test_env_names_every_cloud(sim):
    facts = json.loads((sim.folder / "sim.json").read_text())
    lines = sim.run("env").stdout.splitlines()
    said = dict(word.split("=", 1) for line in lines for word in shlex.split(line, comments=True)
                if "=" in word)
    assert said["PAPERSPACE_API_URL"] == facts["endpoint"] + "/paperspace/v1"
    assert said["PAPERSPACE_API_KEY"] == facts["paperspace_api_key"]
    assert said["DIGITALOCEAN_API_URL"] == facts["endpoint"] + "/digitalocean/v2"
    assert said["DIGITALOCEAN_TOKEN"] == facts["digitalocean_token"]
    assert any(line.startswith("unset") and "DIGITALOCEAN_ACCESS_TOKEN" in line for line in lines)
    keys = [facts[name] for name in facts if name.endswith(("_key", "_token", "_key_id"))]
    assert len(keys) == len(set(keys)) >= 7


def test_keys(sim, paperspace):
    reader = Paperspace(sim, "paperspace_read_key")
    reader.ask("GET", "/machines")
    assert reader.ask("POST", "/public-ips", {"region": "NY2"}, 403)["code"] == "FORBIDDEN"
    reader.key = "none"
    assert reader.ask("GET", "/machines", status=401)["code"] == "UNAUTHORIZED"
    # another start, another key
    assert len(paperspace.key) == 30


def test_life(sim, paperspace):
    one = paperspace.create(publicIpType="static")["data"]["id"]
    paperspace.until(one, "ready")
    (seen,) = sim.live()
    assert (seen["id"], seen["provider"], seen["region"], seen["tags"]) == \
        (one, "paperspace", "ny2", {"name": "one"})
    assert float(seen["usd_per_hour"]) > 0.51
    paperspace.ask("PATCH", f"/machines/{one}/stop", {})
    paperspace.until(one, "off")
    assert float(sim.live()[0]["usd_per_hour"]) < 0.01
    paperspace.ask("PATCH", f"/machines/{one}/start")
    paperspace.until(one, "ready")
    paperspace.ask("PUT", f"/machines/{one}",
                   {"autoShutdownEnabled": True, "autoShutdownTimeout": 2})
    sim.advance(7200)
    paperspace.until(one, "off")
    paperspace.ask("DELETE", f"/machines/{one}")
    sim.advance(10)
    paperspace.ask("GET", f"/machines/{one}", status=404)
    assert [r["kind"] for r in sim.state()["resources"] if not r["ended"]] == ["elastic-ip"]
    requests = sim.state()["requests"]
    assert requests["CreateMachine"] == 1
    assert "EmailPassword" not in requests


def test_scenario(make_sim, tmp_path):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"boot_ms": 50, "visible_after_ms": 600000, "faults": [
        {"kind": "short-regions", "until_s": 3000},
        {"kind": "no-image", "service": "paperspace", "image": "Ubuntu*"},
        {"kind": "no-capacity", "service": "paperspace", "zone": "ny2", "type": "V100*"},
        {"kind": "error", "service": "paperspace", "action": "ListMachines", "count": 3,
         "status": 429, "code": "TOO_MANY_REQUESTS"},
        {"kind": "error", "service": "paperspace", "action": "GetSession", "count": 1,
         "status": 200, "code": "UNAUTHORIZED", "message": "so it is"},
    ]}))
    sim = make_sim("--scenario", str(file))
    paperspace = Paperspace(sim)
    assert paperspace.ask("GET", "/auth/session") == {"code": "UNAUTHORIZED",
                                                      "message": "so it is"}
    assert paperspace.ask("GET", "/auth/session")["user"]
    for _ in range(3):
        assert paperspace.ask("GET", "/machines", status=429)["code"] == "TOO_MANY_REQUESTS"
    said = paperspace.create(status=400)
    assert said["issues"][0]["path"] == ["region"]
    names = [each["name"] for each in paperspace.ask("GET", "/os-templates")["items"]]
    assert names and not [name for name in names if name.startswith("Ubuntu")]
    assert "out of capacity" in paperspace.create(status=400, machineType="V100",
                                                  region="NY2")["message"]
    one = paperspace.create(region="NY2")["data"]["id"]
    assert paperspace.ask("GET", "/machines")["items"] == []
    paperspace.ask("GET", f"/machines/{one}", status=404)
    sim.advance(600)
    paperspace.until(one, "ready")
    # EC2 knows nothing of this
    assert sim.boto("ec2").describe_regions()["Regions"]


def test_events_that_do_not_end_well(sim, paperspace):
    sim.fault(kind="event-stuck", service="paperspace", action="CreateMachine", count=1)
    sim.fault(kind="event-error", service="paperspace", action="StopMachine", count=1,
              message="the host is gone")
    made = paperspace.create()
    sim.advance(86400)
    event = paperspace.ask("GET", f"/machine-events/{made['event']['id']}")
    assert event["state"] == "in progress"
    one = paperspace.create()["data"]["id"]
    paperspace.until(one, "ready")
    event = paperspace.ask("PATCH", f"/machines/{one}/stop", {})["event"]["id"]
    sim.advance(10)
    event = paperspace.ask("GET", f"/machine-events/{event}")
    assert (event["state"], event["error"]) == ("error", "the host is gone")
    paperspace.until(one, "ready")


def test_faults_of_the_wire(sim, paperspace):
    sim.fault(kind="cut", service="paperspace", action="CreateMachine", count=1)
    with pytest.raises((http.client.HTTPException, OSError)):
        paperspace.create()
    assert sim.live() == []
    sim.fault(kind="lost", service="paperspace", action="CreateMachine", count=1)
    with pytest.raises((http.client.HTTPException, OSError)):
        paperspace.create()
    assert len(sim.live()) == 1
    sim.fault(kind="double", service="paperspace", action="CreateMachine", count=1)
    paperspace.create()
    assert len(sim.live()) == 3  # nothing makes a repetition harmless there
    sim.fault(kind="html", service="paperspace", action="GetSession", count=1, status=502)
    link, reply = paperspace.send("GET", "/auth/session")
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html")
    link.close()
    sim.fault(kind="giant", service="paperspace", action="ListMachines", count=1, bytes=5000000)
    link, reply = paperspace.send("GET", "/machines")
    text = reply.read()
    assert (len(text), text[:1], reply.headers["Content-Type"]) == (5000000, b"{",
                                                                   "application/json")
    link.close()
    paperspace.ask("GET", "/machines")


def test_hostile_requests(sim, paperspace):
    for path, status in (("/machines/%zz", 400), ("/machines?limit=1&limit=2", 400),
                         ("/" + "a/" * 100, 404), ("/machines?name=" + "x" * 20000, 400),
                         ("/../../_sim/state", 404), ("/machines/..%2f..", 404)):
        paperspace.ask("GET", path, status=status)
    paperspace.ask("PATCH", "/machines/x/stop", status=400,
                   headers={"Content-Type": "application/json"})
    paperspace.ask("POST", "/startup-scripts", {"name": "x", "script": "y" * 70000}, status=413)
    assert sim.live("startup-script") == []


def test_bad_scenarios(sim):
    for text, says in (('{"kind":"no-image","type":"x"}', "type"),
                       ('{"kind":"error","service":"ec2","status":200,"code":"X"}', "status"),
                       ('{"kind":"error","service":"paperspace","status":201,"code":"X"}',
                        "status"),
                       ('{"kind":"event-stuck","colour":"red"}', "colour")):
        done = sim.run("fault", text)
        assert done.returncode == 2, text
        assert says in done.stderr, done.stderr


def test_machine_answers(make_sim):
    """Its public address is where its SSH server is, also for a static one."""
    sim = make_sim("--boot-ms", "100", "--machines", "sshd")
    paperspace = Paperspace(sim)
    for kind in ("dynamic", "static"):
        one = paperspace.create(publicIpType=kind)["data"]["id"]
        paperspace.until(one, "ready")
        address = paperspace.ask("GET", f"/machines/{one}")["publicIp"], paperspace.facts["ssh_port"]

        def banner():
            try:
                with socket.create_connection(address, timeout=10) as link:
                    return link.recv(8)
            except OSError:
                return b""

        wait_until(lambda: banner() == b"SSH-2.0-", f"{address} to answer")
