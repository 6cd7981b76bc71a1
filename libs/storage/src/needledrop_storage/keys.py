"""Where things lie in the media store."""


def media_key(sha256: str) -> str:
    """Where an uploaded file's bytes live."""
    return f"media/{sha256[:2]}/{sha256}"


def features_key(sha256: str, space: str) -> str:
    """Where the features of a file in a feature space live."""
    return f"features/{sha256[:2]}/{sha256}/{space}.npy"


def info_key(key: str) -> str:
    """Where the facts learned of a file lie, given the key of its features."""
    return key.removesuffix(".npy") + ".json"


def model_key(model_id: str, path: str) -> str:
    """Where a file of a trained model's folder lives."""
    return f"models/{model_id}/{path}"
