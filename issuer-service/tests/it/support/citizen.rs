//! A citizen with one device: makes an identity, declares attributes, asks for an attestation.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blobs::seal::{self, Sealed};
use blobs::{Cid, Envelope, EnvelopeContents};
use identity::did::Inception;
use identity::jose::jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::{Algorithm, CommitmentKey, Did, SecretKey};
use ledger::records::RecordId;
use ledger::transaction::{ANCHOR_CONTEXT, Anchor, Body as Transacted, Sender};
use sha2::{Digest, Sha256};
use wire::issuer::{ATTRIBUTE_REQUEST_TYPE, AttributeKind, AttributeRequest, DeclaredAttribute, UploadGrant};

use super::world::{Answer, NOW, TYPE, World, claims};

pub(crate) const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n canary-4713 the rest of a picture";

/// A declared attribute and what only the citizen has.
#[derive(Clone)]
pub(crate) struct Declared {
    pub(crate) attribute: DeclaredAttribute,
    pub(crate) sealed: Sealed,
    pub(crate) commitment_key: CommitmentKey,
}

pub(crate) struct Citizen {
    pub(crate) did: Did,
    pub(crate) device: SecretKey,
    count: std::sync::atomic::AtomicU8,
}

impl Citizen {
    /// A citizen whose identity is on the ledger.
    pub(crate) fn new(world: &World) -> Self {
        Self::with_device(world, 21)
    }

    pub(crate) fn with_device(world: &World, seed: u8) -> Self {
        let device = SecretKey::from_bytes(Algorithm::Ed25519, &[seed; 32]).unwrap();
        let inception =
            Inception { network: "riverside".parse().unwrap(), device: device.public_key(), recovery_commitment: [seed; 32] };
        let did = inception.did();
        world.ledger.send(Sender::Key(device.public_key()), &device, Transacted::CreateIdentity(inception));
        Self { did, device, count: std::sync::atomic::AtomicU8::new(seed) }
    }

    fn fresh(&self) -> [u8; 32] {
        let count = self.count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Sha256::digest([&self.did.id.0[..], &[count]].concat()).into()
    }

    /// Seals, anchors and envelopes a plaintext.
    pub(crate) fn declare(&self, world: &World, kind: AttributeKind, media_type: &str, plaintext: &[u8]) -> Declared {
        self.declare_for(world, kind, media_type, plaintext, TYPE)
    }

    pub(crate) fn declare_for(
        &self,
        world: &World,
        kind: AttributeKind,
        media_type: &str,
        plaintext: &[u8],
        purpose: &str,
    ) -> Declared {
        let sealed = seal::seal(plaintext, self.fresh()).unwrap();
        let commitment_key = CommitmentKey::from_entropy(self.fresh());
        let digest: [u8; 32] = Sha256::digest(plaintext).into();
        let anchor = Anchor {
            id: RecordId(self.fresh()),
            commitment: commitment_key.commit(ANCHOR_CONTEXT, &digest),
            cid: sealed.cid.to_bytes().to_vec(),
        };
        let (anchor_id, transaction) = (anchor.id, self.anchor(world, anchor));
        let contents = EnvelopeContents { blob_key: sealed.key.clone(), commitment_key: commitment_key.clone() };
        let attribute = DeclaredAttribute {
            kind,
            media_type: media_type.to_owned(),
            cid: sealed.cid.to_string(),
            anchor: anchor_id,
            transaction,
            envelope: self.envelope(world, &contents, sealed.cid, purpose),
        };
        Declared { attribute, sealed, commitment_key }
    }

    pub(crate) fn anchor(&self, world: &World, anchor: Anchor) -> ledger::transaction::TransactionId {
        let key = SecretKey::from_bytes(Algorithm::Ed25519, &self.fresh()).unwrap();
        let body = Transacted::AnchorAttributes(vec![anchor]);
        world.ledger.send(Sender::Key(key.public_key()), &key, body).transaction
    }

    pub(crate) fn envelope(&self, world: &World, contents: &EnvelopeContents, cid: Cid, purpose: &str) -> String {
        let reader = world.app.keys.reader.public_key();
        let envelope = Envelope::seal(contents, cid, reader, purpose, self.fresh()).unwrap();
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&envelope).unwrap())
    }

    pub(crate) async fn upload(&self, world: &World, sealed: &Sealed) -> Answer {
        let grant: UploadGrant = serde_json::from_slice(&world.post("/v1/uploads", "", "").await.body).unwrap();
        let request = Request::put(format!("/blobs/{}", sealed.cid))
            .header("authorization", format!("Bearer {}", grant.upload_token))
            .header("content-length", sealed.ciphertext.len())
            .body(Body::from(sealed.ciphertext.clone()))
            .unwrap();
        world.call(request).await
    }

    /// The claims and the portrait, declared and uploaded.
    pub(crate) async fn declare_all(&self, world: &World, claims: &BTreeMap<String, String>) -> Vec<Declared> {
        let document = serde_json::to_vec(claims).unwrap();
        let declared = vec![
            self.declare(world, AttributeKind::Claims, "application/json", &document),
            self.declare(world, AttributeKind::Portrait, "image/png", PICTURE),
        ];
        for one in &declared {
            assert_eq!(self.upload(world, &one.sealed).await.status, 201);
        }
        declared
    }

    pub(crate) fn request(&self, declared: &[Declared]) -> AttributeRequest {
        AttributeRequest {
            iss: self.did.clone(),
            aud: "http://127.0.0.1:7301".to_owned(),
            iat: NOW,
            jti: "a-random-identifier-1".to_owned(),
            attestation_type: TYPE.to_owned(),
            attributes: declared.iter().map(|declared| declared.attribute.clone()).collect(),
        }
    }

    pub(crate) fn kid(&self) -> String {
        format!("{}#{}", self.did, jwk::thumbprint_text(&self.device.public_key()))
    }

    pub(crate) fn sign(&self, request: &AttributeRequest) -> String {
        self.sign_with(&self.device, &self.kid(), ATTRIBUTE_REQUEST_TYPE, request)
    }

    pub(crate) fn sign_with(&self, key: &SecretKey, kid: &str, typ: &str, request: &AttributeRequest) -> String {
        let header = JwsHeader { kid: Some(kid.to_owned()), ..JwsHeader::typ(typ) };
        jws::sign_compact(key, &header, &serde_json::to_vec(request).unwrap())
    }

    pub(crate) async fn submit(&self, world: &World, jws: &str) -> Answer {
        world.post("/v1/attribute-requests", "application/jwt", jws.to_owned()).await
    }

    /// Declares and asks; gives the request's id and its state token.
    pub(crate) async fn ask(&self, world: &World) -> (String, String) {
        self.ask_with(world, &claims()).await
    }

    pub(crate) async fn ask_with(&self, world: &World, claims: &BTreeMap<String, String>) -> (String, String) {
        let declared = self.declare_all(world, claims).await;
        self.ask_for(world, &self.request(&declared)).await
    }

    /// Asks once more than [`Self::ask`] did.
    pub(crate) async fn ask_again(&self, world: &World) -> (String, String) {
        let declared = self.declare_all(world, &claims()).await;
        let request = AttributeRequest { jti: "a-random-identifier-2".to_owned(), ..self.request(&declared) };
        self.ask_for(world, &request).await
    }

    async fn ask_for(&self, world: &World, request: &AttributeRequest) -> (String, String) {
        let answer = self.submit(world, &self.sign(request)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let json = answer.json();
        (json["id"].as_str().unwrap().to_owned(), json["state_token"].as_str().unwrap().to_owned())
    }
}
