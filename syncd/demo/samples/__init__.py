"""Deliveries in Cal.com's own shapes, told in the order of their names. The demonstration moves their times to next week."""
