"""Command line: ``python -m s2i_lib translate my.wav --out birds.png``."""

import argparse
import sys
from pathlib import Path

USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, or 2 after one sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m s2i_lib", description="Draw spoken descriptions.")
    commands = parser.add_subparsers(required=True, metavar="command")
    translate = commands.add_parser("translate", help="draw a recording")
    translate.add_argument("recording", type=Path, help="wav or flac file, any rate, mono or stereo")
    translate.add_argument("--out", type=Path, default=Path("image.png"), help="PNG to write (default: %(default)s)")
    translate.add_argument("--run", type=Path, help="run folder (default: the small run of the recommended recipe)")
    translate.add_argument("--num-images", type=int, default=8, help="pictures in a row (default: %(default)s)")
    translate.add_argument("--seed", type=int, default=0, help="seed of the noise (default: %(default)s)")
    translate.set_defaults(command=_translate)
    speak = commands.add_parser("speak", help="let the synthetic voice say a sentence")
    speak.add_argument("text", help="English sentence")
    speak.add_argument("--out", type=Path, default=Path("speech.wav"), help="wav or flac to write (default: %(default)s)")
    speak.set_defaults(command=_speak)
    data = commands.add_parser("data", help="the paper's own data: what is there, download, check")
    data.add_argument("action", choices=("status", "fetch", "verify"),
                      help="say what is missing and where to get it; download and unpack; read every file and check the counts")
    data.add_argument("--dataset", help="cub, oxford or places (default: all three; verify: those that are complete)")
    data.set_defaults(command=_data)
    return parser


def _translate(options: argparse.Namespace) -> None:
    import numpy as np  # imported late: --help stays instant
    from PIL import Image

    from s2i_lib.pipeline import DEFAULT_RUN, SpeechToImage

    model = SpeechToImage.load(options.run or DEFAULT_RUN)
    images = model.translate(options.recording, options.num_images, options.seed)
    Image.fromarray(np.concatenate(images, axis=1)).save(options.out)
    print(f"{options.out}: {len(images)} images of {images.shape[1]} x {images.shape[2]} pixels")


def _speak(options: argparse.Namespace) -> None:
    from s2i_lib.audio import save_audio
    from s2i_lib.speech import synthesize

    save_audio(options.out, synthesize(options.text))
    print(f"{options.out}: synthetic speech")


def _data(options: argparse.Namespace) -> None:
    from s2i_lib.datasets import PUBLISHED, downloads, published

    for name in [options.dataset] if options.dataset else PUBLISHED:
        if options.action == "status":
            print(*published.status(name), sep="\n")
        elif options.action == "fetch":
            print(*downloads.fetch(name), sep="\n")
        elif options.dataset or not published.missing_parts(name):
            counts = published.verify(name)
            print(f"{name}: complete, " + " and ".join(f"{count} {split} images" for split, count in counts.items()))
        else:
            print(f"{name}: not checked, parts are missing (python -m s2i_lib data status)")


if __name__ == "__main__":
    sys.exit(main())
