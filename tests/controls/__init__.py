# SPDX-License-Identifier: GPL-2.0-only
"""Controls: every check of the contract is shown to turn red where the contract is broken."""
