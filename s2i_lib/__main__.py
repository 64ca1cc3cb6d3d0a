"""Command line: ``python -m s2i_lib translate my.wav --out birds.png``."""

import argparse
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2i_lib.inference import Drawing, Translation

USER_ERROR, DATA_MISSING = 2, 3
PICTURES = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "PDF")  # others that Pillow writes shrink a row of pictures
PIPE_CLOSED = 128 + 13  # as the shell reports a program that SIGPIPE has ended


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 2 after one sentence on standard error, 3 if ``data check`` misses something, or 141 where
    nobody reads the output to its end.
    """
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be letters that a terminal knows
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int | None = options.command(options)
        if sys.stdout is not None:  # closed by `>&-`
            sys.stdout.flush()  # here and not at exit, where nobody catches what a closed pipe raises
        return code or 0
    except BrokenPipeError:  # whoever reads the output has read enough, as in `data status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (ValueError, OSError) as error:
        return _refuse(str(error))
    except MemoryError:
        return _refuse("the memory is full: close other programs")
    except ImportError as error:
        return _refuse(
            f"a package cannot be loaded ({error}): make the environment (source workflow/environment.sh), or close other "
            "programs if the memory is full"
        )


def _refuse(sentence: str) -> int:
    """One line on standard error. What is printed on none, as names of files may hold, is escaped."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in sentence)
    print(f"error: {line}", file=sys.stderr)
    return USER_ERROR


def _parser() -> argparse.ArgumentParser:
    from s2i_lib.run.command import add_config_parser, add_parser

    parser = argparse.ArgumentParser(prog="python -m s2i_lib", description="Draw spoken descriptions.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_translate(commands)
    _add_speak(commands)
    _add_models(commands)
    _add_gallery(commands)
    _add_page(commands)
    _add_data(commands)
    _add_drill(commands)
    add_config_parser(commands)
    add_parser(commands)
    return parser


def _add_translate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    translate = commands.add_parser("translate", help="draw a recording")
    translate.add_argument("recording", type=Path, help="sound file: wav, flac, ogg, mp3, m4a, webm and more")
    translate.add_argument("--out", type=Path, default=Path("image.png"), help="PNG to write (default: %(default)s)")
    source = translate.add_mutually_exclusive_group()
    source.add_argument("--model", help="released model, see `models` (default: birds)")
    source.add_argument("--run", type=Path, help="folder of a run of your own")
    translate.add_argument("--num-images", type=int, default=8, help="pictures per sentence (default: %(default)s)")
    translate.add_argument("--seed", type=int, default=0, help="seed of the noise (default: %(default)s)")
    translate.add_argument(
        "--anyway",
        action="store_true",
        help="draw although nobody speaks, and sentences although they are unlike any that the model was taught",
    )
    translate.add_argument("--json", action="store_true", help="print one JSON object: times, scores, nearest sentences")
    translate.set_defaults(command=_translate)


def _add_speak(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    speak = commands.add_parser("speak", help="let the synthetic voice say a sentence")
    speak.add_argument("text", help="English sentence")
    speak.add_argument("--out", type=Path, default=Path("speech.wav"), help="wav or flac to write (default: %(default)s)")
    speak.set_defaults(command=_speak)


def _add_models(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    models = commands.add_parser("models", help="list and verify the models that come with the project, or make one")
    models.add_argument("--release", metavar="NAME", help="put finished runs into models/NAME, with scores and a card")
    models.add_argument("--dataset", default="birds", help="of the runs (default: %(default)s)")
    models.add_argument("--profile", default="small", help="of the runs (default: %(default)s)")
    models.add_argument("--seed", type=int, default=0, help="of the runs (default: %(default)s)")
    models.add_argument("--encoder", default="whisper_many_voices", help="recipe of the encoder (default: %(default)s)")
    models.add_argument("--generator", default="recommended", help="recipe of the generator (default: %(default)s)")
    models.set_defaults(command=_models)


def _add_gallery(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    gallery = commands.add_parser("gallery", help="draw some sentences with every model that comes with the project")
    gallery.add_argument("--publish", action="store_true", help="also put them in place of the committed pictures")
    gallery.set_defaults(command=_gallery)


def _add_page(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    page = commands.add_parser("page", help="build a web page that draws what is said to it, with a released model")
    page.add_argument("--model", default="birds", help="released model, see `models` (default: %(default)s)")
    page.add_argument("--out", type=Path, required=True, help="folder to write")
    page.set_defaults(command=_page)


def _add_data(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    data = commands.add_parser("data", help="the paper's own data: what is there, download, check")
    data.add_argument(
        "action",
        choices=("status", "fetch", "verify", "check", "forecast"),
        help="say what is missing and where to get it; download and unpack; read every file and check the counts; "
        "ask whether a run could start (exit code 3: something is missing); reckon what profile paper will take",
    )
    data.add_argument("--dataset", help="cub, oxford, places or weights (default: all; verify: those that are complete)")
    data.add_argument(
        "--profile", default="paper", help="profile of the run to check, with --dataset LIST (default: %(default)s)"
    )
    data.add_argument(
        "--leave-out",
        action="store_true",
        help="verify: go on without the photographs that cannot be used, and write down which these are and why",
    )
    data.set_defaults(command=_data)


def _add_drill(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from s2i_lib.run.drill import DRILLS

    drill = commands.add_parser("drill", help="kill, starve and damage runs on purpose, and see what becomes of them")
    drill.add_argument("names", nargs="*", help=f"default: {', '.join(one.__name__ for one in DRILLS)}")
    drill.set_defaults(command=_drill)


def _drill(options: argparse.Namespace) -> int:
    import tempfile

    from s2i_lib.run.drill import DRILLS, drill

    known = [one.__name__ for one in DRILLS]
    if unknown := [name for name in options.names if name not in known]:
        raise ValueError(f"there is no drill {unknown[0]!r}; choose from {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="s2i-drill-") as folder:
        return drill(Path(folder), tuple(options.names))


def _translate(options: argparse.Namespace) -> None:
    import numpy as np  # imported late: --help stays instant
    from PIL import Image

    from s2i_lib.files import save_atomically
    from s2i_lib.inference import SpeechToImage, UnlikeTaughtError, unlike_taught
    from s2i_lib.released import release_folder

    image_format = Image.registered_extensions().get(options.out.suffix.lower())
    if image_format not in PICTURES or not options.out.parent.is_dir() or options.out.is_dir():
        raise ValueError(f"{options.out}: cannot be written; give an existing folder and a name that ends in .png")
    model = SpeechToImage.load(release_folder(options.model) if options.model else options.run)
    translation = model.translate_recording(options.recording, options.num_images, options.seed, options.anyway)
    rows = [np.concatenate(list(drawing.images), axis=1) for drawing in translation.drawings if len(drawing.images)]
    if not rows:
        raise UnlikeTaughtError(unlike_taught(options.recording))
    picture = Image.fromarray(np.concatenate(rows))
    try:
        save_atomically(options.out, lambda file: picture.save(file, image_format))
    except ValueError as error:  # WebP, for one, has a largest size
        raise ValueError(f"{options.out}: cannot be written ({error}); give a name that ends in .png") from None
    for warning in _warnings(translation):
        print(f"warning: {options.recording}: {warning}", file=sys.stderr)
    if options.json:
        print(json.dumps(_as_json(translation, options.out)))
    else:
        print(*_summary(translation, options.out), sep="\n")


def _models(options: argparse.Namespace) -> None:
    from s2i_lib.released import list_releases

    if options.release:
        from s2i_lib.config import load_config
        from s2i_lib.releasing import make_release

        runs = [
            load_config(options.profile, options.dataset, name, options.seed) for name in (options.encoder, options.generator)
        ]
        print(make_release(options.release, *runs))
        return
    releases = list_releases()
    if not releases:
        print("no model came with this checkout")
    for release in releases:
        dataset, recipe = (release.config.dataset, release.config.recipe) if release.config else ("?", "?")
        state = f"damaged: {', '.join(release.damaged)}" if release.damaged else "complete"
        print(f"{release.name:20s} {dataset:10s} {recipe:22s} {release.size / 2**20:5.1f} MiB  {state}")
    if damaged := [release.name for release in releases if release.damaged]:
        raise ValueError(f"{', '.join(damaged)}: get the files again (git checkout models)")


def _gallery(options: argparse.Namespace) -> None:
    from s2i_lib.gallery import draw_galleries

    lines = [f"{path}: drawn by a released model, nothing was trained" for path in draw_galleries(options.publish)]
    print(*lines or ["no model came with this checkout"], sep="\n")


def _page(options: argparse.Namespace) -> None:
    from s2i_lib.page import build_page

    folder = build_page(options.model, options.out)
    print(
        f"{folder}: a page to speak to; python -m http.server --directory {folder} --bind localhost, then http://localhost:8000"
    )


def _warnings(translation: "Translation") -> list[str]:
    recording, warnings = translation.recording, []
    if recording.clipped:
        warnings.append("recorded too loudly, the tops of the waves are cut off")
    if recording.sample_rate < 16_000:
        warnings.append(f"{recording.sample_rate} Hz are telephone quality; the model was taught with 16,000 Hz")
    for drawing in translation.drawings:
        if drawing.familiarity and drawing.familiarity.unlike:
            done = "drawn anyway" if len(drawing.images) else "not drawn (--anyway draws it)"
            warnings.append(
                f"the sentence at {drawing.sentence.start:.1f} s is unlike any that the model was taught, {done}; "
                f'nearest: "{drawing.familiarity.nearest[0][0]}"'
            )
    return warnings


def _summary(translation: "Translation", out: Path) -> list[str]:
    drawn = [drawing for drawing in translation.drawings if len(drawing.images)]
    count, height, width = sum(len(drawing.images) for drawing in drawn), *drawn[0].images.shape[1:3]
    lines = [f"{out}: {count} images of {height} x {width} pixels"]
    for drawing in drawn:
        line = f"  {drawing.sentence.start:.1f} to {drawing.sentence.end:.1f} s"
        if drawing.familiarity:
            line += f', score {drawing.familiarity.score:.2f}, nearest "{drawing.familiarity.nearest[0][0]}"'
        lines.append(line)
    return lines


def _as_json(translation: "Translation", out: Path) -> dict[str, Any]:
    recording = translation.recording
    return {
        "recording": str(recording.path),
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "seconds": round(recording.seconds, 3),
        "clipped": recording.clipped,
        "out": str(out),
        "milliseconds": {name: round(value, 2) for name, value in translation.milliseconds.items()},
        "sentences": [_sentence_as_json(drawing) for drawing in translation.drawings],
    }


def _sentence_as_json(drawing: "Drawing") -> dict[str, Any]:
    values: dict[str, Any] = {
        "start": round(drawing.sentence.start, 3),
        "end": round(drawing.sentence.end, 3),
        "images": len(drawing.images),
        "milliseconds": {name: round(value, 2) for name, value in drawing.milliseconds.items()},
    }
    if drawing.familiarity:
        values |= {
            "score": round(drawing.familiarity.score, 4),
            "threshold": round(drawing.familiarity.threshold, 4),
            "unlike": drawing.familiarity.unlike,
            "nearest": [{"sentence": caption, "cosine": round(cosine, 4)} for caption, cosine in drawing.familiarity.nearest],
        }
    return values


def _speak(options: argparse.Namespace) -> None:
    from s2i_lib.audio import save_audio
    from s2i_lib.speech import synthesize

    save_audio(options.out, synthesize(options.text))
    print(f"{options.out}: synthetic speech")


def _data(options: argparse.Namespace) -> int | None:
    from s2i_lib.datasets import PHOTOS
    from s2i_lib.datasets.photos import availability, downloads, weights

    if options.action == "check":
        return check_data(options.profile, options.dataset.split(",") if options.dataset else list(PHOTOS))
    if options.action == "forecast":
        print_forecast(options.dataset.split(",") if options.dataset else list(PHOTOS))
        return None
    for name in [options.dataset] if options.dataset else (*PHOTOS, "weights"):
        if options.action == "status":
            print(*availability.status(name), sep="\n")
        elif options.action == "fetch":
            print(*downloads.fetch(name), sep="\n")
        elif name == "weights":
            print(*weights.verify(), sep="\n")
        elif options.dataset or not availability.missing_parts(name):
            _verify(name, options.leave_out)
        else:
            print(f"{name}: not checked, parts are missing (python -m s2i_lib data status)")
    return None


def _verify(name: str, leave_out: bool) -> None:
    from s2i_lib.datasets import DatasetError, photo_spec
    from s2i_lib.datasets.photos import availability
    from s2i_lib.datasets.photos import left_out as file
    from s2i_lib.datasets.photos.parts import raw_folder

    found, folder = availability.verify(name), raw_folder(name)
    for reason in found.problems.values():
        print(reason)
    if found.problems and not leave_out:
        first, more = next(iter(found.problems.values())), len(found.problems) - 1
        raise DatasetError(
            f"{first}{f'; and {more} more, see above' if more else ''}. Get {name} again, or go on without what cannot be "
            f"used: python -m s2i_lib data verify --dataset {name} --leave-out"
        )
    if found.problems:
        print(f"{name}: {len(found.problems)} photographs are left out, as {file.leave_out(folder, found.problems)} says")
    excerpt, gone = photo_spec(name).excerpt(folder), found.left_out + len(found.problems)
    sizes = " and ".join(f"{count} {split} images" for split, count in found.counts.items())
    part = f" of {excerpt.num_classes} classes (an excerpt)" if excerpt else ""
    without = f", without {gone} that cannot be used" if gone else ""
    print(f"{name}: complete, {sizes}{part}{without}, captions: {availability.captions_at_hand(name)}")


def print_forecast(names: list[str]) -> None:
    """Say what profile `paper` will take on these photo data sets.

    Raises:
        DatasetError: an unknown data set, or one that is drawn.
    """
    from s2i_lib.config import load_config
    from s2i_lib.datasets import photo_spec
    from s2i_lib.run.forecast import forecast

    print("Recipe paper, one seed, reckoned from sizes and data sheets, not measured:")
    for name in names:
        print(*forecast(load_config("paper", photo_spec(name).name, "paper")), sep="\n")


def check_data(profile: str, names: list[str]) -> int:
    """Say what is missing for a run of these data sets; rendered ones need nothing.

    Returns:
        0, or 3 if something is missing.

    Raises:
        DatasetError: an unknown data set, or one that this profile cannot run on.
    """
    from s2i_lib.config import load_config
    from s2i_lib.datasets import DATASETS, DatasetError, get_spec
    from s2i_lib.datasets.photos import availability
    from s2i_lib.models.pretrained import needed_weights

    possible = [name for name, spec in DATASETS.items() if (not spec.rendered if profile == "paper" else spec.attributes)]
    for name in names:
        if get_spec(name).name not in possible:
            raise DatasetError(f"profile {profile} cannot run on {name}: it takes {', '.join(possible)}")
    configs = [load_config(profile, name, "paper") for name in names if not get_spec(name).rendered]
    networks = dict.fromkeys(part for config in configs for part in needed_weights(config))
    lines = availability.missing({config.dataset: config.data.captions for config in configs}, list(networks))
    if lines:
        print(f"Profile {profile} needs files that are not here:", *lines, sep="\n")
    return DATA_MISSING if lines else 0


if __name__ == "__main__":
    sys.exit(main())
