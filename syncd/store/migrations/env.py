"""Alembic's environment: runs on the connection `syncd.store.schema.upgrade` hands over."""

from alembic import context
from sqlmodel import SQLModel

from syncd.store import tables  # noqa: F401 (registers the tables)
from syncd.store.schema import is_ours

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    include_object=is_ours,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
