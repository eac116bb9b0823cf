"""`python -m confcodec` is `confcodec`."""

import sys

from confcodec.cli import main

sys.exit(main())
