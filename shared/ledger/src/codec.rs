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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<u64, Malformed> {
        let mut reader = Reader::new(bytes);
        let value = reader.varint("value")?;
        reader.finish()?;
        Ok(value)
    }

    #[test]
    fn a_varint_is_read_back_and_has_no_other_encoding() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            assert_eq!(read(&bytes), Ok(value));
            // Longer by a zero, cut, and followed by something.
            let mut longer = bytes.clone();
            *longer.last_mut().unwrap() |= 0x80;
            longer.push(0);
            assert!(read(&longer).is_err());
            assert!(read(&bytes[..bytes.len() - 1]).is_err());
            assert_eq!(read(&[bytes.as_slice(), &[0]].concat()), Err(Malformed("end")));
        }
    }

    #[test]
    fn a_varint_that_does_not_fit_its_type_is_refused() {
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).is_err());
        assert!(read(&[0xff; 11]).is_err());
        let count = |bytes: &[u8], most| Reader::new(bytes).count(most, "count");
        assert_eq!(count(&[0xff, 0xff, 0xff, 0xff, 0x0f], usize::MAX), Ok(0xffff_ffff));
        assert!(count(&[0xff, 0xff, 0xff, 0xff, 0x1f], usize::MAX).is_err());
        assert!(count(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], usize::MAX).is_err());
        assert_eq!(count(&[10], 10), Ok(10));
        assert!(count(&[11], 10).is_err());
    }

    #[test]
    fn a_truth_value_is_0_or_1() {
        assert_eq!(Reader::new(&[0]).bool("b"), Ok(false));
        assert_eq!(Reader::new(&[1]).bool("b"), Ok(true));
        assert_eq!(Reader::new(&[2]).bool("b"), Err(Malformed("b")));
        assert_eq!(Reader::new(&[]).bool("b"), Err(Malformed("b")));
    }
}
