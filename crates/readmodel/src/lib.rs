//! Read models: pool, migrations and checkpoints on SQLite or PostgreSQL.
