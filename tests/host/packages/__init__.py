# SPDX-License-Identifier: GPL-2.0-only
"""Packages, tarball and installation."""
