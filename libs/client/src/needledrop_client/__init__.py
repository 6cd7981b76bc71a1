"""A typed client for Needledrop's REST API."""

from needledrop_client.client import Client
from needledrop_client.errors import ApiError, ClientError, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from needledrop_client.models import About, Clip, Match, MatchedAudio, MatchResult, Model, Pending, Track
from needledrop_client.training_models import Choice, ModelDetail, ModelProgress, Pair

__all__ = [
    "About",
    "ApiError",
    "Choice",
    "Client",
    "ClientError",
    "Clip",
    "Match",
    "MatchResult",
    "MatchedAudio",
    "Model",
    "ModelDetail",
    "ModelProgress",
    "Pair",
    "Pending",
    "Track",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTimeoutError",
]
