//! Government sites and counters verify a citizen after consent.
