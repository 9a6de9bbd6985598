"""What a Marlin 2 board says, line by line, and how much it holds: pure parsing, no port."""

from __future__ import annotations

SLOTS = 15  # moves Marlin can hold undrawn: its ring has 16 places, of which one stays empty
QUEUE = 4  # commands read but not yet answered, the one at work among them (BUFSIZE)
RX_BUFFER = 127  # bytes the board can hold unread; what comes beyond is dropped without a word
LINE_BYTES = 95  # of a line, number and checksum counted; what comes beyond is dropped, too (MAX_CMD_SIZE 96)
BUSY_SECONDS = 2.0  # between two `busy:` while a command waits
