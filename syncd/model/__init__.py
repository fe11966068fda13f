"""Values: frozen, no IO. Times are aware UTC, the original zone kept beside them; all-day events keep their dates."""
