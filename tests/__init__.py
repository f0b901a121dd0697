# SPDX-License-Identifier: GPL-2.0-only
"""The test suite, see conftest.py."""
