"""A map that is never changed: an update answers a new map that shares all untouched parts with the old one.

Rule: readers on any thread may keep a map as long as they like. Why not a dictionary copied at each update: with 70,000
entities one copy takes milliseconds, and replaying 70,000 commands would take minutes. Why not a library of persistent
structures: none is among our dependencies, and a list of small dictionaries is enough. The order of iteration is not
promised and differs between processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

BUCKET_ITEMS = 64
"""Items per bucket on average, at most; then the number of buckets grows eightfold."""
GROWTH = 8


class PersistentMap(Generic[Key, Value], Mapping[Key, Value]):
    """Dictionaries side by side; the key's hash tells which one holds it."""

    __slots__ = ("_buckets", "_mask", "_size")

    def __init__(self, items: Mapping[Key, Value] | None = None) -> None:
        items = items or {}
        count = 1
        while len(items) > count * BUCKET_ITEMS:
            count *= GROWTH
        buckets: list[dict[Key, Value]] = [{} for _ in range(count)]
        self._mask = count - 1
        for key, value in items.items():
            buckets[hash(key) & self._mask][key] = value
        self._buckets = tuple(buckets)
        self._size = len(items)

    def updated(self, put: Mapping[Key, Value], drop: Iterable[Key] = ()) -> PersistentMap[Key, Value]:
        """A map without the keys of `drop` (absent ones are ignored), then with the items of `put`."""
        if self._size + len(put) > len(self._buckets) * BUCKET_ITEMS:
            grown = dict(self.items())
            for key in drop:
                grown.pop(key, None)
            return PersistentMap(grown | dict(put))
        buckets, own, size = list(self._buckets), set[int](), self._size
        for key in drop:
            bucket = self._owned(buckets, own, key)
            size -= key in bucket
            bucket.pop(key, None)
        for key, value in put.items():
            bucket = self._owned(buckets, own, key)
            size += key not in bucket
            bucket[key] = value
        return self._of(tuple(buckets), size)

    def _owned(self, buckets: list[dict[Key, Value]], own: set[int], key: Key) -> dict[Key, Value]:
        """The key's bucket, copied before its first change."""
        index = hash(key) & self._mask
        if index not in own:
            own.add(index)
            buckets[index] = buckets[index].copy()
        return buckets[index]

    @classmethod
    def _of(cls, buckets: tuple[dict[Key, Value], ...], size: int) -> PersistentMap[Key, Value]:
        made = cls.__new__(cls)
        made._buckets, made._mask, made._size = buckets, len(buckets) - 1, size
        return made

    def __getitem__(self, key: Key) -> Value:
        return self._buckets[hash(key) & self._mask][key]

    def __contains__(self, key: object) -> bool:
        return key in self._buckets[hash(key) & self._mask]

    def __iter__(self) -> Iterator[Key]:
        for bucket in self._buckets:
            yield from bucket

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self.items())!r})"
