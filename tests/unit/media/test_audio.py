"""What `open_audio` gives, judged by sounds that are known sample by sample."""

import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, open_audio
from tests.media_files import sine, write_sound, write_wave


def samples_in(path: Path, sample_rate: int = 16000) -> NDArray[np.float32]:
    with open_audio(path, sample_rate) as reader:
        return np.concatenate(list(reader))


def noise(count: int, channels: int, seed: int = 1) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32768, (count, channels), np.int16)


def test_mono_at_the_wanted_rate_passes_exactly(tmp_path: Path) -> None:
    samples = noise(40_123, 1)
    found = samples_in(write_wave(tmp_path / "a.wav", samples))
    assert found.dtype == np.float32
    assert (found == samples[:, 0] / 32768).all()


def test_pieces_last_a_second_and_the_last_one_less(tmp_path: Path) -> None:
    with open_audio(write_wave(tmp_path / "a.wav", noise(40_123, 1))) as reader:
        assert [len(piece) for piece in reader] == [16000, 16000, 8123]


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged_alike(tmp_path: Path, channels: int) -> None:
    samples = noise(20_000, channels)
    found = samples_in(write_wave(tmp_path / "a.wav", samples))
    assert np.abs(found - (samples / 32768).mean(axis=1)).max() <= 1e-7


def test_twenty_four_bit_samples_keep_their_depth(tmp_path: Path) -> None:
    samples = np.random.default_rng(2).integers(-(1 << 23), 1 << 23, 5000, np.int32)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(16000)
        file.writeframes(samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    assert (samples_in(path) == (samples / (1 << 23)).astype(np.float32)).all()


def test_eight_bit_samples_are_centred(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(16000)
        file.writeframes(bytes(range(256)))
    assert (samples_in(path) == (np.arange(256) - 128) / 128).all()


def test_float_samples_are_held_to_full_scale_and_nan_is_silence(tmp_path: Path) -> None:
    samples = np.array([[0.25, -3.0, 7.0, np.nan, np.inf, -0.5]], np.float32)
    path = write_sound(tmp_path / "a.wav", samples, 16000, "pcm_f32le", "flt")
    assert samples_in(path).tolist() == [0.25, -1.0, 1.0, 0.0, 1.0, -0.5]


def test_planar_double_samples_are_read(tmp_path: Path) -> None:
    samples = np.stack([sine(440, 0.5, 16000), sine(700, 0.5, 16000)])
    path = write_sound(tmp_path / "a.wav", samples, 16000, "pcm_f64le", "dbl", "stereo")
    assert np.abs(samples_in(path) - samples.mean(axis=0)).max() <= 1e-7


def test_flac_is_lossless(tmp_path: Path) -> None:
    samples = noise(20_000, 2)
    path = write_sound(tmp_path / "a.flac", samples.T, 16000, "flac", "s16", "stereo")
    assert np.abs(samples_in(path) - (samples / 32768).mean(axis=1)).max() <= 1e-7


@pytest.mark.parametrize("source_rate", [8000, 22050, 44100, 48000, 192000])
def test_resampling_keeps_a_tone_in_place_and_level(tmp_path: Path, source_rate: int) -> None:
    tone = sine(997, 3.3, source_rate)
    samples = np.round(tone[:, None] * 32767).astype(np.int16)
    found = samples_in(write_wave(tmp_path / "a.wav", samples, source_rate))
    assert abs(len(found) - round(len(samples) * 16000 / source_rate)) <= 1
    inner = slice(800, 52_000)
    assert np.abs(found[inner] - sine(997, 3.3, 16000)[inner]).max() < 2e-4


def test_resampling_removes_what_the_rate_cant_carry(tmp_path: Path) -> None:
    samples = np.round(sine(11_000, 2, 48000)[:, None] * 32767).astype(np.int16)
    found = samples_in(write_wave(tmp_path / "a.wav", samples, 48000))
    assert np.abs(found[800:-800]).max() < 1e-4


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus")])
def test_lossy_sound_comes_in_time(tmp_path: Path, name: str, codec: str) -> None:
    level = np.random.default_rng(3).uniform(0, 0.8, 30).repeat(4800)
    source = (level * sine(500, 3, 48000, 1.0)).astype(np.float32)
    sample_format = "flt" if codec == "libopus" else "fltp"
    found = samples_in(write_sound(tmp_path / name, source[None], 48000, codec, sample_format))
    wanted = source[::3]
    count = min(len(found), len(wanted))
    assert abs(len(found) - len(wanted)) < 3000
    spectrum = np.fft.rfft(found[:count], 2 * count) * np.conj(np.fft.rfft(wanted[:count], 2 * count))
    assert abs(int(np.argmax(np.fft.irfft(spectrum))) % (2 * count)) <= 2
    assert np.corrcoef(found[:count], wanted[:count])[0, 1] > 0.99


def test_rate_and_channels_may_change_on_the_way(tmp_path: Path) -> None:
    low = write_sound(tmp_path / "1.aac", sine(500, 1, 44100)[None].astype(np.float32), 44100, "aac", "fltp")
    both = np.stack([sine(500, 2, 48000)] * 2).astype(np.float32)
    high = write_sound(tmp_path / "2.aac", both, 48000, "aac", "fltp", "stereo")
    path = tmp_path / "a.aac"
    path.write_bytes(low.read_bytes() + high.read_bytes())
    found = samples_in(path)
    assert len(found) == pytest.approx(3 * 16000, rel=0.05)
    for start in (4000, 24_000, 40_000):
        spectrum = np.abs(np.fft.rfft(found[start : start + 3200] * np.hanning(3200)))
        assert np.argmax(spectrum) * 16000 / 3200 == 500


@pytest.mark.parametrize(
    ("name", "codec", "sample_format"),
    [("a.flac", "flac", "s16"), ("a.opus", "libopus", "s16"), ("a.m4a", "aac", "fltp")],
)
def test_title_artist_and_duration_are_told(tmp_path: Path, name: str, codec: str, sample_format: str) -> None:
    kind = np.float32 if sample_format == "fltp" else np.int16
    samples = np.zeros((1, 72_000), kind)
    tags = {"title": "Ein Lied, 歌", "artist": "Someone"}
    with open_audio(write_sound(tmp_path / name, samples, 48000, codec, sample_format, metadata=tags)) as reader:
        assert (reader.info.title, reader.info.artist) == ("Ein Lied, 歌", "Someone")
        assert reader.info.duration_s == pytest.approx(1.5, abs=0.1)
        total = sum(len(piece) for piece in reader)
        assert reader.info.duration_s == total / 16000


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    with open_audio(write_wave(tmp_path / "a.wav", noise(64_000, 1))) as reader:
        assert [reader.progress, *(reader.progress for _ in reader), reader.progress] == [0, 0.25, 0.5, 0.75, 1, 1]


def test_the_film_of_a_file_doesnt_matter_to_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    samples = noise(16_000, 1)
    with av.open(str(path), "w") as container:
        film = container.add_stream("ffv1", rate=25)
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        assert isinstance(film, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for number in range(25):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = number
            container.mux(film.encode(picture))
            piece = av.AudioFrame.from_ndarray(samples[number * 640 : (number + 1) * 640].T.copy(), "s16", "mono")
            piece.sample_rate, piece.pts = 16000, number * 640
            container.mux(sound.encode(piece))
        container.mux(film.encode())
        container.mux(sound.encode())
    assert (samples_in(path) == samples[:, 0] / 32768).all()


def test_sound_that_plays_for_too_long_is_refused(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", noise(64_000, 1))
    with pytest.raises(MediaError) as raised, open_audio(path, limits=Limits(max_duration_s=3)) as reader:
        for _ in reader:
            pass
    assert raised.value.code is ErrorCode.MEDIA_TOO_LARGE


@pytest.mark.parametrize("channels", [9, 12, 16])
def test_a_sound_of_more_than_eight_channels_is_their_mean(tmp_path: Path, channels: int) -> None:
    """Opus, whose decoder gives each channel a plane of its own."""
    levels = np.arange(1, channels + 1) / (channels + 1)
    tone = sine(440, 1, 48_000, 1.0)
    path, layout = tmp_path / "a.mka", f"{channels} channels"
    with av.open(str(path), "w") as container:
        options = {"mapping_family": "255", "b": "1500000"}
        stream = container.add_stream("libopus", rate=48_000, layout=layout, options=options)
        assert isinstance(stream, av.AudioStream)
        stream.format = av.AudioFormat("flt")
        for start in range(0, 48_000, 960):
            piece = (levels[:, None] * tone[None, start : start + 960]).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.T).reshape(1, -1), "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_audio(path, 48_000) as reader:
        heard = np.concatenate(list(reader))
    assert len(heard) == 48_000
    middle = slice(4_800, 43_200)
    assert heard[middle].std() == pytest.approx(levels.mean() * tone[middle].std(), rel=0.01)


def test_samples_of_64_bits_pass_exactly(tmp_path: Path) -> None:
    values = np.array([0, 1 << 62, -(1 << 62), -(1 << 63), 1 << 40] * 100, np.int64)
    path = tmp_path / "a.wav"
    body = values.astype("<i8").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, 16_000, 128_000, 8, 64)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    with open_audio(path) as reader:
        assert (np.concatenate(list(reader)) == (values / 2**63).astype(np.float32)).all()
