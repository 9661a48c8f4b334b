"""Layout and geometry of the canvas: pure functions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.canvas import geometry
from gui.document.layout import arrange

SIZE = (118.0, 62.0)


def sizes(ids):
    return dict.fromkeys(ids, SIZE)


def test_a_chain_wraps_into_rows_of_five_as_wide_as_asked():
    ids = [f"n{i}" for i in range(10)]
    places = arrange(sizes(ids), list(itertools.pairwise(ids)), width=800)
    assert [places[id] for id in ids[:5]] == [(160.0 * i, 0) for i in range(5)]
    assert [places[id] for id in ids[5:]] == [(160.0 * i, 180) for i in range(5)]


@pytest.mark.parametrize(("count", "rows"), [(6, [3, 3]), (7, [4, 3]), (9, [5, 4]), (11, [4, 4, 3])])
def test_a_chain_that_does_not_fit_in_a_row_is_dealt_out_evenly(count, rows):
    ids = [f"n{i}" for i in range(count)]
    places = arrange(sizes(ids), list(itertools.pairwise(ids)), width=800)
    heights = [places[id][1] for id in ids]
    assert [heights.count(y) for y in sorted(set(heights))] == rows


def test_two_branches_stand_above_each_other_and_their_ends_between():
    places = arrange(sizes("abcd"), [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    assert places["b"][0] == places["c"][0] == 160
    middle = (places["b"][1] + places["c"][1]) / 2
    assert places["a"][1] == places["d"][1] == pytest.approx(middle, abs=1)


def test_crossed_wires_are_uncrossed():
    edges = [("a", "y"), ("b", "x"), ("x", "end"), ("y", "end"), ("start", "a"), ("start", "b")]
    places = arrange(sizes(["start", "a", "b", "x", "y", "end"]), edges)
    assert (places["a"][1] < places["b"][1]) == (places["y"][1] < places["x"][1])


def test_the_first_input_of_a_node_is_fed_from_above_the_second():
    edges = [("start", "a"), ("start", "b"), ("b", "join"), ("a", "join")]
    places = arrange(sizes(["start", "a", "b", "join"]), edges)
    assert places["b"][1] < places["a"][1]


def test_a_chain_stays_straight_beside_a_wire_that_skips_it():
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "e")]
    places = arrange(sizes("abcde"), edges, width=2000)
    assert len({places[id][1] for id in "abcde"}) == 1


def test_a_circle_is_laid_out_all_the_same():
    assert set(arrange(sizes("abc"), [("a", "b"), ("b", "c"), ("c", "a")])) == set("abc")


def test_parts_that_do_not_hang_together_stand_below_each_other():
    places = arrange(sizes("abcd"), [("a", "b"), ("c", "d")])
    assert places["c"][1] >= places["a"][1] + 62


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40))
def test_no_two_nodes_ever_overlap(pairs):
    ids = [f"n{i}" for i in range(15)]
    places = arrange(sizes(ids), [(ids[a], ids[b]) for a, b in pairs if a < b], width=700)
    assert set(places) == set(ids)
    for i, a in enumerate(ids):
        for b in ids[i + 1 :]:
            (ax, ay), (bx, by) = places[a], places[b]
            assert abs(ax - bx) >= SIZE[0] or abs(ay - by) >= SIZE[1] - 1


def test_a_wire_to_the_right_is_one_curve_and_one_back_goes_round_through_a_lane():
    assert len(geometry.wire_curves((0, 0), (42, 0))) == 1
    back = geometry.wire_curves((640, 31), (0, 211))
    assert len(back) == 3
    assert back[1][0][1] == back[1][3][1] == 121


@given(st.floats(-900, 900), st.floats(-900, 900))
def test_a_wire_begins_and_ends_at_its_ports(x, y):
    line = geometry.sample(geometry.wire_curves((0, 0), (x, y)))
    assert line[0] == pytest.approx((0, 0))
    assert line[-1] == pytest.approx((x, y))


def test_snap_takes_the_nearest_edge_or_centre_within_reach():
    box = geometry.Box(3, 100, 121, 162)
    near = geometry.snap(box, [geometry.Box(0, 0, 118, 62), geometry.Box(300, 104, 400, 166)])
    assert (near.dx, near.dy) == (-3, 4)
    assert ("x", 59.0) in near.guides or ("x", 0) in near.guides
    assert geometry.snap(box, [geometry.Box(500, 500, 600, 560)]) == geometry.Snap()


def test_a_line_across_a_wire_cuts_it_and_one_beside_does_not():
    wire = geometry.sample(geometry.wire_curves((0, 0), (100, 40)))
    assert geometry.crosses([(50, -50), (50, 90)], wire)
    assert not geometry.crosses([(200, -50), (200, 90)], wire)
