#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu-selftest/ builds alone, and a release of it starts on old systems: small, few symbols."""
import os
import pathlib
import platform
import re
import subprocess
import tempfile
import unittest

import tool


class Portable(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        build = pathlib.Path(cls.folder.name)
        for command in (["cmake", "-S", tool.SOURCE / "gpu-selftest", "-B", build,
                         "-DCMAKE_BUILD_TYPE=Release", "-DGPUCLOUD_WERROR=ON"],
                        ["cmake", "--build", build, "--parallel", "2"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(done.stdout + done.stderr)
        cls.tool, cls.fake = build / "bin/gpu-selftest", build / "gpu-selftest-fake"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_it(self, *args, **env):
        return tool.Result(subprocess.run(
            [self.tool, "--progress", "none", *args], capture_output=True, check=False,
            env={"PATH": os.environ["PATH"], "GPU_SELFTEST_ROOT": str(self.fake), **env}))

    def test_it_is_small(self):
        self.assertLess(self.tool.stat().st_size, 300_000)

    def test_it_asks_for_an_old_glibc(self):
        shown = subprocess.run(["objdump", "-T", self.tool], capture_output=True, text=True,
                               check=True).stdout
        versions = {tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([\d.]+)", shown)}
        self.assertTrue(versions)
        newest = (2, 17) if platform.machine() == "x86_64" else (2, 34)
        self.assertLessEqual(max(versions), newest, shown)

    def test_it_runs_without_a_driver_and_with_the_fake_one(self):
        alone = self.run_it()
        self.assertEqual((alone.code, alone.problems()), (3, ["gpu.none"]))
        self.assertIs(alone.json["train"]["lenet"]["match"], True)
        simulated = self.run_it("--full", LD_LIBRARY_PATH=str(self.fake), FAKE_GPUS="2xT4")
        self.assertEqual((simulated.code, simulated.problems()), (0, []))
        self.assertEqual(simulated.json["train"]["lenet"]["sha256"],
                         alone.json["train"]["lenet"]["sha256"])
        fault = self.run_it("--no-cpu", LD_LIBRARY_PATH=str(self.fake), FAKE_FAULT="lane:3")
        self.assertEqual((fault.code, fault.problems()), (2, ["gemm.exact"]))


if __name__ == "__main__":
    unittest.main()
