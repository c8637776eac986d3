"""Rows are finished early, what all need comes first, and no long chain is left for the end."""

import heapq

from flows.run.order import Order

UP = {"data": set(), "judge": {"data"}, "report": {"evaluate@long", *(f"evaluate@{row}" for row in "abcd")}}
SECONDS = {"data": 2.0, "judge": 20.0, "report": 5.0}
for row, seconds in {"long": 60.0, "a": 30.0, "b": 20.0, "c": 30.0, "d": 20.0}.items():
    UP |= {f"train@{row}": {"data"}, f"evaluate@{row}": {f"train@{row}", "judge"}}
    SECONDS |= {f"train@{row}": seconds, f"evaluate@{row}": 4.0}


def simulate(slots, seconds):
    """The moments at which rows are evaluated, and the one at which all is done."""
    order = Order(UP, seconds, slots)
    waiting = {stage: set(inputs) for stage, inputs in UP.items()}
    now, running, rows = 0.0, [], []
    while waiting or running:
        for stage in order.first(stage for stage, inputs in waiting.items() if not inputs):
            if len(running) < slots:
                heapq.heappush(running, (now + SECONDS[stage], stage))
                order.started(stage)
                del waiting[stage]
        now, stage = heapq.heappop(running)
        order.ended(stage)
        for inputs in waiting.values():
            inputs.discard(stage)
        if stage.startswith("evaluate"):
            rows.append(now)
    assert abs(order.left) < 1e-9
    return rows, now


def test_with_one_slot_a_row_is_finished_before_another_begins():
    rows, end = simulate(1, SECONDS)
    assert end == sum(SECONDS.values())
    assert rows[0] == 2 + 20 + 20 + 4  # the data, the judge, and the shortest row
    assert rows[1] - rows[0] == 20 + 4


def test_with_two_slots_the_long_chain_starts_in_time_and_rows_come_early():
    rows, end = simulate(2, SECONDS)
    assert end <= 1.15 * sum(SECONDS.values()) / 2
    assert rows[0] <= 2 + 20 + 20 + 4


def test_nothing_needs_to_be_known_of_the_stages():
    rows, end = simulate(2, {})
    assert rows[0] < end / 2


def test_what_is_dropped_is_not_waited_for():
    order = Order(UP, SECONDS, 2)
    for stage in UP:
        order.dropped(stage)
    assert abs(order.left) < 1e-9
