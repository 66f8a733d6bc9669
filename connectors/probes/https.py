"""HTTPS: the conversation of HTTP, always over TLS (M-6).

Rule: not a conversation of its own: HTTP with `secure` on is the same probe. It exists because people look for that
name, and because an operator who asks for HTTPS must not get plain text by leaving a switch out.
"""

from __future__ import annotations

from connectors.probes import http
from connectors.probes.contract import Kind, Wire
from connectors.probes.secure import TLS

HTTPS = Kind("HTTPS", Wire.TLS, {**http.DEFAULTS, **TLS}, http.HttpConversation)
