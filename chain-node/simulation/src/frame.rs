//! What the engine puts before a vote or certificate on the wire: on a governed ledger the number of its epoch, seven bits a byte, lowest
//! first; on others nothing.

use commonware_runtime::IoBuf;

/// The epoch, on a governed ledger.
pub type Prefix = Option<u64>;

/// The prefix and the message.
pub fn split(governed: bool, bytes: &IoBuf) -> (Prefix, IoBuf) {
    let all = bytes.as_ref();
    let end = all.iter().take(9).position(|byte| byte & 0x80 == 0).filter(|_| governed);
    let Some(end) = end else {
        return (None, bytes.clone());
    };
    let (prefix, message) = all.split_at(end + 1);
    let epoch = prefix.iter().rev().fold(0, |epoch, byte| (epoch << 7) | u64::from(byte & 0x7f));
    (Some(epoch), IoBuf::from(message.to_vec()))
}

/// The message with the prefix before it.
pub fn join(prefix: Prefix, message: &[u8]) -> IoBuf {
    let Some(mut left) = prefix else {
        return IoBuf::from(message.to_vec());
    };
    let mut bytes = Vec::with_capacity(message.len() + 2);
    while left >= 0x80 {
        bytes.push(low_bits(left) | 0x80);
        left >>= 7;
    }
    bytes.push(low_bits(left));
    bytes.extend_from_slice(message);
    IoBuf::from(bytes)
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_codec::{Encode as _, varint::UInt};

    #[test]
    fn a_prefix_is_the_engines_and_comes_off_again() {
        for epoch in [0, 1, 127, 128, 300, 1 << 40] {
            let framed = join(Some(epoch), b"vote");
            assert_eq!(framed.as_ref(), [&UInt(epoch).encode()[..], b"vote"].concat());
            let (prefix, message) = split(true, &framed);
            assert_eq!((prefix, message.as_ref()), (Some(epoch), b"vote".as_slice()));
        }
        let (prefix, message) = split(false, &join(None, b"vote"));
        assert_eq!((prefix, message.as_ref()), (None, b"vote".as_slice()));
    }
}
