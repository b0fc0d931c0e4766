//! What is on a disk: what survives, and what was done since and may be forgotten.
//!
//! Every change is pending until what it changed is synced: bytes of a file by a sync of the file, names in a directory by a sync of
//! the directory. A crash keeps or forgets each pending change by itself ([`Fate`]), and may tear a write at any byte. A move
//! between two directories is two changes. The removal never comes without the addition, and of a directory neither without the
//! other: every filesystem that people use keeps to that, and no registry could do without.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// A file or a directory, by its number. The root has 0.
pub(crate) type Number = u64;

/// More changes than this are never pending: the oldest reach the disk by themselves, as they do anywhere in half a minute.
const MOST_PENDING: usize = 32;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    File { data: Arc<Vec<u8>>, durable: Arc<Vec<u8>>, modified: u64 },
    Directory { names: BTreeMap<String, Number>, durable: BTreeMap<String, Number> },
}

impl Node {
    pub(crate) fn file() -> Self {
        Self::File { data: Arc::default(), durable: Arc::default(), modified: 0 }
    }

    pub(crate) fn directory() -> Self {
        Self::Directory { names: BTreeMap::new(), durable: BTreeMap::new() }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write {
        offset: usize,
        bytes: Arc<[u8]>,
    },
    Cut {
        size: usize,
    },
    /// `after`: not without that change. `is_both`: nor that one without this.
    Names {
        names: Vec<(String, Option<Number>)>,
        after: Option<u64>,
        is_both: bool,
    },
}

/// A change that may be forgotten.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    id: u64,
    of: Number,
    pub(crate) change: Change,
}

/// What a crash does to a pending change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Of a write: only so many bytes arrived.
    Torn(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Volume {
    pub(crate) nodes: BTreeMap<Number, Node>,
    pub(crate) pending: Vec<Pending>,
    /// When names in a directory were last changed: the number of the change.
    pub(crate) changed_at: BTreeMap<Number, u64>,
    next: u64,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::from([(0, Node::directory())]),
            pending: Vec::new(),
            changed_at: BTreeMap::new(),
            next: 0,
        }
    }
}

impl Volume {
    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn add(&mut self, node: Node) -> Number {
        let number = self.fresh();
        self.nodes.insert(number, node);
        number
    }

    /// Does a change, and remembers that it may be forgotten. Answers its number.
    pub(crate) fn change(&mut self, of: Number, change: Change) -> u64 {
        self.apply(of, &change, Fate::Kept, false);
        let id = self.fresh();
        if matches!(change, Change::Names { .. }) {
            self.changed_at.insert(of, id);
        }
        self.pending.push(Pending { id, of, change });
        if self.pending.len() > MOST_PENDING {
            let oldest = self.pending.remove(0);
            self.apply(oldest.of, &oldest.change, Fate::Kept, true);
        }
        id
    }

    /// Everything of which a crash may forget something.
    pub(crate) fn changed(&self) -> BTreeSet<Number> {
        self.pending.iter().map(|change| change.of).collect()
    }

    /// What was done to a file or a directory is not forgotten any more.
    pub(crate) fn sync(&mut self, of: Number) {
        let mut synced: BTreeSet<u64> =
            self.pending.iter().filter(|change| change.of == of).map(|change| change.id).collect();
        for Pending { id, change, .. } in &self.pending {
            if let Change::Names { after: Some(first), is_both: true, .. } = change
                && (synced.contains(first) || synced.contains(id))
            {
                synced.extend([*first, *id]);
            }
        }
        for Pending { id, of, change } in std::mem::take(&mut self.pending) {
            if synced.contains(&id) {
                self.apply(of, &change, Fate::Kept, true);
            } else {
                self.pending.push(Pending { id, of, change });
            }
        }
    }

    /// What was written to a file stays readable until a crash, and never reaches the disk.
    pub(crate) fn give_up(&mut self, of: Number) {
        self.pending.retain(|change| change.of != of || matches!(change.change, Change::Names { .. }));
    }

    fn apply(&mut self, of: Number, change: &Change, fate: Fate, durably: bool) {
        match (self.nodes.get_mut(&of), change) {
            (Some(Node::File { data, durable, .. }), Change::Write { offset, bytes }) => {
                let kept = match fate {
                    Fate::Kept => bytes.len(),
                    Fate::Lost => return,
                    Fate::Torn(at) => at.min(bytes.len()),
                };
                let data = Arc::make_mut(if durably { durable } else { data });
                // What lies between was forgotten, and reads as zeros.
                data.resize(data.len().max(offset + kept), 0);
                data[*offset..offset + kept].copy_from_slice(&bytes[..kept]);
            }
            (Some(Node::File { data, durable, .. }), Change::Cut { size }) => {
                Arc::make_mut(if durably { durable } else { data }).truncate(*size);
            }
            (Some(Node::Directory { names, durable }), Change::Names { names: set, .. }) => {
                let names = if durably { durable } else { names };
                for (name, number) in set {
                    match number {
                        Some(number) => names.insert(name.clone(), *number),
                        None => names.remove(name),
                    };
                }
            }
            _ => {}
        }
    }

    /// What is there after a crash that loses all that may be lost.
    pub(crate) fn without_power(&self) -> Self {
        self.crashed(&vec![Fate::Lost; self.pending.len()])
    }

    /// What is there after a crash that does this to the pending changes.
    pub(crate) fn crashed(&self, fates: &[Fate]) -> Self {
        let mut after = self.clone();
        let mut lost = BTreeSet::new();
        for (Pending { id, of, change }, fate) in std::mem::take(&mut after.pending).iter().zip(fates) {
            let is_lost = match change {
                Change::Names { after: Some(first), .. } if lost.contains(first) => true,
                Change::Names { after: Some(_), is_both: true, .. } => false,
                _ => *fate == Fate::Lost,
            };
            if is_lost {
                lost.insert(*id);
            } else {
                after.apply(*of, change, *fate, true);
            }
        }
        for node in after.nodes.values_mut() {
            match node {
                Node::File { data, durable, .. } => *data = Arc::clone(durable),
                Node::Directory { names, durable } => names.clone_from(durable),
            }
        }
        after.nodes = after.reachable(0, &mut BTreeMap::new(), &mut DefaultHasher::new());
        after
    }

    /// What can be reached, and a number for the whole tree.
    fn reachable(
        &self,
        at: Number,
        found: &mut BTreeMap<Number, Node>,
        hash: &mut DefaultHasher,
    ) -> BTreeMap<Number, Node> {
        self.visit(at, found, hash);
        std::mem::take(found)
    }

    fn visit(&self, at: Number, found: &mut BTreeMap<Number, Node>, hash: &mut DefaultHasher) {
        // A name whose file was never made durable, and is gone: as empty as it was made.
        let Some(node) = self.nodes.get(&at) else { return };
        found.insert(at, node.clone());
        match node {
            Node::File { data, .. } => (0, data).hash(hash),
            Node::Directory { names, .. } => {
                (1, names.len()).hash(hash);
                for (name, number) in names {
                    name.hash(hash);
                    self.visit(*number, found, hash);
                }
            }
        }
    }

    /// Tells trees apart by names and bytes.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        self.visit(0, &mut BTreeMap::new(), &mut hash);
        hash.finish()
    }

    /// What each pending change is, in words.
    pub(crate) fn told(&self, fates: &[Fate]) -> Vec<String> {
        let told = self.pending.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Kept);
        told.map(|(pending, fate)| match &pending.change {
            Change::Write { offset, bytes } => {
                format!("{fate:?}: {} bytes at {offset} of file {}", bytes.len(), pending.of)
            }
            Change::Cut { size } => format!("{fate:?}: a cut to {size} of file {}", pending.of),
            Change::Names { names, .. } => format!("{fate:?}: in directory {}: {names:?}", pending.of),
        })
        .collect()
    }
}

/// Which crashes are tried of so many that are possible: all is kept; all is lost; every prefix; each change lost alone, and kept
/// alone; each write torn in three places, with all else kept and with all else lost; and `samples` others, drawn by `seed`.
pub(crate) fn crashes(volume: &Volume, samples: usize, mut seed: u64) -> BTreeSet<Vec<Fate>> {
    let count = volume.pending.len();
    let prefix = |kept: usize| (0..count).map(|at| if at < kept { Fate::Kept } else { Fate::Lost }).collect();
    let mut all: BTreeSet<Vec<Fate>> = (0..=count).map(prefix).collect();
    let mut one = |at: usize, other: Fate, fate: Fate| {
        let mut fates = vec![other; count];
        fates[at] = fate;
        all.insert(fates);
    };
    for (at, pending) in volume.pending.iter().enumerate() {
        one(at, Fate::Kept, Fate::Lost);
        one(at, Fate::Lost, Fate::Kept);
        if let Change::Write { bytes, .. } = &pending.change {
            for torn in [1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
                one(at, Fate::Kept, Fate::Torn(torn));
                one(at, Fate::Lost, Fate::Torn(torn));
            }
        }
    }
    for _ in 0..if count > 1 { samples } else { 0 } {
        let fates = volume.pending.iter().map(|pending| {
            // SplitMix64.
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut dice = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            dice = (dice ^ (dice >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            dice ^= dice >> 31;
            match (&pending.change, dice % 3) {
                (Change::Write { bytes, .. }, 0) => {
                    Fate::Torn(usize::try_from(dice >> 32).unwrap_or(0) % (bytes.len() + 1))
                }
                (_, 1) => Fate::Lost,
                _ => Fate::Kept,
            }
        });
        let fates = fates.collect();
        all.insert(fates);
    }
    all
}
