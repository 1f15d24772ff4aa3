//! Small things about files that several parts need.

use std::fs::File;
use std::io;
use std::path::Path;

use camweave_outdir::Error;

/// Makes names in the folder last through a power cut.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
