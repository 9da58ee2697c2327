//! Which authorities, attestation types and websites there are: an index of this node's own, since the state can be asked by key only.
//!
//! It is made from what is written, by whatever way that came here: a body that begins with a name under which its own cell stands is an
//! authority's or a party's, and nothing else can be. People are not in it.

use crate::store::{AUTHORITIES, Additions, BODIES, DIRECTORY, FACTS, PARTIES, Store, StoreError, TYPES, VERSIONS};
use ledger::{
    Hash, canonical,
    cell::{CELL_BYTES, Cell, StateKey, Subject},
    limits::MAX_RECORD_BYTES,
    records::{AuthorityId, AuthorityRecord, Name32, PartyId, PartyRecord},
};
use redb::{ReadableDatabase as _, ReadableTable as _, WriteTransaction};
use std::{collections::HashMap, sync::Arc};

/// Types of one authority that are told at most.
const MAX_TYPES: usize = 512;

/// Something that the directory lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Authority { id: AuthorityId, types: Vec<String> },
    Party { sponsor: AuthorityId, id: PartyId },
}

/// The name that a body begins with, if it does: four bytes of length, then the text.
fn name(body: &[u8]) -> Option<Name32> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    std::str::from_utf8(rest.get(..length)?).ok()?.parse().ok()
}

/// What stands under this key, if the directory lists it. `name` is what the body begins with.
fn entry(key: &StateKey, name: Name32, body: &[u8]) -> Option<Entry> {
    if Subject::Authority(name).key() == *key {
        let record: AuthorityRecord = canonical::decode(body, MAX_RECORD_BYTES).ok()?;
        Some(Entry::Authority { id: record.id, types: record.accredited_types })
    } else if Subject::Party(name).key() == *key {
        let record: PartyRecord = canonical::decode(body, MAX_RECORD_BYTES).ok()?;
        Some(Entry::Party { sponsor: record.sponsor, id: record.id })
    } else {
        None
    }
}

fn insert(transaction: &WriteTransaction, entry: &Entry) -> Result<(), StoreError> {
    match entry {
        Entry::Authority { id, types } => {
            transaction.open_table(AUTHORITIES)?.insert(id.as_str(), ())?;
            let mut table = transaction.open_table(TYPES)?;
            for name in types {
                table.insert((id.as_str(), name.as_str()), ())?;
            }
        }
        Entry::Party { sponsor, id } => {
            transaction.open_table(PARTIES)?.insert((sponsor.as_str(), id.as_str()), ())?;
        }
    }
    Ok(())
}

type Named<'a> = HashMap<&'a Hash, (Name32, &'a [u8])>;

fn named<'a>(bodies: impl Iterator<Item = (&'a Hash, &'a Arc<[u8]>)>) -> Named<'a> {
    bodies.filter_map(|(hash, body)| Some((hash, (name(body)?, &**body)))).collect()
}

fn found(named: &Named<'_>, key: &StateKey, cell: &[u8; CELL_BYTES]) -> Option<Entry> {
    let (name, body) = named.get(&Cell::from_bytes(cell).ok()?.body)?;
    entry(key, *name, body)
}

/// Whether these additions have something that is listed.
pub(crate) fn lists(additions: &Additions) -> bool {
    let named = named(additions.bodies.iter().map(|(hash, body)| (hash, body)));
    !named.is_empty() && additions.cells.iter().any(|(key, _, cell)| found(&named, key, cell).is_some())
}

/// Notes what is listed of these cells and bodies.
pub(crate) fn note<'a>(
    transaction: &WriteTransaction,
    cells: impl Iterator<Item = (&'a StateKey, &'a [u8; CELL_BYTES])>,
    bodies: &HashMap<Hash, Arc<[u8]>>,
) -> Result<(), StoreError> {
    let named = named(bodies.iter());
    if named.is_empty() {
        return Ok(());
    }
    cells.filter_map(|(key, cell)| found(&named, key, cell)).try_for_each(|entry| insert(transaction, &entry))
}

impl Store {
    /// After an older version: lists what was written before the directory was kept.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn complete_directory(&self) -> Result<(), StoreError> {
        let known = self.tables.begin_read()?.open_table(FACTS)?.get(DIRECTORY)?.is_some();
        if known { Ok(()) } else { self.list_again() }
    }

    /// Lists everything that is kept; needed when cells and bodies did not come together.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn list_again(&self) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        {
            let (versions, bodies) = (transaction.open_table(VERSIONS)?, transaction.open_table(BODIES)?);
            for version in versions.iter()? {
                let (place, cell) = version?;
                let cell: &[u8; CELL_BYTES] = cell.value();
                let Ok(cell) = Cell::from_bytes(cell) else { continue };
                let Some(body) = bodies.get(&cell.body)? else { continue };
                let body = body.value();
                if let Some(entry) = name(body).and_then(|name| entry(place.value().0, name, body)) {
                    insert(&transaction, &entry)?;
                }
            }
            transaction.open_table(FACTS)?.insert(DIRECTORY, 1)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The authorities after `after` in the order of their ids, at most `count`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn authorities(&self, after: Option<&AuthorityId>, count: usize) -> Result<Vec<AuthorityId>, StoreError> {
        let table = self.tables.begin_read()?.open_table(AUTHORITIES)?;
        let after = after.map_or("", Name32::as_str);
        let mut found = Vec::new();
        for entry in table.range(after..)? {
            let id = entry?.0.value().to_owned();
            if id != after && found.len() < count {
                found.extend(id.parse::<AuthorityId>());
            } else if found.len() >= count {
                break;
            }
        }
        Ok(found)
    }

    /// Every type that an authority ever was accredited for, in order, at most `MAX_TYPES`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn types_of(&self, authority: &AuthorityId) -> Result<Vec<String>, StoreError> {
        let table = self.tables.begin_read()?.open_table(TYPES)?;
        let mut found = Vec::new();
        for entry in table.range((authority.as_str(), "")..)?.take(MAX_TYPES) {
            let key = entry?.0;
            let (owner, name) = key.value();
            if owner != authority.as_str() {
                break;
            }
            found.push(name.to_owned());
        }
        Ok(found)
    }

    /// The parties of a sponsor after `after` in the order of their ids, at most `count`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn parties_of(&self, sponsor: &AuthorityId, after: Option<&PartyId>, count: usize) -> Result<Vec<PartyId>, StoreError> {
        let table = self.tables.begin_read()?.open_table(PARTIES)?;
        let after = after.map_or("", Name32::as_str);
        let mut found = Vec::new();
        for entry in table.range((sponsor.as_str(), after)..)? {
            let key = entry?.0;
            let (owner, id) = key.value();
            if owner != sponsor.as_str() || found.len() >= count {
                break;
            }
            if id != after {
                found.extend(id.parse::<PartyId>());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Algorithm, Localized, SecretKey};
    use ledger::{cell::body_hash, records::BatchRecord};

    fn authority(id: &str, types: &[&str]) -> AuthorityRecord {
        AuthorityRecord {
            id: id.parse().unwrap(),
            name: Localized::new("某局", "A bureau"),
            ledger_keys: Vec::new(),
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            accredited_types: types.iter().map(|name| (*name).to_owned()).collect(),
            may_sponsor: true,
        }
    }

    fn party(id: &str, sponsor: &str) -> PartyRecord {
        PartyRecord {
            id: id.parse().unwrap(),
            sponsor: sponsor.parse().unwrap(),
            name: Localized::new("某网站", "A website"),
            origin: "https://site.example".to_owned(),
            client_id: "x509_hash:x".to_owned(),
            ledger_key: SecretKey::from_bytes(Algorithm::Ed25519, &[7; 32]).unwrap().public_key(),
            purposes: Vec::new(),
        }
    }

    /// A version of a record as a block writes it.
    fn written(subject: &Subject, version: u32, body: Vec<u8>) -> Additions {
        let cell = Cell { version, status: 0, created_height: 1, updated_height: 1, body: body_hash(&body) };
        let bodies = vec![(cell.body, Arc::from(body))];
        Additions { bodies, cells: vec![(subject.key(), version, cell.to_bytes())], ..Additions::default() }
    }

    fn filled() -> Vec<Additions> {
        let put = |record: &AuthorityRecord, version| written(&Subject::Authority(record.id), version, canonical::encode(record));
        let site = |record: &PartyRecord| written(&Subject::Party(record.id), 1, canonical::encode(record));
        // A body that begins like a name, under a key that is not that name's.
        let stray = BatchRecord { issuer: None, kind: ledger::records::BatchKind::Receipts, root: [0; 32], count: 1 };
        vec![
            put(&authority("police", &["a", "b"]), 1),
            put(&authority("police", &["b"]), 2),
            put(&authority("archives", &[]), 1),
            site(&party("tax", "police")),
            site(&party("housing", "police")),
            site(&party("library", "archives")),
            written(&Subject::Batch(ledger::records::RecordId([1; 32])), 1, canonical::encode(&stray)),
            written(
                &Subject::Transaction(ledger::transaction::TransactionId([2; 32])),
                1,
                canonical::encode(&authority("ghost", &[])),
            ),
        ]
    }

    fn ids(found: &[Name32]) -> Vec<&str> {
        found.iter().map(Name32::as_str).collect()
    }

    fn check(store: &Store) {
        assert_eq!(ids(&store.authorities(None, 9).unwrap()), ["archives", "police"]);
        assert_eq!(ids(&store.authorities(None, 1).unwrap()), ["archives"]);
        let (police, archives) = ("police".parse().unwrap(), "archives".parse().unwrap());
        assert_eq!(ids(&store.authorities(Some(&archives), 9).unwrap()), ["police"]);
        assert_eq!(store.types_of(&police).unwrap(), ["a", "b"], "also what it no longer is accredited for");
        assert_eq!(store.types_of(&archives).unwrap(), [""; 0]);
        assert_eq!(ids(&store.parties_of(&police, None, 9).unwrap()), ["housing", "tax"]);
        let housing = "housing".parse().unwrap();
        assert_eq!(ids(&store.parties_of(&police, Some(&housing), 9).unwrap()), ["tax"]);
        assert_eq!(ids(&store.parties_of(&archives, None, 9).unwrap()), ["library"]);
    }

    #[test]
    fn what_is_written_is_listed_by_what_it_is_and_in_pages() {
        let store = Store::in_memory().unwrap();
        for additions in filled() {
            store.record(1, &additions).unwrap();
        }
        check(&store);
    }

    /// A node that took over its state writes cells and bodies apart; an older version listed nothing.
    #[test]
    fn what_was_not_written_together_is_listed_by_listing_again() {
        let store = Store::in_memory().unwrap();
        for Additions { bodies, cells, .. } in filled() {
            store.keep(&Additions { cells, ..Additions::default() }).unwrap();
            store.keep(&Additions { bodies, ..Additions::default() }).unwrap();
        }
        assert_eq!(store.authorities(None, 9).unwrap(), []);
        store.list_again().unwrap();
        check(&store);
    }
}
