"""Places-Subset: photographs of seven kinds of rooms, each described aloud by a person (Section IV-C, Table III).

Photographs: Places 205 (Zhou et al., 2014). Recordings: Places Audio Captions (Harwath et al., 2016), about 400,000 by many
speakers. The paper takes 13,803 pairs of seven classes and tests on 2,870 of them at random, so both splits show the same
classes. Which pairs is not published; ours are drawn once and written to ``places_subset.json``, and read from there ever
after. A file of the same form with other pairs is used as it is.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Part, Photo, inside, part_folder
from s2i_lib.datasets.records import Caption
from s2i_lib.datasets.spec import PhotoSpec
from s2i_lib.files import save_atomically

CLASSES = ("bedroom", "dinette", "dining_room", "home_office", "hotel_room", "kitchenette", "living_room")
NUM_CLASSES = NUM_TRAIN_CLASSES = len(CLASSES)
SPLIT_SIZES = {"train": 10_933, "test": 2_870}
SUBSET_FILE, SEED = "places_subset.json", 0

RECORDINGS = Part(
    "recordings and their metadata",
    "PlacesAudio_400k_distro.tar.gz",
    ("PlacesAudio_400k_distro", "PlacesAudio_400k"),
    "https://groups.csail.mit.edu/sls/downloads/placesaudio/",
    "see that page",
    85_000_000_000,
)
IMAGES = Part(
    "photographs",
    "imagesPlaces205_resize.tar.gz",
    (
        "data/vision/torralba/deeplearning/images256",
        "images256",
        "images",
        "imagesPlaces205_resize/data/vision/torralba/deeplearning/images256",
    ),
    "http://places.csail.mit.edu/ (asks you to register)",
    "for research, after registration",
    132_000_000_000,
)
PARTS = (RECORDINGS, IMAGES)


def read(folder: Path, captions: str = "transcripts") -> list[Photo]:
    """The photos of Places-Subset, each with its recording and its automatic transcript, in class order.

    Writes ``places_subset.json`` if it is not there yet.

    Args:
        folder: holds the archives as they unpack, see ``PARTS``.
        captions: ``transcripts``, automatic ones of what people said; there are no others.

    Raises:
        DatasetError: other captions, a part is missing, the metadata are damaged, or there are too few pairs; the message names
            the file.
    """
    if captions != "transcripts":
        raise DatasetError(f"places has transcripts of its recordings and no captions of the kind {captions!r}")
    recordings, images = part_folder(RECORDINGS, folder), part_folder(IMAGES, folder)
    pairs, photos = read_pairs(recordings / "metadata"), []
    for split, wavs in _subset(folder / SUBSET_FILE, pairs).items():
        for wav in wavs:
            pair = pairs[wav]
            photos.append(
                Photo(
                    str(PurePosixPath(pair["image"]).with_suffix("")),
                    CLASSES.index(_room(pair)),
                    split,
                    inside(images, pair["image"], recordings),
                    (Caption(" ".join((pair.get("asr_text") or "").split()), {}),),
                    recordings=(inside(recordings, wav),),
                )
            )
    return sorted(photos, key=lambda photo: (photo.label, photo.split != "train", photo.recordings))


def read_pairs(metadata: Path) -> dict[str, dict[str, Any]]:
    """The pairs of the seven classes in ``train.json`` and ``val.json``: path of the recording -> its entry.

    An entry has ``wav`` and ``image``, paths below the recordings and the photographs, and mostly ``uttid``, ``speaker`` and
    ``asr_text``.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    pairs: dict[str, dict[str, Any]] = {}
    for name in ("train.json", "val.json"):
        path = metadata / name
        try:
            entries = json.loads(path.read_text(encoding="utf-8", errors="replace"))["data"]
            found = [(str(entry["wav"]), entry) for entry in entries if _room(entry) in CLASSES]
            wrong = [wav for wav, entry in found if not isinstance(entry.get("asr_text") or "", str)]
        except FileNotFoundError:
            raise DatasetError(f"{path} is missing: unpack the recordings again") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DatasetError(f"{path} is not the metadata of Places Audio Captions: unpack the recordings again") from None
        if wrong:
            raise DatasetError(f"{path} has a transcript that is no text, of {wrong[0]!r}: unpack the recordings again")
        for wav, entry in found:
            if pairs.setdefault(wav, entry) is not entry:
                raise DatasetError(f"{path} has two entries about {wav!r}: unpack the recordings again")
    return pairs


def _room(pair: dict[str, Any]) -> str:
    return PurePosixPath(pair["image"]).parent.name  # b/bedroom/gsun_0123.jpg


def choose_subset(pairs: dict[str, dict[str, Any]], seed: int = SEED) -> dict[str, list[str]]:
    """Draw the pairs of both splits; two recordings of one photo come into the same split.

    The order is that of SHA-256 hashes, so that it depends on no library's random numbers.

    Args:
        pairs: from ``read_pairs``.

    Returns:
        split -> paths of recordings, as many as ``SPLIT_SIZES`` says.

    Raises:
        DatasetError: there are too few pairs.
    """
    total = sum(SPLIT_SIZES.values())
    if len(pairs) < total:
        raise DatasetError(
            f"the metadata hold {len(pairs)} pairs of the seven classes, the paper has {total}: unpack the recordings again"
        )
    drawn = sorted(pairs, key=lambda wav: hashlib.sha256(f"{seed} {wav}".encode()).digest())[:total]
    of_image: dict[str, list[str]] = {}
    for wav in drawn:
        of_image.setdefault(pairs[wav]["image"], []).append(wav)
    splits: dict[str, list[str]] = {"train": [], "test": []}
    for wavs in of_image.values():
        fits = len(splits["test"]) + len(wavs) <= SPLIT_SIZES["test"]
        splits["test" if fits else "train"] += wavs
    return {split: sorted(wavs) for split, wavs in splits.items()}


def _subset(path: Path, pairs: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The choice that was written down, or a new one, which is then written down."""
    if not path.exists():
        chosen = choose_subset(pairs)
        text = json.dumps({"seed": SEED, "classes": CLASSES, **chosen}, indent=0)
        save_atomically(path, lambda file: file.write(text.encode()))
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        splits = {split: list(map(str, written[split])) for split in SPLIT_SIZES}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DatasetError(f"{path} is damaged: remove it to draw the pairs again") from None
    unknown = [wav for wavs in splits.values() for wav in wavs if wav not in pairs]
    if unknown:
        raise DatasetError(f"{path} names {unknown[0]}, which is no pair of the metadata: remove it to draw the pairs again")
    for wavs in splits.values():
        if len(set(wavs)) < len(wavs):
            raise DatasetError(f"{path} names a recording twice: remove it to draw the pairs again")
    images = [{pairs[wav]["image"] for wav in wavs} for wavs in splits.values()]
    if images[0] & images[1]:
        raise DatasetError(f"{path} has {min(images[0] & images[1])} in both splits: remove it to draw the pairs again")
    return splits


SPEC = PhotoSpec(
    name="places",
    noun="room",
    title="Places Audio Captions, seven classes of rooms",
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_TRAIN_CLASSES,
    split="images",
    captions_per_image=1,
    published_as="Places-Subset",
    # One caption per image. 128 px, drawn in two scales; no number of steps is given for these.
    profiles={
        "paper": {
            "data": {"spoken_captions": 1, "captions": "transcripts"},
            "gan": {"num_scales": 2, "steps": 100_000},
            "scores": {"captions": 2870},
        }
    },
    # One sentence fits every bird of a class, but of all bedrooms only the one that it describes: see ``rendered.rooms``.
    recipes={"recommended": {"encoder": {"positives": "image"}}},
    parts=PARTS,
    split_sizes=SPLIT_SIZES,
    read=read,
)
