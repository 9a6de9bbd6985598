"""Numbers in disjoint sets: what hangs together already."""

from __future__ import annotations


class Disjoint:
    """The numbers 0 to n - 1, at first each in a set of its own (Galler and Fischer 1964)."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, number: int) -> int:
        """The one of its set that stands for it."""
        above = self._above
        while above[number] != number:
            above[number] = number = above[above[number]]
        return number

    def unite(self, a: int, b: int) -> bool:
        """Make one set of those of two numbers, for which that of ``b`` stands; False if they are one already."""
        a, b = self.find(a), self.find(b)
        self._above[a] = b
        return a != b
