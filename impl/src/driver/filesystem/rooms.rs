//! Room for pieces of large files, used again and again.
//!
//! A large file is streamed in pieces that are gone a moment later. Fresh memory of that size comes from the system page by page, zeroed,
//! and goes back to it; that takes a good part of the time of reading. So a few rooms are kept. Small pieces get memory of their own.

use bytes::Bytes;

use super::READ_CHUNK;
use crate::sync::{Arc, Mutex, lock};

/// How many rooms are kept while nobody uses them: 4 MiB.
const KEPT: usize = 8;

/// Below this a fresh room costs next to nothing, in bytes.
const SMALL: usize = 32 << 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(Arc<Mutex<Vec<Vec<u8>>>>);

/// Room for one piece. What is in it before it is filled is of no meaning.
pub(super) struct Room {
    bytes: Vec<u8>,
    size: usize,
    from: Rooms,
}

impl Rooms {
    /// Room for so many bytes.
    pub(super) fn room(&self, size: usize) -> Room {
        let bytes = match (SMALL..=READ_CHUNK).contains(&size) {
            true => lock(&self.0).pop().unwrap_or_else(|| vec![0; READ_CHUNK]),
            false => vec![0; size],
        };
        Room { bytes, size, from: self.clone() }
    }
}

impl Room {
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.size]
    }

    /// What it was filled with. The room comes back when that is used no more.
    pub(super) fn into_bytes(mut self) -> Bytes {
        if self.bytes.len() != READ_CHUNK {
            return std::mem::take(&mut self.bytes).into();
        }
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut kept = lock(&self.from.0);
        if self.bytes.len() == READ_CHUNK && kept.len() < KEPT {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rooms: &Rooms, size: usize, with: u8) -> Bytes {
        let mut room = rooms.room(size);
        room.as_mut().fill(with);
        room.into_bytes()
    }

    #[test]
    fn a_room_is_used_again_once_nobody_reads_it_any_more_and_shows_nothing_of_before() {
        let rooms = Rooms::default();
        let first = filled(&rooms, SMALL + 2, b'a');
        let part = first.slice(1..3);
        let place = first.as_ptr();
        drop(first);
        // Somebody still reads.
        let second = filled(&rooms, SMALL, b'b');
        assert_ne!(second.as_ptr(), place);
        assert_eq!(part, "aa");
        drop(part);
        let third = filled(&rooms, SMALL, b'c');
        assert_eq!(third.as_ptr(), place);
        assert!(third.len() == SMALL && third.iter().all(|byte| *byte == b'c'));
        assert!(second.iter().all(|byte| *byte == b'b'));
    }

    #[test]
    fn few_are_kept_and_no_small_ones() {
        let rooms = Rooms::default();
        drop((0..KEPT + 3).map(|_| filled(&rooms, READ_CHUNK, b'x')).collect::<Vec<_>>());
        assert_eq!(lock(&rooms.0).len(), KEPT);
        // Who wants more than a room gets it.
        assert_eq!(filled(&rooms, READ_CHUNK + 1, b'x').len(), READ_CHUNK + 1);
        assert_eq!(lock(&rooms.0).len(), KEPT);
        let rooms = Rooms::default();
        assert_eq!(filled(&rooms, 3, b'x'), "xxx");
        drop((rooms.room(5), rooms.room(READ_CHUNK + 1)));
        assert_eq!(lock(&rooms.0).len(), 0);
    }
}
