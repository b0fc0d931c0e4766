//! The command line: `proofhouse check` and `proofhouse explain`.
//!
//! Exit status: 0, it conforms (or the manifest is accepted); 1, it does not; 2, that could not be found out, and one line on
//! stderr says why.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
