"""Where bookings come from: the wire shapes of scheduling products, read into `BookingChange` values."""
