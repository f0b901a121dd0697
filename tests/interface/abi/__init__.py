# SPDX-License-Identifier: GPL-2.0-only
"""What older programs were compiled with, and what the interface is in numbers."""
