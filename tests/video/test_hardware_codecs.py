"""Hardware codecs are used where they open, and a note says where they do not.

Chips are played by other codecs of FFmpeg, as machines that test have none.
"""

from pathlib import Path

import av
import pytest
from clips import EVEN, frames_of, gray_difference, make_clip, times_of, unchanged

from impasto.errors import VideoError
from impasto.video import VideoOptions, demuxer, hardware_codecs, paint_video
from impasto.video.hardware_codecs import HardwareEncoder, find_encoder

H264 = ("h264", (64, 48), "yuv420p", 92)


def refuse_all_but(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def refusal(encoder: HardwareEncoder, size: tuple[int, int], pix_fmt: str) -> str | None:
        return None if encoder.name in names else f"{encoder.name} does not open"

    monkeypatch.setattr(hardware_codecs, "_refusal", refusal)


def test_auto_takes_the_first_encoder_that_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_all_but(monkeypatch, "h264_qsv", "h264_vaapi")
    found = find_encoder("auto", *H264)
    assert isinstance(found, HardwareEncoder)
    assert (found.name, found.options["global_quality"]) == ("h264_qsv", "20")


def test_one_kind_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_all_but(monkeypatch, "h264_qsv")
    assert find_encoder("nvenc", *H264) == (
        "--hwaccel nvenc: encoded by software (h264_nvenc does not open)"
    )


def test_better_quality_is_a_smaller_quantizer(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_all_but(monkeypatch, "h264_nvenc", "h264_videotoolbox")
    quantizers = []
    for quality in (50, 92):
        found = find_encoder("nvenc", "h264", (64, 48), "yuv420p", quality)
        assert isinstance(found, HardwareEncoder)
        quantizers.append(int(found.options["cq"]))
    assert quantizers[0] > quantizers[1]
    found = find_encoder("videotoolbox", *H264)
    assert isinstance(found, HardwareEncoder)
    assert found.options["global_quality"] == str(92 * 118)  # FF_QP2LAMBDA


@pytest.mark.parametrize("kind", [("h264", "yuv444p"), ("vp9", "yuv420p")])
def test_what_chips_do_not_encode_is_left_to_software(kind: tuple[str, str]) -> None:
    found = find_encoder("auto", kind[0], (65, 48), kind[1], 92)
    assert isinstance(found, str)
    assert f"not for {kind[0]} as {kind[1]}" in found


def test_an_encoder_that_is_not_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hardware_codecs._H264_OPTIONS, "abacus", {})
    found = find_encoder("abacus", *H264)
    assert found == "--hwaccel abacus: encoded by software (PyAV has no h264_abacus)"


def test_an_encoder_that_opens_writes_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = HardwareEncoder("mpeg4", {"qscale": "2"})
    monkeypatch.setattr("impasto.video.writer.find_encoder", lambda *_: stub)
    source, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    paint_video(source, target, unchanged, VideoOptions(hwaccel="nvenc"))
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert times_of(target) == times_of(source)


def test_without_hardware_software_does_it_and_notes_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_all_but(monkeypatch)
    monkeypatch.setattr(hardware_codecs, "hwdevices_available", lambda: ["cuda"])
    source, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    opened = []
    real = demuxer.open_container

    def open_container(path: Path, device: object = None) -> object:
        opened.append(device)
        if device is not None:
            raise VideoError("no driver")
        return real(path)

    monkeypatch.setattr(demuxer, "open_container", open_container)
    done = paint_video(source, target, unchanged, VideoOptions(hwaccel="nvenc"))
    assert len(opened) == 1  # the device; the reader opens the file without one by itself
    assert done.frames == len(EVEN)
    assert [note.partition(" (")[0] for note in done.notes] == [
        "--hwaccel nvenc: decoded by software",
        "--hwaccel nvenc: encoded by software",
    ]
    for painted, frame in zip(frames_of(target), frames_of(source), strict=True):
        assert gray_difference(painted, frame) < 3


def test_a_device_that_does_not_know_the_codec_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "clip.mp4")
    monkeypatch.setattr(demuxer, "decoding_devices", lambda hwaccel: [None])  # plain software
    assert demuxer.open_accelerated(source, "auto") is None


def test_nothing_is_tried_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.video.writer.find_encoder", lambda *_: pytest.fail("tried"))
    source = make_clip(tmp_path / "clip.mp4")
    assert paint_video(source, tmp_path / "out.mp4", unchanged).notes == []
