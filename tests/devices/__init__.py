# SPDX-License-Identifier: GPL-2.0-only
"""Devices that attachments are on behalf of: PCI functions, and that they go."""
