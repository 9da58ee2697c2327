//! The Rust half on a fake of the telephone's.

use std::collections::BTreeMap;
use std::sync::Mutex;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature as Ecdsa, SigningKey};

use super::*;

/// The other half in memory: the same commands, forms and codes as `SecureElementPlugin` in Kotlin and Swift.
#[derive(Default)]
struct Fake {
    keys: Mutex<BTreeMap<String, SigningKey>>,
    secrets: Mutex<BTreeMap<String, String>>,
    /// What is answered instead, whatever is asked.
    says: Mutex<Option<Result<Value, Refusal>>>,
}

impl Telephone for &Fake {
    fn call(&self, command: &str, arguments: Value) -> Result<Value, Refusal> {
        if let Some(instead) = self.says.lock().unwrap().clone() {
            return instead;
        }
        let refused = |code: &str| Refusal { code: Some(code.to_owned()), message: format!("{command}: {code}") };
        let text =
            |member: &str| arguments.get(member).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| refused("arguments"));
        let (mut keys, mut secrets) = (self.keys.lock().unwrap(), self.secrets.lock().unwrap());
        match command {
            "isInHardware" => Ok(json!({ "inHardware": true })),
            "createKey" => {
                let number = u8::try_from(keys.len()).unwrap() + 1;
                let key = SigningKey::from_slice(&[number; 32]).unwrap();
                let point = STANDARD.encode(key.verifying_key().to_sec1_point(false));
                if keys.insert(text("name")?, key).is_some() { Err(refused("exists")) } else { Ok(json!({ "publicKey": point })) }
            }
            "sign" => {
                let key = keys.get(&text("name")?).ok_or_else(|| refused("gone"))?;
                let message = STANDARD.decode(text("message")?).map_err(|_| refused("arguments"))?;
                let signature: Ecdsa = key.sign(&message);
                // Hardware does not keep to low S: half of what it makes is like this.
                let (r, s) = signature.normalize_s().split_scalars();
                Ok(json!({ "signature": STANDARD.encode(Ecdsa::from_scalars(r, -s).unwrap().to_der()) }))
            }
            "keyNames" => Ok(json!({ "names": keys.keys().collect::<Vec<_>>() })),
            "forgetKey" => Ok(keys.remove(&text("name")?).map_or(Value::Null, |_| Value::Null)),
            "saveSecret" => Ok(secrets.insert(text("name")?, text("secret")?).map_or(Value::Null, |_| Value::Null)),
            "loadSecret" => Ok(json!({ "secret": secrets.get(&text("name")?) })),
            "forgetSecret" => Ok(secrets.remove(&text("name")?).map_or(Value::Null, |_| Value::Null)),
            _ => Err(refused("unknown")),
        }
    }
}

/// Z074: what the telephone's hardware signs verifies, also under the ledger's rule of low S.
#[test]
fn keys_are_made_used_named_and_forgotten() {
    let fake = Fake::default();
    let element = SecureElement::new(&fake);
    assert!(element.is_in_hardware().unwrap());
    let keys: &dyn HardwareKeys = &element;
    let (one, other) = (keys.create("one").unwrap(), keys.create("other").unwrap());
    assert_ne!(one, other);
    for number in 0..16 {
        one.verify(&[number], &keys.sign("one", &[number]).unwrap()).unwrap();
    }
    other.verify(b"message", &keys.sign("other", b"message").unwrap()).unwrap();
    assert!(one.verify(b"message", &keys.sign("other", b"message").unwrap()).is_err());
    assert_eq!(keys.names().unwrap(), ["one", "other"]);
    keys.forget("one").unwrap();
    keys.forget("one").unwrap();
    assert_eq!((keys.names().unwrap(), keys.sign("one", b"m").unwrap_err()), (vec!["other".to_owned()], SignError::Gone));
}

#[test]
fn its_key_store_keeps_a_secret_and_passes_the_wallets_trial() {
    let fake = Fake::default();
    let element = SecureElement::new(&fake);
    let store: &dyn DeviceStore = &element;
    assert!(store.load("wallet").unwrap().is_none());
    store.save("wallet", &[7; SECRET_BYTES]).unwrap();
    assert_eq!(*store.load("wallet").unwrap().unwrap(), [7; SECRET_BYTES]);
    store.forget("wallet").unwrap();
    assert!(store.load("wallet").unwrap().is_none());
    assert!(wallet_core::vault::device::works(store));
}

#[test]
fn a_refusal_says_which_one_it_is() {
    let fake = Fake::default();
    let element = SecureElement::new(&fake);
    let says =
        |code: &str| *fake.says.lock().unwrap() = Some(Err(Refusal { code: Some(code.to_owned()), message: "why".to_owned() }));
    for (code, expected) in [
        ("cancelled", SignError::Cancelled),
        ("locked", SignError::Locked),
        ("gone", SignError::Gone),
        ("-34018", SignError::Failed("why".to_owned())),
    ] {
        says(code);
        assert_eq!(HardwareKeys::sign(&element, "one", b"m").unwrap_err(), expected, "{code}");
        assert_eq!(element.create("one").unwrap_err(), expected, "{code}");
        assert!(element.load("wallet").unwrap_err().to_string().contains("why"));
    }
}

#[test]
fn an_answer_of_another_form_is_refused() {
    let fake = Fake::default();
    let element = SecureElement::new(&fake);
    let (short, text) = (STANDARD.encode([4; 65]), "no base64");
    for answer in [
        json!(null),
        json!({ "publicKey": 1, "signature": 1, "names": 1, "secret": 1, "inHardware": 1 }),
        json!({ "publicKey": text, "signature": text, "names": [1], "secret": text, "inHardware": text }),
        json!({ "publicKey": short, "signature": short, "names": [null], "secret": short, "inHardware": null }),
    ] {
        *fake.says.lock().unwrap() = Some(Ok(answer.clone()));
        assert!(matches!(element.create("one"), Err(SignError::Failed(_))), "{answer}");
        assert!(matches!(HardwareKeys::sign(&element, "one", b"m"), Err(SignError::Failed(_))), "{answer}");
        assert!(matches!(element.names(), Err(SignError::Failed(_))), "{answer}");
        assert!(matches!(element.is_in_hardware(), Err(SignError::Failed(_))), "{answer}");
        assert!(answer.is_null() || element.load("wallet").is_err(), "{answer}");
    }
}
