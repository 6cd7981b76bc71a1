import pytest

from matcher.clips.schemas import ClipFields
from matcher.library.schemas import TrackChange, TrackFields
from matcher.pairs.schemas import PairFields
from matcher.tables import Asset, Clip, Pair, Track


@pytest.mark.parametrize(
    ("model", "table"), [(TrackFields, Track), (TrackChange, Track), (ClipFields, Clip), (PairFields, Pair)]
)
def test_every_field_is_a_column(
    model: type[TrackFields | TrackChange | ClipFields | PairFields], table: type[Asset]
) -> None:
    assert set(model.model_fields) <= {column.name for column in table.__table__.columns}
