//! A part of device memory, as an address with a length.

/// Bytes of device memory. Copied freely, as an address is: it keeps nothing alive. Whoever puts
/// work on it into a stream keeps its owner (a buffer, or a slot of a pool) until the stream has
/// passed the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSlice {
    address: u64,
    bytes: usize,
}

/// A part that leaves its slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bytes {offset} to {offset} + {bytes} of device memory: expected to end within {available}"
)]
pub struct SliceError {
    offset: usize,
    bytes: usize,
    available: usize,
}

impl DeviceSlice {
    /// Memory that this crate has allocated or mapped.
    pub(crate) fn new(address: u64, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// Memory that another library has allocated.
    ///
    /// # Safety
    /// For as long as work on it is in a stream, `bytes` bytes from `address` must be memory of
    /// the device that may be written, and that nothing in Rust refers to.
    #[expect(unsafe_code, reason = "an address is made of a number")]
    #[must_use]
    pub unsafe fn from_raw(address: u64, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// The first byte's address (a `CUdeviceptr`).
    #[must_use]
    pub fn address(self) -> u64 {
        self.address
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.bytes
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes == 0
    }

    /// `bytes` bytes from `offset` on.
    ///
    /// # Errors
    /// They do not end within this slice.
    pub fn part(self, offset: usize, bytes: usize) -> Result<Self, SliceError> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(Self {
                address: self.address + offset as u64,
                bytes,
            }),
            _ => Err(SliceError {
                offset,
                bytes,
                available: self.bytes,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside() {
        let slice = DeviceSlice::new(4096, 100);
        assert_eq!(slice.part(40, 60), Ok(DeviceSlice::new(4136, 60)));
        assert_eq!(slice.part(100, 0), Ok(DeviceSlice::new(4196, 0)));
        let error = slice.part(40, 61).expect_err("one byte too many");
        assert!(error.to_string().contains("within 100"), "{error}");
        assert!(slice.part(usize::MAX, 2).is_err());
    }
}
