"""Who may call: keys, sessions of the page, scopes, limits."""
