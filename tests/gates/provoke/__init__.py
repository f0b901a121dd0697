# SPDX-License-Identifier: GPL-2.0-only
"""One bug for each detector of a debug kernel."""
