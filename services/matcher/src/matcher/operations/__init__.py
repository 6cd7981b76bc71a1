"""What an operator does: backup, restore, verification, collection of orphans."""
