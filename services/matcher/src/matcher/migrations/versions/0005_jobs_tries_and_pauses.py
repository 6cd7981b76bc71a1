"""Tries and pauses of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The version before goes on running: it writes neither column and reads neither."""
    op.add_column("jobs", sa.Column("tries", sa.Integer(), nullable=False, server_default="1"))
    for table in ("jobs", "model_jobs"):
        op.add_column(table, sa.Column("run_after", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_jobs_created_at", "jobs", ["created_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_jobs_created_at", table_name="jobs")
    for table in ("model_jobs", "jobs"):
        op.drop_column(table, "run_after")
    op.drop_column("jobs", "tries")
