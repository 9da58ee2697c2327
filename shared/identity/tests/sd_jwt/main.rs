//! SD-JWT, SD-JWT VC and status lists through the public boundary: the RFC's example, our own vectors, properties.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod forge;
mod present;
mod property;
mod refused;
mod rfc9901;
mod status_list;
mod vc;
mod vectors;
