# SPDX-License-Identifier: GPL-2.0-only
"""The test suite in guests, what it has run, and the verdict."""
