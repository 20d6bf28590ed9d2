"""What Alembic runs its revisions in: the transaction that `decisions.audit.migrating` has opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
