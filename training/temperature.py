"""Fits of a temperature and a bias to logits, by the least cross-entropy: what makes probabilities calibrated."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor


def log_loss(logits: np.ndarray, positive: np.ndarray) -> float:
    """Mean binary cross-entropy of logits (N,)."""
    return float(np.logaddexp(0, np.where(positive, -logits, logits)).mean())


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature by which logits (N, K) must be divided for the least cross-entropy (Guo et al. 2017)."""
    logits = logits.double()

    def loss(log_temperature: np.ndarray) -> float:
        return float(torch.nn.functional.cross_entropy(logits / np.exp(log_temperature[0]), labels))

    return float(np.exp(minimize(loss, [0.0], method="Nelder-Mead").x[0]))


def fit_platt(margins: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """τ and b of σ(margin/τ + b) with the least cross-entropy (Platt 1999), margins (N,)."""
    scale = float(np.abs(margins).mean()) or 1.0

    def loss(parameters: np.ndarray) -> float:
        return log_loss(margins / scale * np.exp(parameters[0]) + parameters[1], positive)

    log_slope, bias = minimize(loss, [0.0, 0.0], method="Nelder-Mead").x
    return float(scale / np.exp(log_slope)), float(bias)
