"""Training: recipes and which suits which data, batches, losses, and the fit of each kind of metric."""
