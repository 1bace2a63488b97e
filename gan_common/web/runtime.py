"""onnxruntime-web, which runs a network in a browser: unpacked once, into the cache.

It is a package of the npm registry and of no other, and too large to be part of this project (14 MB).  `make
web` fetches it once, by npm; from then on `export --format web` needs no network.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from gan_common import files
from gan_common.errors import UserError

VERSION = "1.30.0"
# As the registry publishes it (`npm view onnxruntime-web@1.30.0 dist.integrity`).
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
TARBALL = f"onnxruntime-web-{VERSION}.tgz"
# On the processor, by WebAssembly; the other forms of it are for GPUs and twice the size.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
LICENSE = f"""onnxruntime-web {VERSION}, from the npm registry

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def folder() -> Path:
    """Where the unpacked files are kept."""
    return files.cache_dir() / f"onnxruntime-web-{VERSION}"


def find() -> Path:
    """The folder of the unpacked files.

    Raises:
        UserError: they are not there yet.
    """
    place = folder()
    if not all((place / name).is_file() for name in FILES):
        raise UserError(
            f"--format web needs onnxruntime-web {VERSION} from the npm registry, once: run `make web`, or "
            f"where there is no network `python -m gan_common.web {TARBALL}` with a copy of that file"
        )
    return place


def fetch() -> Path:
    """Have npm fetch the package, and unpack it; the folder.

    Raises:
        UserError: there is no npm, or it could not.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"npm is not installed (it comes with Node.js); install it, or give a copy of {TARBALL} from the "
            "npm registry: python -m gan_common.web FILE"
        )
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", temporary]
        done = subprocess.run(command, capture_output=True, text=True, cwd=temporary)
        if done.returncode:
            said = " ".join(done.stderr.split())[:200]
            raise UserError(f"npm could not fetch onnxruntime-web {VERSION} ({said}); try again")
        return unpack(Path(temporary) / TARBALL)


def unpack(tarball: Path) -> Path:
    """Put the three files of the package's tarball that are used into the cache; the folder.

    Raises:
        UserError: it is another file than the registry's.
    """
    try:
        with open(tarball, "rb") as file:
            found = hashlib.file_digest(file, "sha512").digest()
    except OSError as error:
        raise UserError(
            f"{tarball}: cannot be read: {error.strerror}; name the file {TARBALL}"
        ) from error
    if base64.b64encode(found).decode() != SHA512:
        raise UserError(
            f"{tarball}: is not {TARBALL} as the npm registry has it (another checksum); fetch it again"
        )
    files.write_whole(folder(), lambda place: _unpack(tarball, place))
    return folder()


def _unpack(tarball: Path, place: Path) -> None:
    place.mkdir()
    with tarfile.open(tarball) as archive:
        for name in FILES:  # read one by one: nothing else of the archive reaches the disk
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None
            (place / name).write_bytes(member.read())
    (place / "LICENSE.txt").write_text(LICENSE, encoding="utf-8")
