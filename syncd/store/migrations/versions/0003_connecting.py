"""Connecting: delegations of organizations, and consents that wait for their person."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("failed_at", UtcTime(), nullable=True),
        sa.Column("failed_connection_id", sa.BigInteger(), nullable=True),
        sa.Column("failed_user_id", sa.BigInteger(), nullable=True),
        sa.Column("failed_email", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "domain"),
    )
    op.create_table(
        "consents",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("redirect", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("nonce"),
    )
    op.create_index("ix_consents_expires_at", "consents", ["expires_at"], unique=False)

    # SQLite adds no foreign key to a table in place: the table is made anew
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("connections", schema=None, recreate=recreate) as batch_op:
        reference = sa.ForeignKey("delegations.id", name="connections_delegation_id_fkey", ondelete="SET NULL")
        batch_op.add_column(sa.Column("delegation_id", BIG_ID, reference, nullable=True))
        batch_op.create_index(batch_op.f("ix_connections_delegation_id"), ["delegation_id"], unique=False)
