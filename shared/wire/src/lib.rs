//! Requests, responses, QR links and problem slugs.
