"""The control connection of an FTP probe: commands out, replies in, and where the target opens its data ports.

Rule: data connections go to the address of the control connection and to no other, whatever the reply says: a hostile
server could point a prober at anything that the node reaches (RFC 2577, section 3, the other way round). Nor do they go
to a port below 1024: passive ports are ephemeral ones, and a service that already was there is none of the server's.
Lines, lines of one reply and replies are bounded. Why not the library's `ftplib`: it blocks, and it reads without end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

LINE_BYTES = 4096
"""The longest line of a reply."""

REPLY_LINES = 100
"""The most lines of one reply: greetings of public servers are long."""

LOWEST_DATA_PORT = 1024


class FtpFault(Exception):
    """The target did not speak FTP as it must (`text` says how), or hung up (`closed`)."""

    def __init__(self, text: str, closed: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.closed = closed


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code, and its last line with the code."""

    code: int
    line: str

    @property
    def is_begun(self) -> bool:
        """A transfer begins: 1yz."""
        return 100 <= self.code < 200

    @property
    def is_done(self) -> bool:
        """Completed: 2yz."""
        return 200 <= self.code < 300


class FtpControl:
    """One control connection. Raises OSError when it breaks, FtpFault when the target does not keep to the protocol."""

    def __init__(self, ip: str, port: int, source_ip: str = "") -> None:
        self._ip = ip
        self._source = (source_ip, 0) if source_ip else None
        self._port = port
        self._reader: asyncio.StreamReader
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        """Open it. The greeting is the first reply."""
        self._reader, _ = await self._open(self._port)

    async def connect_data(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A passive data connection: EPSV (RFC 2428), and for IPv4 also PASV, which older servers have only."""
        reply = await self.ask("EPSV")
        if reply.code == 229:
            return await self._open(_extended_port(reply.line))
        if ":" not in self._ip:
            reply = await self.ask("PASV")
            if reply.code == 227:
                return await self._open(_passive_port(reply.line))
        raise FtpFault(f"no passive data connection: {reply.line}")

    async def ask(self, command: str) -> Reply:
        """Send a command and await its reply."""
        self._writers[0].write(f"{command}\r\n".encode())
        return await self.reply()

    async def reply(self) -> Reply:
        """The next reply; of one with several lines (`123-` to `123 `) the last line."""
        line = await self._line()
        code = line[:3]
        if not (len(code) == 3 and code.isascii() and code.isdigit()) or line[3:4] not in ("", " ", "-"):
            raise FtpFault(f"not an FTP reply: {line[:120]}")
        if line[3:4] == "-":
            for _ in range(REPLY_LINES):
                line = await self._line()
                if line[:4] in (f"{code} ", code):
                    break
            else:
                raise FtpFault(f"a reply {code} of more than {REPLY_LINES} lines")
        return Reply(int(code), line)

    def leave(self) -> None:
        """Say goodbye, or the target logs a lost session; its answer is not awaited."""
        self._writers[0].write(b"QUIT\r\n")

    def close(self) -> None:
        """Close every connection at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def _open(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._ip, port, local_addr=self._source, limit=LINE_BYTES)
        self._writers.append(writer)
        return reader, writer

    async def _line(self) -> str:
        try:
            data = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise FtpFault(f"a line longer than {LINE_BYTES} bytes") from None
        except asyncio.IncompleteReadError:
            raise FtpFault("closed", closed=True) from None
        return data.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _extended_port(line: str) -> int:
    """The port of `229 text (|||port|)`; the delimiter may be any character."""
    inside = line.partition("(")[2].partition(")")[0]
    parts = inside.split(inside[:1]) if inside else []
    return _data_port(parts[3] if len(parts) == 5 else "", line)


def _passive_port(line: str) -> int:
    """The port of `227 text (h1,h2,h3,h4,p1,p2)`. The address is not read: ours is that of the control connection."""
    parts = line.partition("(")[2].partition(")")[0].split(",")
    high, low = parts[4:6] if len(parts) == 6 else ("", "")
    if not (high.isascii() and high.isdigit() and low.isascii() and low.isdigit() and int(low) < 256):
        raise FtpFault(f"no port in the reply to PASV: {line[:120]}")
    return _data_port(str(int(high) * 256 + int(low)), line)


def _data_port(digits: str, line: str) -> int:
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    if not LOWEST_DATA_PORT <= port < 65536:
        raise FtpFault(f"no data port from {LOWEST_DATA_PORT} to 65535 in the reply: {line[:120]}")
    return port
