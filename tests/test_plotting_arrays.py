"""The helpers that draw arrays: what is drawn is what was given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from spinlab import plotting


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_samples_and_filters_show_each_image():
    x = np.where(np.arange(5 * 6).reshape(5, 6) % 3, 1, -1)
    for draw, size in ((plotting.samples, 6), (plotting.filters, 7)):  # filters have a colour bar
        figure = draw(x, (2, 3), columns=3, title="five")
        assert len(figure.axes) == size
        for ax, row in zip(figure.axes, x, strict=False):
            np.testing.assert_array_equal(ax.images[0].get_array(), row.reshape(2, 3))
        assert not figure.axes[5].get_visible()
        plt.close(figure)


def test_filters_have_white_at_zero():
    figure = plotting.filters([[0.0, 3.0, -1.0, 0.5]], (2, 2))
    assert figure.axes[0].images[0].get_clim() == (-3.0, 3.0)
    plt.close(figure)


def test_spectrum_is_a_density(ax):
    plotting.spectrum(ax, [1.0, 2.0, 2.0, 3.0], (0.5, 3.5), bins=4)
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert area == pytest.approx(1.0)
    assert sorted(line.get_xdata()[0] for line in ax.lines) == [0.5, 3.5]


def test_overlaps_are_steps(ax):
    plotting.overlaps(ax, [-1, 0, 1], [0.75, 0.25], [0.1, 0.1], label="a")
    plotting.overlaps(ax, [-1, 0, 1], [0.25, 0.75], label="b")
    first, second = ax.patches
    np.testing.assert_array_equal(first.get_data().values, [0.75, 0.25])
    assert first.get_edgecolor() != second.get_edgecolor()
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_lines_are_means_with_their_errors(ax):
    data = xr.DataArray([[[1.0, 3.0], [2.0, 2.0]]], {"V": [8], "x": [0.2, 0.1]}, ("V", "x", "replica"))
    plotting.lines(ax, data, "x", "V")
    x, mean = ax.containers[0][0].get_data()
    np.testing.assert_array_equal((x, mean), ([0.1, 0.2], [2.0, 2.0]))
    ends = ax.containers[0][2][0].get_segments()[1][:, 1]
    np.testing.assert_allclose(ends, [1.0, 3.0])  # one standard error of two: half their distance
    with pytest.raises(ValueError, match=r"data has V, x; give one of them as hue="):
        plotting.lines(ax, data, "x")
    with pytest.raises(TypeError, match="data must be a DataArray, got ndarray"):
        plotting.lines(ax, data.values, "x")
    with pytest.raises(TypeError, match=r"got a Dataset; take one variable of a$"):
        plotting.lines(ax, data.to_dataset(name="a"), "x")


def test_a_ladder_of_several_chains_has_its_error(ax):
    plotting.ladder(ax, [0.5, 1.0, 2.0], [[0.2, 0.4], [0.4, 0.8]])
    x, y = ax.containers[0][0].get_data()
    np.testing.assert_allclose(x, [0.75, 1.5])
    np.testing.assert_allclose(y, [0.3, 0.6])
    ends = ax.containers[0][2][0].get_segments()[1][:, 1]
    np.testing.assert_allclose(ends, [0.4, 0.8])  # one standard error of two: half their distance


@pytest.mark.parametrize(
    ("draw", "error"),
    [
        (lambda ax: plotting.samples([[1, -1]], (2, 2)), r"rows of 2 \* 2 pixels"),
        (lambda ax: plotting.samples([[1, -1]], 2), "height, width"),
        (lambda ax: plotting.samples([[1, -1]], (1, 2), columns=0), "1 or more"),
        (lambda ax: plotting.spectrum(ax, []), "one at least"),
        (lambda ax: plotting.spectrum(plt, "abc"), "real numbers"),
        (lambda ax: plotting.overlaps(ax, [0, 1], [1, 2]), "one entry more"),
        (lambda ax: plotting.overlaps(ax, [0, 1], [1], [1, 2]), "each of 1 bins"),
        (lambda ax: plotting.ladder(ax, [1, 2], [[0.1, 0.2]]), "have 1 pairs"),
        (lambda ax: plotting.ladder(None, [1, 2], [0.1]), "Axes of matplotlib"),
    ],
)
def test_bad_input(ax, draw, error):
    with pytest.raises((ValueError, TypeError), match=error):
        draw(ax)
