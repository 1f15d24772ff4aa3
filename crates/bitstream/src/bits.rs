//! Reads bits of a NAL unit's payload (ITU-T H.264, sections 7.3.1 and 9.1).

/// The first `limit` payload bytes of `nal` after its header of `header_bytes`,
/// without emulation prevention bytes.
#[must_use]
pub fn payload(nal: &[u8], header_bytes: usize, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(limit.min(nal.len()));
    let mut zeros = 0;
    for &byte in nal.iter().skip(header_bytes) {
        if bytes.len() == limit {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// Bits of `bytes`, most significant first; `None` past the end.
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    pub fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// An unsigned Exp-Golomb code, `ue(v)`.
    pub fn read_ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.read(zeros)?;
        Some((1_u32 << zeros) - 1 + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_by_table_9_2() {
        // 1 | 010 | 011 | 00100 | 00111 then padding.
        let bytes = [0b1010_0110, 0b0100_0011, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        for value in [0, 1, 2, 3, 6] {
            assert_eq!(bits.read_ue(), Some(value));
        }
        assert_eq!(Bits::new(&[0; 8]).read_ue(), None);
        assert_eq!(Bits::new(&[]).read(1), None);
    }

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(
            payload(&[0x67, 1, 0, 0, 3, 1, 0, 0, 3, 0, 7], 1, 64),
            [1, 0, 0, 1, 0, 0, 0, 7]
        );
        assert_eq!(payload(&[0x67, 1, 2, 3, 4], 1, 2), [1, 2]);
    }
}
