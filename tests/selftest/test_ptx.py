#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relabel_ptx --check would notice: newer instructions, inexact ones, wrong headers."""
import pathlib
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).parents[2] / "gpu-selftest"
PTX = (SOURCE / "kernels/ptx/base.ptx").read_text("ascii")


def check(text):
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(text)
        file.flush()
        return subprocess.run([SOURCE / "tools/relabel_ptx", "--check", file.name],
                              capture_output=True, text=True, check=False)


class Ptx(unittest.TestCase):
    def test_every_kernel_is_in_it(self):
        listed = (SOURCE / "kernels/list.h").read_text("ascii")
        for line in listed.splitlines():
            if line.strip().startswith("X("):
                name = line.strip()[2:].split(",")[0]
                self.assertIn(f".entry {name}(", PTX)

    def test_refusals(self):
        # an instruction of a later GPU, one that rounds otherwise, a later header, no kernel at all
        for old, new in (("\tret;", "\tnanosleep.u32 20;\n\tret;"),
                         ("div.rn.f32", "div.full.f32"),
                         ("fma.rn.f32", "fma.rn.ftz.f32"),
                         (".version 4.3", ".version 6.0"),
                         (".target sm_37", ".target sm_75"),
                         ("\tbar.sync", "\tbar.sink")):
            with self.subTest(new=new):
                self.assertIn(old, PTX)
                done = check(PTX.replace(old, new, 1))
                self.assertNotEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
