# SPDX-License-Identifier: Apache-2.0
"""What is killed: commands, what must be there before, and what their success means."""
from cloud import billing

TYPE = ("--type", "g4dn.xlarge")
NAME = "kill"


class Scene:
    def __init__(self, name, args, before=(), done=None, machines="none"):
        self.name, self.args, self.before = name, args, before
        self.done, self.machines = done, machines

    def prepare(self, home):
        for args in self.before:
            home.ok(*args)

    def told_the_truth(self, ledger):
        """It exited with 0: is the world as that says? None, or what is wrong."""
        return self.done(ledger) if self.done else None


def one_lives(ledger):
    nr = len(billing(ledger))
    return None if nr == 1 else f"it said done, and {nr} instances live"


def none_lives(ledger):
    nr = len(billing(ledger))
    return None if nr == 0 else f"it said ended, and {nr} instances live"


def stands(state):
    def check(ledger):
        states = [r["state"] for r in billing(ledger)]
        return None if states == [state] else f"it said {state}, and the cloud says {states}"
    return check


def launch(*more, wait="running", name=NAME):
    return ("launch", "--name", name, *TYPE, "--wait", wait, *more)


SPOT = launch("--spot", "--bid", "76%")
DEMAND = launch()
TRY_TWO = launch("--spot")

SCENES = {scene.name: scene for scene in (
    Scene("launch-spot", SPOT, done=one_lives),
    Scene("launch", launch("--disk", "80", "--port", "8888"), done=one_lives),
    Scene("terminate", ("--yes", "terminate", NAME, "--timeout", "20"), before=(SPOT,),
          done=none_lives),
    Scene("terminate-all", ("--yes", "terminate", "--all", "--timeout", "20"),
          before=(SPOT, ("launch", "--name", "other", *TYPE, "--wait", "accepted")),
          done=none_lives),
    Scene("restart", ("--yes", "restart", NAME), before=(DEMAND,), done=stands("running")),
    Scene("stop", ("--yes", "stop", NAME), before=(DEMAND,), done=stands("stopped")),
    Scene("start", ("--yes", "start", NAME), before=(DEMAND, ("--yes", "stop", NAME)),
          done=stands("running")),
    Scene("hold", ("hold", NAME, "2h"), before=(DEMAND,), done=stands("running")),
    Scene("launch-ssh", launch("--spot", "--selftest", "none", wait="ssh"), done=one_lives,
          machines="sshd"),
)}
