"""The names of feature spaces and their distances."""

from paragone.results.space_names import fd_label


def test_only_inception_2015_is_called_fid():
    assert fd_label("inception-2015") == "FID"
    assert fd_label("clf-mnist-5k") == "FD-clf"
    assert fd_label("lite0-64") == "FD-Lite0"
    assert fd_label("random-conv") == "FD-random"
    assert fd_label("dinov2-s14") == "FD-DINOv2"
