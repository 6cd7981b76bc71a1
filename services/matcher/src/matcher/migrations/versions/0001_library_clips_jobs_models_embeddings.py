"""Library, clips, jobs, models, embeddings."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "clips",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("artist", sa.String(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clips")),
        sa.UniqueConstraint("sha256", name=op.f("uq_clips_sha256")),
    )
    op.create_index(op.f("ix_clips_created_at"), "clips", ["created_at"], unique=False)
    op.create_table(
        "features",
        sa.Column("media_sha256", sa.String(length=64), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("hop_s", sa.Double(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("media_sha256", "space", name=op.f("pk_features")),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("untrained_backbones", sa.Boolean(), nullable=False),
        sa.Column("audio_space", sa.String(), nullable=False),
        sa.Column("video_space", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index("uq_models_active", "models", ["active"], unique=True, postgresql_where="active")
    op.create_table(
        "tracks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("artist", sa.String(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracks")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tracks_sha256")),
    )
    op.create_index(op.f("ix_tracks_created_at"), "tracks", ["created_at"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=True),
        sa.Column("clip_id", sa.Uuid(), nullable=True),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("vector", HALFVEC(), nullable=False),
        sa.CheckConstraint("num_nonnulls(track_id, clip_id) = 1", name=op.f("ck_embeddings_one_asset")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_embeddings_clip_id_clips"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_embeddings_model_id_models"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_embeddings_track_id_tracks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embeddings")),
        sa.UniqueConstraint("clip_id", "model_id", "window", name=op.f("uq_embeddings_clip_id_model_id_window")),
        sa.UniqueConstraint("track_id", "model_id", "window", name=op.f("uq_embeddings_track_id_model_id_window")),
    )
    op.create_index(
        "ix_embeddings_model", "embeddings", ["model_id"], unique=False, postgresql_where="track_id IS NOT NULL"
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=True),
        sa.Column("clip_id", sa.Uuid(), nullable=True),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("media_sha256", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'dead')", name=op.f("ck_jobs_known_state")
        ),
        sa.CheckConstraint("num_nonnulls(track_id, clip_id) = 1", name=op.f("ck_jobs_one_asset")),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"], name=op.f("fk_jobs_clip_id_clips"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_jobs_track_id_tracks"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("clip_id", "space", name=op.f("uq_jobs_clip_id_space")),
        sa.UniqueConstraint("track_id", "space", name=op.f("uq_jobs_track_id_space")),
    )
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["state", "published_at"],
        unique=False,
        postgresql_where="state IN ('queued', 'running')",
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_open", table_name="jobs", postgresql_where="state IN ('queued', 'running')")
    op.drop_table("jobs")
    op.drop_index("ix_embeddings_model", table_name="embeddings", postgresql_where="track_id IS NOT NULL")
    op.drop_table("embeddings")
    op.drop_index(op.f("ix_tracks_created_at"), table_name="tracks")
    op.drop_table("tracks")
    op.drop_index("uq_models_active", table_name="models", postgresql_where="active")
    op.drop_table("models")
    op.drop_table("features")
    op.drop_index(op.f("ix_clips_created_at"), table_name="clips")
    op.drop_table("clips")
