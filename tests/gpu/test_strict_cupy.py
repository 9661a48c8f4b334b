"""The stand-in is as strict as CuPy: what a GPU would refuse, or do behind one's back, fails or is counted."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.counts


@pytest.fixture
def cupy():
    import cupy

    from tests.gpu.strict_cupy import counts

    counts.reset()
    return cupy


def counted():
    from tests.gpu.strict_cupy import counts

    return counts


@pytest.mark.parametrize(
    "misuse",
    [
        lambda x, cp: np.asarray(x),
        lambda x, cp: np.add(x, 1),
        lambda x, cp: np.concatenate([x, x]),
        lambda x, cp: cp.add(x, np.ones(3)),
        lambda x, cp: x * np.ones(3),
        lambda x, cp: cp.matmul(x, np.ones(3)),
        lambda x, cp: cp.sum(x, where=x > 0),
        lambda x, cp: x.sum(initial=1.0),
        lambda x, cp: cp.add(x, 1, where=x > 0),
        lambda x, cp: cp.einsum("i->", x, out=x),
        lambda x, cp: cp.where([True, False, True], x, x),
    ],
)
def test_what_cupy_refuses_is_refused(misuse, cupy):
    with pytest.raises(TypeError):
        misuse(cupy.ones(3), cupy)


@pytest.mark.parametrize("name", ["frompyfunc", "longdouble", "nditer", "errstate"])
def test_a_name_that_cupy_lacks_is_lacking(name, cupy):
    with pytest.raises(AttributeError):
        getattr(cupy, name)


@pytest.mark.parametrize("ufunc", ["multiply", "divide", "logaddexp"])
def test_at_is_there_for_few_ufuncs_only(ufunc, cupy):
    with pytest.raises(NotImplementedError, match="at"):
        getattr(cupy, ufunc).at(cupy.ones(3), cupy.zeros(1, int), cupy.ones(1))


@pytest.mark.parametrize(
    ("reading", "transfers"),
    [(float, 1), (bool, 1), (int, 1), (str, 1), (lambda x: x.item(), 1), (lambda x: x.tolist(), 1),
     (lambda x: x.get(), 1), (lambda x: x.nonzero(), 0)],
)  # fmt: skip
def test_reading_a_value_is_counted(reading, transfers, cupy):
    reading(cupy.ones(()) if transfers else cupy.ones(1))
    assert (counted().downloads, counted().waits) == (transfers, 1)


def test_a_list_as_an_index_is_an_upload(cupy):
    _ = cupy.ones(3)[[0, 2]]
    assert counted().uploads == 1


def test_a_mask_as_an_index_waits(cupy):
    x = cupy.ones(3)
    _ = x[x > 0]
    assert counted().waits == 1


def test_what_is_known_without_values_costs_nothing(cupy):
    x = cupy.ones((3, 4))
    assert (x.shape, x.ndim, len(x), x.T.strides, x.dtype) == ((3, 4), 2, 3, (8, 32), np.float64)
    assert [row.shape for row in x] == [(4,)] * 3
    assert (counted().transfers, counted().waits) == (0, 0)


def test_a_result_without_axes_stays_an_array(cupy):
    assert type(cupy.ones(3).sum()) is type(cupy.ones(3)[0]) is cupy.ndarray


def test_fresh_memory_is_no_number(cupy):
    assert np.isnan(cupy.empty((2, 2), np.float32).get()).all()


def test_a_store_that_names_a_place_twice_fails(cupy):
    with pytest.raises(AssertionError, match="twice"):
        cupy.zeros(3)[cupy.asarray([0, 0])] = cupy.ones(2)


def test_an_index_that_lies_outside_is_wrapped_round_without_a_word(cupy):
    x = cupy.arange(3)
    assert x[cupy.asarray([0, 4])].get().tolist() == x.take(cupy.asarray([0, 4])).get().tolist() == [0, 1]
    assert counted().outside == 2


def test_a_view_knows_whose_memory_it_is_in(cupy):
    x = cupy.zeros((2, 3))
    view = x[0].reshape(3, 1)
    view[...] = 1
    assert view.base is x
    assert x.get().tolist() == [[1, 1, 1], [0, 0, 0]]


def test_a_kernel_runs_as_it_is_written(cupy):
    square = cupy.ElementwiseKernel("T x, T scale", "T y", "y = x * x * scale", "square")
    assert square(cupy.arange(3.0), 2).get().tolist() == [0, 2, 8]
    with pytest.raises(TypeError, match="mismatched"):
        square(cupy.arange(3.0), 2, cupy.zeros(3, np.float32))
    with pytest.raises(ValueError, match="reserved"):
        cupy.ElementwiseKernel("T n", "T y", "y = n")


def test_memory_is_counted_in_the_pool(cupy):
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    x = cupy.zeros(1000)
    assert pool.used_bytes() - before == 8192
    del x
    assert pool.used_bytes() == before
