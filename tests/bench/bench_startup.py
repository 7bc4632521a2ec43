#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up and `list`, as ratios measured in one run.

    bench_startup.py GPUCLOUD GPUCLOUD_SIM BARE_CURL [AWS]

Start-up: `gpucloud --version` and `--help` against a program that only initialises libcurl.
list: `gpucloud list --region us-east-1` against `aws ec2 describe-instances` on the same simulator
with three instances running. Wall time is the median, memory the peak resident set of the process.
Prints one line a figure; fails only where a command fails, never on a figure.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time


def once(argv, env):
    """Wall seconds and peak RSS in MiB of one run."""
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(argv)} failed with {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_maxrss / 1024


def measure(argv, env, runs):
    once(argv, env)
    samples = [once(argv, env) for _ in range(runs)]
    return statistics.median(s[0] for s in samples), max(s[1] for s in samples)


def startup(gpucloud, bare, env):
    base, base_rss = measure([bare], env, 200)
    print(f"bare curl_global_init  {base * 1e3:7.2f} ms  {base_rss:6.1f} MiB  1.00x")
    for option in ("--version", "--help"):
        wall, rss = measure([gpucloud, option], env, 200)
        print(f"gpucloud {option:12s}  {wall * 1e3:7.2f} ms  {rss:6.1f} MiB  {wall / base:.2f}x")


def sim_env(sim, env):
    out = subprocess.run([sim, "env"], env=env, check=True, capture_output=True, text=True).stdout
    result = dict(env)
    for line in out.splitlines():
        if line.startswith("export "):
            name, _, value = line[len("export "):].partition("=")
            result[name] = value.strip("'\"")
    return result


def listing(gpucloud, sim, aws, env):
    subprocess.run([sim, "start", "--detach"], env=env, check=True, stdout=subprocess.DEVNULL)
    try:
        for i in range(3):
            subprocess.run([gpucloud, "--profile", "sim", "launch", "--name", f"bench-{i}",
                            "--region", "us-east-1"], env=env, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = measure([gpucloud, "--profile", "sim", "list", "--region", "us-east-1"], env, 30)
        theirs = measure([aws, "ec2", "describe-instances", "--region", "us-east-1"],
                         sim_env(sim, env), 5)
        print(f"gpucloud list          {ours[0] * 1e3:7.1f} ms  {ours[1]:6.1f} MiB")
        print(f"aws describe-instances {theirs[0] * 1e3:7.1f} ms  {theirs[1]:6.1f} MiB")
        print(f"list against aws-cli: {theirs[0] / ours[0]:.1f} times faster, "
              f"{theirs[1] / ours[1]:.1f} times less memory")
    finally:
        subprocess.run([sim, "stop"], env=env, check=True, stdout=subprocess.DEVNULL)


def main():
    gpucloud, sim, bare = (os.path.abspath(p) for p in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "GPUCLOUD_SIMULATOR_DIR": os.path.join(home, "sim")}
        startup(gpucloud, bare, env)
        if len(sys.argv) > 4:
            listing(gpucloud, sim, os.path.abspath(sys.argv[4]), env)
        else:
            print("list against aws-cli: not measured (no aws given)")


main()
