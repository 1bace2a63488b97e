"""Under a real limit: measuring many large images takes no copies of all; what cannot fit is refused."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("resource", reason="limits are those of POSIX")

MEASURE = """
import resource
import numpy as np
import gan_common.quiet
from gan_common.data import Dataset
from gan_common.metrics import features, memorization

class Toy:
    '''2,000 images of 256×256, 393 MB, that are made when they are asked for.'''
    shape, dtype = (2000, 256, 256, 3), np.dtype(np.uint8)
    def __len__(self): return 2000
    def __getitem__(self, rows):
        levels = (np.arange(2000)[rows] % 251).astype(np.uint8)[:, None, None, None]
        return np.ascontiguousarray(np.broadcast_to(levels, (len(levels), *self.shape[1:])))

few = np.zeros((20, 256, 256, 3), np.uint8)
few[:] = np.arange(0, 240, 12, dtype=np.uint8)[:, None, None, None]
labels = np.zeros(20, np.int32)
dataset = Dataset(few, labels, few[:4], labels[:4], 1, (256, 256, 3), ("all",), "few")
model = features.network(dataset)
measure = lambda images: features.extract(model, images)[0]
how = {"pixels": memorization.pixels, "features": measure}
memorization.find_copies(dataset, few, how)  # threads and arenas are there
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 3 * 2**28, resource.RLIM_INFINITY))
found = memorization.find_copies(dataset, Toy(), how).by["pixels"]
# The 2,000 are flat, of gray levels 0 to 250 in turn: those of number 12·k are among the 20.
print(int(np.sum(found.fake == 0)), len(found.fake))
try:
    Toy()[:].astype(np.float32)
except MemoryError:
    print("a copy of all would not fit")
"""


@pytest.mark.integration
def test_measuring_takes_no_copy_of_everything():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["160 2000", "a copy of all would not fit"]


@pytest.mark.integration
def test_networks_that_cannot_fit_are_refused_before_they_are_built(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(8):
        Image.fromarray(np.full((16, 16, 3), 30 * i, np.uint8)).save(tmp_path / f"images/{i}.png")
    command = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**33, resource.RLIM_INFINITY)); "
        "from keras_dcgan import train; train.main(sys.argv)"
    )
    flags = f"--dataset folder:{tmp_path}/images --image_size 1024 --batch_size 4 --steps 1"
    done = subprocess.run(
        [sys.executable, "-c", command, *flags.split(), "--precision", "float32"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "preset dcgan for images of 1024×1024 takes 18.2 GB at least (908 million" in line
    assert "choose --image_size " in line
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
