"""Command line: ``python -m s2i_lib translate my.wav --out birds.png``."""

import argparse
import sys
from pathlib import Path

USER_ERROR, DATA_MISSING = 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 2 after one sentence on standard error, or 3 if ``data check`` misses something."""
    options = _parser().parse_args(arguments)
    try:
        code: int | None = options.command(options)
        return code or 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR


def _parser() -> argparse.ArgumentParser:
    from s2i_lib.run.command import add_config_parser, add_parser

    parser = argparse.ArgumentParser(prog="python -m s2i_lib", description="Draw spoken descriptions.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_translate(commands)
    _add_speak(commands)
    _add_data(commands)
    add_config_parser(commands)
    add_parser(commands)
    return parser


def _add_translate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    translate = commands.add_parser("translate", help="draw a recording")
    translate.add_argument("recording", type=Path, help="wav or flac file, any rate, mono or stereo")
    translate.add_argument("--out", type=Path, default=Path("image.png"), help="PNG to write (default: %(default)s)")
    translate.add_argument("--run", type=Path, help="run folder (default: the small run of the recommended recipe)")
    translate.add_argument("--num-images", type=int, default=8, help="pictures in a row (default: %(default)s)")
    translate.add_argument("--seed", type=int, default=0, help="seed of the noise (default: %(default)s)")
    translate.set_defaults(command=_translate)


def _add_speak(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    speak = commands.add_parser("speak", help="let the synthetic voice say a sentence")
    speak.add_argument("text", help="English sentence")
    speak.add_argument("--out", type=Path, default=Path("speech.wav"), help="wav or flac to write (default: %(default)s)")
    speak.set_defaults(command=_speak)


def _add_data(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    data = commands.add_parser("data", help="the paper's own data: what is there, download, check")
    data.add_argument(
        "action",
        choices=("status", "fetch", "verify", "check"),
        help="say what is missing and where to get it; download and unpack; read every file and check the counts; "
        "ask whether a run could start (exit code 3: something is missing)",
    )
    data.add_argument("--dataset", help="cub, oxford, places or weights (default: all; verify: those that are complete)")
    data.add_argument(
        "--profile", default="paper", help="profile of the run to check, with --dataset LIST (default: %(default)s)"
    )
    data.set_defaults(command=_data)


def _translate(options: argparse.Namespace) -> None:
    import numpy as np  # imported late: --help stays instant
    from PIL import Image

    from s2i_lib.inference import SpeechToImage

    model = SpeechToImage.load(options.run)
    images = model.translate(options.recording, options.num_images, options.seed)
    Image.fromarray(np.concatenate(list(images), axis=1)).save(options.out)
    print(f"{options.out}: {len(images)} images of {images.shape[1]} x {images.shape[2]} pixels")


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
    for name in [options.dataset] if options.dataset else (*PHOTOS, "weights"):
        if options.action == "status":
            print(*availability.status(name), sep="\n")
        elif options.action == "fetch":
            print(*downloads.fetch(name), sep="\n")
        elif name == "weights":
            print(*weights.verify(), sep="\n")
        elif options.dataset or not availability.missing_parts(name):
            counts = availability.verify(name)
            print(f"{name}: complete, " + " and ".join(f"{count} {split} images" for split, count in counts.items()))
        else:
            print(f"{name}: not checked, parts are missing (python -m s2i_lib data status)")
    return None


def check_data(profile: str, names: list[str]) -> int:
    """Say what is missing for a run of these data sets; rendered ones need nothing.

    Returns:
        0, or 3 if something is missing.

    Raises:
        DatasetError: an unknown data set, or one that this profile cannot run on.
    """
    from s2i_lib.config import load_config
    from s2i_lib.datasets import PHOTOS, RENDERED, DatasetError, get_spec
    from s2i_lib.datasets.photos import availability
    from s2i_lib.models.pretrained import needed_weights

    for name in names:
        if get_spec(name).rendered == (profile == "paper"):
            raise DatasetError(
                f"profile {profile} cannot run on {name}: profile paper takes {', '.join(PHOTOS)}, the other "
                f"profiles take {', '.join(RENDERED)}"
            )
    if profile != "paper":
        return 0
    configs = [load_config(profile, name, "paper") for name in names]
    networks = dict.fromkeys(part for config in configs for part in needed_weights(config))
    lines = availability.missing(names, list(networks))
    if lines:
        print("Profile paper needs files that are not here:", *lines, sep="\n")
    return DATA_MISSING if lines else 0


if __name__ == "__main__":
    sys.exit(main())
