"""How well a metric finds pairs: ranks, figures with intervals, and the report of them."""
