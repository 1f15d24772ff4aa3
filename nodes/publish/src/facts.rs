//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const RECEIVER: Fact = Fact {
    name: "receiver",
    help: "where events go",
};
pub(crate) const CONNECTION: Fact = Fact {
    name: "connection",
    help: "`connected`, or `away: ` and why",
};
pub(crate) const CONNECTED: Fact = Fact {
    name: "connected",
    help: "1 or 0",
};
pub(crate) const DELIVERED: Fact = Fact {
    name: "delivered",
    help: "rows of events that the receiver has confirmed, since this start",
};
pub(crate) const REFUSED: Fact = Fact {
    name: "refused",
    help: "rows that the receiver will never take, as it said, and that were left out",
};
pub(crate) const QUEUED: Fact = Fact {
    name: "queued",
    help: "rows that wait for their delivery",
};
pub(crate) const UNSAVED: Fact = Fact {
    name: "unsaved",
    help: "those of them that are in memory alone, as the disk takes none",
};
pub(crate) const SPOOL_BYTES: Fact = Fact {
    name: "spool_bytes",
    help: "bytes of the queue on disk",
};
pub(crate) const SPOOL_LIMIT_BYTES: Fact = Fact {
    name: "spool_limit_bytes",
    help: "bytes that it may have",
};
pub(crate) const OLDEST_SECONDS: Fact = Fact {
    name: "oldest_seconds",
    help: "for how long the oldest of them has waited",
};
pub(crate) const DROPPED: Fact = Fact {
    name: "dropped",
    help: "undelivered rows that were dropped, oldest first, as the queue was full, since this start",
};
pub(crate) const MISSING: Fact = Fact {
    name: "missing",
    help: "undelivered rows that were in the queue and that the disk has lost, since this start",
};

pub(crate) const FACTS: &[Fact] = &[
    RECEIVER,
    CONNECTION,
    CONNECTED,
    DELIVERED,
    REFUSED,
    QUEUED,
    UNSAVED,
    SPOOL_BYTES,
    SPOOL_LIMIT_BYTES,
    OLDEST_SECONDS,
    DROPPED,
    MISSING,
];
