//! The `camweave` command, as a library: its program is one call of [`main`].

mod ab;
mod bench;
mod cameras;
mod demo;
mod describe;
mod doctor;
mod engine;
mod error;
mod evaluate;
mod graph;
mod init;
mod model;
mod plan;
mod profile;
mod replay;
mod report;
mod rules;
mod run;
mod say;
mod shipped;
mod terminal;
mod trace;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;

use crate::say::note;

/// Many cameras in, detections and tracks out.
#[derive(Debug, Parser)]
#[command(name = "camweave", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run simulated cameras (or your own) through a complete graph, and show the results.
    Demo(Box<demo::Options>),
    /// List the graphs that come with camweave, or write them out for editing.
    Graphs(shipped::Options),
    /// Check a graph: what dora would refuse, and what it would accept and then lose.
    Check {
        /// The graph: a file, or the name of one that 'camweave graphs' lists.
        graph: std::path::PathBuf,
    },
    /// Show where a graph spends its time, by component, and which one is the bottleneck.
    Profile(Box<profile::Options>),
    /// Measure frames per second against number of cameras, batch size or load.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Compare graphs: in turns, on the same frames, with confidence intervals and verdicts.
    Ab(Box<ab::Options>),
    /// Play recorded clips through a graph again, and compare what it detects with what was detected
    /// when they were recorded.
    Replay(Box<replay::Options>),
    /// Generate reports from the measurements of scripts/.
    #[command(subcommand, hide = true)]
    Report(report::Command),
    /// Merge the spans of all processes of a run (CAMWEAVE_SPANS=trace) into one Perfetto trace.
    Trace(trace::Options),
    /// From cameras to a graph that runs: look at them, measure the machine, write a folder.
    Init(Box<init::Options>),
    /// Measure this machine, and print how many cameras it carries.
    Plan(plan::Options),
    /// Check what the graphs need on this machine: what is there, what works without, how to get
    /// it.
    Doctor(doctor::Options),
    /// Build TensorRT engines, and describe a plan or a model.
    #[command(subcommand)]
    Engine(engine::Command),
    /// Get a detector by name, show what an ONNX file is taken for, or write that for editing.
    #[command(subcommand)]
    Model(model::Command),
    /// Check a cameras.yml and list its cameras; add, remove, change and test cameras.
    Cameras(Box<cameras::Options>),
    /// Check a rules.yml and list its rules.
    Rules(rules::Options),
    /// Score detections.jsonl against the record of simulated cameras.
    Evaluate {
        /// The detections that a sink wrote.
        detections: std::path::PathBuf,
        /// The folder that `camera-sim --record` wrote.
        record: std::path::PathBuf,
    },
    /// Print completions for a shell: 'camweave completions bash > FILE', and source the file.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: std::path::PathBuf,
    },
}

/// The program: what the command line asks for, and its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Pictures, detections and logs of cameras are nobody's but the user's and the group's, whoever
    // writes them for this command.
    umask(umask(Mode::empty()) | Mode::RWXO | Mode::WGRP);
    let result = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Graphs(options) => shipped::show(&options),
        Command::Check { graph } => graph::show(&graph),
        Command::Profile(options) => profile::run(&options),
        Command::Bench(command) => bench::run(&command),
        Command::Ab(options) => ab::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Report(command) => report::run(&command),
        Command::Trace(options) => trace::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Plan(options) => plan::run(&options),
        Command::Doctor(options) => doctor::run(options),
        Command::Engine(command) => engine::run(&command),
        Command::Model(command) => model::run(&command),
        Command::Cameras(options) => cameras::run(&options),
        Command::Rules(options) => rules::run(&options),
        Command::Evaluate { detections, record } => evaluate::show(&detections, &record),
        Command::Completions { shell } => describe::completions(Arguments::command(), shell),
        Command::Man { folder } => describe::man(Arguments::command(), &folder),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            note!("error: {error}");
            error.exit.into()
        }
    }
}
