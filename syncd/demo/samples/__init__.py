"""Deliveries in Cal.com's own shapes, in the order they are told. The demonstration moves their times to next week."""
