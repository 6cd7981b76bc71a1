"""The user's audio library."""
