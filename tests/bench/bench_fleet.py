#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""list, reap and sweep over 1, 100 and 1,000 instances, and what an idle reap costs.

    bench_fleet.py [state [N ...] | machines [N] | idle]

state (the default, 1 100 1000): instances that are a state only, at a simulator whose every reply is
50 ms late, over TLS: all in one region (one listing, page after page), and spread over all. They were
launched by another computer, as far as this one knows, and have a time limit that lies far ahead.
 - Against one instance's round trips: waiting, which is the time without the processor's, over
   waiting with one instance (aim: at most 3). Client and simulator share one computer, so what the
   simulator computes is taken off as well.
 - Peak resident memory of the process (aim: under 64 MiB).
machines: real sshd machines (32), each with a policy of being idle, which reap must log in to; and the
same once they take connections and say nothing: reap waits 15 s for each.
idle: the processor time of a reap that finds nothing to do, over all regions (aim: under 20 ms).

GPUCLOUD_BIN and GPUCLOUD_SIM_BIN name the programs; run it with a Python that has boto3. Prints
figures; fails only where a command fails or counts differ, never on a figure.
"""
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config

REGIONS = ("us-east-1 us-east-2 us-west-1 us-west-2 eu-west-1 eu-west-2 eu-west-3 eu-central-1 "
           "eu-north-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 "
           "ap-southeast-2 ca-central-1 sa-east-1").split()
TYPE = "g4dn.xlarge"
LATENCY_MS = 50
RUNS = 5
THREADS = 16  # that make instances
MANY = 1000000  # vCPUs: no quota is in the way


# A process begins with the peak memory of the one that made it: so that must be a small one.
SPAWN = """
import os, sys, time
begin = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ), 0)
wall = time.perf_counter() - begin
with open(sys.argv[1], "w") as file:
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file=file)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


class Run:
    """One command: output, wall and processor seconds, peak MiB."""

    def __init__(self, argv, env):
        with tempfile.NamedTemporaryFile() as figures:
            done = subprocess.run([sys.executable, "-I", "-S", "-c", SPAWN, figures.name, *argv],
                                  env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}"
                         f"{done.stderr[-2000:]}")
            self.wall, self.cpu, self.rss = (float(n) for n in figures.read().split())
        self.out = done.stdout


class Sim:
    """A simulator and a home folder of their own."""

    def __init__(self, folder, machines, late_ms=0):
        self.bin, self.client = os.environ["GPUCLOUD_SIM_BIN"], os.environ["GPUCLOUD_BIN"]
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": folder, "TERM": "dumb",
                    "GPUCLOUD_SIMULATOR_DIR": f"{folder}/sim", "GPUCLOUD_PROFILE": "sim",
                    "GPUCLOUD_OWNER": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
        for name in ("STATE", "DATA", "CONFIG", "CACHE"):
            self.env[f"XDG_{name}_HOME"] = f"{folder}/{name.lower()}"
        scenario = f"{folder}/scenario.json"
        faults = [{"kind": "delay", "delay_ms": late_ms}] if late_ms else []
        with open(scenario, "w", encoding="ascii") as file:
            json.dump({"quotas": {"g": MANY, "g-spot": MANY}, "boot_ms": 100, "faults": faults},
                      file)
        self.run("start", "--detach", "--machines", machines, "--seed", "7", "--scenario", scenario)
        with open(f"{folder}/sim/sim.json", encoding="ascii") as file:
            self.facts = json.load(file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("stop")

    def run(self, *args):
        return subprocess.run([self.bin, *args], env=self.env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def requests(self):
        return sum(json.loads(self.run("state", "--json"))["requests"].values())

    def cpu(self):
        with open(f"/proc/{self.facts['pid']}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def boto(self, region):
        return boto3.session.Session().client(
            "ec2", region_name=region, endpoint_url=self.facts["endpoint"],
            verify=self.facts["ca_bundle"], aws_access_key_id=self.facts["access_key_id"],
            aws_secret_access_key=self.facts["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=THREADS))

    def make(self, regions, first, last):
        """Instances first..last-1 by turns in the regions, each launch with its own tags."""
        clients = {region: self.boto(region) for region in regions}
        images = {region: ec2.describe_images(Owners=["amazon"], Filters=[
            {"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]["ImageId"]
                  for region, ec2 in clients.items()}

        def one(i):
            region = regions[i % len(regions)]
            self.launch(clients[region], images[region], i)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, range(first, last)))
        time.sleep(0.5)  # until the last one has booted

    @staticmethod
    def launch(ec2, image, i):
        now = int(time.time())
        tags = [{"Key": f"gpucloud-{k}", "Value": v} for k, v in {
            "launch": f"{i:026d}", "owner": "bench", "name": f"bench{i}", "made": str(now),
            "expires": str(now + 7 * 86400)}.items()]
        ec2.run_instances(ImageId=image, InstanceType=TYPE, MinCount=1, MaxCount=1,
                          ClientToken=f"bench{i}", TagSpecifications=[
                              {"ResourceType": kind, "Tags": tags}
                              for kind in ("instance", "volume", "network-interface")])


def count(run, args):
    """How many instances the command spoke of, where it tells."""
    if "list" in args:
        return len(json.loads(run.out)["instances"])
    if "reap" in args:
        return json.loads(run.out.splitlines()[-1])["instances"]
    return None


def measure(sim, args, expected=None, runs=RUNS):
    """The quickest of some runs, with requests and what the simulator computed for it."""
    tries = []
    for _ in range(runs):
        requests, cpu = sim.requests(), sim.cpu()
        run = Run([sim.client, "--json", *args], sim.env)
        run.sim_cpu = sim.cpu() - cpu
        run.requests = sim.requests() - requests
        told = count(run, args)
        if expected is not None and told is not None and told != expected:
            sys.exit(f"{' '.join(args)} told of {told} instances, not {expected}")
        tries.append(run)
    return min(tries, key=lambda run: run.wall)


def waiting(run):
    return max(run.wall - run.cpu - run.sim_cpu, 0)


HEAD = (f"{'':24} {'wall':>8} {'cpu':>8} {'sim cpu':>8} {'requests':>8} {'waiting':>8} "
        f"{'against 1':>9} {'memory':>8}")


def show(what, run, base):
    print(f"{what:24} {run.wall * 1e3:5.0f} ms {run.cpu * 1e3:5.0f} ms {run.sim_cpu * 1e3:5.0f} ms "
          f"{run.requests:8} {waiting(run) * 1e3:5.0f} ms {waiting(run) / waiting(base):7.2f} x "
          f"{run.rss:4.0f} MiB", flush=True)


COMMANDS = (("list",), ("reap",), ("reap", "--dry-run"), ("sweep",))


def state(where, regions, sizes):
    print(f"{where}: replies {LATENCY_MS} ms late (aims: 3 x, 64 MiB)\n{HEAD}")
    with tempfile.TemporaryDirectory() as folder, Sim(folder, "none", LATENCY_MS) as sim:
        made, base = 0, {}
        for size in sizes:
            sim.make(regions, made, size)
            made = size
            for args in COMMANDS:
                run = measure(sim, args, size)
                show(f"{' '.join(args)}, {size}", run, base.setdefault(args, run))


def machines(n):
    """Each pass logs in to every one, many at once."""
    print(f"{n} sshd machines, replies on time\n{HEAD}")
    with tempfile.TemporaryDirectory() as folder, Sim(folder, "sshd") as sim:
        def one(i):
            Run([sim.client, "launch", "--yes", "--type", TYPE, "--region", "us-east-1", "--name",
                 f"m{i}", "--selftest", "none", "--idle", "30m"], sim.env)
        one(0)
        base = measure(sim, ("reap",), 1)
        show("reap, 1 logged in to", base, base)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(1, n)))
        show(f"reap, {n} logged in to", measure(sim, ("reap",), n), base)
        sim.run("fault", json.dumps({"kind": "hang"}))
        show(f"reap, {n} silent", measure(sim, ("reap",), n, 1), base)


def idle(runs=25):
    """Late replies keep every connection busy: each region then has its own, as in a real cloud."""
    for late in (0, LATENCY_MS):
        with tempfile.TemporaryDirectory() as folder, Sim(folder, "none", late) as sim:
            for n in (0, 1):
                sim.make(["us-east-1"], 0, n)
                cpu = sorted(Run([sim.client, "reap"], sim.env).cpu * 1e3 for _ in range(runs))
                print(f"idle reap, {n} instances, {len(REGIONS)} regions, replies {late:2} ms late: "
                      f"{statistics.median(cpu):.1f} ms of processor ({cpu[0]:.1f} to "
                      f"{cpu[-1]:.1f}; aim 20)", flush=True)


def main():
    what, numbers = (sys.argv[1] if len(sys.argv) > 1 else "all"), [int(n) for n in sys.argv[2:]]
    if what not in ("all", "state", "machines", "idle"):
        sys.exit(__doc__)
    if what in ("all", "state"):
        sizes = numbers or [1, 100, 1000]
        state("all in us-east-1", ["us-east-1"], sizes)
        state(f"spread over {len(REGIONS)} regions", REGIONS, sizes)
    if what == "machines" or (what == "all" and shutil.which("sshd", path="/usr/sbin:/usr/bin")):
        machines(numbers[0] if numbers else 32)
    if what in ("all", "idle"):
        idle()


if __name__ == "__main__":
    main()
