//! Where something stands in a driver: `/a/b`, the same text on every driver.
//!
//! A [`StoragePath`] cannot climb out of the driver's root: it has no empty component, no `.`, no `..`, and no NUL. Names that
//! begin with `.tmp-` belong to the drivers and cannot be asked for.

use std::fmt;
use std::str::FromStr;

use super::DriverError;
use crate::sync::Arc;

/// Names that begin so are a driver's own: unfinished writes, and trees on their way out.
pub(super) const TEMPORARY: &str = ".tmp-";

/// An absolute path below a driver's root. `/` is the root itself. Order is that of the bytes; a clone shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoragePath(Arc<str>);

impl StoragePath {
    /// The root, `/`.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Takes `/`, or `/` before each of some components.
    ///
    /// # Errors
    /// [`DriverError::InvalidPath`] if it does not begin with `/`, or one of its components is empty, `.`, `..`, begins with
    /// `.tmp-` or has a NUL.
    pub fn new(text: impl AsRef<str>) -> Result<Self, DriverError> {
        let text = text.as_ref();
        let valid = match text.strip_prefix('/') {
            Some("") => true,
            Some(rest) => rest.split('/').all(is_component),
            None => false,
        };
        if valid { Ok(Self(text.into())) } else { Err(DriverError::InvalidPath { path: text.to_owned() }) }
    }

    /// What stands at `relative` (one component or several, `a/b`) below here.
    ///
    /// # Errors
    /// [`DriverError::InvalidPath`] as [`new`](Self::new).
    pub fn join(&self, relative: impl AsRef<str>) -> Result<Self, DriverError> {
        let relative = relative.as_ref();
        let mut text = String::with_capacity(self.0.len() + 1 + relative.len());
        text.push_str(self.0.trim_end_matches('/'));
        text.push('/');
        text.push_str(relative);
        if relative.split('/').all(is_component) {
            Ok(Self(text.into()))
        } else {
            Err(DriverError::InvalidPath { path: text })
        }
    }

    /// The directory it stands in. The root stands in none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((_, "")) | None => None,
            Some(("", _)) => Some(Self::root()),
            Some((parent, _)) => Some(Self(parent.into())),
        }
    }

    /// Is it the root?
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The components from the root down; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }

    /// The whole text, beginning with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_component(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains('\0') && !text.starts_with(TEMPORARY)
}

impl FromStr for StoragePath {
    type Err = DriverError;

    fn from_str(text: &str) -> Result<Self, DriverError> {
        Self::new(text)
    }
}

impl fmt::Display for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_taken_apart_and_put_together() {
        let path = StoragePath::new("/a/b.c").unwrap();
        assert_eq!(path.join("d/e").unwrap().as_str(), "/a/b.c/d/e");
        assert_eq!(path.parent().unwrap().as_str(), "/a");
        assert_eq!(path.parent().unwrap().parent(), Some(StoragePath::root()));
        assert_eq!(StoragePath::root().parent(), None);
        assert_eq!(StoragePath::root().join("a").unwrap().as_str(), "/a");
        assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b.c"]);
        assert_eq!(StoragePath::root().components().count(), 0);
        assert_eq!((path.file_name(), StoragePath::root().file_name()), ("b.c", ""));
    }

    #[test]
    fn paths_that_could_climb_or_hide_are_refused() {
        for text in ["", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a\0", "/.tmp-1", "/a/.tmp-/b"] {
            assert!(matches!(StoragePath::new(text), Err(DriverError::InvalidPath { path }) if path == text));
        }
        for text in ["", "/", "/a", "a/", "..", "a/../b", ".tmp-x"] {
            assert!(StoragePath::root().join(text).is_err(), "{text}");
        }
        for text in ["/...", "/.tmp", "/..a", "/ ", "/é"] {
            assert!(StoragePath::new(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn joining_makes_only_paths_that_new_takes(a in "/[a.]{0,3}(/[a.]{0,3}){0,2}", b in "[a./]{0,6}") {
            if let Ok(joined) = StoragePath::new(&a).and_then(|path| path.join(&b)) {
                prop_assert_eq!(StoragePath::new(joined.as_str()).unwrap(), joined);
            }
        }
    }
}
