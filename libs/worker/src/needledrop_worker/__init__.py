"""What every worker is made of; it knows no modality."""
