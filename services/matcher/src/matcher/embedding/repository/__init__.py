"""The SQL of features and embeddings, as they are written and as they are missing."""
