"""Settings, the Celery factory, logs, and the extractors' command."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import structlog

from needledrop.errors import ErrorCode, MediaError, SettingsError
from needledrop.extraction import Extraction, Progress
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import MediaInfo
from needledrop.settings import CoreSettings
from needledrop_extraction.command import extract_files, output_names
from needledrop_worker.celery import consume, make_celery


def test_settings_come_from_the_environment_and_hide_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEEDLEDROP_REDIS_URL", "redis://:hunter2@host/0")
    monkeypatch.setenv("NEEDLEDROP_DEVICE", "cuda:1")
    settings = CoreSettings()
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@host/0"
    assert settings.describe()["device"] == "cuda:1"
    assert "hunter2" not in str(settings.describe())


def test_settings_that_make_no_sense_are_named_without_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEEDLEDROP_THREADS", "hunter2")
    monkeypatch.setenv("NEEDLEDROP_LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError) as caught:
        CoreSettings()
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
    log_level, threads = caught.value.detail.split("; ")
    assert log_level.startswith("NEEDLEDROP_LOG_LEVEL: ")
    assert "'DEBUG'" in log_level
    assert threads.startswith("NEEDLEDROP_THREADS: Input should be a valid integer")
    assert "hunter2" not in caught.value.detail


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("matcher api", "PORT"),
        ("matcher migrate", "PORT"),
        ("matcher worker", "THREADS"),
        ("matcher trainer", "THREADS"),
        ("matcher keys list", "PORT"),
        ("matcher verify", "PORT"),
        ("needledrop-health audio-extractor", "THREADS"),
        ("audio-extractor worker", "THREADS"),
        ("video-extractor worker", "VIDEO_PRECISION"),
        ("video-extractor extract x.mp4 --out .", "VIDEO_PRECISION"),
    ],
)
def test_a_command_says_a_wrong_setting_in_a_line(command: str, setting: str, tmp_path: Path) -> None:
    words = command.split()
    words[0] = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run(
        words,
        check=False,
        env={**os.environ, f"NEEDLEDROP_{setting}": "none"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"settings_invalid: NEEDLEDROP_{setting}: Input should be")


def test_the_queue_takes_json_only_and_loses_no_message_to_a_crash() -> None:
    conf = make_celery("test", CoreSettings(task_hard_limit_s=100)).conf
    assert conf.accept_content == ["json"]
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf["result_backend"] is None
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit


def test_a_worker_consumes_its_own_queues_only() -> None:
    app = make_celery("test", CoreSettings())
    consume(app, "audio", "health.audio")
    assert [queue.name for queue in app.conf.task_queues] == ["audio", "health.audio"]


def test_a_log_line_is_one_json_object_with_the_jobs_ids(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(CoreSettings(log_format="json"), "service")
    try:
        with job_context(job_id="7"):
            get_logger("a").info("done\nhere", rows=3)
            logging.getLogger("library").warning("from %s", "elsewhere")
        get_logger("b").info("after")
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line.get("job_id"), line["service"]) for line in lines] == [
        ("done\nhere", "7", "service"),
        ("from elsewhere", "7", "service"),
        ("after", None, "service"),
    ]
    assert lines[0]["rows"] == 3


class LengthExtractor:
    def extract(self, path: Path, progress: Progress) -> Extraction:
        if path.stat().st_size == 0:
            raise MediaError(ErrorCode.MEDIA_EMPTY, "the file is empty")
        progress(1.0)
        return Extraction(np.full((2, 3), path.stat().st_size, np.uint8), MediaInfo(duration_s=2.0))


def test_the_command_writes_a_file_and_a_line_for_each_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, empty = tmp_path / "good.wav", tmp_path / "empty.wav"
    good.write_bytes(b"xyz")
    empty.touch()
    assert extract_files(LengthExtractor(), [good, empty], tmp_path / "out") == 1
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "good.npy"), np.full((2, 3), 3))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{good}: good.npy uint8 [2, 3], 2.00 s", f"{empty}: media_empty: the file is empty"]
    assert not (tmp_path / "out" / "empty.npy").exists()


def test_no_two_paths_share_an_output() -> None:
    paths = [Path("a/x.mp3"), Path("b/x.wav"), Path("c/x.wav"), Path("y.mp3")]
    assert list(output_names(paths).values()) == ["x.mp3", "x.wav", "x.wav~2", "y"]


@pytest.mark.parametrize(
    "paths",
    [
        ["x~2.mp4", "x.mp4"],
        ["x~2.mp4", "a/x", "b/x"],
        ["a/x", "b/x", "x~2.mp4"],
        ["a/x.mp4", "x.mp3", "x.mp4.mkv"],
        ["x.mp4", "x.mp3", "a/x.mp4", "x.mp4~2.mp4"],
    ],
)
def test_no_two_paths_share_an_output_whatever_their_own_names_are(paths: list[str]) -> None:
    names = output_names([Path(path) for path in paths])
    assert len(set(names.values())) == len(paths)


def test_a_path_that_is_given_twice_has_its_own_name() -> None:
    assert output_names([Path("x.mp4"), Path("x.mp4")]) == {Path("x.mp4"): "x"}


@pytest.mark.parametrize(("path", "name"), [(".", "frames"), ("..", "parent"), ("link", "link")])
def test_a_folder_is_called_by_its_name_however_it_is_given(
    path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parent" / "frames").mkdir(parents=True)
    (tmp_path / "parent" / "frames" / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "parent" / "frames")
    assert output_names([Path(path)]) == {Path(path): name}
