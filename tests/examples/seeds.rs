//! Writes the seeds of the fuzz targets to `fuzz/corpus/`: `cargo run -p proofhouse-tests --example seeds`.
//!
//! What stands there and is no seed any more goes.

use std::io;
use std::path::Path;

use proofhouse_tests::fuzz::seeds;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    if corpus.exists() {
        std::fs::remove_dir_all(&corpus)?;
    }
    for seed in seeds::all() {
        let directory = corpus.join(seed.target);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(&seed.name), &seed.bytes)?;
    }
    Ok(())
}
