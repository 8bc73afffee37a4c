"""A way to Postgres that breaks off when it sees certain bytes: after they were handed on, before any answer."""

import asyncio
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Listens on this machine for as long as the block runs; `breaks_at` says where, `answered_bytes` how much came back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.breaks_at = b""
        self.answered_bytes = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.url = make_conninfo(self._url, host="127.0.0.1", port=self._server.sockets[0].getsockname()[1], gssencmode="disable")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        postgres = conninfo_to_dict(self._url)
        socket = f"{postgres['host']}/.s.PGSQL.{postgres.get('port') or 5432}"
        back_reader, back_writer = await asyncio.open_unix_connection(socket)
        self._tasks.append(asyncio.create_task(self._copy(back_reader, writer)))
        while data := await reader.read(65536):
            back_writer.write(data)
            if self.breaks_at and self.breaks_at in data:
                self._tasks[-1].cancel()
                break
            await back_writer.drain()
        writer.close()
        back_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.answered_bytes += len(data)
            writer.write(data)
