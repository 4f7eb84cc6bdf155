"""The algorithm's components are those of the textbook, and its parameters are checked."""

from pathlib import Path

import numpy as np
import pytest
from algorithms.pca import pca


@pytest.fixture
def images() -> pca.Array:
    """1200 images of 64 pixels, all of whose variance lies along two known directions, 9 to 1."""
    random = np.random.default_rng(7)
    amounts = random.standard_normal((1200, 2))
    amounts = (amounts - amounts.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(amounts.T))).T
    axes = np.zeros((2, 64))
    axes[0, 3], axes[1, 10:14] = 3.0, -0.5
    found: pca.Array = 5.0 + amounts @ axes
    return found


def test_components_are_the_directions_of_the_variance(images: pca.Array) -> None:
    model = pca.fit(images, 2)
    expected = np.zeros((2, 64))
    expected[0, 3], expected[1, 10:14] = 1.0, 0.5
    np.testing.assert_allclose(model.components, expected, atol=1e-9)
    np.testing.assert_allclose(model.shares, [0.9, 0.1], atol=1e-9)
    np.testing.assert_allclose(model.mean, images.mean(axis=0))


def test_what_is_left_out_is_the_error(images: pca.Array) -> None:
    two, one = pca.fit(images, 2), pca.fit(images, 1)
    assert pca.mean_squared_error(two, images, pca.project(two, images)) == pytest.approx(0, abs=1e-12)
    missing = pca.mean_squared_error(one, images, pca.project(one, images))
    assert missing == pytest.approx(1199 / 1200 / 64)  # variance 1 along the second direction, over 64 pixels


def test_transform_uses_the_model_of_the_run_it_names(tmp_path: Path, images: pca.Array) -> None:
    pca.train(pca.Parameters("train", 1, "first", "", tmp_path), images)
    told = pca.transform(pca.Parameters("transform", 1, "second", "first", tmp_path), images)
    model = pca.fit(images[:1000], 1)
    with np.load(tmp_path / "second" / "scores.npz") as saved:
        np.testing.assert_allclose(saved["scores"], pca.project(model, images[1000:]))
    assert (told["images"], told["model"]) == (200, "first")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("task: guess\nio_parameters: {uid_save: a}", "task is 'guess': write train or transform"),
        ("components: 65\nio_parameters: {uid_save: a}", "components is 65: write a whole number from 1 to 64"),
        ("components: true\nio_parameters: {uid_save: a}", "components is True: write a whole number from 1 to 64"),
        ("io_parameters: {uid_save: ../etc}", "io_parameters.uid_save is '../etc': write the id of a flow run"),
        (
            "task: transform\nio_parameters: {uid_save: a, uid_retrieve: ''}",
            "io_parameters.uid_retrieve is '': write the id of a flow run",
        ),
    ],
)
def test_wrong_parameters_are_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(pca.PcaError) as refused:
        pca.read_parameters(tmp_path / "params.yaml")
    assert str(refused.value) == told


@pytest.mark.parametrize("text", ["task: train", "[", "- 1", None])
def test_an_unreadable_parameters_file_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(pca.PcaError, match=r"^the parameters file .*/params\.yaml cannot be read: "):
        pca.read_parameters(tmp_path / "params.yaml")


def test_a_missing_model_is_told(tmp_path: Path, images: pca.Array) -> None:
    with pytest.raises(pca.PcaError) as refused:
        pca.transform(pca.Parameters("transform", 1, "b", "a", tmp_path), images)
    told = f"there is no model {tmp_path}/a/model.npz: uid_retrieve must name a run that trained one"
    assert str(refused.value) == told
