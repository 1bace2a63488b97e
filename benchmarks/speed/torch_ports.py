"""The same networks in PyTorch, and the step of PyTorch's DCGAN example.

Only imported when the extra `bench` is installed.
"""

import numpy as np
import torch
from torch import nn

LATENT_DIM = 100
WIDTH = 32  # filters of the first layer of `dcgan`'s D


def reference_generator(side: int = 28, channels: int = 1) -> nn.Sequential:
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


def reference_discriminator(side: int = 28, channels: int = 1) -> nn.Sequential:
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


def dcgan_generator(side: int = 28, channels: int = 1) -> nn.Sequential:
    """Latents (N, 100) → images (N, C, H, W) in [-1, 1]."""
    filters = WIDTH
    while side >= 8 and side % 2 == 0:
        side, filters = side // 2, 2 * filters
    stack = [nn.Linear(LATENT_DIM, filters * side * side, bias=False)]
    stack += [nn.Unflatten(1, (filters, side, side)), nn.BatchNorm2d(filters), nn.ReLU()]
    while filters > 2 * WIDTH:
        stack += [nn.ConvTranspose2d(filters, filters // 2, 4, 2, 1, bias=False)]
        filters //= 2
        stack += [nn.BatchNorm2d(filters), nn.ReLU()]
    return nn.Sequential(*stack, nn.ConvTranspose2d(filters, channels, 4, 2, 1), nn.Tanh())


def dcgan_discriminator(side: int = 28, channels: int = 1) -> nn.Sequential:
    """Images (N, C, H, W) → one logit."""
    stack, filters, side = (
        [nn.Conv2d(channels, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2)],
        WIDTH,
        side // 2,
    )
    while side > 4:
        # An odd side gets a column of zeros more behind it, as TensorFlow's "same" has it.
        stack += [nn.ZeroPad2d((1, 2, 1, 2))] if side % 2 else []
        padding = 0 if side % 2 else 1
        stack += [nn.Conv2d(filters, 2 * filters, 4, 2, padding, bias=False)]
        filters, side = 2 * filters, -(-side // 2)
        stack += [nn.BatchNorm2d(filters), nn.LeakyReLU(0.2)]
    return nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, 1))


def _sgd(network):
    return torch.optim.SGD(network.parameters(), lr=5e-4, momentum=0.9, nesterov=True)


def _adam(network):
    return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))


NETWORKS = {
    "reference": (reference_generator, reference_discriminator, _sgd),
    "dcgan": (dcgan_generator, dcgan_discriminator, _adam),
}


class TorchStep:
    """D on a real and on a generated batch, then G through the new D.

    Args:
        pictures: uint8 (N, H, W, C).
        batch_size: real images in a step.
        networks: a key of NETWORKS.
        channels_last: the layout in memory; else PyTorch's own.
        bfloat16: products in bfloat16 by autocast; else float32.
        compiled: both networks by `torch.compile`, which needs a C++ compiler.
    """

    def __init__(
        self,
        pictures,
        batch_size: int = 128,
        networks: str = "reference",
        channels_last: bool = False,
        bfloat16: bool = False,
        compiled: bool = False,
    ):
        torch.manual_seed(1)
        _, side, _, channels = pictures.shape
        scaled = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32)
        self.images = torch.from_numpy(scaled / 127.5 - 1)
        self.batch_size, self.bfloat16, self.next_row = batch_size, bfloat16, 0
        generator, discriminator, optimizer = NETWORKS[networks]
        self.generator, self.discriminator = (
            generator(side, channels),
            discriminator(side, channels),
        )
        if channels_last:
            for kept in (self.generator, self.discriminator):
                kept.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
        self.g_optimizer, self.d_optimizer = map(optimizer, (self.generator, self.discriminator))
        if compiled:
            self.generator = torch.compile(self.generator)
            self.discriminator = torch.compile(self.discriminator)

    def step(self) -> tuple[float, float]:
        """One step of D and one of G; their losses."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
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
