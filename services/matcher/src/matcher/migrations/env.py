"""Runs the migrations against the address in Alembic's configuration."""

from alembic import context
from sqlalchemy import create_engine, pool

from matcher.tables import Base

url = context.config.get_main_option("sqlalchemy.url")
assert url is not None
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    # Two that start at once take turns; the second finds nothing to do.
    connection.exec_driver_sql("SELECT pg_advisory_lock(7319001)")
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
