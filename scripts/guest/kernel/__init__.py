# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: configured and built here, or by somebody else, and what of them boots."""
