"""The uploaded clips: adding, describing, listing and deleting them."""

from matcher.assets.service import AssetKind, AssetService, describe, state_of
from matcher.clips.schemas import ClipFields, ClipOut, ClipPage
from matcher.context import Context
from matcher.tables import Clip, Job
from needledrop.features import Modality


def _clip_out(clip: Clip, job: Job | None) -> ClipOut:
    return describe(ClipOut, clip, state_of(job), f"/videos/{clip.id}/file", match_url=f"/match/{clip.id}")


CLIP = AssetKind(Clip, Modality.VIDEO, Job.clip_id, "clip", ClipFields, _clip_out)


class ClipService(AssetService[Clip, ClipOut]):
    def __init__(self, context: Context) -> None:
        super().__init__(CLIP, context)

    def page(self, limit: int, cursor: str | None) -> ClipPage:
        """Up to `limit` clips, newest first; `ApiError(cursor_invalid)`."""
        items, total, next_cursor = self.listed(limit, cursor)
        return ClipPage(items=items, total=total, next_cursor=next_cursor)
