"""The engine: takes deliveries in, plans, reconciles, reads busy times, answers, and runs it all on a schedule."""
