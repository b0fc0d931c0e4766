//! Everything in memory: for tests, for checkers that run many thousand operations, and for a registry that forgets.
//!
//! One ordered map from path to node, under one lock that is never held across an await. Directories are nodes of their own, as
//! in a filesystem: they appear with what is written below them and stay when it goes. A file is a list of chunks that are
//! shared with those who read it, so nothing is copied but by [`read`](Driver::read) of a file that was appended to.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream;

use super::{
    Appender, Clock, ContentStream, Driver, DriverError, Entry, Kind, MAX_CHUNK, Stat, StoragePath, SystemClock,
};
use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// Keeps everything in memory. A clone shares the content, as two processes share a disk.
#[derive(Clone, Debug)]
pub struct Memory {
    nodes: Arc<Mutex<BTreeMap<String, Node>>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Node {
    Directory { made: u64 },
    // Shared with its appenders, which follow it when it is renamed.
    File(Arc<Mutex<Content>>),
}

#[derive(Debug, Default)]
struct Content {
    chunks: Vec<Bytes>,
    size: u64,
    modified: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Memory {
    /// An empty tree, whose files are dated by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let root = Node::Directory { made: clock.seconds() };
        let nodes = BTreeMap::from([(StoragePath::root().as_str().to_owned(), root)]);
        Self { nodes: Arc::new(Mutex::new(nodes)), clock }
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        lock(&self.nodes)
    }

    /// The file at this path.
    fn file(&self, path: &StoragePath) -> Result<Arc<Mutex<Content>>, DriverError> {
        match self.nodes().get(path.as_str()) {
            Some(Node::File(content)) => Ok(Arc::clone(content)),
            Some(Node::Directory { .. }) | None => Err(DriverError::NotFound { path: path.clone() }),
        }
    }

    /// Puts a file at this path, and directories above it.
    fn place(
        &self,
        nodes: &mut BTreeMap<String, Node>,
        path: &StoragePath,
        content: Arc<Mutex<Content>>,
        operation: &'static str,
    ) -> Result<(), DriverError> {
        let in_the_way = |kind: io::ErrorKind| DriverError::Io { path: path.clone(), operation, source: kind.into() };
        if matches!(nodes.get(path.as_str()), Some(Node::Directory { .. })) || *path == StoragePath::root() {
            return Err(in_the_way(io::ErrorKind::IsADirectory));
        }
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(directory) = above {
            match nodes.get(directory.as_str()) {
                Some(Node::Directory { .. }) => break,
                Some(Node::File(_)) => return Err(in_the_way(io::ErrorKind::NotADirectory)),
                None => missing.push(directory.as_str().to_owned()),
            }
            above = directory.parent();
        }
        let made = self.clock.seconds();
        nodes.extend(missing.into_iter().map(|directory| (directory, Node::Directory { made })));
        nodes.insert(path.as_str().to_owned(), Node::File(content));
        Ok(())
    }
}

/// The beginning of every path below this directory.
fn below(directory: &StoragePath) -> String {
    format!("{}/", directory.as_str().trim_end_matches('/'))
}

/// The part of the chunks from `offset` on, at most `length` bytes, in pieces of at most [`MAX_CHUNK`].
fn cut(chunks: &[Bytes], mut offset: u64, length: Option<u64>) -> VecDeque<Bytes> {
    let mut left = length.unwrap_or(u64::MAX);
    let mut pieces = VecDeque::new();
    for chunk in chunks {
        let size = chunk.len() as u64;
        let (start, end) = (offset.min(size), offset.saturating_add(left).min(size));
        offset -= start;
        left -= end - start;
        // Both are at most the length of the chunk, which is a usize.
        #[allow(clippy::cast_possible_truncation)]
        let mut rest = chunk.slice(start as usize..end as usize);
        while !rest.is_empty() {
            pieces.push_back(rest.split_to(rest.len().min(MAX_CHUNK)));
        }
    }
    pieces
}

#[async_trait]
impl Driver for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        let file = self.file(path)?;
        let content = lock(&file);
        if content.size > limit {
            return Err(DriverError::TooLarge { path: path.clone(), size: content.size, limit });
        }
        Ok(match content.chunks.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            chunks => {
                let mut whole = BytesMut::new();
                chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
                whole.freeze()
            }
        })
    }

    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        let file = self.file(path)?;
        let pieces = cut(&lock(&file).chunks, offset, length);
        Ok(stream::iter(pieces.into_iter().map(Ok)).boxed())
    }

    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        let size = content.len() as u64;
        let content = Content { chunks: vec![content], size, modified: self.clock.seconds() };
        // A new file each time: who reads or appends to the old one keeps it.
        self.place(&mut self.nodes(), path, Arc::new(Mutex::new(content)), "write")
    }

    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        let mut nodes = self.nodes();
        let content = if let Some(Node::File(content)) = nodes.get(path.as_str()) {
            Arc::clone(content)
        } else {
            let content = Arc::new(Mutex::new(Content { modified: self.clock.seconds(), ..Content::default() }));
            self.place(&mut nodes, path, Arc::clone(&content), "append")?;
            content
        };
        let size = lock(&content).size;
        Ok(Box::new(MemoryAppender { content, size, clock: Arc::clone(&self.clock) }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        match self.nodes().get(path.as_str()) {
            Some(Node::Directory { made }) => Ok(Stat { size: 0, modified: *made, is_dir: true }),
            Some(Node::File(content)) => {
                let content = lock(content);
                Ok(Stat { size: content.size, modified: content.modified, is_dir: false })
            }
            None => Err(DriverError::NotFound { path: path.clone() }),
        }
    }

    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        Ok(self.entries(path).await?.into_iter().map(|entry| entry.name).collect())
    }

    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        let nodes = self.nodes();
        if !matches!(nodes.get(path.as_str()), Some(Node::Directory { .. })) {
            return Err(DriverError::NotFound { path: path.clone() });
        }
        let prefix = below(path);
        let mut entries = Vec::new();
        let mut from = Bound::Excluded(prefix.clone());
        while let Some((key, node)) = nodes.range((from, Bound::Unbounded)).next() {
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            from = match rest.split_once('/') {
                None => {
                    let kind = match node {
                        Node::Directory { .. } => Kind::Directory,
                        Node::File(_) => Kind::File,
                    };
                    entries.push(Entry { name: rest.to_owned(), kind });
                    Bound::Excluded(key.clone())
                }
                // Below a child that is listed already: go past all that is below it ('0' follows '/').
                Some((child, _)) => Bound::Included(format!("{prefix}{child}0")),
            };
        }
        Ok(entries)
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        let mut nodes = self.nodes();
        let Some(Node::File(content)) = nodes.get(from.as_str()) else {
            return Err(DriverError::NotFound { path: from.clone() });
        };
        let content = Arc::clone(content);
        self.place(&mut nodes, to, Arc::clone(&content), "rename")?;
        lock(&content).modified = self.clock.seconds();
        if from != to {
            nodes.remove(from.as_str());
        }
        Ok(())
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        if *path == StoragePath::root() {
            return Err(DriverError::InvalidPath { path: path.as_str().to_owned() });
        }
        let mut nodes = self.nodes();
        if nodes.remove(path.as_str()).is_none() {
            return Err(DriverError::NotFound { path: path.clone() });
        }
        let prefix = below(path);
        let end = format!("{}0", path.as_str());
        let gone: Vec<String> = nodes.range(prefix..end).map(|(key, _)| key.clone()).collect();
        for key in gone {
            nodes.remove(&key);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryAppender {
    content: Arc<Mutex<Content>>,
    size: u64,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Appender for MemoryAppender {
    fn size(&self) -> u64 {
        self.size
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), DriverError> {
        let mut content = lock(&self.content);
        if !chunk.is_empty() {
            content.size += chunk.len() as u64;
            content.modified = self.clock.seconds();
            content.chunks.push(chunk);
        }
        self.size = content.size;
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), DriverError> {
        Ok(())
    }
}
