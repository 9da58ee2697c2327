//! What the engine puts before a vote or certificate on the wire: the number of its epoch, seven bits a byte, lowest first.

use commonware_runtime::IoBuf;

/// The epoch.
pub type Prefix = u64;

/// The prefix of the first epoch.
pub const FIRST: Prefix = 0;

/// The prefix and the message; a message without a prefix is all message.
pub fn split(bytes: &IoBuf) -> (Prefix, IoBuf) {
    let all = bytes.as_ref();
    let Some(length) = all.iter().take(9).position(|byte| byte & 0x80 == 0) else {
        return (FIRST, bytes.clone());
    };
    let (prefix, message) = all.split_at(length + 1);
    let epoch = prefix.iter().rev().fold(0, |epoch, byte| (epoch << 7) | u64::from(byte & 0x7f));
    (epoch, IoBuf::from(message.to_vec()))
}

/// The message with the prefix before it.
pub fn join(epoch: Prefix, message: &[u8]) -> IoBuf {
    let mut bytes = Vec::with_capacity(message.len() + 2);
    let mut left = epoch;
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
    use commonware_codec::Encode as _;
    use commonware_codec::varint::UInt;

    #[test]
    fn a_prefix_is_the_engines_and_comes_off_again() {
        for epoch in [0, 1, 127, 128, 300, 1 << 40] {
            let framed = join(epoch, b"vote");
            assert_eq!(framed.as_ref(), [&UInt(epoch).encode()[..], b"vote"].concat());
            let (prefix, message) = split(&framed);
            assert_eq!((prefix, message.as_ref()), (epoch, b"vote".as_slice()));
        }
    }
}
