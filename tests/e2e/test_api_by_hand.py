# SPDX-License-Identifier: Apache-2.0
"""The simulator's other clouds against what their vendors publish: every operation it has is asked
for by hand, and each reply must be as the definition says. A simulator that drifts from it would
teach the clients a cloud that is not there."""
import http.client
import json
import re
import time
import urllib.parse

import pytest
from conftest import wait_until
from recorder import Api, Recorder, check

KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here")
# Nothing of ours asks for these, and the simulator has none of them: that they are missing is held
# below, so that the list is true.
NOT_MODELLED = {
    "paperspace-v1": [],
    "digitalocean-v2": ["PUT /account/keys/{ssh_key_identifier}"],
}


class Hand:
    """Requests made by hand through a recorder."""

    def __init__(self, sim, prefix, token_name, api):
        self.sim, self.api = sim, Api.of(api)
        facts = json.loads((sim.folder / "sim.json").read_text())
        self.token = facts[token_name]
        self.recorder = Recorder(sim.url + prefix, sim.ca, self.token)

    def __enter__(self):
        self.recorder.__enter__()
        return self

    def __exit__(self, *error):
        self.recorder.__exit__(*error)

    def raw(self, method, path, body=None, token=None, **query):
        where = urllib.parse.urlsplit(self.recorder.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        target = where.path + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target,
                               None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            data = reply.read()
            return reply.status, json.loads(data) if data else None
        finally:
            connection.close()

    def ask(self, method, path, body=None, status=None, **query):
        got, reply = self.raw(method, path, body, **query)
        assert got == status if status else got < 300, (method, path, body, got, reply)
        return reply

    def until(self, condition, what):
        """Time of the model passes until it holds."""
        end = time.monotonic() + 60
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"waited for {what}"
            self.sim.advance(5)

    def sound(self):
        assert check(self.recorder.exchanges, self.api) == []

    def answered(self):
        """The operations that were carried out at least once."""
        return self.api.seen(each for each in self.recorder.exchanges if each.status < 400)

    def all_were(self, name):
        every = {f"{each['method']} {each['path']}" for _, each in self.api.operations}
        assert every - self.answered() == set(NOT_MODELLED[name])
        for each in NOT_MODELLED[name]:
            method, path = each.split()
            assert self.raw(method, re.sub(r"\{\w*\}", "7", path), {})[0] in (404, 405)


@pytest.fixture
def paperspace(sim):
    with Hand(sim, "/paperspace/v1", "paperspace_api_key", "paperspace-v1") as hand:
        yield hand


@pytest.fixture
def ocean(sim):
    with Hand(sim, "/digitalocean/v2", "digitalocean_token", "digitalocean-v2") as hand:
        yield hand


# --- Paperspace ----------------------------------------------------------------------------------


def event_done(hand, event):
    def now():
        it = hand.ask("GET", f"/machine-events/{event['id']}")
        assert it["state"] in ("new", "in progress", "done"), it
        return it if it["state"] == "done" else None

    return hand.until(now, f"the event {event}")


def template(hand):
    items = hand.ask("GET", "/os-templates", limit=120)["items"]
    return next(each["id"] for each in items
                if any(kind["machineTypeLabel"] == "P4000" and kind["isAvailable"]
                       for kind in each["availableMachineTypes"]))


def machine(hand, **more):
    body = {"name": "by-hand", "machineType": "P4000", "templateId": template(hand), "diskSize": 50,
            "region": "East Coast (NY2)", "emailPassword": False, "autoShutdownEnabled": True,
            "autoShutdownTimeout": 4, "autoShutdownForce": True, "startOnCreate": True,
            "publicIpType": "dynamic", **more}
    made = hand.ask("POST", "/machines", body)
    event_done(hand, made["event"])
    return made["data"]["id"]


def is_in(hand, one, *states):
    return hand.until(lambda: hand.ask("GET", f"/machines/{one}")["state"] in states,
                      f"{one} to be {states}")


def test_paperspace_account_and_lists(paperspace):
    ask = paperspace.ask
    ask("GET", "/auth/session")
    ask("GET", "/billing/account-standing")
    ask("GET", "/machine-availability", machineType="P4000", region="East Coast (NY2)")
    for path in ("/os-templates", "/custom-templates", "/private-networks", "/machines",
                 "/machine-events", "/public-ips", "/snapshots", "/startup-scripts"):
        first = ask("GET", path, limit=1, order="asc")
        while first["hasMore"]:
            first = ask("GET", path, limit=1, order="asc", after=first["nextPage"])
    paperspace.sound()


def test_paperspace_life_of_a_machine(paperspace):
    ask = paperspace.ask
    script = ask("POST", "/startup-scripts",
                 {"name": "one", "script": "#!/bin/sh\ntrue\n", "isRunOnce": True})["id"]
    ask("GET", f"/startup-scripts/{script}")
    ask("PUT", f"/startup-scripts/{script}", {"name": "two"})
    one = machine(paperspace, startupScriptId=script)
    is_in(paperspace, one, "ready")
    ask("GET", "/machines", name="by-hand", region="East Coast (NY2)", machineType="P4000")
    ask("GET", "/machine-events", machineId=one)
    ask("PUT", f"/machines/{one}", {"name": "renamed", "autoShutdownTimeout": 8})
    event_done(paperspace, ask("PATCH", f"/machines/{one}/restart")["event"])
    event_done(paperspace, ask("PATCH", f"/machines/{one}/stop", {})["event"])
    is_in(paperspace, one, "off")
    ask("POST", f"/startup-scripts/{script}/unassign", {"machineId": one})
    ask("POST", f"/startup-scripts/{script}/assign", {"machineId": one})
    event_done(paperspace, ask("PATCH", f"/machines/{one}/start")["event"])
    event_done(paperspace, ask("PATCH", f"/machines/{one}/stop", {})["event"])
    is_in(paperspace, one, "off")
    ask("DELETE", f"/machines/{one}")
    paperspace.until(lambda: paperspace.raw("GET", f"/machines/{one}")[0] == 404, "no machine")
    ask("DELETE", f"/startup-scripts/{script}")
    ask("GET", "/startup-scripts")
    paperspace.sound()


def test_paperspace_address(paperspace):
    ask = paperspace.ask
    address = ask("POST", "/public-ips", {"region": "ny2"})["ip"]
    one = machine(paperspace, publicIpType="none", startOnCreate=False)
    is_in(paperspace, one, "off")
    ask("PUT", f"/public-ips/{address}", {"machineId": one})
    ask("GET", "/public-ips", region="ny2")
    ask("GET", f"/machines/{one}")
    ask("PUT", f"/public-ips/{address}", {"machineId": None})
    ask("DELETE", f"/public-ips/{address}")
    ask("DELETE", f"/machines/{one}")
    fixed = machine(paperspace, publicIpType="static")
    is_in(paperspace, fixed, "ready")
    assert ask("GET", f"/machines/{fixed}")["publicIp"] in [
        each["ip"] for each in ask("GET", "/public-ips")["items"]]
    paperspace.sound()


def test_paperspace_errors(paperspace):
    asked = [("GET", "/machines/none1234", None), ("DELETE", "/startup-scripts/none1234", None),
             ("PUT", "/public-ips/203.0.113.9", {"machineId": None}),
             ("GET", "/machine-events/none1234", None)]
    for each in asked:
        paperspace.ask(*each, status=404)
    paperspace.ask("GET", "/machines", status=401, token="nobody's")
    said = check(paperspace.recorder.exchanges, paperspace.api)
    assert said == ["GET /machines: the token is wrong"]  # that much was on purpose
    refused = [({"name": "x"}, 400), ({"nam": "x"}, 400)]
    for body, status in refused:
        paperspace.ask("POST", "/machines", body, status=status)
    replies = [line for line in check(paperspace.recorder.exchanges, paperspace.api)
               if "reply" in line]
    assert replies == []


def test_paperspace_every_operation(paperspace):
    test_paperspace_account_and_lists(paperspace)
    test_paperspace_life_of_a_machine(paperspace)
    test_paperspace_address(paperspace)
    paperspace.all_were("paperspace-v1")


# --- DigitalOcean --------------------------------------------------------------------------------


def droplet(hand, **more):
    size = next(each for each in hand.ask("GET", "/sizes", per_page=200)["sizes"]
                if each.get("gpu_info", {}).get("model", "").startswith("nvidia")
                and each["regions"])
    body = {"name": "by-hand", "size": size["slug"], "image": "gpu-h100x1-base",
            "region": size["regions"][0], "tags": ["gpucloud-owner:hand"],
            "user_data": "#cloud-config\n", "monitoring": False, **more}
    made = hand.ask("POST", "/droplets", body)
    one = made["droplet"]["id"]
    hand.until(lambda: hand.ask("GET", f"/droplets/{one}")["droplet"]["status"] == "active",
               f"{one} to be active")
    return one, made["links"]["actions"][0]["id"]


def act(hand, one, kind):
    action = hand.ask("POST", f"/droplets/{one}/actions", {"type": kind})["action"]["id"]
    hand.until(lambda: hand.ask("GET", f"/droplets/{one}/actions/{action}")["action"]["status"]
               == "completed", f"{kind} of {one}")


def test_digitalocean_account_and_lists(ocean):
    ask = ocean.ask
    ask("GET", "/account")
    ask("GET", "/images", type="distribution")
    ask("GET", "/images", type="application")
    ask("GET", "/images", private="true")
    ask("GET", "/images/gpu-h100x1-base")
    for path in ("/regions", "/sizes", "/images", "/account/keys", "/tags", "/firewalls",
                 "/droplets"):
        page = 1
        while "next" in ask("GET", path, per_page=3, page=page)["links"].get("pages", {}):
            page += 1
    ocean.sound()


def test_digitalocean_life_of_a_droplet(ocean):
    ask = ocean.ask
    key = ask("POST", "/account/keys", {"name": "mine", "public_key": KEY})["ssh_key"]
    ask("GET", f"/account/keys/{key['id']}")
    ask("GET", f"/account/keys/{key['fingerprint']}")
    ask("GET", "/account/keys")
    wait_until(lambda: ocean.raw("GET", "/account/keys")[1]["ssh_keys"], "the key in the list")
    ocean.sim.advance(60)  # what was just made may not be known everywhere
    one, created = droplet(ocean, ssh_keys=[key["id"]])
    ask("GET", f"/actions/{created}")
    for kind in ("reboot", "shutdown", "power_on", "power_off", "power_on", "power_cycle"):
        act(ocean, one, kind)
    ask("GET", f"/droplets/{one}/actions")
    ask("GET", "/droplets", type="gpus")
    ask("GET", "/droplets", tag_name="gpucloud-owner:hand")
    ask("GET", "/droplets", name="by-hand", type="gpus")
    ask("DELETE", f"/droplets/{one}")
    ocean.until(lambda: ocean.raw("GET", f"/droplets/{one}")[0] == 404, "no droplet")
    droplet(ocean)
    ask("DELETE", "/droplets", tag_name="gpucloud-owner:hand")
    ask("DELETE", f"/account/keys/{key['id']}")
    ocean.sound()


def test_digitalocean_many_at_once(ocean):
    size = next(each for each in ocean.ask("GET", "/sizes", per_page=200)["sizes"]
                if each.get("gpu_info") and each["regions"])
    made = ocean.ask("POST", "/droplets", {"names": ["a", "b"], "size": size["slug"],
                                           "image": "gpu-h100x1-base",
                                           "region": size["regions"][0], "ipv6": True,
                                           "backups": True, "monitoring": True,
                                           "with_droplet_agent": True})
    assert len(made["droplets"]) == 2
    ocean.until(lambda: all(each["status"] == "active" for each in
                            ocean.ask("GET", "/droplets", type="gpus")["droplets"]), "both")
    ocean.sound()


def test_digitalocean_tags_and_firewalls(ocean):
    ask = ocean.ask
    ask("POST", "/tags", {"name": "by-hand"})
    one, _ = droplet(ocean, tags=[])
    things = {"resources": [{"resource_id": str(one), "resource_type": "droplet"}]}
    ask("POST", "/tags/by-hand/resources", things)
    ask("GET", "/tags/by-hand")
    ask("GET", "/tags")
    rule = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["192.0.2.0/24"]}}
    out = {"protocol": "tcp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}}
    body = {"name": "by-hand", "inbound_rules": [rule], "outbound_rules": [out],
            "tags": ["by-hand"]}
    wall = ask("POST", "/firewalls", body)["firewall"]["id"]
    ask("GET", f"/firewalls/{wall}")
    more = {"inbound_rules": [{**rule, "ports": "8000-9000"}]}
    ask("POST", f"/firewalls/{wall}/rules", more)
    ask("DELETE", f"/firewalls/{wall}/rules", more)
    ask("POST", f"/firewalls/{wall}/droplets", {"droplet_ids": [one]})
    ask("GET", "/firewalls")
    ask("DELETE", f"/firewalls/{wall}/droplets", {"droplet_ids": [one]})
    ask("DELETE", f"/firewalls/{wall}/tags", {"tags": ["by-hand"]})
    ask("POST", f"/firewalls/{wall}/tags", {"tags": ["by-hand"]})
    ask("PUT", f"/firewalls/{wall}", {**body, "name": "renamed"})
    ocean.sim.advance(60)
    ask("GET", "/firewalls")
    ask("DELETE", f"/firewalls/{wall}")
    ask("DELETE", "/tags/by-hand/resources", things)
    ask("DELETE", "/tags/by-hand")
    ask("DELETE", f"/droplets/{one}")
    ocean.sound()


def test_digitalocean_errors(ocean):
    for each in (("GET", "/droplets/7"), ("GET", "/tags/none"), ("DELETE", "/account/keys/7"),
                 ("GET", "/images/none"), ("GET", "/actions/7"),
                 ("GET", "/firewalls/0b5c9a52-0000-4000-8000-000000000000")):
        ocean.ask(*each, status=404)
    ocean.ask("GET", "/droplets", status=401, token="nobody's")
    said = check(ocean.recorder.exchanges, ocean.api)
    assert said == ["GET /droplets: the token is wrong"]  # that much was on purpose
    ocean.ask("POST", "/droplets", {"name": "x"}, status=422)
    ocean.ask("POST", "/tags", {"name": "a b"}, status=400)
    replies = [line for line in check(ocean.recorder.exchanges, ocean.api) if "reply" in line]
    assert replies == []


def test_digitalocean_every_operation(ocean):
    test_digitalocean_account_and_lists(ocean)
    test_digitalocean_life_of_a_droplet(ocean)
    test_digitalocean_tags_and_firewalls(ocean)
    ocean.all_were("digitalocean-v2")
