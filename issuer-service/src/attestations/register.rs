//! The department's own register, to compare a declared document with: the second channel of verification beside the counter.
//!
//! The pilot's register is a JSON file that is read at the start. What it says is compared here and never leaves the department.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use service_kit::config::{ConfigError, Loaded};

use super::rules::RegisterMatch;
use crate::config::{AttestationConfig, Config};

/// The largest register file, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// One register: records by their key claim.
#[derive(Clone, Default)]
pub struct Register {
    key: String,
    records: HashMap<String, BTreeMap<String, String>>,
}

/// The registers, by attestation type.
pub type Registers = HashMap<String, Register>;

/// What the register says about one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldMatch {
    /// The same.
    Same,
    /// Something else.
    Different,
    /// The register has no such record, or no such field.
    Unknown,
}

/// A declared document beside the register.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// By claim name.
    pub fields: BTreeMap<String, FieldMatch>,
    /// In all.
    pub summary: RegisterMatch,
}

impl Register {
    /// A register of records; those without the key claim are left out.
    pub fn new(key: &str, records: Vec<BTreeMap<String, String>>) -> Self {
        let records = records.into_iter().filter_map(|record| Some((record.get(key)?.clone(), record))).collect();
        Self { key: key.to_owned(), records }
    }

    /// Compares a document, claim by claim.
    pub fn compare(&self, claims: &BTreeMap<String, String>) -> Comparison {
        let record = claims.get(&self.key).and_then(|key| self.records.get(key));
        let field = |(name, value): (&String, &String)| {
            let found = record.and_then(|record| record.get(name));
            let result = match found {
                Some(there) if there == value => FieldMatch::Same,
                Some(_) => FieldMatch::Different,
                None => FieldMatch::Unknown,
            };
            (name.clone(), result)
        };
        let fields: BTreeMap<String, FieldMatch> = claims.iter().map(field).collect();
        let summary = if record.is_none() {
            RegisterMatch::Unknown
        } else if fields.values().all(|field| *field == FieldMatch::Same) {
            RegisterMatch::Same
        } else {
            RegisterMatch::Different
        };
        Comparison { fields, summary }
    }
}

/// Compares with the register of a type, if there is one.
pub fn compare(registers: &Registers, attestation: &AttestationConfig, claims: &BTreeMap<String, String>) -> Comparison {
    match registers.get(&attestation.attestation_type) {
        Some(register) => register.compare(claims),
        None => Comparison { fields: BTreeMap::new(), summary: RegisterMatch::None },
    }
}

/// Reads the registers that the configuration names.
///
/// # Errors
/// A sentence that names the file.
pub fn load(config: &Loaded<Config>) -> Result<Registers, ConfigError> {
    let mut registers = Registers::new();
    for attestation in &config.value.attestations {
        let Some(register) = &attestation.register else { continue };
        let path = config.path(&register.file);
        let refuse = |what: &str| {
            let message = format!("the register {} {what}", path.display());
            config.refuse("attestations.register.file", message)
        };
        let records = read(&path).map_err(|what| refuse(&what))?;
        registers.insert(attestation.attestation_type.clone(), Register::new(&register.key, records));
    }
    Ok(registers)
}

fn read(path: &Path) -> Result<Vec<BTreeMap<String, String>>, String> {
    let length = std::fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?.len();
    if length > MAX_BYTES {
        return Err(format!("is larger than {MAX_BYTES} bytes"));
    }
    let text = std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    // serde_json quotes no values of a wrong type other than their kind; the position says where to look.
    serde_json::from_slice(&text).map_err(|e| format!("is not a JSON array of objects of texts (line {})", e.line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// X058: the register is a channel only where it knows every declared claim and agrees.
    #[test]
    fn a_document_matches_only_when_every_claim_is_the_same() {
        let register = Register::new("id", vec![record(&[("id", "1"), ("name", "张三"), ("address", "A")])]);
        let summary = |pairs: &[(&str, &str)]| register.compare(&record(pairs)).summary;
        assert_eq!(summary(&[("id", "1"), ("name", "张三"), ("address", "A")]), RegisterMatch::Same);
        assert_eq!(summary(&[("id", "1"), ("name", "张三"), ("address", "B")]), RegisterMatch::Different);
        assert_eq!(summary(&[("id", "1"), ("name", "张三"), ("phone", "1")]), RegisterMatch::Different);
        assert_eq!(summary(&[("id", "2"), ("name", "张三")]), RegisterMatch::Unknown);
    }
}
