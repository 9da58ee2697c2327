//! Reads the consensus engine's wire encoding: fixed-size fields as they are, integers as LEB128 varints of the least length.
//!
//! The input is bounded by the caller. Refuses a field that is missing, an integer that could be written shorter or does not fit,
//! and bytes left over; the error names the field.

/// A field is missing or not in its one encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the field '{0}' is missing or not in its one encoding")]
pub struct Malformed(pub &'static str);

/// What is left to read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed(field))?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed(field))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, Malformed> {
        match self.array::<1>(field)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed(field)),
        }
    }

    /// A `u64` as a varint.
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.varint_of(u64::BITS, field)
    }

    /// A count as a `u32` varint, at most `most`.
    pub(crate) fn count(&mut self, most: usize, field: &'static str) -> Result<usize, Malformed> {
        let count = self.varint_of(u32::BITS, field)?;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or(Malformed(field))
    }

    fn varint_of(&mut self, bits: u32, field: &'static str) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..bits).step_by(7) {
            let [byte] = self.array(field)?;
            let spare = bits - shift;
            // A zero at the end could have been left out; the last byte holds what is left of the type, and ends.
            if (byte == 0 && shift > 0) || (spare <= 7 && u32::from(byte) >> spare > 0) {
                return Err(Malformed(field));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed(field))
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("end")) }
    }
}

/// Writes a `u64` as a varint.
pub(crate) fn write_varint(value: u64, to: &mut Vec<u8>) {
    let mut rest = value;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            to.push(low & 0x7f);
            return;
        }
        to.push(low | 0x80);
    }
}
