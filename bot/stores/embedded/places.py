"""Where things lie: sockets, private folders, and the packages that carry the servers."""

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from bot.config.refusal import Refusal

SOCKET_PATH_BYTES = 100  # the kernel's limit for the path of a socket is 108 on Linux and 104 on macOS


def socket_path(folder: Path, name: str) -> Path:
    """Return `folder/name`; if that is too long for a socket, a place in the temporary folder, always the same for `folder`."""
    if len(os.fsencode(folder / name)) <= SOCKET_PATH_BYTES:
        return folder / name
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"signoff-{short}" / name


def private_folder(folder: Path, owner: str | None = None) -> Path:
    """Make `folder` for `owner` (None: ourselves) alone. Raises Refusal if somebody else has put one there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (found.st_uid != os.geteuid() and folder.owner() != owner):
        raise Refusal(f"The folder {folder} belongs to somebody else: remove it, or choose another SIGNOFF_HOME.")
    if owner is not None:
        shutil.chown(folder, owner, owner)
    return folder


def open_to_all(folder: Path) -> bool:
    """Return whether every user of this machine can get to `folder`."""
    resolved = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (resolved, *resolved.parents))


def package_folder(name: str) -> Path | None:
    """Return where a package is installed. It is not imported: some do things when they are."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
