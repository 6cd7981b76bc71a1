"""Every kind of job: its name, who does it, its limits, what its end does. Nothing else lists them."""

from matcher.embedding.extraction_end import ExtractionEnd
from matcher.embedding.reembedding import activate_model
from matcher.embedding.repository.extraction_payloads import extraction_payloads
from matcher.jobs.kind import ClaimedKind, JobKinds, QueuedKind
from matcher.models.activation import require_retryable
from matcher.registry.model_jobs import ModelJob
from matcher.training.fitting import fit
from matcher.training.run import Training, training_asked_again, training_failed
from needledrop.features import Modality
from needledrop.messages import Stage


def _extraction(modality: Modality) -> QueuedKind:
    return QueuedKind(
        name=modality.value,
        queue=modality.value,
        limit_s=lambda settings: settings.task_hard_limit_s,
        payloads=extraction_payloads,
        end=ExtractionEnd,
        end_stage=Stage.EMBEDDING,
    )


_training = Training(fit)

KINDS = JobKinds(
    _extraction(Modality.VIDEO),
    _extraction(Modality.AUDIO),
    ClaimedKind(
        name=ModelJob.TRAIN,
        limit_s=lambda settings: settings.training_hard_limit_s,
        at_once=1,
        run=_training.run,
        clean_up=_training.clean_up,
        on_failed=training_failed,
        on_retry=training_asked_again,
    ),
    ClaimedKind(
        name=ModelJob.ACTIVATE,
        limit_s=lambda settings: settings.training_hard_limit_s,
        at_once=1,
        run=activate_model,
        on_retry=require_retryable,
    ),
)
