"""What the training pairs nearest to a clip share with those nearest to a sound.

A clip's nearest training clips came with sounds, and a sound's nearest training sounds with clips: where these are the
same pairs the two belong together. As in Khandelwal et al. 2020, what a net has seen says more than the net has learnt.
"""

import torch
from torch import Tensor, nn


class Neighbours:
    """Banks of training embeddings, `video` and `audio` float32 [N, D]; row i of both is one pair.

    An item's `nearest` of its own side weigh as the softmax of `beta` times their similarities.
    """

    def __init__(self, video: Tensor, audio: Tensor, nearest: int, beta: float) -> None:
        self._video = video
        self._audio = audio
        self._nearest = min(nearest, len(video))
        self._beta = beta

    def similarities(self, video: Tensor, audio: Tensor, own: Tensor | None = None) -> Tensor:
        """0…1, [A, B] of embeddings [A, D] and [B, D]: Bhattacharyya's coefficient (1943) of the neighbours' weights.

        `own` int64 [A or B, M]: items of the bank that each was made of, −1 for none; they are nobody's neighbours.
        """
        clips, clip_roots = self._weighed(video, self._video, own)
        sounds, sound_roots = self._weighed(audio, self._audio, own)
        table = audio.new_zeros(len(self._audio), len(audio)).scatter_(0, sounds.T, sound_roots.T)
        return nn.functional.embedding_bag(clips, table, per_sample_weights=clip_roots, mode="sum")

    def _weighed(self, embeddings: Tensor, bank: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """The numbers of the neighbours [B, nearest] and the roots of their weights, whose squares sum to one."""
        similarities = embeddings @ bank.T
        if own is not None:
            rows, columns = torch.nonzero(own >= 0, as_tuple=True)
            similarities[rows, own[rows, columns]] = -torch.inf
        nearest = similarities.topk(self._nearest, dim=1, sorted=False)
        return nearest.indices, (self._beta * nearest.values).softmax(dim=1).sqrt()
