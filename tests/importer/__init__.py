# SPDX-License-Identifier: GPL-2.0-only
"""The test importer: attachments, jobs, events; and importers that are not ours."""
