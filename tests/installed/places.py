"""Signoff as it is installed: from a wheel, or by the Dockerfile's steps as far as they need no engine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("agent", "bot", "tools", "prompts", "migrations", "pyproject.toml", "README.md", "LICENSE", "manifest.yml")


def build_wheel(folder: Path) -> Path:
    """Return a wheel of this checkout, made offline. It is made from a copy: what an earlier build left behind would get in."""
    sources = folder / "sources"
    for name in SOURCES:
        place = REPOSITORY / name
        if place.is_dir():
            shutil.copytree(place, sources / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            sources.mkdir(exist_ok=True)
            shutil.copy(place, sources / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "wheels", sources)
    [wheel] = (folder / "wheels").iterdir()
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Return the folder that the wheel was installed into."""
    _pip("install", "--no-deps", "--target", folder, wheel)
    return folder


def _pip(command: str, *arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", "--no-index", "--disable-pip-version-check", *arguments], check=True
    )


def production_packages(folder: Path) -> Path:
    """Return a folder with what requirements.lock names, and nothing else: links to where this environment has it."""
    folder.mkdir()
    for name in re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE):
        try:
            found = distribution(name)
        except ModuleNotFoundError:  # for another platform or Python
            continue
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))))
    return folder


def image_folder(folder: Path) -> Path:
    """Return what `COPY . .` brings into the image: all that .dockerignore lets through. The last line that matches decides."""
    lines = (REPOSITORY / ".dockerignore").read_text().split()
    for path in _files(REPOSITORY, lines):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, folder / path, follow_symlinks=False)
    return folder


def _files(top: Path, lines: list[str]) -> Iterator[Path]:
    wanted = {line[1:] for line in lines if line.startswith("!")}
    for name in sorted(wanted):
        for path in [top / name] if (top / name).is_file() else (top / name).rglob("*"):
            relative = path.relative_to(top)
            if not path.is_dir() and _let_through(relative, lines):
                yield relative


def _let_through(path: Path, lines: list[str]) -> bool:
    through = True
    for line in lines:
        pattern = line.removeprefix("!")
        above = Path(*path.parts[: len(Path(pattern).parts)])  # as far as the pattern goes
        if pattern == "*" or above.match(pattern) or (pattern.startswith("**/") and pattern[3:] in path.parts):
            through = line.startswith("!")
    return through


def command_of_the_image(folder: Path) -> Path:
    """Return the command that the Dockerfile writes, written by the same line of it."""
    [line] = re.findall(r"^RUN (printf .*) > /usr/local/bin/signoff ", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    command = folder / "signoff"
    with command.open("wb") as file:
        subprocess.run(["sh", "-c", line], stdout=file, check=True)
    return command


def environment(*places: Path) -> dict[str, str]:
    """Return one in which Python finds what is in these places, without this checkout; start it with -S, so that it finds nothing
    else."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, places))}
