"""Senders by other people draw a page on the virtual plotter, and the ink is compared with what was meant.

    python benchmarks/foreign_senders/run.py [--cncjs FOLDER] [--printrun PYTHON]

FOLDER is where `npm install cncjs` was run (GRBL); PYTHON has Printrun (Marlin): `pip install --no-deps printrun`
and what it imports, its window is not needed. A sender that is not given is skipped with a word. The
virtual plotters run at ten times the speed of real ones. What is printed is kept in output.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import shapely

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from apart import PlotterApart  # noqa: E402

from gcode.motion import estimate  # noqa: E402
from gcode.profile import Profile, load_profile  # noqa: E402
from gcode.program import Program, ink  # noqa: E402
from gcode.writing import write_program  # noqa: E402

SPEED = 10.0
STROKES, POINTS = 18, 16
PATIENCE = 300.0  # s for a sender to finish


def page(profile: Profile) -> Program:
    """Some 300 lines: scribbles, and a dot after each third."""
    rng = np.random.default_rng(4)
    lines: list[np.ndarray] = []
    for n in range(STROKES):
        lines.append(rng.uniform(60.0, 160.0, 2) + np.cumsum(rng.normal(0.0, 2.0, (POINTS, 2)), axis=0))
        if n % 3 == 0:
            lines.append(lines[-1][-1:] + 3.0)
    return write_program(lines, profile)


def shape(line: np.ndarray) -> shapely.Geometry:
    """A polyline, or a dot."""
    return shapely.Point(line[0]) if len(line) == 1 else shapely.LineString(line)


def compare(drawn: list[np.ndarray], meant: list[np.ndarray]) -> str:
    """In a clause: how many strokes, and by how much the worst of them misses."""
    if len(drawn) != len(meant):
        return f"{len(drawn)} strokes of {len(meant)}"
    miss = max(shape(a).hausdorff_distance(shape(b)) for a, b in zip(drawn, meant, strict=True))
    length, wanted = (sum(float(shape(line).length) for line in lines) for lines in (drawn, meant))
    return f"all {len(meant)} strokes, none more than {miss:.3f} mm off, {length:.1f} mm of ink for {wanted:.1f} mm"


def listens(port: int) -> bool:
    """Whether a server is there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A TCP port that nobody has now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def by_cncjs(folder: Path, port: str, profile: Profile, file: Path) -> str:
    """cncjs's server, without its page; what it said."""
    number = free_port()
    settings = file.parent / "cncrc"
    settings.write_text("{}", encoding="ascii")
    words: list[str | Path] = [folder / "node_modules/.bin/cncjs", "-H", "127.0.0.1", "-p", str(number), "-c", settings]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60.0
        while not listens(number) and time.monotonic() < end:
            time.sleep(0.2)
        client: list[str | Path] = [
            "node",
            HERE / "cncjs.js",
            f"http://127.0.0.1:{number}",
            port,
            str(profile.baud),
            file,
        ]
        return said(client, {**os.environ, "NODE_PATH": str(folder / "node_modules")})
    finally:
        server.terminate()
        server.wait()


def by_printrun(python: Path, port: str, profile: Profile, file: Path) -> str:
    """Printrun's printcore; what it said."""
    return said([python, HERE / "printrun_send.py", port, str(profile.baud), file], dict(os.environ))


def said(words: list[str | Path], environment: dict[str, str]) -> str:
    """What a sender prints, and how it ended."""
    try:
        done = subprocess.run(
            words,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return f"{(late.stdout or b'').decode()}did not finish in {PATIENCE:.0f} s\n"
    return done.stdout if done.returncode == 0 else f"{done.stdout}ended with {done.returncode}\n"


def version_of_cncjs(folder: Path) -> str:
    """As its package says."""
    package = (folder / "node_modules/cncjs/package.json").read_text(encoding="utf-8")
    return str(json.loads(package)["version"])


def version_of_printrun(python: Path) -> str:
    """As its package says."""
    words: list[str | Path] = [python, "-c", "from importlib.metadata import version; print(version('printrun'))"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Each sender in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cncjs", type=Path, metavar="FOLDER")
    parser.add_argument("--printrun", type=Path, metavar="PYTHON")
    given = parser.parse_args()
    senders = [
        ("cncjs", given.cncjs, "grbl-servo", by_cncjs, version_of_cncjs),
        ("Printrun", given.printrun, "marlin-servo", by_printrun, version_of_printrun),
    ]
    for name, where, machine, send, version in senders:
        if where is None:
            print(f"## {name}: not installed, skipped\n", flush=True)
            continue
        profile = load_profile(machine)
        program = page(profile)
        print(f"## {name} {version(where)} on {machine}: {len(program.blocks)} lines\n", flush=True)
        with tempfile.TemporaryDirectory() as folder, PlotterApart(profile, SPEED) as plotter:
            file = Path(folder) / "job.gcode"
            program.save(file)
            text = send(where, plotter.port, profile, file).replace(plotter.port, "PORT")
            seen = plotter.seen()
        print(text)
        planned = estimate(program, profile).seconds
        print(f"Ink: {compare(seen.ink, ink(program, profile))}.")
        print(
            f"Machine at work {seen.seconds:.1f} s, planned {planned:.1f} s; it read {seen.lines} lines.\n", flush=True
        )


if __name__ == "__main__":
    main()
