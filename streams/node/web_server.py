"""Step 9 of the flow at run time: the node's web server, if its web views are on.

Rule: an address that cannot be had ends the start of the node with the mend, before it has joined anything. The server
is there before the replay begins, so that whoever asks a joining node learns what it waits for.
"""

from __future__ import annotations

from typing import Any

from streams.faust_app.app import build_web
from streams.node.settings import NodeSettings
from streams.web.pages import attach
from streams.web.source import Source


class WebRefused(Exception):
    """The web address cannot be had; the message says why, and the mend. The node was not started."""


async def serve_web(settings: NodeSettings, source: Source) -> Any:
    """The running web server, to be stopped; None if it is off. Raises WebRefused if the address cannot be had."""
    if settings.web_port is None:
        return None
    app = build_web(settings.web_host, settings.web_port)
    attach(app, source, settings.door())
    app.finalize()
    try:
        await app.web.start()
    except OSError as fault:
        raise WebRefused(
            f"cannot serve web views at {settings.web_url}: {fault.strerror or fault}: choose another --web"
        ) from fault
    return app.web
