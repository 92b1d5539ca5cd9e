"""The style predictor: what it reads of a picture, what it learns, and how it is exported."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.errors import NetworkError
from impasto.learning.conversion import onnx_export
from impasto.learning.losses.statistics import moments
from impasto.learning.networks.predictor import Dimensions, StylePredictor, new_predictor
from impasto.models.network import load_shipped
from learning.tiny import pictures

START = torch.linspace(-1, 1, 20)


def several(count: int) -> list[Tensor]:
    return [pictures(seed, height=48 + 8 * (seed % 3)) for seed in range(count)]


@pytest.fixture(scope="module")
def predictor() -> StylePredictor:
    made = new_predictor(START, several(12), hidden=8)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.outer.weight, std=0.3)
    return made


def test_before_training_every_picture_gives_the_start() -> None:
    untrained = new_predictor(START, several(4), hidden=8)
    torch.testing.assert_close(untrained(pictures(50, 51)), START.expand(2, -1))


def test_readings_are_about_0_with_deviation_1_over_the_usual_pictures(
    predictor: StylePredictor,
) -> None:
    statistics = predictor.statistics
    readings = torch.cat([statistics(picture) for picture in several(12)]) / statistics.gain
    torch.testing.assert_close(
        readings.mean(0), torch.zeros(readings.shape[1]), atol=0.15, rtol=0
    )  # but for what is clamped
    varied = readings.std(0)
    assert varied.max() < 1.05 and varied.median() > 0.9


def test_every_kind_of_reading_weighs_as_much(predictor: StylePredictor) -> None:
    statistics, start, weights = predictor.statistics, 0, []
    for layer, kept in statistics.dimensions.kept.items():
        for count in (statistics.dimensions.channels[layer],) * 2 + (kept * (kept + 1) // 2,):
            weights.append(statistics.gain[start : start + count].square().sum().item())
            start += count
    assert start == statistics.dimensions.statistics
    assert weights == pytest.approx([statistics.dimensions.statistics / 12] * 12, rel=1e-4)


def test_balancing_changes_no_prediction(predictor: StylePredictor) -> None:
    uneven = copy.deepcopy(predictor)
    uneven.statistics.gain.fill_(1)
    before = uneven(pictures(5))
    uneven.balance()
    torch.testing.assert_close(uneven.statistics.gain, predictor.statistics.gain)
    torch.testing.assert_close(uneven(pictures(5)), before, atol=1e-4, rtol=1e-4)


def test_covariances_are_read_along_directions_in_which_the_average_is_the_identity(
    predictor: StylePredictor,
) -> None:
    statistics = predictor.statistics
    for layer in statistics.dimensions.kept:
        found = [
            moments(statistics.perceptual(picture, [layer])[layer]).cov[0]
            for picture in several(12)
        ]
        average = torch.stack(found).mean(0)
        directions = getattr(statistics, f"directions_{layer}")
        values = torch.linalg.eigvalsh(average)[-directions.shape[1] :]
        kept = (values > 1e-6).sum().item()  # a direction without variance cannot be brought to 1
        along = (directions.T @ average @ directions)[-kept:, -kept:]
        torch.testing.assert_close(along, torch.eye(kept), atol=2e-2, rtol=0)


def test_a_picture_of_more_of_the_same_is_read_as_the_same(predictor: StylePredictor) -> None:
    picture = pictures(3, height=96, width=96)
    change = (
        (predictor.statistics(picture.repeat(1, 1, 3, 2)) - predictor.statistics(picture))
        .abs()
        .mean()
    )
    other = (predictor.statistics(pictures(9)) - predictor.statistics(picture)).abs().mean()
    assert change < 0.7 * other


def test_only_the_head_learns(predictor: StylePredictor) -> None:
    learning = {name.split(".")[0] for name, p in predictor.named_parameters() if p.requires_grad}
    assert learning == {"inner", "middle", "outer"}


@pytest.mark.slow
@pytest.mark.export
def test_an_exported_predictor_predicts_the_same_on_every_engine_at_any_size(
    predictor: StylePredictor,
) -> None:
    graph = onnx_export.predictor_to_onnx(predictor)
    back = onnx_export.predictor_from_onnx(graph)
    for height, width in ((64, 64), (72, 101)):
        picture = pictures(7, height=height, width=width)
        with torch.no_grad():
            expected = predictor(picture)
            torch.testing.assert_close(
                back(picture), expected, atol=2e-2, rtol=0
            )  # weights are rounded to float16
        for engine in set(base.available_engines()) - {"torch"}:  # which runs transformer networks
            (found,) = base.run_each(graph, [picture.numpy()], engine)
            np.testing.assert_allclose(found, back(picture).detach().numpy(), atol=2e-3)
    assert onnx_export.predictor_to_onnx(back) == graph  # what is read back is what was written


def test_a_graph_that_is_no_predictor_is_told(tiny_graph: bytes) -> None:
    for graph in (b"no graph", tiny_graph):
        with pytest.raises(NetworkError, match="cannot read a style predictor from this graph"):
            onnx_export.predictor_from_onnx(graph)


def test_how_many_numbers_a_picture_is_read_as() -> None:
    assert Dimensions({"a": 4, "b": 6}, {"a": 2, "b": 3}, 8, 10).statistics == (4 + 4 + 3) + (
        6 + 6 + 6
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_what_ships_can_be_trained_on(name: str) -> None:
    graph = load_shipped(name).predictor
    back = onnx_export.predictor_from_onnx(graph)
    back.balance()
    picture = pictures(7, height=96, width=128)
    expected = back(picture).detach().numpy()
    for engine in set(base.available_engines()) - {"torch"}:  # which runs transformer networks
        found = base.load_engine(graph, engine, 1, "f32").run(picture.numpy())
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-3)
