# SPDX-License-Identifier: Apache-2.0
"""A program whose stdout is a terminal of so many columns."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from checks import sane


def on_terminal(args, env, columns, timeout=120):
    """The completed process; stdout is what the terminal was sent, with plain newlines."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {**env, "COLUMNS": str(columns)}
    with subprocess.Popen(args, env=env, stdin=subprocess.DEVNULL, stdout=child,
                          stderr=subprocess.PIPE) as process:
        os.close(child)
        sent = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:  # the last end of the terminal is closed
                piece = b""
            if not piece:
                break
            sent += piece
        stderr = process.stderr.read().decode()
        code = process.wait(timeout)
    os.close(parent)
    out = sent.decode().replace("\r\n", "\n")
    return sane(subprocess.CompletedProcess(args, code, out, stderr))
