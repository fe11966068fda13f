"""Decisions. Pure: no IO, no clock, no randomness; time, ids and random draws are arguments."""
