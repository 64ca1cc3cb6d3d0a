"""Progress bars of long work: shown where somebody looks, and left in a file for whoever started it.

Under the environment variable ``S2I_PROGRESS``, which ``run.execute`` sets for a chapter, every bar also writes its state into
that file, and one line into the log when it ends.
"""

import io
import json
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, overload

from tqdm.auto import tqdm

from s2i_lib.files import save_text

FILE_VARIABLE = "S2I_PROGRESS"  # the file of a chapter's bars
FOLDER_VARIABLE = "S2I_PROGRESS_FOLDER"  # of all chapters of a run, see ``run.watch``
SECONDS_BETWEEN_WRITES = 0.5
T = TypeVar("T")


class _Nowhere(io.TextIOBase):
    """A file that forgets: a bar that is redrawn in a log leaves thousands of copies there."""

    def write(self, text: str) -> int:
        return len(text)


class _RecordedBar(tqdm):
    """A bar that writes its state into the file of ``FILE_VARIABLE``, about twice a second and when it ends."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._path, self._written, self._started = Path(os.environ[FILE_VARIABLE]), 0.0, time.time()
        super().__init__(*arguments, **{"file": _Nowhere(), **options})
        self._write()

    def display(self, *arguments: Any, **options: Any) -> Any:
        """Draw; called by tqdm whenever the bar may have changed, at most ten times a second."""
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self._write()
        return super().display(*arguments, **options)

    def close(self) -> None:
        ended = self.disable  # a second time, by the garbage collector
        super().close()
        if not ended:
            self._write()
            print(self._last_line(), file=sys.stderr, flush=True)

    def _postfix(self) -> str:
        return str(getattr(self, "postfix", None) or "")

    def _write(self) -> None:
        self._written = time.monotonic()
        state = {"description": str(self.desc or "").removesuffix(": "), "done": self.n, "total": self.total, "unit": self.unit}
        state |= {"initial": self.initial, "started": self._started, "updated": time.time(), "postfix": self._postfix()}
        with suppress(OSError):  # a full disk must not stop the work
            save_text(self._path, json.dumps(state))

    def _last_line(self) -> str:
        description = f"{self.desc}: ".replace(": : ", ": ") if self.desc else ""
        count = f"{self.n}" if self.total is None else f"{self.n}/{self.total}"
        text = f"{description}{count} {self.unit}, {self.format_interval(time.time() - self._started)}"
        return text + (f", {self._postfix()}" if self._postfix() else "")


@overload
def bar(iterable: Iterable[T], **options: Any) -> "tqdm[T]": ...
@overload
def bar(iterable: None = None, **options: Any) -> "tqdm[Any]": ...
def bar(
    iterable: Iterable[Any] | None = None,
    *,
    total: float | None = None,
    desc: str = "",
    unit: str = "it",
    initial: float = 0,
    **options: Any,
) -> "tqdm[Any]":
    """A progress bar around `iterable`, or one to be updated by hand; use it as you would use ``tqdm``.

    Args:
        total: number of units, if the iterable does not know it.
        desc: what is done.
        unit: what is counted, in the singular.
        initial: units that were done before.
        options: further ones of ``tqdm``.
    """
    kind = _RecordedBar if os.environ.get(FILE_VARIABLE) else tqdm
    return kind(iterable, total=total, desc=desc, unit=unit, initial=initial, **options)
