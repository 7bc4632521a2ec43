#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu-selftest train and predict, as a person or a job runs them."""
import csv
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

import tool

LENET_HEAD, PREDICTOR_HEAD = 16 + 5 * 16 + 8, 16 + 3 * 16 + 8
# Of LeNet's weights after 384 steps: the constant of gpu-selftest/src/lenet.c.
FULL = "27a6132992e36b26e0de1867ab121869d6c1fde507f6e5bab94661cea396ae0c"
# Of weights.bin after SMALL, on every device.
SMALL = ("--samples", "1024", "--epochs", "3")
SMALL_PREDICTOR = "ffce1d41d5ad8ea8a40acb6e67f5ea70e13091ead0e6c48187b6769c65aec570"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name, "results")

    def train(self, *args, code=0, **kw):
        result = tool.run("train", *args, "--out", str(self.out), **kw)
        self.assertEqual(result.code, code, result.out + result.err)
        return result

    def summary(self):
        return json.loads((self.out / "summary.json").read_text("ascii"))

    def curve(self):
        with open(self.out / "loss.csv", encoding="ascii") as file:
            return list(csv.DictReader(file))

    def weights(self):
        return (self.out / "weights.bin").read_bytes()


class Training(Case):
    def test_the_defaults_end_as_the_self_test_does(self):
        result = self.train("lenet", "--device", "cpu", fake=None)
        self.assertEqual(hashlib.sha256(self.weights()[LENET_HEAD:]).hexdigest(), FULL)
        self.assertRegex(result.out, r"epoch 3/3  loss [\d.]+  accuracy 1\.0000  [\d.]+ s\n")

    def test_the_same_bits_on_every_device(self):
        for kw in ({}, {"FAKE_KERNELS": "any"}, {"fake": None}):
            self.train("predictor", *SMALL, **kw)
            self.assertEqual(hashlib.sha256(self.weights()).hexdigest(), SMALL_PREDICTOR, kw)
        self.train("predictor", *SMALL, "--seed", "8")
        self.assertNotEqual(hashlib.sha256(self.weights()).hexdigest(), SMALL_PREDICTOR)

    def test_what_it_leaves(self):
        result = self.train("predictor", *SMALL, gpus="T4")
        summary, rows = self.summary(), self.curve()
        self.assertEqual(sorted(p.name for p in self.out.iterdir()),
                         ["loss.csv", "summary.json", "weights.bin"])
        self.assertEqual((summary["state"], summary["network"], summary["simulated"]),
                         ("done", "predictor", True))
        self.assertEqual(summary["device"], "GPU 0, Tesla T4 (simulated)")
        self.assertEqual((summary["rate"], summary["seed"], summary["samples"]), (0.003, "7", 1024))
        self.assertEqual((summary["epochs_done"], summary["steps_done"]), (3, 48))
        self.assertEqual(summary["weights"], {"file": "weights.bin", "bytes": len(self.weights()),
                                              "sha256": SMALL_PREDICTOR})
        self.assertEqual([int(r["step"]) for r in rows], list(range(1, 49)))
        self.assertEqual([int(r["epoch"]) for r in rows], [1] * 16 + [2] * 16 + [3] * 16)
        self.assertEqual([i + 1 for i, r in enumerate(rows) if r["accuracy"]], [16, 32, 48])
        losses = [float(r["loss"]) for r in rows]
        self.assertAlmostEqual(sum(losses[:16]) / 16, summary["first_loss"], places=4)
        self.assertAlmostEqual(sum(losses[32:]) / 16, summary["last_loss"], places=4)
        self.assertLess(summary["last_loss"], 0.8 * summary["first_loss"])
        self.assertEqual(float(rows[-1]["accuracy"]), summary["accuracy"])
        self.assertEqual(len(re.findall(r"^epoch [123]/3  loss [\d.]+  accuracy [\d.]+  AUC [\d.]+ ",
                                        result.out, re.M)), 3)
        # What was learned is in the file, and as good elsewhere.
        predicted = tool.run("predict", "predictor", "--weights", str(self.out / "weights.bin"),
                             fake=None)
        self.assertEqual(predicted.code, 0, predicted.err)
        self.assertIn(f"accuracy {summary['accuracy']:.4f}: ", predicted.out)
        self.assertIn(f"AUC {summary['auc']:.4f}\n", predicted.out)
        self.assertIn(SMALL_PREDICTOR, predicted.out)
        self.assertIn("no GPU: libcuda.so.1", predicted.out)

    def test_lenet_learns_digits(self):
        self.train("lenet", "--samples", "512", "--epochs", "2")
        summary = self.summary()
        self.assertLess(summary["last_loss"], 0.7 * summary["first_loss"])
        self.assertGreater(summary["accuracy"], 0.7)
        predicted = tool.run("predict", "lenet", "--weights", str(self.out / "weights.bin"))
        self.assertIn(f"accuracy {summary['accuracy']:.4f}: ", predicted.out)
        few = tool.run("predict", "lenet", "--weights", str(self.out / "weights.bin"), "--rows", "1")
        self.assertRegex(few.out, r"accuracy [01]\.0000: [01] of 1 digits")
        other = tool.run("predict", "predictor", "--weights", str(self.out / "weights.bin"))
        self.assertEqual(other.code, 64)
        self.assertIn("another network than predictor", other.err)

    def test_a_signal_leaves_what_there_is(self):
        for signo in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signo=signo):
                process = subprocess.Popen(
                    [tool.TOOL, "train", "predictor", "--device", "cpu", "--epochs", "1000",
                     "--out", self.out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                while not process.stdout.readline().startswith("epoch"):
                    pass  # live: a line comes while it works
                process.send_signal(signo)
                out, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, -signo, out + err)
                self.assertIn("gpu-selftest: interrupted\n", err)
                summary = self.summary()
                self.assertEqual(summary["state"], "interrupted")
                self.assertGreaterEqual(summary["steps_done"], 256)
                self.assertLess(summary["steps_done"], summary["steps"])
                self.assertEqual(len(self.curve()), summary["steps_done"])
                self.assertEqual(hashlib.sha256(self.weights()).hexdigest(),
                                 summary["weights"]["sha256"])
                predicted = tool.run("predict", "predictor", "--weights",
                                     str(self.out / "weights.bin"))
                self.assertIn(f"accuracy {summary['accuracy']:.4f}: ", predicted.out)

    def test_a_rate_that_is_too_high(self):
        result = self.train("predictor", *SMALL, "--rate", "1e20", code=1)
        self.assertIn("try a smaller --rate", result.err)
        summary = self.summary()
        self.assertEqual((summary["state"], summary["epochs_done"]), ("diverged", 1))
        self.assertIsNone(summary["last_loss"])
        self.assertEqual(self.curve()[-1]["loss"], "nan")
        predicted = tool.run("predict", "predictor", "--weights", str(self.out / "weights.bin"))
        self.assertEqual(predicted.code, 64)
        self.assertIn("no number", predicted.err)

    def test_an_old_result_goes_at_once(self):
        self.train("predictor", "--samples", "64", "--epochs", "1")
        self.train("lenet", code=3, fault="exception:adam_step:719")
        self.assertEqual((self.summary()["network"], self.summary()["state"], self.curve()),
                         ("lenet", "running", []))


class Refusals(Case):
    def test_usage(self):
        for args in ([], ["resnet"], ["lenet", "x"], ["lenet", "--epochs", "0"],
                     ["lenet", "--epochs", "1001"], ["lenet", "--samples", "63"],
                     ["lenet", "--samples", "65"], ["lenet", "--samples", "65600"],
                     ["lenet", "--rate", "0"], ["lenet", "--rate", "-1"], ["lenet", "--rate", "nan"],
                     ["lenet", "--rate", "inf"], ["lenet", "--rate", "0x1p-3"], ["lenet", "--rate="],
                     ["lenet", "--rate", "1e99"], ["lenet", "--rate", "1x"],
                     ["lenet", "--seed", "-1"], ["lenet", "--seed", "18446744073709551616"],
                     ["lenet", "--seed", "1 "], ["lenet", "--device", "tpu"], ["lenet", "--out"],
                     ["lenet", "--out="], ["lenet", "--weights", "x"], ["lenet", "--bogus"]):
            with self.subTest(args=args):
                result = tool.run("train", *args)
                self.assertEqual((result.code, result.out), (64, ""))
                self.assertIn("try: gpu-selftest train --help", result.err)
        for args in (["lenet"], ["lenet", "--weights="], ["lenet", "--weights", "x", "--rows", "0"],
                     ["lenet", "--weights", "x", "--rows", "65537"],
                     ["lenet", "--weights", "x", "--epochs", "3"]):
            with self.subTest(args=args):
                result = tool.run("predict", *args)
                self.assertEqual((result.code, result.out), (64, ""))

    def test_help(self):
        shown = tool.run("train", "--help")
        self.assertEqual((shown.code, shown.err), (0, ""))
        self.assertEqual(tool.run("predict", "--help").out, shown.out)
        self.assertLessEqual(max(map(len, shown.out.splitlines())), 100)
        self.assertIn("train --help", tool.run("--help").out)

    def test_no_gpu(self):
        wanted = self.train("predictor", "--device", "gpu", fake=None, code=3)
        self.assertIn("libcuda.so.1", wanted.err)
        self.assertIn("--device cpu does without", wanted.err)
        chosen = self.train("predictor", "--samples", "64", "--epochs", "1", gpus="0")
        self.assertIn("no GPU: CUDA shows no GPU\n", chosen.out)
        # One that is there and fails is not passed over in silence.
        for fault, text in (("init:999", "999"), ("create:2", "OUT_OF_MEMORY"),
                            ("load:218", "ptxas fatal"), ("exception:sigmoid_loss:700", "700")):
            with self.subTest(fault=fault):
                failed = self.train("predictor", fault=fault, code=3)
                self.assertIn(text, failed.err)

    def test_where_nothing_can_be_written(self):
        base = self.out.parent
        (base / "file").write_text("mine")
        for out, text in ((base / "no" / "such", "No such file"), (base / "file", "Not a directory"),
                          ("x" * 5000, "too long")):
            with self.subTest(out=out):
                result = tool.run("train", "predictor", "--out", str(out))
                self.assertEqual(result.code, 70, result.err)
                self.assertIn(text, result.err)
        self.assertEqual((base / "file").read_text(), "mine")
        # A link that lies in wait is not written through.
        self.out.mkdir()
        os.symlink(base / "file", self.out / ".loss.csv.part")
        self.train("predictor", "--samples", "64", "--epochs", "1", code=70)
        self.assertEqual((base / "file").read_text(), "mine")

    def test_output_that_nobody_reads(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([tool.TOOL, "train", "predictor", "--device", "cpu", "--samples",
                                   "64", "--epochs", "1", "--out", self.out], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 70)
        self.assertEqual(self.summary()["state"], "done")


if __name__ == "__main__":
    unittest.main()
