//! Content identifiers and the graphs of blocks under them: the profile `unixfs-v1-2025`, and what is refused.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking, in its helpers too")]

use blobs::dag::{self, Block, CHUNK_BYTES, DagError, MAX_BLOB_BYTES, Walk};
use blobs::{Cid, Codec};
use bytes::Bytes;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};

/// The pseudo-random file of the profile's published vectors: the ChaCha20 keystream under SHA-256 of a word.
fn keystream(length: usize, word: &str) -> Bytes {
    let mut bytes = vec![0; length];
    ChaCha20Rng::from_seed(Sha256::digest(word).into()).fill_bytes(&mut bytes);
    bytes.into()
}

fn read(root: Cid, blocks: &[Block]) -> Result<Bytes, DagError> {
    let mut walk = Walk::new(root);
    while let Some(cid) = walk.next_cid() {
        let block = blocks.iter().find(|block| block.cid() == cid).expect("the test has every block");
        walk.supply(block)?;
    }
    Ok(walk.into_blob())
}

/// X044: the name of a blob is the one that any other implementation of the profile gives it (vectors of Kubo's and of
/// js-ipfs-unixfs's conformance tests for IPIP-499).
#[test]
fn names_are_those_of_the_published_vectors() {
    let vectors = [
        (Bytes::from_static(b"hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (keystream(CHUNK_BYTES, "chunk-v1-seed"), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
        (keystream(CHUNK_BYTES + 1, "chunk-v1-seed"), "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
        (Bytes::new(), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    ];
    for (blob, name) in vectors {
        assert_eq!(dag::cid_of(&blob).unwrap().to_string(), name);
    }
}

/// I008, X044: the fingerprint of what is stored: up to 1 MiB the digest in the name is the SHA-256 of the ciphertext.
#[test]
fn a_small_blob_is_named_by_its_own_hash() {
    let blob = keystream(70_000, "small");
    let cid = dag::cid_of(&blob).unwrap();
    assert_eq!((cid.codec(), cid.digest().as_slice()), (Codec::Raw, Sha256::digest(&blob).as_slice()));
}

#[test]
fn every_size_around_the_chunk_is_read_back() {
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 77] {
        let blob = keystream(length, "sizes");
        let dag = dag::build(&blob).unwrap();
        assert_eq!(read(dag.root, &dag.blocks).unwrap(), blob, "{length} bytes");
    }
}

#[test]
fn the_largest_blob_is_one_node_and_one_byte_more_is_refused() {
    let blob = Bytes::from(vec![0; MAX_BLOB_BYTES]);
    let dag = dag::build(&blob).unwrap();
    assert_eq!(dag.blocks.len(), 65);
    let one_more = Bytes::from(vec![0; MAX_BLOB_BYTES + 1]);
    assert_eq!(dag::build(&one_more).unwrap_err(), DagError::BlobTooLarge);
}

/// SEC-F4: identity CIDs, version 0, other codecs and other hashes are refused when they are read.
#[test]
fn other_content_identifiers_are_refused() {
    let refused = [
        ("bafkqaaa", "identity, empty"),
        ("bafkqabtimvwgy3yk", "identity, with content"),
        ("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "version 0"),
        ("bafyreie74tgmnxqwojhtumgh5dzfj46gi4mynlfr7dmm7duwzyvnpw7h7m", "dag-cbor"),
        ("bafkrmiguqw4rctrwpoxezj4rx7ndfuy2g2zw3tqwnkygpp5p2nvyvvkxbi", "another hash or no CID"),
        ("/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "a path"),
        ("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5", "cut off"),
        ("", "nothing"),
    ];
    for (text, what) in refused {
        assert!(text.parse::<Cid>().is_err(), "{what}: {text}");
    }
    assert!("b".repeat(1_000_000).parse::<Cid>().is_err());
}

/// I008, X045, REL-D6: bytes that are not the named ones are no block.
#[test]
fn wrong_bytes_are_no_block() {
    let cid = Cid::of_block(Codec::Raw, b"the photo");
    let refused = Block::verify(cid, Bytes::from_static(b"the phot0"));
    assert_eq!(refused.unwrap_err(), DagError::WrongBytes { cid });
}

/// SEC-F4: a block over its limit is refused before it is hashed, even under its right name.
#[test]
fn large_blocks_are_refused() {
    for (codec, length) in [(Codec::Raw, CHUNK_BYTES + 1), (Codec::DagPb, dag::MAX_NODE_BYTES + 1)] {
        let bytes = Bytes::from(vec![0; length]);
        let cid = Cid::of_block(codec, &bytes);
        assert_eq!(Block::verify(cid, bytes).unwrap_err(), DagError::BlockTooLarge { cid, length });
    }
}

/// Nodes as hostile as one likes: dag-pb and UnixFS written by hand.
mod forged {
    use super::*;

    fn field(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(tag);
        number(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }

    fn number(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    /// A file node with these links (CID and length), this file size, and extra UnixFS fields.
    pub(super) fn node(links: &[(Cid, u64)], file_size: u64, extra: &[u8]) -> Block {
        node_of_type(2, links, file_size, extra)
    }

    pub(super) fn node_of_type(kind: u8, links: &[(Cid, u64)], file_size: u64, extra: &[u8]) -> Block {
        let mut bytes = Vec::new();
        for (cid, length) in links {
            let mut link = Vec::new();
            field(0x0a, &cid.to_bytes(), &mut link);
            field(0x12, b"", &mut link);
            link.push(0x18);
            number(*length, &mut link);
            field(0x12, &link, &mut bytes);
        }
        let mut data = vec![0x08, kind];
        data.extend_from_slice(extra);
        data.push(0x18);
        number(file_size, &mut data);
        for (_, length) in links {
            data.push(0x20);
            number(*length, &mut data);
        }
        field(0x0a, &data, &mut bytes);
        Block::verify(Cid::of_block(Codec::DagPb, &bytes), bytes.into()).unwrap()
    }
}

fn node_block(bytes: Vec<u8>) -> Block {
    Block::verify(Cid::of_block(Codec::DagPb, &bytes), bytes.into()).unwrap()
}

fn chunk(bytes: &'static [u8]) -> Block {
    Block::verify(Cid::of_block(Codec::Raw, bytes), Bytes::from_static(bytes)).unwrap()
}

#[test]
fn a_forged_node_in_the_canonical_form_is_read() {
    let (one, two) = (chunk(b"one"), chunk(b"three"));
    let root = forged::node(&[(one.cid(), 3), (two.cid(), 5)], 8, &[]);
    assert_eq!(read(root.cid(), &[root, one, two]).unwrap(), "onethree");
}

/// SEC-F4: more than 64 links are refused.
#[test]
fn a_wide_node_is_refused() {
    let leaf = chunk(b"x");
    let wide = forged::node(&vec![(leaf.cid(), 1); 65], 65, &[]);
    assert_eq!(read(wide.cid(), &[wide.clone(), leaf]).unwrap_err(), DagError::TooManyBlocks { cid: wide.cid() });
}

/// SEC-F4: five levels of nodes are refused, four are read.
#[test]
fn a_deep_graph_is_refused() {
    let mut blocks = vec![chunk(b"x")];
    for level in 1..=5 {
        let below = blocks.last().unwrap().cid();
        blocks.push(forged::node(&[(below, 1)], 1, &[]));
        let root = blocks.last().unwrap().cid();
        assert_eq!(read(root, &blocks).is_ok(), level <= 4, "{level} levels");
    }
}

/// SEC-F4: a bomb of five small blocks that unfolds to 64⁴ leaves is refused before it is unfolded.
#[test]
fn a_bomb_of_repeated_links_is_refused() {
    let mut blocks = vec![chunk(b"x")];
    let mut length = 1;
    for _ in 0..4 {
        let below = blocks.last().unwrap().cid();
        blocks.push(forged::node(&vec![(below, length); 64], length * 64, &[]));
        length *= 64;
    }
    let root = blocks.last().unwrap().cid();
    assert!(matches!(read(root, &blocks), Err(DagError::TooManyBlocks { .. })));
}

/// SEC-F4: a node that promises more than a blob may have is refused before a chunk is asked for.
#[test]
fn a_node_that_promises_too_much_is_refused() {
    let leaf = chunk(b"x");
    let huge = forged::node(&[(leaf.cid(), 1 << 40)], 1 << 40, &[]);
    assert_eq!(read(huge.cid(), &[huge, leaf]).unwrap_err(), DagError::BlobTooLarge);
    let leaf = chunk(b"x");
    let wrapped = forged::node(&[(leaf.cid(), u64::MAX), (leaf.cid(), 2)], 1, &[]);
    assert_eq!(read(wrapped.cid(), &[wrapped.clone(), leaf]).unwrap_err(), DagError::WrongLength { cid: wrapped.cid() });
}

#[test]
fn lengths_that_do_not_add_up_are_refused() {
    let leaf = chunk(b"abc");
    let sum = forged::node(&[(leaf.cid(), 3)], 4, &[]);
    assert_eq!(read(sum.cid(), &[sum.clone(), leaf.clone()]).unwrap_err(), DagError::WrongLength { cid: sum.cid() });
    let child = forged::node(&[(leaf.cid(), 2)], 2, &[]);
    assert_eq!(read(child.cid(), &[child, leaf.clone()]).unwrap_err(), DagError::WrongLength { cid: leaf.cid() });
}

/// One blob has one form: data beside links, modes, directories and stray fields are refused.
#[test]
fn nodes_in_another_form_are_refused() {
    let leaf = chunk(b"abc");
    let with_data = forged::node(&[(leaf.cid(), 3)], 3, b"\x12\x02hi");
    let with_mode = forged::node(&[(leaf.cid(), 3)], 3, b"\x38\x01");
    let directory = forged::node_of_type(1, &[(leaf.cid(), 3)], 3, &[]);
    let empty = forged::node(&[], 0, &[]);
    let good = forged::node(&[(leaf.cid(), 3)], 3, &[]);
    // The canonical node of three bytes ends in: file size 3, link size 3.
    let canonical = good.bytes().as_ref();
    let cut = canonical.strip_suffix(b"\x18\x03\x20\x03").unwrap();
    let (head, length) = cut.split_at(cut.len() - 3);
    assert_eq!(length, b"\x06\x08\x02");
    let rewritten = |length: u8, data: &[u8]| node_block([head, &[length], b"\x08\x02", data].concat());
    let trailing_field = node_block([canonical, b"\x1a\x00"].concat());
    let trailing_in_data = rewritten(8, b"\x18\x03\x20\x03\x38\x01");
    let long_number = rewritten(7, b"\x18\x83\x00\x20\x03");
    assert!(read(good.cid(), &[good.clone(), leaf.clone()]).is_ok());
    let noise = Block::verify(Cid::of_block(Codec::DagPb, b"noise"), Bytes::from_static(b"noise")).unwrap();
    for root in [with_data, with_mode, directory, empty, noise, trailing_field, trailing_in_data, long_number] {
        let refused = read(root.cid(), &[root.clone(), leaf.clone()]).unwrap_err();
        assert_eq!(refused, DagError::NotAFileNode { cid: root.cid() });
    }
}

#[test]
fn a_block_out_of_turn_is_refused() {
    let mut walk = Walk::new(chunk(b"wanted").cid());
    let other = chunk(b"other");
    assert_eq!(walk.supply(&other).unwrap_err(), DagError::Unexpected { cid: other.cid() });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_survive_text_and_bytes(digest: [u8; 32], node: bool) {
        let cid = Cid::from_parts(if node { Codec::DagPb } else { Codec::Raw }, digest);
        prop_assert_eq!(cid.to_string().parse::<Cid>().unwrap(), cid);
        prop_assert_eq!(Cid::from_bytes(&cid.to_bytes()).unwrap(), cid);
        let json = serde_json::to_string(&cid).unwrap();
        prop_assert_eq!(serde_json::from_str::<Cid>(&json).unwrap(), cid);
    }

    /// SEC-F4: reading never panics, whatever the bytes.
    #[test]
    fn any_bytes_as_a_name_or_a_node_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Cid::from_bytes(&bytes);
        let _ = String::from_utf8_lossy(&bytes).parse::<Cid>();
        let cid = Cid::of_block(Codec::DagPb, &bytes);
        let node = Block::verify(cid, bytes.into()).unwrap();
        let _ = dag::links(&node);
        let _ = Walk::new(cid).supply(&node);
    }
}
