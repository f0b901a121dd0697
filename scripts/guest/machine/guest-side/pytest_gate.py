# SPDX-License-Identifier: GPL-2.0-only
"""pytest that loads while the tests are still being built, and starts when told to.

End of file on standard input says that modules, programs and tests are in place. Importing
pytest is most of what it does in an emulated guest: 3 s.
"""
import importlib
import os
import sys

import _pytest.config
import pytest

for name in getattr(_pytest.config, "default_plugins", ()):
    importlib.import_module(f"_pytest.{name}")
sys.stdin.read()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.path.insert(0, os.getcwd())  # as `python3 -m pytest` has it
sys.exit(pytest.main(sys.argv[1:]))
