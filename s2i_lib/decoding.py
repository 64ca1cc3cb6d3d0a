"""Sound files of any kind to samples: the one door through which recordings enter."""

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

LONGEST = 600.0  # seconds; what is longer is refused before it fills the memory
RATES = (4000, 192_000)  # hertz; a file that says something else is broken
BLOCK = 1 << 18  # samples of all channels that are decoded at a time: 1 MB
WAV_HEADER = struct.Struct("<4sI8sIHHIIHH4sI")  # RIFF, its length, format, its length, six properties, data, their length
LARGEST_PIPE = 1 << 29  # bytes read from a pipe, whose length nobody knows: ten minutes of the largest usual kind
UNKNOWN = (1 << 36) - 1  # frames, the most that flac can count: what was written to a pipe has a header without a length
MOST_SAMPLES = 1 << 26  # of all channels: ten minutes of 48 kHz in stereo, with some room; 268 MB
LARGEST_SAMPLE = 1e10  # full scale is 1, of whole numbers that nobody has scaled 2e9; larger ones are no sound
CANCELLED = 0.01  # power of the mix over power of the loudest channel, below which channels cancel each other out
# Containers of telephones and browsers. Formats that name other files or addresses, such as playlists, are left out.
CONTAINERS = "mov,matroska,ogg,aac,amr,wav,w64,mp3,flac,aiff,caf,asf,ac3,avi,mpegts"


class AudioError(ValueError):
    """A sound file that cannot be used; the message is one sentence that says why."""


class Block(NamedTuple):
    """Consecutive samples of a sound file.

    Attributes:
        samples: (frames, channels) float32, full scale is 1; lossy formats go a little beyond.
        rate: samples per second and channel.
    """

    samples: NDArray[np.float32]
    rate: int


def decode_blocks(path: str | Path) -> Iterator[Block]:
    """The samples of a sound file, a block of about 1 MB at a time.

    A wav, flac, ogg, opus or mp3 file is read by libsndfile. FFmpeg reads what that cannot: m4a, aac, webm, amr, 3gp, the sound
    of a video, and wav files whose header holds no length. A pipe is read to its end.

    Args:
        path: 4 to 192 kHz, any number of channels, up to ten minutes and 67 million samples of all channels.

    Yields:
        Blocks of one rate and one number of channels, at least one, none empty.

    Raises:
        AudioError: missing, empty, truncated, too long, not a sound file, or samples that are not numbers.
    """
    path, frames, kinds = Path(path), 0, set()
    for samples, rate in _blocks(path):
        kinds.add((rate, samples.shape[1]))
        if len(kinds) > 1:
            raise AudioError(
                f"{path}: the sample rate or the number of channels changes in the middle; convert it to wav first"
            )
        if not RATES[0] <= rate <= RATES[1]:
            raise AudioError(f"{path}: a sample rate of {rate} Hz is none of speech; record at 16,000 to 48,000 Hz")
        frames += len(samples)
        if frames > LONGEST * rate:
            raise AudioError(_too_long(path))
        if frames * samples.shape[1] > MOST_SAMPLES:
            raise AudioError(
                f"{path}: {frames / rate:.0f} s of {samples.shape[1]} channels at {rate} Hz are too much to read at once; cut "
                "out the sentences to be drawn"
            )
        if len(samples) and not (samples.min() >= -LARGEST_SAMPLE and samples.max() <= LARGEST_SAMPLE):  # also of no numbers
            raise AudioError(f"{path}: the recording holds values that are not numbers, or far too large ones; record it again")
        if len(samples):
            yield Block(samples, rate)
    if frames == 0:
        raise AudioError(f"{path}: the file holds no samples; record it again")


def decode(path: str | Path) -> Block:
    """``decode_blocks``, all at once."""
    blocks = list(decode_blocks(path))
    return Block(np.concatenate([block.samples for block in blocks]), blocks[0].rate) if len(blocks) > 1 else blocks[0]


def mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, channels) to (frames,): the mean, or the loudest channel where the channels cancel each other out."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean: NDArray[np.float32] = samples.mean(axis=1)
    powers = samples.var(axis=0)  # of each channel, without its offset
    return samples[:, powers.argmax()] if mean.var() < CANCELLED * powers.max() else mean


def _too_long(path: Path) -> str:
    return f"{path}: the recording is longer than {LONGEST / 60:.0f} minutes; cut out the sentences to be drawn"


def _unreadable(path: Path, reason: str) -> AudioError:
    return AudioError(f"{path}: not a readable sound file ({reason}); copy it again, or save it as wav")


def _blocks(path: Path) -> Iterator[Block]:
    """What libsndfile reads, else what FFmpeg reads; see ``decode_blocks``."""
    if not path.exists() or path.is_dir():
        raise AudioError(f"{path}: no such file")
    content, empty = None if path.is_file() else _read_pipe(path), False
    if content is None and (plain := _plain_wav(path)):
        yield plain
        return
    try:
        if (path.stat().st_size if content is None else len(content)) == 0:
            raise AudioError(f"{path}: the file is empty; record it again")
        # bytes, since a name need not be text; with a name, libsndfile reads faster than through Python
        with soundfile.SoundFile(os.fsencode(path) if content is None else io.BytesIO(content)) as file:
            if 0 < file.frames < UNKNOWN:
                yield from _blocks_of_libsndfile(path, file)
                return
            empty = not file.frames
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw, whatever is in the file
        pass
    yield from _blocks_of_ffmpeg(path, f"file:{path}" if content is None else io.BytesIO(content), whole=empty)


def _plain_wav(path: Path) -> Block | None:
    """A short wav file of 16-bit samples behind the usual header: libsndfile takes as long to open one as to read it.

    None is anything else, and any doubt.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(WAV_HEADER.size)
            if len(head) < WAV_HEADER.size:
                return None
            riff, following, wave, length, kind, channels, rate, _, _, bits, data, count = WAV_HEADER.unpack(head)
            usual = (riff, wave, length, kind, bits, data) == (b"RIFF", b"WAVEfmt ", 16, 1, 16, b"data")
            whole = os.fstat(file.fileno()).st_size == following + 8 == count + WAV_HEADER.size
            if not (usual and whole and channels and 0 < count <= 2 * BLOCK and count % (2 * channels) == 0):
                return None
            samples = np.fromfile(file, "<i2").reshape(-1, channels)
    except OSError:
        return None
    return Block(_scaled(samples), rate)


def _scaled(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.multiply(samples, np.float32(1 / 32768))


def _read_pipe(path: Path) -> bytes:
    with open(path, "rb") as file:
        content = file.read(LARGEST_PIPE + 1)
    if len(content) > LARGEST_PIPE:
        raise AudioError(_too_long(path))
    return content


def _blocks_of_libsndfile(path: Path, file: soundfile.SoundFile) -> Iterator[Block]:
    whole = file.subtype == "PCM_16"  # 16-bit samples as they are: libsndfile's own division is slow
    try:
        while len(samples := file.read(max(1, BLOCK // file.channels), "int16" if whole else "float32", always_2d=True)):
            yield Block(_scaled(samples) if whole else samples, file.samplerate)
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, str(error).rstrip(".").rpartition(": ")[2]) from None
    _check_complete(path)


def _check_complete(path: Path) -> None:
    """A wav file that was cut short still opens; its header then promises more bytes than the file has."""
    if not path.is_file():
        return
    with open(path, "rb") as file:
        header = file.read(12)
    promised, size = int.from_bytes(header[4:8], "little") + 8, path.stat().st_size
    streamed = promised >= 0x7FFF0000  # recorders that write to a pipe do not know the length: 2 or 4 GB stand for that
    # Some count the eight bytes of the header in, and an odd length is padded.
    if header[:4] == b"RIFF" and not streamed and promised > size + 9:
        raise AudioError(f"{path}: the file is truncated ({size} of {promised} bytes); copy it again")


def _blocks_of_ffmpeg(path: Path, source: str | IO[bytes], whole: bool = False) -> Iterator[Block]:
    """What FFmpeg reads; with `whole`, to the end of the file, where the header of a wav file says that nothing follows."""
    import av  # imported late: a tenth of a second that most recordings do without

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "ignore_length": str(int(whole))}
    try:
        with av.open(source, "r", metadata_errors="ignore", container_options=options) as container:
            known = None
            for frame in container.decode(audio=0):
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                if kind != known:  # packed floats, since PyAV counts the planes of more than eight channels wrongly
                    known, to_float = kind, av.AudioResampler(format="flt")
                for part in to_float.resample(frame):
                    samples = part.to_ndarray().reshape(-1, part.layout.nb_channels).astype(np.float32, copy=False)
                    yield Block(samples, part.sample_rate)
    except (av.FFmpegError, ValueError, IndexError, MemoryError) as error:
        reason = str(error.strerror) if isinstance(error, av.FFmpegError) else "it holds no sound"
        raise _unreadable(path, reason) from None
