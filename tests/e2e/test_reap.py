# SPDX-License-Identifier: Apache-2.0
"""The reaper against machines whose insides are scripted. More than half of it is about what must
not be ended: a busy one never is, and neither is one of which anything is not known."""
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from box_tools import Box, later, run_one
from checks import Client, expect, json_lines, requests
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")
PASSES = 6
STEP = 600


@pytest.fixture
def machines(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "200")


@pytest.fixture
def gc(machines, clean_env):
    return Client(clean_env, machines)


def launch(gc, name, *args, idle="30m"):
    policy = ("--idle", idle) if idle else ()
    where = TYPE if "--type" not in args else ("--region", "us-east-1")
    return gc.launch(name, *where, *policy, *args)


def box(gc, name, *args, **kw):
    return Box(gc.sim, launch(gc, name, *args, **kw)["id"])


def lives(gc, one):
    return any(r["id"] == one.id for r in gc.sim.live())


def reap(gc, *args, code=0, **kw):
    return expect(gc.run("reap", *args, **kw), code)


def told(gc):
    """What a pass says of ends. Where time jumps just while a machine writes down what is left of its
    limit, that looks too long and is set right: time on real machines does not jump."""
    return "".join(line for line in reap(gc).stdout.splitlines(keepends=True)
                   if line.split()[1] != "limit")


def passes(gc, n=PASSES, each=None):
    """So many times ten minutes and a pass; all that was said of ends."""
    said = ""
    for i in range(n):
        later(gc.sim, STEP)
        if each:
            each(i)
        said += told(gc)
    return said


def verdict(gc, name):
    done = gc.run("--json", "idle", name)
    assert done.returncode in (0, 8), done.stderr
    (one,) = json.loads(done.stdout)["instances"]
    return one["verdict"], one["why"], one


# --- what is ended -----------------------------------------------------------------------------


def test_idle_is_warned_and_ended(gc):
    one = box(gc, "train")
    said = []
    for i in range(5):
        later(gc.sim, STEP)
        said.append(reap(gc).stdout)
        if i < 4:
            assert lives(gc, one)
            gc.sim.state()
    # Ten minutes up is too young; from the second look on it is idle; after 30 minutes it is warned.
    assert said[0:3] == ["", "", ""], said
    assert re.fullmatch(r"\S+Z warn train i-\w+: idle for \d+ min, seen by \d looks\n", said[3])
    assert re.fullmatch(
        r"\S+Z terminate train i-\w+: idle for \d+ min, seen by \d looks; cost so far \$\d+\.\d{4,6}\n",
        said[4])
    assert not lives(gc, one)
    gc.nothing_left()
    assert reap(gc).stdout == "" and reap(gc).stderr == ""


def test_the_warning_reaches_the_machine(gc):
    one = box(gc, "train")
    passes(gc, 4)
    wait_until(lambda: "will be terminated at the next look" in one.console(), "the warning")
    assert "gpucloud hold train" in one.console()
    # Whoever types now keeps it, and is warned anew the next time.
    one.typed(0, 1)
    assert passes(gc, 2) == ""
    assert lives(gc, one)


def test_stopped_first_and_ended_a_day_later(gc):
    launch(gc, "rest", idle="30m:stop")
    one = gc.live("rest")[0]
    said = passes(gc, 5)
    assert " stop rest " in said and "terminate" not in said
    assert gc.live("rest")[0]["state"] == "stopped"
    assert one["id"] == gc.live("rest")[0]["id"]
    later(gc.sim, 43200 - 5 * STEP - 1800)
    assert reap(gc).stdout == ""
    # Its own limit and the tag's are over by then; it was stopped, so nothing of it counted.
    later(gc.sim, 86400)
    assert " terminate rest " in reap(gc).stdout
    gc.nothing_left()


def test_the_time_limit_binds_where_nobody_can_look(gc):
    one = box(gc, "deaf", "--ttl", "2h")
    one.outlive()
    gc.sim.fault(kind="refuse", instance=one.id)
    passes(gc, 2)
    assert lives(gc, one)
    later(gc.sim, 7200)
    assert "its time ended at" in reap(gc).stdout
    assert not lives(gc, one)


# --- what is kept ------------------------------------------------------------------------------


def test_never_a_busy_one_never_an_unknown_one(gc, clean_env):
    """One simulator, many machines, an hour of passes: only those at rest are ended."""
    other = Client(clean_env, gc.sim, owner="other")
    ended = {name: box(gc, name) for name in ("idle", "naps", "away", "job-done", "job-died")}
    kept = {name: box(gc, name) for name in (
        "gpu", "cpu", "smi-hang", "smi-fail", "mig", "garbage", "gone-gpu", "typing", "setup", "installs",
        "job", "bad-job", "downloads", "writes", "computes", "noise", "cut", "deaf", "wrong-host",
        "held", "protected", "flicker")}
    kept["eight"] = box(gc, "eight", "--type", "p3.16xlarge")
    kept["no-policy"] = box(gc, "no-policy", idle=None)
    foreign = Box(gc.sim, launch(other, "foreign")["id"])
    tags = [{"Key": k, "Value": v} for k, v in (
        ("gpucloud-idle", "1800"), ("gpucloud-expires", "1000000000"), ("Name", "mine"))]
    untagged = run_one(gc.sim, spot=False, TagSpecifications=[
        {"ResourceType": "instance", "Tags": tags}])["InstanceId"]

    ended["naps"].smi(pids="4711")
    ended["naps"].process(4711, 90000)
    ended["job-done"].job("done\n")
    ended["job-died"].job("running 999999\n")
    kept["gpu"].smi(busy="97")
    kept["cpu"].load(3.5)
    kept["eight"].smi(busy="0 0 0 0 0 0 0 60")
    kept["smi-hang"].smi("hang")
    kept["smi-hang"].login_says("export GPUCLOUD_PROBE_SMI_S=1\n")
    kept["smi-fail"].smi("fail")
    kept["mig"].smi("mig")
    kept["garbage"].smi("garbage")
    kept["gone-gpu"].smi("lost")
    kept["setup"].write("var/lib/gpucloud/setup", "")
    kept["installs"].process(77, 10, "apt-get")
    kept["job"].job("running\n")
    kept["bad-job"].job("\x1b[2Jidle\n")
    kept["computes"].smi(pids="4711")
    gc.ok("hold", "held", "6h")
    gc.ok("hold", "--protect", "protected")
    gc.sim.fault(kind="refuse", instance=kept["deaf"].id)

    def each(i):
        if ended["away"].root.exists():
            ended["away"].typed(0, 7200)
        kept["typing"].typed(0, 20)
        kept["downloads"].net(10**6 + i * 10**9)
        kept["writes"].disk(10**6 + i * 10**9)
        kept["computes"].process(4711, 100000 + i * 60000)
        kept["flicker"].smi(busy="40" if i % 3 == 2 else "0")
        if i == 1:
            kept["noise"].login_says("printf '\\033]0;x\\007'; head -c 400000 /dev/urandom\n")
            kept["cut"].login_says("printf 'probe 1\\ngpus 0\\nusers 0\\njob none\\n'; exit 0\n")
            gc.sim.fault(kind="swap-host-key", instance=kept["wrong-host"].id)

    said = passes(gc, PASSES, each)
    living = {r["id"] for r in gc.sim.live()}
    assert {name for name, one in kept.items() if one.id not in living} == set(), said
    assert {name for name, one in ended.items() if one.id in living} == set(), said
    assert foreign.id in living and untagged in living
    assert {line.split()[2] for line in said.splitlines()} == set(ended), said

    for name, says, word in (
            ("gpu", "GPU 0: 97 %", "busy"), ("cpu", "load: 3.5", "busy"),
            ("eight", "GPU 7: 60 %", "busy"), ("smi-hang", "timed out", "unknown"),
            ("smi-fail", "nvidia-smi ended with", "unknown"), ("mig", "MIG", "unknown"),
            ("garbage", "never says", "unknown"), ("gone-gpu", "", "unknown"),
            ("typing", "user ", "busy"), ("setup", "set-up", "busy"), ("installs", "set-up", "busy"),
            ("job", "running", "busy"), ("bad-job", "job", "unknown"), ("noise", "", "unknown"),
            ("cut", "", "unknown"), ("deaf", "", "unknown"), ("wrong-host", "", "unknown")):
        seen, why, one = verdict(gc, name)
        assert (seen, says in why) == (word, True), (name, seen, why)
        assert one["reached"] is (name not in ("deaf", "wrong-host")), name
        assert "\x1b" not in json.dumps(one)


def test_too_young(gc):
    one = box(gc, "fresh", idle="5m")
    for _ in range(3):
        later(gc.sim, 150)
        assert told(gc) == ""
    assert lives(gc, one)
    assert verdict(gc, "fresh")[0] == "busy"


def test_too_few_looks_are_no_proof(gc):
    """Nobody looked for hours: that it was at rest at both ends says nothing of between."""
    one = box(gc, "alone")
    later(gc.sim, 3600)
    assert told(gc) == ""
    later(gc.sim, 4 * 3600)
    assert told(gc) == ""
    assert lives(gc, one)
    assert verdict(gc, "alone")[0] == "unknown"


@pytest.mark.parametrize("skew", [-86400, 86400])
def test_a_clock_a_day_off(gc, skew):
    """Ours differs from the cloud's by a day: the limit is the cloud's, and so is the window."""
    gc.sim.fault(kind="skew", skew_s=skew)
    one = box(gc, "odd", "--ttl", "3h")
    busy = box(gc, "works", "--ttl", "12h")
    busy.smi(busy="50")
    said = passes(gc, 4)
    assert lives(gc, one) and lives(gc, busy)
    assert "terminate" not in said
    assert " terminate odd " in passes(gc, 2)
    assert lives(gc, busy)


def test_a_hold_that_comes_late_wins(gc):
    one = box(gc, "train", "--ttl", "3h")
    assert " warn train " in passes(gc, 4)
    said = gc.ok("hold", "train", "4h").stdout
    assert "held until" in said and "confirmed" in said
    assert one.left() > 3 * 3600 + 1800
    assert passes(gc, 3) == "" and lives(gc, one)
    gc.ok("hold", "train", "off")
    said = passes(gc, 2)
    assert said.index(" warn train ") < said.index(" terminate train ")


def test_a_cloud_that_fails_ends_nothing(gc):
    one = box(gc, "train", "--ttl", "1h")
    one.outlive()
    later(gc.sim, 3700)
    gc.sim.fault(kind="error", action="DescribeInstances", count=200, status=500,
                 code="InternalError")
    done = gc.run("reap", "--region", "us-east-1,eu-west-1", timeout=200)
    assert done.returncode not in (0, 8) and done.stdout == "", done
    assert lives(gc, one)


def test_bad_tags_end_nothing(gc):
    one = box(gc, "train")
    gc.sim.boto("ec2").create_tags(Resources=[one.id], Tags=[
        {"Key": "gpucloud-hold", "Value": "for\u009b ever"},
        {"Key": "gpucloud-expires", "Value": "0"}])
    done = reap(gc)
    assert "gpucloud-" in done.stderr and "\u009b" not in done.stderr
    later(gc.sim, STEP)
    assert reap(gc).stderr == ""  # said once a day
    assert passes(gc, PASSES) == "" and lives(gc, one)


# --- from cron ---------------------------------------------------------------------------------


def test_two_at_once_act_once(gc):
    box(gc, "train")
    passes(gc, 4)
    later(gc.sim, STEP)
    before = requests(gc.sim, "TerminateInstances")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: gc.run("reap"), range(4)))
    assert {one.returncode for one in done} == {0}, [one.stderr for one in done]
    assert sorted(len(one.stdout.splitlines()) for one in done) == [0, 0, 0, 1]
    assert requests(gc.sim, "TerminateInstances") == before + 1
    gc.nothing_left()


def test_without_any_state(gc):
    """Journal and looks deleted: from the tags it starts anew, and still gets there."""
    one = box(gc, "train")
    passes(gc, 4)
    shutil.rmtree(pathlib.Path(gc.state_folder))
    said = passes(gc, 3)
    assert said == "" and lives(gc, one)
    said = passes(gc, 3)
    assert " warn train " in said and " terminate train " in said
    gc.nothing_left()


def test_corrupt_looks_are_set_aside(gc):
    one = box(gc, "train")
    passes(gc, 4)
    looks = pathlib.Path(gc.state_folder) / "samples.db"
    looks.write_bytes(b"this is no database, and never was" * 200)
    later(gc.sim, STEP)
    done = reap(gc)
    assert "terminate" not in done.stdout and "set aside" in done.stderr
    assert lives(gc, one) and looks.with_name("samples.db.corrupt").exists()
    assert " terminate train " in passes(gc, 6)


def test_as_cron_runs_it(gc):
    """No PATH, no LANG, no terminal, nothing but a home folder and where to find the cloud."""
    one = box(gc, "train", "--ttl", "1h")
    one.outlive()
    later(gc.sim, 3700)
    env = {name: gc.env[name] for name in ("HOME", "GPUCLOUD_SIMULATOR_DIR", "GPUCLOUD_PROFILE",
                                           "GPUCLOUD_OWNER", "ASAN_OPTIONS") if name in gc.env}
    done = subprocess.run([gc.bin, "reap", "--jitter", "1"], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert " terminate train " in done.stdout
    assert not lives(gc, one)


def test_what_is_not_confirmed_is_said(gc):
    box(gc, "train", "--ttl", "1h").outlive()
    later(gc.sim, 3700)
    gc.sim.fault(kind="error", action="TerminateInstances", count=50, status=400,
                 code="OperationNotPermitted")
    done = gc.run("reap")
    assert done.returncode == 8 and done.stdout == "", done
    assert "not confirmed" in done.stderr and "train" in done.stderr


def test_dry_run_explains_and_changes_nothing(gc):
    one = box(gc, "train", "--ttl", "1h")
    one.outlive()
    box(gc, "works").smi(busy="80")
    later(gc.sim, 3700)
    said = gc.ok("reap", "--dry-run").stdout
    assert "terminate train" in said and "keep works" in said and "GPU 0: 80 %" in said
    values = json_lines(gc.ok("--json", "reap", "--dry-run").stdout)
    assert [v["message_type"] for v in values] == ["verdict", "verdict", "summary"]
    assert lives(gc, one)
    assert not list(pathlib.Path(gc.state_folder).glob("reap*.lock"))


def test_json_lines(gc):
    box(gc, "train", "--ttl", "1h").outlive()
    limit, summary = json_lines(gc.ok("--json", "reap").stdout)
    assert limit["action"] == "limit" and limit["limit_was"] > limit["limit"]
    assert summary["instances"] == 1 and summary["acted"] == 0
    later(gc.sim, 5400)
    action, summary = [one for one in json_lines(gc.ok("--json", "reap").stdout)
                       if one.get("action") != "limit"]
    assert action["action"] == "terminate" and action["confirmed"] is True
    assert action["instance"]["name"] == "train" and summary["acted"] == 1


def test_a_started_one_is_not_taken_for_stopped(gc):
    launch(gc, "rest", idle="30m:stop")
    assert " stop rest " in passes(gc, 5)
    gc.ok("start", "rest")
    later(gc.sim, STEP)
    reap(gc)
    gc.ok("--yes", "stop", "rest")
    later(gc.sim, 30000)
    assert reap(gc).stdout == ""
    assert gc.live("rest")[0]["state"] == "stopped"


# --- the command line --------------------------------------------------------------------------


def test_refusals(gc):
    gc.fails(2, "launch", *TYPE, "--spot", "--idle", "30m:stop", says="cannot stop a spot instance")
    gc.fails(2, "launch", *TYPE, "--idle", "4m", says="between 5m and 12h")
    gc.fails(2, "launch", *TYPE, "--idle", "13h", says="between 5m and 12h")
    gc.fails(2, "launch", *TYPE, "--idle", "30m:halt", says="TIME:stop")
    gc.fails(2, "launch", *TYPE, "--idle", "soon", says="--idle")
    gc.fails(2, "hold", "x", "8d", says="between 1m and 7d")
    gc.fails(2, "hold", "x", "1s", says="between 1m and 7d")
    gc.fails(2, "hold", "--protect", "x", "2h", says="takes no time")
    gc.fails(2, "hold", "--protect", "--unprotect", "x", says="contradict")
    gc.fails(3, "hold", "nobody", says="there is no instance")
    gc.fails(3, "idle", "nobody", says="there is no instance")
    gc.fails(2, "idle", "--window", "8d", says="between 1m and 7d")
    gc.fails(2, "reap", "--period", "2d", says="more than a day")
    assert gc.sim.state()["resources"] == []


def test_hold_needs_the_machine_where_its_limit_moves(gc):
    one = box(gc, "train", "--ttl", "1h")
    gc.sim.fault(kind="refuse", instance=one.id)
    before = one.left()
    done = gc.run("hold", "train", "5h")
    assert done.returncode != 0 and "nothing was changed" in done.stderr, done
    tags = gc.live("train")[0]["tags"]
    assert "gpucloud-hold" not in tags
    assert one.left() <= before
    # Within its limit the cloud's tag is enough.
    assert "as before" in gc.ok("hold", "train", "10m").stdout


def test_a_limit_that_outlives_its_tag_is_set_right(gc):
    one = box(gc, "train")
    one.outlive()
    later(gc.sim, STEP)
    done = reap(gc)
    assert re.fullmatch(r"\S+Z limit train i-\w+: its own time limit, \S+Z, was set to that of its "
                        r"tag, \S+Z\n", done.stdout), done
    assert done.stderr == ""
    # Whoever made it longer is told, and how it is done so that it stays.
    wait_until(lambda: "gpucloud hold train TIME" in one.console(), "the warning")
    assert one.left() < 43200
    later(gc.sim, STEP)
    done = reap(gc)
    assert done.stdout == "" and done.stderr == ""


def test_idle_why(gc):
    one = box(gc, "train")
    one.typed(3, 1)
    later(gc.sim, STEP + 100)
    said = gc.ok("idle", "--why", "train").stdout
    for word in ("GPU 0", "load", "job", "user ", "pts/3", "up"):
        assert word in said, said
    assert gc.ok("idle").stdout.startswith("train\t")
