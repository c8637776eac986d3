"""Networks side by side are the networks one by one."""

import math

import torch
from torch import nn

from paragone.models.layers.ensemble import Ensemble


def test_each_network_is_what_linear_layers_make_of_its_weights():
    torch.manual_seed(0)
    net, x = Ensemble(3, [2, 5, 4, 1], slope=0.2), torch.randn(3, 7, 2)
    for i in range(3):
        layers = []
        for w, b in zip(net.weights, net.biases, strict=True):
            linear = nn.Linear(*w.shape[1:])
            linear.weight.data, linear.bias.data = w[i].T.detach(), b[i, 0].detach()
            layers += [linear, nn.LeakyReLU(0.2)]
        torch.testing.assert_close(net(x)[i], nn.Sequential(*layers[:-1])(x[i]))


def test_one_that_diverges_leaves_the_others_alone():
    torch.manual_seed(0)
    net, x = Ensemble(2, [2, 5, 1]), torch.randn(2, 7, 2)
    net(x).square().mean().backward()
    before = [p.grad[1].clone() for p in net.parameters()]
    net.zero_grad()
    x[0] = math.nan
    net(x).square().mean().backward()
    for p, gradient in zip(net.parameters(), before, strict=True):
        assert p.grad[0].isnan().any()
        torch.testing.assert_close(p.grad[1], gradient)


def test_weights_start_as_those_of_a_linear_layer():
    net = Ensemble(50, [100, 20])
    w = net.weights[0]
    assert w.abs().max() <= 0.1
    assert abs(w.std() - 0.2 / math.sqrt(12)) < 0.001  # of a uniform distribution from -0.1 to 0.1
