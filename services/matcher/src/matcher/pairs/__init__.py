"""Videos with their own sound: training data for metrics."""
