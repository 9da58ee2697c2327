//! Transactions in final blocks: their own, or one that is final through a later one.

use identity::{Algorithm, Commitment, SecretKey};
use ledger::TrustRoot;
use ledger::block::transactions_root;
use ledger::merkle::{self, InclusionError};
use ledger::proof::{MAX_LINKS, TransactionProof, TransactionProofError, verify_transaction};
use ledger::records::RecordId;
use ledger::transaction::{Body, NewReceipt, Sender, Transaction, TransactionId, Unsigned};

use super::epochs::{Members, governed, header_at, members, signed};
use super::*;

fn transaction(genesis: [u8; 32], number: u8) -> Transaction {
    let key = SecretKey::from_bytes(Algorithm::P256, &[number + 1; 32]).unwrap();
    let receipts = vec![NewReceipt { id: RecordId([number; 32]), commitment: Commitment([9; 32]) }];
    let sender = Sender::Key(key.public_key());
    Unsigned { genesis, sender, sequence: 1, expiry_height: 100, body: Body::RecordReceipts(receipts) }.sign(&key)
}

/// A block of five transactions and blocks after it, the last with a certificate.
struct Chain {
    root: TrustRoot,
    of: Members,
    transactions: Vec<Transaction>,
    headers: Vec<Header>,
}

impl Chain {
    fn new(links: usize) -> Self {
        let of = members(4, 100);
        let root = TrustRoot::from_genesis(governed(&of)).unwrap();
        let transactions: Vec<Transaction> = (0..5).map(|number| transaction(*root.hash(), number)).collect();
        let leaves: Vec<_> = transactions.iter().map(Transaction::leaf).collect();
        let first = header_at(*root.hash(), 2, [9; 32]);
        let mut headers = vec![Header { transactions_root: transactions_root(&leaves), ..first }];
        for height in (3..).take(links) {
            // All in one epoch here, however many.
            let mut next = header_at(*root.hash(), height, [9; 32]);
            next.parent = headers.last().unwrap().digest();
            headers.push(next);
        }
        Self { root, of, transactions, headers }
    }

    fn inclusion(&self, place: usize) -> Vec<u8> {
        let leaves: Vec<_> = self.transactions.iter().map(Transaction::leaf).collect();
        merkle::prove(&leaves, place).unwrap().to_bytes()
    }

    /// What the proof of the transaction at a place comes to after a change to its parts.
    fn verify(&self, place: usize, change: impl Fn(&mut Parts)) -> Result<(Transaction, Header), TransactionProofError> {
        let last = self.headers.last().unwrap();
        let mut parts = Parts {
            id: self.transactions[place].id(),
            transaction: encode(&self.transactions[place]),
            inclusion: self.inclusion(place),
            header: encode(&self.headers[0]),
            links: self.headers[1..].iter().map(encode).collect(),
            certificate: signed(last, &self.of, 3),
        };
        change(&mut parts);
        let Parts { id, transaction, inclusion, header, links, certificate } = &parts;
        verify_transaction(&self.root, id, &TransactionProof { transaction, inclusion, header, links, certificate })
    }
}

struct Parts {
    id: TransactionId,
    transaction: Vec<u8>,
    inclusion: Vec<u8>,
    header: Vec<u8>,
    links: Vec<Vec<u8>>,
    certificate: Vec<u8>,
}

/// X005: anybody with the genesis can tell that a transaction stands in the ledger, and who signed it.
#[test]
fn a_transaction_is_proved_to_be_in_a_final_block() {
    for links in [0, 1, 5] {
        let chain = Chain::new(links);
        for place in 0..5 {
            let (transaction, header) = chain.verify(place, |_| {}).unwrap();
            assert_eq!((&transaction, &header), (&chain.transactions[place], &chain.headers[0]));
        }
    }
}

/// SEC-C2: what is not in the block, not signed, or signed by the same key for another ledger shows nothing here.
#[test]
fn a_transaction_that_is_not_proved_is_refused_with_the_reason() {
    use TransactionProofError as Error;
    let chain = Chain::new(2);
    let other = chain.transactions[4].id();
    let refused = |change: &dyn Fn(&mut Parts)| chain.verify(1, change).unwrap_err();
    assert!(matches!(refused(&|p| p.id = other), Error::OtherTransaction));
    assert!(matches!(refused(&|p| p.transaction.push(0)), Error::Transaction(_)));
    assert!(matches!(refused(&|p| p.transaction = vec![0; 70_000]), Error::Transaction(_)));
    assert!(matches!(refused(&|p| p.inclusion = chain.inclusion(2)), Error::Inclusion(InclusionError::Root)));
    assert!(matches!(refused(&|p| p.inclusion.truncate(20)), Error::Path(_)));
    assert!(matches!(refused(&|p| p.header.truncate(20)), Error::Header(_)));
    assert!(matches!(refused(&|p| p.header = encode(&chain.headers[1])), Error::Inclusion(InclusionError::Root)));
    assert!(matches!(refused(&|p| p.certificate = signed(&chain.headers[2], &chain.of, 2)), Error::Finality(_)));
    // The certificate is for the last header and no other; none may be left out, turned round or put in between.
    assert!(matches!(refused(&|p| p.links.truncate(1)), Error::Finality(FinalityError::OtherHeader)));
    assert!(matches!(refused(&|p| p.links.reverse()), Error::Links));
    assert!(matches!(refused(&|p| drop(p.links.remove(0))), Error::Links));
    assert!(matches!(refused(&|p| p.links.insert(0, p.links[0].clone())), Error::Links));
    let many = Chain::new(MAX_LINKS + 1).verify(1, |_| {});
    assert!(matches!(many, Err(Error::Links)));
    // The same act signed by another key has the same id and another leaf; a signature that does not hold is nobody's.
    let mut forged = chain.transactions[1].clone();
    forged.signature.bytes[40] ^= 1;
    assert!(matches!(refused(&|p| p.transaction = encode(&forged)), Error::Signature(_)));
    // A transaction of another ledger, though it stood in a block here.
    let foreign = transaction([0; 32], 1);
    let abroad = |p: &mut Parts| (p.id, p.transaction) = (foreign.id(), encode(&foreign));
    assert!(matches!(refused(&abroad), Error::OtherLedger));
    // Somebody whom the genesis does not name made it all up.
    let stranger = Chain { of: members(4, 101), ..Chain::new(0) };
    assert!(matches!(stranger.verify(0, |_| {}), Err(Error::Finality(FinalityError::Signature(0)))));
}

#[test]
fn every_changed_byte_of_a_transactions_proof_is_refused() {
    let chain = Chain::new(1);
    let mut numbers = Numbers(103);
    let parts: [fn(&mut Parts) -> &mut Vec<u8>; 5] =
        [|p| &mut p.transaction, |p| &mut p.inclusion, |p| &mut p.header, |p| &mut p.links[0], |p| &mut p.certificate];
    for (place, part) in parts.iter().enumerate() {
        let length = std::cell::Cell::new(0);
        chain.verify(1, |p| length.set(part(p).len())).unwrap();
        for byte in 0..length.get() {
            let bit = numbers.below(8);
            let result = chain.verify(1, |p| part(p)[byte] ^= 1 << bit);
            // Place and count are the path's own words: see the module.
            let shape = place == 1 && byte < 8;
            assert!(result.is_err() || shape, "part {place} byte {byte}");
        }
    }
}
