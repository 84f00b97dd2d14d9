//! Kafka's numbers of variable length: seven bits a byte, the lowest first, the sign folded into the lowest bit.

/// Takes a number of up to 64 bits off the front. `None` when it has no end.
pub fn take_long(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes, 10)?;
    Some(((value >> 1) as i64) ^ -((value & 1) as i64))
}

/// Takes a number of up to 32 bits off the front. `None` when it has no end or is larger.
pub fn take_int(bytes: &mut &[u8]) -> Option<i32> {
    let value = u32::try_from(take(bytes, 5)?).ok()?;
    Some(((value >> 1) as i32) ^ -((value & 1) as i32))
}

fn take(bytes: &mut &[u8], most: u32) -> Option<u64> {
    let mut value = 0_u64;
    for index in 0..most {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_up_to_their_size_and_no_further() {
        let int = |bytes: &[u8]| take_int(&mut &bytes[..]);
        assert_eq!(
            (int(&[0]), int(&[1]), int(&[2]), int(&[0xac, 0x02])),
            (Some(0), Some(-1), Some(1), Some(150))
        );
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(i32::MIN));
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None, "33 bits");
        assert_eq!((int(&[]), int(&[0x80])), (None, None));
        let mut longest = [0xff; 10];
        longest[9] = 1;
        let mut rest = &longest[..];
        assert_eq!((take_long(&mut rest), rest.len()), (Some(i64::MIN), 0));
        assert_eq!(take_long(&mut &[0x80; 11][..]), None);
    }
}
