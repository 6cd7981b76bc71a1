"""Pairs, choices, trained models, their jobs, and embeddings second by second."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_pairs()
    _create_choices()
    _grow_models()
    _create_model_jobs()
    _create_sequences()


def downgrade() -> None:
    """Trained models and pairs go with what hangs on them; the bundle's metric is put to use again by `migrate`."""
    op.drop_table("sequences")
    op.drop_index(
        "uq_model_jobs_activation",
        table_name="model_jobs",
        postgresql_where="kind = 'activate' AND state IN ('queued', 'running')",
    )
    op.drop_table("model_jobs")
    op.drop_table("choices")
    op.execute("DELETE FROM models WHERE files IS NOT NULL OR state <> 'ready'")
    op.drop_constraint("fk_models_previous_id_models", "models", type_="foreignkey")
    op.drop_index("uq_models_installed", table_name="models", postgresql_where="installed")
    op.drop_index("ix_models_created_at", table_name="models")
    op.drop_constraint("known_state", "models", type_="check")
    for column in ("activated_at", "ready_at", "previous_id", "files", "summary", "sources", "seed", "state"):
        op.drop_column("models", column)
    op.drop_column("models", "installed")
    op.drop_column("models", "name")
    op.execute("DELETE FROM jobs WHERE pair_id IS NOT NULL")
    op.drop_constraint("one_asset", "jobs", type_="check")
    op.drop_constraint("fk_jobs_pair_id_pairs", "jobs", type_="foreignkey")
    op.drop_constraint("uq_jobs_pair_id_space", "jobs", type_="unique")
    op.drop_column("jobs", "pair_id")
    op.create_check_constraint("one_asset", "jobs", "num_nonnulls(track_id, clip_id) = 1")
    op.drop_index("ix_pairs_created_at", table_name="pairs")
    op.drop_table("pairs")


def _create_pairs() -> None:
    op.create_table(
        "pairs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("artist", sa.String(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
        sa.UniqueConstraint("sha256", name=op.f("uq_pairs_sha256")),
    )
    op.create_index(op.f("ix_pairs_created_at"), "pairs", ["created_at"], unique=False)
    op.add_column("jobs", sa.Column("pair_id", sa.Uuid(), nullable=True))
    op.create_unique_constraint(op.f("uq_jobs_pair_id_space"), "jobs", ["pair_id", "space"])
    op.create_foreign_key(op.f("fk_jobs_pair_id_pairs"), "jobs", "pairs", ["pair_id"], ["id"], ondelete="CASCADE")
    op.drop_constraint("one_asset", "jobs", type_="check")
    op.create_check_constraint("one_asset", "jobs", "num_nonnulls(track_id, clip_id, pair_id) = 1")


def _create_choices() -> None:
    op.create_table(
        "choices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        _created_at(),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"], name=op.f("fk_choices_clip_id_clips"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_choices_model_id_models"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_choices_track_id_tracks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_choices")),
        sa.UniqueConstraint("clip_id", "track_id", name=op.f("uq_choices_clip_id_track_id")),
    )


def _grow_models() -> None:
    op.add_column("models", sa.Column("name", sa.String(), nullable=True))
    op.add_column("models", sa.Column("installed", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("models", sa.Column("state", sa.String(), nullable=False, server_default="ready"))
    op.execute("UPDATE models SET name = bundle, installed = active")
    op.alter_column("models", "name", nullable=False)
    op.alter_column("models", "installed", server_default=None)
    op.alter_column("models", "state", server_default=None)
    op.add_column("models", sa.Column("seed", sa.Integer(), nullable=True))
    for name in ("sources", "summary", "files"):
        op.add_column("models", sa.Column(name, postgresql.JSONB(), nullable=True))
    op.add_column("models", sa.Column("previous_id", sa.String(), nullable=True))
    for name in ("ready_at", "activated_at"):
        op.add_column("models", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("known_state", "models", "state IN ('training', 'ready', 'failed')")
    op.create_index(op.f("ix_models_created_at"), "models", ["created_at"], unique=False)
    op.create_index("uq_models_installed", "models", ["installed"], unique=True, postgresql_where="installed")
    op.create_foreign_key(
        op.f("fk_models_previous_id_models"), "models", "models", ["previous_id"], ["id"], ondelete="SET NULL"
    )


def _create_model_jobs() -> None:
    op.create_table(
        "model_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("epochs", sa.Integer(), nullable=True),
        sa.Column("figures", postgresql.JSONB(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        _created_at(),
        _created_at("updated_at"),
        sa.CheckConstraint("kind IN ('train', 'activate')", name=op.f("ck_model_jobs_known_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'dead')", name=op.f("ck_model_jobs_known_state")
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_model_jobs_model_id_models"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_jobs")),
        sa.UniqueConstraint("model_id", "kind", name=op.f("uq_model_jobs_model_id_kind")),
    )
    op.create_index(
        "uq_model_jobs_activation",
        "model_jobs",
        ["kind"],
        unique=True,
        postgresql_where="kind = 'activate' AND state IN ('queued', 'running')",
    )


def _create_sequences() -> None:
    op.create_table(
        "sequences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=True),
        sa.Column("clip_id", sa.Uuid(), nullable=True),
        sa.Column("hop_s", sa.Double(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(vectors) = 2 * rows * dim", name=op.f("ck_sequences_whole")),
        sa.CheckConstraint("num_nonnulls(track_id, clip_id) = 1", name=op.f("ck_sequences_one_asset")),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"], name=op.f("fk_sequences_clip_id_clips"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_sequences_model_id_models"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("fk_sequences_track_id_tracks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sequences")),
        sa.UniqueConstraint("clip_id", "model_id", name=op.f("uq_sequences_clip_id_model_id")),
        sa.UniqueConstraint("track_id", "model_id", name=op.f("uq_sequences_track_id_model_id")),
    )
    op.create_index("ix_sequences_model_id", "sequences", ["model_id"], unique=False)
    # Half floats don't compress; trying costs time at each write.
    op.execute("ALTER TABLE sequences ALTER COLUMN vectors SET STORAGE EXTERNAL")


def _created_at(name: str = "created_at") -> sa.Column[datetime]:
    now = sa.text("clock_timestamp()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=False)
