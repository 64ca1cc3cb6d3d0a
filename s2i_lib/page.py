"""A web page to speak to: ``python -m s2i_lib page`` puts a released model, a runtime and the files of ``page/`` into a folder.

Any server of files can serve it, without internet and without Python. What is downloaded to build it is the runtime, the npm
package that ``page/package-lock.json`` pins. Whatever Python decides about recordings goes into ``page.json``, from which the
page takes it.
"""

import html
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from s2i_lib import audio, decoding, recordings
from s2i_lib.config import Config
from s2i_lib.datasets import DatasetSpec, get_spec
from s2i_lib.exporting import export_encoder, export_generator
from s2i_lib.files import repository, save_text
from s2i_lib.inference import SpeechToImage, noise_rows
from s2i_lib.models.checkpoint import DESCRIPTION_FILE
from s2i_lib.models.whisper import whisper_log_mel
from s2i_lib.novelty import REFUSES
from s2i_lib.preparation.images import example_captions
from s2i_lib.released import read_json, release_folder
from s2i_lib.speech import TRAINING_VOICES, example_voices, synthesize

LARGEST, LARGEST_MODELS = 45_000_000, 20_000_000  # bytes, of all files and of the networks
PICTURES, EXAMPLES, CAPTIONS = 8, 4, 24
DESCRIPTION = "page.json"
NETWORKS = {"detector": "detector.onnx", "encoder": "encoder.onnx", "generator": "generator.onnx"}
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # of onnxruntime-web; the second is the large one


def build_page(name: str, out: Path) -> Path:
    """Build the page for a released model.

    Args:
        name: of the release, see ``released.release_folder``.
        out: the folder to write; one that holds an older page is replaced as a whole.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: there is no such release, or this is no checkout.
        ValueError: `out` holds something else, the generator cannot be exported, the runtime cannot be fetched, or the page
            would be too large.
    """
    source, release = repository() / "page", release_folder(name)
    if not (source / "package-lock.json").exists():
        raise FileNotFoundError(f"{source} is missing: the page is built in a checkout of the repository")
    if out.exists() and not (out.is_dir() and ((out / DESCRIPTION).exists() or not any(out.iterdir()))):
        raise ValueError(f"{out} holds something else than a page: give a new or an empty folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        prepared = Path(temporary) / "page"
        shutil.copytree(source, prepared, ignore=shutil.ignore_patterns("package*.json", "node_modules"))
        _copy_runtime(source, prepared / "ort")
        _fill(prepared, SpeechToImage.load(release, device="cpu"), release)
        check_sizes(prepared)
        shutil.rmtree(out, ignore_errors=True)
        prepared.rename(out)
    return out


def _copy_runtime(source: Path, target: Path) -> None:
    """The two files of onnxruntime-web that are needed, in the locked version; npm fetches it where it is not there yet."""
    package = source / "node_modules" / "onnxruntime-web"
    locked = read_json(source / "package-lock.json")["packages"]["node_modules/onnxruntime-web"]["version"]
    if not (package / "package.json").exists() or read_json(package / "package.json")["version"] != locked:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise ValueError("npm was not found: install Node.js (on Debian: apt-get install npm)") from None
        except subprocess.CalledProcessError as error:
            reason = next(iter(error.stderr.strip().splitlines()), "it does not say why")
            raise ValueError(f"npm cannot fetch onnxruntime-web ({reason}): connect to the internet and try again") from None
    target.mkdir()
    for name in RUNTIME:
        shutil.copy(package / "dist" / name, target)


def _fill(folder: Path, model: SpeechToImage, release: Path) -> None:
    """Networks, examples, ``page.json`` and the text of the page."""
    from silero_vad import data

    shutil.copy(Path(data.__file__).with_name("silero_vad_16k_sequence.onnx"), folder / NETWORKS["detector"])
    (folder / NETWORKS["encoder"]).write_bytes(export_encoder(model).SerializeToString())
    (folder / NETWORKS["generator"]).write_bytes(export_generator(model).SerializeToString())
    pictures, captions = _captions(model.config, release)
    captions = [caption[:1].upper() + caption[1:] for caption in captions]
    examples = _write_examples(folder, model, captions[:EXAMPLES], pictures[:EXAMPLES])
    names = {"runtime": f"ort/{RUNTIME[1]}", **NETWORKS}
    description = {
        "model": release.name,
        "size": model.config.gan.image_size,
        "noiseDim": model.config.gan.noise_dim,
        "noise": noise_rows(PICTURES, model.config.gan.noise_dim, seed=0).tolist(),
        "limits": limits(),
        "reference": _reference(model),
        "captions": captions[EXAMPLES:] or captions,
        "examples": examples,
        "files": {key: {"name": path, "bytes": (folder / path).stat().st_size} for key, path in names.items()},
    }
    save_text(folder / DESCRIPTION, json.dumps(description))
    text = Template((folder / "index.html").read_text(encoding="utf-8"))
    save_text(folder / "index.html", text.substitute(_texts(model, release.name, description)))


def limits() -> dict[str, Any]:
    """What the library decides about recordings, in seconds, hertz and shares."""
    return {
        "rate": audio.SAMPLE_RATE,
        "level": audio.LEVEL,
        "silence": audio.SILENCE,
        "shortest": audio.SHORTEST,
        "longest": decoding.LONGEST,
        "cancelled": decoding.CANCELLED,
        "highPass": recordings.HIGH_PASS,
        "qualities": recordings.QUALITIES,
        "pause": recordings.PAUSE,
        "margin": recordings.MARGIN,
        "shortestSpeech": recordings.SHORTEST_SPEECH,
        "shortestSentence": recordings.SHORTEST_SENTENCE,
        "longestSentence": recordings.LONGEST_SENTENCE,
        "mostSentences": recordings.MOST_SENTENCES,
        "fullScale": recordings.FULL_SCALE,
        "clipped": recordings.CLIPPED,
    }


def _reference(model: SpeechToImage) -> dict[str, Any] | None:
    if model.reference is None:
        return None
    return {"threshold": model.reference.thresholds[REFUSES], "captions": model.reference.captions}


def _captions(config: Config, release: Path) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Sentences about what the model has never seen, and, of rendered data, what each is about."""
    if not get_spec(config.dataset).rendered:
        return [], read_json(release / DESCRIPTION_FILE)["examples"]
    return example_captions(config, EXAMPLES + CAPTIONS)


def _write_examples(
    folder: Path, model: SpeechToImage, captions: list[str], meant: list[NDArray[np.uint8]]
) -> list[dict[str, str]]:
    """Sentences said by synthetic voices, and what is drawn of the first of them, to be seen before anything is loaded."""
    (folder / "examples").mkdir()
    examples, voices = [], example_voices(model.config.encoder.speech, len(captions))
    for number, (caption, voice) in enumerate(zip(captions, voices, strict=True)):
        example, waveform = {"caption": caption, "sound": f"examples/{number}.wav"}, synthesize(caption, voice=voice)
        audio.save_audio(folder / example["sound"], waveform)
        if meant:
            example["meant"] = f"examples/{number}_meant.png"
            Image.fromarray(meant[number]).save(folder / example["meant"], optimize=True)
        if not number:
            for place, picture in enumerate(model.translate(torch.from_numpy(waveform), PICTURES)):
                Image.fromarray(picture).save(folder / "examples" / f"drawn_{place}.png", optimize=True)
        examples.append(example)
    return examples


def check_sizes(folder: Path) -> None:
    """Refuse a page that nobody would wait for.

    Raises:
        ValueError: its networks have more than 20 MB, or all its files more than 45.
    """
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    networks = sum(size for path, size in sizes.items() if path.suffix == ".onnx")
    for size, limit, what in ((networks, LARGEST_MODELS, "networks"), (sum(sizes.values()), LARGEST, "files")):
        if size > limit:
            raise ValueError(f"the {what} of the page would have {size / 1e6:.1f} MB; they may have {limit / 1e6:.0f}")


# --- its text ---

HEARD = {
    "whisper": "The frozen encoder of Whisper tiny.en goes first. It learned from transcripts of other people's speech, so "
    "this is not “without text”, although no word is written down here. A small network on top of it, which learned from pairs "
    "of spoken sentences and pictures, makes of your sentence a point in the space of what such pictures look like.",
    "log_mel": "A network that has learned from pairs of spoken sentences and pictures, and from nothing written, makes of "
    "your sentence a point in the space of what such pictures look like.",
}
VOICES = {
    "one": "It learned from one synthetic voice, in quiet, and no person has ever spoken to it in training. Other voices, "
    "yours perhaps, it often misunderstands.",
    "many_voices": "It learned from {count} synthetic voices, with simulated noise, rooms and telephones. No person has ever "
    "spoken to it in training: you are a test.",
    "several_voices": "It learned from synthetic voices, in quiet. No person has ever spoken to it: you are a test.",
}
MATERIAL = {  # by whether it is rendered
    True: "The {noun}s are synthetic. A program rendered the {images:,} pictures that it learned from, of {classes:,} invented "
    "kinds; the examples are about further kinds, which it has never seen. None of these {noun}s exists.",
    False: "It learned from photographs of {classes} kinds of {noun}s, described by sentences that were composed from "
    "annotations. What it draws is no evidence of what any {noun} looks like.",
}


def _texts(model: SpeechToImage, name: str, description: dict[str, Any]) -> dict[str, str]:
    """What stands in ``index.html`` for the names with a dollar sign, as HTML."""
    spec, downloads = get_spec(model.config.dataset), description["files"].values()
    bands = audio.NUM_MELS if model.whisper is None else whisper_log_mel(torch.zeros(audio.WINDOW)).shape[0]
    return {
        "noun": spec.noun,
        "nouns": f"{spec.noun}s",
        "name": html.escape(name),
        "dim": f"{model.speech_model.encoder.embedding_dim}",
        "bands": f"{bands}",
        "megabytes": f"{sum(file['bytes'] for file in downloads) / 1e6:.0f}",
        "heard": HEARD[model.config.encoder.front_end],
        "limits": "\n".join(f"  <li>{line}</li>" for line in _statements(model.config, spec, model.reference is not None)),
        "suggestion": html.escape(description["captions"][0]),
        "examples": "\n".join(
            f'      <li><button type="button" data-example="{i}">{html.escape(example["caption"])}</button></li>'
            for i, example in enumerate(description["examples"])
        ),
        "first": _first_card(description["examples"][0], spec.noun),
    }


def _first_card(example: dict[str, str], noun: str) -> str:
    """What is seen before anything is said: the first example, as Python has drawn it."""
    pictures = "".join(f'<img src="examples/drawn_{i}.png" alt="Picture {i + 1} of {PICTURES}">' for i in range(PICTURES))
    meant = ""
    if "meant" in example:
        image = f'<img src="{example["meant"]}" alt="The rendered {noun} that the sentence describes">'
        meant = f'<figure class="meant">{image}<figcaption>said about this {noun}</figcaption></figure>'
    return (
        f'<article class="sentence"><h3>“{html.escape(example["caption"])}”</h3><div class="row">{meant}'
        f'<div class="pictures" role="group" aria-label="Pictures">{pictures}</div></div>'
        '<p class="note">Said by a synthetic voice, drawn when this page was made. Your sentence takes its place.</p></article>'
    )


def _statements(config: Config, spec: DatasetSpec, refuses: bool) -> list[str]:
    """What a reader should know before believing a picture."""
    size, (classes, images) = config.gan.image_size, config.taught
    voices = VOICES.get(config.encoder.speech, VOICES["one"])
    words = ", ".join(spec.attributes).replace("_", " ")
    known = f"It knows what its sentences were about: {words}. " if words else ""
    otherwise = "A sentence about something else is drawn as what is nearest" + (", if you insist." if refuses else ".")
    return [
        MATERIAL[spec.rendered].format(noun=spec.noun, images=images, classes=classes),
        voices.format(count=len(TRAINING_VOICES)),
        known + otherwise,
        f"The pictures have {size} by {size} pixels. The page computes what Python computes, to within what rounding changes.",
    ]
