"""The networks that embed a side, their shapes and weights, and embedding with them."""
