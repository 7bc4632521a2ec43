# SPDX-License-Identifier: Apache-2.0
"""Looking for secrets where none may be: in bytes, in files, and in what a traced program and all
that it started had as arguments and environment, and wrote to files."""
import base64
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest

EXECVE = re.compile(rb'^\d+ +execve\("((?:[^"\\]|\\.)*)", \[(.*?)\], \[(.*?)\](?:\) += | <unf)')
WRITE = re.compile(rb"^\d+ +p?writev?(?:64)?\(\d+<([^>]*)>")
SEED_AT = 161  # of an unencrypted ed25519 key in OpenSSH's format, counted in its bytes


def forms(secret):
    """The ways in which a text may hold a secret: as it is, URL-encoded, in hex, within base64."""
    plain = secret.encode() if isinstance(secret, str) else secret
    found = {plain, urllib.parse.quote_from_bytes(plain, safe="").encode(),
             plain.hex().encode(), plain.hex().upper().encode()}
    for shift, skip in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(shift) + plain)[skip:(shift + len(plain)) * 8 // 6]
        found |= {text, urllib.parse.quote_from_bytes(text, safe="").encode()}
    return found


def private_part(pem):
    """What is secret in a key file: the seed, and the lines of the file that hold it."""
    lines = pem.strip().splitlines()[1:-1]
    blob = base64.b64decode("".join(lines))
    assert blob.startswith(b"openssh-key-v1\0") and len(blob) > SEED_AT + 32
    seed = blob[SEED_AT:SEED_AT + 32]
    first, last = SEED_AT * 4 // 3, (SEED_AT + 32) * 4 // 3
    per_line = len(lines[0])
    return [seed, *(lines[i] for i in range(first // per_line, last // per_line + 1)
                    if len(lines[i]) >= 20)]


class Canaries:
    """Secrets by name; each may be several texts."""

    def __init__(self):
        self.named = {}

    def add(self, name, *secrets):
        assert all(len(secret) >= 16 for secret in secrets), name
        self.named.setdefault(name, set()).update(*(forms(secret) for secret in secrets))

    def within(self, data, allowed=()):
        """The names of those that data holds."""
        data = data.encode() if isinstance(data, str) else data
        return sorted(name for name, texts in self.named.items()
                      if name not in allowed and any(text in data for text in texts))

    def within_files(self, *folders, allowed=lambda path: ()):
        """(path, names) of every file below the folders that holds one."""
        files = [path for folder in folders for path in pathlib.Path(folder).rglob("*")
                 if path.is_file() and not path.is_symlink()]
        held = [(str(path), self.within(path.read_bytes(), allowed(path))) for path in files]
        return [(path, names) for path, names in held if names]


class Trace:
    """What strace saw of a program and its descendants."""

    def __init__(self, path):
        self.lines = path.read_bytes().splitlines()
        self.started, self.written = [], []
        for line in self.lines:
            if b"execve(" in line and b"resumed>" not in line:
                # the first is the program under test, whose environment is the test's own doing
                self.started.append(line)
            elif (match := WRITE.match(line)) and match[1].startswith(b"/"):
                self.written.append((match[1].decode(), line))
        assert self.started, "strace saw nothing"
        self.started = self.started[1:]

    def programs(self):
        """(path, arguments, environment) of each that was started."""
        parsed = [EXECVE.match(line) for line in self.started]
        assert all(parsed), self.started[parsed.index(None)][:300]
        return [(match[1].decode(), match[2], match[3]) for match in parsed]


def traced(argv, path, **kw):
    """Runs argv under strace; the completed process and its Trace."""
    if not shutil.which("strace"):
        pytest.fail("strace is not installed", pytrace=False)
    done = subprocess.run(["strace", "-f", "-qq", "-v", "-y", "-s", "1000000", "-e", "signal=none",
                           "-e", "trace=execve,write,writev,pwrite64,pwritev", "-o", str(path),
                           *argv], capture_output=True, text=True, **kw)
    return done, Trace(path)
