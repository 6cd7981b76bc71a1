"""Tags of tracks, what rankings are filtered by, and counting a model's tracks from an index alone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tags: sa.Column[list[str]] = sa.Column("tags", postgresql.ARRAY(sa.String()), nullable=False, server_default="{}")
    op.add_column("tracks", tags)
    op.create_index("ix_tracks_tags", "tracks", ["tags"], postgresql_using="gin")
    op.create_index("ix_tracks_duration_s", "tracks", ["duration_s"])
    _embeddings_index(["model_id", "window"])


def downgrade() -> None:
    # The approximate indexes are the index keeper's, and unknown to the version before.
    op.execute(
        """DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT indexname FROM pg_indexes
            WHERE tablename = 'embeddings' AND starts_with(indexname, 'ann_embeddings_')
        LOOP EXECUTE format('DROP INDEX %I', name); END LOOP; END $$"""
    )
    _embeddings_index(["model_id"])
    op.drop_index("ix_tracks_duration_s", table_name="tracks")
    op.drop_index("ix_tracks_tags", table_name="tracks", postgresql_using="gin")
    op.drop_column("tracks", "tags")


def _embeddings_index(columns: list[str]) -> None:
    op.drop_index("ix_embeddings_model", table_name="embeddings", postgresql_where="track_id IS NOT NULL")
    op.create_index("ix_embeddings_model", "embeddings", columns, postgresql_where="track_id IS NOT NULL")
