//! Versions of TensorRT, as its libraries and plans number them.

use std::fmt;

/// Which of NVIDIA's two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavor {
    /// TensorRT.
    TensorRt,
    /// TensorRT for RTX.
    Rtx,
}

/// A version of TensorRT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Which product.
    pub flavor: Flavor,
    /// Plans, headers and libraries of different major versions do not fit.
    pub major: u32,
    /// A library fits headers of its own and of lower minor versions.
    pub minor: u32,
    /// Fixes only.
    pub patch: u32,
}

impl Version {
    /// Reads the number that `getInferLibVersion()` and `NV_TENSORRT_VERSION` give: up to TensorRT 9
    /// `major * 1000 + minor * 100 + patch`, later and for RTX `major * 10000 + minor * 100 + patch`.
    ///
    /// The ranges do not overlap: TensorRT 9.3 is 9300, RTX 1.7.1 is 10701, TensorRT 10.0.1 is 100001.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let (flavor, major, rest) = match number {
            0..10_000 => (Flavor::TensorRt, number / 1000, number % 1000),
            10_000..100_000 => (Flavor::Rtx, number / 10_000, number % 10_000),
            _ => (Flavor::TensorRt, number / 10_000, number % 10_000),
        };
        Self {
            flavor,
            major,
            minor: rest / 100,
            patch: rest % 100,
        }
    }

    /// As it stands in the names of shims: `8`, `10`, `rtx_1`.
    #[must_use]
    pub fn shim_suffix(self) -> String {
        match self.flavor {
            Flavor::TensorRt => self.major.to_string(),
            Flavor::Rtx => format!("rtx_{}", self.major),
        }
    }

    /// Whether a shim that was compiled with headers of this version can call `library`.
    #[must_use]
    pub fn fits(self, library: Self) -> bool {
        self.flavor == library.flavor && self.major == library.major && self.minor <= library.minor
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
            ..
        } = self;
        let name = match self.flavor {
            Flavor::TensorRt => "TensorRT",
            Flavor::Rtx => "TensorRT-RTX",
        };
        write!(f, "{name} {major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_scheme() {
        // The numbers of NvInferVersion.h in these versions.
        for (number, text, suffix) in [
            (8600, "TensorRT 8.6.0", "8"),
            (8601, "TensorRT 8.6.1", "8"),
            (9300, "TensorRT 9.3.0", "9"),
            (100_001, "TensorRT 10.0.1", "10"),
            (101_601, "TensorRT 10.16.1", "10"),
            (110_400, "TensorRT 11.4.0", "11"),
            (10_701, "TensorRT-RTX 1.7.1", "rtx_1"),
        ] {
            let version = Version::from_number(number);
            assert_eq!(version.to_string(), text);
            assert_eq!(version.shim_suffix(), suffix);
        }
    }

    #[test]
    fn headers_fit_their_major_version_from_their_minor_on() {
        let fits =
            |headers, library| Version::from_number(headers).fits(Version::from_number(library));
        assert!(fits(100_001, 101_601));
        assert!(fits(101_601, 101_600));
        assert!(!fits(101_601, 100_900));
        assert!(!fits(8600, 100_001));
        assert!(!fits(10_701, 100_701));
    }
}
