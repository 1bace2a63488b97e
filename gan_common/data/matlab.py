"""Arrays of numbers in MATLAB's files, read without trusting a byte of them.

SciPy reads them, in a process of its own: on a damaged file its reader can crash, or take more memory than
there is.  This file is that process's program too, so it imports nothing of the project.
"""

import contextlib
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SECONDS = 120  # after which a file counts as damaged; the largest that is published takes three
IMPORTS_BYTES = 2**30  # of address space that Python and SciPy take themselves
# Of MATLAB's classes those that are arrays of numbers: no cell, struct, object, function or text.
CLASSES = {
    "double",
    "single",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}


def read(path: Path, names: Sequence[str], most_bytes: int) -> dict[str, np.ndarray]:
    """The arrays of these names in a file.

    Args:
        path: of the file.
        names: of the arrays; what else the file holds is left alone.
        most_bytes: of an array; nothing larger is unpacked.

    Returns:
        Name → array of real numbers, for those names that the file has.

    Raises:
        ValueError: the file is no MATLAB file, is damaged, or an array is too large.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-I", __file__, str(path), folder, str(most_bytes), *names]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"is damaged: reading it takes over {SECONDS} seconds") from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise ValueError(f"is damaged, or no MATLAB file ({said})")
        found = {name: Path(folder) / f"{name}.npy" for name in json.loads(done.stdout)}
        return {name: np.load(file, allow_pickle=False) for name, file in found.items()}


def _main(path: str, folder: str, most_bytes: str, *names: str) -> None:
    """Of the reading process: save the arrays as .npy files, print the names of those that were there."""
    try:
        import resource
    except ImportError:  # Windows has no limits
        pass
    else:
        limit = IMPORTS_BYTES + 4 * int(most_bytes)
        with contextlib.suppress(ValueError, OSError):  # macOS has that limit in name only
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    import scipy.io

    listed = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}
    wanted = [name for name in names if name in listed and listed[name][1] in CLASSES]
    for name in wanted:
        size = math.prod(map(int, listed[name][0]))
        if not 0 <= size <= int(most_bytes):
            raise ValueError(f"{name} of shape {listed[name][0]} is too large")
    arrays = scipy.io.loadmat(path, variable_names=wanted) if wanted else {}
    found = [name for name in wanted if arrays[name].dtype.kind in "iuf"]
    for name in found:
        np.save(Path(folder) / f"{name}.npy", arrays[name], allow_pickle=False)
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
