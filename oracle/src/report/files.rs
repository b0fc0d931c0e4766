//! A report as a directory of files.
//!
//! Each file is written under another name first and then renamed, so that whoever looks finds it whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::repro::Repro;
use super::script::script;
use super::{Report, foreign, html, issue, junit};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Writes all files of a report into a directory, which is made if it is missing. `report.html` comes last, so that its links lead
/// somewhere.
///
/// Directories of divergences that an earlier report left there, and this one does not have, are removed.
///
/// # Errors
/// The first file that could not be written.
pub fn write_all(report: &Report, directory: &Path) -> Result<(), WriteError> {
    let make = |path: &Path| fs::create_dir_all(path).map_err(|source| WriteError { path: path.to_owned(), source });
    make(directory)?;
    forget(directory, report.divergences.len())?;
    for (at, divergence) in report.divergences.iter().enumerate() {
        let own = directory.join(name(at));
        make(&own)?;
        // Whoever made the registry gets these.
        let divergence = &*divergence.for_others();
        let repro = serde_json::to_string_pretty(&Repro::new(report, divergence))
            .map_err(|error| WriteError { path: own.join("repro.json"), source: error.into() })?;
        write(&own.join("repro.json"), &(foreign::in_json(&repro) + "\n"))?;
        write(&own.join("repro.sh"), &script(report, divergence))?;
        write(&own.join("issue.md"), &issue::render(report, divergence))?;
    }
    write(&directory.join("report.json"), &(report.json() + "\n"))?;
    write(&directory.join("junit.xml"), &junit::render(report))?;
    write(&directory.join("report.html"), &html::render(report))
}

/// The directory of a divergence, numbered from 0 here and from 1 in its name.
pub(super) fn name(at: usize) -> String {
    format!("divergence-{}", at + 1)
}

/// What an earlier report left, of which this one has no counterpart. Only our own files go.
fn forget(directory: &Path, count: usize) -> Result<(), WriteError> {
    for at in count.. {
        let old = directory.join(name(at));
        if !old.is_dir() {
            return Ok(());
        }
        let remove = || {
            for file in ["repro.json", "repro.sh", "issue.md"] {
                match fs::remove_file(old.join(file)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            fs::remove_dir(&old)
        };
        match remove() {
            // Somebody put something beside them: that stays.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => removed.map_err(|source| WriteError { path: old.clone(), source })?,
        }
    }
    Ok(())
}

/// Writes a file whole, or leaves what was there.
///
/// # Errors
/// It could not be written.
pub fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    let failed = |source| WriteError { path: path.to_owned(), source };
    let mut file = beside(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map(|_| ()).map_err(|error| failed(error.error))
}

/// Could a file be written there? What is there stays.
///
/// # Errors
/// It could not, or something else is there than a file.
pub fn writable(path: &Path) -> Result<(), WriteError> {
    let failed = |source| WriteError { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    beside(path).map(drop).map_err(failed)
}

/// A file of another name in the same directory, which goes if nobody renames it.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As other files are, as far as the user's mask goes; a temporary one would be its owner's alone.
    let everybody = fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".proofhouse-").permissions(everybody).tempfile_in(directory)
}

#[cfg(test)]
pub(super) mod tests;
