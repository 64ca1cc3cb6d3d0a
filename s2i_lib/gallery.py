"""What the released models draw of sentences about things that they never saw: ``python -m s2i_lib gallery``.

Needs no data, no run and no training, so ``./run_all.sh`` begins with it.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

from s2i_lib import figures, speech
from s2i_lib.datasets import get_spec
from s2i_lib.files import project_root, repository, save_atomically
from s2i_lib.inference import SpeechToImage
from s2i_lib.models.checkpoint import DESCRIPTION_FILE
from s2i_lib.preparation.images import example_captions
from s2i_lib.released import CHECKSUMS_FILE, Release, list_releases, read_json

SENTENCES, PICTURES = 5, 8


def gallery_folder() -> Path:
    """Where the galleries are written."""
    return project_root() / "runs" / "gallery"


def draw_galleries(publish: bool = False) -> list[Path]:
    """Draw a gallery with every released model that is complete.

    Args:
        publish: also put them in place of the committed pictures, of the models that have one.

    Returns:
        The PNG files, ``runs/gallery/<model>.png``; none if no model came along.
    """
    figures.use_style()
    paths = []
    for release in (found for found in list_releases() if not found.damaged):
        paths.append(draw_gallery(release))
        if publish and (target := published(release)).exists():
            with Image.open(paths[-1]) as picture:
                picture.convert("RGB").save(target, quality=90, optimize=True, comment=signature(release))
    return paths


def published(release: Release) -> Path:
    """The committed picture of a released model, whose comment is the model's ``signature``."""
    return repository() / "figures" / release.name / "released_model.jpg"


def signature(release: Release) -> str:
    """The beginnings of the checksums of its weights, by which a picture can be told to be drawn by this very model."""
    digests = read_json(release.folder / CHECKSUMS_FILE)
    weights = ("speech_encoder.safetensors", "generator.safetensors")
    return " ".join(f"{name} {digests[name][:16]}" for name in weights if name in digests)


def draw_gallery(release: Release) -> Path:
    """Five sentences about unseen classes, spoken by synthetic voices, and eight pictures of each; where pictures can be made
    here and now, what is meant as well.

    Args:
        release: a released model. One that many voices have taught hears five that it does not know.

    Returns:
        The PNG file.
    """
    model = SpeechToImage.load(release.folder)
    spec = get_spec(model.config.dataset)
    if spec.rendered:
        meant, captions = example_captions(model.config, SENTENCES)
    else:
        meant, captions = [], read_json(release.folder / DESCRIPTION_FILE)["examples"]
    voices = speech.example_voices(model.config.encoder.speech, SENTENCES)
    spoken = [torch.from_numpy(speech.synthesize(text, voice=voice)) for text, voice in zip(captions, voices, strict=True)]
    drawn = [model.translate(waveform, PICTURES) for waveform in spoken]
    rows = [[real, *images] for real, images in zip(meant, drawn, strict=True)] if meant else [list(images) for images in drawn]
    titles = (["meant"] if meant else []) + ["drawn"]
    titles += [""] * (len(rows) * len(rows[0]) - len(titles))
    labels = [figures.wrap(text, 30) for text in captions]
    shown = [picture for row in rows for picture in row]
    figure = figures.image_grid(shown, len(rows[0]), titles=titles, row_labels=labels, cell=1.2)
    speakers = "a synthetic voice" if len(set(voices)) == 1 else "five synthetic voices that it never heard"
    figure.suptitle(f"Released model “{release.name}”: {spec.noun}s that it never saw, described by {speakers}")
    path = gallery_folder() / f"{release.name}.png"
    save_atomically(path, lambda file: figure.savefig(file, format="png", dpi=110))
    plt.close(figure)
    return path
