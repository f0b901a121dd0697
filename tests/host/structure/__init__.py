# SPDX-License-Identifier: GPL-2.0-only
"""How the tree is divided, and what may use what."""
