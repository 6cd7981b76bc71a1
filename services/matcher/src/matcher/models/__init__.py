"""The metrics the system knows, and the one in use."""
