"""What tracks and clips have in common: uploaded bytes, a job, a state."""
