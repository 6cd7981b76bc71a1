"""Runs the migrations against the address in Alembic's configuration, each in a transaction of its own."""

from alembic import context
from sqlalchemy import create_engine, pool

from matcher.tables import Base

LOCK_WITHIN_S = 5

url = context.config.get_main_option("sqlalchemy.url")
assert url is not None
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    # Two that start at once take turns; the second finds nothing to do.
    connection.exec_driver_sql("SELECT pg_advisory_lock(7319001)")
    # A change of a table waits for what runs on it, and all that comes later waits behind: not for long.
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_WITHIN_S}s'")
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
