//! What a request wants to do to what.
//!
//! The words are those of `distribution`'s token specification, so that a challenge can name them: `repository:a/b:pull,push`,
//! `registry:catalog:*`.

use std::fmt;

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// On what.
    pub resource: Resource,
    /// What is done.
    pub action: Action,
}

/// What something is done to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A repository, by its name; perhaps one that the client made up.
    Repository(String),
    /// Something of the registry itself, such as its `catalog`.
    Registry(String),
}

impl Resource {
    /// The word for its kind, and its name.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Repository(name) => ("repository", name),
            Self::Registry(name) => ("registry", name),
        }
    }
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Reading.
    Pull,
    /// Writing.
    Push,
    /// Deleting.
    Delete,
    /// Whatever there is.
    All,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        })
    }
}

impl Access {
    /// To read from a repository.
    pub fn pull(repository: impl Into<String>) -> Self {
        Self { resource: Resource::Repository(repository.into()), action: Action::Pull }
    }

    /// To write to a repository. `distribution` wants to be allowed to read as well, and its clients ask for both.
    pub fn push(repository: impl Into<String>) -> [Self; 2] {
        let pull = Self::pull(repository);
        let push = Self { action: Action::Push, ..pull.clone() };
        [pull, push]
    }

    /// To delete from a repository.
    pub fn delete(repository: impl Into<String>) -> Self {
        Self { action: Action::Delete, ..Self::pull(repository) }
    }

    /// To list the repositories.
    #[must_use]
    pub fn catalog() -> Self {
        Self { resource: Resource::Registry("catalog".to_owned()), action: Action::All }
    }
}

/// As a scope: each resource once, in the order in which it is first wanted, with its actions.
pub(super) fn scope(wanted: &[Access]) -> String {
    let mut scopes: Vec<(&Resource, Vec<Action>)> = Vec::new();
    for Access { resource, action } in wanted {
        let position = scopes.iter().position(|(known, _)| *known == resource).unwrap_or_else(|| {
            scopes.push((resource, Vec::new()));
            scopes.len() - 1
        });
        let actions = &mut scopes[position].1;
        if !actions.contains(action) {
            actions.push(*action);
        }
    }
    let scope = |(resource, actions): &(&Resource, Vec<Action>)| {
        let (kind, name) = resource.parts();
        let actions: Vec<_> = actions.iter().map(ToString::to_string).collect();
        format!("{kind}:{name}:{}", actions.join(","))
    };
    scopes.iter().map(scope).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_each_resource_once() {
        assert_eq!(scope(&[]), "");
        assert_eq!(scope(&[Access::catalog()]), "registry:catalog:*");
        let [pull, push] = Access::push("a/b");
        let wanted = [pull, Access::pull("c"), push, Access::delete("c"), Access::pull("c")];
        assert_eq!(scope(&wanted), "repository:a/b:pull,push repository:c:pull,delete");
    }
}
