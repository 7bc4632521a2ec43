# SPDX-License-Identifier: Apache-2.0
"""The cloud that is swept, and what differs from one to another. `--provider` of killsweep and order,
or GPUCLOUD_KILL_PROVIDER, chooses; Amazon EC2 unless said."""
import os
import re
import sys

# As the simulator's ledger has them, in EC2's words.
STATES = {"active": "running", "ready": "running", "serviceready": "running", "off": "stopped",
          "new": "pending", "provisioning": "pending", "starting": "pending",
          "restarting": "pending", "deactivating": "shutting-down"}
NAMED = re.compile(r"gpucloud\.([^.]+)\.([^.]+)(?:\.([^.-]+)-\d+)?$")
PLACED = re.compile(r"gpucloud\.([^.]+)\.([^.]+)\.[a-z]+\d(?:\.|$)")  # owner, launch, region


class Cloud:
    def __init__(self, name, type, region, spot=False, tags=True, token=False, more=(), env=None,
                 makes=None):
        self.name, self.type, self.region = name, type, region
        self.spot, self.tags, self.token = spot, tags, token
        self.more = more    # options that make more of a launch
        self.env = env or {}
        self.makes = makes  # what a launch sends that makes something, for order.py

    def resource(self, one):
        """As the judges read it: states in one set of words, labels from the name where there are
        no tags."""
        one = dict(one, state=STATES.get(one["state"], one["state"]), tags=dict(one["tags"]))
        name = one["tags"].get("name", "")
        placed = PLACED.match(name)
        if placed:
            one["tags"]["gpucloud-owner"], one["tags"]["gpucloud-launch"] = placed.groups()
            return one
        found = NAMED.match(name)
        if found:
            owner, second, launch = found.groups()
            one["tags"]["gpucloud-owner"] = owner
            one["tags"]["gpucloud-launch"] = launch or second
            if launch:
                one["tags"]["gpucloud-name"] = second
        return one

    def is_of(self, one, owner):
        """A claimed address says nothing of whose it is: it is everybody's trouble."""
        return one["tags"].get("gpucloud-owner") == owner or \
            (not self.tags and one["kind"] == "elastic-ip")


# The request of each thing that is made: how to know it, and the name in it that the journal must
# have on disk before its first byte is sent.
CLOUDS = {cloud.name: cloud for cloud in (
    Cloud("aws", "g4dn.xlarge", "us-east-1", spot=True, token=True,
          more=("--disk", "80", "--port", "8888"),
          makes={"ImportKeyPair": ("Action=ImportKeyPair&", r"KeyName=([\w.-]+)"),
                 "CreateSecurityGroup": ("Action=CreateSecurityGroup&", r"GroupName=([\w.-]+)"),
                 "RunInstances": ("Action=RunInstances&", r"ClientToken=([\w.-]+)")}),
    Cloud("paperspace", "P4000", "ny2", tags=False, more=("--static-address",),
          makes={"CreateStartupScript": (r'\"isRunOnce\"',
                                         r'\\"name\\": ?\\"gpucloud\.[^.]+\.([\w-]+)\\"'),
                 "CreateMachine": (r'\"machineType\"',
                                   r'\\"name\\": ?\\"gpucloud\.[^.]+\.[^.]+\.([\w-]+)\\"')}),
    Cloud("digitalocean", "gpu-h100x1-80gb", "nyc2", more=("--port", "8888"),
          env={"GPUCLOUD_REGION": "nyc2"},
          makes={"CreateKey": (r'\"public_key\"', r'\\"name\\": ?\\"(gpucloud\.[\w.-]+)\\"'),
                 "CreateFirewall": (r'\"inbound_rules\"', r'\\"name\\": ?\\"(gpucloud\.[\w.-]+)\\"'),
                 "CreateDroplet": (r'\"user_data\"', r'gpucloud-token:([\w-]+)\\"')}),
)}
MAKER = {"aws": "RunInstances", "paperspace": "CreateMachine", "digitalocean": "CreateDroplet"}


def chosen():
    argv = sys.argv
    for i, word in enumerate(argv):
        if word == "--provider" and i + 1 < len(argv):
            return argv[i + 1]
        if word.startswith("--provider="):
            return word.partition("=")[2]
    return os.environ.get("GPUCLOUD_KILL_PROVIDER", "aws")


try:
    CLOUD = CLOUDS[chosen()]
except KeyError:
    sys.exit(f"--provider: {chosen()} is none of {', '.join(sorted(CLOUDS))}")
