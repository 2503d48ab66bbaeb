"""Autoencoders, adversaries, flows and diffusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.attention import attention, mlp
from families.model import Family, Model, net_of, numbers

__all__ = ["FAMILIES"]


def autoencoder() -> Model:
    """Hinton and Salakhutdinov 2006: down to a code and back."""
    widths = (8, 6, 3, 6, 8)
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    net = nn.Sequential(*(x for layer in layers for x in (layer, nn.Tanh())))
    return Model(net, (numbers(1, 8),), 0.4)


def vae() -> Model:
    """arXiv:1312.6114: mean and log variance, a drawn code, a decoder; three outputs."""

    def forward(self: Any, x: Tensor) -> Any:
        x = torch.tanh(self.encoder(x))
        mean, log_var = self.mean(x), self.log_var(x)
        code = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        return self.decoder(code), mean, log_var

    decoder = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 8))
    parts = {"mean": nn.Linear(6, 3), "log_var": nn.Linear(6, 3), "decoder": decoder}
    return Model(net_of(forward, encoder=nn.Linear(8, 6), **parts), (numbers(1, 8),), 0.35)


def vq_vae() -> Model:
    """arXiv:1711.00937: each vector is replaced by the nearest of a codebook."""
    return _with_codes(lambda _, codes, nearest: codes[nearest])


def vq_vae_straight() -> Model:
    """The same with its straight-through estimate: z + (code - z).detach()."""

    def replaced(z: Tensor, codes: Tensor, nearest: Tensor) -> Tensor:
        best = functional.one_hot(nearest, len(codes)).to(z.dtype)
        return z + (best @ codes - z).detach()

    return _with_codes(replaced)


def _with_codes(replaced: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Model:
    def forward(self: Any, x: Tensor) -> Any:
        z = self.encoder(x)
        distance = ((z[:, None] - self.codes) ** 2).sum(-1)
        return self.decoder(replaced(z, self.codes, distance.argmin(-1)))

    net = net_of(
        forward,
        encoder=nn.Linear(6, 4),
        codes=nn.Parameter(torch.randn(5, 4)),
        decoder=nn.Linear(4, 6),
    )
    return Model(net, (numbers(1, 6),))


def generator() -> Model:
    """arXiv:1511.06434 (DCGAN): transposed convolutions with batch norm."""
    net = nn.Sequential(
        nn.Unflatten(1, (6, 1, 1)),
        *(nn.ConvTranspose2d(6, 5, 2, bias=False), nn.BatchNorm2d(5), nn.LeakyReLU()),
        *(nn.ConvTranspose2d(5, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU()),
        *(nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh()),
    )
    return Model(net, (numbers(1, 6),), 0.35)


def discriminator() -> Model:
    """arXiv:1511.06434, 1802.05957: strided convolutions with spectral norm."""
    norm = nn.utils.parametrizations.spectral_norm
    net = nn.Sequential(
        *(norm(nn.Conv2d(3, 4, 4, 2, 1)), nn.LeakyReLU(0.2)),
        *(norm(nn.Conv2d(4, 5, 4, 2, 1)), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(5, 1, 2), nn.Flatten()),
    )
    return Model(net, (numbers(1, 3, 8, 8),), 0.5)


def style_generator() -> Model:
    """arXiv:1812.04948: a mapped code scales and shifts instance-normalised channels."""

    def forward(self: Any, code: Tensor) -> Any:
        style = self.mapping(code)
        x = self.conv(
            functional.interpolate(self.start.expand(code.shape[0], -1, -1, -1), scale_factor=2)
        )
        scale, shift = self.style(style)[:, :, None, None].chunk(2, 1)
        x = functional.instance_norm(x) * (1 + scale) + shift
        return self.last(functional.leaky_relu(x))

    net = net_of(
        forward,
        mapping=nn.Sequential(nn.Linear(5, 6), nn.LeakyReLU()),
        start=nn.Parameter(torch.randn(1, 4, 2, 2)),
        conv=nn.Conv2d(4, 4, 3, padding=1),
        style=nn.Linear(6, 8),
        last=nn.Conv2d(4, 3, 1),
    )
    return Model(net, (numbers(1, 5),))


def real_nvp() -> Model:
    """arXiv:1605.08803: coupling layers, and the log of the determinant."""

    def forward(self: Any, x: Tensor) -> Any:
        total = torch.zeros(1)
        for layer in self.layers:
            kept, moved = x.chunk(2, 1)
            log_scale, shift = layer(kept).chunk(2, 1)
            x = torch.cat([moved * torch.tanh(log_scale).exp() + shift, kept], 1)
            total = total + torch.tanh(log_scale).sum(1, keepdim=True)
        return x, total

    layers = nn.ModuleList(
        nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 6)) for _ in range(2)
    )
    return Model(net_of(forward, layers=layers), (numbers(1, 6),), 0.3)


def made() -> Model:
    """arXiv:1502.03509 (MADE): buffers mask weights so that each output sees earlier inputs."""

    def forward(self: Any, x: Tensor) -> Any:
        x = torch.tanh(functional.linear(x, self.first.weight * self.mask_1, self.first.bias))
        return functional.linear(x, self.last.weight * self.mask_2, self.last.bias)

    order, hidden = torch.arange(5), torch.arange(8) % 4
    net = net_of(
        forward,
        first=nn.Linear(5, 8),
        last=nn.Linear(8, 5),
        mask_1=(hidden[:, None] >= order).float(),
        mask_2=(order[:, None] > hidden).float(),
    )
    return Model(net, (numbers(1, 5),), 1.0)  # the buffers say which edges exist


def diffusion() -> Model:
    """arXiv:2006.11239: a U-Net with group norm, sinusoids of the time added to channels."""

    def forward(self: Any, x: Tensor, time: Tensor) -> Any:
        angles = time[:, None] * self.rates
        step = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        fine = self.fine(x) + step[:, :, None, None]
        coarse = functional.silu(self.norm(self.coarse(functional.silu(fine))))
        up = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return self.last(torch.cat([fine, up], 1))

    net = net_of(
        forward,
        rates=torch.tensor([1.0, 0.1]),
        time=nn.Linear(4, 4),
        fine=nn.Conv2d(2, 4, 3, padding=1),
        coarse=nn.Conv2d(4, 4, 3, 2, 1),
        norm=nn.GroupNorm(2, 4),
        last=nn.Conv2d(8, 2, 3, padding=1),
    )
    return Model(net, (numbers(1, 2, 6, 6), torch.tensor([0.5])), 0.35)


def diffusion_transformer() -> Model:
    """arXiv:2212.09748 (DiT): norms whose scale and shift a condition computes, and gates."""

    def forward(self: Any, x: Tensor, condition: Tensor) -> Any:
        shift, scale, gate, *more = self.modulation(functional.silu(condition))[:, None].chunk(
            6, -1
        )
        x = x + gate * self.mixer(self.norm(x) * (1 + scale) + shift)
        return x + more[2] * self.feed(self.norm(x) * (1 + more[1]) + more[0])

    net = net_of(
        forward,
        modulation=nn.Linear(3, 48),
        norm=nn.LayerNorm(8, elementwise_affine=False),
        mixer=attention(8, 2),
        feed=mlp(8, 12),
    )
    return Model(net, (numbers(1, 4, 8), numbers(1, 3)))


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "autoencoder": autoencoder,
        "VAE": vae,
        "VQ-VAE": vq_vae,
        "VQ-VAE, straight through": vq_vae_straight,
        "DCGAN generator": generator,
        "DCGAN discriminator": discriminator,
        "StyleGAN": style_generator,
        "RealNVP": real_nvp,
        "MADE": made,
        "DDPM U-Net": diffusion,
        "DiT": diffusion_transformer,
    }
)
