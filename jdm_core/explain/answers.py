"""What the two verdicts say of a batch, as results: the head's probabilities, and the likelihood's scores."""

import numpy as np

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.familiarity import measure_traits
from jdm_core.checkpoint.kinds import kinds_of
from jdm_core.draw.maps import smooth_keeping_sum
from jdm_core.explain import likelihood
from jdm_core.explain.bound import elbo_of_errors
from jdm_core.explain.matching import Sight
from jdm_core.explain.results import ElboResult, Prediction
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.model.network import JointDiffusionNetwork

EVIDENCE_SMOOTHING = 1.5 / 64  # of the side: what two neighbours say apart from each other is mostly the noise drawn


def predicted(network: JointDiffusionNetwork, verdicts: Verdicts, checkpoint: Checkpoint, sight: Sight) -> Prediction:
    """What the head says of cells as they are seen, and whether the model knows them, by their own colours."""
    x = sight.own.x
    z = network.encode_clean(x)
    known = checkpoint.calibration.familiarity
    if known is None:
        strange = np.full(len(x), np.nan, np.float32)
    else:
        strange = known.unfamiliarity(measure_traits(x, network.levels(z))).numpy()
    logits = network.classify(z)
    if matched := list(sight.matched):
        logits[matched] = verdicts.logits(sight.seen.x[matched])
    probabilities = verdicts.probabilities(logits).cpu().numpy()
    kind = kinds_of(sight.own.cells, strange, checkpoint.calibration)
    return Prediction(checkpoint.labels, probabilities, strange, kind, checkpoint.thresholds.unsure_below)


def scored(
    network: JointDiffusionNetwork, verdicts: Verdicts, checkpoint: Checkpoint, batch: Batch, draws: int
) -> ElboResult:
    """ELBO, posterior and evidence of a batch, from so many draws each for the bound and for the window."""
    x = batch.x
    top = checkpoint.calibration.elbo_logsnr_max
    levels = likelihood.draw(batch.seeds, draws, x.shape[1:], top)
    errors, logsnr = likelihood.error_per_draw(network, x, levels), levels.logsnr.to(x.device)
    elbo, standard_error = elbo_of_errors(errors, logsnr, top)
    window = verdicts.scores(x, batch.seeds, draws)
    pair = likelihood.compared_classes(window.scores)
    of_pair = errors.gather(2, pair[:, None].expand(-1, draws, -1))
    difference, difference_error = elbo_of_errors(of_pair[:, :, :1] - of_pair[:, :, 1:], logsnr, top)
    evidence = smooth_keeping_sum(window.evidence(pair[:, 0], pair[:, 1]), EVIDENCE_SMOOTHING * x.shape[-1])
    return ElboResult(
        labels=checkpoint.labels,
        elbo=elbo.cpu().numpy(),
        standard_error=standard_error.cpu().numpy(),
        difference=difference[:, 0].cpu().numpy(),
        difference_standard_error=difference_error[:, 0].cpu().numpy(),
        posterior=verdicts.posterior_of(window.scores).cpu().numpy(),
        evidence=evidence.cpu().numpy(),
        score_difference=evidence.sum(dim=(1, 2)).cpu().numpy(),
        draws=draws,
        elbo_logsnr_max=top,
    )
