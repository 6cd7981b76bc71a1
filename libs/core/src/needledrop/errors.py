"""The one error hierarchy, and the stable codes that users, messages and job rows carry."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable: a code is added, never renamed. `docs/api.md` explains each to users."""

    MEDIA_EMPTY = "media_empty"
    MEDIA_UNREADABLE = "media_unreadable"
    MEDIA_TOO_SHORT = "media_too_short"
    MEDIA_TOO_LARGE = "media_too_large"
    MEDIA_TOO_MANY_STREAMS = "media_too_many_streams"
    MEDIA_TOO_MANY_FRAMES = "media_too_many_frames"
    MEDIA_ENCRYPTED = "media_encrypted"
    NO_AUDIO = "no_audio"
    NO_VIDEO = "no_video"
    CODEC_UNSUPPORTED = "codec_unsupported"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMEOUT = "decoder_timeout"
    DECODER_LIMIT = "decoder_limit"
    FEATURES_INVALID = "features_invalid"
    SPACE_MISMATCH = "space_mismatch"
    BUNDLE_INVALID = "bundle_invalid"
    STORAGE_MISSING = "storage_missing"
    STORAGE_CORRUPT = "storage_corrupt"
    STORAGE_FULL = "storage_full"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    LEASE_EXPIRED = "lease_expired"
    WORKER_LOST = "worker_lost"
    WORKER_STOPPED = "worker_stopped"
    TASK_TIMEOUT = "task_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE_UNAVAILABLE = "device_unavailable"
    SETTINGS_INVALID = "settings_invalid"
    DOWNLOAD_FAILED = "download_failed"
    BACKUP_INVALID = "backup_invalid"
    BACKUP_NEWER = "backup_newer"
    BACKUP_RUNNING = "backup_running"
    RESTORE_NOT_EMPTY = "restore_not_empty"
    INTERNAL = "internal"


class NeedledropError(Exception):
    """An error with a stable code and a sentence for the user. The sentence names no path, query or secret."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class SettingsError(NeedledropError):
    """A `NEEDLEDROP_*` variable, or a file of a secret, holds what its setting can't be."""


class MediaError(NeedledropError):
    """The file can't be turned into frames or samples; trying again gives the same answer."""


class FeatureError(NeedledropError):
    """A feature matrix is malformed, or belongs to another feature space."""


class BundleError(NeedledropError):
    """A model bundle is incomplete, altered or of another format."""


class DownloadError(NeedledropError):
    """A public model file can't be had, or what came is not the file that was asked for."""


class StorageError(NeedledropError):
    """The media store lacks an object, holds other bytes than its key says, or can't be reached or is full."""


class BackupError(NeedledropError):
    """A backup can't be written now, or what is to be restored is no whole backup, or has nowhere to go."""
