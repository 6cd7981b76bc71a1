"""The SQL of rankings, which only reads."""
