# SPDX-License-Identifier: GPL-2.0-only
"""The modules are asked to go, at every moment."""
