"""Runs the migrations against the address in Alembic's configuration, each in a transaction of its own."""

from alembic import context
from sqlalchemy import create_engine, pool

from matcher.locks import LockKey
from matcher.tables import Base

url = context.config.get_main_option("sqlalchemy.url")
assert url is not None
lock_within_s: float = context.config.attributes.get("lock_within_s", 5.0)
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    # Two that start at once take turns; the second finds nothing to do.
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({LockKey.MIGRATION})")
    # A change of a table waits for what runs on it, and all that comes later waits behind: not for long.
    connection.exec_driver_sql(f"SET lock_timeout = '{lock_within_s * 1000:.0f}ms'")
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
