# SPDX-License-Identifier: Apache-2.0
"""Running gpu-selftest with the fake driver."""
import json
import os
import pathlib
import subprocess

BUILD = pathlib.Path(os.environ["GPUCLOUD_BUILD"])
TOOL = BUILD / "gpu-selftest"
FAKE = BUILD / "gpu-selftest-fake"
HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parents[1]
VERDICTS = {"pass": 0, "warn": 1, "fail": 2, "unknown": 3}


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("ascii")
        self.err = done.stderr.decode()

    @property
    def json(self):
        return json.loads(self.out)

    def problems(self):
        return sorted(p["id"] for p in self.json["problems"])

    def check(self, name, gpu=0):
        """The one check of that id, of a GPU's checks or (gpu None) of the machine's."""
        found = self.json if gpu is None else self.json["gpus"][gpu]
        (check,) = [c for c in found["checks"] if c["id"] == name]
        return check


def run(*args, gpus="V100", fault=None, fake=FAKE, timeout=120, **env):
    """fake None: no driver at all."""
    full = {k: v for k, v in os.environ.items()
            if k not in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "GPU_SELFTEST_ROOT")
            and not k.startswith("FAKE_")}
    full["FAKE_GPUS"] = gpus
    # no /sys, /proc or /.dockerenv: what this machine is must not matter
    full["GPU_SELFTEST_ROOT"] = str(FAKE)
    if fault:
        full["FAKE_FAULT"] = fault
    if fake:
        full["LD_LIBRARY_PATH"] = str(fake)
    full.update(env)
    return Result(subprocess.run([TOOL, *args], env=full, stdin=subprocess.DEVNULL,
                                 capture_output=True, timeout=timeout, check=False))
