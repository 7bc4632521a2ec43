# SPDX-License-Identifier: Apache-2.0
"""The reaper's warning is seen where people are: in every pane of tmux, attached or not."""
import pytest

from box_tools import Box, later
from checks import Client
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")


@pytest.fixture
def gc(make_sim, clean_env):
    return Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "200"))


def tmux(gc, name, *words, socket="work"):
    return gc.ok("exec", name, "--", "tmux", "-f", "/dev/null", "-S", socket, *words).stdout


def seen(gc, name, pane, socket="work"):
    return tmux(gc, name, "capture-pane", "-p", "-J", "-t", pane, socket=socket)


def until_warned(gc, name):
    for _ in range(6):
        later(gc.sim, 600)
        said = gc.ok("reap").stdout
        if f" warn {name} " in said:
            return
    pytest.fail("nobody was warned")


def test_every_pane_is_told(gc):
    box = Box(gc.sim, gc.launch("train", *TYPE, "--idle", "30m")["id"])
    other = Box(gc.sim, gc.launch("other", *TYPE)["id"])
    sleep = "sleep 1000000"
    tmux(gc, "train", "new-session", "-d", "-x", "150", "-s", "a", sleep)
    tmux(gc, "train", "split-window", "-t", "a", sleep)
    tmux(gc, "train", "new-session", "-d", "-x", "150", "-s", "b", sleep, socket="second")
    tmux(gc, "other", "new-session", "-d", "-x", "150", "-s", "c", sleep)
    # one that takes nothing: nobody waits for it
    tmux(gc, "train", "new-window", "-d", "-t", "a", "-n", "full", "stty -echo; sleep 1000000")
    until_warned(gc, "train")
    for pane, socket in (("a:0.0", "work"), ("a:0.1", "work"), ("b:0.0", "second")):
        text = wait_until(lambda p=pane, s=socket: seen(gc, "train", p, s).strip(), pane)
        assert "gpucloud: idle for " in text and "gpucloud hold train" in text, text
        assert text.count("gpucloud: idle for ") == 1
    assert "gpucloud: " in box.console()  # whoever is listed as logged in
    # another machine's, though its processes are on the same computer
    assert "gpucloud" not in seen(gc, "other", "c:0.0")
    assert "gpucloud:" not in other.console()
