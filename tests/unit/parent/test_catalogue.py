"""The catalogue file, and what is said of one that is wrong."""

from pathlib import Path

import pytest
from launchers.containers.schema import Size
from launchers.launching.errors import LaunchError
from launchers.parent.catalogue import Algorithm, Catalogue, faults, read_catalogue

WHOLE = """\
algorithms:
  pca:
    image_name: registry:5000/lab/pca
    image_tag: "1.10"
    conda_env: mlex_pca
    folder: dimension-reduction
    memory: 512m
    cpus: 2
    gpus: "1"
    tasks: {train: train.py, transform: src/transform.py}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.yml"


def said(file: Path) -> str:
    """What the file's refusal says, its path left out."""
    with pytest.raises(LaunchError) as refusal:
        read_catalogue(file)
    return str(refusal.value).replace(f"{file}: ", "")


def test_an_algorithm_with_all_that_it_can_have(file: Path) -> None:
    file.write_text(WHOLE)
    assert read_catalogue(file).algorithms == {
        "pca": Algorithm(
            image_name="registry:5000/lab/pca",
            image_tag="1.10",
            conda_env="mlex_pca",
            folder="dimension-reduction",
            memory=Size("512m"),
            cpus=2,
            gpus="1",
            tasks={"train": "train.py", "transform": "src/transform.py"},
        )
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (('"1.10"', "1.10"), "algorithms.pca.image_tag: should be a valid string, and is 1.1; put it in quotes"),
        (
            ("conda_env", "conda_envs"),
            "algorithms.pca.conda_envs: unknown key; did you mean 'conda_env'? "
            "(known: conda_env, cpus, folder, gpus, image_name, image_tag, memory, tasks)",
        ),
        (("algorithms:", "algorithm:"), "algorithms: is missing"),
        (
            ("train.py", "/opt/train.py"),
            "algorithms.pca.tasks.train: '/opt/train.py' is not a path below the algorithm's folder: "
            "write for example train.py",
        ),
        (
            ("train.py", "../train.py"),
            "algorithms.pca.tasks.train: '../train.py' is not a path below the algorithm's folder: "
            "write for example train.py",
        ),
        (
            ("512m", "half"),
            "algorithms.pca.memory: 'half' is not a size: write a number and k, m or g, for example 512m",
        ),
        (("cpus: 2", "cpus: 0"), "algorithms.pca.cpus: should be greater than 0, and is 0"),
        (("cpus: 2", "conda_env: pca"), "line 8: the key conda_env appears twice"),
        (("{train", "[train"), "line 10: expected ',' or ']', but got '}'"),
    ],
)
def test_a_fault_is_told_in_one_line(file: Path, change: tuple[str, str], line: str) -> None:
    file.write_text(WHOLE.replace(*change))
    assert line in said(file).splitlines()


def test_what_algorithms_share_is_written_once_and_a_date_is_a_tag(file: Path) -> None:
    file.write_text(
        """
        definitions:
          lab: &lab {image_name: registry:5000/lab/one, image_tag: 2026-01-01, tasks: &tasks {train: train.py}}
        algorithms:
          pca: *lab
          umap: {<<: *lab, image_tag: "7", tasks: {<<: *tasks, transform: t.py}}
        """
    )
    assert read_catalogue(file).algorithms == {
        "pca": Algorithm(image_name="registry:5000/lab/one", image_tag="2026-01-01", tasks={"train": "train.py"}),
        "umap": Algorithm(
            image_name="registry:5000/lab/one", image_tag="7", tasks={"train": "train.py", "transform": "t.py"}
        ),
    }


def test_all_faults_are_told_at_once(file: Path) -> None:
    file.write_text(WHOLE.replace("512m", "half").replace("train.py", ""))
    assert len(said(file).splitlines()) == 2


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(LaunchError) as refusal:
        read_catalogue(file)
    assert str(refusal.value) == f"{file}: no such file"


def test_a_file_that_is_no_mapping(file: Path) -> None:
    file.write_text("- pca\n")
    assert said(file) == "must be a mapping of keys to values"


CATALOGUE = Catalogue(
    algorithms={
        "pytorch_autoencoder": Algorithm(tasks={"train": "train.py", "inference": "infer.py"}),
        "pca": Algorithm(tasks={"execute": "pca.py"}),
    }
)


@pytest.mark.parametrize(
    ("model", "task", "said"),
    [
        ("pca", "execute", []),
        (
            "pytorch-autoencoder",
            "train",
            [
                "there is no model 'pytorch-autoencoder' in the catalogue; did you mean 'pytorch_autoencoder'? "
                "(known: pca, pytorch_autoencoder)"
            ],
        ),
        ("umap", "train", ["there is no model 'umap' in the catalogue (known: pca, pytorch_autoencoder)"]),
        (
            "pytorch_autoencoder",
            "inferense",
            [
                "model 'pytorch_autoencoder' has no task 'inferense'; did you mean 'inference'? "
                "(known: inference, train)"
            ],
        ),
    ],
)
def test_what_the_catalogue_does_not_have_is_told_with_the_nearest(model: str, task: str, said: list[str]) -> None:
    assert faults(CATALOGUE, model, task) == said
