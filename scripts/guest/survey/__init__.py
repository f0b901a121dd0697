# SPDX-License-Identifier: GPL-2.0-only
"""The judge on every driver that a guest can have: what it says of each is kept, and shown."""
