"""HTTPS and HTTPS-ECV: the conversations of HTTP and HTTP-ECV, always over TLS (M-6).

Rule: not conversations of their own: HTTP with `secure` on is the same probe. They exist because people look for those
names, and because an operator who asks for HTTPS must not get plain text by leaving a switch out.
"""

from __future__ import annotations

from connectors.probes import http, http_ecv
from connectors.probes.contract import Kind, Wire
from connectors.probes.secure import TLS

HTTPS = Kind("HTTPS", Wire.TLS, {**http.DEFAULTS, **TLS}, http.HttpConversation)
HTTPS_ECV = Kind("HTTPS-ECV", Wire.TLS, {**http_ecv.DEFAULTS, **TLS}, http_ecv.HttpEcvConversation)
