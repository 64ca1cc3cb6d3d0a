"""Fetch and unpack published data: resumed after an interruption, checked before use, never half there.

Archives come from strangers: a member that would be written elsewhere is refused, and nothing of its archive is kept. pooch and
torchvision can download and check, but start again from the first byte when a connection breaks; these files are too large.
"""

import errno
import filecmp
import gzip
import hashlib
import http.client
import lzma
import os
import shutil
import struct
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.availability import title_and_parts
from s2i_lib.datasets.photos.parts import inside, raw_folder
from s2i_lib.progress import bar

ATTEMPTS, PAUSE_SECONDS, TIMEOUT_SECONDS = 5, 2.0, 60
MOST_BYTES, MOST_FILES = 300 * 2**30, 5_000_000  # of Places 205, the largest: 132 GB and 2.5 million files
_CHUNK = 1 << 20
_DAMAGED_ARCHIVE = (
    *(tarfile.TarError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, ValueError, OverflowError, IndexError, KeyError, struct.error),
)
_OF_THIS_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE)


def fetch(name: str) -> list[str]:
    """Download what is openly downloadable of a data set and unpack whatever archives are there; what is complete is kept.

    Archives are kept, too: remove them when ``verify`` is content.

    Returns:
        What was done, and which parts have to be got by hand, as lines of text.

    Raises:
        DatasetError: a download failed or has the wrong checksum, or an archive is damaged or unsafe.
    """
    folder, lines = raw_folder(name), []
    for part in title_and_parts(name)[1]:
        archive = folder / part.archive
        if part.find(folder) is not None:
            lines.append(f"{name}: {part.what} are there")
        elif archive.exists() or part.url:
            if not archive.exists():
                download(part.url, archive, part.checksum)
            if part.find(folder) is None:  # a file that is no archive is in its place already
                unpack(archive, folder, part.unpacked)
            lines.append(f"{name}: {part.what} are there now")
        elif not part.optional:
            lines.append(
                f"{name}: {part.what} must be got by hand: get {part.archive} from {part.source}, put it into {folder} "
                "and run this command again"
            )
    return lines


def download(url: str, path: Path, checksum: str) -> None:
    """Download a file; an interrupted download goes on where it stopped, in this call or a later one.

    Args:
        checksum: ``md5:`` or ``sha256:`` and the (first) hexadecimal digits. The file gets its name only if it fits.

    Raises:
        DatasetError: the address refuses, the connection keeps breaking, or the checksum is wrong.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, by_hand = path.with_name(f".{path.name}.part"), f"or put {path.name} into {path.parent} by hand"
    reason = "the connection was closed"
    for attempt in range(ATTEMPTS):
        try:
            if _receive(url, partial):
                break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise DatasetError(
                    f"{url} answers {error.code} ({error.reason}): look for the file elsewhere and put "
                    f"{path.name} into {path.parent} by hand"
                ) from None
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        time.sleep(PAUSE_SECONDS * (attempt + 1 < ATTEMPTS))
    else:
        raise DatasetError(
            f"{url} could not be fetched to its end ({reason}): check the network and run this command again, it goes on "
            f"where it stopped, {by_hand}"
        )
    kind, _, digits = checksum.partition(":")
    with open(partial, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    if not found.startswith(digits):
        partial.unlink()
        raise DatasetError(
            f"{url} has the checksum {found} instead of {digits} and was removed: run this command again, {by_hand}"
        )
    os.replace(partial, path)


def _receive(url: str, partial: Path) -> bool:
    """Append what is missing of a file; True once everything that the server announced is there."""
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "s2i-companion"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return True  # nothing is missing, or the checksum will tell
        raise
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.unlink()  # another piece than the one asked for
            return False
        start, length = start if resumed else 0, response.headers.get("Content-Length")
        expected = start + int(length) if length else None
        with (
            open(partial, "ab" if resumed else "wb") as file,
            bar(desc=partial.name[1:-5], total=expected, initial=start, unit="B", unit_scale=True) as shown,
        ):
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                shown.update(len(chunk))
            return expected is None or file.tell() == expected


def unpack(archive: Path, folder: Path, expected: tuple[str, ...]) -> None:
    """Unpack a tar or zip archive into `folder`, all of it or nothing. Folders that are there get what they lack.

    Args:
        expected: paths, any of which the archive has to hold.

    Raises:
        DatasetError: the archive is damaged or another one, or too large; a member is a link or device or would be written
            outside `folder`; or another file is in the place of one.
    """
    partial = folder / f".{archive.name}.unpacking"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        files = size = 0
        for name, content in bar(_members(archive), desc=f"unpacking {archive.name}", unit="file"):
            path, files = inside(partial, name, archive), files + 1
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, open(path, "wb") as file:
                while chunk := content.read(_CHUNK):
                    size += file.write(chunk)
                    if size > MOST_BYTES or files > MOST_FILES:
                        raise DatasetError(f"{archive} unpacks to more than any of these data sets: do not use this archive")
        if not any((partial / path).exists() for path in expected):
            raise DatasetError(f"{archive} holds no {' or '.join(expected)}: it is another archive, remove it")
        unpacked = [path.relative_to(partial) for path in partial.rglob("*") if path.is_file()]
        for path in unpacked:
            if (folder / path).exists() and not filecmp.cmp(partial / path, folder / path, shallow=False):
                raise DatasetError(
                    f"{folder / path} would be overwritten by {archive.name}: move it away and run this command again"
                )
        for path in unpacked:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(partial / path, folder / path)
    except DatasetError:
        raise
    except (OSError, *_DAMAGED_ARCHIVE) as error:
        if isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE:
            raise
        reason = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
        raise DatasetError(f"{archive} is damaged ({reason}): remove it and get it again") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and the open content of every file in an archive; folders, and what macOS adds to archives, are skipped."""
    for name, content in _all_members(archive):
        if not {"__MACOSX", ".DS_Store"} & set(PurePosixPath(name).parts):
            yield name, content


def _all_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                if not member.is_dir():
                    yield member.filename, file.open(member)
        return
    with tarfile.open(archive) as file:
        for entry in file:
            if not (entry.isreg() or entry.isdir()):
                raise DatasetError(f"{archive} holds {entry.name!r}, which is a link or a device: do not use this archive")
            content = file.extractfile(entry)  # None for a folder
            if content is not None:
                yield entry.name, content
