"""The SQL of backups: whole tables, and every object that their rows name."""
