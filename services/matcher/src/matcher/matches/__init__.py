"""Embeddings, and the ranking they give."""
