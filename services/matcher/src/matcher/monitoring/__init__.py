"""How the system is: health, readiness, metrics."""
