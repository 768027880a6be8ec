"""``python -m spinlab``."""

import sys

from .cli import main

sys.exit(main())
