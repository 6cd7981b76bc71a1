"""The keys of the database's advisory locks, all in one place: locks with one key exclude each other."""

from enum import IntEnum, unique


@unique
class LockKey(IntEnum):
    """Locks on content and on requests have keys that are hashes instead, of 64 bits."""

    MIGRATION = 7319001
    """Held alone by whoever changes the schema."""
    ACTIVE_MODEL = 7319002
    """Held shared by whoever embeds with the active model, and alone by whoever switches it."""
    REMOVAL = 7319003
    """Held shared while objects are removed from the media store, and alone by a backup."""
    INDEXES = 7319004
    """Held alone by whoever looks after the approximate indexes."""
