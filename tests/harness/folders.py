"""Short folders everybody may enter, so that only our own protection keeps strangers out."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.cluster import memory


@contextmanager
def open_folder(*, on_disk: bool = False) -> Generator[Path]:
    """Lend a folder in a place for temporary ones that any user of the machine may read."""
    folder = Path(tempfile.mkdtemp(prefix="bz-", dir=None if on_disk else memory()))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
