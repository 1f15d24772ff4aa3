//! Small things about files that several parts need.

use std::io;
use std::path::Path;

use camweave_outdir::Error;

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
