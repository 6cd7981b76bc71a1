"""The registry of models: which there are, and which one is in use."""
