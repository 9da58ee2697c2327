//! Finality certificates as the engine checks them, with the scheme of their epoch.

use super::types::{Finalization, Scheme};
use commonware_codec::{Copying, Decode as _};
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use ledger::{block::Header, limits::MAX_CERTIFICATE_BYTES};

/// Whether these bytes are a certificate of exactly this header by the validators that `scheme` names.
///
/// The last block of an epoch is proposed again until it is final, so the certificate's view may be later than the header's.
pub fn holds(scheme: &Scheme, header: &Header, bytes: &[u8]) -> bool {
    if bytes.len() > MAX_CERTIFICATE_BYTES {
        return false;
    }
    let Ok(finalization) = Finalization::decode_cfg(Copying(bytes), &scheme.certificate_codec_config()) else {
        return false;
    };
    let round = finalization.proposal.round;
    finalization.proposal.payload.0 == header.digest()
        && round.epoch().get() == header.context.epoch
        && round.view().get() >= header.context.view
        && finalization.verify(&mut commonware_utils::sys_rng(), scheme, &Sequential)
}
