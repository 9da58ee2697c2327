//! SD-JWT, SD-JWT VC and status lists through the public boundary: the RFC's example, our own vectors, properties.

mod forge;
mod present;
mod property;
mod refused;
mod rfc9901;
mod status_list;
mod vc;
mod vectors;
