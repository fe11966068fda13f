"""Push channels; what people did to events of ours."""

import json

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("heard_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("renew_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendars.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel_id"),
    )
    op.create_index("ix_channels_calendar_id", "channels", ["calendar_id"], unique=False)
    op.create_index("ix_channels_renew_at", "channels", ["renew_at"], unique=False)

    with op.batch_alter_table("calendars", schema=None) as batch_op:
        batch_op.add_column(sa.Column("watch_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("watch_failures", sa.Integer(), server_default=sa.text("0"), nullable=False))

    with op.batch_alter_table("booking_references", schema=None) as batch_op:
        batch_op.add_column(sa.Column("receipt_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("told", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("told_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("drift", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("drift_detail", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("drifted_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("restored", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("restored_at", UtcTime(), nullable=True))
        batch_op.create_index("ix_booking_references_item", ["calendar_id", "receipt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_booking_references_drifted_at"), ["drifted_at"], unique=False)
    told = sa.text("told_at IS NOT NULL")
    op.create_index(
        "ix_booking_references_told", "booking_references", ["calendar_id"], sqlite_where=told, postgresql_where=told
    )
    _fill_receipt_ids()


def _fill_receipt_ids() -> None:
    """The ids of receipts that are there already."""
    connection = op.get_bind()
    references = sa.table(
        "booking_references", sa.column("id", sa.BigInteger), sa.column("receipt"), sa.column("receipt_id")
    )
    found = connection.execute(
        sa.select(references.c.id, references.c.receipt).where(references.c.receipt.is_not(None))
    )
    rows = [{"b_id": row.id, "b_receipt_id": json.loads(row.receipt).get("id")} for row in found]
    if rows:
        statement = sa.update(references).where(references.c.id == sa.bindparam("b_id"))
        connection.execute(statement.values(receipt_id=sa.bindparam("b_receipt_id")), rows)
