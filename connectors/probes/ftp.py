"""FTP: the target is up if it lets the user log in, gives the file with the expected content, and takes another (M-6).

Rule: what is not asked for is not done: without a file the probe ends after the login. Of a file at most 64 KB are
fetched; content is looked for in the first 24 KB. The response time is that of the get and the put (M-7), from the
command to its last reply; of a mere login that of the whole probe. Names are those of NetScaler's FTP-EXTENDED.
"""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from errno import ECONNRESET
from time import monotonic_ns

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import TaskKind, Timed
from connectors.probes.ftp_control import FtpControl, FtpFault, Reply
from connectors.probes.matching import CONTENT, WINDOW_BYTES, Content
from connectors.probes.outcome import UP, Outcome, down, from_errno
from connectors.probes.secrets import header_secret
from schemas.probes import Reason

FILE_BYTES = 64 * 1024
"""As much of a file is fetched; the rest of a longer one is left to the target."""

DEFAULTS: Mapping[str, ParameterValue] = {
    "user_name": "anonymous",
    "password_ref": "",
    "file_name": "",
    "put_file_name": "",
    "put_content": "watchbill",
    **CONTENT,
}
"""`file_name` is fetched, `put_file_name` is written with `put_content`; empty: not done."""


class FtpTask:
    """One session a probe: connect, log in, get, put, leave."""

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        if not 0 < binding.port < 65536:
            raise ValueError(f"port {binding.port} of {binding.service_name} is not a TCP port: give 1 to 65535")
        self._ip, self._port, self._target = binding.ip, binding.port, binding.target
        self._source_ip, self._timeout_ms = binding.source_ip, binding.timeout_ms
        self._user = _argument(settings, "user_name")
        self._get, self._put = _argument(settings, "file_name"), _argument(settings, "put_file_name")
        self._put_content = str(settings["put_content"]).encode()
        self._content = Content(settings)
        if self._content.looks and not self._get:
            raise ValueError("content is looked for, but no file_name is given: name the file that holds it")
        ref = str(settings["password_ref"])
        self._password = header_secret(ref) if ref else "watchbill@"
        self._doing = ""
        """What is under way, for people; empty until the connection stands."""
        self._got = 0

    async def run(self) -> Outcome | Timed:
        """One session."""
        self._doing, self._got = "", 0
        control = FtpControl(self._ip, self._port, self._source_ip)
        try:
            return await self._session(control)
        except FtpFault as fault:
            return down(Reason.CLOSED if fault.closed else Reason.BAD_RESPONSE, f"{self._doing}: {fault.text}")
        except OSError as error:
            return from_errno(error.errno or ECONNRESET, f"{self._doing or 'connect'} to {self._target}")
        finally:
            control.close()

    def overdue(self) -> Outcome:
        """The phase that did not end."""
        within = f"within {self._timeout_ms} ms"
        if not self._doing:
            return down(Reason.TIMEOUT_CONNECT, f"no connection to {self._target} {within}")
        if self._got:
            return down(Reason.TIMEOUT_BODY, f"{self._doing}: not complete {within}, after {self._got} bytes")
        return down(Reason.TIMEOUT_FIRST_BYTE, f"{self._doing}: nothing came {within}")

    async def _session(self, control: FtpControl) -> Outcome | Timed:
        await control.connect()
        self._doing = "greeting"
        failed = self._unless_done(await control.reply()) or await self._log_in(control)
        if failed is not None:
            return failed
        found: Outcome | Timed = UP
        if self._get or self._put:
            found = await self._transfer(control)
        control.leave()
        return found

    async def _log_in(self, control: FtpControl) -> Outcome | None:
        self._doing = f"login of {self._user}"
        reply = await control.ask(f"USER {self._user}")
        if reply.code == 331:
            reply = await control.ask(f"PASS {self._password}")
        return self._unless_done(reply)

    async def _transfer(self, control: FtpControl) -> Outcome | Timed:
        """Get, then put; the time is that of both."""
        self._doing = "binary mode"
        failed = self._unless_done(await control.ask("TYPE I"))
        if failed is not None:
            return failed
        outcome, spent_us = UP, 0
        for verb, name, move in (("get", self._get, self._fetch), ("put", self._put, self._store)):
            if name and outcome is UP:
                self._doing, self._got = f"{verb} of {name}", 0
                reader, writer = await control.connect_data()
                began_ns = monotonic_ns()
                outcome = await move(control, reader, writer)
                spent_us += (monotonic_ns() - began_ns) // 1000
        return Timed(outcome, spent_us)

    async def _fetch(self, control: FtpControl, reader: StreamReader, writer: StreamWriter) -> Outcome:
        reply = await control.ask(f"RETR {self._get}")
        if not reply.is_begun:
            return self._refused(reply)
        body = bytearray()
        while len(body) < FILE_BYTES and (part := await reader.read(FILE_BYTES - len(body))):
            body += part
            self._got = len(body)
        writer.transport.abort()
        failed = self._unless_done(await control.reply()) if len(body) < FILE_BYTES else None
        if failed is not None:
            return failed
        return self._content.judge(body[:WINDOW_BYTES]) if self._content.looks else UP

    async def _store(self, control: FtpControl, _reader: StreamReader, writer: StreamWriter) -> Outcome:
        reply = await control.ask(f"STOR {self._put}")
        if not reply.is_begun:
            return self._refused(reply)
        writer.write(self._put_content)
        await writer.drain()
        writer.close()
        return self._unless_done(await control.reply()) or UP

    def _unless_done(self, reply: Reply) -> Outcome | None:
        return None if reply.is_done else self._refused(reply)

    def _refused(self, reply: Reply) -> Outcome:
        return down(Reason.BAD_STATUS, f"{self._doing}: {reply.line}")


def _argument(settings: Mapping[str, ParameterValue], name: str) -> str:
    """An argument of a command. Raises ValueError if it would end the command early."""
    text = str(settings[name])
    if not text.isprintable():
        raise ValueError(f"{name} holds control characters: give one line of plain text")
    return text


FTP = TaskKind("FTP", DEFAULTS, FtpTask)
