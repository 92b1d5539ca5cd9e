"""Tracks beside the frames: sound survives, and what does not is told of."""

from pathlib import Path

import av
import pytest
from clips import make_clip, unchanged
from sounds import PITCH, SECONDS, make_sounding, sound_of

from impasto.video import VideoOptions, paint_video
from impasto.video.formats import written_suffix

# container and codec of its sound -> codec in the container that impasto writes by default
PAIRS = {
    (".wmv", "wmav2"): "aac",
    (".wmv", "wmav1"): "aac",
    (".avi", "libmp3lame"): "mp3float",
    (".avi", "ac3"): "ac3",
    (".avi", "pcm_s16le"): "pcm_s16le",
    (".avi", "adpcm_ms"): "aac",
    (".avi", "adpcm_ima_wav"): "aac",
    (".avi", "mp2"): "mp2",
    (".mov", "alac"): "alac",
    (".mov", "pcm_s24le"): "pcm_s24le",
    (".mov", "adpcm_ima_qt"): "adpcm_ima_qt",
    (".mov", "pcm_mulaw"): "pcm_mulaw",
    (".mp4", "eac3"): "eac3",
    (".mp4", "libopus"): "opus",
    (".mkv", "vorbis"): "vorbis",
    (".mkv", "wavpack"): "wavpack",
    (".mkv", "tta"): "tta",
    (".mkv", "pcm_f32le"): "pcm_f32le",
    (".webm", "libopus"): "opus",
    (".flv", "nellymoser"): "aac",
    (".flv", "adpcm_swf"): "aac",
    (".flv", "aac"): "aac",
    (".mpg", "mp2"): "mp2",
    (".ts", "ac3"): "ac3",
    (".vob", "pcm_s16be"): "aac",
    (".ogv", "vorbis"): "vorbis",
    (".3gp", "libopencore_amrnb"): "aac",
    (".mxf", "pcm_s16le"): "pcm_s16le",
}


@pytest.mark.parametrize(("suffix", "codec"), PAIRS)
def test_sound_survives(tmp_path: Path, suffix: str, codec: str) -> None:
    try:
        source = make_sounding(tmp_path / f"clip{suffix}", codec)
    except av.FFmpegError:
        pytest.skip(f"this FFmpeg does not write {codec}")
    target = tmp_path / f"out{written_suffix(source)}"
    done = paint_video(source, target, unchanged)
    before, after = sound_of(source), sound_of(target)
    assert after[0] == PAIRS[suffix, codec]
    assert abs(after[1] - SECONDS) < 0.06 + abs(before[1] - SECONDS)
    assert abs(after[2] - before[2]) < 0.02 and abs(after[3] - PITCH) < 3
    assert len(done.notes) == (after[0] != before[0])
    assert all("coded anew as AAC" in note for note in done.notes)


@pytest.mark.parametrize("target", ["out.mkv", "out.mp4", "out.mov", "out.webm", "out.ts"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "adpcm_ms", "aac"])
def test_sound_survives_in_every_container(tmp_path: Path, codec: str, target: str) -> None:
    source = make_sounding(tmp_path / "clip.avi", codec)
    done = paint_video(source, tmp_path / target, unchanged)
    before, after = sound_of(source), sound_of(tmp_path / target)
    assert abs(after[2] - before[2]) < 0.02 and abs(after[3] - PITCH) < 3
    if after[0] != before[0]:
        assert f"coded anew as {'Opus' if target.endswith('webm') else 'AAC'}" in done.notes[0]


def test_new_sound_of_a_part_keeps_its_time(tmp_path: Path) -> None:
    from impasto.video.formats import parse_span

    source = make_sounding(tmp_path / "clip.wmv", "wmav2")
    options = VideoOptions(span=parse_span(0.4, 0.8))
    paint_video(source, tmp_path / "out.mkv", unchanged, options)
    with av.open(str(tmp_path / "out.mkv")) as clip:
        packets = [packet for packet in clip.demux(audio=0) if packet.pts is not None]
        times = [float((packet.pts or 0) * packet.time_base) for packet in packets]
    assert -0.06 < times[0] < 0.1 and 0.3 < times[-1] < 0.5


@pytest.mark.parametrize("target", ["out.gif", "out.webp", "out-%02d.png"])
def test_pictures_only_have_no_sound_and_it_is_told(tmp_path: Path, target: str) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=["eng"])
    (note,) = paint_video(source, tmp_path / target, unchanged).notes
    assert "left out" in note and "sound (aac, eng)" in note


def test_further_video_tracks_are_told_of(tmp_path: Path) -> None:
    source = tmp_path / "two.mkv"
    with av.open(str(make_clip(tmp_path / "one.mp4"))) as one, av.open(str(source), "w") as out:
        track = one.streams.video[0]
        copies = [out.add_stream_from_template(track) for _ in range(2)]
        for packet in one.demux(track):
            if packet.dts is not None:
                data, pts, dts = bytes(packet), packet.pts, packet.dts
                for copy in copies:
                    again = av.Packet(data)
                    again.pts, again.dts = pts, dts
                    again.time_base = packet.time_base
                    again.stream, again.is_keyframe = copy, packet.is_keyframe
                    out.mux(again)
    (note,) = paint_video(source, tmp_path / "out.mkv", unchanged).notes
    assert "left out" in note and "video (h264)" in note
