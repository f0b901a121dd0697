# SPDX-License-Identifier: GPL-2.0-only
"""Entry point: ``python3 scripts/guest VERB``."""
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from guest.cli import main  # noqa: E402  (needs the path set above)

if __name__ == "__main__":
    sys.exit(main())
