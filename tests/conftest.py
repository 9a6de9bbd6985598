"""What all tests need of the process they run in."""

from __future__ import annotations

import signal

# A shell starts what runs in its background with Ctrl-C ignored, and commands started from here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
