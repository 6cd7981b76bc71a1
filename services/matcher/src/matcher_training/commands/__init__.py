"""The commands of `needledrop-train`, one a module."""
