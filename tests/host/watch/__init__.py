# SPDX-License-Identifier: GPL-2.0-only
"""What `dmabuf-revoke watch` makes of recordings: text, pictures, figures. No kernel is needed."""
