# SPDX-License-Identifier: Apache-2.0
"""The judgement after a disturbed run: the simulator's own ledger against what gpucloud says."""
import collections
import json
import re
import time

from cloud import alive, billing
from clouds import CLOUD
from tracing import killed

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")
CODES = (0, 1, 3, 4, 5, 6, 7, 8, 130)  # 2 is usage, 99 a sanitizer's; below 0 a signal


class Verdict:
    """What one point came to."""

    def __init__(self):
        self.reached = True
        self.duplicates, self.leaks, self.wrong = [], [], []
        self.seconds = 0.0

    def problems(self):
        return [("duplicate", text) for text in self.duplicates] + \
            [("leak", text) for text in self.leaks] + [("wrong", text) for text in self.wrong]


def short(text, most=600):
    text = " | ".join(line for line in text.strip().splitlines() if line)
    return text if len(text) <= most else text[:most] + "..."


def no_duplicates(home, ledger, verdict, when):
    """Whatever is tried again, a launch makes one instance; and a name has one that lives."""
    made = [r for r in ledger if r["kind"] == "instance"]
    launches = collections.Counter(r["tags"].get("gpucloud-launch") for r in made)
    names = collections.Counter(r["tags"].get("gpucloud-name") for r in billing(ledger))
    for launch, nr in launches.items():
        if launch is None or nr > 1:
            verdict.duplicates.append(f"{when}: {nr} instances were made by launch {launch}")
    for name, nr in names.items():
        if nr > 1:
            verdict.duplicates.append(f"{when}: {nr} instances of '{name}' live")


def ended_well(done, verdict, what, codes=CODES):
    """No signal, no sanitizer, a code that its command may have."""
    if SANITIZER.search(done.stderr) or done.returncode not in codes:
        verdict.wrong.append(f"{what}: exit {done.returncode}: {short(done.stderr)}")
        return False
    return True


def listed(home, verdict, when):
    """`list` once: what bills is in it."""
    done = home.run("--json", "list")
    if not ended_well(done, verdict, f"{when}, list", (0,)):
        return
    try:
        ids = {i["id"] for i in json.loads(done.stdout)["instances"]}
    except (ValueError, KeyError) as e:
        verdict.wrong.append(f"{when}, list: no JSON: {e}: {short(done.stdout)}")
        return
    for one in billing(home.ledger()):
        if one["id"] not in ids:
            verdict.leaks.append(f"{when}: {one['id']} is {one['state']} and not listed; "
                                 f"{short(done.stderr)}")


def reaped(home, verdict, command):
    """`reap` once: it must find nothing to end that has a purpose."""
    before = {r["id"] for r in billing(home.ledger())}
    ended_well(home.run(*command), verdict, command[0], (0, 8))
    gone = before - {r["id"] for r in billing(home.ledger())}
    if gone:
        verdict.wrong.append(f"{' '.join(command)} ended {', '.join(sorted(gone))}")


def again(home, scene, verdict):
    """The very same command once more: it finishes what was begun. Where a cloud knows no tokens, that
    waits until what was sent must have become visible: ten minutes, which pass here at once."""
    if not CLOUD.token:
        home.age()
    done = home.run(*scene.args)
    if not ended_well(done, verdict, "again", (0, 3) if "terminate" in scene.args else (0,)):
        return
    wrong = scene.told_the_truth(home) if done.returncode == 0 else None
    if wrong:
        verdict.wrong.append(f"again: {wrong}; {short(done.stderr)}")


def ended(home, verdict):
    """Everything is ended, and then nothing of ours is left, in the cloud or here."""
    if alive(home.ledger()):  # what is on its way is waited for, too
        ended_well(home.run("--yes", "terminate", "--all", "--region", CLOUD.region), verdict,
                   "terminate --all", (0,))
    if home.open_launches() or home.seeds():
        home.age()
        ended_well(home.run("list", "--region", CLOUD.region), verdict, "the last list", (0,))
    if alive(home.ledger()):
        home.run("--yes", "sweep", "--delete", "--grace", "0", "--region", CLOUD.region)
    for one in alive(home.ledger()):
        verdict.leaks.append(f"at the end: {one['kind']} {one['id']} is {one['state'] or 'there'}")
    if not home.sim.neighbour_lives():
        verdict.wrong.append("an instance of somebody else's was ended")
    if home.open_launches():
        verdict.wrong.append(f"open in the journal for ever: {home.open_launches()}")
    if home.seeds():
        home.age()
        # What is still ending keeps them: each `list` looks again.
        end = time.monotonic() + 30
        while home.seeds() and time.monotonic() < end:
            home.run("list", "--region", CLOUD.region)
        for seed in home.seeds():
            verdict.wrong.append(f"a private host key is left: {seed.name}")


def judge(home, scene, done, first_again, reaper, verdict):
    """done: the disturbed run, killed or not."""
    no_duplicates(home, home.ledger(), verdict, "after the run")
    if not killed(done):
        if ended_well(done, verdict, "the run") and done.returncode == 0:
            wrong = scene.told_the_truth(home)
            if wrong:
                verdict.wrong.append(f"{wrong}; {short(done.stderr)}")
    if first_again:
        again(home, scene, verdict)
        no_duplicates(home, home.ledger(), verdict, "after it was repeated")
    listed(home, verdict, "afterwards")
    if reaper:
        reaped(home, verdict, reaper)
    unsound = scene.is_sound(home)
    if unsound:
        verdict.wrong.append(f"after recovery: {unsound}")
    no_duplicates(home, home.ledger(), verdict, "after recovery")
    ended(home, verdict)
