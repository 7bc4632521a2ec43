# SPDX-License-Identifier: Apache-2.0
"""The checker finds what is wrong, and the proxy remembers what was sent: each rule is broken here
once, beside an exchange that keeps them all."""
import copy
import http.client
import http.server
import json
import threading

import pytest
from checker import Api, Exchange, check
from recorder import Recorder

PAPERSPACE = Api.of("paperspace-v1")
OCEAN = Api.of("digitalocean-v2")
JSON = {"content-type": "application/json"}
MACHINE = {"name": "gpucloud.me.one.abc-1", "machineType": "P4000", "templateId": "t1",
           "diskSize": 50, "region": "East Coast (NY2)", "emailPassword": False,
           "autoShutdownEnabled": True, "autoShutdownTimeout": 4, "publicIpType": "dynamic"}
DROPLET = {"name": "me-one", "size": "gpu-h100x1-80gb", "image": "gpu-h100x1-base",
           "region": "nyc2", "ssh_keys": [12, "3b:16"], "user_data": "#cloud-config",
           "tags": ["gpucloud-owner:me"], "monitoring": False}
FIREWALL = {"name": "one", "tags": ["a:b"], "inbound_rules": [
    {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}]}
TAG = {"headers": JSON, "body": b'{"name": "a"}'}
EVENT = {"id": "e1", "name": "create", "state": "new", "machineId": "m1", "error": None,
         "dtCreated": "2026-11-23T10:00:00.000Z", "dtStarted": None, "dtFinished": None}


def asked(method, path, body=None, query="", **kw):
    data = b"" if body is None else json.dumps(body).encode()
    headers = {} if body is None else JSON
    return Exchange(method, path, query, **{"headers": headers, "body": data, **kw})


def answered(method, path, reply, status=200, **kw):
    data = b"" if reply is None else json.dumps(reply).encode()
    return Exchange(method, path, status=status, reply=data,
                    **{"reply_headers": {} if reply is None else JSON, **kw})


def changed(base, **change):
    """Of a body: members put in, or taken out with None."""
    made = {**copy.deepcopy(base), **change}
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize("exchange", [
    asked("POST", "/machines", MACHINE),
    asked("PATCH", "/machines/m1/stop", {}),
    asked("PATCH", "/machines/m1/stop"),
    asked("PUT", "/public-ips/203.0.113.9", {"machineId": None}),
    asked("GET", "/machine-availability", query="machineType=P4000&region=East%20Coast%20(NY2)"),
    asked("GET", "/machines", query="limit=120&order=asc&after="),
    answered("GET", "/machine-events/e1", EVENT),
    answered("GET", "/machine-events/e1", {"code": "NOT_FOUND", "message": "none"}, 404),
    Exchange("GET", "/machine-events/e1", status=None),
], ids=str)
def test_sound_for_paperspace(exchange):
    assert check([exchange], PAPERSPACE) == []


@pytest.mark.parametrize("exchange", [
    asked("POST", "/droplets", DROPLET),
    asked("POST", "/droplets", changed(DROPLET, name=None, names=["a", "b"], image=12)),
    asked("POST", "/droplets/7/actions", {"type": "power_off"}),
    asked("POST", "/droplets/7/actions", {"type": "resize", "size": "s", "disk": True}),
    asked("DELETE", "/droplets", query="tag_name=gpucloud-owner%3Ame"),
    asked("GET", "/droplets", query="type=gpus&per_page=200&page=2"),
    asked("GET", "/images", query="private=true"),
    asked("GET", "/account/keys/12"),
    asked("GET", "/account/keys/3b%3A16"),
    asked("POST", "/firewalls", FIREWALL),
    asked("DELETE", "/tags/gpucloud-owner%3Ame/resources",
          {"resources": [{"resource_id": "7", "resource_type": "droplet"}]}),
    answered("DELETE", "/droplets/7", None, 204),
    answered("GET", "/tags", {"tags": [], "links": {}, "meta": {"total": 0}}),
    answered("GET", "/droplets/7", {"id": "not_found", "message": "none"}, 404),
    answered("POST", "/tags", {"error": "bad", "messages": None, "root_causes": []}, 400, **TAG),
], ids=str)
def test_sound_for_digitalocean(exchange):
    assert check([exchange], OCEAN) == []


@pytest.mark.parametrize("exchange, said", [
    (asked("POST", "/machines", changed(MACHINE, autoShutdownTimout=4)),
     "POST /machines: body /: Unevaluated properties are not allowed ('autoShutdownTimout' was"),
    (asked("POST", "/machines", changed(MACHINE, diskSize="50")),
     "POST /machines: body /diskSize: '50' is not of type 'number'"),
    (asked("POST", "/machines", changed(MACHINE, templateId=None)),
     "POST /machines: body /: 'templateId' is a required property"),
    (asked("POST", "/machines", changed(MACHINE, publicIpType="floating")),
     "POST /machines: body /publicIpType: 'floating' is not one of"),
    (asked("POST", "/machines", [MACHINE]), "is not of type 'object'"),
    (asked("POST", "/machines"), "POST /machines: body: required, and not sent"),
    (asked("POST", "/machines", MACHINE, headers={}), "Content-Type is None"),
    (asked("POST", "/machines", MACHINE, headers={"content-type": "text/plain"}),
     "Content-Type is 'text/plain'"),
    (asked("POST", "/machines", body=None, headers=JSON), "Content-Type without a body"),
    (Exchange("POST", "/machines", headers=JSON, body=b'{"name": 1, "name": 2}'),
     "body: no JSON: ['name'] stand twice"),
    (Exchange("POST", "/machines", headers=JSON, body=b"name=1"), "body: no JSON: "),
    (Exchange("POST", "/machines", headers=JSON, body=b'{"diskSize": NaN}'), "NaN is no number"),
    (asked("PATCH", "/machines/m1/stop", {"force": True}), "('force' was unexpected)"),
    (asked("GET", "/machines", {}), "GET /machines: body: sent, and none is known"),
    (asked("GET", "/machines", query="nam=x"), "GET /machines: query parameter nam: not known"),
    (asked("GET", "/machines", query="limit=121"),
     "query parameter limit /: 121 is greater than the maximum of 120"),
    (asked("GET", "/machines", query="limit=ten"), "'ten' is not of type 'integer'"),
    (asked("GET", "/machines", query="order=up"), "'up' is not one of ['asc', 'desc']"),
    (asked("GET", "/machines", query="name=a&name=b"), "query parameter name: given 2 times"),
    (asked("GET", "/machine-availability", query="machineType=P4000"),
     "query parameter region: required, and not given"),
    (asked("GET", "/machine"), "GET /machine: the path is not known"),
    (asked("POST", "/machines/m1"), "the path is known with DELETE, GET, PUT"),
    (asked("GET", "/machines/"), "path parameter id: empty"),
    (asked("GET", "/machines", bearer="absent"), "GET /machines: the token is absent"),
    (asked("GET", "/machines", leaked=("query",)), "the token stands in the query"),
    (answered("GET", "/machine-events/e1", changed(EVENT, state="waiting")),
     "GET /machine-events/{id}: reply 200 /state: 'waiting' is not one of"),
    (answered("GET", "/machine-events/e1", changed(EVENT, dtCreated="2026-11-23 10:00:00")),
     "is not a 'date-time'"),
    (answered("GET", "/machine-events/e1", changed(EVENT, dtCreated="2026-13-23T10:00:00Z")),
     "is not a 'date-time'"),
    (answered("GET", "/machine-events/e1", changed(EVENT, progress=3)), "'progress' was"),
    (answered("GET", "/machine-events/e1", changed(EVENT, name=None)), "'name' is a required"),
    (answered("GET", "/machine-events/e1", {"code": "BAD_REQUEST", "message": "no"}),
     "'dtCreated' is a required property"),
    (answered("GET", "/machine-events/e1", EVENT, 201), "reply 201: not known"),
    (answered("GET", "/machine-events/e1", EVENT, reply_headers={}), "Content-Type is ''"),
    (answered("GET", "/machine-events/e1", None), "reply 200: no JSON"),
    (answered("GET", "/machine-events/e1", {"message": "no"}, 404), "'code' is a required"),
])
def test_wrong_for_paperspace(exchange, said):
    wrong = check([exchange], PAPERSPACE)
    assert any(said in line for line in wrong), wrong


@pytest.mark.parametrize("exchange, said", [
    (asked("POST", "/droplets", changed(DROPLET, sshkeys=[1])),
     "POST /droplets: body /: Unevaluated properties are not allowed ('sshkeys' was unexpected)"),
    (asked("POST", "/droplets", changed(DROPLET, monitoring="no")),
     "body /monitoring: perhaps 'no' is not of type 'boolean'"),
    (asked("POST", "/droplets", changed(DROPLET, size=None)),
     "body /: perhaps 'size' is a required property"),
    (asked("POST", "/droplets", changed(DROPLET, name="gpucloud_me")),
     "body /name: perhaps 'gpucloud_me' does not match"),
    (asked("POST", "/droplets", changed(DROPLET, name="a" * 256)), "is too long"),
    (asked("POST", "/droplets", changed(DROPLET, names=["a"])), "body /: "),
    (asked("POST", "/droplets/7/actions", {"type": "poweroff"}),
     "body /type: 'poweroff' is not one of"),
    (asked("POST", "/droplets/7/actions", {"type": "power_off", "force": True}),
     "('force' was unexpected)"),
    (asked("POST", "/droplets/7/actions", {"type": "power_off", "size": "s"}),
     "('size' was unexpected)"),
    (asked("POST", "/droplets/7/actions", {}), "'type' is a required property"),
    (asked("GET", "/droplets/seven"), "path parameter droplet_id /: 'seven' is not of type"),
    (asked("GET", "/droplets/0"), "0 is less than the minimum of 1"),
    (asked("GET", "/droplets", query="per_page=201"), "201 is greater than the maximum of 200"),
    (asked("GET", "/images", query="private=yes"), "'yes' is not of type 'boolean'"),
    (asked("DELETE", "/droplets"), "query parameter tag_name: required, and not given"),
    (asked("POST", "/tags", {"name": "a b"}), "body /name: 'a b' does not match"),
    (asked("GET", "/firewalls/7"), "path parameter firewall_id /: '7' is not a 'uuid'"),
    (asked("POST", "/firewalls", changed(FIREWALL, name=None)), "'name' is a required property"),
    (asked("POST", "/firewalls", changed(FIREWALL, inbound_rules=None)), "is not valid under any"),
    (asked("POST", "/firewalls", changed(FIREWALL, id="x")), "('id' was unexpected)"),
    (asked("POST", "/firewalls", changed(FIREWALL, inbound_rules=[
        {"protocol": "tcp", "ports": 22, "sources": {}}])), "/inbound_rules/0/ports: 22 is not of"),
    (asked("POST", "/firewalls", changed(FIREWALL, inbound_rules=[
        {"protocol": "tcp", "ports": "22", "sources": {"adresses": []}}])), "'adresses' was"),
    (answered("DELETE", "/droplets/7", {}, 204), "reply 204: has a body"),
    (answered("DELETE", "/droplets/7", None, 200), "reply 200: not known"),
    (answered("GET", "/droplets/7", {}), "'droplet' is a required property"),
    (answered("GET", "/tags", {"tags": [], "links": {}}), "'meta' is a required property"),
    (answered("GET", "/tags", {"tags": "none", "links": {}, "meta": {"total": 0}}),
     "reply 200 /tags: 'none' is not of type 'array'"),
    (answered("GET", "/droplets/7", {"message": "none"}, 404), "'id' is a required property"),
    (answered("POST", "/tags", {"id": "bad_request", "message": "bad"}, 400, **TAG),
     "reply 400 /: 'error' is a required property"),
])
def test_wrong_for_digitalocean(exchange, said):
    wrong = check([exchange], OCEAN)
    assert any(said in line for line in wrong), wrong


def test_each_violation_once():
    wrong = [asked("GET", "/machines", query="nam=x")] * 3
    assert check(wrong, PAPERSPACE) == ["GET /machines: query parameter nam: not known"]


def test_operations_seen():
    seen = PAPERSPACE.seen([asked("GET", "/machines/m1"), asked("PUT", "/machines/m2"),
                            asked("GET", "/nowhere")])
    assert seen == {"GET /machines/{id}", "PUT /machines/{id}"}


@pytest.mark.parametrize("path, operation", [
    ("/droplets/7/actions", "dropletActions_list"), ("/account/keys", "sshKeys_list"),
    ("/account/keys/7", "sshKeys_get"), ("/droplets/7/actions/8", "dropletActions_get")])
def test_paths(path, operation):
    assert OCEAN.find("GET", path)[0]["id"] == operation


# --- the proxy -----------------------------------------------------------------------------------

TOKEN = "token-of-a-test"


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.got.append((self.command, self.path, dict(self.headers),
                                self.rfile.read(length)))
        if self.path.endswith("/cut"):
            self.close_connection = True
            return
        data = b"" if self.command == "DELETE" else f'{{"said": "{TOKEN}"}}'.encode()
        self.send_response(204 if self.command == "DELETE" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer


@pytest.fixture
def recorder():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    upstream.daemon_threads, upstream.got = True, []
    thread = threading.Thread(target=upstream.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{upstream.server_address[1]}/paperspace/v1"
    with Recorder(url, None, TOKEN) as it:
        it.got = upstream.got
        yield it
    upstream.shutdown()
    upstream.server_close()
    thread.join()


def ask(recorder, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", recorder.server.server_address[1],
                                            timeout=20)
    try:
        connection.request(method, path, body,
                           {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_exchange_is_passed_on_and_remembered(recorder):
    assert ask(recorder, "POST", "/paperspace/v1/machines?name=a%20b", b'{"a": 1}',
               {"Content-Type": "application/json"}) == (200, f'{{"said": "{TOKEN}"}}'.encode())
    method, path, headers, body = recorder.got[0]
    assert (method, path, body) == ("POST", "/paperspace/v1/machines?name=a%20b", b'{"a": 1}')
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    [one] = recorder.exchanges
    assert (one.method, one.path, one.query, one.body) == ("POST", "/machines", "name=a%20b", body)
    assert one.headers["content-type"] == "application/json" and one.status == 200
    assert one.bearer == "right" and one.leaked == ("reply",)
    assert TOKEN not in str(one) and one.headers["authorization"] == "Bearer ***"


def test_reply_without_a_body(recorder):
    assert ask(recorder, "DELETE", "/paperspace/v1/machines/m1") == (204, b"")
    assert recorder.exchanges[0].status == 204


def test_connection_that_is_cut_is_cut(recorder):
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(recorder, "GET", "/paperspace/v1/cut")
    assert recorder.exchanges[0].status is None


@pytest.mark.parametrize("header, bearer", [
    ("Basic abc", "no bearer token"), ("bearer " + TOKEN, "no bearer token"),
    (f"Bearer {TOKEN}x", "wrong"), ("Bearer", "wrong")])
def test_other_tokens(recorder, header, bearer):
    ask(recorder, "GET", "/paperspace/v1/machines", headers={"Authorization": header})
    assert recorder.exchanges[0].bearer == bearer


@pytest.mark.parametrize("path, body, headers, place", [
    (f"/paperspace/v1/machines?key={TOKEN}", None, {}, "query"),
    (f"/paperspace/v1/machines/{TOKEN}", None, {}, "path"),
    ("/paperspace/v1/machines?key=token%2Dof-a-test", None, {}, "query"),
    ("/paperspace/v1/machines", f'{{"k": "{TOKEN}"}}', {}, "body"),
    ("/paperspace/v1/machines", None, {"X-Api-Key": TOKEN}, "other headers")])
def test_tokens_where_they_do_not_belong(recorder, path, body, headers, place):
    ask(recorder, "POST", path, body, headers)
    assert place in recorder.exchanges[0].leaked
    assert TOKEN not in str(recorder.exchanges[0])


def test_path_outside_the_api(recorder):
    ask(recorder, "GET", "/digitalocean/v2/sizes")
    assert check(recorder.exchanges, PAPERSPACE)[0].endswith("/sizes: the path is not known")
