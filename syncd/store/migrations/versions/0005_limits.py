"""Limits that processes share, and how they stand."""

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shared_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "limit_standings",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("calls_left", sa.Integer(), nullable=True),
        sa.Column("waits_until", UtcTime(), nullable=True),
        sa.Column("pace", sa.Float(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "connection_id"),
    )
    with op.batch_alter_table("limit_standings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_limit_standings_at"), ["at"], unique=False)
