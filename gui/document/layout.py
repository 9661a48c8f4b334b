"""Automatic layout: layers by longest path, order by barycentre sweeps, rows for long chains. Pure: ids in, places out.

After Sugiyama, Tagawa and Toda (1981); heights by isotonic regression (pool adjacent violators).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

GAP_X, GAP_Y = 42.0, 32.0
"""Least room between nodes beside and above each other, in pixels."""
ROW_GAP = 118.0
"""Room between two rows of a wrapped network, with the wire back running through it."""
SWEEPS = 8
WAYPOINT = 1e-4
"""How much the place of a bend in a long wire counts beside that of a node."""

Sizes = Mapping[str, tuple[float, float]]
Edge = tuple[str, str]
Places = dict[str, tuple[float, float]]


def arrange(sizes: Sizes, edges: Iterable[Edge], width: float = 800.0) -> Places:
    """Places of the upper left corners, the first node of the network at (0, 0); no row is longer than `width`.

    >>> arrange({"a": (118, 62), "b": (118, 62)}, [("a", "b")])
    {'a': (0.0, 0.0), 'b': (160.0, 0.0)}
    """
    edges = _forward(list(sizes), list(dict.fromkeys(edges)))
    places: Places = {}
    top = 0.0
    for members in _components(list(sizes), edges):
        inside = [edge for edge in edges if edge[0] in members]
        part = _component({id: sizes[id] for id in sizes if id in members}, inside, width)
        places |= {id: (x, y + top) for id, (x, y) in part.items()}
        top = max(places[id][1] + sizes[id][1] for id in part) + ROW_GAP
    return places


def _component(sizes: Sizes, edges: list[Edge], width: float) -> Places:
    layer_of = _layers(list(sizes), edges)
    layers, chains = _with_waypoints(layer_of, edges)
    _sweep(layers, chains, _ranks(edges))
    centres = _heights(layers, chains, sizes)
    rows = _rows([_widest(layer, sizes) for layer in layers], _crossings(layer_of, edges, len(layers)), width)
    places: Places = {}
    top = 0.0
    for row in rows:
        members = [id for index in row for id in layers[index] if id in sizes]
        up = min(centres[id] - sizes[id][1] / 2 for id in members)
        x = 0.0
        for index in row:
            for id in layers[index]:
                if id in sizes:
                    places[id] = (x, round(centres[id] - sizes[id][1] / 2 - up + top))
            x += _widest(layers[index], sizes) + GAP_X
        top = max(places[id][1] + sizes[id][1] for id in members) + ROW_GAP
    return places


def _forward(ids: list[str], edges: list[Edge]) -> list[Edge]:
    """The edges without those that would close a circle."""
    following: dict[str, list[str]] = {id: [] for id in ids}
    for source, target in edges:
        following[source].append(target)
    state: dict[str, int] = {}
    back: set[Edge] = set()
    for root in ids:
        stack = [(root, iter(following[root]))] if root not in state else []
        state.setdefault(root, 1)
        while stack:
            id, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                state[id] = 2
                stack.pop()
            elif state.get(target) == 1:
                back.add((id, target))
            elif target not in state:
                state[target] = 1
                stack.append((target, iter(following[target])))
    return [edge for edge in edges if edge not in back]


def _components(ids: list[str], edges: list[Edge]) -> list[set[str]]:
    """The parts that hang together, the one with the first node first."""
    beside: dict[str, list[str]] = {id: [] for id in ids}
    for source, target in edges:
        beside[source].append(target)
        beside[target].append(source)
    parts: list[set[str]] = []
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            continue
        part, open_ = {id}, [id]
        while open_:
            new = [n for n in beside[open_.pop()] if n not in part]
            part.update(new)
            open_ += new
        seen |= part
        parts.append(part)
    return parts


def _layers(ids: list[str], edges: list[Edge]) -> dict[str, int]:
    """The layer of each node: the longest way from a source; sources stand right before what they feed."""
    sources: dict[str, list[str]] = {id: [] for id in ids}
    targets: dict[str, list[str]] = {id: [] for id in ids}
    for source, target in edges:
        sources[target].append(source)
        targets[source].append(target)
    waiting = {id: len(sources[id]) for id in ids}
    ready = [id for id in ids if not waiting[id]]
    layer: dict[str, int] = {}
    while ready:
        id = ready.pop()
        layer[id] = 1 + max((layer[s] for s in sources[id]), default=-1)
        for target in targets[id]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for id in ids:
        if not sources[id] and targets[id]:
            layer[id] = min(layer[t] for t in targets[id]) - 1
    return layer


def _ranks(edges: list[Edge]) -> dict[tuple, float]:
    """For each edge a little of a place: the first into a node comes from above the second."""
    into: dict[str, int] = {}
    ranks = {}
    for source, target in edges:
        into[target] = into.get(target, -1) + 1
        ranks[source, target] = into[target] / 1024
    return ranks


def _with_waypoints(layer_of: dict[str, int], edges: list[Edge]) -> tuple[list[list], list[tuple]]:
    """The layers, and edges only from one layer to the next: a long edge goes through a waypoint in each between."""
    layers: list[list] = [[] for _ in range(1 + max(layer_of.values()))]
    for id, layer in layer_of.items():
        layers[layer].append(id)
    chains = []
    for source, target in edges:
        previous = source
        for layer in range(layer_of[source] + 1, layer_of[target]):
            waypoint = (source, target, layer)
            layers[layer].append(waypoint)
            chains.append((previous, waypoint))
            previous = waypoint
        chains.append((previous, target))
    return layers, chains


def _neighbours(chains: list[tuple]) -> tuple[dict, dict]:
    before: dict = {}
    after: dict = {}
    for a, b in chains:
        after.setdefault(a, []).append(b)
        before.setdefault(b, []).append(a)
    return before, after


def _sweep(layers: list[list], chains: list[tuple], ranks: dict[tuple, float]) -> None:
    """Order each layer by the mean place of its neighbours, forth and back, keeping the order with fewest crossings."""
    before, after = _neighbours(chains)
    best, fewest = [list(layer) for layer in layers], _count_crossings(layers, after, ranks)
    bettered = 0
    for sweep in range(SWEEPS):
        if not fewest or sweep - bettered > 2:
            break
        forth = sweep % 2 == 0
        for layer, neighbour in _pairs(layers, forth):
            place = {id: index for index, id in enumerate(neighbour)}
            beside = before if forth else after
            own = {id: index for index, id in enumerate(layer)}
            layer.sort(key=lambda id: _mean([place[n] + _rank(id, n, ranks) for n in beside.get(id, ())], own[id]))
        crossings = _count_crossings(layers, after, ranks)
        if crossings < fewest:
            best, fewest, bettered = [list(layer) for layer in layers], crossings, sweep
    layers[:] = best


def _pairs(layers: list[list], forth: bool) -> Iterable[tuple[list, list]]:
    """(layer, the one it is held against), from left to right or back."""
    ordered = layers if forth else layers[::-1]
    return zip(ordered[1:], ordered)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _rank(id, target, ranks: dict[tuple, float]) -> float:
    """How far below the first input of `target` the wire from a node or waypoint ends."""
    return ranks.get((id[0] if isinstance(id, tuple) else id, target), 0.0)


def _count_crossings(layers: list[list], after: dict, ranks: dict[tuple, float]) -> int:
    crossings = 0
    for layer, following in itertools.pairwise(layers):
        place = {id: index for index, id in enumerate(following)}
        ends = [end for id in layer for end in sorted(place[n] + _rank(id, n, ranks) for n in after.get(id, ()))]
        crossings += sum(a > b for index, a in enumerate(ends) for b in ends[index + 1 :])
    return crossings


def _heights(layers: list[list], chains: list[tuple], sizes: Sizes) -> dict:
    """The y of each centre: near its neighbours, in the layer's order, without overlap; waypoints give way to nodes."""
    before, after = ({id: _nodes_first(near) for id, near in side.items()} for side in _neighbours(chains))
    height = {id: sizes[id][1] if id in sizes else 0.0 for layer in layers for id in layer}
    centre: dict = {}
    for layer in layers:
        wanted = [_mean([centre[n] for n in before.get(id, ())], 0.0) for id in layer]
        centre |= _spread(layer, wanted, height)
    for beside, order in ((after, layers[::-1]), (before, layers), (after, layers[::-1]), (before, layers)):
        for layer in order:
            wanted = [_mean([centre[n] for n in beside.get(id, ())], centre[id]) for id in layer]
            centre |= _spread(layer, wanted, height)
    return centre


def _nodes_first(near: list) -> list:
    """The nodes among neighbours; where there is none, the waypoints."""
    return [id for id in near if isinstance(id, str)] or near


def _spread(layer: list, wanted: list[float], height: dict) -> dict:
    """The places nearest to the wanted ones (least squares) that keep order and room."""
    offsets = [0.0]
    for above, below in itertools.pairwise(layer):
        offsets.append(offsets[-1] + (height[above] + height[below]) / 2 + GAP_Y)
    blocks: list[list[float]] = []  # [weighted sum of wanted - offset, weight, members], means ascending
    for id, want, offset in zip(layer, wanted, offsets):
        weight = 1.0 if isinstance(id, str) else WAYPOINT
        blocks.append([weight * (want - offset), weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last)]
    bases = [total / weight for total, weight, members in blocks for _ in range(int(members))]
    return {id: base + offset for id, base, offset in zip(layer, bases, offsets)}


def _widest(layer: list, sizes: Sizes) -> float:
    return max((sizes[id][0] for id in layer if id in sizes), default=0.0)


def _crossings(layer_of: dict[str, int], edges: list[Edge], count: int) -> list[int]:
    """For each layer, how many outputs have wires that pass from before it into or over it."""
    passing: list[set[str]] = [set() for _ in range(count)]
    for source, target in edges:
        for layer in range(layer_of[source] + 1, layer_of[target] + 1):
            passing[layer].add(source)
    return [len(sources) for sources in passing]


def _rows(widths: list[float], crossings: list[int], width: float) -> list[list[int]]:
    """Layer indices by row: as few rows as `width` allows, and those about as long as each other."""
    rows = _filled(widths, crossings, width)
    narrow, wide = 0.0, width
    while wide - narrow > 1:
        middle = (narrow + wide) / 2
        narrower = _filled(widths, crossings, middle)
        if len(narrower) > len(rows):
            narrow = middle
        else:
            rows, wide = narrower, middle
    return rows


def _filled(widths: list[float], crossings: list[int], width: float) -> list[list[int]]:
    """Layer indices by row: a row ends where it is full, but only where a single output leads on."""
    rows: list[list[int]] = [[]]
    x, cut = 0.0, 0
    for index, layer_width in enumerate(widths):
        if rows[-1] and crossings[index] <= 1:
            cut = index
        if rows[-1] and x + layer_width > width and cut > rows[-1][0]:
            rows.append([i for i in rows[-1] if i >= cut])
            rows[-2] = [i for i in rows[-2] if i < cut]
            x = sum(widths[i] + GAP_X for i in rows[-1])
        rows[-1].append(index)
        x += layer_width + GAP_X
    return rows
