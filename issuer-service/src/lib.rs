//! Departments verify what citizens declare, attest it, and issue credentials.
