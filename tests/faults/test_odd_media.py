"""Row 11: every odd file by both ways ends in data or in a documented code, and a sample of them as whole jobs."""

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

from audio_extractor.extractor import PREPROCESSINGS, AudioExtractor
from audio_extractor.runtime import start_tensorflow
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import Vggish, write_checkpoint
from needledrop.errors import ErrorCode, MediaError
from needledrop.extraction import Extractor
from needledrop.features import FeatureSpace, Modality, matrix_from_bytes
from needledrop.messages import ExtractResult, JobDone, JobFailed, JobMessage, JobProgress
from needledrop.settings import CoreSettings
from needledrop_extraction.job import extraction_handler
from needledrop_media import MediaReader, open_audio, open_frames
from needledrop_storage.keys import media_key
from needledrop_storage.store import MediaStore
from needledrop_worker.job import run_job
from tests.audio_reference import SEED, reference_pca
from tests.decoders import children
from tests.extracting import extract_request
from tests.faults.chaos import Outcome
from tests.shared import SHARED, require_shared
from tests.video_reference import reference_pca as reference_video_pca
from tests.video_reference import reference_weights
from video_extractor.extractor import VideoExtractor, open_source
from video_extractor.inception import Inception
from video_extractor.preprocessing import Preprocessing

ODD = sorted((SHARED / "media" / "odd").glob("*"))
# No crash, no time-out, no limit: all of these files are small, and none is known to end a decoder.
DOCUMENTED = {
    *(ErrorCode.MEDIA_EMPTY, ErrorCode.MEDIA_UNREADABLE, ErrorCode.MEDIA_ENCRYPTED, ErrorCode.MEDIA_TOO_SHORT),
    *(ErrorCode.NO_AUDIO, ErrorCode.NO_VIDEO, ErrorCode.CODEC_UNSUPPORTED),
}
WAYS: dict[str, Callable[[Path], AbstractContextManager[MediaReader[Any]]]] = {
    "audio": open_audio,
    "video": lambda path: open_frames(path, 32),
}
AS_JOBS = (
    *("media__sample_missing_stsd.mp4", "media__sample_with_fake_auxiliary_tracks.mp4", "media__bbb_6ch_8kHz_opus.ogg"),
    *("media__invalid-bitstream.webm", "media__200kB-garbage-prefix.mp3", "moviepy__no_duration.webm"),
    *("moviepy__with-attached-pic.mp3", "moviepy__result.webm", "decord__corrupted.mp4", "pydub__test1_empty.wav"),
    *("mp4parse-rust__chunk_out_of_range.mp4", "mp4parse-rust__short-cenc.mp4", "taglib__infloop.m4a"),
    *("taglib__excessive_alloc.aif", "fate-suite__dvd_single_frame.mp4", "media__8k24fps_300ms.mp4"),
)


def told(fault: str, outcomes: list[str], lost: list[str], repeated: int = 0) -> Outcome:
    counts = Counter(outcomes)
    note = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    faults = sum(count for name, count in counts.items() if name not in {"data", "features"})
    return Outcome(11, fault, len(outcomes), faults, len(lost), repeated, note=note)


def test_every_odd_file_ends_in_data_or_in_a_documented_code_both_ways(tell: Callable[[Outcome], None]) -> None:
    require_shared()
    outcomes, lost = [], []
    for path in ODD:
        for way, open_media in WAYS.items():
            try:
                with open_media(path) as reader:
                    pieces = sum(1 for _ in reader)
                outcomes.append("data")
                if not pieces:
                    lost.append(f"{path.name}, {way}: nothing")
            except MediaError as error:
                outcomes.append(str(error.code))
                if error.code not in DOCUMENTED:
                    lost.append(f"{path.name}, {way}: {error}")
    tell(told("odd files", outcomes, lost))
    assert not lost
    assert len(outcomes) == 2 * len(ODD) > 100
    assert not children()


@pytest.fixture(scope="module")
def extractors() -> dict[Modality, Extractor]:
    """The real ones, with seeded weights."""
    runtime = start_tensorflow(CoreSettings(device="cpu"))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "vggish_model.ckpt"
        write_checkpoint(checkpoint, stand_in_weights(SEED), runtime)
        vggish = Vggish.restore(checkpoint, runtime)
    inception = Inception(reference_weights(), Preprocessing.SEED, torch.device("cpu"))
    audio = FeatureSpace(Modality.AUDIO, "vggish", "weights", "seed", "pca", 0.96, 128)
    video = FeatureSpace(Modality.VIDEO, "inception_v3", "weights", "seed", "pca", 1.0, 1024)
    return {
        Modality.AUDIO: AudioExtractor(audio, PREPROCESSINGS["seed"], vggish, reference_pca()),
        Modality.VIDEO: VideoExtractor(video, inception, reference_video_pca(), open_source),
    }


def test_a_job_with_an_odd_file_ends_once_in_features_or_in_a_code(
    extractors: dict[Modality, Extractor], tmp_path: Path, tell: Callable[[Outcome], None]
) -> None:
    folder = require_shared() / "media" / "odd"
    store = MediaStore(tmp_path.as_uri())
    outcomes, lost, repeated = [], [], 0
    for name in AS_JOBS:
        data = (folder / name).read_bytes()
        sha = sha256(data).hexdigest()
        store.put_bytes(media_key(sha), data)
        for modality, extractor in extractors.items():
            request = extract_request(uuid4(), 1, modality, sha, extractor.space.id)
            sent: list[JobMessage] = []
            handler = extraction_handler(lambda: store, lambda extractor=extractor: extractor)  # type: ignore[misc]
            run_job(request, handler, sent.append, worker="w")
            ends = [message for message in sent if not isinstance(message, JobProgress)]
            repeated += len(ends) - 1
            match ends[0]:
                case JobDone() as ended:
                    done = ExtractResult.model_validate(ended.result)
                    outcomes.append("features")
                    matrix = matrix_from_bytes(store.get_bytes(done.features_key))
                    if matrix.shape != (done.rows, extractor.space.dim) or not done.rows:
                        lost.append(f"{name}, {modality}: {matrix.shape}")
                case JobFailed() as failed:
                    outcomes.append(str(failed.code))
                    if failed.code not in DOCUMENTED or failed.retryable:
                        lost.append(f"{name}, {modality}: {failed.code}")
    tell(told("odd files as jobs", outcomes, lost, repeated))
    assert not lost
    assert not repeated
    assert outcomes.count("features") >= len(AS_JOBS) // 2
