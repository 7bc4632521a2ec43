#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person or a script sees of gpu-selftest."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import tool

SHORT = "7cae72003cd6af9384ede3273b2de831404e288ce9e4e93ebf0a7d81da7acf45"
KNOWN = "03b9bea45c45ea5f8e2f9da84aadb73edd0fb1ed5c98a2ae4a03b78407b67668"


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.result = tool.run("--progress", "json", gpus="V100,H100")
        cls.json = cls.result.json

    def test_one_object_on_stdout(self):
        self.assertEqual(self.result.code, 0, self.result.err)
        self.assertEqual(self.result.out.count("\n"), 1)

    def test_top(self):
        self.assertEqual(self.json["schema"], "gpucloud.selftest/1")
        self.assertEqual(set(self.json), {
            "schema", "tool", "started", "elapsed_s", "mode", "simulated", "verdict", "exit",
            "driver", "host", "checks", "gpus", "train", "problems"})
        self.assertRegex(self.json["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIs(self.json["simulated"], True)
        self.assertEqual(self.json["driver"]["cuda"], 12040)
        self.assertIs(self.json["driver"]["nvml"], True)

    def test_gpus(self):
        self.assertEqual([g["index"] for g in self.json["gpus"]], [0, 1])
        self.assertEqual([g["spec"] for g in self.json["gpus"]], ["v100-sxm2-16", "h100-sxm"])
        for gpu in self.json["gpus"]:
            self.assertTrue(gpu["name"].endswith("(simulated)"))
            self.assertRegex(gpu["uuid"], r"^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            self.assertEqual([c["id"] for c in gpu["checks"]], [
                "inventory.gpu", "jit", "mem.selfcheck", "mem.pattern", "hbm.write", "hbm.read",
                "hbm.copy", "gemm.exact", "gemm.fp32", "train.lenet", "health"])
            for check in gpu["checks"]:
                self.assertIn(check["verdict"], tool.VERDICTS)
                self.assertGreaterEqual(check["seconds"], 0)

    def test_speeds_are_held_against_the_table(self):
        read = self.result.check("hbm.read")
        self.assertEqual((read["peak"], read["unit"], read["rated"]), (900, "GB/s", False))
        self.assertAlmostEqual(read["fraction"], 0.92, places=2)
        self.assertLess(read["fail_below"], read["warn_below"])
        self.assertIn("provisional", read["note"])

    def test_the_planted_flip_is_found_every_time(self):
        for gpu in (0, 1):
            self.assertIs(self.result.check("mem.selfcheck", gpu)["planted_flip_found"], True)

    def test_training_is_the_same_everywhere(self):
        lenet = self.json["train"]["lenet"]
        self.assertEqual(lenet["device"], "gpu0")
        self.assertEqual((lenet["sha256"], lenet["steps"]), (SHORT, 4))
        self.assertEqual((lenet["cpu"]["sha256"], lenet["cpu"]["steps"]), (KNOWN, 24))
        self.assertIs(lenet["match"], True)
        for gpu in (0, 1):
            self.assertEqual(self.result.check("train.lenet", gpu)["sha256"], SHORT)
        # as long as the CPU's, a GPU's training ends with the CPU's bits
        full = tool.run("--progress", "none", "--full").json["train"]["lenet"]
        self.assertEqual((full["sha256"], full["cpu"]["sha256"]), (KNOWN, KNOWN))
        self.assertGreater(full["accuracy"], 0.8)

    def test_progress_is_json_lines(self):
        lines = [json.loads(line) for line in self.result.err.splitlines()]
        self.assertGreater(len(lines), 20)
        self.assertIn("product", [line.get("phase") for line in lines])
        times = [line["elapsed_s"] for line in lines]
        self.assertEqual(times, sorted(times))

    def test_times_are_the_models_so_twice_is_the_same(self):
        def steady(result):
            return [[{k: v for k, v in c.items() if k != "seconds"} for c in gpu["checks"]]
                    for gpu in result.json["gpus"]]
        again = tool.run("--progress", "none", "--no-cpu", gpus="V100,H100")
        self.assertEqual(again.err, "")
        self.assertEqual(steady(again), steady(self.result))


class Kernels(unittest.TestCase):
    def test_the_variant_for_any_cpu_agrees(self):
        """Under sanitizers this is the one they watch."""
        result = tool.run("--progress", "none", "--no-cpu", FAKE_KERNELS="any")
        self.assertEqual(result.code, 0, result.out + result.err)
        self.assertEqual(result.check("train.lenet")["sha256"], SHORT)

    def test_a_driver_that_is_too_old_for_the_ptx(self):
        result = tool.run("--progress", "none", "--no-cpu", FAKE_CUDA="7000")
        self.assertEqual((result.code, result.problems()), (3, ["driver.ptx"]))


class NoGpu(unittest.TestCase):
    """The CPU trains, the verdict is unknown, and the reason has a name."""

    def machine(self, gpus=0, module=False, cls="0x030200", library=False, **env):
        with tempfile.TemporaryDirectory() as root:
            for i in range(gpus):
                device = pathlib.Path(root, f"sys/bus/pci/devices/0000:{3 + i:02x}:00.0")
                device.mkdir(parents=True)
                (device / "vendor").write_text("0x10de\n")
                (device / "class").write_text(cls + "\n")
            other = pathlib.Path(root, "sys/bus/pci/devices/0000:00:1f.0")
            other.mkdir(parents=True)
            (other / "vendor").write_text("0x8086\n")
            (other / "class").write_text("0x030000\n")
            if module:
                version = pathlib.Path(root, "proc/driver/nvidia/version")
                version.parent.mkdir(parents=True)
                version.write_text("NVRM version: 580.1\n")
            args = ["--no-cpu"] if library else []
            return tool.run("--progress", "none", *args, fake=tool.FAKE if library else None,
                            GPU_SELFTEST_ROOT=root, **env)

    def assert_unknown(self, result, problem, text):
        self.assertEqual((result.code, result.problems()), (3, [problem]))
        self.assertIn(text, result.json["problems"][0]["text"])
        self.assertEqual(result.json["verdict"], "unknown")
        self.assertIs(result.json["simulated"], False)
        self.assertEqual(result.json["gpus"], [])
        self.assertEqual(result.json["train"]["lenet"]["device"], "cpu")
        self.assertEqual(result.json["train"]["lenet"]["sha256"], KNOWN)

    def test_nothing_at_all(self):
        self.assert_unknown(self.machine(), "gpu.none", "no NVIDIA GPU on the PCI bus")

    def test_a_gpu_but_no_module(self):
        self.assert_unknown(self.machine(gpus=2), "driver.module", "2 NVIDIA GPUs on the PCI bus")

    def test_a_sound_device_is_no_gpu(self):
        self.assert_unknown(self.machine(gpus=1, cls="0x040300"), "gpu.none", "no NVIDIA GPU")

    def test_a_module_but_no_library(self):
        result = self.machine(gpus=1, module=True)
        self.assert_unknown(result, "driver.library", "libcuda.so.1")
        self.assertIn("container", result.json["problems"][0]["advice"])

    def test_on_the_bus_but_not_in_cuda(self):
        result = self.machine(gpus=2, module=True, library=True)
        self.assertEqual((result.code, result.problems()), (2, ["inventory.missing"]))
        self.assertIn("0000:04:00.0", result.json["problems"][0]["text"])
        self.assertEqual(result.check("inventory", None)["missing"], 1)

    def test_hidden_on_purpose(self):
        result = self.machine(gpus=2, module=True, library=True, CUDA_VISIBLE_DEVICES="0")
        self.assertEqual((result.code, result.problems()), (1, ["inventory.missing"]))

    def test_the_bus_agrees_with_cuda(self):
        self.assertEqual(self.machine(gpus=1, module=True, library=True).code, 0)

    def test_a_driver_without_nvml(self):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(tool.FAKE / "libcuda.so.1", pathlib.Path(folder, "libcuda.so.1"))
            result = tool.run("--progress", "none", "--no-cpu", fake=folder)
            self.assertEqual(result.code, 0, result.out)
            self.assertEqual(result.check("health")["verdict"], "unknown")
            self.assertIs(result.json["driver"]["nvml"], False)
            self.assertIsNone(result.json["gpus"][0]["serial"])
            # how much others use is then asked of CUDA
            busy = tool.run("--progress", "none", "--no-cpu", fake=folder, fault="busy:3000")
            self.assertEqual((busy.code, busy.problems()), (3, ["gpu.busy"]))

    def test_a_library_that_is_none(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "libcuda.so.1").write_bytes(b"\x7fELF" + bytes(100))
            result = tool.run("--progress", "none", "--no-cpu", fake=folder)
            self.assertEqual((result.code, result.problems()), (3, ["gpu.none"]))


    def test_without_the_cpu_there_is_no_training_at_all(self):
        result = tool.run("--progress", "none", "--no-cpu", fake=None)
        self.assertEqual((result.code, result.json["train"]), (3, {}))


class Words(unittest.TestCase):
    def test_usage_errors(self):
        for args in (["--bogus"], ["extra"], ["--gpu"], ["--gpu", "x"], ["--gpu", "-1"],
                     ["--gpu", "64"], ["--gpu", "1x"], ["--deadline", "0"],
                     ["--deadline", "3601"], ["--progress", "loud"], ["-q"]):
            with self.subTest(args=args):
                result = tool.run(*args)
                self.assertEqual((result.code, result.out), (64, ""))
                self.assertIn("try: gpu-selftest --help", result.err)

    def test_help_and_version(self):
        shown = tool.run("--help")
        self.assertEqual((shown.code, shown.err), (0, ""))
        self.assertLess(shown.out.count("\n"), 25)
        self.assertLessEqual(max(map(len, shown.out.splitlines())), 100)
        self.assertRegex(tool.run("--version").out, r"^gpu-selftest \d+\.\d+\.\d+\n$")

    def test_text(self):
        good = tool.run("--text", gpus="T4")
        self.assertEqual(good.code, 0)
        self.assertTrue(good.out.startswith("simulated GPU:"))
        self.assertIn("GPU 0: Tesla T4 (simulated)", good.out)
        self.assertIn("mem.pattern", good.out)
        self.assertRegex(good.out, r"verdict: pass \(exit 0, [\d.]+ s\)\n$")
        self.assertIn("gpu 0: memory", good.err)
        bad = tool.run("--text", "--no-cpu", "--progress", "none", fault="stuck:4096:0:1")
        self.assertIn("fail: GPU 0:", bad.out)
        self.assertIn("terminate this machine", bad.out)
        self.assertEqual(bad.err, "")

    def test_a_result_nobody_can_read_is_an_internal_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([tool.TOOL, "--no-cpu", "--progress", "none"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"could not be written", done.stderr)

    def test_a_hang_ends_soon_and_leaves_nobody(self):
        started = time.monotonic()
        result = tool.run("--progress", "none", "--no-cpu", "--deadline", "6",
                          fault="hang:mem_fill", CANARY="selftest-hang")
        self.assertEqual((result.code, result.problems()), (3, ["hang"]))
        self.assertLess(time.monotonic() - started, 30)
        left = [p for p in pathlib.Path("/proc").glob("[0-9]*/environ")
                if b"CANARY=selftest-hang" in read(p)]
        self.assertEqual(left, [])


class Binary(unittest.TestCase):
    def test_it_needs_libc_only(self):
        shown = subprocess.run(["readelf", "-d", tool.TOOL], capture_output=True, text=True,
                               check=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", shown))
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0",
                                      "libasan.so.8", "libubsan.so.1", "libgcc_s.so.1"})
        self.assertNotIn("libcuda.so.1", needed)


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    unittest.main()
