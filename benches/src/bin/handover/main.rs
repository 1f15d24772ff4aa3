//! Hand-over of 3 MiB frames between two processes: references into a pool against dora's own
//! shared memory.
//!
//! The same graph of two nodes, and of more with relays between them, carries both: the sender copies a frame from a source buffer into
//! the memory that is handed over, the receiver reads every 64th byte, and what it has read comes
//! back as a small message that lets the sender go on.

mod compare;
mod receive;
mod relay;
mod run;
mod send;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Frames handed over by pool references and by dora's shared memory, in turn.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Both in turn, A B B A: prints a table
    Compare(compare::Options),
    /// The sending node of the graph
    Send,
    /// A node of the graph that hands on what it gets
    Relay,
    /// The receiving node of the graph
    Receive,
}

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Compare(options) => compare::run(&options),
        Command::Send => send::node(),
        Command::Relay => relay::node(),
        Command::Receive => receive::node(),
    }
}
