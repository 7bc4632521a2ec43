# SPDX-License-Identifier: Apache-2.0
"""The modules beside this file and the recorder, by their names."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "e2e"):
    sys.path.insert(0, str(folder))


def pytest_configure(config):
    config.addinivalue_line("markers", "clones: needs clones of the definitions, named by the environment")
