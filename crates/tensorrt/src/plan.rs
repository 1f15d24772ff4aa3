//! What a plan's first bytes say before TensorRT has it.

use crate::error::Error;

/// A serialized engine's first bytes.
const MAGIC: &[u8; 4] = b"ftrt";
const HEADER_BYTES: usize = 32;

/// The header of a plan, as TensorRT 8.6 writes it; that later versions keep the magic and the
/// place of the version is what their `trtexec --getPlanVersionOnly` relies on.
///
/// ```text
/// 0  "ftrt"   16  length of the plan in bytes, u64   24  major, minor, patch, build, u8 each
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanHeader {
    /// Major, minor, patch and build of the TensorRT that built it.
    pub version: [u8; 4],
    /// Bytes of the whole plan, as it says itself.
    pub bytes: u64,
}

impl PlanHeader {
    /// Reads and checks the beginning of a file; `name` is for the error.
    ///
    /// # Errors
    /// The bytes are no plan, or less than the whole of one.
    pub fn read(name: &str, plan: &[u8]) -> Result<Self, Error> {
        let refuse = |what: String| {
            Error::input(format!(
                "'{name}' {what}, expected a plan of TensorRT ('camweave engine build' makes one)"
            ))
        };
        if !plan.starts_with(MAGIC) {
            let what = match plan {
                [] => "is empty".to_owned(),
                plan if plan.starts_with(b"version https://git-lfs") => {
                    "is a Git LFS pointer".to_owned()
                }
                _ => format!("has {} bytes that are no plan", plan.len()),
            };
            return Err(refuse(what));
        }
        let (Some(length), Some(version)) = (array::<8>(plan, 16), array::<4>(plan, 24)) else {
            return Err(refuse(format!(
                "is truncated: {} bytes, its header alone has {HEADER_BYTES}",
                plan.len()
            )));
        };
        let header = Self {
            version,
            bytes: u64::from_le_bytes(length),
        };
        // Where the length stands is known of version 8 alone.
        if header.version[0] == 8 && header.bytes != plan.len() as u64 {
            return Err(refuse(format!(
                "is truncated or damaged: {} bytes, its header says {}",
                plan.len(),
                header.bytes
            )));
        }
        Ok(header)
    }

    /// `8.6.0.12`
    #[must_use]
    pub fn version_text(&self) -> String {
        self.version.map(|part| part.to_string()).join(".")
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first 32 bytes of a plan that TensorRT 8.6.0 wrote, with another length.
    fn plan(bytes: u64) -> Vec<u8> {
        let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        plan.extend(bytes.to_le_bytes());
        plan.extend([8, 6, 0, 12, 0, 0, 0, 0]);
        plan.resize(100, 7);
        plan
    }

    #[test]
    fn a_whole_plan_tells_its_version() {
        let header = PlanHeader::read("m.plan", &plan(100)).expect("a whole plan");
        assert_eq!(header.version_text(), "8.6.0.12");
        assert_eq!(header.bytes, 100);
    }

    #[test]
    fn what_is_no_whole_plan_is_named() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "is empty"),
            (b"some text", "9 bytes that are no plan"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "Git LFS pointer",
            ),
            (b"ftrt", "truncated: 4 bytes"),
            (&plan(100)[..31], "31 bytes, its header says 100"),
            (&plan(101), "100 bytes, its header says 101"),
        ];
        for (bytes, expected) in cases {
            let error = PlanHeader::read("m.plan", bytes)
                .expect_err("no whole plan")
                .to_string();
            assert!(
                error.contains(expected) && error.contains("'m.plan'"),
                "{error}"
            );
        }
    }
}
