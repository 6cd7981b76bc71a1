"""Bundles of public weights: the command `needledrop-models`. docs/models.md says what it does and where files lie."""
