"""Benchmarks and trials."""
