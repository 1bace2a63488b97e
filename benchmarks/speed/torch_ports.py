"""The networks of jacobgil/keras-dcgan in PyTorch, and the step of PyTorch's DCGAN example.

Only imported when the extra `bench` is installed.
"""

import numpy as np
import torch
from torch import nn

LATENT_DIM = 100


def generator(side: int = 28, channels: int = 1) -> nn.Sequential:
    """Latents (N, 100) → images (N, C, H, W) in [-1, 1]."""
    small = side // 4
    return nn.Sequential(
        nn.Linear(LATENT_DIM, 1024),
        nn.Tanh(),
        nn.Linear(1024, 128 * small * small),
        nn.BatchNorm1d(128 * small * small),
        nn.Tanh(),
        nn.Unflatten(1, (128, small, small)),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 5, padding=2),
        nn.Tanh(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(64, channels, 5, padding=2),
        nn.Tanh(),
    )


def discriminator(side: int = 28, channels: int = 1) -> nn.Sequential:
    """Images (N, C, H, W) → one logit."""
    left = (side // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 64, 5, padding=2),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * left * left, 1024),
        nn.Tanh(),
        nn.Linear(1024, 1),
    )


class TorchStep:
    """D on a real and on a generated batch, then G through the new D.

    Args:
        pictures: uint8 (N, H, W, C).
        batch_size: real images in a step.
        fast: channels-last, with bfloat16 products by autocast; else eager float32.
    """

    def __init__(self, pictures, batch_size: int = 128, fast: bool = False):
        torch.manual_seed(1)
        _, side, _, channels = pictures.shape
        scaled = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32)
        self.images = torch.from_numpy(scaled / 127.5 - 1)
        self.batch_size, self.fast, self.next_row = batch_size, fast, 0
        self.generator, self.discriminator = (
            generator(side, channels),
            discriminator(side, channels),
        )
        if fast:
            self.generator.to(memory_format=torch.channels_last)
            self.discriminator.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
        common = {"lr": 5e-4, "momentum": 0.9, "nesterov": True}
        self.g_optimizer = torch.optim.SGD(self.generator.parameters(), **common)
        self.d_optimizer = torch.optim.SGD(self.discriminator.parameters(), **common)

    def step(self) -> tuple[float, float]:
        """One step of D and one of G; their losses."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.fast):
            return self._step()

    def _step(self):
        size = self.batch_size
        if self.next_row + size > len(self.images):
            self.next_row = 0
        real = self.images[self.next_row : self.next_row + size]
        self.next_row += size
        cross_entropy = nn.functional.binary_cross_entropy_with_logits
        ones, zeros = torch.ones(size, 1), torch.zeros(size, 1)
        self.d_optimizer.zero_grad()
        real_loss = cross_entropy(self.discriminator(real).float(), ones)
        real_loss.backward()
        fake = self.generator(torch.rand(size, LATENT_DIM) * 2 - 1)
        fake_loss = cross_entropy(self.discriminator(fake.detach()).float(), zeros)
        fake_loss.backward()
        self.d_optimizer.step()
        self.g_optimizer.zero_grad()
        g_loss = cross_entropy(self.discriminator(fake).float(), ones)
        g_loss.backward()
        self.g_optimizer.step()
        return float((real_loss + fake_loss).detach()), float(g_loss.detach())
