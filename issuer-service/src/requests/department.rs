//! `GET /v1/department`: what the department attests.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wire::issuer::{AttestationOffering, Department};

use crate::app::Issuer;

pub(super) async fn show(State(app): State<Arc<Issuer>>) -> Json<Department> {
    let attestations = app.config.attestations.iter().map(|attestation| AttestationOffering {
        attestation_type: attestation.attestation_type.clone(),
        configuration: attestation.configuration.clone(),
        name: attestation.name.clone(),
        needs: attestation.needs.clone(),
        optional: attestation.optional.clone(),
        channels: attestation.channels(),
    });
    Json(Department {
        authority: app.config.authority.id,
        name: app.config.authority.name.clone(),
        credential_issuer: app.config.public_url.clone(),
        attestations: attestations.collect(),
    })
}
