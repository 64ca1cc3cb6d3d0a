"""The paper's own data sets with a few pictures each, in exactly the published formats, and a server to fetch them from."""

import io
import json
import tarfile
from http.server import BaseHTTPRequestHandler

import numpy as np
import soundfile
from PIL import Image
from scipy.io import savemat
from scipy.signal import lfilter

from s2i_lib.datasets.photos import places
from s2i_lib.datasets.photos.cub_attributes import QUESTIONS

ODD_CAPTIONS = (
    b"this bird has a 6\xb0 tail and a \xef\xbf\xbd\xef\xbf\xbdred\xef\xbf\xbd\xef\xbf\xbd crown .\r\n\r\n"
    + b"  a  bird\twith a caf\xc3\xa9\xc2\x85brown back\n"
    + b"\n \xff\n"
    + b"".join(b"a small bird number %d\n" % k for k in range(9))
)  # eleven in all, the last without need


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (40, 30), label: int | None = None) -> bytes:
    """A JPEG file of smooth colours; those of one label are similar."""
    noise = np.random.default_rng(seed).integers(0, 256, (3, 4, 3))
    if label is not None:
        noise = (noise + 4 * np.random.default_rng([label, 7]).integers(0, 256, (3, 4, 3))) // 5
    file = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR).convert(mode).save(file, "JPEG")
    return file.getvalue()


def captions(number: int) -> bytes:
    return b"".join(b"picture %d shows something , sentence %d .\n" % (number, k) for k in range(10))


CUB_NAMES = (
    "001.Black_footed_Albatross/Black_Footed_Albatross_0001_796111",
    "002.Laysan_Albatross/Laysan_Albatross_0002_1027",
    "002.Laysan_Albatross/Laysan_Albatross_0003_1033",
    "004.Groove_billed_Ani/Groove_Billed_Ani_0002_1670",
)


def cub_files(names: tuple[str, ...] = CUB_NAMES) -> dict[str, bytes]:
    """CUB-200 with a few images: path below data/cub -> content, as the archives of Caltech and of Reed unpack."""
    files = {
        f"CUB_200_2011/images/{name}.jpg": picture(k, "L" if k == 1 else "RGB", label=int(name[:3]))
        for k, name in enumerate(names)
    }
    boxes = ["0.0 0.0 40.0 30.0", "10.0 5.0 8.0 6.0", "32.0 2.0 8.0 20.0", *["1.0 1.0 30.0 20.0"] * (len(names) - 3)]
    tables = {
        "images.txt": [f"{name}.jpg" for name in names],
        "image_class_labels.txt": [str(int(name[:3])) for name in names],
        "bounding_boxes.txt": boxes,
    }
    for table, rows in tables.items():
        files[f"CUB_200_2011/{table}"] = "".join(f"{k} {row}\n" for k, row in enumerate(rows, 1)).encode()
    for k, name in enumerate(names):
        files[f"cvpr2016_cub/text_c10/{name}.txt"] = ODD_CAPTIONS if k == 0 else captions(k)
    return files


# class 4 is for the test
CUB_EXCERPT = {"002.Laysan_Albatross": 2, "004.Groove_billed_Ani": 1, "042.Vermilion_Flycatcher": 3}


def cub_answers() -> list[str]:
    """The answers that the annotators of CUB-200 could give, as the archive names them."""
    return [f"{question}::{answer}" for question, answers in QUESTIONS.values() for answer in answers.values()]


def cub_shares(number: int) -> list[float]:
    """The percentages of annotators who gave each answer about a class: they agree on one answer to each question."""
    rng, shares = np.random.default_rng(number), []
    for _, answers in QUESTIONS.values():
        chosen = rng.integers(len(answers))
        shares += [80.0 if k == chosen else 5.0 for k in range(len(answers))]
    return shares


def cub_annotations(names: tuple[str, ...] = CUB_NAMES) -> dict[str, bytes]:
    """What annotators saw on each photograph and class, as CUB-200's archive holds it: all saw what their class shows."""
    answers = cub_answers()
    lines = []
    for image, name in enumerate(names, 1):
        for answer, share in enumerate(cub_shares(int(name[:3])), 1):
            lines.append(f"{image} {answer} {int(share > 50)} {4 if share > 50 else 1} 2.5")
    lines[0] += " 0 0"  # some lines of the published file have more columns
    table = "".join(" ".join(map(str, cub_shares(number))) + "\n" for number in range(1, 201))
    return {
        "attributes.txt": "".join(f"{k} {answer}\n" for k, answer in enumerate(answers, 1)).encode(),
        "CUB_200_2011/attributes/image_attribute_labels.txt": ("\n".join(lines) + "\n").encode(),
        "CUB_200_2011/attributes/class_attribute_labels_continuous.txt": table.encode(),
    }


def cub_excerpt_files() -> dict[str, bytes]:
    """An excerpt of three classes of CUB-200."""
    files, classes = {}, ["cub_class,name,photographs"]
    shares = [",".join(["cub_class", *cub_answers()])]
    for name, count in CUB_EXCERPT.items():
        number, title = int(name[:3]), name[4:]
        classes.append(f"{number},{title},{count}")
        shares.append(",".join(map(str, [number, *cub_shares(number)])))
        for k in range(count):
            files[f"cub100/images/{name}/{k:04d}.jpg"] = picture(100 * number + k, label=number)
    tables = {"classes.csv": classes, "class_attributes.csv": shares}
    return files | {f"cub100/{table}": ("\n".join(rows) + "\n").encode() for table, rows in tables.items()}


def oxford_files(classes: tuple[int, ...] = (77, 77, 3, 21)) -> dict[str, bytes]:
    """Oxford-102 with an image of each of these classes."""
    labels = io.BytesIO()
    savemat(labels, {"labels": np.array([classes], np.uint8)})
    files = {"imagelabels.mat": labels.getvalue()}
    for k, number in enumerate(classes, 1):
        files[f"jpg/image_{k:05d}.jpg"] = picture(k, "L" if k == 3 else "RGB", (30, 44), label=number)
        files[f"cvpr2016_flowers/text_c10/class_{number:05d}/image_{k:05d}.txt"] = captions(k)
    return files


def places_files(per_class: int = 2, seconds: float = 0.7) -> dict[str, bytes]:
    """Places Audio with a few pairs of every class of rooms, a second recording of one photo, and a photo of another class."""
    base = "PlacesAudio_400k_distro"
    images = [f"{room[0]}/{room}/gsun_{k:04x}.jpg" for room in places.CLASSES for k in range(per_class)]
    entries = [
        {
            "uttid": f"A{k}-{k}",
            "speaker": f"A{k}",
            "wav": f"wavs/{k}/utt{k}.wav",
            "image": image,
            "asr_text": f"there is a  room {k}",
        }
        for k, image in enumerate([*images, images[3], "a/abbey/gsun_1.jpg"])
    ]
    files = {f"{base}/{entry['wav']}": recording(seconds, k) for k, entry in enumerate(entries)}
    files |= {
        f"data/vision/torralba/deeplearning/images256/{image}": picture(k, label=k // per_class)
        for k, image in enumerate(images)
    }
    for name, part in (("train", entries[3:]), ("val", entries[:3])):
        document = {"image_base_path": "/data/images/", "audio_base_path": "/data/wavs/", "data": part}
        files[f"{base}/metadata/{name}.json"] = json.dumps(document).encode()
    return files


def recording(seconds: float, seed: int) -> bytes:
    """A wav file with a noise that has, like speech, more low than high frequencies."""
    noise, sound = np.random.default_rng(seed).normal(size=int(16_000 * seconds)), io.BytesIO()
    soundfile.write(sound, 0.02 * lfilter([1], [1, -0.95], noise), 16_000, format="WAV")
    return sound.getvalue()


MINIATURES = {"cub": cub_files, "oxford": oxford_files, "places": places_files}
SIZES = {"cub": {"train": 2, "test": 2}, "oxford": {"train": 3, "test": 1}, "places": {"train": 10, "test": 4}}


def put(folder, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def tar(files: dict[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """A gzipped tar archive with these files, and before them further members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in members:
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.mood`` says how it misbehaves, ``server.asked`` what was asked for."""

    def do_GET(self):
        server, content = self.server, self.server.files.get(self.path[1:])
        asked = self.headers.get("Range")
        server.asked.append(asked)
        mood = server.mood.pop(0) if server.mood else "well"
        if content is None or mood == "busy":
            self.send_error(404 if content is None else 503)
            return
        start = int(asked[6:-1]) if asked and mood != "no ranges" else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            start = 0 if mood == "other piece" else start
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + 500] if mood == "breaks off" else content[start:])

    def log_message(self, *_):
        pass
