"""Nets of linear layers: MLPs, fields of coordinates, recommenders."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.model import Family, Model, ids, net_of, numbers

__all__ = ["FAMILIES", "RECOMMENDERS"]


def perceptron() -> Model:
    """Rumelhart et al. 1986: linear layers with batch norm."""
    layers = (nn.Linear(6, 10), nn.BatchNorm1d(10), nn.LeakyReLU(), nn.Linear(10, 8), nn.Tanh())
    return Model(nn.Sequential(*layers, nn.Linear(8, 4)), (numbers(1, 6),), 0.25)


def highway() -> Model:
    """arXiv:1505.00387: each layer mixes its input with what it computes, by a gate."""

    def forward(self: Any, x: Tensor) -> Any:
        for value, gate in zip(self.values, self.gates, strict=True):
            t = gate(x).sigmoid()
            x = t * torch.tanh(value(x)) + (1 - t) * x
        return x

    layers = {x: nn.ModuleList(nn.Linear(8, 8) for _ in range(2)) for x in ("values", "gates")}
    return Model(net_of(forward, **layers), (numbers(1, 8),), 0.15)


def maxout() -> Model:
    """arXiv:1302.4389: the largest of two linear maps."""

    def forward(self: Any, x: Tensor) -> Any:
        return self.last(self.first(x).view(x.shape[0], 8, 2).amax(-1))

    return Model(
        net_of(forward, first=nn.Linear(6, 16), last=nn.Linear(8, 4)), (numbers(1, 6),), 0.2
    )


def siamese() -> Model:
    """Bromley et al. 1993: one net for two inputs, the distance of its outputs."""

    def forward(self: Any, a: Tensor, b: Tensor) -> Any:
        return self.head(torch.abs(self.net(a) - self.net(b)))

    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 5))
    return Model(
        net_of(forward, net=net, head=nn.Linear(5, 3)), (numbers(1, 5), numbers(1, 5)), 0.25
    )


def kan() -> Model:
    """arXiv:2404.19756: a sum of learned curves of each input (radial bases on a grid)."""

    def layer(self: Any, x: Tensor) -> Any:
        bases = torch.exp(-((x[..., None] - self.grid) ** 2)).flatten(1)
        return self.base(functional.silu(x)) + self.curves(bases)

    def made(n_in: int, n_out: int) -> Any:
        grid = torch.linspace(-1, 1, 3)
        linear = {"base": nn.Linear(n_in, n_out), "curves": nn.Linear(3 * n_in, n_out)}
        return net_of(layer, **linear, grid=grid)

    return Model(nn.Sequential(made(5, 6), made(6, 3)), (numbers(1, 5),), 0.1)


def siren() -> Model:
    """arXiv:2006.09661: sines of scaled linear maps of coordinates."""

    def forward(self: Any, x: Tensor) -> Any:
        for layer in self.layers:
            x = torch.sin(3 * layer(x))
        return self.last(x)

    layers = nn.ModuleList([nn.Linear(3, 8), nn.Linear(8, 8)])
    return Model(net_of(forward, layers=layers, last=nn.Linear(8, 3)), (numbers(1, 3),), 0.25)


def nerf() -> Model:
    """arXiv:2003.08934: Fourier features of a point, a skip, a direction, colour and density."""

    def encoded(x: Tensor) -> Tensor:
        return torch.cat(
            [x, *(f(2.0**k * x) for k in range(2) for f in (torch.sin, torch.cos))], -1
        )

    def forward(self: Any, point: Tensor, direction: Tensor) -> Any:
        at = encoded(point)
        x = functional.softplus(self.first(at))
        x = functional.softplus(self.second(torch.cat([x, at], -1)))
        seen = torch.cat([self.feature(x), encoded(direction)], -1)
        return torch.cat([self.colour(seen).sigmoid(), functional.softplus(self.density(x))], -1)

    net = net_of(
        forward,
        first=nn.Linear(15, 8),
        second=nn.Linear(23, 8),
        feature=nn.Linear(8, 6),
        colour=nn.Linear(21, 3),
        density=nn.Linear(8, 1),
    )
    return Model(net, (numbers(1, 3), numbers(1, 3)), 0.12)


def deep_onet() -> Model:
    """arXiv:1910.03193: products of a branch net of a function and a trunk net of a point."""

    def forward(self: Any, values: Tensor, point: Tensor) -> Any:
        return (self.branch(values) * self.trunk(point)).view(-1, 2, 3).sum(-1)

    nets = {
        "branch": nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6)),
        "trunk": nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6)),
    }
    return Model(net_of(forward, **nets), (numbers(1, 6), numbers(1, 4)), 0.25)


def dueling() -> Model:
    """arXiv:1511.06581: a value, plus advantages less their mean."""

    def forward(self: Any, x: Tensor) -> Any:
        x = functional.leaky_relu(self.body(x))
        advantage = self.advantage(x)
        return self.value(x) + advantage - advantage.mean(1, keepdim=True)

    heads = {"value": nn.Linear(8, 1), "advantage": nn.Linear(8, 3)}
    return Model(net_of(forward, body=nn.Linear(6, 8), **heads), (numbers(1, 6),), 0.2)


def hypernetwork() -> Model:
    """arXiv:1609.09106: one net computes the weights of another."""

    def forward(self: Any, x: Tensor, task: Tensor) -> Any:
        weight = self.weights(task).view(-1, 4, 5)
        return self.last(torch.tanh(torch.bmm(weight, x[:, :, None])[:, :, 0]))

    net = net_of(forward, weights=nn.Linear(3, 20), last=nn.Linear(4, 3))
    return Model(net, (numbers(1, 5), numbers(1, 3)), 0.3)


def factorisation() -> Model:
    """Koren et al. 2009: products of a vector of the user and one of the item, and biases."""

    def forward(self: Any, user: Tensor, item: Tensor) -> Any:
        both = (self.users(user) * self.items(item)).sum(-1)
        return both + self.user_bias(user)[..., 0] + self.item_bias(item)[..., 0]

    net = net_of(
        forward,
        users=nn.Embedding(5, 4),
        items=nn.Embedding(6, 4),
        user_bias=nn.Embedding(5, 1),
        item_bias=nn.Embedding(6, 1),
    )
    return Model(net, (ids(5, 1, 1), ids(6, 1, 1)))


def neural_filtering() -> Model:
    """arXiv:1708.05031 (NCF): a product of vectors and an MLP of others, joined."""

    def forward(self: Any, user: Tensor, item: Tensor) -> Any:
        product = self.users(user) * self.items(item)
        deep = self.mlp(torch.cat([self.deep_users(user), self.deep_items(item)], -1))
        return self.head(torch.cat([product, deep], -1))

    tables = {"users": 5, "items": 6, "deep_users": 5, "deep_items": 6}
    net = net_of(
        forward,
        **{name: nn.Embedding(n, 4) for name, n in tables.items()},
        mlp=nn.Sequential(nn.Linear(8, 6), nn.LeakyReLU(), nn.Linear(6, 4)),
        head=nn.Linear(8, 1),
    )
    return Model(net, (ids(5, 1), ids(6, 1)), 0.4)


def dlrm() -> Model:
    """arXiv:1906.00091: bags of categories and a dense net, all products of pairs, a top net."""

    def forward(self: Any, dense: Tensor, categories: Tensor) -> Any:
        vectors = [self.bottom(dense), *(t(categories[:, i]) for i, t in enumerate(self.tables))]
        stacked = torch.stack(vectors, 1)
        products = stacked @ stacked.transpose(1, 2)
        row, column = torch.tril_indices(3, 3, -1)
        return self.top(torch.cat([vectors[0], products[:, row, column]], 1))

    net = net_of(
        forward,
        bottom=nn.Sequential(nn.Linear(5, 6), nn.LeakyReLU(), nn.Linear(6, 4)),
        tables=nn.ModuleList(nn.Embedding(n, 4) for n in (5, 6)),
        top=nn.Sequential(nn.Linear(7, 6), nn.LeakyReLU(), nn.Linear(6, 2)),
    )
    return Model(net, (numbers(1, 5), ids(5, 1, 2)), 0.4)


def deep_fm() -> Model:
    """arXiv:1703.04247: pairs by the square of a sum less the sum of squares, and an MLP."""

    def forward(self: Any, fields: Tensor) -> Any:
        vectors = self.table(fields + self.offsets)
        pairs = 0.5 * (vectors.sum(1).square() - vectors.square().sum(1)).sum(-1, keepdim=True)
        first = self.first(fields + self.offsets).sum(1)
        return first + pairs + self.mlp(vectors.flatten(1))

    net = net_of(
        forward,
        table=nn.Embedding(9, 4),
        first=nn.Embedding(9, 1),
        mlp=nn.Sequential(nn.Linear(12, 6), nn.LeakyReLU(), nn.Linear(6, 1)),
        offsets=torch.tensor([0, 3, 6]),
    )
    return Model(net, (ids(3, 1, 3),), 0.4)


def deep_fm_tables() -> Model:
    """The same with a table for each field in place of offsets."""

    def forward(self: Any, fields: Tensor) -> Any:
        vectors = torch.stack([table(fields[:, i]) for i, table in enumerate(self.tables)], 1)
        pairs = 0.5 * (vectors.sum(1).square() - vectors.square().sum(1)).sum(-1, keepdim=True)
        return pairs + self.mlp(vectors.flatten(1))

    layers = nn.Sequential(nn.Linear(12, 6), nn.LeakyReLU(), nn.Linear(6, 1))
    tables = nn.ModuleList(nn.Embedding(3, 4) for _ in range(3))
    return Model(net_of(forward, tables=tables, mlp=layers), (ids(3, 1, 3),), 0.4)


def wide_and_deep() -> Model:
    """arXiv:1606.07792: a linear map of all features, and an MLP."""

    def forward(self: Any, x: Tensor) -> Any:
        return (self.wide(x) + self.deep(x)).sigmoid()

    deep = nn.Sequential(nn.Linear(8, 6), nn.LeakyReLU(), nn.Linear(6, 3))
    return Model(net_of(forward, wide=nn.Linear(8, 3), deep=deep), (numbers(1, 8),), 0.3)


def cross_net() -> Model:
    """arXiv:2008.13535 (DCN v2): the input times a linear map of what was crossed before."""

    def forward(self: Any, x: Tensor) -> Any:
        crossed = x
        for layer in self.layers:
            crossed = x * layer(crossed) + crossed
        return self.head(crossed)

    layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))
    return Model(net_of(forward, layers=layers, head=nn.Linear(6, 2)), (numbers(1, 6),), 0.25)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "MLP": perceptron,
        "highway": highway,
        "maxout": maxout,
        "Siamese": siamese,
        "KAN": kan,
        "SIREN": siren,
        "NeRF": nerf,
        "DeepONet": deep_onet,
        "dueling DQN": dueling,
        "hypernetwork": hypernetwork,
    }
)
RECOMMENDERS: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "matrix factorisation": factorisation,
        "NCF": neural_filtering,
        "DLRM": dlrm,
        "DeepFM": deep_fm,
        "DeepFM, table per field": deep_fm_tables,
        "Wide & Deep": wide_and_deep,
        "DCN v2": cross_net,
    }
)
