"""The system around the extractors: rankings, activation, the way of a clip, the API under load."""
