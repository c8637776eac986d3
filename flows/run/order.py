"""Which of the stages that are ready goes first: rows are finished early, and no long chain is left for the end."""

from collections.abc import Iterable, Mapping

from flows.dvc import graph as graphs

CRITICAL = 0.9  # of the time that is left: a chain that long would end last if it waited


class Order:
    """The order of one flow's stages.

    A chain of stages that takes nearly as long as all that is left goes first, or the other slots would wait for it at
    the end. Then comes what finishes most for the least time: most stages that need it, per second until the last of
    them is done. So a row that is trained is sampled and evaluated before another one begins, and what all rows need
    comes before the rows.
    """

    def __init__(self, visits: Mapping[str, set[str]], seconds: Mapping[str, float], slots: int) -> None:
        """visits: the stages to come, each with those that it waits for. seconds: how long stages took before."""
        usual = sum(seconds.values()) / len(seconds) if seconds else 1.0
        below = graphs.reverse(visits)
        self.slots = slots
        self.seconds = {stage: seconds.get(stage, usual) for stage in visits}
        self.chain = graphs.urgency(visits, self.seconds)
        self.worth = {stage: len(graphs.reach([stage], below)) / max(self.chain[stage], 1e-9) for stage in visits}
        self.left = sum(self.seconds.values())

    def first(self, ready: Iterable[str]) -> list[str]:
        """The stages of `ready`, the one to start first at the front."""
        return sorted(ready, key=self._key)

    def _key(self, stage: str) -> tuple[bool, float, str]:
        critical = self.chain[stage] >= CRITICAL * self.left / self.slots
        return not critical, -self.chain[stage] if critical else -self.worth[stage], stage

    def started(self, stage: str) -> None:
        """Count a stage that runs as half done."""
        self.left -= self.seconds[stage] / 2

    def ended(self, stage: str) -> None:
        """Count a stage that ran as done."""
        self.left -= self.seconds[stage] / 2

    def dropped(self, stage: str) -> None:
        """Count a stage that will not run as done."""
        self.left -= self.seconds[stage]
