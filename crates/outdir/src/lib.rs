//! Result folders: the one place that decides what camweave may replace or remove.
//!
//! A user may name any folder for results, also one with files of their own. So a folder of
//! camweave's results has a mark, the file `.camweave`, which lists what camweave has created
//! there. Names are listed *before* their files are created ([`Folder::claim`]), and a name that
//! exists and is not listed is foreign: it is never replaced, removed or written into. Nor is a
//! file that somebody has put in the place of a listed one: the mark notes when each was created.
//!
//! - [`Folder`]: claims names, and sets earlier results aside until the new run's checks passed.
//! - [`WriterLock`]: one writer per folder, until its process ends.
//! - [`open_own`] and [`read_bounded`]: no link is followed, and no FIFO waited for.
//! - [`replace()`], [`replace_in_room`] and [`NewFile`]: files that readers never see half of.
//! - [`Lines`]: a file of lines that survives a killed writer and a full disk.
//! - [`RunFolder`] and [`tidy_runs`]: the logs that dora leaves of each run.
//! - [`sync_folder`]: names that last through a power cut.
//! - [`History`]: finished segments of such files, and how long they are kept.
//!
//! Files are readable by their owner and group alone: detections and pictures are about people.

mod aside;
mod error;
mod folder;
mod history;
mod lines;
mod lock;
mod mark;
mod new_file;
mod own;
mod replace;
mod runs;
mod sync;

pub use aside::Aside;
pub use error::Error;
pub use folder::Folder;
pub use history::{History, Removed, Retention};
pub use lines::{Lines, NotWritten};
pub use lock::WriterLock;
pub use new_file::{NewFile, create_new};
pub use own::{open_for_reading, open_own, read_bounded};
pub use replace::{replace, replace_in_room};
pub use runs::{RunFolder, Tidied, tidy_runs};
pub use sync::sync_folder;

/// Mode of result files: the owner writes, the group reads.
pub const FILE_MODE: u32 = 0o640;
/// Mode of files that nobody but the owner reads, such as a `cameras.yml` with passwords.
pub const PRIVATE_MODE: u32 = 0o600;
/// Mode of folders that are created for results.
pub const FOLDER_MODE: u32 = 0o750;
