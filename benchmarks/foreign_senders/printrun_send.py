"""Has Printrun's printcore (https://github.com/kliment/Printrun) send a file to a Marlin port.

    PYTHON printrun_send.py PORT BAUD FILE, with a Python that has Printrun.

Prints what the board says that is not `ok`, what the sender reports, and how many lines it sent again.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from printrun import gcoder
from printrun.printcore import printcore


def main() -> None:
    """Connect, send, wait for the end of the motion."""
    logging.basicConfig(stream=sys.stdout, format="printcore: %(message)s", level=logging.WARNING)
    port, baud, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    online, ended = threading.Event(), threading.Event()
    resends, sent, oks = [0], [0], [0]

    def heard(line: str) -> None:
        text = line.strip()
        if text.startswith("ok"):
            oks[0] += 1
        elif text:
            print(f"the board: {text}", flush=True)
        if text.lower().startswith(("resend", "rs")):
            resends[0] += 1

    def told(line: str, *_: object) -> None:
        sent[0] += 1

    core = printcore()
    core.recvcb = heard
    core.sendcb = told
    core.errorcb = lambda text: print(f"printcore: {text}", flush=True)
    core.onlinecb = online.set
    core.endcb = ended.set
    core.connect(port, baud)
    if not online.wait(20.0):
        sys.exit("the board did not come online")
    print("online", flush=True)
    lines = file.read_text(encoding="ascii").splitlines()
    core.startprint(gcoder.LightGCode([*lines, "M400"]))
    ended.wait()
    print(f"sent {sent[0]} lines for a file of {len(lines)}, {oks[0]} oks, {resends[0]} resends", flush=True)
    core.disconnect()


main()
