# SPDX-License-Identifier: GPL-2.0-only
"""The trace events of both modules: see docs/modules/events.md."""
