//! Files that a user names.
//!
//! A slip must not hang the program or fill the memory: only what is a regular file, or a pipe that ends, is read, and only so
//! much of it. A device has no end, and none of these files is large.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The longest that is read, in bytes.
pub const LONGEST: u64 = 64 * 1024 * 1024;

/// All of a file.
///
/// # Errors
/// It cannot be read, is a directory or a device, or is longer than [`LONGEST`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening some devices does something.
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory; name a file"));
    }
    // Shells hand over what a command says as a pipe.
    if !kind.is_file() && !is_pipe(kind) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a device or a socket; name a file"));
    }
    read_to_end(File::open(path)?)
}

/// As [`read`], of what is open already.
///
/// # Errors
/// It cannot be read, or is longer than [`LONGEST`].
pub fn read_to_end(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        let what = format!("it is longer than {} MiB; that is no file for this", LONGEST / 1024 / 1024);
        return Err(io::Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// As [`read`], as text.
///
/// # Errors
/// As [`read`], and it is no text in UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: fs::FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        assert_eq!(read_to_end(io::repeat(0)).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_to_end(&b"all of it"[..]).unwrap(), b"all of it");
    }
}
