# SPDX-License-Identifier: Apache-2.0
"""Logging in from elsewhere: a launch opens its port to one address; `ssh`, `reap` and whatever else
logs in add their own, say so, and touch nothing but what was added that way."""
import time

import pytest

from box_tools import Box
from checks import Client, json_lines, requests

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")
ELSEWHERE = "203.0.113.9/32"
HERE = "127.0.0.1/32"


@pytest.fixture
def gc(make_sim, clean_env):
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "200"))
    gc.ec2 = gc.sim.boto("ec2")
    return gc


def launch(gc, name, *args, allowed=ELSEWHERE):
    """From where `allowed` is: not from here. Its insides, once it is up."""
    one = gc.launch(name, *TYPE, "--from", allowed, "--wait", "running", *args)
    return Box(gc.sim, one["id"])


def group_of(gc):
    """The one group there is that has a launch's name."""
    groups = gc.ec2.describe_security_groups()["SecurityGroups"]
    (group,) = [g for g in groups if g["GroupName"].startswith("gpucloud-")]
    return group


def rules(gc):
    """What it lets in: address to description."""
    return {r["CidrIp"]: r.get("Description") for p in group_of(gc)["IpPermissions"]
            for r in p["IpRanges"]}


def allow(gc, port, described):
    group = group_of(gc)
    port = port or group["IpPermissions"][0]["FromPort"]
    gc.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
         "IpRanges": [{"CidrIp": c, "Description": d} for c, d in described.items()]}])


def test_exec_adds_its_own_address(gc):
    one = launch(gc, "train")
    assert rules(gc) == {ELSEWHERE: None}
    done = gc.ok("exec", "train", "--", "echo in")
    assert done.stdout == "in\n"
    (said,) = [line for line in done.stderr.splitlines() if HERE in line]
    assert one.id in said and "let in" in said
    found = rules(gc)
    kind, owner, when = found[HERE].rsplit(" ", 2)
    assert (kind, owner) == ("gpucloud admit", "tester") and abs(int(when) - time.time()) < 120
    assert set(found) == {ELSEWHERE, HERE}
    # the next one finds the door open, and says nothing
    done = gc.ok("exec", "train", "--", "echo again")
    assert (done.stdout, done.stderr) == ("again\n", "")
    assert requests(gc.sim, "AuthorizeSecurityGroupIngress") == 2
    gc.ok("--yes", "terminate", "train")
    gc.nothing_left()


def test_reap_adds_its_own_address(gc):
    one = launch(gc, "train", "--idle", "30m")
    done = gc.ok("reap", "--dry-run")
    assert done.stdout.startswith("keep train ") and rules(gc) == {ELSEWHERE: None}
    (line,) = gc.ok("reap").stdout.splitlines()
    assert f" admit train {one.id}: {HERE} " in line
    assert set(rules(gc)) == {ELSEWHERE, HERE}
    done = gc.ok("reap")
    assert (done.stdout, done.stderr) == ("", "")


def test_reap_in_json_and_idle(gc):
    launch(gc, "train", "--idle", "30m")
    gc.sim.fault(kind="error", action="AuthorizeSecurityGroupIngress", count=1, status=403,
                 code="UnauthorizedOperation")
    done = gc.run("idle", "train")
    assert done.returncode == 8 and set(rules(gc)) == {ELSEWHERE}
    action, summary = json_lines(gc.ok("--json", "reap").stdout)
    assert (action["action"], action["admitted"]) == ("admit", HERE)
    assert summary["message_type"] == "summary" and set(rules(gc)) == {ELSEWHERE, HERE}
    assert gc.json("idle", "train")["instances"][0]["reached"] is True


def test_room_is_made_of_own_rules_alone(gc):
    launch(gc, "train")
    kept = {"198.51.100.7/32": "office", "198.51.100.8/32": "gpucloud admit other 5",
            "198.51.100.9/32": "gpucloud admit tester", "198.51.100.0/28": "gpucloud admit tester 4",
            "198.51.100.10/32": "gpucloud admit tester 5x"}
    allow(gc, None, kept)
    allow(gc, 8888, {"198.51.100.20/32": "gpucloud admit tester 6"})
    allow(gc, None, {f"192.0.2.{i}/32": f"gpucloud admit tester {1000 + (i * 7) % 17}"
                     for i in range(17)})
    assert "let in" in gc.ok("exec", "train", "--", "true").stderr
    found = rules(gc)
    # at most sixteen of ours: the two oldest, by what they say, made room
    gone = [f"192.0.2.{i}/32" for i in range(17) if (i * 7) % 17 < 2]
    assert len(gone) == 2 and not set(gone) & set(found)
    assert set(found) == {ELSEWHERE, HERE, "198.51.100.20/32", *kept, *(
        f"192.0.2.{i}/32" for i in range(17) if (i * 7) % 17 >= 2)}
    assert requests(gc.sim, "RevokeSecurityGroupIngress") == 2


def test_no_group_of_ours_no_rule(gc):
    """The launch's group lost its tag: it may be anybody's now, and is left as it is."""
    launch(gc, "train", "--idle", "30m")
    group = group_of(gc)
    gc.ec2.delete_tags(Resources=[group["GroupId"]], Tags=[{"Key": "gpucloud-launch"}])
    gc.sim.advance(1000)  # long enough up to be worth a word
    done = gc.ok("reap")
    assert done.stdout == "" and "no security group that gpucloud made" in done.stderr
    assert rules(gc) == {ELSEWHERE: None}


def test_everybody_is_let_in_already(gc):
    """Silence has another reason then: nothing is added."""
    launch(gc, "train", allowed="0.0.0.0/0")
    gc.sim.fault(kind="refuse")
    assert gc.run("idle", "train").returncode == 8
    assert set(rules(gc)) == {"0.0.0.0/0"}
    gc.sim.fault(kind="heal")
    assert gc.ok("exec", "train", "--", "echo in").stdout == "in\n"


def test_state_only_is_refused_at_once(make_sim, clean_env):
    """Its address is nobody's here: nothing is dialled."""
    gc = Client(clean_env, make_sim("--boot-ms", "100"))
    gc.launch("train", *TYPE)
    begin = time.monotonic()
    gc.fails(125, "exec", "train", "--", "true", says=("state only", "--machines sshd"))
    gc.fails(125, "ssh", "train", "true", says="state only")
    gc.fails(1, "push", "train", __file__, says="state only")
    assert gc.run("idle", "train").returncode == 8
    assert time.monotonic() - begin < 20  # dialling waits for thirty seconds, each
