# SPDX-License-Identifier: Apache-2.0
"""What a machine is told at boot, as cloud-init, YAML, systemd and sshd's own tools read it.

GPUCLOUD_USERDATA_DUMP names the program made of tests/unit/userdata_dump.c.
"""
import itertools
import json
import subprocess

import pytest
from conftest import program

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0k2Vn9w8W1nZ2mQ1mD0xq3q1u0b7cVY2h9r1f0u8aE"
LOGIN_KEYS = {
    "none": (),
    "plain": ("--login", f"ssh-ed25519 {BLOB} me@home"),
    "hostile": ("--login", f"ssh-ed25519 {BLOB} "
                "\"}], \\ ' : - # {{ ds }} $(id) \u202e \U0001f600 \x7f"),
}
HOST_KEYS = {"own": (), "seeded": ("--host-key",)}
LIMITS = {"unlimited": (), "minute": ("--ttl", "60"), "half-a-day": ("--ttl", "43200"),
          "year": ("--ttl", "31622400")}
EVERY = [pytest.param(login + host + limit, id="-".join(names))
         for names, (login, host, limit) in (
             (names, (LOGIN_KEYS[names[0]], HOST_KEYS[names[1]], LIMITS[names[2]]))
             for names in itertools.product(LOGIN_KEYS, HOST_KEYS, LIMITS))]
ALL = LOGIN_KEYS["plain"] + HOST_KEYS["seeded"] + LIMITS["half-a-day"]


def dump(*options):
    done = subprocess.run([program("GPUCLOUD_USERDATA_DUMP"), *options], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.strip()


def body(text):
    header, _, rest = text.partition("\n")
    assert header == "#cloud-config"
    return json.loads(rest)


def run(*argv, env=None, **kw):
    return subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=120,
                          env=env, **kw)


def schema(path):
    return run("cloud-init", "schema", "--config-file", path)


@pytest.mark.parametrize("options", EVERY)
def test_cloud_init_accepts_it(options, tmp_path):
    path = tmp_path / "user-data"
    path.write_text(dump(*options)[0])
    done = schema(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid cloud-config" in done.stdout
    assert "Deprecat" not in done.stdout + done.stderr


def test_cloud_init_would_refuse(tmp_path):
    """The check above can fail."""
    whole = body(dump(*ALL)[0])
    for name, wrong in (("runcmd", "x: 1"), ("bootcmd", 7), ("write_files", [{"content": "x"}]),
                        ("ssh_authorized_keys", "one"), ("ssh_keys", {"ed25519_privat": "x"})):
        path = tmp_path / name
        path.write_text("#cloud-config\n" + json.dumps({**whole, name: wrong}))
        done = schema(path)
        assert done.returncode != 0, name
        assert name in done.stdout + done.stderr


def test_yaml_and_json_read_the_same(tmp_path):
    """JSON is YAML; this text is, to the reader that cloud-init has."""
    for options in (ALL, LOGIN_KEYS["hostile"], ()):
        text = dump(*options)[0]
        path = tmp_path / "user-data"
        path.write_text(text)
        done = run("/usr/bin/python3", "-c",
                   "import json, sys\n"
                   "from cloudinit import util\n"
                   "print(json.dumps(util.load_yaml(open(sys.argv[1]).read())))", path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == body(text)


def test_commands_reach_systemd_whole(tmp_path):
    """Through the shell script that cloud-init makes of them."""
    whole = body(dump(*ALL)[0])
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    log = tmp_path / "log"
    for name in ("systemd-run", "systemctl"):
        shim = bin_dir / name
        shim.write_text(f'#!/bin/sh\nfor a in {name} "$@"; do printf "%s|" "$a"; done >>{log}\n'
                        f"echo >>{log}\n")
        shim.chmod(0o755)
    for section in ("bootcmd", "runcmd"):
        done = run("/usr/bin/python3", "-c",
                   "import json, sys\n"
                   "from cloudinit import util\n"
                   "print(util.shellify(json.loads(sys.argv[1])), end='')",
                   json.dumps(whole[section]))
        assert done.returncode == 0, done.stderr
        script = tmp_path / section
        script.write_text(done.stdout)
        assert run("/bin/sh", script, env={"PATH": str(bin_dir)}).returncode == 0
    called = [line.rstrip("|").split("|") for line in log.read_text().splitlines()]
    assert called == whole["bootcmd"] + whole["runcmd"]
    assert called[0][-4:] == called[1] == ["systemctl", "enable", "--now", "gpucloud-ttl.service"]


def test_files_are_what_they_should_be(tmp_path):
    whole = body(dump(*ALL)[0])
    files = {entry["path"]: entry for entry in whole["write_files"]}
    unit = tmp_path / "gpucloud-ttl.service"
    unit.write_text(files["/etc/systemd/system/gpucloud-ttl.service"]["content"])
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "\nExecStart=/bin/sh /usr/local/lib/gpucloud/ttl 43200\n" in unit.read_text()

    script = tmp_path / "ttl"
    script.write_text(files["/usr/local/lib/gpucloud/ttl"]["content"])
    assert run("/bin/sh", "-n", script).returncode == 0
    assert files["/var/lib/gpucloud/ttl-left"]["content"] == "43200\n"


def test_host_key_is_one_to_openssh(tmp_path):
    text, public = dump("--host-key")
    keys = body(text)["ssh_keys"]
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(keys["ed25519_private"])
    done = run("ssh-keygen", "-y", "-f", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == keys["ed25519_public"].split() == public.split()[:2]


def test_it_fits():
    """EC2 takes 16 KiB: the largest we make leaves room."""
    assert len(dump(*LOGIN_KEYS["plain"], *HOST_KEYS["seeded"], *LIMITS["year"])[0]) < 10240
    done = run(program("GPUCLOUD_USERDATA_DUMP"), *ALL, "--max", "2000")
    assert done.returncode == 1 and "this cloud takes 2000 at most" in done.stderr
