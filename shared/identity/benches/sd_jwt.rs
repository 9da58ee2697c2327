//! Verifying a presentation with key binding, beside the two signature checks that it cannot do without.
//!
//! `ratio` is raw checks through verification: 1.0 would mean that all else is free. The goal is 0.8.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use identity::sd_jwt::{ClaimPath, Decoys, Expected, Held, KeyBinding, KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, Credential, Demand};
use identity::status_list::StatusReference;
use identity::{Algorithm, PublicKey, SecretKey, Signature};
use serde_json::{Map, json};

const NOW: i64 = 1_763_600_000;
const AUD: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";
const NONCE: &str = "n-0S6_WzA2Mjn-0S6_WzA2Mj";

struct Scene {
    issuer: PublicKey,
    holder: PublicKey,
    presentation: String,
}

impl Scene {
    fn new(algorithm: Algorithm) -> Self {
        let key = |seed| SecretKey::from_bytes(algorithm, &[seed; 32]).expect("in range");
        let (issuer, holder) = (key(7), key(9));
        let claims = json!({
            "family_name": "Wang", "given_name": "Hua", "id_number": "210102199001011234", "birth_date": "1990-01-01",
            "gender": "female", "address": "1 Qingnian Street, Shenyang", "portrait_sha256": "0".repeat(64),
        });
        let claims = claims.as_object().cloned().unwrap_or_default();
        let credential = Credential {
            vct: "urn:yufu:vct:resident-identity:1",
            issuer: "https://police.example",
            chain: None,
            kid: None,
            issued_at: NOW,
            not_before: None,
            expires_at: Some(NOW + 3600),
            holder: Some(holder.public_key()),
            status: Some(StatusReference { uri: "https://police.example/status-lists/1".to_owned(), index: 7 }),
            disclosable: claims.keys().map(|name| ClaimPath::name(name)).collect(),
            claims,
            decoys: Decoys::default(),
        };
        let issued = sd_jwt_vc::issue(&credential, &[42; 32], &issuer).expect("issued");
        let held = Held::open(&issued).expect("opens");
        let binding = KeyBinding { aud: AUD, nonce: NONCE, issued_at: NOW, extra: &Map::new() };
        let chosen = ["family_name", "given_name", "id_number"].map(ClaimPath::name);
        let presentation = held.present_bound(&chosen, &binding, &holder).expect("presented");
        Self { issuer: issuer.public_key(), holder: holder.public_key(), presentation }
    }

    fn verify(&self) {
        let expected = Expected { aud: AUD, nonce: NONCE, max_age_seconds: 300 };
        let demand = Demand { now: NOW, leeway_seconds: 0, key_binding: KeyBindingPolicy::Required(expected) };
        let parsed = SdJwt::parse(black_box(&self.presentation)).expect("parses");
        black_box(sd_jwt_vc::verify(parsed, &self.issuer, &demand).expect("valid"));
    }

    /// The signed texts and signatures, decoded beforehand.
    fn checks(&self) -> [(PublicKey, String, Signature); 2] {
        let (sd_jwt, key_binding) = self.presentation.rsplit_once('~').expect("key binding");
        let (jwt, _) = sd_jwt.split_once('~').expect("disclosures");
        [(self.issuer, jwt), (self.holder, key_binding)].map(|(key, jwt)| {
            let (text, encoded) = jwt.rsplit_once('.').expect("a JWS");
            let bytes = data_encoding::BASE64URL_NOPAD.decode(encoded.as_bytes()).expect("base64url");
            let signature = Signature { algorithm: key.algorithm(), bytes: bytes.try_into().expect("64 bytes") };
            (key, text.to_owned(), signature)
        })
    }
}

fn check_raw(checks: &[(PublicKey, String, Signature); 2]) {
    for (key, text, signature) in checks {
        black_box(key).verify_jose(black_box(text.as_bytes()), signature).expect("valid");
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn seconds(rounds: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..rounds {
        run();
    }
    start.elapsed().as_secs_f64()
}

#[expect(clippy::print_stdout, reason = "the ratio is what this benchmark is for")]
fn bench(criterion: &mut Criterion) {
    for (name, algorithm) in [("es256", Algorithm::P256), ("eddsa", Algorithm::Ed25519)] {
        let scene = Scene::new(algorithm);
        let checks = scene.checks();
        criterion.bench_function(&format!("sd_jwt/{name}/verify_with_key_binding"), |b| b.iter(|| scene.verify()));
        criterion.bench_function(&format!("sd_jwt/{name}/raw_signature_checks"), |b| b.iter(|| check_raw(&checks)));
        // Interleaved, and the fastest round of each: a busy machine slows both, and not alike.
        let (mut raw, mut whole) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..100 {
            raw = raw.min(seconds(20, || check_raw(&checks)));
            whole = whole.min(seconds(20, || scene.verify()));
        }
        let (raw, whole) = (raw / 20.0 * 1e6, whole / 20.0 * 1e6);
        println!("sd_jwt/{name}/ratio {:.3} (goal 0.800): raw {raw:.1} us, verification {whole:.1} us", raw / whole);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
