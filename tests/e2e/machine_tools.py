# SPDX-License-Identifier: Apache-2.0
"""Simulated machines in tests: simulators of root's and of a user's, their user-data, SSH to them.

Debian's own ssh and sftp are the clients here, so that nothing of ours vouches for ours.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess

from conftest import Sim, wait_until
from sim_tools import run_one

USER = 54321  # known to no passwd file: that must not matter
QUIET = ("-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
         "-o", "IdentitiesOnly=yes", "-F", "none")


class MachineSim(Sim):
    """A simulator that may belong to another user; it has a folder of its own below /tmp."""

    def __init__(self, env, folder, uid=None):
        super().__init__(env, folder / "sim")
        self.uid = uid
        self.prefix = []
        self.clients = {}
        self.group = None
        if uid:
            shutil.copy(self.bin, folder / "gpucloud-sim")
            fake = pathlib.Path(self.bin).parent / "gpu-selftest-fake"
            if fake.is_dir():
                shutil.copytree(fake, folder / "gpu-selftest-fake")
            self.bin = str(folder / "gpucloud-sim")
            os.chown(folder, uid, uid)
            self.prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]

    def run(self, *args, timeout=60):
        return subprocess.run([*self.prefix, self.bin, *args], env=self.env, cwd="/",
                              capture_output=True, text=True, timeout=timeout)

    def boto(self, service, **kw):
        """One client for each service: making one takes longer than what most tests do."""
        if service not in self.clients:
            self.clients[service] = super().boto(service, **kw)
        return self.clients[service]

    def start(self, *args):
        self.clients = {}
        self.group = None
        super().start("--boot-ms", "50", *args)
        self.port = json.loads((self.folder / "sim.json").read_text()).get("ssh_port")
        link = self.folder / "machines"
        self.base = pathlib.Path(os.readlink(link)) if link.is_symlink() else None
        return self

    def stop(self):
        base = self.base if self.pid else None
        super().stop()
        if base:
            nothing_left(base, self.port)

    def launch(self, data=None, **kw):
        if data is not None:
            kw["UserData"] = data if isinstance(data, str) else user_data(**data)
        kw.setdefault("InstanceInitiatedShutdownBehavior", "terminate")
        kw.setdefault("spot", False)  # the market is not what these tests are about
        kw.setdefault("SecurityGroupIds", [self.open_group()])
        one = run_one(self, **kw)["InstanceId"]
        self.wait_for(one, "running")
        return one

    def open_group(self):
        """A group that lets this computer in: without a rule nothing gets in."""
        if not self.group:
            ec2 = self.boto("ec2")
            self.group = ec2.create_security_group(GroupName="open", Description="ssh")["GroupId"]
            ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535,
                 "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}])
        return self.group

    def described(self, instance):
        pages = self.boto("ec2").describe_instances(InstanceIds=[instance])
        return pages["Reservations"][0]["Instances"][0]

    def wait_for(self, instance, *states):
        wait_until(lambda: self.described(instance)["State"]["Name"] in states, states)

    def address(self, instance):
        return self.described(instance)["PublicIpAddress"]

    def console(self, instance):
        return self.boto("ec2").get_console_output(InstanceId=instance)["Output"]

    def wait_console(self, instance, text):
        wait_until(lambda: text in self.console(instance), text)

    def root(self, instance):
        return self.base / instance / "root"


def user_data(**keys):
    return "#cloud-config\n" + json.dumps(keys) + "\n"


def nothing_left(base, port):
    """No folder, no process that knows of it, nobody who listens."""
    assert not base.exists()
    assert processes_of(base) == []
    assert listeners(port) == []


def processes_of(base):
    found = []
    for proc in pathlib.Path("/proc").iterdir():
        if not proc.name.isdigit():
            continue
        try:
            text = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
            if str(base).encode() in text and (proc / "stat").read_text().split()[2] != "Z":
                found.append((proc.name, text))
        except OSError:
            continue
    return found


def listeners(port):
    """Local addresses that listen on that port."""
    found = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        address, number = local.split(":")
        if state == "0A" and int(number, 16) == port:
            found.append(socket.inet_ntoa(bytes.fromhex(address)[::-1]))
    return found


class Key:
    """An ed25519 key pair in a file."""

    def __init__(self, folder, name):
        self.path = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                        "-f", self.path], check=True)
        self.public = pathlib.Path(f"{self.path}.pub").read_text().strip()
        self.private = self.path.read_text()
        self.line = " ".join(self.public.split()[:2])


class Shell:
    """ssh and sftp to one machine, which must show that host key."""

    def __init__(self, sim, instance, key, host_key=None, user="ubuntu"):
        self.address, self.port = sim.address(instance), sim.port
        known = key.path.parent / f"known-{self.port}-{instance}-{user}"
        self.options = [*QUIET, "-i", str(key.path), "-o", f"UserKnownHostsFile={known}"]
        self.user = user
        if host_key:
            known.write_text(f"[{self.address}]:{self.port} {host_key}\n")
            self.options += ["-o", "StrictHostKeyChecking=yes"]
        else:
            self.options += ["-o", "StrictHostKeyChecking=accept-new"]

    def argv(self, *command):
        return ["ssh", "-p", str(self.port), *self.options, f"{self.user}@{self.address}",
                *command]

    def run(self, command, **kw):
        if "input" not in kw:
            kw["stdin"] = subprocess.DEVNULL
        return subprocess.run(self.argv(command), capture_output=True, timeout=60,
                              text=kw.pop("text", True), **kw)

    def ok(self, command, **kw):
        done = self.run(command, **kw)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def sftp(self, *lines):
        done = subprocess.run(["sftp", "-q", "-P", str(self.port), *self.options, "-b", "-",
                               f"{self.user}@{self.address}"], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait(self):
        """Until it answers, which is not before sshd is up."""
        wait_until(lambda: self.run("true").returncode == 0, "SSH")
        return self

    def banner(self, seconds=5):
        """The first bytes it says: b"" where it closes, None where it says nothing."""
        with socket.create_connection((self.address, self.port), timeout=seconds) as s:
            try:
                return s.recv(4)
            except TimeoutError:
                return None
