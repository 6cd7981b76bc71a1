"""Which track was taken for which clip: training data for metrics."""
