"""Reads the fields of one frame that a target sent: numbers, texts up to a NUL, runs of bytes.

Rule: nothing is read beyond the frame. What is not there raises Malformed, which ends the probe as the target's
failure; so a parser is written as if every frame were whole, and none can be led past its end by a length that lies.
Why not `struct.unpack_from` and slices: a slice past the end is silently short.
"""

from __future__ import annotations

from typing import Literal

from connectors.probes.framed import Malformed


class Fields:
    """A place in a frame that moves forward only."""

    __slots__ = ("_data", "_place")

    def __init__(self, data: bytes, place: int = 0) -> None:
        self._data = data
        self._place = place

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        if not 0 <= count <= self.left:
            raise Malformed(f"a field of {count} bytes where {self.left} are left")
        start = self._place
        self._place = start + count
        return self._data[start : self._place]

    def number(self, width: int, order: Literal["big", "little"] = "big", *, signed: bool = False) -> int:
        """A number of `width` bytes."""
        return int.from_bytes(self.take(width), order, signed=signed)

    def text(self) -> bytes:
        """The bytes up to the next NUL, which is passed over."""
        end = self._data.find(b"\0", self._place)
        if end < 0:
            raise Malformed("a text without an end")
        found = self._data[self._place : end]
        self._place = end + 1
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)
