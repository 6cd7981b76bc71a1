"""The matcher: REST API, dispatcher and matcher-worker over one PostgreSQL database."""

__version__ = "0.1.0"
