"""Speed as ratios: `python -m bench` runs every benchmark and prints one table."""
