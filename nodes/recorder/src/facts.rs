//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const FOLDER: Fact = Fact {
    name: "folder",
    help: "where the clips are",
};

pub(crate) const DISK: Fact = Fact {
    name: "disk",
    help: "`written`, or why clips are not written",
};

pub(crate) const RECORDING: Fact = Fact {
    name: "recording",
    help: "clips that are being recorded",
};

pub(crate) const CLIPS: Fact = Fact {
    name: "clips",
    help: "finished clips in the folder",
};

pub(crate) const BYTES: Fact = Fact {
    name: "bytes",
    help: "bytes of these, with their sidecars",
};

pub(crate) const WAITING: Fact = Fact {
    name: "waiting_bytes",
    help: "bytes that wait for the disk",
};

pub(crate) const FACTS: &[Fact] = &[FOLDER, DISK, RECORDING, CLIPS, BYTES, WAITING];
