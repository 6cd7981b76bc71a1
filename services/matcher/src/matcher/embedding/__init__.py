"""From features to vectors: what a model has embedded, and the index over it."""
