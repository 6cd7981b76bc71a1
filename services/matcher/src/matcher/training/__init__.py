"""Training a metric on the installation's own pairs and choices."""
