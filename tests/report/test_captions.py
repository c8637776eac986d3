"""Captions: the protocol in words."""

from paragone.report import captions, tables


def test_the_caption_states_the_protocol(project):
    caption = " ".join(tables.build(project.found, project.found.datasets[0])[0].caption)
    for part in ("MNIST-5K", "zero-padded", "5,000 of the 70,000", "1,000 samples per run against 4,000 real images",
                 "train split", "Floor: 1,000", "FD-clf is in clf-mnist-5k (aaaaaaaaaaaa)", "lite0-64 (bbbbbbbbbbbb)",
                 "95% t-interval over 3 seeds", "Test CPU, 1 thread, fp32, torch 2.13.0"):  # fmt: skip
        assert part in caption


def test_a_classifier_s_space_alone_is_no_headline(project):
    dataset = project.found.datasets[0]
    classifiers, lite0 = tables.spaces_of(project.found, dataset)
    alone = captions.describe(project.found, dataset, [classifiers])
    assert "add lite0 or random_conv to the profile's `spaces`" in " ".join(alone)
    assert captions.ALONE not in " ".join(captions.describe(project.found, dataset, [classifiers, lite0]))


def test_made_up_images_are_said_to_be(project):
    dataset = project.found.datasets[0]
    made = dataset._replace(about={**dataset.about, "source": "generated"})
    assert "made-up images" in tables.build(project.found, made)[0].caption[0]
