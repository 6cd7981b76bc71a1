"""Jobs as rows: claims, leases, attempts, results."""
