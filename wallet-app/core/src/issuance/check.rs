//! What a received credential must be before it is kept: what the verifier will check later, and what the citizen asked for.

use identity::jose::Chain;
use identity::jose::jwk::thumbprint;
use identity::keys::{Algorithm, PublicKey};
use identity::sd_jwt::{ClaimPath, KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, Demand, VerifiedCredential};
use identity::{CommitmentKey, Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::{
    AttestationRecord, AttestationStatus, AuthorityId, AuthorityRecord, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, RecordId,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wire::issuer::{AttributeKind, Channel, VERIFIED_BY_CLAIM};

use super::offer::Target;
use super::{CopyKeys, IssuanceError, Rejection};
use crate::attributes::Declaration;
use crate::chain::{self, AsOf, Found};
use crate::error::WalletError;
use crate::records::base64url;
use crate::wallet::Wallet;

/// Seconds by which the issuer's clock may differ.
const LEEWAY_SECONDS: u32 = 60;
/// The claim that an issuer makes from the portrait.
const PORTRAIT_CLAIM: &str = "portrait_sha256";

/// The member of a credential that ties it to the ledger.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerClaims {
    authority: AuthorityId,
    #[serde(with = "identity::keys::base64url_array")]
    genesis: [u8; 32],
    record: RecordId,
    commitment_key: CommitmentKey,
}

/// What was found out about one credential.
pub(super) struct Checked {
    pub(super) authority: AuthorityId,
    pub(super) issuer_name: Localized,
    pub(super) record: RecordId,
    pub(super) valid_from: UnixSeconds,
    pub(super) valid_until: UnixSeconds,
    pub(super) as_of: AsOf,
}

impl Wallet {
    /// Checks one credential and takes the keys that it is bound to out of `left`.
    pub(super) async fn check_credential(
        &self,
        target: &Target,
        text: &str,
        left: &mut Vec<CopyKeys>,
    ) -> Result<(Checked, CopyKeys), WalletError> {
        let rejected = |rejection| WalletError::from(IssuanceError::Rejected(rejection));
        let (credential, signer) = self.verify(text).map_err(rejected)?;
        if credential.vct != target.vct {
            return Err(rejected(Rejection::Type));
        }
        if credential.issuer.as_deref() != Some(target.issuer.as_str()) {
            return Err(rejected(Rejection::Issuer));
        }
        check_disclosable(&credential).map_err(rejected)?;
        let holder = credential.holder.ok_or_else(|| rejected(Rejection::HolderKey))?;
        let place = left.iter().position(|keys| keys.key.public_key(Algorithm::P256) == Some(holder));
        let keys = left.remove(place.ok_or_else(|| rejected(Rejection::HolderKey))?);
        let claims = ledger_claims(&credential.verified.claims).map_err(rejected)?;
        if claims.genesis != self.genesis {
            return Err(rejected(Rejection::OtherLedger));
        }
        let authority = chain::find::<AuthorityRecord>(self.chain.as_ref(), &Subject::Authority(claims.authority)).await?;
        let issuer_name = check_authority(&authority, target, &signer).map_err(rejected)?;
        let found = chain::find::<AttestationRecord>(self.chain.as_ref(), &Subject::Attestation(claims.record)).await?;
        let checked = Facts { claims: &claims, text, holder: &holder, keys: &keys, vct: &target.vct, now: self.now() };
        let record = checked.check_record(&found).map_err(rejected)?;
        if let Some(declaration) = &target.declaration {
            check_declared(declaration, &credential.verified.claims).map_err(rejected)?;
        }
        let checked = Checked {
            authority: claims.authority,
            issuer_name,
            record: claims.record,
            valid_from: record.valid_from,
            valid_until: credential.expires_at.map_or(record.valid_until, |exp| exp.min(record.valid_until)),
            as_of: found.as_of.older(authority.as_of),
        };
        Ok((checked, keys))
    }

    /// Signature, certificate chain, validity: gives the credential and the key that signed it.
    fn verify(&self, text: &str) -> Result<(VerifiedCredential, PublicKey), Rejection> {
        let sd_jwt = SdJwt::parse(text).map_err(Rejection::SdJwt)?;
        let chain: &Chain = sd_jwt.header().x5c.as_ref().ok_or_else(|| Rejection::Chain("it has none".to_owned()))?;
        let leaf = chain.verify(&self.anchors, self.now()).map_err(|error| Rejection::Chain(error.to_string()))?;
        let demand = Demand { now: self.now(), leeway_seconds: LEEWAY_SECONDS, key_binding: KeyBindingPolicy::Forbidden };
        let credential = sd_jwt_vc::verify(sd_jwt, &leaf.public_key, &demand).map_err(Rejection::SdJwt)?;
        Ok((credential, leaf.public_key))
    }
}

/// What a credential says about the citizen is disclosed claim by claim: the consent screen shows nothing that is always plain.
fn check_disclosable(credential: &VerifiedCredential) -> Result<(), Rejection> {
    let disclosed = &credential.verified.disclosed;
    let mut about_citizen = credential.verified.claims.keys().filter(|name| !super::credential::is_technical(name));
    match about_citizen.find(|name| !disclosed.contains(&ClaimPath::name(name))) {
        None => Ok(()),
        Some(name) => Err(Rejection::AlwaysPlain(name.clone())),
    }
}

fn ledger_claims(claims: &Map<String, Value>) -> Result<LedgerClaims, Rejection> {
    let value = claims.get("yufu").ok_or(Rejection::LedgerClaims)?;
    LedgerClaims::deserialize(value).map_err(|_| Rejection::LedgerClaims)
}

fn check_authority(found: &Found<AuthorityRecord>, target: &Target, signer: &PublicKey) -> Result<Localized, Rejection> {
    let (cell, authority) = found.record.as_ref().ok_or(Rejection::UnknownAuthority)?;
    if authority.issuer_url.as_deref() != Some(target.issuer.as_str()) {
        return Err(Rejection::Address);
    }
    if !authority.credential_keys.contains(signer) {
        return Err(Rejection::SigningKey);
    }
    // While an authority is suspended, nothing that it signs counts.
    if !cell.is_in_force() || !authority.accredited_types.contains(&target.vct) {
        return Err(Rejection::NotAccredited);
    }
    Ok(authority.name.clone())
}

/// What the attestation record must be about.
struct Facts<'a> {
    claims: &'a LedgerClaims,
    text: &'a str,
    holder: &'a PublicKey,
    keys: &'a CopyKeys,
    vct: &'a str,
    now: UnixSeconds,
}

impl Facts<'_> {
    fn check_record<'r>(&self, found: &'r Found<AttestationRecord>) -> Result<&'r AttestationRecord, Rejection> {
        let (cell, record) = found.record.as_ref().ok_or(Rejection::NoRecord)?;
        let differs = Rejection::RecordDiffers;
        if record.issuer != self.claims.authority {
            return Err(differs("issuer"));
        }
        if record.attestation_type != self.vct {
            return Err(differs("type"));
        }
        let issuer_jwt = self.text.split('~').next().unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(issuer_jwt.as_bytes()).into();
        let key = &self.claims.commitment_key;
        if !key.verify(CREDENTIAL_CONTEXT, &digest, &record.credential) {
            return Err(differs("credential"));
        }
        if !key.verify(HOLDER_KEY_CONTEXT, &thumbprint(self.holder), &record.holder_key) {
            return Err(differs("holder's key"));
        }
        let lock: [u8; 32] = Sha256::digest(self.keys.lock.as_bytes()).into();
        if record.lock != lock {
            return Err(differs("lock"));
        }
        match crate::issuance::credential::status(cell) {
            Some(AttestationStatus::Active) => {}
            Some(status) => return Err(Rejection::Status(status)),
            None => return Err(differs("status")),
        }
        let leeway = i64::from(LEEWAY_SECONDS);
        if record.valid_from > self.now.saturating_add(leeway) || self.now >= record.valid_until {
            return Err(Rejection::Period);
        }
        Ok(record)
    }
}

/// Every declared claim is in the credential as it was declared, and nothing is said about the citizen that was not declared but
/// the portrait's fingerprint and the channel of verification, which is one of a closed set and says nothing about a person.
fn check_declared(declaration: &Declaration, claims: &Map<String, Value>) -> Result<(), Rejection> {
    let declared = declaration.attributes.iter().flat_map(|attribute| &attribute.claims);
    for (name, value) in declared {
        if claims.get(name) != Some(value) {
            return Err(Rejection::Claim(name.clone()));
        }
    }
    let portrait = declaration.attributes.iter().find(|attribute| attribute.kind == AttributeKind::Portrait);
    for name in claims.keys().filter(|name| !super::credential::is_technical(name)) {
        let is_declared = declaration.attributes.iter().any(|attribute| attribute.claims.contains_key(name));
        let is_portrait = name == PORTRAIT_CLAIM
            && portrait.is_some_and(|portrait| claims.get(name).and_then(Value::as_str) == Some(&base64url(&portrait.sha256)));
        let is_channel = name == VERIFIED_BY_CLAIM
            && claims.get(name).and_then(Value::as_str).is_some_and(|channel| Channel::from_name(channel).is_some());
        if !is_declared && !is_portrait && !is_channel {
            return Err(Rejection::Claim(name.clone()));
        }
    }
    Ok(())
}
