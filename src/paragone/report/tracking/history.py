"""What MLflow keeps of runs that were replaced: they stand under a run of their own, with a tag that names what they
were, so that the list of a profile's runs holds current ones and a chart of the tag shows the trend.

    tags."paragone.superseded" = "mnist-5k/dcgan/0"
"""

from typing import Any

SUPERSEDED = "paragone.superseded"  # tag: the run that was replaced, as data set/model/seed
ARCHIVE = "paragone.archive"  # tag of the run above them: the profile
TAGS = frozenset({SUPERSEDED, ARCHIVE})  # of runs that are not current
RUN = "paragone.run"  # tag of current runs (run_record.RUN)


def supersede(client: Any, experiment: str, profile: str, run_id: str) -> None:
    """Take a run out of the current ones, and keep it: its figures, parameters and pictures stay as they are."""
    run = client.get_run(run_id)
    name = run.data.tags[RUN]
    client.set_tag(run_id, SUPERSEDED, name)
    client.set_tag(run_id, "mlflow.parentRunId", _archive(client, experiment, profile))
    client.update_run(run_id, name=f"{name} ({run_id[:8]})")
    client.delete_tag(run_id, RUN)  # last: without it, nothing finds the run as a current one


def _archive(client: Any, experiment: str, profile: str) -> str:
    """The id of the run under which the superseded ones stand."""
    found = client.search_runs([experiment], filter_string=f"tags.`{ARCHIVE}` = '{profile}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    tags = {ARCHIVE: profile, "mlflow.source.name": "paragone", "mlflow.source.type": "PROJECT"}
    run_id = str(client.create_run(experiment, tags=tags, run_name=f"superseded runs of {profile}").info.run_id)
    client.set_terminated(run_id, "FINISHED")
    return run_id
