"""The state of a training at one moment: kept, put back, compared to the bit."""

import torch
from torch.optim import SGD, Adam

from paragone.engine.snapshot import Snapshot, changed, python_state, same_bits
from support.registered import build


def test_what_a_step_changed_is_noticed_and_put_back_in_its_place():
    model = build("dcgan")
    optimizers = model.optimizers()
    before = Snapshot(model, optimizers)
    assert before.differs() == before.moved() == ""
    places = {name: buffer.data_ptr() for name, buffer in model.named_buffers()}
    for optimizer in optimizers.values():
        optimizer.param_groups[0]["params"][0].grad = torch.ones_like(optimizer.param_groups[0]["params"][0])
        optimizer.step()
    name = next(iter(places))
    module, _, leaf = name.rpartition(".")
    model.get_submodule(module)._buffers[leaf] = torch.ones(3)
    assert before.moved() == f"buffer.{name}"
    assert before.differs()
    before.restore()
    assert before.differs() == before.moved() == ""
    assert {name: buffer.data_ptr() for name, buffer in model.named_buffers()} == places
    assert not any(optimizer.state for optimizer in optimizers.values())


def test_state_of_an_optimiser_keeps_its_place():
    model = build("gan")
    weights = list(model.parameters())
    optimizers = {"a": Adam(weights, 0.1, fused=True), "b": SGD(weights, 0.1, momentum=0.9)}
    weights[0].grad = torch.ones_like(weights[0])
    optimizers["a"].step()
    place = optimizers["a"].state[weights[0]]["exp_avg"]
    before = Snapshot(model, optimizers)
    optimizers["a"].step()
    optimizers["b"].step()
    assert before.distance(Snapshot(model, optimizers)) == float("inf")  # the other has state by now
    before.restore()
    assert before.differs() == ""
    assert before.distance(Snapshot(model, optimizers)) == 0
    assert optimizers["a"].state[weights[0]]["exp_avg"] is place


def test_bits_are_compared_not_values():
    nan = torch.tensor([float("nan"), 1.0])
    assert same_bits(nan, nan.clone())
    assert not same_bits(torch.zeros(2), -torch.zeros(2))
    assert not same_bits(torch.zeros(2), torch.zeros(2, dtype=torch.float64))
    for dtype in (torch.bool, torch.bfloat16, torch.int64, torch.complex64):
        assert same_bits(torch.ones(2, 3, dtype=dtype).T, torch.ones(3, 2, dtype=dtype))


def test_python_state_knows_numbers_lists_and_writes_to_tensors():
    model = build("gan")
    model.queue, model.kept, model.label = [1, {"a": 2}], torch.zeros(2), "x"
    before = python_state(model)
    assert changed(before, python_state(model)) == ""
    model.queue[1]["a"] = 3
    assert changed(before, python_state(model)) == "queue[1]['a']"
    model.queue[1]["a"] = 2
    model.kept += 1
    assert changed(before, python_state(model)) == "kept in place"
    model.more = 1
    assert changed(before, python_state(model)) == "more"
