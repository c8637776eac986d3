"""Clustering accuracy: how well categories that a model found without labels are the data's classes.

As Chen et al. 2016 (InfoGAN, https://arxiv.org/abs/1606.03657, section 5.2) score their categorical code: each category
stands for one class, the most frequent among the real images that the model puts into it. More categories than classes
make it easier; one category for all scores the share of the largest class.
"""

import torch

from paragone.evaluation.metrics.base import Clustered

needs = Clustered


def compute(view: Clustered) -> dict[str, dict[str, float | int]]:
    """clustering: accuracy, the share of images of their category's class (in 0..1, higher is better); categories, how
    many hold an image."""
    counts = torch.zeros(int(view.clusters.max()) + 1, int(view.labels.max()) + 1, dtype=torch.int64)
    counts.index_put_((view.clusters, view.labels), torch.ones_like(view.labels), accumulate=True)
    accuracy = int(counts.amax(1).sum()) / len(view.labels)
    return {"clustering": {"accuracy": accuracy, "categories": int((counts.sum(1) > 0).sum())}}
