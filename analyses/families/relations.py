"""Nets of graphs, sets and point clouds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.attention import attention, mlp, pre_norm
from families.model import Family, Model, net_of, numbers

__all__ = ["FAMILIES"]

PAIRS = ((0, 1), (1, 2), (2, 3))  # undirected; node 4 is alone
N_NODES = 5


def gcn() -> Model:
    """arXiv:1609.02907: a normalised adjacency with loops, a buffer, times features."""

    def forward(self: Any, x: Tensor) -> Any:
        x = functional.leaky_relu(self.adjacency @ self.first(x))
        return self.adjacency @ self.second(x)

    adjacency = _adjacency() + torch.eye(N_NODES)
    scale = adjacency.sum(1).rsqrt()
    parts = {"first": nn.Linear(3, 5), "second": nn.Linear(5, 2)}
    net = net_of(forward, **parts, adjacency=scale[:, None] * adjacency * scale)
    return Model(net, (numbers(1, N_NODES, 3),))


def gat() -> Model:
    """arXiv:1710.10903: attention to neighbours, the others masked."""

    def forward(self: Any, x: Tensor) -> Any:
        z = self.first(x)
        scores = functional.leaky_relu(self.source(z) + self.target(z).transpose(1, 2), 0.2)
        scores = scores.masked_fill(self.far, float("-inf"))
        return self.second(functional.elu(scores.softmax(-1) @ z))

    net = net_of(
        forward,
        first=nn.Linear(3, 5, bias=False),
        source=nn.Linear(5, 1),
        target=nn.Linear(5, 1),
        second=nn.Linear(5, 2),
        far=(_adjacency() + torch.eye(N_NODES)) == 0,
    )
    return Model(net, (numbers(1, N_NODES, 3),))


def gin() -> Model:
    """arXiv:1810.00826: sums of neighbours, an MLP, a sum over all nodes."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.mlp((1 + self.eps) * x + self.adjacency @ x)
        return self.head(x.sum(1))

    layers = nn.Sequential(nn.Linear(3, 6), nn.LeakyReLU(), nn.Linear(6, 4))
    parts = {"mlp": layers, "eps": nn.Parameter(torch.zeros(())), "head": nn.Linear(4, 2)}
    return Model(net_of(forward, **parts, adjacency=_adjacency()), (numbers(1, N_NODES, 3),), 0.4)


def sage() -> Model:
    """arXiv:1706.02216: own features, and the mean of those of neighbours."""

    def forward(self: Any, x: Tensor) -> Any:
        mean = self.adjacency @ x / self.adjacency.sum(1, keepdim=True).clamp(min=1)
        return functional.normalize(functional.leaky_relu(self.own(x) + self.others(mean)), dim=-1)

    parts = {"own": nn.Linear(3, 4), "others": nn.Linear(3, 4)}
    return Model(net_of(forward, **parts, adjacency=_adjacency()), (numbers(1, N_NODES, 3),))


def message_passing() -> Model:
    """arXiv:1704.01212: messages along edges, added by index, update by a GRU cell."""

    def forward(self: Any, x: Tensor) -> Any:
        pairs = torch.cat([x[:, self.source], x[:, self.target]], -1)
        messages = self.message(pairs)
        summed = torch.zeros_like(messages[:, :1]).expand(-1, N_NODES, -1)
        summed = summed.index_add(1, self.target, messages)
        flat = self.update(summed.reshape(-1, 4), x.reshape(-1, 4))
        return self.head(flat.view(x.shape))

    ends = torch.tensor([*PAIRS, *((b, a) for a, b in PAIRS)])
    net = net_of(
        forward,
        message=nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 4)),
        update=nn.GRUCell(4, 4),
        head=nn.Linear(4, 2),
        source=ends[:, 0],
        target=ends[:, 1],
    )
    return Model(net, (numbers(1, N_NODES, 4),))


def edge_list() -> Model:
    """Messages along edges that are an input (PyTorch Geometric), so that they vary."""

    def forward(self: Any, x: Tensor, edges: Tensor) -> Any:
        summed = torch.zeros_like(x).index_add(0, edges[1], self.message(x[edges[0]]))
        return self.head(functional.leaky_relu(x + summed))

    net = net_of(forward, message=nn.Linear(3, 3), head=nn.Linear(3, 2))
    return Model(net, (numbers(N_NODES, 3), torch.tensor(PAIRS).T.contiguous()))


def deep_sets() -> Model:
    """arXiv:1703.06114: an MLP of each element, a sum, an MLP of the sum."""

    def forward(self: Any, x: Tensor) -> Any:
        return self.rho(self.phi(x).sum(1))

    phi = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5))
    rho = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    return Model(net_of(forward, phi=phi, rho=rho), (numbers(1, 5, 4),), 0.35)


def point_net() -> Model:
    """arXiv:1612.00593: points turned by a matrix that they make, the maximum over points."""

    def forward(self: Any, x: Tensor) -> Any:
        turn = self.turn(x.mean(1)).view(-1, 3, 3) + torch.eye(3, dtype=x.dtype)
        return self.head(self.points((x @ turn).transpose(1, 2)).amax(-1))

    points = nn.Sequential(nn.Conv1d(3, 6, 1), nn.LeakyReLU(), nn.Conv1d(6, 8, 1))
    return Model(
        net_of(forward, turn=nn.Linear(3, 9), points=points, head=nn.Linear(8, 3)),
        (numbers(1, 6, 3),),
        0.3,
    )


def set_transformer() -> Model:
    """arXiv:1810.00825: attention among elements, pooled by attention of a seed."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.block(x)
        return self.head(self.pool(self.seed.expand(x.shape[0], -1, -1), x)[:, 0])

    net = net_of(
        forward,
        block=pre_norm(8, attention(8, 2), mlp(8, 12), nn.LayerNorm),
        seed=nn.Parameter(torch.randn(1, 1, 8)),
        pool=attention(8, 2),
        head=nn.Linear(8, 3),
    )
    return Model(net, (numbers(1, 4, 8),))


def _adjacency() -> Tensor:
    adjacency = torch.zeros(N_NODES, N_NODES)
    for a, b in PAIRS:
        adjacency[a, b] = adjacency[b, a] = 1
    return adjacency


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "GCN": gcn,
        "GAT": gat,
        "GIN": gin,
        "GraphSAGE": sage,
        "message passing": message_passing,
        "edges as an input": edge_list,
        "Deep Sets": deep_sets,
        "PointNet": point_net,
        "Set Transformer": set_transformer,
    }
)
