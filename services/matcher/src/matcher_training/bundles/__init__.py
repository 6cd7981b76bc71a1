"""Metrics in folders and bundles: loading, export, and the demo bundle."""
