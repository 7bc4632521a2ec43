#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From "the instance runs" to "a verified shell has run true", against OpenSSH's ssh doing the same on
the same simulated machine; and size and start-up of gpu-selftest.

    bench_ssh.py BUILD_FOLDER        (build/release)

Ratios of one run; fails only where a command fails.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 15


def median(argv, env, runs=RUNS):
    samples = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(argv, env=env, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples[1:])


def main():
    build = os.path.abspath(sys.argv[1])
    gpucloud, sim = f"{build}/gpucloud", f"{build}/gpucloud-sim"
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "GPUCLOUD_SIMULATOR_DIR": f"{home}/sim", "GPUCLOUD_PROFILE": "sim"}
        subprocess.run([sim, "start", "--detach", "--machines", "sshd"], env=env, check=True,
                       stdout=subprocess.DEVNULL)
        try:
            out = subprocess.run([gpucloud, "--json", "launch", "--type", "g4dn.xlarge", "--name",
                                  "bench", "--selftest", "none"], env=env, check=True, text=True,
                                 capture_output=True).stdout
            instance = json.loads(out.splitlines()[-1])["instance"]
            subprocess.run([gpucloud, "ssh", "bench", "true"], env=env, check=True)
            with open(f"{home}/sim/sim.json", encoding="utf-8") as f:
                port = json.load(f)["ssh_port"]
            data = f"{home}/.local/share/gpucloud"
            theirs = median(["ssh", "-F", "none", "-p", str(port), "-i", f"{data}/id_ed25519", "-o",
                             f"UserKnownHostsFile={data}/known_hosts/{instance['id']}", "-o",
                             f"HostKeyAlias={instance['id']}", "-o", "StrictHostKeyChecking=yes",
                             f"ubuntu@{instance['public_ip']}", "true"], env)
            ours = median([gpucloud, "exec", "bench", "--region", "us-east-1", "--", "true"], env)
            print(f"ssh true            {theirs * 1e3:7.0f} ms")
            print(f"gpucloud exec true  {ours * 1e3:7.0f} ms, the cloud asked for the address first")
            print(f"exec against ssh: {ours / theirs:.2f} times as long")
        finally:
            subprocess.run([sim, "stop"], env=env, check=True, stdout=subprocess.DEVNULL)
        selftest = f"{build}/gpu-selftest"
        start = median([selftest, "--version"], env, 50)
        print(f"gpu-selftest: {os.path.getsize(selftest)} bytes, --version in {start * 1e3:.1f} ms")


main()
