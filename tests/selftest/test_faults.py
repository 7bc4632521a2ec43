#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every line of faults.tsv: the exit code, the problems, and an object that agrees with itself."""
import concurrent.futures
import os
import unittest

import tool


def table():
    with open(tool.HERE / "faults.tsv", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            name, gpus, fault, args, code, problems = line.rstrip("\n").split("\t")
            yield (name, gpus, "" if fault == "-" else fault, [] if args == "-" else args.split(),
                   int(code), [] if problems == "-" else problems.split())


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = list(table())

        def play(row):
            name, gpus, fault, args, _, _ = row
            return tool.run("--progress", "none", "--no-cpu", *args, gpus=gpus, fault=fault)
        # hangs and pauses are waiting: a few at a time are as fast as one
        with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
            cls.results = dict(zip([row[0] for row in cls.rows], pool.map(play, cls.rows)))

    def test_names_are_unique(self):
        self.assertEqual(len(self.results), len(self.rows))

    def test_every_fault(self):
        for name, _, _, args, code, problems in self.rows:
            with self.subTest(fault=name):
                result = self.results[name]
                self.assertEqual(result.problems(), problems, result.out)
                self.assertEqual(result.code, code)
                self.assertEqual(result.json["exit"], code)
                self.assertTrue(result.json["simulated"] or code == 3)
                if "--warn-ok" not in args:
                    self.assertEqual(tool.VERDICTS[result.json["verdict"]], code)

    def test_every_problem_says_what_and_where(self):
        for name, result in self.results.items():
            for problem in result.json["problems"]:
                with self.subTest(fault=name, problem=problem["id"]):
                    self.assertEqual(set(problem), {"gpu", "id", "severity", "text", "advice"})
                    self.assertIn(problem["severity"], ("warn", "fail", "unknown"))
                    self.assertGreater(len(problem["text"]), 10)
                    if problem["gpu"] is not None and problem["severity"] == "fail":
                        self.assertTrue(problem["advice"])

    def test_a_failed_check_stands_with_its_problem(self):
        for name, result in self.results.items():
            with self.subTest(fault=name):
                ids = set(result.problems())
                for gpu in result.json["gpus"]:
                    for check in gpu["checks"]:
                        if check["verdict"] == "fail":
                            self.assertTrue(ids, check)
                            self.assertEqual(gpu["verdict"], "fail")

    def test_memory_faults_are_located(self):
        stuck = self.results["stuck-at-1"].check("mem.pattern")
        self.assertEqual(int(stuck["first_bad"], 16), 1048579 // 8 * 8)
        self.assertEqual(stuck["first_bad"], stuck["last_bad"])
        self.assertEqual(list(stuck["bits"]), [str(8 * (1048579 % 8) + 5)])
        self.assertEqual(stuck["soft"], 0)
        self.assertEqual(int(stuck["xor_and"], 16), 1 << 29)
        last = self.results["stuck-at-0"].check("mem.pattern")
        self.assertEqual(int(last["first_bad"], 16), 8 * 1024 * 1024 - 8)
        soft = self.results["soft-read"].check("mem.pattern")
        self.assertEqual((soft["errors"], soft["soft"]), (8, 8))
        self.assertEqual(int(soft["first_bad"], 16), 4194304)
        alias = self.results["address-alias"].check("mem.pattern")
        self.assertGreaterEqual(int(alias["first_bad"], 16), 2097152)
        self.assertLess(int(alias["last_bad"], 16), 2097152 + 65536)
        # only patterns that differ from address to address can see it
        self.assertEqual(alias["failing_patterns"],
                         "address inverse random1 random2 random3")

    def test_product_faults_are_located(self):
        lane = self.results["product-lane"].check("gemm.exact")
        self.assertEqual((lane["bad_rows"], lane["bad_columns"]), (256, 8))
        self.assertEqual(lane["first_bad_column"], 7)
        nan = self.results["product-nan"].check("gemm.exact")
        self.assertGreater(nan["not_integers"], 0)
        pair = self.results["product-pair"].check("gemm.exact")
        self.assertEqual((pair["bad_rows"], pair["bad_columns"]), (0, 2))
        square = self.results["product-square"].check("gemm.exact")
        self.assertEqual((square["bad_rows"], square["bad_columns"]), (0, 0))
        self.assertGreater(square["bad_samples"], 1000)
        fraction = self.results["product-fraction"].check("gemm.exact")
        self.assertGreater(fraction["not_integers"], 0)

    def test_a_gpu_is_blamed_alone(self):
        slow = self.results["one-of-eight-slow"].json
        self.assertEqual([g["verdict"] for g in slow["gpus"]],
                         ["pass"] * 5 + ["warn"] + ["pass"] * 2)
        self.assertEqual({p["gpu"] for p in slow["problems"]}, {5})
        hang = self.results["hang-of-one"].json
        self.assertEqual([g["verdict"] for g in hang["gpus"]], ["pass", "unknown"])

    def test_without_nvml_health_is_unknown_only(self):
        for name in ("nvml-refuses", "nvml-silent"):
            checks = self.results[name].json["gpus"][0]
            self.assertEqual(checks["verdict"], "pass")
            self.assertIsNone(checks["nvml"]["before"]["ecc_uncorrected"])
        self.assertEqual(self.results["nvml-refuses"].check("health")["verdict"], "unknown")


if __name__ == "__main__":
    unittest.main()
