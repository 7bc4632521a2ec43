# SPDX-License-Identifier: Apache-2.0
"""What is killed: commands, what must be there before, and what their success means."""
import time

from cloud import billing
from clouds import CLOUD

TYPE = ("--type", CLOUD.type)
NAME = "kill"
HOLD_S, TTL_S = 7200, 1800
SLACK_S = 300  # what a run may take, and what a machine counts in


class Scene:
    """done(home): it exited with 0; is the world as that says? sound(home): whatever became of it,
    before anything is ended; is that fine? Each says None, or what is wrong."""

    def __init__(self, name, args, before=(), done=None, sound=None, machines="none"):
        self.name, self.args, self.before = name, args, before
        self.done, self.sound, self.machines = done, sound, machines

    def prepare(self, home):
        for args in self.before:
            home.ok(*args)

    def told_the_truth(self, home):
        return self.done(home) if self.done else None

    def is_sound(self, home):
        return self.sound(home) if self.sound else None


def one_lives(home):
    nr = len(billing(home.ledger()))
    return None if nr == 1 else f"it said done, and {nr} instances live"


def none_lives(home):
    nr = len(billing(home.ledger()))
    return None if nr == 0 else f"it said ended, and {nr} instances live"


def stands(*states):
    """The one instance is in one of them."""
    def check(home):
        found = [r["state"] for r in billing(home.ledger())]
        return None if len(found) == 1 and found[0] in states else \
            f"it should be {' or '.join(states)}, and the cloud says {found}"
    return check


def all_of(*checks):
    def check(home):
        return next((wrong for wrong in (one(home) for one in checks) if wrong), None)
    return check


def labels(home):
    """Of the one instance: its tags, or what the journal keeps where the cloud has none."""
    tags = billing(home.ledger())[0]["tags"]
    return dict(tags, **({} if CLOUD.tags else home.labels(tags["gpucloud-launch"])))


def tag_of(home, key):
    """The number in that tag of the one instance; None without it."""
    text = labels(home).get(key)
    return None if text is None else int(text)


def is_held(home):
    return held(home, (HOLD_S,))


def may_be_held(home):
    return held(home, (None, HOLD_S))


def held(home, allowed):
    """Its hold is one of those: as it was, or as it was asked for, and never something else."""
    until = tag_of(home, "gpucloud-hold")
    left = None if until is None else until - time.time()
    if any(left is None if one is None else left is not None and abs(left - one) < SLACK_S
           for one in allowed):
        return None
    return f"it is held for {left} s more, and not for one of {allowed}"


def is_protected(home):
    found = tag_of(home, "gpucloud-protect")
    return None if found == 1 else f"it should be protected, and its tag says {found}"


def may_be_protected(home):
    found = tag_of(home, "gpucloud-protect")
    return None if found in (None, 1) else f"its protection is {found}"


def limits(home):
    """What is left until its end, in seconds: as the tag says, and as the machine counts."""
    instance = billing(home.ledger())[0]["id"]
    root = home.sim.folder / "machines" / instance / "root"
    return tag_of(home, "gpucloud-expires") - time.time(), \
        int((root / "var/lib/gpucloud/ttl-left").read_text())


def limits_agree(home):
    tag, machine = limits(home)
    if abs(tag - machine) < SLACK_S and abs(tag - HOLD_S) < SLACK_S:
        return None
    return f"it ends in {tag:.0f} s by its tag and in {machine} s by its machine"


def limit_is_kept(home):
    """Nobody is told of more time than the machine gives, and each says the old or the new one."""
    tag, machine = limits(home)
    known = [any(abs(one - of) < SLACK_S for of in (TTL_S, HOLD_S)) for one in (tag, machine)]
    if all(known) and tag - machine < SLACK_S:
        return None
    return f"its tag says {tag:.0f} s, and its machine {machine} s"


def has_policy(home):
    tags = labels(home)
    found = {key: tags.get(key) for key in ("gpucloud-idle", "gpucloud-budget")}
    return None if found == {"gpucloud-idle": "1800", "gpucloud-budget": "2000"} else \
        f"its policy is {found}"


def policy_if_any(home):
    """It came into the world with its policy, or not at all."""
    return has_policy(home) if billing(home.ledger()) else None


def launch(*more, wait="running", name=NAME):
    return ("--yes", "launch", "--name", name, *TYPE, "--wait", wait, *more)


ON_SPOT = ("--spot",) if CLOUD.spot else ()
SPOT = launch(*ON_SPOT, *(("--bid", "76%") if CLOUD.spot else ()))
DEMAND = launch()
TRY_TWO = launch(*ON_SPOT)

ONE_IS_LEFT = stands("pending", "running", "stopping", "stopped")

SCENES = {scene.name: scene for scene in (
    Scene("launch-spot", SPOT, done=one_lives),
    Scene("launch", launch(*CLOUD.more), done=one_lives),
    Scene("launch-policy", launch(*ON_SPOT, "--idle", "30m", "--budget", "20"),
          done=all_of(one_lives, has_policy), sound=policy_if_any),
    Scene("terminate", ("--yes", "terminate", NAME, "--timeout", "60"), before=(SPOT,),
          done=none_lives),
    Scene("terminate-all", ("--yes", "terminate", "--all", "--timeout", "60"),
          before=(SPOT, launch(name="other", wait="accepted")),
          done=none_lives),
    Scene("restart", ("--yes", "restart", NAME), before=(DEMAND,), done=stands("running"),
          sound=ONE_IS_LEFT),
    Scene("stop", ("--yes", "stop", NAME), before=(DEMAND,), done=stands("stopped"),
          sound=ONE_IS_LEFT),
    Scene("start", ("--yes", "start", NAME), before=(DEMAND, ("--yes", "stop", NAME)),
          done=stands("running"), sound=ONE_IS_LEFT),
    Scene("hold", ("hold", NAME, "2h"), before=(DEMAND,),
          done=all_of(stands("running"), is_held), sound=all_of(stands("running"), may_be_held)),
    Scene("protect", ("hold", "--protect", NAME), before=(DEMAND,),
          done=all_of(stands("running"), is_protected),
          sound=all_of(stands("running"), may_be_protected)),
    Scene("launch-ssh", launch(*ON_SPOT, "--selftest", "none", wait="ssh"), done=one_lives,
          machines="sshd"),
    # The limit would come first: it is moved, on the machine and in the tag.
    Scene("hold-limit", ("hold", NAME, "2h"),
          before=(launch("--selftest", "none", "--ttl", "30m", wait="ssh"),),
          done=all_of(stands("running"), is_held, limits_agree),
          sound=all_of(stands("running"), may_be_held, limit_is_kept), machines="sshd"),
)}
