"""Label accuracy: how often a conditional sample is of the class that was asked for, as the classifier sees it.

Not corrected for the classifier's own mistakes: images of the right classes score its accuracy on real images, which
is what real test images score under their own labels (the floor's figure).
"""

from paragone.evaluation.metrics.base import Conditional

needs = Conditional


def compute(view: Conditional) -> dict[str, dict[str, object]]:
    """label_accuracy: rate, the share of fakes that are classified as asked for (in 0..1, higher is better); classes,
    the same of each class that was asked for, null for others."""
    right = (view.logits.argmax(1) == view.labels).double()
    of_class = [right[view.labels == label] for label in range(view.logits.shape[1])]
    classes = [float(r.mean()) if len(r) else None for r in of_class]
    return {"label_accuracy": {"rate": float(right.mean()), "classes": classes, "n": len(right)}}
