"""One table for jobs of every kind: those of models join those of files.

Not for a system that runs: the version before neither reads nor writes a job of this schema. Stop it, migrate, start.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPEN = "state IN ('queued', 'running')"
SUBJECTS = ("track_id", "clip_id", "pair_id")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("kind", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("model_id", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("figures", postgresql.JSONB(), nullable=True))
    op.execute("UPDATE jobs SET kind = modality")
    op.alter_column("jobs", "kind", nullable=False)
    op.alter_column("jobs", "space", server_default="")
    op.drop_constraint(op.f("ck_jobs_one_asset"), "jobs")
    for subject in SUBJECTS:
        op.drop_constraint(op.f(f"uq_jobs_{subject}_space"), "jobs")
    op.drop_index("ix_jobs_open", "jobs")
    op.drop_column("jobs", "modality")
    op.drop_column("jobs", "media_sha256")
    op.create_foreign_key("fk_jobs_model_id_models", "jobs", "models", ["model_id"], ["id"], ondelete="CASCADE")
    op.execute(
        """
        INSERT INTO jobs (id, kind, model_id, space, state, stage, progress, attempt, tries, run_after, worker,
                          lease_until, published_at, error_code, error_detail, figures, created_at, updated_at)
        SELECT id, kind, model_id, '', state, CASE state WHEN 'done' THEN 'ready' ELSE 'queued' END,
               CASE WHEN state = 'done' THEN 1.0 END, attempt, attempt, run_after, worker,
               lease_until, published_at, error_code, error_detail,
               CASE WHEN epoch IS NOT NULL
                    THEN jsonb_build_object('epoch', epoch, 'epochs', epochs, 'figures', figures) END,
               created_at, updated_at
        FROM model_jobs
        """
    )
    op.drop_table("model_jobs")
    op.create_check_constraint("one_subject", "jobs", "num_nonnulls(track_id, clip_id, pair_id, model_id) = 1")
    for subject in (*SUBJECTS, "model_id"):
        op.create_unique_constraint(f"uq_jobs_{subject}_kind_space", "jobs", [subject, "kind", "space"])
    op.create_index("ix_jobs_open", "jobs", ["kind", "state", "published_at"], postgresql_where=sa.text(OPEN))
    op.create_index(
        "uq_jobs_activation", "jobs", ["kind"], unique=True, postgresql_where=sa.text(f"kind = 'activate' AND {OPEN}")
    )


def downgrade() -> None:
    """Jobs of kinds that the version before does not know are dropped."""
    _model_jobs()
    op.execute(
        """
        INSERT INTO model_jobs (id, model_id, kind, state, attempt, epoch, epochs, figures, run_after, worker,
                                lease_until, published_at, error_code, error_detail, created_at, updated_at)
        SELECT id, model_id, kind, state, attempt, (figures->>'epoch')::int, (figures->>'epochs')::int,
               CASE WHEN jsonb_typeof(figures->'figures') = 'object' THEN figures->'figures' END, run_after, worker,
               lease_until, published_at, error_code, error_detail, created_at, updated_at
        FROM jobs WHERE kind IN ('train', 'activate')
        """
    )
    op.execute("DELETE FROM jobs WHERE kind NOT IN ('audio', 'video')")
    op.drop_index("uq_jobs_activation", "jobs")
    op.drop_index("ix_jobs_open", "jobs")
    for subject in (*SUBJECTS, "model_id"):
        op.drop_constraint(op.f(f"uq_jobs_{subject}_kind_space"), "jobs")
    op.drop_constraint(op.f("ck_jobs_one_subject"), "jobs")
    op.drop_column("jobs", "model_id")
    op.drop_column("jobs", "figures")
    op.add_column("jobs", sa.Column("modality", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("media_sha256", sa.String(), nullable=True))
    op.execute("UPDATE jobs SET modality = kind")
    for subject, table in zip(SUBJECTS, ("tracks", "clips", "pairs"), strict=True):
        jobs = sa.table("jobs", sa.column("media_sha256"), sa.column(subject))
        asset = sa.table(table, sa.column("id"), sa.column("sha256"))
        op.execute(sa.update(jobs).values(media_sha256=asset.c.sha256).where(asset.c.id == jobs.c[subject]))
    op.alter_column("jobs", "modality", nullable=False)
    op.alter_column("jobs", "media_sha256", nullable=False)
    op.alter_column("jobs", "space", server_default=None)
    op.drop_column("jobs", "kind")
    op.create_check_constraint("one_asset", "jobs", "num_nonnulls(track_id, clip_id, pair_id) = 1")
    for subject in SUBJECTS:
        op.create_unique_constraint(f"uq_jobs_{subject}_space", "jobs", [subject, "space"])
    op.create_index("ix_jobs_open", "jobs", ["state", "published_at"], postgresql_where=sa.text(OPEN))


def _model_jobs() -> None:
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
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('train', 'activate')", name="known_kind"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'dead')", name="known_state"),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("model_id", "kind"),
    )
    op.create_index(
        "uq_model_jobs_activation",
        "model_jobs",
        ["kind"],
        unique=True,
        postgresql_where=sa.text(f"kind = 'activate' AND {OPEN}"),
    )
