//! Blobs of a department: the client of its gateway, which believes nothing that it did not hash.

pub use ::blobs::remote::{GatewayClient as BlobClient, RemoteError as BlobError};
