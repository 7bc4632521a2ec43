#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spec/gpus.tsv: unique, complete, and refused by the generator where it is broken."""
import pathlib
import subprocess
import tempfile
import unittest

import tool

TABLE = tool.SOURCE / "gpu-selftest/spec/gpus.tsv"
GENERATOR = tool.SOURCE / "gpu-selftest/cmake/spec.cmake"


def rows():
    return [line.split("\t") for line in TABLE.read_text("ascii").splitlines()
            if line and not line.startswith("#")]


def generate(text):
    with tempfile.TemporaryDirectory() as folder:
        table, out = pathlib.Path(folder, "in.tsv"), pathlib.Path(folder, "out.c")
        table.write_text(text)
        done = subprocess.run(["cmake", f"-DIN={table}", f"-DOUT={out}", "-P", GENERATOR],
                              capture_output=True, text=True, check=False)
        return done.returncode, out.read_text() if out.exists() else done.stderr


class Table(unittest.TestCase):
    def test_ids_and_aliases_are_unique(self):
        names = [name for row in rows() for name in {row[0], row[1]}]
        self.assertEqual(len(names), len(set(names)))

    def test_every_generation_we_promise(self):
        ids = {row[0].split("-")[0] for row in rows()}
        self.assertLessEqual({"k80", "p4000", "v100", "t4", "a10g", "l4", "l40s", "a100", "h100",
                              "h200", "b200"}, ids)

    def test_each_row_says_where_it_is_from(self):
        for row in rows():
            self.assertIn("NVIDIA", row[18])
            self.assertIn(row[17], ("measured", "provisional"))

    def test_the_generator_takes_the_table(self):
        code, made = generate(TABLE.read_text("ascii"))
        self.assertEqual(code, 0, made)
        self.assertEqual(made.count(".id = "), len(rows()))

    def test_the_generator_refuses(self):
        good = "\t".join(rows()[0])
        for broken in (good.replace("240", "24o"), good.rsplit("\t", 1)[0], good + "\tx",
                       good.replace("Tesla", 'Te"sla'), good.replace("\t13\t", "\t\t"),
                       good.replace("4.37", "-4.37")):
            with self.subTest(row=broken):
                self.assertNotEqual(broken, good)
                self.assertNotEqual(generate(broken + "\n")[0], 0)


if __name__ == "__main__":
    unittest.main()
