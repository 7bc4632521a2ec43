# SPDX-License-Identifier: Apache-2.0
"""Every request that gpucloud makes of Paperspace and DigitalOcean, and every reply of the
simulator, against what the two publish of their APIs: by their schemas, not by example. Whatever
the sources of a provider can ask for must have been asked for here at least once."""
import http.server
import json
import pathlib
import re
import shutil
import signal
import subprocess
import threading

import pytest
from checks import Client, expect
from recorder import Api, Recorder, check

PROVIDERS = pathlib.Path(__file__).resolve().parents[2] / "providers"
CLOUDS = {
    "paperspace": dict(
        prefix="/paperspace/v1", api="paperspace-v1", key="paperspace_api_key",
        key_variable="PAPERSPACE_API_KEY", url_variable="PAPERSPACE_API_URL",
        region="ny2", elsewhere="East Coast (NY2)", type="P4000", gpu="A4000",
        image="Ubuntu 22.04", launches=[["--static-address"]],
        makes=["/startup-scripts", "/machines"], guards=False,
        faults=[{"kind": "lost", "action": "CreateStartupScript"}],
        operations={
            "/auth/session": "GET", "/billing/account-standing": "GET",
            "/machine-availability": "GET", "/machine-events": "GET", "/machines": "GET POST",
            "/machines/{id}": "GET PUT DELETE", "/machines/{id}/restart": "PATCH",
            "/machines/{id}/start": "PATCH", "/machines/{id}/stop": "PATCH",
            "/os-templates": "GET", "/public-ips": "GET", "/public-ips/{ip}": "PUT DELETE",
            "/startup-scripts": "GET POST", "/startup-scripts/{id}": "PUT DELETE"},
        rare=[]),
    "digitalocean": dict(
        prefix="/digitalocean/v2", api="digitalocean-v2", key="digitalocean_token",
        key_variable="DIGITALOCEAN_TOKEN", url_variable="DIGITALOCEAN_API_URL",
        region="nyc2", elsewhere="tor1", type="gpu-h100x1-80gb", gpu="H100",
        image="ubuntu-22-04-x64",
        launches=[["--port", "8888", "--port", "6006", "--from", "192.0.2.0/24"]],
        makes=["/firewalls", "/tags", "/droplets"], guards=True,
        faults=[{"kind": "lost", "action": "CreateKey"},
                {"kind": "error", "action": "CreateTag", "status": 422,
                 "code": "unprocessable_entity"}],
        operations={
            "/account": "GET", "/account/keys": "GET POST",
            "/account/keys/{ssh_key_identifier}": "GET DELETE", "/droplets": "GET POST DELETE",
            "/droplets/{droplet_id}": "GET DELETE", "/droplets/{droplet_id}/actions": "GET POST",
            "/firewalls": "GET POST", "/firewalls/{firewall_id}": "PUT DELETE",
            "/firewalls/{firewall_id}/rules": "POST", "/images/{image_id}": "GET",
            "/regions": "GET", "/sizes": "GET", "/tags": "GET POST", "/tags/{tag_id}": "GET DELETE",
            "/tags/{tag_id}/resources": "POST"},
        rare=[]),
}


class Cloud(Client):
    """gpucloud with one of these clouds, by its environment alone, through a recorder."""

    def __init__(self, env, sim, name):
        super().__init__(env, sim)
        self.name, self.facts = name, CLOUDS[name]
        self.api = Api.of(self.facts["api"])
        token = json.loads((sim.folder / "sim.json").read_text())[self.facts["key"]]
        self.recorder = Recorder(sim.url + self.facts["prefix"], sim.ca, token)
        del self.env["GPUCLOUD_PROFILE"]  # which would choose the key and the endpoint
        self.env[self.facts["key_variable"]] = token
        self.env[self.facts["url_variable"]] = self.recorder.url

    def run(self, *args, **kw):
        return super().run("--provider", self.name, "--region", self.facts["region"], *args, **kw)

    def popen(self, *args):
        return subprocess.Popen(
            [self.bin, "--provider", self.name, "--region", self.facts["region"], *args,
             "--wait", "running"], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def methods(self, since=0):
        return {each.method for each in self.recorder.exchanges[since:]}

    def nothing_left(self):
        left = [(r["kind"], r["id"]) for r in self.sim.state()["resources"] if not r["ended"]]
        assert left == []

    def sound(self):
        assert check(self.recorder.exchanges, self.api) == []
        assert self.recorder.exchanges


class Caller:
    """Says which address a computer has, as a service of the internet would."""

    def __enter__(self):
        caller = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(caller.address.encode() + b"\n")

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(params=CLOUDS)
def cloud(request, sim, make_sim, clean_env):
    one = Cloud(clean_env, sim, request.param)
    one.make_sim = make_sim
    with one.recorder:
        yield one


def launched(cloud, name, *args):
    cloud.ok("--yes", "launch", "--name", name, "--type", cloud.facts["type"], *args)


def prices(cloud):
    before = len(cloud.recorder.exchanges)
    cloud.ok("price")
    cloud.ok("price", "--gpu", cloud.facts["gpu"])
    cloud.ok("price", "--type", cloud.facts["type"])
    cloud.ok("price", "--all-regions")
    cloud.ok("--region", cloud.facts["elsewhere"], "price")
    assert cloud.methods(before) == {"GET"}


def rehearsal(cloud):
    before = len(cloud.recorder.exchanges)
    cloud.ok("launch", "--dry-run", "--name", "rehearsed", "--type", cloud.facts["type"],
             "--selftest", "none")
    assert cloud.methods(before) <= {"GET"}
    cloud.ok("doctor")


def one_life(cloud):
    """From the launch to the receipt, with everything between that can be asked."""
    launched(cloud, "train", "--ttl", "4h", "--idle", "30m")
    for command in (["list"], ["list", "--all"], ["show", "train"], ["hold", "train", "2h"],
                    ["hold", "train", "--protect"], ["hold", "train", "--unprotect"],
                    ["reap", "--dry-run"], ["restart", "train"], ["stop", "train"],
                    ["show", "train"], ["hold", "train", "9h"], ["start", "train"],
                    ["list", "--mine"]):
        expect(cloud.run("--yes", *command), 0)
        cloud.sim.advance(60)  # a machine does one thing at a time
    assert cloud.run("--yes", "reap").returncode in (0, 8)
    cloud.ok("--yes", "terminate", "train")
    cloud.nothing_left()


def every_option(cloud):
    launched(cloud, "plain")
    launched(cloud, "pictured", "--image", cloud.facts["image"], "--disk", "100", "--ttl", "none")
    for number, options in enumerate(cloud.facts["launches"]):
        launched(cloud, f"other-{number}", *options)
    cloud.ok("--yes", "launch", "--name", "by-gpu", "--gpu", cloud.facts["gpu"])
    cloud.ok("--yes", "stop", "plain")
    names = ["plain", "pictured", "by-gpu",
             *(f"other-{number}" for number in range(len(cloud.facts["launches"])))]
    cloud.ok("--yes", "terminate", *names)
    cloud.nothing_left()


def cut_off(cloud, name, method, path, *args):
    """A launch that is killed when the cloud has done what it asked for and not yet said so."""
    process = None

    def end(exchange):
        if (exchange.method, exchange.path) == (method, path):
            process.kill()

    cloud.recorder.on_reply = end
    process = cloud.popen("--yes", "launch", "--name", name, "--type", cloud.facts["type"], *args)
    process.communicate(timeout=90)
    cloud.recorder.on_reply = None
    assert process.returncode == -signal.SIGKILL, f"{method} {path} was not asked for"


def leftovers(cloud):
    """What a launch leaves that was cut off at each thing it makes."""
    for number, path in enumerate(cloud.facts["makes"]):
        cut_off(cloud, f"cut-{number}", "POST", path, *cloud.facts["launches"][0])
        shutil.rmtree(cloud.state_folder)  # what had begun is nobody's knowledge
    cloud.sim.advance(7200)
    expect(cloud.run("sweep"), 8)
    for each in json.loads(cloud.ok("--json", "list", "--mine").stdout)["instances"]:
        cloud.ok("--yes", "terminate", each["id"])
    cloud.sim.advance(7200)
    cloud.ok("--yes", "sweep", "--delete")
    cloud.nothing_left()


def what_is_there_already(cloud):
    """Replies that are lost, and things that were made by somebody quicker."""
    key = pathlib.Path(cloud.home, "key.pub")
    key.write_text("ssh-ed25519 "
                   "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me\n")
    for number, fault in enumerate(cloud.facts["faults"]):
        cloud.sim.fault(service=cloud.name, count=1, **fault)
        cloud.run("--yes", "launch", "--name", f"one-{number}", "--type", cloud.facts["type"],
                  "--ssh-key", str(key))
        launched(cloud, f"one-{number}", "--ssh-key", str(key))
    for number, _ in enumerate(cloud.facts["faults"]):
        cloud.ok("--yes", "terminate", f"one-{number}")
    cloud.nothing_left()


def from_elsewhere(cloud):
    """Who connects from another address is let in first, where the cloud can hold others off. On
    machines that have an inside."""
    sim = cloud.make_sim("--machines", "sshd", "--boot-ms", "200")
    there = Cloud(cloud.env, sim, cloud.name)
    config = pathlib.Path(there.env["XDG_CONFIG_HOME"], "gpucloud", "config")
    config.parent.mkdir()
    facts = json.loads((sim.folder / "sim.json").read_text())
    config.write_text(f"[default]\nssh_port = {facts['ssh_port']}\n")
    with there.recorder, Caller() as caller:
        launched(there, "train", "--from", "192.0.2.7/32")
        for caller.address, code in (("192.0.2.8", 8), ("127.0.0.1", 0)):
            expect(there.run("idle", "train", env={"GPUCLOUD_CHECKIP_URL": caller.url}), code)
        there.ok("--yes", "terminate", "train")
        there.nothing_left()
    cloud.recorder.all += there.recorder.exchanges


SCENES = [prices, rehearsal, one_life, every_option, leftovers, what_is_there_already]
GUARDED = [from_elsewhere]


def scenes(name):
    return SCENES + (GUARDED if CLOUDS[name]["guards"] else [])


# --- nothing is left out -------------------------------------------------------------------------


def arguments(text):
    """Of a call whose opening bracket has just been read: split at its own commas."""
    depth, parts, part = 1, [], ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            break
        if letter == "," and depth == 1:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    return [*parts, part.strip()]


METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def methods_of(said):
    """Of the call whose arguments a path is among: it says the method, or one of two, or has it in
    a variable; or its name does; or it is a list's description."""
    written = METHODS & set(re.findall(r'"([A-Z]+)"', said))
    named = {each.upper() for each in re.findall(r"\b\w+_(get|post|put|patch|delete)\(", said)}
    if written or named:
        return written or named
    if ".path" in said:
        return {"GET"}
    assert "method" in said, f"which method? {said}"
    return METHODS


def operations_in(name):
    """What the sources of a provider can ask for: (methods, "/machines/{}/{}") of each path that
    they build, with {} for what stands in a variable."""
    found = []
    for file in sorted((PROVIDERS / name).glob("*.c")):
        text = file.read_text()
        for match in re.finditer(r"\bREST_PATH\(", text):
            said = text[max(text.rfind(mark, 0, match.start()) for mark in ";{}"):match.start()]
            path = "".join("/" + (part[1:-1] if part.startswith('"') else "{}")
                           for part in arguments(text[match.end():]))
            found.append((methods_of(said), path))
    return found


def is_one_of(operation, able):
    method, path = operation.split()
    methods, pattern = able
    return method in methods and path.count("/") == pattern.count("/") and all(
        want in ("{}", have) for want, have in zip(pattern.split("/"), path.split("/")))


def test_every_request_and_reply_is_as_published(cloud):
    sources = operations_in(cloud.name)
    assert sources
    for scene in scenes(cloud.name):
        scene(cloud)
        cloud.sound()
    seen = cloud.api.seen(cloud.recorder.exchanges)
    assert [one for one in seen if not any(is_one_of(one, each) for each in sources)] == []
    unseen = [each for each in sources if not any(is_one_of(one, each) for one in seen)]
    assert unseen == [({"PUT"}, path) for path in cloud.facts["rare"]]
    assert seen == {f"{method} {path}" for path, methods in cloud.facts["operations"].items()
                    for method in methods.split()}
