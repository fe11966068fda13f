"""The service: API keys, audit, replay protection, roles, token refresh."""

import sqlalchemy as sa
from alembic import op

from syncd.store.tables import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_events_at"), ["at"], unique=False)

    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "leads",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("role"),
    )
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
    with op.batch_alter_table("nonces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nonces_seen_at"), ["seen_at"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.drop_index("ix_booking_references_due", table_name="booking_references")
    due = ["state", "due_at", "id", "connection_id"]
    op.create_index("ix_booking_references_due", "booking_references", due, unique=False)

    op.drop_index("ix_busy_times_window", table_name="busy_times")
    op.execute("UPDATE busy_times SET uid = '' WHERE length(uid) > 500")
    answered = ["calendar_id", "generation", "ends", "starts", "kind", "uid"]
    op.create_index("ix_busy_times_window", "busy_times", answered, unique=False)

    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("token_owner", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("token_expires_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refresh_owner", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("refresh_until", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refreshed_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refresh_failed_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refresh_failures", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("refresh_retry_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refresh_lost_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("refresh_code", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_connections_token_expires_at"), ["token_expires_at"], unique=False)
