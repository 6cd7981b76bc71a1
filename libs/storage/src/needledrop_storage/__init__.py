"""The media store."""
