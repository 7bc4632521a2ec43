#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Spot price history, as ratios measured in one run.

    bench_history.py parse HISTORY_PARSE [MEGABYTES]
    bench_history.py fetch HISTORY_FETCH GPUCLOUD_SIM AWS [GPUCLOUD]

parse: pages as EC2 writes them, made here, into columns and series; the same bytes through botocore's
parser (run it with a Python that has botocore).
fetch: 17 regions, 5 types, 90 days from a simulator whose every reply is 50 ms late, over TLS.
 - Against the slowest chain: the requests that had to follow one another, times what one of them
   takes while nothing else is asked (from walking us-east-1 page by page). The same for the longest
   chain without windows, which is that walk itself.
 - Against aws-cli, which is asked region by region, and must come to the same rows.
Prints one line a figure; fails only where a command fails or counts differ, never on a figure.
"""
import datetime
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

REGIONS = ("ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 "
           "ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 "
           "us-east-2 us-west-1 us-west-2").split()
TYPES = "g4dn.xlarge g5.xlarge g6.xlarge p3.2xlarge p4d.24xlarge".split()
DAYS = 90
LATENCY_MS = 50

ROW = """        <item>
            <instanceType>{}</instanceType>
            <productDescription>Linux/UNIX</productDescription>
            <spotPrice>{:.6f}</spotPrice>
            <timestamp>{}.000Z</timestamp>
            <availabilityZone>us-east-1{}</availabilityZone>
            <availabilityZoneId>use1-az{}</availabilityZoneId>
        </item>
"""
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
    <spotPriceHistorySet>
{}    </spotPriceHistorySet>
    <nextToken>{}</nextToken>
</DescribeSpotPriceHistoryResponse>
"""


def make_pages(folder, megabytes):
    """Newest first, 1000 rows a page, all zones and types mixed."""
    rng = random.Random(1)
    when = datetime.datetime(2026, 9, 10)
    paths, size = [], 0
    while size < megabytes * 1e6:
        rows = []
        for _ in range(1000):
            when -= datetime.timedelta(seconds=rng.randrange(20, 60))
            zone = rng.randrange(6)
            rows.append(ROW.format(rng.choice(TYPES), rng.uniform(0.1, 12), when.isoformat(),
                                   "abcdef"[zone], zone + 1))
        paths.append(os.path.join(folder, f"page{len(paths):04d}.xml"))
        text = PAGE.format("".join(rows), "%064x" % rng.getrandbits(256))
        size += len(text)
        with open(paths[-1], "w", encoding="ascii") as file:
            file.write(text)
    return paths


def botocore_parse(paths):
    import botocore.parsers
    import botocore.session
    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model("DescribeSpotPriceHistory").output_shape
    parser = botocore.parsers.EC2QueryParser()
    rows, spent = 0, 0.0
    for path in paths:
        with open(path, "rb") as file:
            body = file.read()
        begin = time.perf_counter()
        reply = parser.parse({"body": body, "headers": {}, "status_code": 200}, shape)
        spent += time.perf_counter() - begin
        rows += len(reply["SpotPriceHistory"])
    return rows, spent


def parse(tool, megabytes=90.0):
    with tempfile.TemporaryDirectory() as folder:
        paths = make_pages(folder, float(megabytes))
        out = subprocess.run([tool, "5", "us-east-1", ",".join(TYPES), *paths], check=True,
                             capture_output=True, text=True).stdout
        mine = json.loads(out)
        rows, spent = botocore_parse(paths)
    if rows != mine["rows"]:
        sys.exit(f"botocore read {rows} rows, history_parse {mine['rows']}")
    size = mine["bytes"] / 1e6
    print(f"pages            {size:8.1f} MB   {rows} rows in {len(paths)} pages")
    print(f"into columns     {size / mine['parse_s']:8.1f} MB/s  (aim 250)")
    print(f"and into series  {size / mine['all_s']:8.1f} MB/s  {mine['series']} series")
    print(f"botocore         {size / spent:8.1f} MB/s  "
          f"{spent / mine['all_s']:.0f} times as long (aim 50)")


def run(argv, env):
    """Output, wall seconds and peak resident MiB of one command."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        pid = os.posix_spawn(argv[0], argv, env, file_actions=[
            (os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - begin
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{argv[0]} failed with {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        return out.read().decode(), wall, usage.ru_maxrss / 1024


def sim_env(sim, env):
    out = subprocess.run([sim, "env"], env=env, check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if line.startswith("export "):
            name, _, value = line[len("export "):].partition("=")
            env[name] = value.strip("'\"")


def by_aws_cli(aws, env, since):
    """Points as gpucloud counts them: (type, zone, second); rows of the whole."""
    points, wall, rss = 0, 0.0, 0.0
    for region in REGIONS:
        out, took, peak = run([aws, "ec2", "describe-spot-price-history", "--region", region,
                               "--instance-types", *TYPES, "--product-descriptions", "Linux/UNIX",
                               "--start-time", since, "--output", "json"], env)
        rows = json.loads(out)["SpotPriceHistory"]
        points += len({(r["InstanceType"], r["AvailabilityZone"], r["Timestamp"]) for r in rows})
        wall, rss = wall + took, max(rss, peak)
    return points, wall, rss


def best(argv, env, runs=5):
    """The quickest of some runs: wall seconds, peak MiB, processor seconds, output."""
    tries = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out, wall, rss = run(argv, env)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        tries.append((wall, rss, after.ru_utime + after.ru_stime - before.ru_utime
                      - before.ru_stime, out))
    return min(tries)


def compare(tool, aws, gpucloud, env):
    everywhere = [str(DAYS), ",".join(REGIONS), ",".join(TYPES)]
    one = [str(DAYS), "us-east-1", ",".join(TYPES)]
    walk = json.loads(best([tool, *one, "1", "1"], env, 3)[3])
    page_ms = walk["wall_ms"] / walk["requests"]
    print(f"one page                  {page_ms:7.1f} ms")
    print(f"us-east-1 page by page    {walk['wall_ms']:7d} ms   {walk['requests']} requests")
    for what, args in (("us-east-1 in windows", one), ("17 regions in windows", everywhere)):
        wall, rss, cpu, out = best([tool, *args], env)
        mine = json.loads(out)
        if mine["failures"]:
            sys.exit(f"{mine['failures']} regions failed")
        print(f"{what:25s} {mine['wall_ms']:7d} ms   {mine['requests']} requests, "
              f"{mine['points']} points, {rss:.0f} MiB, {cpu * 1e3:.0f} ms of processor")
        print(f"  against its slowest chain  {mine['wall_ms'] / (mine['longest'] * page_ms):.2f} "
              f"times {mine['longest']} requests (aim 1.3)")
        print(f"  against the chain unsplit  {mine['wall_ms'] / walk['wall_ms']:.2f} times")
    if gpucloud:
        wall, rss, cpu, _ = best([gpucloud, "history", *TYPES, "--region", ",".join(REGIONS),
                                  "--json"], env)
        print(f"gpucloud history          {wall * 1e3:7.0f} ms   with offers and statistics, "
              f"{rss:.0f} MiB, {cpu * 1e3:.0f} ms of processor")
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - DAYS * 86400))
    points, cli_wall, cli_rss = by_aws_cli(aws, env, since)
    # What changed while both were asked may differ: a few rows at either end.
    if abs(points - mine["points"]) > 100:
        sys.exit(f"aws-cli found {points} points, history_fetch {mine['points']}")
    print(f"aws-cli, region by region {cli_wall * 1e3:7.0f} ms   {points} points, "
          f"{cli_rss:.0f} MiB")
    print(f"  {cli_wall / wall:.0f} times as long (aim 30), {cli_rss / rss:.1f} times the memory")


def fetch(tool, sim, aws, gpucloud=None):
    with tempfile.TemporaryDirectory() as folder:
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env.update(GPUCLOUD_SIMULATOR_DIR=os.path.join(folder, "sim"), HOME=folder,
                   XDG_STATE_HOME=folder, XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder)
        scenario = os.path.join(folder, "late.json")
        with open(scenario, "w", encoding="ascii") as file:
            json.dump({"faults": [{"kind": "delay", "action": "DescribeSpotPriceHistory",
                                   "delay_ms": LATENCY_MS}]}, file)
        subprocess.run([sim, "start", "--detach", "--machines", "none", "--seed", "7",
                        "--scenario", scenario], env=env, check=True, stdout=subprocess.DEVNULL)
        try:
            sim_env(sim, env)
            compare(tool, aws, gpucloud, env)
        finally:
            subprocess.run([sim, "stop"], env=env, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("parse", "fetch"):
        sys.exit(__doc__)
    {"parse": parse, "fetch": fetch}[sys.argv[1]](*sys.argv[2:])
