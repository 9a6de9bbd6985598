"""The arrows between the packages, and a light start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"models", "gcode", "plotbot"}
MAY_IMPORT = {
    "models": {"models", "numpy", "torch", "safetensors"},
    "gcode": {"gcode", "numpy", "serial"},
    "plotbot": {
        *OURS,
        "numba",
        "numpy",
        "torch",
        "vpype",
        "vpype_cli",
        "click",
        "svgelements",
        "shapely",
        "scipy",
        "PIL",
        "rich",
        "typer",
        "serial",
    },
}
HEAVY = ("torch", "vpype", "scipy", "shapely", "numba", "numpy")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names.add(str(node.module).split(".", maxsplit=1)[0])
    return names - set(sys.stdlib_module_names) - {"__future__"}


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert imported(path) <= MAY_IMPORT[package], path


def test_help_is_light() -> None:
    code = (
        "import sys; from plotbot.cli import app; app(['--help'], standalone_mode=False); "
        f"print([one for one in {HEAVY!r} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.rstrip().endswith("[]"), done.stdout


def test_no_pickle_is_written_or_loaded() -> None:
    for path in ROOT.glob("models/**/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "torch.load" not in text, path
        assert "torch.save" not in text, path
        assert "allow_pickle=True" not in text, path


def test_required_python_and_torch_admit_what_they_should() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"torch>=2.6"' in text
    assert 'requires-python = ">=3.11,<3.14"' in text
