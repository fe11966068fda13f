"""The demonstration: real servers on loopback, real deliveries, and a table of what was expected and what was found."""
