"""A typed client for Needledrop's REST API."""

from needledrop_client.client import Client
from needledrop_client.errors import ApiError, ClientError, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from needledrop_client.models import About, Clip, Match, MatchedAudio, MatchResult, Model, Pending, Track

__all__ = [
    "About",
    "ApiError",
    "Client",
    "ClientError",
    "Clip",
    "Match",
    "MatchResult",
    "MatchedAudio",
    "Model",
    "Pending",
    "Track",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTimeoutError",
]
