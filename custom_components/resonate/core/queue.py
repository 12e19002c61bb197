"""What a group plays one after another: plain data. Every change is another value; nothing here plays anything."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import Final

from .errors import QueueFullError, UnknownEntryError
from .media.request import MediaRequest
from .units import EntryId

MOST_ENTRIES: Final = 20_000
"""More than any album or list of a person; still no operation takes 50 ms."""


class Repeat(StrEnum):
    """What follows the last entry, and each."""

    OFF = "off"
    ONE = "one"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """A medium in its place. The same medium twice is two entries."""

    entry_id: EntryId
    request: MediaRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Entries, which of them is heard, and what follows it."""

    entries: tuple[QueueEntry, ...] = ()
    """In the order in which they are played."""
    current: EntryId | None = None
    """What is heard, or was last; None: nothing yet, or all was."""
    repeat: Repeat = Repeat.OFF
    unshuffled: tuple[EntryId, ...] | None = None
    """The order before they were shuffled; None: they are not."""
    seed: int = 0
    """Of the last shuffle: the next one is another, and known in advance."""
    next_id: int = 1
    current_index: int | None = field(init=False, compare=False, repr=False)
    """Where the entry that is heard stands: looked for once, for every player shows it again and again."""

    def __post_init__(self) -> None:
        """Raise UnknownEntryError for one that is heard and not there."""
        object.__setattr__(self, "current_index", None if self.current is None else self.index(self.current))

    # What there is

    @property
    def is_shuffled(self) -> bool:
        """Whether the order is one of chance."""
        return self.unshuffled is not None

    @property
    def current_entry(self) -> QueueEntry | None:
        """The entry that is heard."""
        return None if self.current_index is None else self.entries[self.current_index]

    @property
    def has_next(self) -> bool:
        """Whether `skip` leads anywhere."""
        if not self.entries or self.repeat is not Repeat.OFF:
            return bool(self.entries)
        return self.current != self.entries[-1].entry_id

    @property
    def has_previous(self) -> bool:
        """Whether `back` leads anywhere."""
        index = self.current_index
        return index is not None and (index > 0 or self.repeat is Repeat.ALL)

    def index(self, entry_id: EntryId) -> int:
        """Return where an entry stands. Raises UnknownEntryError."""
        for index, entry in enumerate(self.entries):
            if entry.entry_id == entry_id:
                return index
        raise UnknownEntryError(f"no entry {entry_id}")

    def __contains__(self, entry_id: EntryId) -> bool:
        """Tell whether there is such an entry."""
        return any(entry.entry_id == entry_id for entry in self.entries)

    def after(self, entry_id: EntryId) -> QueueEntry | None:
        """Return what follows an entry by itself; None: nothing does, or the entry is not there."""
        if entry_id not in self:
            return None
        following = self.at(entry_id).step()
        return None if following is None else following.current_entry

    # Where it is

    def at(self, entry_id: EntryId) -> Queue:
        """Return it with another entry being heard. Raises UnknownEntryError."""
        self.index(entry_id)
        return replace(self, current=entry_id)

    def rewound(self) -> Queue:
        """Return it with nothing heard yet."""
        return replace(self, current=None)

    def step(self) -> Queue | None:
        """Return it as it goes on by itself when the present entry has ended; None at the end."""
        return self if self.repeat is Repeat.ONE and self.current is not None else self.skip()

    def skip(self) -> Queue | None:
        """Return it at the next entry, whatever is repeated; None where there is none."""
        index = self.current_index
        following = 0 if index is None else index + 1
        if following < len(self.entries):
            return replace(self, current=self.entries[following].entry_id)
        if not self.entries or self.repeat is Repeat.OFF:
            return None
        queue = self._shuffled_anew(avoid=self.current) if self.is_shuffled else self
        return replace(queue, current=queue.entries[0].entry_id)

    def back(self) -> Queue | None:
        """Return it at the entry before the present one; None where there is none."""
        index = self.current_index
        if index is None or not self.has_previous:
            return None
        return replace(self, current=self.entries[index - 1].entry_id)

    def moved_to(self, entry_id: EntryId) -> Queue:
        """Return it as it is once an entry is heard, by itself or not. Raises UnknownEntryError."""
        by_itself = self.step()
        return by_itself if by_itself is not None and by_itself.current == entry_id else self.at(entry_id)

    # What is in it

    def insert(self, requests: Sequence[MediaRequest], index: int) -> Queue:
        """Return it with media in a place: 0 is before all others, what lies behind the last is behind the last.

        Raises QueueFullError.
        """
        if len(self.entries) + len(requests) > MOST_ENTRIES:
            raise QueueFullError(f"more than {MOST_ENTRIES} entries")
        index = min(max(index, 0), len(self.entries))
        added = tuple(
            QueueEntry(entry_id=EntryId(entry_id), request=request)
            for entry_id, request in enumerate(requests, self.next_id)
        )
        unshuffled = self.unshuffled
        if unshuffled is not None:
            before = None if index == 0 else self.entries[index - 1].entry_id
            is_last = index == len(self.entries)
            place = len(unshuffled) if is_last else 0 if before is None else unshuffled.index(before) + 1
            unshuffled = (*unshuffled[:place], *(entry.entry_id for entry in added), *unshuffled[place:])
        return replace(
            self,
            entries=(*self.entries[:index], *added, *self.entries[index:]),
            unshuffled=unshuffled,
            next_id=self.next_id + len(added),
        )

    def add(self, requests: Sequence[MediaRequest]) -> Queue:
        """Return it with media behind the last. Raises QueueFullError."""
        return self.insert(requests, len(self.entries))

    def add_next(self, requests: Sequence[MediaRequest]) -> Queue:
        """Return it with media behind what is heard. Raises QueueFullError."""
        index = self.current_index
        return self.insert(requests, 0 if index is None else index + 1)

    def replaced(self, requests: Sequence[MediaRequest]) -> Queue:
        """Return it with other media in the place of all that are there, shuffled if it was. Raises QueueFullError."""
        emptied = replace(self, entries=(), current=None, unshuffled=None)
        filled = emptied.add(requests)
        return filled.shuffled(self.seed + 1) if self.is_shuffled else filled

    def remove(self, entry_ids: Collection[EntryId]) -> Queue:
        """Return it without these. Raises UnknownEntryError, and nothing is removed then.

        If what is heard is among them, it is at the first one behind it that stays.
        """
        gone = frozenset(entry_ids)
        if missing := gone - {entry.entry_id for entry in self.entries}:
            raise UnknownEntryError(f"no entry {min(missing)}")
        current = self.current
        if current in gone:
            behind = self.entries[self.index(current) :]
            current = next((entry.entry_id for entry in behind if entry.entry_id not in gone), None)
        return replace(
            self,
            entries=tuple(entry for entry in self.entries if entry.entry_id not in gone),
            unshuffled=None if self.unshuffled is None else tuple(it for it in self.unshuffled if it not in gone),
            current=current,
        )

    def move(self, entry_ids: Sequence[EntryId], index: int) -> Queue:
        """Return it with entries in another place, in this order, as counted without them. Raises UnknownEntryError."""
        gone = frozenset(entry_ids)
        found = {entry.entry_id: entry for entry in self.entries if entry.entry_id in gone}
        if missing := gone - found.keys():
            raise UnknownEntryError(f"no entry {min(missing)}")
        moved = tuple(found[entry_id] for entry_id in dict.fromkeys(entry_ids))
        others = tuple(entry for entry in self.entries if entry.entry_id not in gone)
        index = min(max(index, 0), len(others))
        return replace(self, entries=(*others[:index], *moved, *others[index:]))

    def cleared(self) -> Queue:
        """Return it without any entry; what is repeated or shuffled stays so."""
        return replace(self, entries=(), current=None, unshuffled=() if self.is_shuffled else None)

    # In which order

    def repeated(self, repeat: Repeat) -> Queue:
        """Return it with something else repeated."""
        return replace(self, repeat=repeat)

    def shuffled(self, seed: int) -> Queue:
        """Return it in an order of chance: what is heard comes first; shuffled already, it stays as it is."""
        if self.is_shuffled:
            return self
        rest = [entry for entry in self.entries if entry.entry_id != self.current]
        Random(seed).shuffle(rest)
        first = () if self.current_entry is None else (self.current_entry,)
        return replace(self, entries=(*first, *rest), unshuffled=_ids(self.entries), seed=seed)

    def in_order(self) -> Queue:
        """Return it in the order in which it was before it was shuffled."""
        if self.unshuffled is None:
            return self
        by_id = {entry.entry_id: entry for entry in self.entries}
        return replace(self, entries=tuple(by_id[entry_id] for entry_id in self.unshuffled), unshuffled=None)

    def _shuffled_anew(self, *, avoid: EntryId | None) -> Queue:
        """Return it in the order of its next round, which does not begin with what ended the one before."""
        entries = list(self.entries)
        random = Random(self.seed + 1)
        random.shuffle(entries)
        if entries[0].entry_id == avoid and len(entries) > 1:
            other = random.randrange(1, len(entries))
            entries[0], entries[other] = entries[other], entries[0]
        return replace(self, entries=tuple(entries), seed=self.seed + 1)


def _ids(entries: Iterable[QueueEntry]) -> tuple[EntryId, ...]:
    return tuple(entry.entry_id for entry in entries)
