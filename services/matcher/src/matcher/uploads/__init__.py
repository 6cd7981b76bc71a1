"""How files come in: forms, raw bodies, resumable uploads, and requests that are sent again."""
