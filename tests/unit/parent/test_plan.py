"""Steps become a plan: what each child is sent, what each step needs, and what is refused before anything starts."""

from typing import Any

import pytest
from launchers.containers.schema import Size, Volume
from launchers.launching.errors import LaunchError
from launchers.parent.catalogue import Algorithm, Catalogue
from launchers.parent.job_config import CondaJobs, ContainerJobs, JobConfig, SlurmJobs
from launchers.parent.plan import PlannedStep, plan
from launchers.parent.step import Step

CATALOGUE = Catalogue(
    algorithms={
        "pca": Algorithm(
            image_name="registry:5000/lab/pca",
            image_tag="1.0",
            conda_env="of_catalogue",
            memory=Size("1.5g"),
            cpus=1.5,
            tasks={"train": "train.py", "transform": "src/transform.py"},
        ),
        "umap": Algorithm(conda_env="mlex_umap", folder="reduction", tasks={"execute": "umap.py"}),
    }
)
CONFIG = JobConfig(
    hpc_type="als",
    conda=CondaJobs(conda_env_name={"pca": "of_site"}, code_dir="/opt/code/"),
    container=ContainerJobs(volumes=[Volume("/srv/data:/data")], network="mle_net"),
    slurm=SlurmJobs(
        num_nodes=2,
        partitions=["a", "b"],
        reservations=["r"],
        max_time="0:30:00",
        options=["--account=m1"],
        prologue="module load conda",
        submission_host="me@login",
        submission_ssh_key="/key",
        work_dir="/scratch/me",
        code_dir="/global/code",
    ),
)


def step(model: str = "pca", task: str = "train", **more: Any) -> Step:
    return Step.model_validate({"model_name": model, "task_name": task, **more})


def planned(*steps: Step) -> list[PlannedStep]:
    return plan(steps, CATALOGUE, CONFIG)


def refusal(*steps: Step, config: JobConfig = CONFIG) -> list[str]:
    with pytest.raises(LaunchError) as refused:
        plan(steps, CATALOGUE, config)
    return str(refused.value).splitlines()


PARAMS = {"io_parameters": {"uid_retrieve": "", "uid_save": ""}, "components": 3}


@pytest.mark.parametrize(("hpc_type", "deployment"), [("als", "launch_docker"), ("nsls-ii", "launch_podman")])
def test_what_a_container_is_sent(hpc_type: str, deployment: str) -> None:
    [one] = planned(step(task="transform", params={"components": 3}, hpc_type=hpc_type))
    assert one.deployment == f"Docker flow/{deployment}"
    sent = one.parameters["docker_params"]
    assert {key: value for key, value in sent.items() if value} == {
        "image_name": "registry:5000/lab/pca",
        "image_tag": "1.0",
        "command": ["python", "src/transform.py"],
        "volumes": ["/srv/data:/data"],
        "network": "mle_net",
        "params": PARAMS,
        "memory": "1.5g",
        "cpus": 1.5,
    }


def test_what_conda_is_sent() -> None:
    [one] = planned(step(params={"components": 3}, hpc_type="conda"))
    assert (one.deployment, one.parameters) == (
        "Conda flow/launch_conda",
        {
            "conda_params": {
                "conda_env_name": "of_site",
                "python_file_name": "/opt/code/pca/train.py",
                "params": PARAMS,
                "timeout": None,
            }
        },
    )


def test_what_slurm_is_sent() -> None:
    [one] = planned(step(params={"components": 3}, hpc_type="nersc"))
    assert (one.deployment, one.parameters) == (
        "Slurm flow/launch_slurm",
        {
            "slurm_params": {
                "job_name": "pca-train",
                "num_nodes": 2,
                "partitions": ["a", "b"],
                "reservations": ["r"],
                "max_time": "0:30:00",
                "memory": "1536M",
                "cpus": 2,
                "gpus": "",
                "options": ["--account=m1"],
                "prologue": "module load conda",
                "conda_env_name": "of_site",
                "python_file_name": "/global/code/pca/train.py",
                "params": PARAMS,
                "submission_host": "me@login",
                "submission_ssh_key": "/key",
                "work_dir": "/scratch/me",
                "poll_seconds": 5.0,
            }
        },
    )


def test_the_catalogues_environment_and_folder_where_the_site_says_nothing() -> None:
    [one] = planned(step("umap", "execute", hpc_type="conda"))
    sent = one.parameters["conda_params"]
    assert (sent["conda_env_name"], sent["python_file_name"]) == ("mlex_umap", "/opt/code/reduction/umap.py")


def test_each_step_goes_where_it_says_or_where_the_site_is() -> None:
    three = planned(step(), step(hpc_type="NERSC"), step(hpc_type="elsewhere"))
    assert [one.environment for one in three] == ["docker", "slurm", "conda"]
    assert [bool(one.warning) for one in three] == [False, False, True]


def test_a_list_is_a_chain() -> None:
    assert [one.needs for one in planned(step(), step(), step())] == [(), ("1",), ("2",)]


def test_steps_that_say_what_they_need() -> None:
    four = planned(step(name="a"), step(name="b", needs=[]), step(needs=["b", "a"]), step())
    assert [one.needs for one in four] == [(), (), ("b", "a"), ("3",)]
    assert [str(one) for one in four] == [
        "step 1 (a: pca/train)",
        "step 2 (b: pca/train)",
        "step 3 (pca/train)",
        "step 4 (pca/train)",
    ]


def test_every_fault_is_told_before_anything_starts() -> None:
    assert refusal(
        step("pcaa"),
        step(task="trian"),
        step(name="3"),
        step(name="a"),
        step(name="a"),
        step(name="b", needs=["aa", "2"]),
        step("umap", "execute"),
    ) == [
        "step 1: there is no model 'pcaa' in the catalogue; did you mean 'pca'? (known: pca, umap)",
        "step 2: model 'pca' has no task 'trian'; did you mean 'train'? (known: train, transform)",
        "step 3: the name '3' is a number, and numbers are the names of steps that have none",
        "step 5: the name 'a' is taken by an earlier step",
        "step 6: it needs 'aa', and no earlier step has that name; did you mean 'a'? (known: 1, 2, 3, a)",
        "step 7: model 'umap' has no image_name, and a container needs one",
    ]


def test_an_empty_list_is_refused() -> None:
    assert refusal() == ["params_list is empty: write at least one step"]


def test_a_model_without_environment_is_no_matter_for_conda() -> None:
    bare = Catalogue(algorithms={"pca": Algorithm(tasks={"train": "train.py"})})
    with pytest.raises(LaunchError) as refused:
        plan([step(hpc_type="conda")], bare, JobConfig())
    assert str(refused.value) == "step 1: model 'pca' has no conda_env, and conda needs one"


@pytest.mark.parametrize(
    ("slurm", "line"),
    [
        (
            SlurmJobs(max_time="1 hour"),
            "max_time: '1 hour' is not valid: write minutes, hours:minutes:seconds or days-hours, for example 1:30:00",
        ),
        (
            SlurmJobs(options=["-A m1"]),
            "options.0: '-A m1' is not a long option of sbatch: write for example --account=m1234",
        ),
        (
            SlurmJobs(options=["--comment=x"]),
            "options.0: '--comment=x' is set by the flow: leave it out, or use the parameter for it",
        ),
        (
            SlurmJobs(partitions=["a b"]),
            "partitions.0: 'a b' is not valid: write letters, digits and . _ + -, beginning with a letter or digit",
        ),
    ],
)
def test_what_slurm_would_refuse_is_refused_beforehand(slurm: SlurmJobs, line: str) -> None:
    assert refusal(step(hpc_type="slurm"), config=JobConfig(slurm=slurm)) == [f"step 1: slurm: {line}"]
