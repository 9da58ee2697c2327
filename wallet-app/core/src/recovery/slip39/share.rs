//! A share as words: 10 bits a word, metadata, value, and a Reed-Solomon checksum over GF(1024).

use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::MIN_SECRET_BYTES;

/// The words of the specification, in order; from its reference implementation (Copyright SatoshiLabs, MIT licence).
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// Words before the value: identifier, flags, exponent, group, member.
const HEADER_WORDS: usize = 4;
const CHECKSUM_WORDS: usize = 3;
/// Words of a share at least: 128 bits of value.
const MIN_WORDS: usize = 20;
/// Words of a share at most: 512 bits of value, and then some.
const MAX_WORDS: usize = 64;
const BITS: u32 = 10;

/// One share.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub(super) identifier: u16,
    pub(super) extendable: bool,
    pub(super) iteration_exponent: u8,
    pub(super) group_index: u8,
    pub(super) group_threshold: u8,
    pub(super) group_count: u8,
    pub(super) member_index: u8,
    pub(super) member_threshold: u8,
    pub(super) value: Zeroizing<Vec<u8>>,
}

/// Shows nothing of the value.
impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share {} of set {}", self.member_index, self.identifier)
    }
}

/// Why a share or a number of shares cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// A word that is not in the list; the first has the number 1.
    #[error("word {0} is not one of the list")]
    Word(usize),
    /// Too few or too many words.
    #[error("the number of words is not that of a share")]
    Length,
    /// Mistyped, or in another order.
    #[error("the words do not fit together: one is wrong, or their order")]
    Checksum,
    /// Not a share that this specification makes.
    #[error("the words are not a share")]
    Malformed,
    /// Shares that were not made together.
    #[error("the shares are not of one set")]
    OtherSet,
    /// The same share twice.
    #[error("the same share was given twice")]
    Twice,
    /// More are needed.
    #[error("{have} shares are not enough, {need} are needed")]
    TooFew {
        /// How many there are.
        have: usize,
        /// How many it takes.
        need: usize,
    },
    /// Fewer are needed.
    #[error("{have} shares are too many, exactly {need} are needed")]
    TooMany {
        /// How many there are.
        have: usize,
        /// How many it takes.
        need: usize,
    },
    /// The shares fit together and give no secret: one was made up.
    #[error("the shares give no secret: one of them is not genuine")]
    Forged,
    /// A secret that cannot be shared.
    #[error("a secret has at least 16 bytes, and an even number")]
    Secret,
    /// A threshold or count that is not allowed.
    #[error("2 to 16 shares, and a threshold of 2 up to their number")]
    Numbers,
}

impl Share {
    /// Reads a share's words: in any case, divided by any white space.
    ///
    /// # Errors
    /// [`ShareError::Word`], [`ShareError::Length`], [`ShareError::Checksum`], [`ShareError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let mut indices: Zeroizing<Vec<u16>> = Zeroizing::new(Vec::with_capacity(MAX_WORDS));
        for (number, word) in text.split_whitespace().enumerate() {
            if number >= MAX_WORDS {
                return Err(ShareError::Length);
            }
            let word = Zeroizing::new(word.to_ascii_lowercase());
            let found = WORDS.binary_search(&word.as_str()).map_err(|_| ShareError::Word(number + 1))?;
            indices.push(u16::try_from(found).map_err(|_| ShareError::Malformed)?);
        }
        if indices.len() < MIN_WORDS {
            return Err(ShareError::Length);
        }
        let (header, rest) = indices.split_first_chunk::<HEADER_WORDS>().ok_or(ShareError::Length)?;
        let extendable = header[1] >> 4 & 1 == 1;
        if polymod(extendable, &indices) != 1 {
            return Err(ShareError::Checksum);
        }
        let (value, _) = rest.split_last_chunk::<CHECKSUM_WORDS>().ok_or(ShareError::Length)?;
        let fields = header.iter().fold(0_u64, |bits, word| bits << BITS | u64::from(*word));
        let nibble = |shift: u32| u8::try_from(fields >> shift & 15).expect("four bits fit into a byte");
        let share = Self {
            identifier: u16::try_from(fields >> 25 & 0x7fff).expect("fifteen bits fit into two bytes"),
            extendable,
            iteration_exponent: nibble(20),
            group_index: nibble(16),
            group_threshold: nibble(12) + 1,
            group_count: nibble(8) + 1,
            member_index: nibble(4),
            member_threshold: nibble(0) + 1,
            value: unpack(value)?,
        };
        if share.group_threshold > share.group_count { Err(ShareError::Malformed) } else { Ok(share) }
    }

    /// The share's words, with spaces between them.
    pub fn words(&self) -> Zeroizing<String> {
        let exponent = u64::from(self.extendable) << 4 | u64::from(self.iteration_exponent);
        let group = [self.group_index, self.group_threshold.saturating_sub(1), self.group_count.saturating_sub(1)];
        let member = [self.member_index, self.member_threshold.saturating_sub(1)];
        let nibbles = group.iter().chain(&member);
        let fields = nibbles.fold(u64::from(self.identifier) << 5 | exponent, |bits, nibble| bits << 4 | u64::from(*nibble));
        let mut indices: Zeroizing<Vec<u16>> = Zeroizing::new(Vec::with_capacity(MAX_WORDS));
        indices.extend([30, 20, 10, 0].map(|shift| u16::try_from(fields >> shift & 1023).expect("ten bits fit into two bytes")));
        pack(&self.value, &mut indices);
        let checked = [indices.as_slice(), &[0; CHECKSUM_WORDS]].concat();
        let checksum = polymod(self.extendable, &checked) ^ 1;
        indices.extend([20, 10, 0].map(|shift| u16::try_from(checksum >> shift & 1023).expect("ten bits fit into two bytes")));
        let mut text = Zeroizing::new(String::with_capacity(indices.len() * 9));
        for index in indices.iter() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(WORDS.get(usize::from(*index)).expect("the list has 1024 words"));
        }
        text
    }

    /// Whether two shares were made together.
    pub(super) fn belongs_to(&self, other: &Self) -> bool {
        let set = |share: &Self| {
            let group = (share.group_threshold, share.group_count);
            (share.identifier, share.extendable, share.iteration_exponent, group, share.value.len())
        };
        set(self) == set(other)
    }

    /// How many shares give the secret back, for a set of one group.
    pub fn threshold(&self) -> u8 {
        self.member_threshold
    }

    /// How often the iterations of the secret's encryption are doubled: 10,000 · 2^exponent.
    pub fn iteration_exponent(&self) -> u8 {
        self.iteration_exponent
    }

    /// Which one of the set it is, from 1.
    pub fn number(&self) -> u8 {
        self.member_index.saturating_add(1)
    }
}

/// The bytes of a value, padded with zero bits in front to a whole number of words.
fn unpack(words: &[u16]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let padding = words.len() * 10 % 16;
    if padding > 8 {
        return Err(ShareError::Malformed);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(words.len() * 10 / 8));
    let (mut bits, mut held) = (0_u32, 0_usize);
    let mut skip = padding;
    for word in words {
        bits = bits << BITS | u32::from(*word);
        held += 10;
        if skip > 0 {
            // The padding is shorter than a word.
            if bits >> (held - skip) != 0 {
                return Err(ShareError::Malformed);
            }
            held -= skip;
            skip = 0;
        }
        while held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("eight bits fit into a byte"));
        }
        bits &= (1 << held) - 1;
    }
    if bytes.len() < MIN_SECRET_BYTES { Err(ShareError::Length) } else { Ok(bytes) }
}

fn pack(value: &[u8], words: &mut Vec<u16>) {
    // Zero bits in front up to a whole number of words.
    let (mut bits, mut held) = (0_u32, (10 - value.len() * 8 % 10) % 10);
    for byte in value {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 10 {
            held -= 10;
            words.push(u16::try_from(bits >> held & 1023).expect("ten bits fit into two bytes"));
        }
        bits &= (1 << held) - 1;
    }
}

/// RS1024 over the customization string and the words; 1 for words with a right checksum.
fn polymod(extendable: bool, words: &[u16]) -> u32 {
    const GENERATOR: [u32; 10] = [
        0x00e0_e040,
        0x01c1_c080,
        0x0383_8100,
        0x0707_0200,
        0x0e0e_0009,
        0x1c0c_2412,
        0x3808_6c24,
        0x3090_fc48,
        0x21b1_f890,
        0x03f3_f120,
    ];
    let customization: &[u8] = if extendable { b"shamir_extendable" } else { b"shamir" };
    let values = customization.iter().map(|byte| u32::from(*byte)).chain(words.iter().map(|word| u32::from(*word)));
    values.fold(1, |checksum, value| {
        let top = checksum >> 20;
        let shifted = (checksum & 0xf_ffff) << BITS ^ value;
        let set = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        set.fold(shifted, |checksum, (_, generator)| checksum ^ generator)
    })
}
