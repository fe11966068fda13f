"""The database: tables, migrations and queries. Nothing above it writes SQL, nothing in it decides."""
