"""Metrics between pictures and music: towers, losses, training, evaluation, and embedding with a trained metric."""
