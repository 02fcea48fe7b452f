"""`load_audio`: a folder or zip of WAV recordings as spectrograms, computed on the device batch by batch."""

from __future__ import annotations

import io
import os
import wave
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, TensorSplit
from lepton_lab.data.images_source import open_source
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.report import DataFinding
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.data.targets import fit_encoding
from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["SpectrogramPreprocessing", "load_audio"]

_MAX_BYTES = 8 << 30
Wave = npt.NDArray[np.int16]


@register_preprocessing
class SpectrogramPreprocessing(Preprocessing):
    """Recordings as pictures of their frequencies over time: `(log(1 + |STFT|) − mean) / std`, (N, 1, F, T).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.stft.html

    Args:
        rate: Samples a second.
        samples: Samples of a recording; longer ones are cut off, shorter ones filled up with silence.
        window: Samples in a window; F is `window // 2 + 1`.
        hop: Samples from one window to the next; T is `samples // hop + 1`.
        mean: Of the training spectrograms.
        std: Of the training spectrograms.
    """

    kind = "spectrogram"

    def __init__(
        self, rate: int, samples: int, window: int = 256, hop: int = 128, mean: float = 0.0, std: float = 1.0
    ) -> None:
        self.rate, self.samples, self.window, self.hop = rate, samples, window, hop
        self.mean, self.std = mean, std

    @override
    def transform_raw(self, raw: Any) -> Tensor:
        if isinstance(raw, (str, os.PathLike, bytes)):
            raw = [raw]
        if isinstance(raw, (Tensor, np.ndarray)):
            waves = [np.asarray(w) for w in (raw if raw.ndim == 2 else raw[None])]
        else:
            waves = [
                self._read(item) if isinstance(item, (str, os.PathLike, bytes)) else np.asarray(item) for item in raw
            ]
        return torch.from_numpy(np.stack([fit_length(_as_int16(w), self.samples) for w in waves]))

    def _read(self, item: Any) -> Wave:
        data = item if isinstance(item, bytes) else Path(item).read_bytes()
        samples, rate = read_wav(data)
        if rate != self.rate:
            raise DataError(
                "the recording has another rate than the training data",
                expected=f"{self.rate} Hz",
                received=f"{rate} Hz",
                do="Convert it first",
            )
        return samples

    def spectrogram(self, x: Tensor) -> Tensor:
        """`log(1 + |STFT|)` of stored recordings, (N, 1, F, T)."""
        waves = x.float() / 32768
        window = torch.hann_window(self.window, device=x.device)
        parts = torch.stft(waves, self.window, self.hop, window=window, pad_mode="constant", return_complex=True)
        return torch.log1p(parts.abs()).unsqueeze(1)

    @override
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        return (self.spectrogram(x) - self.mean) / self.std

    @override
    def settings(self) -> dict[str, Any]:
        return {
            "rate": self.rate,
            "samples": self.samples,
            "window": self.window,
            "hop": self.hop,
            "mean": self.mean,
            "std": self.std,
        }

    @classmethod
    @override
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        return cls(**settings)

    @override
    def describe(self) -> list[str]:
        return [
            f"cut off or filled up to {self.samples / self.rate:.2f} s at {self.rate:,} Hz",
            f"spectrogram: a window of {1000 * self.window / self.rate:.0f} ms "
            f"every {1000 * self.hop / self.rate:.0f} ms",
            f"normalise: mean {self.mean:.4f}, deviation {self.std:.4f}",
        ]


def load_audio(
    path: str | os.PathLike[str],
    *,
    seconds: float | None = None,
    valid: float | int = DEFAULT_SHARE,
    test: float | int = DEFAULT_SHARE,
    seed: int = 0,
    stratified: bool = True,
    limit: int | None = None,
    name: str | None = None,
) -> DataBundle:
    """Loads WAV recordings of one rate, in a folder or zip.

    The class is the file's folder where there are several folders, else what stands before the first "_" of its
    name. What cannot be read is left out and listed in the report.

    Args:
        path: The folder or zip.
        seconds: Length of a recording; where None, what 95 % of them fit into.
        valid: Share or number of recordings for validation.
        test: The same for the test.
        seed: Of the split.
        stratified: Whether the splits get the same shares of the classes.
        limit: How many recordings to take, drawn by `seed`; all where None.
        name: What to call the data.

    Raises:
        DataError: No recordings that can be read, or one class only.
        UnsafeDataError: A dangerous zip, or more than fits in memory.
    """
    path = Path(path).expanduser().resolve()
    name = name or path.name
    source = open_source(path)
    try:
        files = [n for n in source.names if n.lower().endswith(".wav")]
        if not files:
            raise DataError(
                "there are no recordings",
                where=str(path),
                expected="files that end in .wav",
                received=f"{len(source.names)} other files",
            )
        if limit is not None and limit < len(files):
            files = sorted(np.random.default_rng(seed).choice(files, limit, replace=False).tolist())
        waves, labels, rate, findings = _read_all(source, files, str(path))
    finally:
        source.close()
    lengths = sorted(len(w) for w in waves)
    samples = round(seconds * rate) if seconds is not None else lengths[int(0.95 * (len(lengths) - 1))]
    if not 256 <= samples <= 60 * rate:
        raise DataError(
            "no such length of a recording",
            where=str(path),
            expected=f"{256 / rate:.3f} to 60 s",
            received=f"{samples / rate:.3f} s",
        )
    if samples * len(waves) * 2 > _MAX_BYTES:
        raise UnsafeDataError(
            "the recordings would not fit in memory",
            where=str(path),
            expected=f"at most {_MAX_BYTES >> 30} GiB",
            received=f"{samples * len(waves) * 2 / 2**30:.1f} GiB",
            do="Pass seconds= or limit=",
        )
    x = torch.from_numpy(np.stack([fit_length(w, samples) for w in waves]))
    encoder = fit_encoding([labels], task="classification")
    y = encoder.encode(labels)
    indices = split_indices(len(x), valid=valid, test=test, labels=y.numpy(), seed=seed, stratified=stratified)
    rows = {"train": indices.train, "valid": indices.valid, "test": indices.test}
    unfitted = SpectrogramPreprocessing(rate, samples)
    sample = unfitted.spectrogram(x[torch.from_numpy(indices.train[:1000])])
    preprocessing = SpectrogramPreprocessing(
        rate, samples, mean=float(sample.mean()), std=max(float(sample.std()), 1e-6)
    )
    splits = {
        part: TensorSplit(x[torch.from_numpy(index)], y[torch.from_numpy(index)], preprocessing)
        for part, index in rows.items()
        if len(index)
    }
    args = {"path": str(path), "seconds": seconds, "valid": valid, "test": test, "seed": seed, "limit": limit,
            "stratified": stratified}  # fmt: skip
    return assemble(
        name,
        train=splits["train"],
        valid=splits.get("valid"),
        test=splits.get("test"),
        task=encoder.task,
        classes=encoder.classes,
        preprocessing=preprocessing,
        source={"loader": "load_audio", "args": {**{k: v for k, v in args.items() if v is not None}, "name": name}},
        findings=[*findings, *indices.findings],
    )


def read_wav(data: bytes) -> tuple[Wave, int]:
    """Samples of a WAV file, the mean of its channels, and their rate.

    Raises:
        DataError: It is no WAV file, or packed in a way that is not read.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError) as error:
        raise DataError("the file is not a WAV recording that can be read", received=str(error) or "its end") from error
    if width not in (1, 2, 4):
        raise DataError(
            "the recording has samples of an odd size", expected="8, 16 or 32 bits", received=f"{8 * width} bits"
        )
    frames = frames[: len(frames) - len(frames) % (width * channels)]
    if not frames:
        raise DataError("the recording is empty")
    samples: Wave
    if width == 1:
        samples = (np.frombuffer(frames, np.uint8).astype(np.int16) - 128) * 256
    elif width == 2:
        samples = np.frombuffer(frames, "<i2").astype(np.int16)
    else:
        samples = (np.frombuffer(frames, "<i4") >> 16).astype(np.int16)
    if channels > 1:
        return np.asarray(samples.reshape(-1, channels).mean(1), dtype=np.int16), rate
    return samples, rate


def fit_length(samples: Wave, length: int) -> Wave:
    """The first `length` samples, filled up with silence."""
    out = np.zeros(length, np.int16)
    out[: min(len(samples), length)] = samples[:length]
    return out


def _as_int16(samples: npt.NDArray[Any]) -> Wave:
    if samples.ndim != 1:
        raise DataError("a recording has one axis", expected="(samples,)", received=str(samples.shape))
    if np.issubdtype(samples.dtype, np.floating):
        samples = np.nan_to_num(samples).clip(-1, 1) * 32767
    return np.asarray(samples, dtype=np.int16)


def _read_all(source: Any, files: Sequence[str], where: str) -> tuple[list[Wave], list[str], int, list[DataFinding]]:
    waves: list[Wave] = []
    labels: list[str] = []
    rates: Counter[int] = Counter()
    unreadable: list[tuple[str, str]] = list(source.notes)
    by_folder = len({PurePosixPath(n).parent for n in files}) > 1
    for file in files:
        try:
            samples, rate = read_wav(source.read(file))
        except UnsafeDataError:
            raise
        except (DataError, OSError) as error:
            unreadable.append((file, str(error)))
            continue
        path = PurePosixPath(file)
        waves.append(samples)
        labels.append(path.parent.name if by_folder else path.stem.split("_")[0])
        rates[rate] += 1
    if not waves:
        raise DataError("no recording can be read", where=where, received=str(unreadable[0]) if unreadable else None)
    if len(rates) > 1:
        raise DataError(
            "the recordings have different rates",
            where=where,
            expected="one rate",
            received=", ".join(f"{n} at {rate} Hz" for rate, n in rates.most_common(5)),
            do="Convert them to one rate first",
        )
    findings = []
    if unreadable:
        findings.append(
            DataFinding(
                "warning",
                "unreadable_files",
                f"{len(unreadable):,} files could not be read and were left out.",
                {"files": [list(pair) for pair in unreadable[:100]]},
                "Look at them, or remove them.",
            )
        )
    return waves, labels, next(iter(rates)), findings
