"""Charts and pictures: they stand where the numbers are, and their words say them."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from jdm_core.report.words import ENGLISH
from tests.support.one_cell import LABELS, text_of
from web.parts.charts import _ticks, elbo_chart, elbo_panel, legend
from web.parts.pictures import marked

ELBO = np.array([-25000.0, -25559.8]), np.array([700.0, 650.0])


@pytest.mark.parametrize(
    ("difference", "error", "figure", "says"),
    [
        (559.8, 57.2, "+560 ± 57", "It points the other way from the likelihood verdict (Uninfected 98\u00a0%)"),
        (-1559.8, 57.2, "−1\u202f560 ± 57", "The likelihood verdict reads only the noise levels that tell the"),
        (0.44, 0.09, "+0.4 ± 0.1", "It points the other way"),
        (20.0, 57.2, "+20 ± 57", "A difference within twice its error says nothing. The likelihood verdict reads"),
    ],
)
def test_the_elbo_is_a_figure_beside_the_verdict_and_none_itself(difference, error, figure, says):
    panel = elbo_panel(LABELS, *ELBO, (difference, error), 32, ENGLISH, [0.02, 0.98])
    words = text_of(panel)
    assert words.startswith(f"ELBO under each class ELBO, Parasitized less Uninfected: {figure} nats {says}")
    assert "Uninfected 98\u00a0%" in words and "likelier" not in words and "32 paired draws." in words
    assert ("the one that counts. ± is the noise of the random draws" in words) == ("other way" in says)


def test_chart_draws_the_likelier_class_on_the_right():
    assert 'aria-label="Parasitized +5, Uninfected −5 nats' in elbo_chart(LABELS, 10.0, 2.0)
    assert 'aria-label="Parasitized −5.0, Uninfected +5.0' in elbo_chart(LABELS, -10.0, 0.5)
    assert "http:" not in elbo_chart(LABELS, 0.0, 0.0)


def test_the_chart_stands_where_the_numbers_are():
    chart = elbo_chart(("<first>", "second"), 10.0, 2.0)
    root = ElementTree.fromstring(chart)
    circle, square = float(root.find(".//circle").get("cx")), float(root.find(".//rect").get("x")) + 6
    axis = [float(text.get("x")) for text in root.iter("text") if text.text in ("−5", "0", "5")]
    assert axis == pytest.approx([square, (circle + square) / 2, circle], abs=0.1)  # −5 and +5 about the mean
    bar = re.search(r"M([\d.]+) 26H([\d.]+)", chart)  # from 4 to 6
    assert float(bar[2]) - float(bar[1]) == pytest.approx((circle - square) / 5, abs=0.2)
    assert [_ticks(reach) for reach in (0.9, 8, 2500)] == [[-0.5, 0, 0.5], [-5, 0, 5], [-2000, -1000, 0, 1000, 2000]]


def test_the_border_of_a_region_is_drawn_on_it_alone():
    region = np.zeros((50, 100), bool)
    region[10:40, 20:60] = True
    picture = marked(Image.new("RGB", (200, 100), (9, 99, 200)), region)
    pixels = np.asarray(picture)
    assert pixels[50, 100].tolist() == pixels[2, 2].tolist() == [9, 99, 200]
    assert pixels[50, 41].tolist() == [0, 0, 0] and pixels[50, 38].tolist() == [255, 255, 255]


def test_legend_has_its_unit():
    assert "of 255" in legend("a", "b", "c", "of 255") and 'class="unit"' not in legend("a", "b", "c")
