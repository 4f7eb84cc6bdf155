"""The algorithm's components are those of the textbook, and its parameters are checked."""

from pathlib import Path

import numpy as np
import pytest
from algorithms.pca import pca


@pytest.fixture
def images() -> pca.Array:
    """1200 images of 64 pixels, whose variance is in two known directions, 9 to 1."""
    random = np.random.default_rng(7)
    amounts = random.standard_normal((1200, 2))
    amounts = (amounts - amounts.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(amounts.T))).T
    axes = np.zeros((2, 64))
    axes[0, 3], axes[1, 10:14] = 3.0, -0.5
    found: pca.Array = 5.0 + amounts @ axes
    return found


def asked(
    results: Path, task: str, uid_save: str, uid_retrieve: str = "", images: slice = slice(0, 1000)
) -> pca.Parameters:
    """A parameters file for one component, as it is read."""
    return pca.Parameters(task, 1, images, uid_save, uid_retrieve, results)


def test_components_are_the_directions_of_the_variance(images: pca.Array) -> None:
    model = pca.fit(images, 2)
    expected = np.zeros((2, 64))
    expected[0, 3], expected[1, 10:14] = 1.0, 0.5
    np.testing.assert_allclose(model.components, expected, atol=1e-9)
    np.testing.assert_allclose(model.shares, [0.9, 0.1], atol=1e-9)
    np.testing.assert_allclose(model.mean, images.mean(axis=0))


def test_a_model_that_is_extended_is_that_of_all_images(images: pca.Array) -> None:
    extended = pca.extended(pca.extended(pca.fit(images[:300], 2), images[300:500]), images[500:])
    whole = pca.fit(images, 2)
    assert extended.count == whole.count == 1200
    for name in ("mean", "components", "singular", "shares"):
        np.testing.assert_allclose(getattr(extended, name), getattr(whole, name), atol=1e-9)


def test_an_update_goes_on_from_the_model_of_the_run_it_names(tmp_path: Path, images: pca.Array) -> None:
    pca.train(asked(tmp_path, "train", "first", images=slice(0, 400)), images)
    expected = pca.update(asked(tmp_path, "update", "second", "first", slice(400, 700)), images)
    with np.load(tmp_path / "second" / "model.npz") as saved:
        np.testing.assert_allclose(saved["mean"], images[:700].mean(axis=0))
    assert (expected["images"], expected["components"], expected["model"]) == (700, 1, "first")


def test_what_is_left_out_is_the_error(images: pca.Array) -> None:
    two, one = pca.fit(images, 2), pca.fit(images, 1)
    assert pca.mean_squared_error(two, images, pca.project(two, images)) == pytest.approx(0, abs=1e-12)
    missing = pca.mean_squared_error(one, images, pca.project(one, images))
    assert missing == pytest.approx(1199 / 1200 / 64)  # variance 1 along the second direction, over 64 pixels


def test_transform_uses_the_model_of_the_run_it_names(tmp_path: Path, images: pca.Array) -> None:
    pca.train(asked(tmp_path, "train", "first"), images)
    expected = pca.transform(asked(tmp_path, "transform", "second", "first"), images)
    model = pca.fit(images[:1000], 1)
    with np.load(tmp_path / "second" / "scores.npz") as saved:
        np.testing.assert_allclose(saved["scores"], pca.project(model, images[1000:]))
    assert (expected["images"], expected["model"]) == (200, "first")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task: guess\nio_parameters: {uid_save: a}", "task is 'guess': write train, update, transform"),
        ("components: 65\nio_parameters: {uid_save: a}", "components is 65: write a whole number from 1 to 64"),
        ("components: true\nio_parameters: {uid_save: a}", "components is True: write a whole number from 1 to 64"),
        ("io_parameters: {uid_save: ../etc}", "io_parameters.uid_save is '../etc': write the id of a flow run"),
        (
            "task: transform\nio_parameters: {uid_save: a, uid_retrieve: ''}",
            "io_parameters.uid_retrieve is '': write the id of a flow run",
        ),
    ],
)
def test_wrong_parameters_are_reported(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(pca.PcaError) as refused:
        pca.read_parameters(tmp_path / "params.yaml")
    assert str(refused.value) == expected


def test_no_images_are_reported(tmp_path: Path, images: pca.Array) -> None:
    with pytest.raises(pca.PcaError) as refused:
        pca.train(asked(tmp_path, "train", "a", images=slice(1000, 1200)), images)
    assert str(refused.value) == "images names none of the first 1000: write for example [0, 400]"


@pytest.mark.parametrize("text", ["task: train", "[", "- 1", None, "io_parameters: {uid_save: a}\nimages: [0, x]"])
def test_an_unreadable_parameters_file_is_reported(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(pca.PcaError, match=r"^the parameters file .*/params\.yaml cannot be read: "):
        pca.read_parameters(tmp_path / "params.yaml")


def test_a_missing_model_is_reported(tmp_path: Path, images: pca.Array) -> None:
    with pytest.raises(pca.PcaError) as refused:
        pca.transform(asked(tmp_path, "transform", "b", "a"), images)
    expected = f"there is no model {tmp_path}/a/model.npz: uid_retrieve must name a run that trained one"
    assert str(refused.value) == expected
