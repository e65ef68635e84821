"""Short folders everybody may enter, so that only our own protection keeps strangers out."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Generator[Path]:
    """Lend a folder below the temporary one that any user of the machine may read."""
    folder = Path(tempfile.mkdtemp(prefix="bz-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
