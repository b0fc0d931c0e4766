//! The command line: `proofhouse check`, `proofhouse explain` and `proofhouse serve`.
//!
//! Exit status: 0, it conforms (or the manifest is accepted, or the server was asked to stop); 1, it does not; 2, that could not
//! be found out, or nothing could be served, and one line on stderr says why; 130 or 143, SIGINT or SIGTERM ended a check before anything
//! was found.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
