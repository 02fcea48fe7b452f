"""`load_audio`: recordings as spectrograms."""

import io
import wave
import zipfile

import numpy as np
import pytest
import torch

from lepton_lab.data import Preprocessing, load_audio, load_source
from lepton_lab.errors import DataError, UnsafeDataError


def tone(pitch, rate=8000, seconds=0.3, width=2, channels=1):
    t = np.arange(int(rate * seconds)) / rate
    samples = np.repeat((np.sin(2 * np.pi * pitch * t) * 12000)[:, None], channels, 1)
    data = {1: (samples / 256 + 128).astype(np.uint8), 2: samples.astype("<i2"), 4: (samples * 65536).astype("<i4")}
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data[width].tobytes())
    return out.getvalue()


@pytest.fixture
def recordings(tmp_path):
    path = tmp_path / "tones.zip"
    with zipfile.ZipFile(path, "w") as file:
        for i in range(40):
            label, pitch = ("low", 300) if i % 2 else ("high", 2000)
            file.writestr(f"all/{label}_{i}.wav", tone(pitch + i, width=(1, 2, 4)[i % 3], channels=1 + i % 2))
        file.writestr("all/broken_1.wav", b"RIFF rubbish")
        file.writestr("all/notes.txt", "nothing")
    return path


def test_recordings_become_pictures_of_their_frequencies(recordings, tmp_path):
    bundle = load_audio(recordings)
    assert bundle.classes == ("high", "low")
    assert sum(map(len, bundle.splits.values())) == 40
    x, y = next(iter(bundle.train.batches(len(bundle.train))))
    assert x.shape[1:] == bundle.sample_shape == (1, 129, 2400 // 128 + 1)
    loudest = x[:, 0].mean(2).argmax(1) * 8000 / 256
    assert ((loudest > 1000) == (y == 0)).all()
    assert bundle.report.find("unreadable_files")[0].evidence["files"][0][0] == "all/broken_1.wav"
    assert load_source(bundle.source).fingerprint == bundle.fingerprint
    bundle.preprocessing.save(tmp_path / "p")
    one = Preprocessing.load(tmp_path / "p")(tone(2000))
    assert torch.equal(one, bundle.preprocessing(tone(2000)))
    with pytest.raises(DataError, match="8000 Hz"):
        bundle.preprocessing(tone(2000, rate=16000))


def test_folders_name_classes(tmp_path):
    for i in range(20):
        folder = tmp_path / ("a", "b")[i % 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{i}.wav").write_bytes(tone(300 + 10 * i))
    assert load_audio(tmp_path).classes == ("a", "b")


def test_different_rates_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="no recordings"):
        load_audio(tmp_path)
    (tmp_path / "a_1.wav").write_bytes(tone(300))
    (tmp_path / "b_1.wav").write_bytes(tone(300, rate=16000))
    with pytest.raises(DataError, match="different rates"):
        load_audio(tmp_path)


def test_a_zip_that_leaves_its_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as file:
        file.writestr("../../a_1.wav", tone(300))
    with pytest.raises(UnsafeDataError):
        load_audio(tmp_path / "slip.zip")
