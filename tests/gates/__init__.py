# SPDX-License-Identifier: GPL-2.0-only
"""What every test has to pass beside its own assertions, and the controls of that."""
