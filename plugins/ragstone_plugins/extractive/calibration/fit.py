"""Logistic regression with a small ridge, by Newton's method."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def fit_logistic(features: Matrix, labels: Matrix, weights: Matrix, ridge: float = 1.0) -> tuple[Matrix, float]:
    """Weights (d,) and intercept for features (n, d), labels 0 or 1 (n,) and the weights of the examples (n,).

    Features are standardised for the fit, so that the ridge treats them alike; what is returned is for raw ones.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    design = np.hstack([(features - mean) / scale, np.ones((len(features), 1))])
    penalty = np.diag([ridge] * features.shape[1] + [1e-9])
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (labels - probability)) - penalty @ beta
        hessian = (design * (weights * probability * (1 - probability))[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    raw = beta[:-1] / scale
    return raw, float(beta[-1] - raw @ mean)


def auc(scores: Matrix, labels: Matrix) -> float:
    """Area under the ROC curve: how often a positive scores above a negative; ties count half."""
    ordered = np.sort(scores[labels == 0])
    positives = scores[labels == 1]
    below = np.searchsorted(ordered, positives, side="left") + np.searchsorted(ordered, positives, side="right")
    return float(below.mean() / 2 / len(ordered))
