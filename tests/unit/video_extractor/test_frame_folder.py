from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from needledrop.errors import ErrorCode, MediaError
from video_extractor import frame_folder
from video_extractor.frame_folder import FrameFolder


def plain(path: Path, grey: int, size: tuple[int, int] = (8, 6)) -> None:
    Image.new("RGB", size, (grey, grey, grey)).save(path)


def code_of(folder: Path) -> ErrorCode:
    with pytest.raises(MediaError) as raised:
        list(FrameFolder(folder, 4))
    return raised.value.code


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name, grey in (("10.png", 100), ("9.jpg", 90), ("frame_011.PNG", 110), ("2.jpeg", 20)):
        plain(tmp_path / name, grey)
    assert [round(float(frame.mean())) for frame in FrameFolder(tmp_path, 4)] == [20, 90, 100, 110]


def test_a_folder_is_as_long_as_it_has_frames(tmp_path: Path) -> None:
    for index in range(3):
        plain(tmp_path / f"{index:03}.png", 0, (32, 24))
    info = FrameFolder(tmp_path, 4).info
    assert (info.duration_s, info.width, info.height) == (3.0, 32, 24)


def test_frames_are_resized_as_the_reference_resizes_them(tmp_path: Path) -> None:
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))
    drawn.save(tmp_path / "000.png")
    (frame,) = FrameFolder(tmp_path, 9)
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, np.asarray(drawn.resize((9, 9), Image.Resampling.BILINEAR)))


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    plain(tmp_path / "000.png", 50)
    plain(tmp_path / "cover.png", 99)
    (tmp_path / "001.txt").write_text("notes")
    (tmp_path / "002.png").mkdir()
    assert len(list(FrameFolder(tmp_path, 4))) == 1


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_image_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(tmp_path / f"0.{suffix}")
    (frame,) = FrameFolder(tmp_path, 4)
    assert frame.shape == (4, 4, 3)
    assert frame.min() == 255


def test_grey_of_16_bits_is_scaled_to_8(tmp_path: Path) -> None:
    values = np.array([0, 257, 1000, 32768, 65278, 65535], np.uint16)
    Image.fromarray(np.repeat(values[:, None], 6, axis=1)).save(tmp_path / "0.png")
    (frame,) = FrameFolder(tmp_path, 6)
    expected = [round(int(value) / 257) for value in values]
    assert frame.tolist() == [[[value] * 3] * 6 for value in expected]


def test_an_image_is_turned_as_its_exif_tag_says(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "0.jpg", exif=exif, quality=95)
    (frame,) = FrameFolder(tmp_path, 10)
    assert frame[:4].min() > 200
    assert frame[-4:].max() < 50


def test_a_folder_without_numbered_images_has_no_video(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    assert code_of(tmp_path) is ErrorCode.NO_VIDEO


def test_an_image_cut_short_is_unreadable_and_named(tmp_path: Path) -> None:
    plain(tmp_path / "000.png", 0)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "001.jpg")
    whole = (tmp_path / "001.jpg").read_bytes()
    (tmp_path / "001.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"001\.jpg") as raised:
        list(FrameFolder(tmp_path, 4))
    assert raised.value.code is ErrorCode.MEDIA_UNREADABLE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.MEDIA_EMPTY),
        (b"no image at all", ErrorCode.MEDIA_UNREADABLE),
        (b"GIF89a", ErrorCode.MEDIA_UNREADABLE),
    ],
)
def test_a_file_that_is_no_image_has_a_code(tmp_path: Path, data: bytes, code: ErrorCode) -> None:
    (tmp_path / "0.jpg").write_bytes(data)
    assert code_of(tmp_path) is code


def test_an_image_of_another_format_under_a_known_ending_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png", format="TIFF")
    assert code_of(tmp_path) is ErrorCode.MEDIA_UNREADABLE


def test_an_image_with_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_folder, "MAX_PIXELS", 47)
    plain(tmp_path / "0.png", 0, (8, 6))
    assert code_of(tmp_path) is ErrorCode.MEDIA_TOO_LARGE
