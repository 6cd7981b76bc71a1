"""The uploaded videos."""
