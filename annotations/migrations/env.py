"""Run the migrations on the connection that `annotations.engine.open_database` hands over."""

from alembic import context

from annotations.schema import metadata

# The caller's transaction holds all steps: a migration that fails leaves the database as it was.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
