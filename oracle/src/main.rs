//! The command line: `proofhouse check`, `proofhouse explain` and `proofhouse serve`.
//!
//! Exit status: 0, it conforms (or the manifest is accepted, or the server was asked to stop); 1, it does not; 2, that could not
//! be found out, or nothing could be served, and one line on stderr says why; 130 or 143, SIGINT or SIGTERM ended a check before anything
//! was found.

mod cli;

use std::process::ExitCode;

/// The system's own is slower where threads free what others have allocated, which is how a server's buffers go.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
