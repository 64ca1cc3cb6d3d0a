"""A place for what libraries keep between runs, where the user has no home or may not write there."""

import os
import tempfile
from pathlib import Path

# What matplotlib, Jupyter and IPython would look for at home.
FOLDERS = {"MPLCONFIGDIR": "matplotlib", "JUPYTER_RUNTIME_DIR": "jupyter", "IPYTHONDIR": "ipython"}


def prepare() -> None:
    """Point these libraries to a temporary folder of the user, if need be."""
    try:
        home = Path.home()
    except RuntimeError:  # a user whom the machine does not know, as in some containers
        home = None
    if home is not None and os.access(home, os.W_OK):
        return
    try:
        folder = _temporary_folder()
    except OSError:  # nothing can be written anywhere; what needs no cache still works
        return
    if home is None:
        os.environ["HOME"] = str(folder)
    for variable, name in FOLDERS.items():
        os.environ.setdefault(variable, str(folder / name))


def _temporary_folder() -> Path:
    """The same one for all processes of a user; another one if somebody else has taken its name."""
    folder = Path(tempfile.gettempdir()) / f"s2i-home-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        folder = Path(tempfile.mkdtemp(prefix="s2i-home-"))
    return folder
