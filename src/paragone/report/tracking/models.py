"""Finished models in MLflow: logged with their runs, registered, the best of their seeds under an alias."""

import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus

from paragone import __version__
from paragone.engine import checkpoint
from paragone.report.tracking import run_record
from paragone.results.runs import Json, Results

BEST = "best"  # alias of a registered model


def log(client: MlflowClient, experiment: str, run_id: str, results: Results, row: Json, key: str) -> str | None:
    """Log and register the run's model, as weights that `paragone` loads (no pickle); its id."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    weights = results.root / results.where(row).weights
    if not weights.exists():
        return None
    recipe = checkpoint.read_metadata(weights)["recipe"]
    needs = checkpoint.needs(recipe)
    if "source" in needs:
        return None  # it is called with images, which the table of a signature cannot hold
    channels, height, width = recipe["shape"]
    column = "label" if "label" in needs else "n"
    signature = ModelSignature(
        Schema([ColSpec("long", column)]),
        Schema([TensorSpec(np.dtype("uint8"), (-1, height, width, channels))]),
        ParamSchema([ParamSpec("seed", "long", 0)]),
    )
    logged = client.create_logged_model(experiment, name="model", source_run_id=run_id, tags={run_record.KEY: key})
    with tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            loader_module="paragone",
            data_path=str(weights),
            signature=signature,
            input_example={column: [2]},
            pip_requirements=[f"paragone=={__version__}"],
            mlflow_model=Model(run_id=run_id, model_id=logged.model_id),
        )
        client.log_model_artifacts(logged.model_id, f"{folder}/model")
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    name = run_record.registered_name(row)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"{row['title']} on {row['dataset']}, one version per seed")
    client.create_model_version(name, logged.model_uri, run_id, {"seed": str(row["seed"])}, model_id=logged.model_id)
    return str(logged.model_id)


def remove(client: MlflowClient, run_id: str) -> None:
    """Take the model of a run that was replaced away, and its version: what is registered is current."""
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        client.delete_model_version(version.name, version.version)
    outputs = client.get_run(run_id).outputs
    for model in outputs.model_outputs if outputs else []:
        client.delete_logged_model(model.model_id)


def choose_best(client: MlflowClient, results: Results) -> None:
    """Give the alias to the version of the seed with the lowest Frechet distance in the classifier's space."""
    for name, scores in run_record.scores(results).items():
        versions = {
            version.tags.get("seed"): version.version for version in client.search_model_versions(f"name = '{name}'")
        }
        ranked = sorted((fd, seed) for seed, fd in scores.items() if str(seed) in versions)
        if ranked:
            client.set_registered_model_alias(name, BEST, versions[str(ranked[0][1])])
